"""When enough runs have been made."""

from typing import NamedTuple

from numpy.typing import ArrayLike

from flk.sim.statistics.intervals import CONFIDENCE, Interval, mean_interval, quantile_interval
from flk.spec.errors import UnusableInput


class Stopping(NamedTuple):
    """Stop as soon as the interval's half-width is at most `relative` of the estimate, after `minimum` to `maximum` runs.

    `statistic` is `mean` or a quantile such as `p95`; `measure` names the column it is taken of. To stop at the first moment when
    the interval happens to be narrow makes it less sure than it says (Chow and Robbins, 1965). So the intervals are made with half
    of the doubt that they state, which the tests show to be enough.
    """

    measure: str
    statistic: str = "mean"
    relative: float = 0.05
    minimum: int = 30
    maximum: int = 1000
    confidence: float = CONFIDENCE

    def interval(self, sample: ArrayLike, censored: ArrayLike | None = None) -> Interval:
        """What the runs so far say."""
        surer = 1 - (1 - self.confidence) / 2
        return interval(sample, self.statistic, surer, censored)._replace(confidence=self.confidence)

    def enough(self, sample: ArrayLike, censored: ArrayLike | None = None) -> bool:
        """Whether to stop after these runs."""
        found = self.interval(sample, censored)
        return found.size >= self.maximum or (found.size >= self.minimum and found.relative <= self.relative)


def interval(
    sample: ArrayLike, statistic: str, confidence: float = CONFIDENCE, censored: ArrayLike | None = None
) -> Interval:
    """The interval of a statistic by its name: `mean`, `p50`, `p95`, `p99.9`. Raises UnusableInput for another."""
    if statistic == "mean":
        return mean_interval(sample, confidence, censored)
    try:
        percent = float(statistic.removeprefix("p"))
    except ValueError:
        percent = -1.0
    if not statistic.startswith("p") or not 0 < percent < 100:
        raise UnusableInput(f"{statistic!r} is not a statistic; give mean, or a quantile such as p50, p95 or p99.9")
    return quantile_interval(sample, percent / 100, confidence, censored)
