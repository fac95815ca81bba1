"""`flk bench sim`: how fast the simulator is, beside a plain SimPy program of the same scenario in the same minutes.

Seconds are those of the thread's own processor time. All that is compared takes turns; figures are medians over the rounds, and a
ratio is the median of the rounds' ratios, since what slows the machine down for a while slows both sides of a round.
"""

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing import get_context
from statistics import median
from time import thread_time
from typing import NamedTuple

from msgspec.structs import replace

from flk.model.flow.submission import Submission
from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.sim.bench import backlog, plain
from flk.sim.bench.backlog import Backlog
from flk.sim.bench.bookkeeping import BareNumbers, RealRecords
from flk.sim.checkers.answers import AnswerRules
from flk.sim.checkers.convergence import Agreement
from flk.sim.checkers.node import NodeRules
from flk.sim.checkers.shipping import ShippingRules
from flk.sim.clients.arrivals import arrivals
from flk.sim.clients.records import Records
from flk.sim.clients.synthetic import synthetic
from flk.sim.kernel.programs import MODEL
from flk.sim.kernel.remembering import remembering
from flk.sim.kernel.trace import Trace
from flk.sim.run_loop import RunLoop, contents_of
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.files import find
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import MessageTier, simulate
from flk.sim.vector import bench as vector
from flk.sim.world.observer import Part
from flk.spec.collection import seldom_collected
from flk.spec.constants import CONSTANTS

Say = Callable[[str], None]
KEY = HmacKey(b"the key of a benchmark")
KEYRING = Keyring({CONSTANTS.node.default_tenant: [LiveKey(KEY)]})
RULES = (NodeRules, AnswerRules, ShippingRules, Agreement)
FAMILIES: Mapping[str, tuple[type[Part], ...]] = {
    "log, store and answers": (NodeRules,),
    "answers to senders": (AnswerRules,),
    "shipping and replay": (ShippingRules,),
    "agreement": (Agreement,),
    "all of them": RULES,
}
OURS, PLAIN, WITH_MODEL = "flk.sim", "plain SimPy", "SimPy and model"
BACKLOG_BAR = 1.2
VECTOR_SECONDS, VECTOR_BYTES = 10.0, 100e6


class Speed(NamedTuple):
    """A program that plays the scenario: requests and events a second, and how many times as long as ours it takes."""

    program: str
    requests: int
    events: int
    entries: Mapping[str, int]
    seconds: float
    ratio: float


class Cost(NamedTuple):
    """What it costs to check a family of invariants, for each event of the run, in seconds; `share` of the time without any."""

    family: str
    an_event: float
    share: float


class Vector(NamedTuple):
    """The vector tier: requests, seconds by the clock, and the most bytes that its process held."""

    requests: int
    seconds: float
    bytes: int


class Report(NamedTuple):
    """All that was measured; `short_runs` a second."""

    speeds: tuple[Speed, ...]
    unwatched: float
    costs: tuple[Cost, ...]
    backlogs: tuple[Backlog, ...]
    simpy_backlogs: tuple[Backlog, ...]
    short_runs: float
    vector: Vector | None


class Sizes(NamedTuple):
    """The two backlogs, and the requests of the vector tier (0: it is left out)."""

    few: int
    many: int
    requests: int


FULL = Sizes(backlog.FEW, backlog.MANY, 10**8)
QUICK = Sizes(100, 10_000, 0)


class Bar(NamedTuple):
    """A bar, what was measured, and whether it was reached."""

    name: str
    measured: str
    met: bool


def bars(report: Report) -> tuple[Bar, ...]:
    """Design section 11."""
    ours = next(speed for speed in report.speeds if speed.program == OURS)
    found = [
        Bar(f"as fast as {speed.program}", f"{speed.ratio:.2f} times", speed.ratio >= 1)
        for speed in report.speeds
        if speed is not ours
    ]
    if report.backlogs:
        worst = max(report.backlogs, key=lambda row: row.ratio)
        measured = f"{worst.ratio:.2f} times the time with few waiting, {worst.queue}"
        found.append(Bar("a backlog costs no more than 1.2 times", measured, worst.ratio <= BACKLOG_BAR))
    if report.vector is not None:
        run = report.vector
        met = run.seconds <= VECTOR_SECONDS and run.bytes <= VECTOR_BYTES
        measured = f"{run.requests:,} requests in {run.seconds:.1f} s, {run.bytes / 1e6:.0f} MB"
        found.append(Bar("10^8 requests in 10 s and 100 MB", measured, met))
    return tuple(found)


def measure(
    rounds: int,
    say: Say = lambda _: None,
    sizes: Sizes = FULL,
    scenario: Scenario | None = None,
) -> Report:
    """Every figure, of the scenario `calm` unless another is given."""
    few, many, requests = sizes
    scenario = scenario or find("calm")
    submissions = _submissions(scenario)
    say(f"{scenario.name}: the vector tier, {requests:,} requests")
    followed = _followed(requests) if requests else None
    speeds = _speeds(scenario, submissions, rounds, say)
    unwatched, costs = _costs(scenario, submissions, rounds, say)
    ours = tuple(_backlogs(backlog.ours(), rounds, few, many, say))
    simpys = tuple(_backlogs(backlog.simpys(), 1, few, many, say))
    say("short runs")
    return Report(speeds, unwatched, costs, ours, simpys, _short_runs(rounds), followed)


def _submissions(scenario: Scenario) -> tuple[Submission, ...]:
    expected = scenario.workload.rate * (scenario.workload.until or scenario.duration)
    return synthetic(int(1.2 * expected) + 100, KEY)


def _speeds(scenario: Scenario, submissions: Sequence[Submission], rounds: int, say: Say) -> tuple[Speed, ...]:
    coming = list(arrivals(scenario.workload, scenario.faults, scenario.duration, len(submissions), scenario.seed))
    numbers = range(len(submissions))

    def ours() -> tuple[int, int, dict[str, int]]:
        remembering.cache_clear()  # every round examines every record, as the other programs do
        run = simulate(scenario, submissions, KEYRING)
        return run.measures.counts.acknowledged, run.events, {name: len(kept) for name, kept in run.entries.items()}

    def with_model() -> tuple[int, int, dict[str, int]]:
        done = plain.run(scenario, coming, submissions, partial(RealRecords, keyring=KEYRING))
        return done.acknowledged, done.events, done.entries

    def alone() -> tuple[int, int, dict[str, int]]:
        done = plain.run(scenario, coming, numbers, BareNumbers)
        return done.acknowledged, done.events, done.entries

    programs = {OURS: ours, PLAIN: alone, WITH_MODEL: with_model}
    outcomes = {}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds):
        for name, program in programs.items():
            say(f"{scenario.name}: {name}, round {number + 1} of {rounds}")
            gc.collect()
            start = thread_time()
            outcomes[name] = program()
            seconds[name].append(thread_time() - start)
    return tuple(
        Speed(name, *outcomes[name], median(took), _ratio(took, seconds[OURS])) for name, took in seconds.items()
    )


def _costs(
    scenario: Scenario, submissions: Sequence[Submission], rounds: int, say: Say
) -> tuple[float, tuple[Cost, ...]]:
    """The seconds of a played event that nobody observes, and what each family of invariants adds."""
    families: dict[str, tuple[type[Part], ...]] = {"none": (), **FAMILIES}
    took: dict[str, list[float]] = {name: [] for name in families}
    for number in range(rounds):
        for name, kinds in families.items():
            say(f"{scenario.name}: invariants: {name}, round {number + 1} of {rounds}")
            took[name].append(_played(scenario, submissions, kinds))
    nothing = took.pop("none")
    costs = tuple(
        Cost(name, median(_differences(seconds, nothing)), _ratio(seconds, nothing) - 1)
        for name, seconds in took.items()
    )
    return median(nothing), costs


def _played(scenario: Scenario, submissions: Sequence[Submission], kinds: tuple[type[Part], ...]) -> float:
    """Seconds for an event of a run that is played and not judged."""
    records = Records(scenario, submissions, KEYRING, KEY, scenario.seed)
    loop = RunLoop(scenario, records, seed=scenario.seed, trace=Trace(), programs=MODEL, kinds=kinds)
    tier = MessageTier(loop, records, len(submissions))
    gc.collect()
    start = thread_time()
    with seldom_collected():
        loop.play(tier, contents_of(submissions))
    return (thread_time() - start) / loop.simulator.events


def _backlogs(
    queues: Mapping[str, Callable[[int], float]], rounds: int, few: int, many: int, say: Say
) -> list[Backlog]:
    found = []
    for name, queue in queues.items():
        say(f"{name}: {few:,} and {many:,} waiting")
        pairs = [(queue(few), queue(many)) for _ in range(rounds)]
        found.append(Backlog(name, median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)))
    return found


def _short_runs(rounds: int) -> float:
    """Runs a second of a drill of a minute with some sixty records, of the kind that hunting makes by the thousand."""
    scenario = find("calm")
    brisk = Policy(ship_interval=Seconds(5), replay_interval=Seconds(5), divergence_interval=Seconds(10))
    workload = scenario.workload
    workload = replace(workload, rate=2.0, until=Seconds(30))
    drill = replace(scenario, duration=Seconds(60), policy=brisk, workload=workload)
    submissions = _submissions(drill)
    start = thread_time()
    with seldom_collected():  # as in a hunt
        for seed in range(5 * rounds):
            simulate(drill, submissions, KEYRING, seed=seed)
    return 5 * rounds / (thread_time() - start)


def _followed(requests: int) -> Vector:
    """The vector tier in a process of its own, since what is measured is all that a process holds."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_follow, (requests,))


def _follow(requests: int) -> Vector:
    figures = vector.bench(requests)
    return Vector(figures.run.logged, figures.seconds, figures.bytes)


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    return median(one / other for one, other in zip(theirs, ours, strict=True))


def _differences(theirs: Sequence[float], ours: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(theirs, ours, strict=True)]
