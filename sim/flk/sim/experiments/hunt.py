"""Hunting: random fault schedules over many seeds, until an invariant is violated or a budget is spent.

Only invariants and convergence count, not objectives. A hunt without a counterexample gives an upper bound of the probability of a
violation.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from flk.sim.experiments.execution import PROCESSES, run_all
from flk.sim.experiments.rows import safety, violated
from flk.sim.experiments.run_inputs import RunInputs, Task, execute
from flk.sim.experiments.swarm import swarm
from flk.sim.experiments.worlds import PLAIN, Worlds
from flk.sim.kernel.budget import Budget
from flk.sim.outcome import Run
from flk.sim.scenarios.faults import FaultBase
from flk.sim.scenarios.scenario import Scenario
from flk.sim.statistics.intervals import Interval, proportion_bound, proportion_interval
from flk.spec.verdict import Verdict

TRIAL = Budget(events=20_000_000, seconds=300, megabytes=4_000)
"""What one trial may use up; a small world takes a few thousand events. One that takes more is undecided."""


class SearchSpace(NamedTuple):
    """What the trials of a hunt are drawn from: run inputs, the scenario whose faults are drawn (None: the world is drawn too), and
    the kinds of faults (none: all that the world has a place for), and what drawn worlds are asked to have.
    """

    inputs: RunInputs
    base: Scenario | None = None
    kinds: tuple[type[FaultBase], ...] = ()
    worlds: Worlds = PLAIN

    def scenario(self, seed: int) -> Scenario:
        """The scenario that is drawn for a seed."""
        return swarm(seed, self.base, self.kinds, self.worlds)


class Trial(NamedTuple):
    """A seed to try."""

    seed: int

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"swarm, seed {self.seed}"


class TrialResult(NamedTuple):
    """The outcome of one trial: its verdict over the invariants, and what was violated, in order of time, with a sentence."""

    seed: int
    verdict: Verdict
    digest: str
    events: int
    kinds: tuple[str, ...]
    violated: tuple[str, ...]
    sentence: str
    checks: tuple[tuple[str, int], ...]


class Progress(NamedTuple):
    """How far a hunt has come."""

    runs: int
    found: int
    seconds: float


class HuntOutcome(NamedTuple):
    """A finished hunt. `counterexample` is the trial of the least seed that violates an invariant, if any does; `runs` counts the
    seeds that were tried, `undecided` those that ended too early to tell, `kinds` in how many runs each kind of fault was, and
    `checks` how often each invariant was checked.
    """

    counterexample: TrialResult | None
    first: int
    runs: int
    undecided: int
    events: int
    seconds: float
    kinds: Counter[str]
    checks: Counter[str]

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if there is a counterexample; UNDECIDED if no run lasted long enough to tell, as without any run."""
        if self.counterexample is not None:
            return Verdict.VIOLATED
        return Verdict.HOLDS if self.runs > self.undecided else Verdict.UNDECIDED

    @property
    def rate(self) -> Interval:
        """The probability that a seed violates an invariant, with its 95 % interval."""
        return proportion_interval(int(self.counterexample is not None), self.runs)

    @property
    def bound(self) -> float:
        """What that probability is below, at 95 % confidence, if none was found."""
        return proportion_bound(0, self.runs)


def hunt(
    space: SearchSpace,
    seeds: Sequence[int],
    *,
    budget: float = float("inf"),
    workers: int = -1,
    backend: str = PROCESSES,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> HuntOutcome:
    """Try the seeds in order until one violates an invariant, or until the budget, in seconds, is spent.

    The counterexample is the least seed that violates, however many workers there are: trials of lesser seeds are waited for.
    """
    begun = monotonic()
    found: list[TrialResult] = []
    kinds: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    runs = undecided = events = 0

    def trials() -> Iterator[Trial]:
        for seed in seeds:
            if found or monotonic() - begun > budget:
                return
            yield Trial(seed)

    for result in run_all(run_trial, space, trials(), workers=workers, backend=backend):
        runs += 1
        undecided += result.verdict is Verdict.UNDECIDED
        events += result.events
        kinds.update(result.kinds)
        checks.update(dict(result.checks))
        if result.verdict is Verdict.VIOLATED:
            found.append(result)
        on_progress(Progress(runs, len(found), monotonic() - begun))
    counterexample = min(found, key=lambda each: each.seed, default=None)
    first = seeds[0] if seeds else 0
    return HuntOutcome(counterexample, first, runs, undecided, events, monotonic() - begun, kinds, checks)


def run_trial(space: SearchSpace, trial: Trial) -> TrialResult:
    """Run the scenario of a seed."""
    scenario = space.scenario(trial.seed)
    return trial_result(execute(space.inputs, Task(scenario, trial.seed), budget=TRIAL))


def trial_result(run: Run) -> TrialResult:
    """The trial result of a finished run."""
    broken = violated(run)
    sentences = [row.examples[0].sentence for row in run.results if row.examples and row.invariant == broken[0]]
    return TrialResult(
        run.seed,
        safety(run),
        run.digest,
        run.events,
        tuple(sorted({fault.kind for fault in run.scenario.faults})),
        broken,
        sentences[0] if sentences else "",
        tuple((str(row.invariant), row.checks) for row in run.results),
    )
