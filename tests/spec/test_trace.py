"""The matrix from requirements to evidence shows what is missing, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import ROOT

from flk.spec.requirements import KINDS, Level, Requirement
from flk.spec.trace import exit_code, resolve_tests, trace

EXISTING = ("test a", "vector b", "proof c")
MISSING = ("test x", "scenario y", "check z")


def resolve_all(name: str) -> bool:
    """A resolver that knows the three names of EXISTING."""
    return name in {"a", "b", "c"}


RESOLVERS = dict.fromkeys(KINDS, resolve_all)


def requirement(level: Level, evidence: tuple[str, ...]) -> Requirement:
    """A requirement of which only level and evidence matter."""
    return Requirement("ID-1", level, "title", f"It {level} hold.", "reason", "source", evidence)


@given(
    st.lists(
        st.builds(
            requirement,
            st.sampled_from(Level),
            st.lists(st.sampled_from(EXISTING + MISSING), unique=True).map(tuple),
        )
    )
)
def test_problems_are_missing_evidence_and_musts_that_have_none(catalogue: list[Requirement]) -> None:
    """A row has a problem for each evidence that does not exist, and for a MUST without any; the exit code says if one has."""
    rows = trace(catalogue, RESOLVERS)
    assert [row.requirement for row in rows] == catalogue
    for row in rows:
        wanting = [item for item in row.requirement.evidence if item in MISSING]
        bare = row.requirement.level is Level.MUST and not row.requirement.evidence
        assert len(row.problems) == len(wanting) + bare
        for item, problem in zip(wanting, row.problems[bare:], strict=True):
            assert problem == f"{item}: does not exist"
    assert exit_code(rows) == int(any(row.problems for row in rows))


def test_evidence_of_a_kind_that_nothing_can_look_up_is_a_problem() -> None:
    """Leaving a resolver out never makes a requirement look well shown."""
    (row,) = trace([requirement(Level.MUST, ("proof c",))], {"test": resolve_all})
    assert row.problems == ("proof c: nothing here can look up a proof",)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A checkout with one file of tests."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_room.py").write_text(
        "import no_such_module\n"
        "def test_plain(): ...\n"
        "async def test_async(): ...\n"
        "def helper(): ...\n"
        "class TestGroup:\n"
        "    def test_method(self): ...\n"
        "    def helper(self): ...\n"
        "class Machine:\n"
        "    def test_inner(self): ...\n"
        "TestMachine = Machine.TestCase\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("name", "exists"),
    [
        ("tests/test_room.py::test_plain", True),
        ("tests/test_room.py::test_async", True),
        ("tests/test_room.py::TestGroup", True),
        ("tests/test_room.py::TestGroup::test_method", True),
        ("tests/test_room.py::TestMachine", True),
        ("tests/test_room.py::helper", False),
        ("tests/test_room.py::TestGroup::helper", False),
        ("tests/test_room.py::test_method", False),
        ("tests/test_room.py::Machine::test_inner", False),
        ("tests/test_room.py::test_absent", False),
        ("tests/test_room.py::", False),
        ("tests/test_room.py", False),
        ("tests/test_other.py::test_plain", False),
        ("tests", False),
    ],
)
def test_a_test_exists_if_pytest_would_collect_it(house: Path, name: str, *, exists: bool) -> None:
    """Tests are found by reading their file, which is never imported; helpers are not tests."""
    assert resolve_tests(house)(name) is exists


def test_this_very_test_is_found() -> None:
    """The resolver works on the real checkout."""
    resolve = resolve_tests(ROOT)
    assert resolve("tests/spec/test_trace.py::test_this_very_test_is_found")
