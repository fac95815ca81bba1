"""The tests of a project as a check: those that import the mutant's module, in this process, until one fails."""

import ast
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import pytest


def tests_of(module: str, root: Path, folders: tuple[str, ...]) -> tuple[Path, ...]:
    """The test files below the folders that are about a module: those that import it; in the folder that mirrors the module's own
    also those that do through helpers; and all of that folder if there are none.
    """
    mirror = root.joinpath("tests", *module.split(".")[1:-1])
    files = sorted(file for folder in folders for file in (root / folder).rglob("test_*.py"))
    beside = [file for file in files if file.parent == mirror]
    chosen = [file for file in files if module in _imported(file, root, helpers=file.parent == mirror)] or beside
    named = [file for file in files if file.stem == f"test_{module.rpartition('.')[2]}"]
    return tuple(dict.fromkeys([*named, *chosen]))


def failing(files: tuple[Path, ...], root: Path) -> str | None:
    """The first test that fails, None if all pass. What the tests print is swallowed."""
    seen = _Failures()
    options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "-m", "not slow"]
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]  # what they imported is not mutated
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the lab's own plugin is among what is mutated
    here = Path.cwd()
    os.chdir(root)
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            status = pytest.main([*options, *map(str, files)], plugins=[seen])
    finally:
        os.chdir(here)
    if seen.failed:
        return seen.failed[0]
    return (
        None if status in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} else f"pytest ended with {status!r}"
    )


class _Failures:
    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


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
