"""Which lines a run reaches: what decides in which seeds a mutant is hunted."""

from pathlib import Path

import pytest

from flk.formal.mutation.mutant import Mutant
from flk.model.log import hlc
from flk.sim.mutation import unit_tests
from flk.sim.mutation.reach import Measurement, Reached, apart, statement_lines

TEXT = """\
LIMIT = 3

def f(x,
      y=1):
    if (x and
            y):
        return g(
            x)
    for z in y:
        try:
            h()
        except A:
            pass
"""

TWO_TESTS = """\
import pytest
from flk.model.log import hlc

@pytest.fixture(scope="module")
def made():
    return hlc.at(1.0)

def test_one(made):
    assert made

def test_other(made):
    assert hlc.at(2.0) > made
"""


@pytest.mark.parametrize(
    ("line", "lines"),
    [(1, None), (3, None), (4, None), (5, (5, 6)), (6, (5, 6)), (8, (7, 8)), (9, (9,)), (11, (11,)), (12, (12,))],
)
def test_a_line_belongs_to_the_innermost_statement(line: int, lines: tuple[int, ...] | None) -> None:
    """Of a statement with a block, to its head; outside of functions to no statement, since an import runs it."""
    found = statement_lines(TEXT, line)
    assert (None if found is None else tuple(found)) == lines


def measured() -> Reached:
    """What runs alone, twice, and not at all."""
    measurement = Measurement([hlc.__name__])
    with measurement.under_way():
        hlc.at(0.0)
        measurement.begin("twice")
        for now in (1.0, 2.0):
            hlc.observe(hlc.ZERO, hlc.at(now), now)
        measurement.begin("nothing")
    return measurement.reached


@pytest.mark.slow
def test_the_lines_that_run_are_measured_by_part() -> None:
    """Of a function that runs several times all lines that it came to, of a branch that is not taken none."""
    text = Path(str(hlc.__file__)).read_text().splitlines()
    reached = apart(measured)

    def lines(found: frozenset[int]) -> set[str]:
        return {text[number - 1].strip().partition("(")[0].strip() for number in found}

    assert lines(reached.always[hlc.__name__]) == {"return Timestamp"}
    assert reached.parts["nothing"] == {}
    assert lines(reached.parts["twice"][hlc.__name__]) == {"return Timestamp", "return wall_seconds", "return"}


@pytest.mark.slow
def test_what_shared_fixtures_do_belongs_to_the_file(tmp_path: Path) -> None:
    """A test that only looks at what a fixture of the module made is chosen with it; each other test by what it does itself."""
    file = tmp_path / "test_two.py"
    file.write_text(TWO_TESTS)
    reached = unit_tests.tested(file, tmp_path, [hlc.__name__], unit_tests.QUICK).reached
    found = {name: hlc.__name__ in modules for name, modules in reached.parts.items()}
    assert found == {"test_two.py": True, "test_two.py::test_one": False, "test_two.py::test_other": True}


def test_a_seed_that_does_not_reach_a_mutant_is_left_out() -> None:
    """All seeds are tried where importing or setting up reaches it, or where nothing is known of its module."""

    def mutant(line: int, module: str = "m") -> Mutant:
        return Mutant(module, "m.py", "", "constant", line, "", "", TEXT, TEXT)

    reached = Reached({"m": frozenset({11})}, {seed: {"m": frozenset(at)} for seed, at in (("1", {5}), ("2", {5, 9}))})
    seeds = {line: reached.concerning(mutant(line)) for line in (1, 5, 9, 11, 12)}
    assert seeds == {1: ("1", "2"), 5: ("1", "2"), 9: ("2",), 11: ("1", "2"), 12: ()}
    assert len(reached.concerning(mutant(9, "another"))) == 2
