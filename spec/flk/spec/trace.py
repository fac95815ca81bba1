"""From each requirement to its evidence, and what is missing on the way."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec

from flk.spec.requirements import Level, Requirement

Resolver = Callable[[str], bool]
"""Whether evidence of that name exists. One for each kind of evidence."""


class Row(msgspec.Struct, frozen=True):
    """One requirement of the matrix and what is wrong with its evidence (nothing, if it is well shown)."""

    requirement: Requirement
    problems: tuple[str, ...]


def trace(catalogue: Iterable[Requirement], resolve: Mapping[str, Resolver]) -> tuple[Row, ...]:
    """A row for each requirement. A MUST without evidence is a problem, and so is evidence that does not exist.

    `resolve` maps a kind of evidence to its resolver; evidence of a kind that has none counts as missing.
    """
    return tuple(Row(requirement, tuple(_problems(requirement, resolve))) for requirement in catalogue)


def exit_code(rows: Iterable[Row]) -> int:
    """0 if every row is free of problems, else 1."""
    return int(any(row.problems for row in rows))


def _problems(requirement: Requirement, resolve: Mapping[str, Resolver]) -> Iterator[str]:
    if requirement.level is Level.MUST and not requirement.evidence:
        yield "no evidence: name a test, a vector, a proof, a scenario or a check that fails when this does not hold"
    for item in requirement.evidence:
        kind, _, name = item.partition(" ")
        if kind not in resolve:
            yield f"{item}: nothing here can look up a {kind}"
        elif not resolve[kind](name):
            yield f"{item}: does not exist"


def resolve_tests(root: Path) -> Resolver:
    """A resolver of `tests/ROOM/test_SUBJECT.py::test_name`, or `::TestClass::test_name`, by reading the files under `root`.

    Nothing is imported, so a test exists or not whatever state the code is in.
    """

    @cache
    def defined(path: str) -> frozenset[str]:
        file = root / path
        return frozenset(_tests(ast.parse(file.read_text("utf-8")).body)) if file.is_file() else frozenset()

    def exists(name: str) -> bool:
        path, _, function = name.partition("::")
        return function in defined(path)

    return exists


def _tests(body: list[ast.stmt]) -> Iterator[str]:
    """The names by which pytest calls the tests of a module or a class."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
                yield name
            case ast.ClassDef(name=name) if name.startswith("Test"):
                yield name
                yield from (f"{name}::{method}" for method in _tests(statement.body))
            case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("Test"):
                yield name  # a state machine of Hypothesis is bound so: TestStore = Store.TestCase
