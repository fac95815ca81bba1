"""The tests of a project as a check of its mutants."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from flk.sim.mutation import unit_tests

TESTS = """
from time import sleep
from hypothesis import given, strategies as st

tried = []

@given(st.integers())
def test_slow(number):
    tried.append(number)
    if len(tried) == 1:
        sleep(0.3)

@given(st.integers(0, 1000))
def test_wrong(number):
    assert number < 900
"""


def verdict(root: Path, *tests: str, marked: str = unit_tests.QUICK) -> str | None:
    """What the check says, in a process of its own, as mutants are tried."""
    with ProcessPoolExecutor(1, get_context("fork")) as child:
        return child.submit(unit_tests.failing, tests, root, marked).result()


def test_what_is_marked_as_slow_is_asked_when_it_is_its_turn(tmp_path: Path) -> None:
    """Not with the quick ones; what is thorough is asked of no mutant."""
    text = "import pytest\n\n"
    for mark in ("slow", "thorough"):
        text += f"@pytest.mark.{mark}\ndef test_{mark}():\n    assert False\n\n"
    (tmp_path / "test_marked.py").write_text(text)
    assert verdict(tmp_path, "test_marked.py") is None
    assert verdict(tmp_path, "test_marked.py", marked=unit_tests.SLOW) == "test_marked.py::test_slow"


@pytest.mark.thorough
def test_a_busy_machine_fails_no_test(tmp_path: Path) -> None:
    """An example that takes long is no reason to fail, a wrong one is."""
    (tmp_path / "test_it.py").write_text(TESTS)
    assert verdict(tmp_path, "test_it.py::test_slow") is None
    assert verdict(tmp_path, "test_it.py") == "test_it.py::test_wrong"


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (
            "flk.model.programs.one",
            ["programs/test_one", "log/test_uses_one", "programs/test_by_helper", "programs/test_other"],
        ),
        (
            "flk.model.log.alone",
            ["log/test_uses_one", "programs/test_by_helper", "programs/test_one", "programs/test_other"],
        ),
    ],
)
def test_who_may_see_a_mutant_is_asked_in_the_order_of_nearness(
    tmp_path: Path, module: str, expected: list[str]
) -> None:
    """The tests of its name, those that import it, and those beside them, which come to it through what they import."""
    texts = {
        "model/programs/test_one": "",
        "model/programs/test_other": "from flk.model.programs import other",
        "model/programs/test_by_helper": "from tests.support.help import one",
        "model/log/test_uses_one": "from flk.model.programs.one import run",
        "sim/test_elsewhere": "from flk.sim import simulate",
        "support/help": "from flk.model.programs import one",
    }
    for name, text in texts.items():
        file = tmp_path / "tests" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    found = unit_tests.tests_of(module, tmp_path, ("tests/**/test_*.py",))
    assert [str(file.relative_to(tmp_path / "tests/model").with_suffix("")) for file in found] == expected
    others = unit_tests.others_of(module, tmp_path, ("tests/**/test_*.py",))
    of_room = {tmp_path / "tests" / f"{name}.py" for name in texts if name.startswith("model")}
    assert {*found, *others} == of_room
    assert not set(found).intersection(others)


@pytest.mark.slow
def test_what_tests_are_without_a_mutant_is_known_by_measuring_them_once(tmp_path: Path) -> None:
    """Which of them fail, and the processor they take, come with the lines that they reach."""
    file = tmp_path / "test_it.py"
    file.write_text("def test_good():\n    sum(range(10**6))\n\ndef test_bad():\n    assert False\n")
    found = unit_tests.tested(file, tmp_path, [], unit_tests.QUICK)
    assert found.failed == ("test_it.py::test_bad",)
    assert set(found.reached.parts) >= {"test_it.py::test_good", "test_it.py::test_bad"}
    assert found.seconds > 0
