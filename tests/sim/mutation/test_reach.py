"""Which lines a run reaches: what decides in which seeds a mutant is hunted."""

from pathlib import Path

import pytest

from flk.formal.mutation.mutant import Mutant
from flk.model.log import hlc
from flk.sim.mutation.baseline import Baseline, Part
from flk.sim.mutation.reach import recorded, statement_lines

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


@pytest.mark.parametrize(
    ("line", "lines"),
    [(1, None), (3, None), (4, None), (5, (5, 6)), (6, (5, 6)), (8, (7, 8)), (9, (9,)), (11, (11,)), (12, (12,))],
)
def test_a_line_belongs_to_the_innermost_statement(line: int, lines: tuple[int, ...] | None) -> None:
    """Of a statement with a block, to its head; outside of functions to no statement, since an import runs it."""
    found = statement_lines(TEXT, line)
    assert (None if found is None else tuple(found)) == lines


def test_the_lines_that_run_are_recorded() -> None:
    """Of a function that runs several times all lines that it came to, of a branch that is not taken none."""
    file = str(hlc.__file__)
    text = Path(file).read_text().splitlines()
    with recorded([file]) as lines:
        for now in (1.0, 2.0):
            hlc.observe(hlc.ZERO, hlc.at(now), now)
    found = {text[number - 1].strip().partition("(")[0].strip() for number in lines[file]}
    assert found == {
        "def at", "return Timestamp", "def observe", "def is_ahead", "return wall_seconds", "def wall_seconds", "return",
    }  # fmt: skip
    with recorded([file]) as nothing:
        pass
    assert nothing == {file: set()}


def test_a_seed_that_does_not_reach_a_mutant_is_left_out() -> None:
    """All seeds are tried where importing or setting up reaches it, or where nothing is known of its module."""

    def mutant(line: int, module: str = "m") -> Mutant:
        return Mutant(module, "m.py", "", "constant", line, "", "", TEXT, TEXT)

    parts = tuple(
        Part(seed, seed, accepted=True, lines={"m": frozenset(at)}) for seed, at in (("1", {5}), ("2", {5, 9}))
    )
    baseline = Baseline(parts, {"m": frozenset({11})})
    seeds = {line: [part.seed for part in baseline.concerning(mutant(line))] for line in (1, 5, 9, 11, 12)}
    assert seeds == {1: ["1", "2"], 5: ["1", "2"], 9: ["2"], 11: ["1", "2"], 12: []}
    assert len(baseline.concerning(mutant(9, "another"))) == 2
