"""The tests of a project as a check of its mutants."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from flk.sim.mutation.unit_tests import failing

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


def verdict(root: Path, *tests: str) -> str | None:
    """What the check says, in a process of its own, as mutants are tried."""
    with ProcessPoolExecutor(1, get_context("fork")) as child:
        return child.submit(failing, tests, root).result()


@pytest.mark.thorough
def test_a_busy_machine_fails_no_test(tmp_path: Path) -> None:
    """An example that takes long is no reason to fail, a wrong one is."""
    (tmp_path / "test_it.py").write_text(TESTS)
    assert verdict(tmp_path, "test_it.py::test_slow") is None
    assert verdict(tmp_path, "test_it.py") == "test_it.py::test_wrong"
