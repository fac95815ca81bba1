"""The guide's protocol, and what it types in Python, do what the guide says of them."""

import doctest
import re
from pathlib import Path

import pytest
from tests.support import ROOT

from flk.formal.explicit.engines.interpreted import search
from flk.formal.explicit.explore import Explored, explore
from flk.formal.library.catalogue import load
from flk.formal.prover.proving import Proving
from flk.formal.prover.theorem import ProofStatus
from flk.spec.verdict import Verdict

GUIDE = ROOT / "formal" / "README.md"
FIRST, TIMEOUT = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


def explored(path: Path) -> Explored:
    """The protocol of a file."""
    return explore(load(path), search, "interpreter")


@pytest.fixture
def lease(tmp_path: Path) -> Path:
    """The file that the guide begins with."""
    file = tmp_path / "lease.py"
    file.write_text(FIRST, "utf-8")
    return file


def test_the_first_protocol_holds(lease: Path) -> None:
    """Four states: nobody works, or one of three does."""
    found = explored(lease)
    assert (found.states, found.verdict) == (4, Verdict.HOLDS)


def test_it_is_proved_for_any_number_of_workers(lease: Path) -> None:
    """All but progress, which is explored then and there."""
    statuses = {each.property: each.status for each in Proving(load(lease), (), 0).statuses}
    assert statuses.pop("work_ends") is ProofStatus.BOUNDED
    assert set(statuses.values()) == {ProofStatus.PROVED}


def test_the_timeout_breaks_it_as_the_guide_says(lease: Path) -> None:
    """The shortest way to trouble is the one that the guide shows."""
    lease.write_text(FIRST + "\n\n" + TIMEOUT, "utf-8")
    finding = next(f for f in explored(lease).findings if f.property == "one_at_a_time")
    assert finding.verdict is Verdict.VIOLATED
    assert finding.path is not None
    shown = " > ".join(move.shown for move in finding.path.moves[1:])
    assert f"`{shown}`" in GUIDE.read_text("utf-8")


def test_what_the_guide_types_gives_what_it_says() -> None:
    """Every line of Python, on the one module that it imports."""
    (session,) = re.findall(r"```pycon\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    told: list[str] = []
    examples = doctest.DocTestParser().get_doctest(session, {}, "guide", str(GUIDE), 0)
    assert doctest.DocTestRunner(verbose=False).run(examples, out=told.append).failed == 0, "".join(told)
