"""Timing pairs of functions. Those that only compute: in seconds of processor of their thread, since others run meanwhile."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

SLOT_SECONDS = 0.004  # long against the clock's resolution, short against the machine's moods


class Contest(NamedTuple):
    """Two ways to do the same `operations`, the subject's and the straightforward one; `bar` in operations a second, `times` what
    the ratio of the two should be; 0 for none.
    """

    name: str
    operations: int
    subject: Callable[[], object]
    baseline: Callable[[], object]
    bar: float = 0.0
    times: float = 0.0


class Figure(NamedTuple):
    """Operations a second of both, and how many times faster the subject is."""

    name: str
    per_second: float
    baseline_per_second: float
    ratio: float
    bar: float
    times: float = 0.0

    @property
    def verdict(self) -> str:
        """Whether the bars were reached; empty if there is none."""
        met = self.per_second >= self.bar and self.ratio >= self.times
        return ("met" if met else "missed") if self.bar or self.times else ""


def run(contests: Sequence[Contest], seconds: float, clock: Callable[[], float] | None = None) -> tuple[Figure, ...]:
    """Take turns, a slot each, for about that long by the wall clock; medians over the rounds. Who waits for others is timed by
    another `clock`, in seconds.

    A ratio is the median of the rounds' ratios: what slows the processor down for a while slows both sides of a round.
    """
    clock = clock or time.thread_time
    functions = [function for contest in contests for function in (contest.subject, contest.baseline)]
    repeats = [max(1, round(SLOT_SECONDS / max(_timed(function, 1, clock), 1e-6))) for function in functions]
    rounds: list[list[float]] = []
    end = time.perf_counter() + seconds
    while not rounds or time.perf_counter() < end:
        rounds.append([_timed(function, times, clock) for function, times in zip(functions, repeats, strict=True)])
    columns = list(zip(*rounds, strict=True))
    return tuple(
        _figure(contest, subject, baseline)
        for contest, subject, baseline in zip(contests, columns[::2], columns[1::2], strict=True)
    )


def _timed(function: Callable[[], object], times: int, clock: Callable[[], float]) -> float:
    """Seconds for one call."""
    start = clock()
    for _ in range(times):
        function()
    return (clock() - start) / times


def _figure(contest: Contest, subject: Sequence[float], baseline: Sequence[float]) -> Figure:
    ratio = median(slow / fast for slow, fast in zip(baseline, subject, strict=True))
    per_second, baseline_per_second = (contest.operations / median(times) for times in (subject, baseline))
    return Figure(contest.name, per_second, baseline_per_second, ratio, contest.bar, contest.times)
