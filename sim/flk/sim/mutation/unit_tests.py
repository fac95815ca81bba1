"""The tests of a project as a check: those that import the mutant's module and reach the mutant, in this process."""

import ast
import os
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from time import process_time

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from flk.sim.mutation.reach import Measurement, Reached, apart

settings.register_profile(
    "mutants", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
"""A mutant is not killed by a busy machine, and what kills it kills it again."""
QUICK, SLOW = "not slow and not thorough", "slow and not thorough"
"""Tests by their marks: those that take a moment, and those that take some seconds."""


def tests_of(module: str, root: Path, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """The test files of these patterns that may see a module's mutants, nearest first: the one of its name; those that import it,
    in the folder that mirrors the module's own also through helpers (if there are none, all of the room); the others of that
    folder, which come to it by way of other modules.
    """
    mirror = _mirror(module, root)
    files, room = _matching(root, patterns), _of_room(module, root, patterns)
    chosen = [file for file in files if module in _imported(file, root, helpers=file.parent == mirror)] or room
    named = [file for file in files if file.stem == f"test_{module.rpartition('.')[2]}"]
    beside = [file for file in files if file.parent == mirror]
    return tuple(dict.fromkeys([*named, *chosen, *beside]))


def others_of(module: str, root: Path, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """The other test files of a module's room: they may come to it by way of anything."""
    near = tests_of(module, root, patterns)
    return tuple(file for file in _of_room(module, root, patterns) if file not in near)


def helpers(root: Path) -> tuple[Path, ...]:
    """What tests share."""
    return (*root.glob("tests/support/**/*.py"), *root.glob("tests/**/conftest.py"))


def failing(tests: Sequence[str], root: Path, marked: str) -> str | None:
    """The first of these tests or files of tests that fails, None if all pass; of tests that are `marked` so."""
    seen = _Failures()
    status = _run(tests, root, "-x", "-m", marked, plugin=seen)
    if seen.failed:
        return seen.failed[0]
    return (
        None if status in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} else f"pytest ended with {status!r}"
    )


class Tested(msgspec.Struct, frozen=True):
    """The tests of a file, without any mutant: the lines of modules that each reaches (what fixtures do that tests share, under the
    file's name), those that fail, and the seconds of the processor that all take while they are measured.
    """

    reached: Reached
    failed: tuple[str, ...]
    seconds: float


def tested(file: Path, root: Path, modules: Iterable[str], marked: str) -> Tested:
    """Run the tests of a file that are `marked` so, and measure what they reach of these modules."""
    return apart(_measured, file, root, tuple(modules), marked)


def _measured(file: Path, root: Path, modules: tuple[str, ...], marked: str) -> Tested:
    began, measurement = process_time(), Measurement(modules)
    seen = _Parts(measurement, str(file.relative_to(root)))
    with measurement.under_way():
        _run([str(file)], root, "-m", marked, plugin=seen)
    return Tested(measurement.reached, tuple(seen.failed), process_time() - began)


def _run(tests: Sequence[str], root: Path, *options: str, plugin: object) -> int:
    """Run tests in this process; what they print is swallowed."""
    given = (*options, "-q", "-p", "no:cacheprovider", "--no-header")
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]  # what they imported is not mutated
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the lab's own plugin is among what is mutated
    os.environ["FLK_EXAMINE"] = "python"  # so is the reference
    settings.load_profile("mutants")
    here = Path.cwd()
    os.chdir(root)
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            return pytest.main([*given, *tests], plugins=[plugin])
    finally:
        os.chdir(here)


class _Failures:
    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


class _Parts(_Failures):
    """Tells a measurement which test runs."""

    def __init__(self, measurement: Measurement, file: str) -> None:
        super().__init__()
        self._measurement = measurement
        self._file = self._test = file

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._test = nodeid
        self._measurement.begin(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """What several tests share belongs to the file."""
        shared = fixturedef.scope != "function"
        self._measurement.go_on(self._file if shared else self._test)
        result = yield
        self._measurement.go_on(self._test)
        return result


def _mirror(module: str, root: Path) -> Path:
    return root.joinpath("tests", *module.split(".")[1:-1])


def _matching(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(file for pattern in patterns for file in root.glob(pattern))


def _of_room(module: str, root: Path, patterns: tuple[str, ...]) -> list[Path]:
    room = _mirror(module, root).parent
    return [file for file in _matching(root, patterns) if room in file.parents]


@cache
def _imported(file: Path, root: Path, *, helpers: bool) -> frozenset[str]:
    """The modules that a file imports, with `helpers` also those that helpers import which it imports."""
    found = set(_imports(ast.parse(file.read_text())))
    for name in list(found):
        helper = root / f"{name.replace('.', '/')}.py"
        if helpers and helper.is_file() and helper != file:
            found |= _imported(helper, root, helpers=True)
    return frozenset(found)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
