"""A run that is over."""

from collections.abc import Mapping
from typing import NamedTuple

from flk.model.entries.entry import Entry, Key
from flk.model.flow.submission import Response
from flk.sim.alerts.alerts import AlertHistory
from flk.sim.checkers.invariants import Result
from flk.sim.measures.hypotheses import HypothesisResult
from flk.sim.measures.measures import Measures
from flk.sim.measures.slo import Objective
from flk.sim.measures.timeline import Moment
from flk.sim.scenarios.scenario import Scenario
from flk.sim.world.coverage_marks import MarkIntervals
from flk.spec.verdict import Verdict, worst


class Delivered(NamedTuple):
    """What became of something that an agent was given: the submission's index, the agent, and the last answer it got."""

    submission: int
    agent: str
    region: str
    response: Response | None
    settled: bool


class Run(NamedTuple):
    """A run that is over. `digest` names everything that happened in it. `alerts` is empty if they were not evaluated."""

    scenario: Scenario
    seed: int
    digest: str
    events: int
    submissions: int
    results: tuple[Result, ...]
    objectives: tuple[Objective, ...]
    hypotheses: tuple[HypothesisResult, ...]
    alerts: tuple[AlertHistory, ...]
    marks: MarkIntervals
    measures: Measures
    timeline: tuple[Moment, ...]
    entries: Mapping[str, Mapping[Key, Entry]]
    deliveries: tuple[Delivered, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any invariant, objective or hypothesis. An alert that fires decides nothing by itself."""
        checked = [row.verdict for row in self.results]
        return worst([*checked, *(row.verdict for row in self.objectives), *(row.verdict for row in self.hypotheses)])

    def replay(self, source: str = "") -> str:
        """The command that repeats this run; `source` is the file that the scenario came from, if not from the library, or else a
        command.
        """
        return source if source.startswith("flk ") else f"flk run {source or self.scenario.name} --seed {self.seed}"
