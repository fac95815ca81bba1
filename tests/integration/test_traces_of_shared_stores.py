"""Traces of nodes that share a store: merged into one history, which the protocol `shared-store` allows or not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.command import flk
from tests.support.model.shared_region import ATTACKS, Attack, SharedRegion

from flk.formal.library.catalogue import find
from flk.formal.traces import Accepted, Rejected, Validation, validate
from flk.formal.traces.relaxations import unlimited
from flk.model.protocol_events.linearization import Step, Steps, Value
from flk.model.protocol_events.observation import END, LATEST, START, ObservedEffect, nodes_of
from flk.model.protocol_events.shared_store import shared_store_events, steps_of

SHARED_STORE = unlimited(find("shared-store"))
RANDOMS = st.integers(0, 10**9).map(Random)
BEFORE_ALL, BEHIND_ALL = Value("", ""), Value("~", "")


def judged(records: Sequence[ObservedEffect]) -> Validation | None:
    """The verdict on what nodes did; None if they did nothing."""
    events = list(map(msgspec.json.encode, shared_store_events(records)))
    return validate(SHARED_STORE, events) if events else None


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(random=RANDOMS, nodes=st.integers(1, 3), keys=st.integers(1, 3), steps=st.integers(10, 120))
def test_whatever_nodes_really_did_is_accepted(random: Random, nodes: int, keys: int, steps: int) -> None:
    """In any order of their steps, with nodes killed, stores that do not answer, and claims that arrive late or never."""
    found = judged(SharedRegion(random, nodes, keys, steps).records)
    assert found is None or isinstance(found, Accepted), str(found)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(random=RANDOMS, attack=st.sampled_from(ATTACKS), steps=st.integers(20, 50))
def test_a_trace_that_was_tampered_with_is_rejected_or_could_have_been(
    random: Random, attack: Attack, steps: int
) -> None:
    """A record dropped, moved or altered: if that is accepted, a search through all orders finds one that explains all answers."""
    records = attack(SharedRegion(random, 2, 1, steps).records, random)
    found = judged(records)
    assert isinstance(found, Rejected) or possible(steps_of(records))


def possible(steps: Steps) -> bool:
    """Whether some order of the steps explains all answers: found by trying, with the store's rule written out once more."""
    place = {id(step): number for number, step in enumerate(steps.all)}
    waits = {number: sum(step in other.then for other in steps.all) for number, step in enumerate(steps.all)}
    seen: set[State] = set()
    ahead = [State()]
    while ahead:
        state = ahead.pop()
        if len(state.done) == len(steps.all):
            return True
        for after in _followed(state, steps, place, waits):
            if after not in seen:
                seen.add(after)
                ahead.append(after)
    return False


@dataclass(frozen=True)
class State:
    """What was done, what is stored, and the latest timestamp that got a place."""

    done: frozenset[int] = frozenset()
    stored: frozenset[tuple[str, Value]] = frozenset()
    newest: str = ""

    def claimed(self, key: str, value: Value) -> "State":
        """After a claim."""
        stored = dict(self.stored)
        if value >= stored.get(key, BEHIND_ALL):
            return self
        return State(self.done, frozenset({**stored, key: value}.items()), max(self.newest, value.timestamp))


def _followed(state: State, steps: Steps, place: Mapping[int, int], waits: Mapping[int, int]) -> Iterator[State]:
    """Where one step more leads to, or a claim of which nobody heard."""
    for number, step in enumerate(steps.all):
        before = sum(step in steps.all[earlier].then for earlier in state.done)
        if number not in state.done and before == waits[number] and (step.told or "~") >= state.newest:
            after = _taken(state, step)
            if after is not None:
                yield State(state.done | {number}, after.stored, after.newest)
    for request in steps.requests:
        if place[id(request.logged)] in state.done:
            yield state.claimed(request.key, request.value)


def _taken(state: State, step: Step) -> State | None:
    if step.request is None:
        return state
    after = state.claimed(step.request.key, step.request.value)
    return after if step.answer in (None, dict(after.stored)[step.request.key]) else None


@dataclass
class Teller:
    """Tells what two nodes did, line by line."""

    records: list[ObservedEffect] = field(default_factory=list)

    def told(self, node: int, effect: str, result: Any = None, run: int = 0, kind: str = "ingest", **more: Any) -> None:
        """One record."""
        self.records.append(ObservedEffect(f"eu.00000{node}", run, kind, effect, more, result, f"{effect} of {node}"))

    def logs(self, node: int, at: int, digest: str = "a", latest: int = 0, key: str = "k") -> None:
        """A request is admitted, the store asked, and the request logged, in a run with the number of its time."""
        self.told(node, "Admit", run=at)
        self.told(node, LATEST, f"{latest:016x}", kind="node")
        says = {"tenant": "t", "pcs_id": key, "digest": digest}
        self.told(node, "Append", f"{at:016x}", at, payload={"says": says, "signed": True})

    def claims(self, node: int, at: int, digest: str, stored: tuple[int, str], status: int = 0, key: str = "k") -> None:
        """It is claimed, and answered with the entry that is stored."""
        named = {"tenant": "t", "pcs_id": key, **_entry(at, digest)}
        self.told(node, "Store", _entry(*stored), at, claim=named)
        self.told(node, END, {"status": status or (200 if stored[1] == digest else 409)}, at)

    def restarts(self, node: int, *merged: tuple[int, str]) -> None:
        """The node is killed and starts again, and claims what is in its log."""
        self.told(node, START, kind="node")
        claims = [{"tenant": "t", "pcs_id": "k", **_entry(*each)} for each in merged]
        self.told(node, "Merge", 0, -1, "recover", claims=claims)
        self.told(node, "CaughtUp", None, -1, "recover")


def _entry(at: int, digest: str) -> dict[str, str]:
    return {"timestamp": f"{at:016x}", "digest": digest, "region": "eu"}


def two_nodes_meet(say: Teller) -> None:
    """Both log one key at once; the later is stored first, and gives way to the earlier."""
    say.told(1, START, kind="node")
    say.told(2, START, kind="node")
    say.logs(1, 5, "a")
    say.logs(2, 6, "b")
    say.claims(2, 6, "b", (6, "b"))
    say.claims(1, 5, "a", (5, "a"))
    say.logs(2, 9, "b", latest=6)
    say.claims(2, 9, "b", (5, "a"))


def a_claim_lands_unheard(say: Teller) -> None:
    """A node is killed before it hears of its claim. Another is answered with it, long before the first recovers."""
    say.told(1, START, kind="node")
    say.told(2, START, kind="node")
    say.logs(1, 5, "a")
    say.logs(2, 7, "b", latest=5)
    say.claims(2, 7, "b", (5, "a"))
    say.restarts(1, (5, "a"))


def a_frame_is_in_no_line(say: Teller) -> None:
    """A node is killed between its disk and its trace: what it logged then is known from its recovery."""
    say.told(1, START, kind="node")
    say.told(1, "Admit", run=5)
    say.told(1, LATEST, f"{0:016x}", kind="node")
    say.restarts(1, (5, "a"))
    say.logs(1, 8, "a", latest=5)
    say.claims(1, 8, "a", (5, "a"))


def the_store_is_lost_for_a_while(say: Teller) -> None:
    """A claim gets no answer, so the node claims all that is not known to be claimed before it serves again."""
    say.told(1, START, kind="node")
    say.logs(1, 5, "a")
    claim = {"tenant": "t", "pcs_id": "k", **_entry(5, "a")}
    say.told(1, "Store", {"refused": "ORD-4", "status": 503}, 5, claim=claim)
    say.told(1, END, {"status": 503}, 5)
    say.told(1, "Merge", 0, -1, "recover", claims=[claim])
    say.told(1, "CaughtUp", None, -1, "recover")
    say.logs(1, 8, "b", latest=5)
    say.claims(1, 8, "b", (5, "a"))


def an_entry_came_from_elsewhere(say: Teller) -> None:
    """Of a key that another region has an entry of, `replication` tells what is stored."""
    say.told(1, START, kind="node")
    say.told(1, "GetObject", {"bytes": 1}, 1, "replay", name="wal/us.000001-1")
    say.told(1, "Merge", 0, 1, "replay", claims=[{"tenant": "t", "pcs_id": "k", **_entry(3, "c"), "region": "us"}])
    say.logs(1, 5, "a", latest=3)
    say.told(1, "Store", _entry(3, "c") | {"region": "us"}, 5, claim={"tenant": "t", "pcs_id": "k", **_entry(5, "a")})
    say.told(1, END, {"status": 409}, 5)


@pytest.mark.parametrize(
    ("story", "events"),
    [
        (two_nodes_meet, 12),
        (a_claim_lands_unheard, 12),
        (a_frame_is_in_no_line, 12),
        (the_store_is_lost_for_a_while, 12),
        (an_entry_came_from_elsewhere, 8),
    ],
)
def test_what_happens_among_nodes_that_share_a_store_is_accepted(story: Callable[[Teller], None], events: int) -> None:
    """Each story with as many events as it has steps of the protocol."""
    story(say := Teller())
    found = judged(say.records)
    assert isinstance(found, Accepted), str(found)
    assert found.events == events


def a_reply_that_is_not_the_stores(say: Teller) -> None:
    """The store has another content, and the client is told that its own is stored."""
    two_nodes_meet(say)
    say.logs(2, 12, "b", latest=9)
    say.claims(2, 12, "b", (5, "a"), status=200)


def a_reply_without_a_claim(say: Teller) -> None:
    """A client is told that its record is stored, as soon as it is in the log."""
    two_nodes_meet(say)
    say.logs(1, 12, "a", latest=9)
    say.told(1, END, {"status": 200}, 12)


def a_stamp_below_what_the_store_told(say: Teller) -> None:
    """The node was told that 6 is the latest, and stamps 6."""
    two_nodes_meet(say)
    say.logs(1, 6, "b", latest=6)


def told_too_little(say: Teller) -> None:
    """9 has a place in the store, the node that put it there is told less, and stamps another by its own clock."""
    two_nodes_meet(say)
    say.logs(1, 20, "a", latest=6, key="j")
    say.claims(1, 20, "a", (20, "a"), key="j")
    say.logs(1, 30, "a", latest=6)


def the_store_is_not_asked(say: Teller) -> None:
    """A request comes after the node asked, and is logged all the same."""
    two_nodes_meet(say)
    say.told(1, LATEST, f"{9:016x}", kind="node")
    say.told(1, "Admit", run=12)
    payload = {"says": {"tenant": "t", "pcs_id": "k", "digest": "a"}, "signed": True}
    say.told(1, "Append", f"{12:016x}", 12, payload=payload)


def a_later_one_takes_the_place(say: Teller) -> None:
    """What is stored is earlier, and the answer is the claim's own entry."""
    two_nodes_meet(say)
    say.logs(2, 12, "b", latest=9)
    say.claims(2, 12, "b", (12, "b"))


def an_answer_comes_back(say: Teller) -> None:
    """What gave way is answered after what it gave way to, by one node to one client after the other."""
    two_nodes_meet(say)
    say.logs(2, 12, "b", latest=9)
    say.claims(2, 12, "b", (6, "b"))


def a_claim_without_an_append(say: Teller) -> None:
    """Nobody logged it."""
    two_nodes_meet(say)
    say.told(1, "Admit", run=12)
    say.claims(1, 12, "a", (5, "a"))


def a_claim_of_something_else(say: Teller) -> None:
    """What is claimed has another content than what was logged."""
    two_nodes_meet(say)
    say.logs(1, 12, "a", latest=9)
    say.claims(1, 12, "b", (5, "a"))


def a_duplicate_is_judged_as_new(say: Teller) -> None:
    """The same record once more, to another node, which answers with the second."""
    two_nodes_meet(say)
    say.logs(1, 12, "a", latest=9)
    say.claims(1, 12, "a", (12, "a"))


def two_nodes_with_one_number(say: Teller) -> None:
    """A copy of a directory: both serve at once, and write the same log."""
    two_nodes_meet(say)
    say.logs(1, 20, "a", latest=9)
    say.claims(1, 20, "a", (5, "a"))
    say.restarts(1)
    say.logs(1, 12, "a", latest=9)


def an_entry_that_nobody_logged(say: Teller) -> None:
    """It is no node's whose trace is there."""
    two_nodes_meet(say)
    say.logs(1, 12, "a", latest=9)
    say.claims(1, 12, "a", (3, "a"))


def a_forged_record_is_claimed(say: Teller) -> None:
    """No key signed it."""
    two_nodes_meet(say)
    say.told(1, "Admit", run=12)
    say.told(1, LATEST, f"{9:016x}", kind="node")
    payload = {"says": {"tenant": "t", "pcs_id": "j", "digest": "a"}, "signed": False}
    say.told(1, "Append", f"{12:016x}", 12, payload=payload)
    say.claims(1, 12, "a", (12, "a"), key="j")


def serves_before_its_log_is_claimed(say: Teller) -> None:
    """What it had logged before it was killed is left out."""
    two_nodes_meet(say)
    say.logs(1, 12, "a", latest=9)
    say.restarts(1)


@pytest.mark.parametrize(
    ("lie", "action", "false"),
    [
        (a_reply_that_is_not_the_stores, "claim", "told[eu.000002/000000000000000c, an answer of 200]"),
        (a_reply_without_a_claim, "claim", "told[eu.000001/000000000000000c, an answer of 200]"),
        (a_stamp_below_what_the_store_told, "append", "not defined(seen[n]) or seen[n] < s"),
        (told_too_little, "observe", "not defined(newest) or stamp[newest] <= t"),
        (the_store_is_not_asked, "observe", "stage[q] = admitted"),
        (a_later_one_takes_the_place, "claim", "stored[t/k]"),
        (an_answer_comes_back, "claim", "stored[t/k]"),
        (a_claim_without_an_append, "claim", "stage[q] = logged"),
        (a_claim_of_something_else, "claim", "stage[q] = logged"),
        (a_duplicate_is_judged_as_new, "claim", "stored[t/k]"),
        (two_nodes_with_one_number, "append", "not defined(last[n]) or last[n] < s"),
        (an_entry_that_nobody_logged, "claim", "an entry that nobody claimed"),
        (a_forged_record_is_claimed, "claim", "stage[q] = logged"),
        (serves_before_its_log_is_claimed, "serve", "not (defined(stamp[q]) and at[q, n]) or applied[q]"),
    ],
)
def test_a_planted_lie_is_rejected_where_it_is_told(lie: Callable[[Teller], None], action: str, false: str) -> None:
    """The event is named, the guard that is false, and what could have happened instead."""
    lie(say := Teller())
    found = judged(say.records)
    assert isinstance(found, Rejected), str(found)
    assert found.event.startswith(f"{action}("), str(found)
    assert any(false in reason.what for reason in found.reasons), str(found)
    assert found.nearest


def written(records: Sequence[ObservedEffect], region: str, directory: Path) -> list[Path]:
    """A file for each node, as `flk serve --trace` writes them."""
    paths = []
    for node in nodes_of(records):
        number, lines = 0, []
        for record in (each for each in records if each.node == node):
            number = 1 if record.effect == START else number + 1
            named = {"line": number, "node": node.replace("eu", region), "program": record.run, "kind": record.kind}
            lines.append(
                {**named, "effect": record.effect, "began": 0, "ended": 0, **record.fields, "result": record.result}
            )
        paths.append(directory / f"{region}-{node}.jsonl")
        paths[-1].write_bytes(msgspec.json.Encoder().encode_lines(lines))
    return paths


@pytest.mark.slow
def test_the_files_of_one_regions_nodes_are_followed_together(tmp_path: Path) -> None:
    """In any order of the files; a trace of another region among them is unusable input, and one that is missing shows."""
    two_nodes_meet(say := Teller())
    first, second = written(say.records, "eu", tmp_path)
    abroad, _ = written(say.records, "us", tmp_path)
    for paths, code in (([first, second], 0), ([second, first], 0), ([second], 1), ([first, abroad], 2)):
        assert flk("validate", "shared-store", *map(str, paths)).returncode == code
