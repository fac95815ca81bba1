"""Every invariant can fail: a mistake is planted for each, and seen."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.support.model.world import FORGED, KEY, KEYRING, MALFORMED, OTHER_TENANT
from tests.support.sim.drills import BRISK, drill, records, rehearse

from flk.model.effects import (
    INBOX,
    Admit,
    Append,
    GetObject,
    ListObjects,
    Mark,
    Marked,
    Merge,
    Program,
    PutObject,
    ReadSegment,
    Seal,
    Segments,
    Store,
)
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.flow.submission import Response, Submission, answer, refuse
from flk.model.log.frames import sealed_frames
from flk.model.log.hlc import Timestamp, at
from flk.model.memory import memory
from flk.model.memory.parts import Disk, Entries
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.examine import examine as examine_with
from flk.model.programs.replay import Replayed
from flk.model.programs.ship import PREFIX
from flk.model.record.canonical import Signed
from flk.model.record.signing import Keyring, LiveKey
from flk.model.refusal import Refused
from flk.sim.checkers.invariants import Invariant, Result, without
from flk.sim.kernel.engine import Station, Ts
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.nodes import region
from flk.sim.nodes.log_device import Journal
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ClockSkew, RegionCrash
from flk.sim.scenarios.faults import Disk as Fate
from flk.sim.world import shards as stores
from flk.sim.world.observer import Observer
from flk.sim.world.watched import WatchedEntries
from flk.spec.verdict import Verdict

MIXED = [*records(30), FORGED, MALFORMED, OTHER_TENANT, *records(120)[30:]]
CRASH = RegionCrash(id="crash", start=Seconds(30), duration=Seconds(20), region="us")


def found(run: Run, invariant: Invariant) -> Result:
    """The row of an invariant that must be violated, its sentences filled in."""
    row = next(row for row in run.results if row.invariant == invariant)
    assert row.verdict is Verdict.VIOLATED, [(r.invariant, r.violations) for r in run.results]
    assert row.violations > 0
    assert run.verdict is Verdict.VIOLATED
    for example in row.examples:
        assert example.invariant == invariant
        assert 0 <= example.at <= run.scenario.duration
        assert example.node
        assert example.event
        assert example.sentence
    return row


def planted(**programs: Any) -> Programs:
    """The model's programs with some of them replaced."""
    return MODEL._replace(**programs)


def test_without_a_mistake_all_hold() -> None:
    """The same drill with the model's own programs violates nothing, and exercises every invariant that its layout calls for, but
    the one about clocks that are off: none is here, and the run is over before objects are looked for again.
    """
    run = rehearse(drill(CRASH), MIXED)
    absent = without(run.scenario.layout) | {Invariant.OBJECTS_WHOLE}
    asked = [i for i in Invariant if i not in absent]
    assert [(row.invariant, row.verdict) for row in run.results] == [(i, Verdict.HOLDS) for i in asked]
    assert [row.invariant for row in run.results if not row.checks] == [Invariant.DOUBTED]


def test_an_answer_before_the_log_is_seen() -> None:
    """A node that claims and answers without having logged the body."""

    def hasty(submission: Submission, name: str, examine: Examine) -> Program[Response]:
        yield from Admit(submission.tenant, len(submission.body))
        try:
            claim = examine(submission, at(1767225600.0), name)
        except Refused as refusal:
            return refuse(refusal)
        return answer(claim, (yield from Store(claim)))

    run = rehearse(drill(), MIXED, programs=planted(ingest=hasty))
    assert found(run, Invariant.DURABLE).violations > 50


def test_a_claim_that_was_not_verified_is_seen() -> None:
    """A node that accepts any signature."""

    class Credulous(Keyring):
        def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
            return b""

    def trusting(submission: Submission, name: str, examine: Examine) -> Program[Response]:
        return MODEL.ingest(submission, name, partial(examine_with, Credulous({})))

    row = found(rehearse(drill(), MIXED, programs=planted(ingest=trusting)), Invariant.VERIFIED)
    assert "is not what frame" in row.examples[0].sentence


def test_a_last_write_that_wins_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that overwrites."""

    def overwrite(self: Entries, claim: Claim, known: Entry | None) -> Entry:
        del known
        self.entries[claim.key] = claim.entry
        return claim.entry

    monkeypatch.setattr(Entries, "insert_or_get", overwrite)
    assert found(rehearse(drill()), Invariant.FIRST_WRITE).examples[0].event == "Store"


def test_a_reply_of_ones_own_is_seen() -> None:
    """A node that answers with its own judgement instead of what is stored."""

    def selfish(submission: Submission, name: str, examine: Examine) -> Program[Response]:
        try:
            yield from Admit(submission.tenant, len(submission.body))
            timestamp = yield from Append(INBOX, submission.payload())
            claim = examine(submission, timestamp, name)
            yield from Store(claim)
        except Refused as refusal:
            return refuse(refusal)
        return answer(claim, claim.entry)

    found(rehearse(drill(), programs=planted(ingest=selfish)), Invariant.STORED_REPLY)


def test_a_refusal_that_is_stored_is_seen() -> None:
    """A node that claims first and refuses afterwards."""

    def confused(submission: Submission, name: str, examine: Examine) -> Program[Response]:
        try:
            yield from Admit(submission.tenant, len(submission.body))
            timestamp = yield from Append(INBOX, submission.payload())
            yield from Store(examine(submission, timestamp, name))
        except Refused as refusal:
            return refuse(refusal)
        return refuse(Refused("ORD-2", "on second thoughts"))

    found(rehearse(drill(), programs=planted(ingest=confused)), Invariant.REFUSALS)


def test_tenants_that_share_a_key_are_seen() -> None:
    """A node that keys its entries by id alone."""

    def blended(submission: Submission, name: str, examine: Examine) -> Program[Response]:
        try:
            yield from Admit(submission.tenant, len(submission.body))
            timestamp = yield from Append(INBOX, submission.payload())
            claim = examine(submission, timestamp, name)
            claim = claim._replace(key=Key("default", claim.key.pcs_id))
            return answer(claim, (yield from Store(claim)))
        except Refused as refusal:
            return refuse(refusal)

    row = found(rehearse(drill(), MIXED, programs=planted(ingest=blended)), Invariant.TENANTS)
    assert "was logged by tenant other" in row.examples[0].sentence


def test_claims_out_of_order_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that serves whoever came last."""

    class Stack(Station):
        def enter(self, seconds: float, served: Callable[[*Ts], object], *args: *Ts) -> None:
            super().enter(seconds, served, *args)
            self._line.reverse()

    monkeypatch.setattr(stores, "Station", Stack)
    slow = msgspec.structs.replace(BRISK, service=Seconds(0.3))
    found(rehearse(drill(rate=8.0, policy=slow)), Invariant.LOG_ORDER)


def test_a_clock_that_goes_back_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that stamps its frames with wall time alone, when wall time is set back."""

    def wall(last: Timestamp, now: float) -> Timestamp:
        del last
        return at(now)

    monkeypatch.setattr(memory, "tick", wall)
    back = ClockSkew(id="back", start=Seconds(20), duration=Seconds(20), region="eu", offset=Seconds(-10))
    found(rehearse(drill(back)), Invariant.CLOCKS)


def test_a_silent_supersession_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that lets an entry give way and writes nothing down."""

    def silent(self: Entries, claim: Claim, known: Entry | None) -> bool:
        del known
        stored = self.entries.get(claim.key)
        self.entries[claim.key] = claim.entry if stored is None else join(stored, claim.entry)
        return stored is not None and self.entries[claim.key] != stored

    monkeypatch.setattr(Entries, "merge", silent)
    found(rehearse(drill(duplicates=0.5)), Invariant.SUPERSESSION)


def test_an_open_segment_that_ships_is_seen() -> None:
    """A shipper that uploads what is still being written."""

    def eager() -> Program[tuple[str, ...]]:
        names = yield from Segments(INBOX, after=(yield from Marked("shipped")))
        for name in names:
            yield from PutObject(PREFIX + name, (yield from ReadSegment(name)))
            yield from Mark("shipped", name)
        return names

    found(rehearse(drill(), programs=planted(ship=eager)), Invariant.SEALED)


def blunt() -> Program[tuple[str, ...]]:
    """A shipper that asks its store for nothing, so that no queue but the seal holds it back."""
    yield from Seal(INBOX)
    names = yield from Segments(INBOX, after="", sealed=True)
    for name in names:
        yield from PutObject(PREFIX + name, (yield from ReadSegment(name)))
    return names


BUSY = msgspec.structs.replace(BRISK, service=Seconds(0.3), fsync=Seconds(0.05), ship_interval=Seconds(0.5))


@pytest.mark.slow
def test_a_seal_waits_for_what_is_in_flight() -> None:
    """However busy the node, nothing is sealed before it is settled (WAL-6)."""
    run = rehearse(drill(rate=8.0, policy=BUSY), records(600), programs=planted(ship=blunt))
    sealed = next(row for row in run.results if row.invariant == Invariant.SEALED)
    assert sealed.checks > 30
    assert sealed.verdict is Verdict.HOLDS


@pytest.mark.slow
def test_a_segment_that_ships_before_it_is_settled_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a seal that does not wait."""
    monkeypatch.setattr(Journal, "seal", lambda self, activity, effect: self._host.complete(activity, effect))
    row = found(rehearse(drill(rate=8.0, policy=BUSY), records(600), programs=planted(ship=blunt)), Invariant.SEALED)
    assert "was claimed" in row.examples[0].sentence


def test_a_watermark_before_the_upload_is_seen() -> None:
    """A shipper that moves its watermark first."""

    def early() -> Program[tuple[str, ...]]:
        yield from Seal(INBOX)
        names = yield from Segments(INBOX, after=(yield from Marked("shipped")), sealed=True)
        for name in names:
            yield from Mark("shipped", name)
            yield from PutObject(PREFIX + name, (yield from ReadSegment(name)))
        return names

    row = found(rehearse(drill(), programs=planted(ship=early)), Invariant.WATERMARK)
    assert row.examples[0].sentence.startswith("shipped was set to")


def careless(peer: str, examine: Examine, *, mark_first: bool) -> Program[Replayed]:
    """A replayer that marks before it merges, or takes only the newest segment."""
    done = yield from Marked(f"replayed/{peer}")
    names = yield from ListObjects(f"{PREFIX}{peer}.", after=PREFIX + done)
    for full in names if mark_first else names[-1:]:
        name = full.removeprefix(PREFIX)
        claims = claims_of(sealed_frames(name, (yield from GetObject(full)) or b""), peer, examine)
        if mark_first:
            yield from Mark(f"replayed/{peer}", name)
        yield from Merge(claims)
        yield from Mark(f"replayed/{peer}", name)
    return Replayed((), 0, 0)


def test_a_watermark_before_the_merge_is_seen() -> None:
    """A replayer that moves its watermark first."""
    programs = planted(replay=lambda peer, examine: careless(peer, examine, mark_first=True))
    row = found(rehearse(drill(), programs=programs), Invariant.WATERMARK)
    assert row.examples[0].sentence.startswith("replayed/")


def test_a_gap_in_replay_is_seen() -> None:
    """A replayer that takes the newest segment and skips the rest, after it was cut off for a while."""
    programs = planted(replay=lambda peer, examine: careless(peer, examine, mark_first=False))
    slow = msgspec.structs.replace(BRISK, replay_interval=Seconds(20))
    found(rehearse(drill(policy=slow), programs=programs), Invariant.NO_GAP)


def test_a_lost_acknowledgement_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region whose disk is gone although the fault says it was kept, and nothing of it had been shipped."""

    def burn(self: region.Region, fault: RegionCrash) -> None:
        crash(self, msgspec.structs.replace(fault, disk=Fate.LOST))

    crash = region.Region.crash
    monkeypatch.setattr(region.Region, "crash", burn)
    slow = msgspec.structs.replace(BRISK, ship_interval=Seconds(29))
    row = found(rehearse(drill(CRASH, rate=5.0, policy=slow)), Invariant.NEVER_LOST)
    assert "was acknowledged" in row.examples[0].sentence


def test_regions_that_never_agree_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict rule by arrival: each region keeps what it has."""

    def keep(self: Entries, claim: Claim, known: Entry | None) -> bool:
        del known
        self.entries.setdefault(claim.key, claim.entry)
        return False

    monkeypatch.setattr(Entries, "merge", keep)
    swift = msgspec.structs.replace(drill(duplicates=0.5).slo, convergence=Seconds(60))
    row = found(rehearse(drill(duplicates=0.5, slo=swift)), Invariant.CONVERGENCE)
    assert "still differs" in row.examples[0].sentence


def test_regions_that_agree_too_late_are_seen() -> None:
    """Rounds that take longer than the bound allows."""
    swift = msgspec.structs.replace(drill().slo, convergence=Seconds(4))
    row = found(rehearse(drill(slo=swift)), Invariant.CONVERGENCE)
    assert "differed until now" in row.examples[0].sentence


def test_outcomes_that_are_not_the_models_are_seen() -> None:
    """Nodes that all lost the keys of a tenant: the regions agree, on entries of which one is missing."""
    fewer = partial(examine_with, Keyring({"default": [LiveKey(KEY)]}))
    programs = planted(
        ingest=lambda submission, name, _: MODEL.ingest(submission, name, fewer),
        recover=lambda name, _: MODEL.recover(name, fewer),
        replay=lambda peer, _: MODEL.replay(peer, fewer),
    )
    row = found(rehearse(drill(), MIXED, programs=programs), Invariant.FOLD)
    assert "1 of" in row.examples[0].sentence


def test_only_so_many_examples_are_kept() -> None:
    """Of a rule that always breaks every violation is counted and ten are kept."""

    def silent(submission: Submission, *_: object) -> Program[Response]:
        yield from Admit(submission.tenant, 0)
        return Response(200, b"{}")

    row = found(rehearse(drill(), programs=planted(ingest=silent)), Invariant.DURABLE)
    assert len(row.examples) == 10 < row.violations == row.checks


def test_a_disk_that_forgets_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that drops every tenth frame although it said that it was written."""
    append = Disk.append
    count = iter(range(10**6))

    def forgetful(self: Disk, log: str, frame: Any, clock: Timestamp) -> None:
        if log != INBOX or next(count) % 10:
            append(self, log, frame, clock)

    monkeypatch.setattr(Disk, "append", forgetful)
    swift = msgspec.structs.replace(drill().slo, convergence=Seconds(60))
    found(rehearse(drill(slo=swift)), Invariant.CONVERGENCE)


def test_watching_changes_nothing() -> None:
    """A watched store answers as the plain one does."""
    claims = [
        examine_with(KEYRING, record, Timestamp(10 - number % 7), "eu") for number, record in enumerate(records(5) * 4)
    ]
    plain, watched = Entries(), WatchedEntries("eu", "eu", Observer())
    for claim in claims:
        assert plain.insert_or_get(claim) == watched.insert_or_get(claim)
        assert plain.merge(claim) == watched.merge(claim)
    assert plain.entries == watched.entries
    assert plain.superseded == watched.superseded
