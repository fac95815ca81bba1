"""What a sender did, held against what the answers meant: the requirements of the outbox as invariants over a scenario's events."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import msgspec

from flk.conformance.delivery.answers import Answer
from flk.conformance.delivery.scenarios import RECORDS_FOR_JITTER, ROUNDS_BEFORE_DAMAGE, Between, Scenario
from flk.conformance.delivery.script import Attempt, Event, Pause
from flk.conformance.operations.delivery import Told
from flk.model.flow.answers import Meaning
from flk.model.record.canonical import Profile
from flk.model.record.record import Pcs, decode
from flk.model.record.signing import HmacKey, verify
from flk.spec.constants import CONSTANTS

POLICY = CONSTANTS.outbox
NEAR = 1e-6
"""Seconds by which a pause may be off, for a sender that counts in whole microseconds."""
SLACK = 30.0
"""Seconds beside a pause that a real clock is forgiven: the machine may be busy."""


class Round(NamedTuple):
    """What came in a round, and what the sender said of it; None if it was killed."""

    events: tuple[Event, ...]
    told: Told | None


class Breach(NamedTuple):
    """A requirement that was not kept, and how."""

    requirement: str
    says: str


class Given(NamedTuple):
    """What the sender was given: the records by id, unsigned, their tenant and key."""

    records: Mapping[str, Pcs]
    tenant: str
    key: HmacKey
    profile: Profile


def breaches(scenario: Scenario, given: Given, rounds: Sequence[Round], *, virtual: bool) -> tuple[Breach, ...]:
    """What was not kept, each once."""
    damaged = scenario.between is Between.DAMAGE
    found = [*_sent_as_given(given, rounds), *_settled(given, rounds, damaged=damaged)]
    found += [*_attempts(rounds), *_pauses(rounds, virtual=virtual)]
    if not damaged:
        found += _told_truly(given, rounds)
    return tuple(dict.fromkeys(found))


def _posts(events: Sequence[Event]) -> list[Attempt]:
    return [event for event in events if isinstance(event, Attempt)]


def meaning(attempts: Sequence[Attempt], pcs_id: str) -> Meaning:
    """What the answers so far mean for a record: the first that settles it does."""
    meanings = (attempt.answer.meaning for attempt in attempts if attempt.pcs_id == pcs_id)
    return next((one for one in meanings if one is not Meaning.RETRY), Meaning.RETRY)


def _sent_as_given(given: Given, rounds: Sequence[Round]) -> Iterator[Breach]:
    """OUT-1: each attempt of a record is the same, byte for byte, and is the record that was given, signed with its key."""
    first: dict[str, Attempt] = {}
    for attempt in (attempt for each in rounds for attempt in _posts(each.events)):
        before = first.setdefault(attempt.pcs_id, attempt)
        if attempt.body != before.body:
            place = next((n for n, (a, b) in enumerate(zip(before.body, attempt.body, strict=False)) if a != b), -1)
            yield Breach(
                "OUT-1",
                f"a record was sent again with other bytes, the first at {place}:"
                f" {_near(before.body, place)!r} became {_near(attempt.body, place)!r}",
            )
        if attempt.tenant != given.tenant:
            yield Breach("ORD-9", f"X-Tenant-Id was {attempt.tenant!r}, not {given.tenant!r}")
        record = given.records.get(attempt.pcs_id)
        sent = decode(attempt.body)
        if record is None or msgspec.structs.replace(sent, sig="") != msgspec.structs.replace(record, sig=""):
            yield Breach("OUT-1", f"what was sent is no record that was given: {attempt.body[:200]!r}")
        elif not verify(given.key, sent, sent.sig, [given.profile]):
            yield Breach("SIGN-1", f"the signature is not that of profile {given.profile} with the key that was given")


def _near(body: bytes, place: int) -> bytes:
    return body[max(0, place - 20) : place + 20]


def _settled(given: Given, rounds: Sequence[Round], *, damaged: bool) -> Iterator[Breach]:
    """OUT-2, OUT-5: what is settled is sent no more, and what is not is sent again until it is. OUT-7: or its loss is told."""
    seen: list[Attempt] = []
    for each in rounds:
        waiting = [pcs_id for pcs_id in given.records if meaning(seen, pcs_id) is Meaning.RETRY]
        posts = _posts(each.events)
        for attempt in posts:
            now = meaning(seen, attempt.pcs_id)
            if now is not Meaning.RETRY:
                requirement = "OUT-5" if now is Meaning.REFUSED else "OUT-2"
                last = next(a for a in reversed(seen) if a.pcs_id == attempt.pcs_id and a.answer.meaning is now)
                yield Breach(requirement, f"a record was sent again after {last.answer.says}, which settles it")
            seen.append(attempt)
        if waiting and not posts and not damaged:
            yield _given_up(seen, waiting[0])
    told = [each.told.damage for each in rounds[ROUNDS_BEFORE_DAMAGE:] if each.told is not None]
    lost = [pcs_id for pcs_id in given.records if meaning(seen, pcs_id) is Meaning.RETRY]
    if damaged and lost and not any(told):
        yield Breach(
            "OUT-7", f"{len(lost)} of {len(given.records)} records are lost in a damaged outbox, and nobody is told"
        )
    elif lost and not damaged and _posts(rounds[-1].events):
        yield _given_up(seen, lost[0])


def _given_up(seen: Sequence[Attempt], pcs_id: str) -> Breach:
    """A record was given up: OUT-6 if an answer that is not the service's was taken for one, OUT-5 if another failure ended it."""
    answers = [attempt.answer for attempt in seen if attempt.pcs_id == pcs_id]
    if not answers:
        return Breach("OUT-2", "a record that was given was never sent")
    last = answers[-1]
    return Breach(last.rule, f"a record was not sent again, though nothing settled it: the last answer was {last.says}")


def _attempts(rounds: Sequence[Round]) -> Iterator[Breach]:
    """OUT-2: a round has at most so many attempts of a record."""
    for each in rounds:
        ids = [attempt.pcs_id for attempt in _posts(each.events)]
        most = max(map(ids.count, set(ids)), default=0)
        if most > POLICY.max_attempts:
            yield Breach("OUT-2", f"a round had {most} attempts of a record, more than {POLICY.max_attempts}")


def _told_truly(given: Given, rounds: Sequence[Round]) -> Iterator[Breach]:
    """The sender counts what the answers meant, no more and no less; a dead letter is one however often it is started."""
    seen: list[Attempt] = []
    for each in rounds:
        before = {pcs_id: meaning(seen, pcs_id) for pcs_id in given.records}
        seen += _posts(each.events)
        after = {pcs_id: meaning(seen, pcs_id) for pcs_id in given.records}
        if each.told is None:
            continue
        fresh = [after[pcs_id] for pcs_id in given.records if before[pcs_id] is Meaning.RETRY]
        true = {
            "acknowledged": fresh.count(Meaning.ACKNOWLEDGED),
            "dead": fresh.count(Meaning.REFUSED),
            "postponed": fresh.count(Meaning.RETRY),
            "letters": [*after.values()].count(Meaning.REFUSED),
        }
        lies = {name: getattr(each.told, name) for name, count in true.items() if getattr(each.told, name) != count}
        if lies:
            last = next((a.answer for a in reversed(seen) if a.answer.meaning is Meaning.RETRY), None)
            says_too_much = last is not None and set(lies) & {"acknowledged", "dead", "letters"} and true["postponed"]
            requirement = "OUT-5" if {"dead", "letters"} & set(lies) else "OUT-2"
            if last is not None and says_too_much and last.rule == "OUT-6":
                requirement = "OUT-6"
            says = ", ".join(f"{name} {count}, not {true[name]}" for name, count in lies.items())
            yield Breach(requirement, f"the sender told of a round: {says}")
            return  # what it tells later follows from this


def _pauses(rounds: Sequence[Round], *, virtual: bool) -> Iterator[Breach]:
    """OUT-3, OUT-4: between attempts what was asked for, and a jitter from zero to a ceiling that doubles on top of it."""
    jitters = []
    for each in rounds:
        numbers: Counter[str] = Counter()
        waited: defaultdict[str, float] = defaultdict(float)
        last: dict[str, Attempt] = {}
        for event in each.events:
            if isinstance(event, Pause):
                waited[event.pcs_id] += event.seconds
                continue
            before = last.get(event.pcs_id)
            if before is not None:
                ceiling = min(POLICY.max_delay_seconds, POLICY.base_delay_seconds * 2.0 ** (numbers[event.pcs_id] - 1))
                took = waited.pop(event.pcs_id, 0.0) + waited.pop("", 0.0)
                took = took if virtual else event.came - before.answered
                jitters.append((took - before.answer.least) / ceiling)
                yield from _judged(took, before.answer, ceiling if virtual else ceiling + SLACK)
            last[event.pcs_id] = event
            numbers[event.pcs_id] += 1
    if len(jitters) >= RECORDS_FOR_JITTER:
        yield from _even(jitters, virtual=virtual)


def _judged(took: float, after: Answer, ceiling: float) -> Iterator[Breach]:
    if took < after.least - NEAR:
        yield Breach("OUT-4", f"after {after.says} the next attempt came after {took:g} s")
    elif took > after.most + ceiling + NEAR:
        requirement = "OUT-4" if after.most else "OUT-3"
        yield Breach(requirement, f"after {after.says} the pause was {took:g} s, more than {after.most + ceiling:g} s")


def _even(jitters: Sequence[float], *, virtual: bool) -> Iterator[Breach]:
    """Whether the jitters, as parts of their ceilings, may be drawn evenly: a right sender fails once in 10^9 runs."""
    spread = f"from {min(jitters):.3g} to {max(jitters):.3g} of the ceiling, {fmean(jitters):.3g} on average"
    if max(jitters) < 0.5 or (virtual and (min(jitters) > 0.5 or not 0.2 < fmean(jitters) < 0.8)):
        yield Breach("OUT-3", f"{len(jitters)} pauses are not drawn evenly: {spread}")
