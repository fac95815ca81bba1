"""Shared stores that `formal` refutes, planted in the simulator's nodes: the invariants find each, so they are not empty words.

The names are those of the gallery of designs. What a node does around its store is no program, so each is planted where it happens.
"""

from collections.abc import Callable

import msgspec
import pytest
from tests.sim.nodes.test_several_nodes import region_of_three, when
from tests.sim.planted import BUGS
from tests.support.model.world import KEY, KEYRING
from tests.support.sim.drills import records

from flk.formal.library.gallery import DESIGNS as GALLERY
from flk.model.entries.entry import Claim, Entry
from flk.model.refusal import Refused
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.nodes.sharing_node import SharingNode
from flk.sim.protocol_traces import ACCEPTED, validated
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ClockSkew, Direction, Equivocation, Fault, Latency, Partition, ReplayAttack
from flk.sim.world.events import Claimed
from flk.sim.world.watched import NodeEntries, SharedEntries, WatchedEntries

APART = (
    ClockSkew(region="eu", node=1, offset=Seconds(20), **when(0, 45)),
    ClockSkew(region="eu", node=2, offset=Seconds(-20), **when(0.5, 45)),
)
DISPUTED = (Equivocation(share=0.5, **when(1, 40)), ReplayAttack(rate=3.0, **when(2, 40)))
STALE = (
    *DISPUTED,
    Latency(sides=(("eu.1",), ("store.eu",)), direction=Direction.BACKWARD, extra=Seconds(1), **when(3, 40)),
)
"""What the store tells one node is a second old when it hears it."""
AHEAD = (
    ClockSkew(region="eu", node=2, offset=Seconds(20), **when(0, 45)),
    ClockSkew(region="eu", node=3, offset=Seconds(20), **when(0.5, 45)),
)
"""So that one node stamps earlier than the others, who have stored by then."""
Plant = Callable[[pytest.MonkeyPatch], Programs]


def own_clock_only(patch: pytest.MonkeyPatch) -> Programs:
    """A node stamps by its own clock, and asks nobody."""
    patch.setattr(SharingNode, "_follow_region", lambda _, followed: followed(None))
    return MODEL


def latest_asked_early(patch: pytest.MonkeyPatch) -> Programs:
    """A node stamps after what it last heard of the others, and asks again for the next time."""
    ask = SharingNode._follow_region

    def follow(node: SharingNode, followed: Callable[[Refused | None], None]) -> None:
        followed(None)
        ask(node, lambda _: None)

    patch.setattr(SharingNode, "_follow_region", follow)
    return MODEL


def first_to_reach_the_store(patch: pytest.MonkeyPatch) -> Programs:
    """What is stored stays, whenever the other was logged."""

    def keep(entries: NodeEntries, claim: Claim, known: Entry | None = None) -> Entry:
        there = entries.entries.get(claim.key)
        if there is None:
            return insert(entries, claim, known)
        entries._observer.on(Claimed(entries._region, entries._node, claim, there, there, ()))
        return there

    insert = NodeEntries.insert_or_get
    patch.setattr(NodeEntries, "insert_or_get", keep)
    return MODEL


def a_store_for_each_node(patch: pytest.MonkeyPatch) -> Programs:
    """Nodes share nothing but the name of their region."""

    def seen_by(shared: SharedEntries, node: str, log: str, now: Callable[[], float]) -> WatchedEntries:
        del log
        mine = NodeEntries(shared, node, now)
        mine.entries, mine.superseded = {}, []
        return mine

    patch.setattr(SharedEntries, "seen_by", seen_by)
    return MODEL


def clock_kept_in_a_second_step(patch: pytest.MonkeyPatch) -> Programs:
    """The region's clock is not raised by what a claim stores, only by what a merge does."""
    patch.setattr(NodeEntries, "insert_or_get", WatchedEntries.insert_or_get)
    return MODEL


def stamped_after_a_silence(patch: pytest.MonkeyPatch) -> Programs:
    """A node that gets no answer of the store logs all the same."""
    ask = SharingNode._follow_region
    patch.setattr(SharingNode, "_follow_region", lambda node, followed: ask(node, lambda _: followed(None)))
    return MODEL


def get_then_set(patch: pytest.MonkeyPatch) -> Programs:
    """Look the key up, and store what was computed if it was not there then."""
    del patch
    return BUGS["get-then-set"].programs


def answered_from_its_log(patch: pytest.MonkeyPatch) -> Programs:
    """Answer with what was logged, whatever is stored."""
    del patch
    return BUGS["own-answer"].programs


CASES: dict[str, tuple[Plant, tuple[Fault, ...], Invariant]] = {
    "own-clock-only": (own_clock_only, APART, Invariant.ONE_ORDER),
    "latest-asked-early": (latest_asked_early, APART, Invariant.ONE_ORDER),
    "first-to-reach-the-store": (first_to_reach_the_store, (*STALE, *AHEAD), Invariant.ONE_ENTRY),
    "a-store-for-each-node": (a_store_for_each_node, DISPUTED, Invariant.ONE_ENTRY),
    "answered-from-its-log": (answered_from_its_log, DISPUTED, Invariant.ONE_ENTRY),
    "get-then-set": (get_then_set, STALE, Invariant.ONE_ENTRY),
    "clock-kept-in-a-second-step": (clock_kept_in_a_second_step, APART, Invariant.ONE_ORDER),
    "stamped-after-a-silence": (
        stamped_after_a_silence,
        (APART[0], Partition(sides=(("eu.2",), ("store.eu",)), **when(10, 32))),
        Invariant.ONE_ORDER,
    ),
}
ELSEWHERE = {"clock-kept-in-a-second-step", "stamped-after-a-silence"}
"""What no design of the gallery says, since the protocol has those steps in one."""


def broken(faults: tuple[Fault, ...], programs: Programs) -> set[str]:
    """The invariants that a run of three nodes to a region violates, in which one record comes to several of them at once, and
    whether the protocol `shared-store` allows its trace.
    """
    quiet = region_of_three(*faults, rate=8.0, until=40, duration=100)
    crowd = msgspec.structs.replace(quiet.workload, duplicates=0.8, duplicate_window=6, agents={"eu": 4})
    scenario = msgspec.structs.replace(quiet, workload=crowd)
    run = validated(scenario, records(60), KEYRING, signer=KEY, programs=programs)
    return {row.invariant for row in run.results if row.violations}


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("name", CASES)
def test_a_refuted_store_is_found_and_the_model_is_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same faults break the invariant that the story is about, and none of the model's. The trace shows it, too."""
    plant, faults, invariant = CASES[name]
    assert broken(faults, MODEL) == set()
    assert {invariant, ACCEPTED} <= broken(faults, plant(monkeypatch))


def test_the_cases_are_those_of_the_gallery() -> None:
    """Every case but what the protocol cannot say is a design that `flk prove` refutes."""
    assert CASES.keys() - ELSEWHERE <= GALLERY.keys()
