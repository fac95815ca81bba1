"""The simulator: several regions of a replicated service in simulated time, under faults, with every invariant checked.

    from flk.sim import hunt, run, shrink, sweep

    run("split-brain")                                            # one run: verdict, objectives, figures, the line that replays it
    sweep("split-brain", seeds=50, vary={"policy.ship_interval": ["10s", "30s"]}).to_frame()
    shrink(hunt(programs="my_service.py:PROGRAMS")).spacetime()   # the smallest schedule that breaks your programs, drawn

These names are the room's door; they are loaded when they are first used. What is below them may change.
"""

from typing import TYPE_CHECKING

from flk.spec.doors import loaded
from flk.spec.errors import needs

if TYPE_CHECKING:
    from flk.sim.api.catalogue import Library, library, load
    from flk.sim.api.comparisons import CompareResult, compare
    from flk.sim.api.counterexamples import from_counterexample
    from flk.sim.api.hunts import HuntResult, ShrinkResult, hunt, shrink
    from flk.sim.api.result import RunResult
    from flk.sim.api.runs import replay, run
    from flk.sim.api.sweeps import SweepResult, sweep
    from flk.sim.api.vector_result import VectorResult
    from flk.sim.kernel.programs import MODEL, Programs
    from flk.sim.nodes.designs import DESIGNS
    from flk.sim.scenarios.builder import scenario
    from flk.sim.scenarios.scenario import Scenario
    from flk.spec.verdict import Verdict

__all__ = [
    "DESIGNS",
    "MODEL",
    "CompareResult",
    "HuntResult",
    "Library",
    "Programs",
    "RunResult",
    "Scenario",
    "ShrinkResult",
    "SweepResult",
    "VectorResult",
    "Verdict",
    "compare",
    "from_counterexample",
    "hunt",
    "library",
    "load",
    "replay",
    "run",
    "scenario",
    "shrink",
    "sweep",
]

_HOMES = {
    "flk.sim.api.catalogue": ("Library", "library", "load"),
    "flk.sim.api.comparisons": ("CompareResult", "compare"),
    "flk.sim.api.counterexamples": ("from_counterexample",),
    "flk.sim.api.hunts": ("HuntResult", "ShrinkResult", "hunt", "shrink"),
    "flk.sim.api.result": ("RunResult",),
    "flk.sim.api.runs": ("replay", "run"),
    "flk.sim.api.sweeps": ("SweepResult", "sweep"),
    "flk.sim.api.vector_result": ("VectorResult",),
    "flk.sim.kernel.programs": ("MODEL", "Programs"),
    "flk.sim.nodes.designs": ("DESIGNS",),
    "flk.sim.scenarios.builder": ("scenario",),
    "flk.sim.scenarios.scenario": ("Scenario",),
    "flk.spec.verdict": ("Verdict",),
}


def __getattr__(name: str) -> object:
    """An exported name, loaded when it is first used, so that importing a part of the room does not load all of it."""
    with needs("sim", "the simulator"):
        return loaded(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
