"""From what an explorer found to a run of the simulator."""

from os import PathLike, fspath

from flk.formal import Exploration
from flk.sim.experiments.from_counterexample import schedule
from flk.sim.scenarios.scenario import Scenario
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict


def from_counterexample(exploration: Exploration, records: str | PathLike[str] = "synthetic:200") -> Scenario:
    """The scenario that does what the counterexample of an exploration does, with the programs of the refuted design.

    Each step of the path becomes something that is submitted, shipped or replayed at its own moment, or a fault. `records` is the
    source of what is submitted. Raises UnusableInput if nothing is violated, for a design that the simulator has no programs for,
    and for a step that a run cannot be made to take.

    >>> from flk.formal import explore
    >>> run(from_counterexample(explore("gallery/keep-what-is-stored"))).violated[0]
    'watermark-never-ahead'
    """
    for finding in exploration.properties.values():
        if finding.verdict is Verdict.VIOLATED and finding.path is not None:
            return schedule(exploration.protocol, finding.path, fspath(records))
    raise UnusableInput(
        f"{exploration.protocol.name}: no path violates anything; explore a refuted design of the gallery"
    )
