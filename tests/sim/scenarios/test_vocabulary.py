"""What a scenario may name is there: the vocabulary and the parts that implement it know the same names."""

from flk.sim.measures import metrics
from flk.sim.nodes import designs
from flk.sim.scenarios.vocabulary import DESIGNS, METRICS


def test_every_metric_of_the_vocabulary_is_computed() -> None:
    """By a function of its own, and nothing else is."""
    assert metrics.COMPUTED.keys() == METRICS.keys()


def test_every_design_of_the_vocabulary_has_programs() -> None:
    """And no other design has."""
    assert designs.DESIGNS.keys() == DESIGNS.keys()
