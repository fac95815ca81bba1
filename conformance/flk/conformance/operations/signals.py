"""Signals (SIG-*). Values are rounded by C14N-2; no case lies so near to a rounding boundary that a last bit could move it."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from flk.conformance.operations.forms import Bits, Form
from flk.model.record import signals as model
from flk.model.record.canonical import round9
from flk.model.record.record import Regime
from flk.spec.errors import needs

if TYPE_CHECKING:
    from flk.model.record.points import Points

OF_POINTS = ("coherence", "count_cells")
"""The operations for whose answers the model needs NumPy. Their vectors are judged without it."""
UNMEASURED = {} if find_spec("numpy") else dict.fromkeys(OF_POINTS, "needs NumPy: pip install 'flk-lab[signals]'")
"""Those that the model cannot perform here, and what to do."""


class Counts(Form, frozen=True):
    """Scales and the number of cells at each."""

    scales: tuple[int, ...]
    counts: tuple[int, ...]


class Plane(Form, frozen=True):
    """Two signals."""

    D_hat: float
    coh_star: float
    bits: dict[str, Bits]


class Signals(Form, frozen=True):
    """Three signals."""

    D_hat: float
    coh_star: float
    r: float
    bits: dict[str, Bits]


class Cloud(Form, frozen=True):
    """Points, one to a row; `dimensions` speaks when there is none."""

    points: tuple[tuple[float, ...], ...]
    dimensions: int

    def array(self) -> "Points":
        """The model's value."""
        import numpy as np

        return np.array(self.points, dtype=np.float64).reshape(len(self.points), self.dimensions)


class SeededCloud(Cloud, frozen=True):
    """Points and the seed of the directions."""

    seed: int


class ScaledCloud(Cloud, frozen=True):
    """Points and the scales to count them at."""

    scales: tuple[int, ...]


class RawBytes(Form, frozen=True):
    """A data set as it was read."""

    raw: bytes


class Coherence(Form, frozen=True):
    """The share of the fullest bin, and the direction that has it."""

    coh_star: float
    v_star: tuple[float, ...]


def d_hat(given: Counts) -> float:
    """`D_hat`."""
    return round9(model.d_hat(given.scales, given.counts))


def regime(given: Plane) -> Regime:
    """The regime."""
    return model.regime(given.D_hat, given.coh_star)


def budget(given: Signals) -> float:
    """`budget`."""
    return round9(model.budget(given.D_hat, given.coh_star, given.r))


def coherence(given: SeededCloud) -> Coherence:
    """`coh_star` and `v_star`."""
    with needs("signals", "coherence"):
        from flk.model.record import points
    found = points.coherence(given.array(), given.seed)
    return Coherence(round9(found.coh_star), tuple(map(round9, found.v_star)))


def compressibility(given: RawBytes) -> float:
    """`r`."""
    return round9(model.compressibility(given.raw))


def count_cells(given: ScaledCloud) -> dict[str, int]:
    """`N_j`."""
    with needs("signals", "counting cells"):
        from flk.model.record import points
    return {str(scale): count for scale, count in points.count_cells(given.array(), given.scales).items()}
