"""What stores of tiers do in a simulated run is what the protocol `tiering` allows, and planted mistakes are not."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.model.world import KEYRING, pcs, submission
from tests.support.sim.tiered import (
    FLEETING,
    OUTAGE,
    early_move,
    forgetful_move,
    hasty_move,
    near_tiers_only,
    silence_is_a_miss,
    tiered,
)

from flk.formal.library.protocols import tiering
from flk.formal.traces import Accepted, Rejected, Validation, validate
from flk.formal.traces.relaxations import unlimited
from flk.impl.server.trace_reader import encoded
from flk.model.protocol_events.observation import ObservedEffect, nodes_of
from flk.model.protocol_events.tiering import tiering_events
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, ProcessCrash, RegionCrash, ShardCrash, StoreOutage
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate

PROTOCOL = unlimited(tiering.protocol)
RIVALS = [
    item
    for epoch in range(500)
    for item in (submission(pcs(epoch=epoch)), *([submission(pcs(epoch=epoch, r=0.6, budget=0.37))] * (epoch % 4 == 0)))
]


def watched(scenario: Scenario, programs: Programs = MODEL) -> list[ObservedEffect]:
    """What the nodes of a run did."""
    seen: list[ObservedEffect] = []
    simulate(scenario, RIVALS, KEYRING, seed=1, observer=seen.append, programs=programs)
    return seen


def verdicts_of(seen: Sequence[ObservedEffect]) -> dict[str, Validation]:
    """The verdict on each node."""
    return {node: validate(PROTOCOL, encoded(tiering_events(node, lambda: seen)), node) for node in nodes_of(seen)}


def taken(seen: Sequence[ObservedEffect]) -> dict[str, dict[str, int]]:
    """How often each action was taken by each node of a run without a mistake."""
    found = {}
    for node, verdict in verdicts_of(seen).items():
        assert isinstance(verdict, Accepted), verdict
        found[node] = verdict.actions
    return found


def during(start: float, duration: float) -> dict[str, Any]:
    """When a fault holds."""
    return {"start": Seconds(start), "duration": Seconds(duration)}


MOVES = {"copy_to_warm": 100, "delete_from_hot": 100, "copy_to_cold": 100, "delete_from_warm": 100, "promote": 20}
TROUBLES: dict[str, tuple[tuple[Fault, ...], dict[str, int]]] = {
    "none": ((), {"ask": 300, "find": 200, "insert": 200, **MOVES}),
    "an outage of the cold tier": ((OUTAGE,), {"turn_away": 50, "lose_cold": 1, "regain_cold": 1, **MOVES}),
    "a crash while claims are owed": (
        (OUTAGE, ProcessCrash("eu", id="crash", **during(30, 2))),
        {"turn_away": 20, "regain_cold": 1, "insert": 200},
    ),
    "a crash in the middle of moves": ((RegionCrash("eu", id="power", **during(20, 5)),), {"insert": 200, **MOVES}),
    "a lost disk": ((RegionCrash("eu", id="disk", disk=Disk.LOST, **during(20, 5)),), {"insert": 20, "find": 10}),
    "shards and stores that come and go": (
        (ShardCrash("eu", 0, id="shard", **during(15, 4)), StoreOutage("eu", id="store", **during(30, 3))),
        {"insert": 200, "find": 100},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
def test_stores_of_tiers_stay_within_the_protocol(trouble: str) -> None:
    """Three regions under load and faults: every node's events are accepted, and what happened to eu shows in them."""
    faults, shows = TROUBLES[trouble]
    found = taken(watched(tiered(*faults)))
    for node in (name for name in found if name.startswith("eu")):
        assert all(found[node][action] >= times for action, times in shows.items()), found[node]
    assert found["us.000001"]["lose_cold"] == 0


def test_the_end_of_the_window_shows() -> None:
    """With a window shorter than the run copies expire from every tier, and keys are inserted anew."""
    seen = watched(tiered(OUTAGE, tiers=FLEETING, regions=("eu",)))
    actions = taken(seen)["eu.000001"]
    assert actions["expire"] > 100
    keys = {
        event["arguments"]["k"] for event in tiering_events("eu.000001", lambda: seen) if event["action"] == "insert"
    }
    assert actions["insert"] > len(keys)


MISTAKES: dict[str, tuple[Programs, str, str]] = {
    "hot-tier-forgets": (MODEL._replace(move=forgetful_move), "delete_from_hot(", "holds[warm, k]"),
    "delete-then-copy": (MODEL._replace(move=hasty_move), "delete_from_hot(", "holds[warm, k]"),
    "window-ends-early": (MODEL._replace(move=early_move), "delete_from_warm(", "holds[cold, k]"),
    "silence-is-a-miss": (MODEL._replace(claim=silence_is_a_miss), "insert(", "cold_up"),
    "near-tiers-only": (MODEL._replace(claim=near_tiers_only), "insert(", "holds[cold, k]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_rejected(mistake: str) -> None:
    """The first event that shows it is named, with the guard that forbids it."""
    programs, action, guard = MISTAKES[mistake]
    rejected = [row for row in verdicts_of(watched(tiered(OUTAGE), programs)).values() if isinstance(row, Rejected)]
    assert any(row.event.startswith(action) and guard in row.reasons[0].what for row in rejected), rejected
