"""The trace of a run, line by line."""

from collections.abc import Sequence
from io import BytesIO

import msgspec
from tests.support.model.world import KEYRING
from tests.support.sim.drills import records

from flk.model.flow.submission import Submission
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.outcome import Run
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate


class Line(msgspec.Struct, frozen=True):
    """One event."""

    t: float
    node: str
    program: str
    effect: str
    result: str


def followed(
    scenario: Scenario, submissions: Sequence[Submission] = (), *, seed: int = 1, programs: Programs = MODEL
) -> tuple[Run, list[Line]]:
    """A run and its trace."""
    trace = BytesIO()
    run = simulate(scenario, submissions or records(200), KEYRING, seed=seed, trace=trace, programs=programs)
    return run, [msgspec.json.decode(line, type=Line) for line in trace.getvalue().splitlines()]
