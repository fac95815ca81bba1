"""The table of measures: each name once, defined, and computed by somebody."""

from pathlib import Path

import pytest

from flk.sim.experiments.rows import MEASURES as COLUMNS
from flk.sim.measures.metrics import COMPUTED
from flk.sim.measures.series import Reading
from flk.sim.measures.slo import Figures, objectives
from flk.sim.scenarios.policy import Objectives
from flk.spec.measures import BY_OBJECTIVE, MEASURES, parse
from flk.spec.requirements import catalogue

GLOSSARY = Path(__file__).parents[2] / "spec/docs/pages/glossary.md"


def test_every_number_of_a_run_is_defined() -> None:
    """The columns of a row, what hypotheses bound and what objectives hold against targets are those of the table, no others."""
    assert set(COLUMNS) == {name for name, one in MEASURES.items() if one.column}
    assert COMPUTED.keys() == {name for name, one in MEASURES.items() if one.bound}
    everything = Figures(*[Reading(1.0)] * len(Figures._fields))
    asked = {one.name: one.meaning for one in objectives(Objectives(errors=0.1), everything)}
    assert asked == {name: one.definition for name, one in BY_OBJECTIVE.items()}


def test_every_measure_watches_a_requirement_that_exists() -> None:
    """Name, unit, definition, way of computing and requirement: nothing is left empty, and a span needs a bound."""
    known = {one.id for one in catalogue()}
    for one in MEASURES.values():
        assert one.requirement in known, one.name
        assert one.definition, one.name
        assert one.computed.endswith("."), one.name
        assert one.unit, one.name
        assert one.bound or not one.span, one.name


@pytest.mark.parametrize("name", ["rpo", "rto", "lag_max"])
def test_the_glossary_says_what_the_table_says(name: str) -> None:
    """RPO, RTO and replication lag are explained in the words of their definitions."""
    assert MEASURES[name].definition in " ".join(GLOSSARY.read_text(encoding="utf-8").split())


def test_no_name_is_defined_twice() -> None:
    """The mapping has as many names as the table has rows."""
    table = Path(__file__).parents[2] / "spec/flk/spec/measures.toml"
    assert len(parse(table.read_bytes())) == len(MEASURES)
