"""The signals of a computation, and what follows from them: regime and budget (SIG-*).

The node recomputes slope, regime and budget for every record; compressibility needs the agent's data and is computed there, as
is what `points` measures.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from math import log2

from flk.model.record.canonical import round9
from flk.model.record.record import Regime
from flk.model.record.rules import DEFAULT, Rules
from flk.spec.constants import CONSTANTS

SIGNALS = CONSTANTS.signals
MIN_DX = SIGNALS.min_dx


def d_hat(scales: Sequence[int], counts: Sequence[int]) -> float:
    """The Theil–Sen slope of log2(count) on log2(scale): the median of the slopes of all pairs (SIG-1).

    The dimension that the data fill: 1 for a line, 2 for a plane. Of an even number of slopes the median is the mean of the middle
    two. Raises ValueError unless there is a positive count for each positive scale, and two scales that are not one.

    >>> round(d_hat([2, 4, 8, 16], [5, 10, 20, 40]), 9)
    1.0
    """
    if len(scales) != len(counts) or min(scales, default=0) < 1 or min(counts) < 1:
        raise ValueError("D_hat: every scale needs a count, and all of them are at least 1")
    y = [log2(count) for count in counts]
    slopes = sorted([(y[j] - y[i]) / dx for i, j, dx in _runs(tuple(scales))])
    if not slopes:
        raise ValueError("D_hat: a slope needs two different scales")
    middle = len(slopes) // 2
    return slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2


@lru_cache(maxsize=256)
def _runs(scales: tuple[int, ...]) -> tuple[tuple[int, int, float], ...]:
    """Each pair of scales that are not one, and their distance. Cached, since a fleet of agents uses few sets of scales."""
    distances = ((i, j, log2(scales[j]) - log2(scales[i])) for i, j in combinations(range(len(scales)), 2))
    return tuple((i, j, dx) for i, j, dx in distances if abs(dx) >= MIN_DX)


def compressibility(raw: bytes) -> float:
    """`r`: the size of `raw` under zlib level 6 relative to its own, at most 1; 1 for no bytes (SIG-3).

    The size is that of the zlib the interpreter is linked with; a node takes `r` as claimed.

    >>> compressibility(b"a" * 1000) < 0.02, compressibility(b"")
    (True, 1.0)
    """
    return min(1.0, len(zlib.compress(raw, SIGNALS.zlib_level)) / len(raw)) if raw else 1.0


def regime(D_hat: float, coh_star: float, rules: Rules = DEFAULT) -> Regime:
    """How the computation moves, by its slope and coherence: sticky, else non-sticky, else mixed (SIG-4, POL-8).

    Thresholds are compared with the signals as they are signed, at nine decimals: rounding never moves a record across one.

    >>> regime(1.5, 0.7).value, regime(1.6, 0.7).value, regime(2.6, 0.0).value
    ('sticky', 'mixed', 'non_sticky')
    """
    D_hat, coh_star = round9(D_hat), round9(coh_star)
    if coh_star >= rules.sticky_coh_min and D_hat <= rules.sticky_D_max:
        return Regime.STICKY
    return Regime.NON_STICKY if D_hat >= rules.non_sticky_D_min else Regime.MIXED


def budget(D_hat: float, coh_star: float, r: float, rules: Rules = DEFAULT) -> float:
    """The share of verification effort a record asks for, in [0, 1], from its signals as they are signed (SIG-6, POL-8).

    >>> round(budget(1.0, 0.75, 0.5), 9)
    0.4
    """
    D_hat, coh_star, r = round9(D_hat), round9(coh_star), round9(r)
    spread = max(0.0, D_hat - rules.D0)
    cost = rules.base + rules.alpha * (1 - r) + rules.beta * spread + rules.gamma * coh_star
    return min(1.0, max(0.0, cost))
