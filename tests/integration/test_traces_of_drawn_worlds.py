"""Whatever happens to small drawn worlds, what their nodes do is a path of the protocols."""

from functools import partial

import pytest

from flk.sim.api.hunts import search_space
from flk.sim.experiments.hunt import SearchSpace, Trial, run_trial
from flk.sim.protocol_traces import ACCEPTED
from flk.spec.verdict import Verdict

LAYOUTS = {
    "plain": partial(search_space, None, validate=True),
    "upkeep": partial(search_space, None, upkeep=True, validate=True),
    "audit log": partial(search_space, None, audit_log=True, validate=True),
    "policies": partial(search_space, None, policies=True, validate=True),
    "removals": partial(search_space, None, removals=True, validate=True),
    "two nodes": partial(search_space, None, nodes=2, validate=True),
    "three nodes": partial(search_space, None, nodes=3, validate=True),
}


@pytest.mark.parametrize(
    ("layout", "seed"),
    [
        ("plain", 146),  # a batch of frames over several segments, of which none was sealed in between
        ("plain", 6),  # two of them stored in another order than logged
        ("plain", 199),  # a frame that was damaged before anybody claimed for it
        ("plain", 221),  # a request to the object store that arrives again after its answer
        ("plain", 238),  # a damaged segment whose frames are logged again into a new one
        ("plain", 626),  # a damaged frame whose timestamp was far ahead of the clock that came after it
        ("audit log", 465),  # a segment with a damaged beginning is read by the salt that the manifest knows
        ("upkeep", 146),  # an entry that a store lost, and wrote again: its task was over
        ("upkeep", 499),  # a segment whose loss an operator accepted
        ("policies", 7),  # a segment that begins with a change of policies
        ("removals", 37),  # somebody else's object under the name of a segment
        ("removals", 75),  # a frame of a segment whose loss was accepted
        ("removals", 516),  # a frame that overtook another, and was damaged
        ("two nodes", 292),  # a request that is not signed before one of its key that is
        ("two nodes", 320),  # a damaged frame that no node asked the store for
    ],
)
def test_traces_that_were_refused_once_are_accepted(layout: str, seed: int) -> None:
    """What each of them has is a step of the protocols, or none."""
    require_accepted(LAYOUTS[layout](), seed)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_traces_of_drawn_worlds_are_accepted(layout: str) -> None:
    """Of any layout, whatever befalls it."""
    space = LAYOUTS[layout]()
    for seed in range(1001, 1009):
        require_accepted(space, seed)


def require_accepted(space: SearchSpace, seed: int) -> None:
    """No invariant of a trial is violated, and its trace is followed."""
    result = run_trial(space, Trial(seed))
    assert dict(result.checks)[ACCEPTED] > 0
    assert result.verdict is not Verdict.VIOLATED, (result.violated, result.sentence)
