"""Hunting for a violated invariant, and making what was found small."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

import msgspec
from matplotlib.figure import Figure

from flk.sim.api.display import command, heading, page, paragraph, picture
from flk.sim.api.inputs import AnyDuration, AnyScenario, AnySeeds, budget_of, kinds_of, scenario_of, seeds_of
from flk.sim.api.programs import AnyPrograms, inputs_for
from flk.sim.api.result import RunResult
from flk.sim.api.runs import replay
from flk.sim.experiments import hunt as hunting
from flk.sim.experiments import shrink as shrinking
from flk.sim.experiments.execution import PROCESSES
from flk.sim.experiments.run_inputs import Task, execute
from flk.sim.experiments.swarm import swarm
from flk.sim.experiments.worlds import Worlds
from flk.sim.reports.figures import course
from flk.sim.reports.progress import hunt_bar, shrink_bar
from flk.sim.scenarios.duration import human
from flk.sim.scenarios.scenario import Scenario
from flk.sim.statistics.intervals import Interval
from flk.spec.errors import UnusableInput
from flk.spec.tables import frame, html_table
from flk.spec.verdict import Verdict


@dataclass(frozen=True, repr=False, eq=False)
class HuntResult:
    """A hunt that is over: the first seed that violates an invariant, or how rare a violation must be.

    `space` is where it searched and `outcome` what it counted. Only invariants and convergence count, not objectives.

    >>> found = hunt(seeds=30, programs="keep-what-is-stored", workers=1)
    >>> found.verdict, found.failure.violated[0]
    (<Verdict.VIOLATED: 'violated'>, 'watermark-never-ahead')
    >>> clean = hunt(seeds=5, workers=1)
    >>> clean.verdict, clean.failure, clean.runs
    (<Verdict.HOLDS: 'holds'>, None, 5)
    """

    space: hunting.SearchSpace
    outcome: hunting.HuntOutcome

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a seed violates an invariant; UNDECIDED if nothing was run or every run ended too early to tell."""
        return self.outcome.verdict

    @cached_property
    def failure(self) -> RunResult | None:
        """The run of the least seed that violates an invariant; None if none does."""
        counterexample = self.outcome.counterexample
        if counterexample is None:
            return None
        task = Task(self.space.scenario(counterexample.seed), counterexample.seed)
        return RunResult(execute(self.space.inputs, task), self.space.inputs)

    @property
    def runs(self) -> int:
        """How many seeds were tried."""
        return self.outcome.runs

    @property
    def rate(self) -> Interval:
        """The probability that a seed violates an invariant, with its 95 % interval; after n clean seeds it is below about 3/n."""
        return self.outcome.rate

    @property
    def kinds(self) -> Counter[str]:
        """In how many runs each kind of fault was drawn."""
        return self.outcome.kinds

    @property
    def checks(self) -> Counter[str]:
        """How often each invariant was checked, over all runs."""
        return self.outcome.checks

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each invariant: a frame of pandas, polars or pyarrow, the first that is installed.

        Columns: `invariant`, `checks` over all runs (0: not exercised), and whether the failing run `violated` it.
        """
        broken = self.failure.violated if self.failure else ()
        return frame(
            [
                {"invariant": name, "checks": number, "violated": name in broken}
                for name, number in sorted(self.checks.items())
            ],
            library,
        )

    def plot(self) -> Figure:
        """The failing run at a glance. Raises UnusableInput if nothing was found."""
        return self._found().plot()

    def spacetime(self, start: float | None = None, end: float | None = None) -> Figure:
        """The messages around the first violation of the failing run. Raises UnusableInput if nothing was found."""
        return self._found().spacetime(start, end)

    def __repr__(self) -> str:
        """What was tried and what was found, for terminals."""
        lines = [f"hunt: {self.verdict.sign} {self.verdict}", self._counts]
        if self.failure is not None:
            lines += [self._sentence, f"replay: {self.failure.replay_line}"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [heading("hunt", self.verdict), paragraph(self._counts)]
        if self.failure is not None:
            parts += [
                paragraph(self._sentence),
                html_table(*_faults(self.failure.scenario)),
                picture(course.overview(self.failure.run), "the failing run: faults, deliveries, lag and divergence"),
                command(self.failure.replay_line),
            ]
        return page(parts)

    @property
    def _sentence(self) -> str:
        found = self._found()
        return f"seed {found.seed} violates {', '.join(found.violated)}: {found.violation}"

    @property
    def _counts(self) -> str:
        told = f"{self.runs:,} runs, {self.outcome.undecided:,} of them ended too early to tell"
        if self.outcome.counterexample is not None or not self.runs:
            return f"{told}."
        idle = ", ".join(name for name, number in sorted(self.checks.items()) if not number)
        clean = f"0 of {self.runs:,} violate an invariant: the probability is below {self.outcome.bound:.2g} at 95 %"
        return f"{told}; {clean}.{f' Not exercised: {idle}.' if idle else ''}"

    def _found(self) -> RunResult:
        if self.failure is None:
            raise UnusableInput(
                f"none of {self.runs:,} runs violates anything, so there is nothing to draw; try more seeds"
            )
        return self.failure


@dataclass(frozen=True, repr=False, eq=False)
class ShrinkResult:
    """A failing run made small: no fault can be taken away, made weaker or shorter without losing the violation.

    `before` is the scenario that was shrunk, and `run` the small run.

    >>> small = shrink(hunt(seeds=30, programs="keep-what-is-stored", workers=1))
    >>> small.invariant in small.run.violated, len(small.scenario.faults) <= len(small.before.faults)
    (True, True)
    """

    before: Scenario
    run: RunResult
    invariant: str
    replays: int

    @property
    def verdict(self) -> Verdict:
        """VIOLATED: what is left violates the invariant still."""
        return self.run.verdict

    @property
    def scenario(self) -> Scenario:
        """What is left."""
        return self.run.scenario

    @property
    def seed(self) -> int:
        """The seed, which is that of the run before."""
        return self.run.seed

    @property
    def string(self) -> str:
        """What `replay` and `flk replay` make the small run from; empty if another process would not find its programs."""
        return self.run.string

    @property
    def replay_line(self) -> str:
        """The line to type that makes the small run again, anywhere."""
        return self.run.replay_line

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each fault that is left: `id`, `kind`, `start` and `end` in seconds, and its `effect` in words."""
        return frame(
            [
                {
                    "id": one.id,
                    "kind": one.kind,
                    "start": float(one.start),
                    "end": float(one.end),
                    "effect": one.effect,
                }
                for one in self.scenario.faults
            ],
            library,
        )

    def plot(self) -> Figure:
        """The small run at a glance."""
        return self.run.plot()

    def spacetime(self, start: float | None = None, end: float | None = None) -> Figure:
        """The messages around the violation, what nodes did, and where it was violated."""
        return self.run.spacetime(start, end)

    def report(self, path: str | PathLike[str]) -> None:
        """Write the small run as one HTML page that needs nothing else. Raises UnusableInput if the file cannot be written."""
        self.run.report(path)

    def perfetto(self, path: str | PathLike[str]) -> None:
        """Write the small run for the Perfetto viewer. Raises UnusableInput if the file cannot be written."""
        self.run.perfetto(path)

    def __repr__(self) -> str:
        """What is left and the line that replays it, for terminals."""
        faults = [f"  {' '.join(row)}" for row in _faults(self.scenario)[1]]
        return "\n".join([self._counts, *faults, self.run.violation, f"replay: {self.replay_line}"])

    def _repr_html_(self) -> str:
        return page(
            [
                heading(f"{self.scenario.name}, seed {self.seed}, shrunk", self.verdict),
                paragraph(self._counts, self.run.violation),
                html_table(*_faults(self.scenario)),
                picture(self.run.spacetime(), "the messages around the violation"),
                command(self.replay_line),
            ]
        )

    @property
    def _counts(self) -> str:
        before, least = self.before, self.scenario
        return (
            f"{self.invariant} is still violated, after {self.replays} replays: {len(before.faults)} → {len(least.faults)} faults, "
            f"{len(before.regions)} → {len(least.regions)} regions, {human(before.duration)} → {human(least.duration)}."
        )


def hunt(
    base: AnyScenario | None = None,
    seeds: AnySeeds = 1000,
    budget: AnyDuration = None,
    programs: AnyPrograms = None,
    *,
    kinds: Iterable[str] = (),
    nodes: int = 1,
    upkeep: bool = False,
    audit_log: bool = False,
    policies: bool = False,
    removals: bool = False,
    validate: bool = False,
    records: str | PathLike[str] | None = None,
    workers: int = -1,
    backend: str = PROCESSES,
    progress: bool | None = None,
) -> HuntResult:
    """Draw random faults for each seed, in order, until a run violates an invariant or does not converge.

    - `base`: a scenario whose faults are drawn anew; by default each seed has a small world of its own
    - `seeds`: how many, counted from 1, or which; `budget`: stop after so many seconds, or a text such as `"5m"`
    - `programs`: what the nodes run, as that of `run`: your own, or the name of a refuted design
    - `kinds`: kinds of faults to choose from, such as `("partition", "loss")`; by default all
    - `nodes`: how many nodes share the store of each region of a drawn world; a scenario says it itself
    - `upkeep`: whether nodes of a drawn world write snapshots, remove what these cover, and mend what a store lost; likewise
    - `audit_log`: whether nodes of a drawn world write audit logs, which other regions cosign and monitor; likewise
    - `policies`: whether operators of a drawn world change the policies that nodes judge by; likewise
    - `removals`: whether a shard leaves the stores of a drawn world; likewise, and those have neither upkeep nor an audit log
    - `validate`: ask of every run, too, whether what the nodes did is a path of the protocols that `flk.formal` proves
    - `records`, `workers`, `backend`, `progress`: as those of `sweep`

    The failure is the least seed that violates, however many workers there are. Raises UnusableInput for a scenario, a kind or
    programs that cannot be used.

    >>> hunt(seeds=5, kinds=("loss", "latency"), workers=1).verdict
    <Verdict.HOLDS: 'holds'>
    """
    space = search_space(
        base,
        programs,
        kinds=kinds,
        nodes=nodes,
        upkeep=upkeep,
        audit_log=audit_log,
        policies=policies,
        removals=removals,
        validate=validate,
        records=records,
    )
    return hunt_in(space, seeds, budget, workers=workers, backend=backend, progress=progress)


def hunt_in(
    space: hunting.SearchSpace,
    seeds: AnySeeds = 1000,
    budget: AnyDuration = None,
    *,
    workers: int = -1,
    backend: str = PROCESSES,
    progress: bool | None = None,
) -> HuntResult:
    """Try seeds of a search space, as `hunt` does."""
    chosen = seeds_of(seeds)
    with hunt_bar(len(chosen), progress) as reached:
        outcome = hunting.hunt(
            space, chosen, budget=budget_of(budget), workers=workers, backend=backend, on_progress=reached
        )
    return HuntResult(space, outcome)


def search_space(
    base: AnyScenario | None,
    programs: AnyPrograms = None,
    *,
    kinds: Iterable[str] = (),
    nodes: int = 1,
    upkeep: bool = False,
    audit_log: bool = False,
    policies: bool = False,
    removals: bool = False,
    validate: bool = False,
    records: str | PathLike[str] | None = None,
) -> hunting.SearchSpace:
    """What a hunt with these arguments searches. Raises UnusableInput as `hunt` does."""
    if nodes < 1 or (nodes > 1 and base is not None):
        raise UnusableInput(
            f"nodes={nodes}: a region has one node or more; that of a scenario is its layout.nodes, so leave nodes out"
        )
    for part, asked in (("upkeep", upkeep), ("audit_log", audit_log)):
        if asked and base is not None:
            raise UnusableInput(f"{part}: only nodes of drawn worlds are told to; a scenario says layout.{part} itself")
    scenario = None if base is None else scenario_of(base, records)
    fed = scenario or scenario_of(swarm(1), records)
    if policies and base is not None:
        raise UnusableInput("policies: only in drawn worlds is it asked for; a scenario says layout.policies itself")
    if removals and (nodes > 1 or upkeep or audit_log or base is not None):
        raise UnusableInput(
            "removals: a shard leaves drawn worlds only, of one node to a region, without upkeep and audit log; a scenario says"
            " layout.migration itself, with leaves = true"
        )
    worlds = Worlds(nodes, upkeep, audit_log, policies, removals)
    space = hunting.SearchSpace(inputs_for(fed, programs, validate=validate), scenario, kinds_of(kinds), worlds)
    if space.kinds:
        space.scenario(1)  # whether they have a place is told before anything runs
    return space


def shrink(
    failure: HuntResult | RunResult | str, *, limit: int = shrinking.LIMIT, progress: bool | None = None
) -> ShrinkResult:
    """Make a failing run small: fewer faults, then weaker, shorter and simpler ones, as long as the same invariant is violated.

    `failure` is what a hunt found, a run, or the string of a run. At most `limit` runs are made. Faults have absolute times and
    random numbers are keyed by what they decide, so nothing else moves while something is taken away.

    Raises UnusableInput if the run violates no invariant, or the hunt found nothing.

    >>> shrink(hunt(seeds=30, programs="keep-what-is-stored", workers=1), limit=10).invariant
    'watermark-never-ahead'
    """
    if isinstance(failure, str):
        failure = replay(failure, progress=False)
    found = failure.failure if isinstance(failure, HuntResult) else failure
    if found is None:
        raise UnusableInput(
            "the hunt found no run that violates an invariant, so there is nothing to shrink; try more seeds"
        )
    quick = msgspec.structs.replace(found.inputs, alerts=False)  # no invariant asks for them
    with shrink_bar(progress) as on_replay:
        least = shrinking.shrink(quick, found.scenario, found.seed, limit=limit, on_replay=on_replay)
    small = RunResult(execute(found.inputs, Task(least.scenario, least.seed)), found.inputs)
    return ShrinkResult(found.scenario, small, str(least.invariant), least.replays)


def _faults(scenario: Scenario) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The faults as a table: header and rows."""
    ordered = sorted(scenario.faults, key=lambda fault: fault.start)
    rows: list[tuple[str, ...]] = [(one.id, f"{one.start:.2f} to {one.end:.2f} s", one.effect) for one in ordered]
    return ("fault", "when", "what it does"), rows
