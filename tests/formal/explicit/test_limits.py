"""Large maps and many beginnings: what can be done is done, and what cannot is said."""

import pytest

from flk.formal.explicit.engines.choose import ENGINES
from flk.formal.explicit.explore import explore
from flk.formal.language import ANY, Protocol, Term, count, forall, integer, require
from flk.formal.prover.bounded import search
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

CELLS = 1001


def wide() -> Protocol:
    """A pointer that walks over the first of many cells, some of which are never defined."""
    protocol = Protocol("wide", "Many cells.")
    place = integer(0, CELLS - 1)
    cell = protocol.map("cell", place, to=integer(0, 1), initially=0)
    never = protocol.map("never", place, to=integer(0, 1), partial=True)
    at = protocol.scalar("at", place, initially=0)

    @protocol.action()
    def walk() -> None:
        require(cell[at] == 0, at < 2)
        cell.next[at] = 1
        at.next = at + 1

    @protocol.always()
    def few() -> Term:
        return count(place, lambda i: cell[i] == 1) <= 2

    @protocol.always()
    def guarded() -> Term:
        return forall(place, lambda i: ~never.defined(i) | (never[i] == 1))

    protocol.may_stop()(lambda: at == 2)
    return protocol


@pytest.mark.slow
def test_a_map_of_a_thousand_cells_is_explored_and_searched() -> None:
    """Choices, sums and what must be defined nest no deeper than the halves of a list, so no recursion is too deep."""
    found = explore(wide(), ENGINES["numpy"], "numpy")
    assert (found.states, found.verdict) == (3, Verdict.HOLDS)
    assert search(wide(), 1, names={"few"}).verdict is Verdict.HOLDS


def free(cells: int) -> Protocol:
    """Cells that may begin with anything."""
    protocol = Protocol("free", "It begins anywhere.")
    protocol.map("cell", integer(1, cells), to=integer(0, 1), initially=ANY)
    return protocol


@pytest.mark.parametrize(("engine", "cells"), [("interpreter", 23), ("numpy", 29)])
def test_too_many_beginnings_are_refused_and_not_tried_in_silence(engine: str, cells: int) -> None:
    """The message says how many there are, and what to do."""
    with pytest.raises(UnusableInput, match=f"may begin in {2**cells:,} states.*give initial values in place of ANY"):
        explore(free(cells), ENGINES[engine], engine)
