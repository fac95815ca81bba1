"""What `run` and `replay` give: a run that is over, its verdict, its figures, and how to make it again."""

from dataclasses import dataclass
from functools import cached_property
from math import isnan
from os import PathLike
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from flk.sim.alerts.alerts import AlertHistory
from flk.sim.api.display import command, folded, heading, page, paragraph, picture, shown
from flk.sim.checkers.invariants import Result
from flk.sim.experiments.replay import replay_string
from flk.sim.experiments.rows import Row, row, violated
from flk.sim.experiments.run_inputs import RunInputs
from flk.sim.kernel.trace import Line
from flk.sim.measures.hypotheses import HypothesisResult
from flk.sim.measures.measures import Measures
from flk.sim.measures.slo import Objective
from flk.sim.measures.timeline import Moment
from flk.sim.outcome import Run
from flk.sim.reports import perfetto, report
from flk.sim.reports.figures import course, outcome
from flk.sim.reports.figures.alerts import fault_timeline
from flk.sim.reports.figures.regions import region_map
from flk.sim.reports.figures.spacetime import space_time
from flk.sim.reports.figures.style import amount
from flk.sim.reports.recording import Recording, record
from flk.sim.reports.story import first_violation
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate
from flk.spec.errors import UnusableInput
from flk.spec.tables import frame, html_table
from flk.spec.verdict import Verdict

UNNAMED = "its programs stand in no module or file, so no other process can make this run again"


@dataclass(frozen=True, repr=False, eq=False)
class RunResult:
    """A run that is over: what was asked of it, what came of it, and how to make it again.

    `run` holds everything that was measured and `inputs` what went in. A notebook shows the verdict, objectives, hypotheses, the
    course of the run and the line that replays it. What needs each message or effect (`trace`, `spacetime`, `perfetto`) makes the
    run once more, event for event, so a long run takes its time again.

    Times are seconds of simulated time.

    >>> cut = scenario("a-cut", duration="2m").regions("eu", "us", agents=1).workload(records="synthetic:30", rate=1)
    >>> result = run(cut.fault("partition", "cut", start="30s", duration="20s", sides=[["eu"], ["us", "objects"]]))
    >>> result.verdict, result.violated, result.seed
    (<Verdict.HOLDS: 'holds'>, (), 1)
    >>> [(objective.name, objective.label) for objective in result.objectives][:2]
    [('lag p95', 'met'), ('latency p95', 'met')]
    >>> replay(result.string).digest == result.digest
    True
    """

    run: Run
    inputs: RunInputs

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any invariant, objective or hypothesis. An alert that fires decides nothing by itself."""
        return self.run.verdict

    @property
    def scenario(self) -> Scenario:
        """What was run."""
        return self.run.scenario

    @property
    def seed(self) -> int:
        """The seed of every random stream of the run."""
        return self.run.seed

    @property
    def digest(self) -> str:
        """Hexadecimal digits that name everything that happened: equal digests, equal runs, event for event."""
        return self.run.digest

    @property
    def invariants(self) -> tuple[Result, ...]:
        """Each invariant with how often it was checked, its verdict, and the first violations."""
        return self.run.results

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Each objective with its target and what was measured, NaN where the run gave no occasion to measure it."""
        return self.run.objectives

    @property
    def hypotheses(self) -> tuple[HypothesisResult, ...]:
        """Each hypothesis of the scenario, with what was found."""
        return self.run.hypotheses

    @property
    def alerts(self) -> tuple[AlertHistory, ...]:
        """Each alert of the specification's table with its firings."""
        return self.run.alerts

    @property
    def measures(self) -> Measures:
        """RPO, RTO, lag, latency, divergence and counts, over time and in short."""
        return self.run.measures

    @property
    def timeline(self) -> tuple[Moment, ...]:
        """What happened when and where, for people."""
        return self.run.timeline

    @property
    def violated(self) -> tuple[str, ...]:
        """The violated invariants, the one that was violated first before the others."""
        return tuple(map(str, violated(self.run)))

    @property
    def summary(self) -> str:
        """The outcome in a few sentences."""
        return report.summary(self.run)

    @cached_property
    def row(self) -> Row:
        """The run as one row of a sweep's table; `Row` says what each column means."""
        return row(self.run)

    @property
    def string(self) -> str:
        """What `replay` and `flk replay` make this run from; empty if another process would not find its programs."""
        if self.inputs.programs is not None and not self.inputs.named:
            return ""
        return replay_string(self.scenario, self.seed, self.digest, self.inputs.named)

    @property
    def replay_line(self) -> str:
        """The line to type that makes this run again, anywhere."""
        return self._line("replay")

    @property
    def shrink_line(self) -> str:
        """The line to type that makes a smaller run of this one, if it violates an invariant."""
        return self._line("shrink")

    def _line(self, command: str) -> str:
        validated = " --validate" if self.inputs.validate else ""
        return f"flk {command} '{self.string}'{validated}" if self.string else f"({UNNAMED})"

    @cached_property
    def recording(self) -> Recording:
        """The run with every effect of its programs and every message; it is made once more for this."""
        found = record(
            lambda listen: simulate(
                self.scenario,
                self.inputs.submissions,
                self.inputs.keyring,
                signer=self.inputs.signer,
                seed=self.seed,
                trace=listen.trace,
                messages=listen.messages,
                programs=self.inputs.programs,
                alerts=self.inputs.alerts,
            )
        )
        return found._replace(run=self.run)

    @property
    def trace(self) -> tuple[Line, ...]:
        """What the programs did, in order of time: each effect with its moment `t`, its node, its program and its result."""
        return self.recording.lines

    def to_frame(self, library: str | None = None) -> Any:
        """What was asked of the run, a row for each: a frame of pandas, polars or pyarrow, the first that is installed.

        Columns: `kind` (invariant, objective or hypothesis), `name`, `verdict`, `checks` (how often an invariant was checked, how
        often a mark came up), `target` and `measured` of an objective in its `unit` (seconds `s`, or a share without one), and the
        `statement`. What does not apply is None. Raises UnusableInput for an unknown library, MissingExtra for a missing one.
        """
        return frame([*self._invariant_rows(), *self._objective_rows(), *self._hypothesis_rows()], library)

    def plot(self) -> Figure:
        """The run at a glance: faults, deliveries, replication lag, and keys that differ between regions, over time."""
        return shown(course.overview(self.run))

    def plot_lag(self) -> Figure:
        """Replication lag over time: a panel for each source, a line for each target. Raises UnusableInput for one region."""
        if not self.measures.lags:
            raise UnusableInput(f"{self.scenario.name} has one region, and nothing to lag behind; name several regions")
        return shown(course.lag(self.run))

    def plot_latency(self) -> Figure:
        """How long each attempt took, and quantiles of the acknowledged ones over time."""
        return shown(course.latency(self.run))

    def plot_recovery(self) -> Figure:
        """RPO and RTO of each region loss beside their targets, RTO by phase. Raises UnusableInput if no region is lost."""
        if not self.measures.recoveries:
            raise UnusableInput(
                f"{self.scenario.name} loses no region; name a scenario with a region_crash or process_crash"
            )
        return shown(outcome.objectives(self.run))

    def plot_map(self, moments: tuple[float, ...] = ()) -> Figure:
        """The regions at moments (in seconds; by default where faults begin and end): what is down, cut off, and behind."""
        return shown(region_map(self.run, moments))

    def plot_alerts(self) -> Figure:
        """Faults and the alerts that fired, each laid to the fault that explains it."""
        return shown(fault_timeline(self.run))

    def spacetime(self, start: float | None = None, end: float | None = None) -> Figure:
        """Every message as an arrow from place to place, and every violation, from `start` to `end`.

        By default what led to the first violation, from its cause on; without one, the whole run, which is for short ones.
        """
        return shown(space_time(self.recording, start, end))

    def report(self, path: str | PathLike[str], source: str = "") -> None:
        """Write the run as one HTML page that needs nothing else. Raises UnusableInput if the file cannot be written.

        `source` is the file that the scenario came from, or a command that repeats the run, for its foot.
        """
        said = source or (self.replay_line if self.string else "")
        report.write(self.run, Path(path), said, self.recording if self.violated else None)

    def perfetto(self, path: str | PathLike[str]) -> None:
        """Write the run for the Perfetto viewer (ui.perfetto.dev). Raises UnusableInput if the file cannot be written."""
        perfetto.write(self.recording, Path(path))

    @property
    def violation(self) -> str:
        """The first violation in a sentence, with its moment and its place; empty if there is none."""
        found = first_violation(Recording(self.run, (), ()))
        return "" if found is None else f"{found.invariant} at {found.at:.3f} s, {found.node}: {found.sentence}"

    def __repr__(self) -> str:
        """Verdict, summary, first violation and replay line, for terminals."""
        lines = [f"{self.scenario.name}, seed {self.seed}: {self.verdict.sign} {self.verdict}", self.summary]
        return "\n".join(filter(None, [*lines, self.violation, f"replay: {self.replay_line}"]))

    def _repr_html_(self) -> str:
        objectives = [
            (one.name, amount(one.target, one.unit), amount(one.measured, one.unit), one.verdict, one.meaning)
            for one in self.objectives
        ]
        hypotheses = [(f"{one.expect} {one.subject}", one.found, one.verdict, one.statement) for one in self.hypotheses]
        invariants = [(one.invariant, one.checks, one.verdict, one.statement) for one in self.invariants]
        name = f"{self.scenario.name}, seed {self.seed}"
        return page(
            [
                heading(name, self.verdict, self.scenario.description),
                paragraph(*filter(None, (self.summary, self.violation))),
                html_table(("objective", "target", "measured", "verdict", "meaning"), objectives),
                html_table(("hypothesis", "found", "verdict", "statement"), hypotheses) if hypotheses else "",
                picture(course.overview(self.run), f"{name}: faults, deliveries, lag and divergence over time"),
                folded(
                    f"{len(invariants)} invariants",
                    html_table(("invariant", "checks", "verdict", "statement"), invariants),
                ),
                command(self.replay_line),
            ]
        )

    def _invariant_rows(self) -> list[dict[str, object]]:
        return [
            _row("invariant", one.invariant, one.verdict, one.statement, checks=one.checks) for one in self.invariants
        ]

    def _objective_rows(self) -> list[dict[str, object]]:
        return [
            _row(
                "objective", one.name, one.verdict, one.meaning, target=one.target, measured=one.measured, unit=one.unit
            )
            for one in self.objectives
        ]

    def _hypothesis_rows(self) -> list[dict[str, object]]:
        return [
            _row("hypothesis", f"{one.expect} {one.subject}", one.verdict, one.statement, measured=one.measured)
            for one in self.hypotheses
        ]


def _row(
    kind: str,
    name: str,
    verdict: Verdict,
    statement: str,
    *,
    checks: int | None = None,
    target: float | None = None,
    measured: float | None = None,
    unit: str = "",
) -> dict[str, object]:
    return {
        "kind": kind,
        "name": str(name),
        "verdict": str(verdict),
        "checks": checks,
        "target": None if target is None else float(target),
        "measured": None if measured is None or isnan(measured) else float(measured),
        "unit": unit,
        "statement": statement,
    }
