"""What `run(…, tier="vector")` gives: a run computed in arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from flk.sim.api.display import command, heading, page, paragraph, picture, shown
from flk.sim.measures.slo import Objective
from flk.sim.reports.figures.style import COLOURS, DASHES, amount, fault_rows, faults_by_start, legend, time_panels
from flk.sim.scenarios.scenario import Scenario
from flk.sim.vector.run import VectorRun
from flk.spec.tables import frame, html_table
from flk.spec.verdict import Verdict


@dataclass(frozen=True, repr=False, eq=False)
class VectorResult:
    """A run of the vector tier: whole arrays of requests, to the same moments as message by message.

    `run` holds everything that was measured; times are seconds of simulated time.

    >>> steady = scenario("steady", duration="2m").regions("eu", "us", agents=2).workload(records="synthetic:20", rate=20)
    >>> result = run(steady.policy(agent_fsync=0), tier="vector", requests=1000)
    >>> result.verdict, result.requests
    (<Verdict.HOLDS: 'holds'>, 1000)
    """

    run: VectorRun

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any invariant or objective."""
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
        """Hexadecimal digits that name all control events of the run."""
        return self.run.digest

    @property
    def requests(self) -> int:
        """How many requests agents sent."""
        return self.run.offered

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Those objectives of the scenario that this tier measures."""
        return self.run.objectives

    def to_frame(self, library: str | None = None) -> Any:
        """The run over time, a row for each second: a frame of pandas, polars or pyarrow, the first that is installed.

        Columns: `at` in seconds, `lag SOURCE>TARGET` in seconds for each pair of regions, and for each region what its loss would
        lose: `exposed_seconds REGION` and `exposed_records REGION`. Raises UnusableInput for an unknown library.
        """
        columns: dict[str, Any] = {"at": self.run.grid}
        columns |= {f"lag {lag.source}>{lag.target}": lag.seconds for lag in self.run.lags}
        for one in self.run.exposures:
            columns |= {f"exposed_seconds {one.region}": one.seconds, f"exposed_records {one.region}": one.records}
        lists = [column.tolist() for column in columns.values()]
        return frame([dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)], library)

    def plot(self) -> Figure:
        """Faults, answers a second, and the worst replication lag of each source, over time."""
        scenario, grid = self.scenario, self.run.grid
        events = faults_by_start(scenario)
        figure, (lanes, rates, lags) = time_panels(scenario, (0.3 + 0.3 * max(1, len(events)), 1.5, 1.5))
        fault_rows(lanes, events)
        rates.step(np.arange(self.run.goodput.size), self.run.goodput, where="post", color=COLOURS[0], linewidth=1.2)
        rates.set(ylabel="answers a second", ylim=(0, None))
        for source, colour, dash in zip(
            dict.fromkeys(lag.source for lag in self.run.lags), COLOURS, DASHES, strict=False
        ):
            worst = np.max([lag.seconds for lag in self.run.lags if lag.source == source], axis=0)
            lags.plot(grid, worst, color=colour, linestyle=dash, linewidth=1.2, label=f"from {source}")
        lags.set(ylabel="lag, worst target, s", ylim=(0, None))
        if self.run.lags:
            legend(lags)
        return shown(figure)

    def __repr__(self) -> str:
        """Verdict, counts and latency, for terminals."""
        return (
            f"{self.scenario.name}, seed {self.seed}, vector tier: {self.verdict.sign} {self.verdict}\n{self._summary}"
        )

    def _repr_html_(self) -> str:
        objectives = [
            (one.name, amount(one.target, one.unit), amount(one.measured, one.unit), one.verdict, one.meaning)
            for one in self.objectives
        ]
        checks = [(row.name, row.checks, row.verdict, row.statement) for row in self.run.checks]
        return page(
            [
                heading(
                    f"{self.scenario.name}, seed {self.seed}, vector tier", self.verdict, self.scenario.description
                ),
                paragraph(self._summary),
                html_table(("objective", "target", "measured", "verdict", "meaning"), objectives),
                picture(self.plot(), f"{self.scenario.name}: faults, answers and lag over time"),
                html_table(("invariant", "checks", "verdict", "statement"), checks),
                command(f"flk run {self.scenario.name} --seed {self.seed} --tier vector"),
            ]
        )

    @property
    def _summary(self) -> str:
        run, latency = self.run, self.run.latency
        return (
            f"{run.offered:,} requests, {run.answered:,} answered by the end; latency p50 {amount(latency.p50, 's')}, "
            f"p95 {amount(latency.p95, 's')}, p99 {amount(latency.p99, 's')}, longest {amount(latency.most, 's')}."
        )
