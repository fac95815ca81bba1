"""A comparison of two regions that says anything but what their stores differ by is seen (CRR-8)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.support.sim.drills import drill, rehearse

from flk.model.effects import Program
from flk.model.programs.divergence import Agreement, Divergence, detect_divergence
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Partition

PARTED = Partition(id="parted", start=Seconds(5), duration=Seconds(40), sides=(("eu",), ("us", "ap")))


def agrees(found: Divergence) -> Divergence:
    """Whatever the figures are, all is well."""
    return replace(found, agreement=Agreement.AGREE)


def halves(found: Divergence) -> Divergence:
    """Half of what the counts differ by."""
    return replace(found, count_percent=found.count_percent / 2)


def omits(found: Divergence) -> Divergence:
    """One key that differs is left out, of the figure as well."""
    share = len(found.mismatched[1:]) / max(1, len(found.mismatched))
    return replace(found, mismatched=found.mismatched[1:], sample_percent=found.sample_percent * share)


@pytest.mark.parametrize("lie", [None, agrees, halves, omits])
def test_what_a_comparison_says_is_what_the_stores_differ_by(lie: Callable[[Divergence], Divergence] | None) -> None:
    """Regions are parted for a while, and come to differ. The model's comparison is right of it; each lie is seen."""

    def told(a: str, b: str) -> Program[Divergence]:
        found = yield from detect_divergence(a, b)
        return lie(found) if lie else found

    run = rehearse(drill(PARTED, rate=2.0), programs=MODEL._replace(detect_divergence=told))
    result = next(row for row in run.results if row.invariant == Invariant.DIVERGENCE)
    assert result.checks > 10
    assert bool(result.violations) == bool(lie)
