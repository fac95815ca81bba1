"""Which lines each part of a check reaches, such as each seed of a hunt: a mutant elsewhere changes nothing about that part.

A run is a function of its seed and of the code that it runs through. So a seed whose run never comes to the mutated statement need
not be run again, which makes hunting for a mutant in a rare place as quick as for one in a common place. Tests are chosen likewise.
"""

import ast
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import _lru_cache_wrapper, lru_cache
from importlib import import_module
from multiprocessing import get_context
from os import cpu_count
from typing import ParamSpec, TypeVar

import msgspec
from coverage import Coverage

from flk.formal.mutation.mutant import Mutant

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_NONE: frozenset[int] = frozenset()


class Reached(msgspec.Struct, frozen=True):
    """The lines that each part reaches, by its name and by module. `always` are those reached before the first, by setting up, that
    every part depends on.
    """

    always: dict[str, frozenset[int]]
    parts: dict[str, dict[str, frozenset[int]]]

    def concerning(self, mutant: Mutant) -> tuple[str, ...]:
        """The parts that reach the mutated statement: all, where importing or setting up does, or where nothing is known of it."""
        lines = statement_lines(mutant.original, mutant.line)
        if lines is None or not self.always.get(mutant.module, frozenset(lines)).isdisjoint(lines):
            return tuple(self.parts)
        return tuple(
            name for name, found in self.parts.items() if not found.get(mutant.module, _NONE).isdisjoint(lines)
        )


def joined(found: Sequence[Reached]) -> Reached:
    """Measurements of different parts, made by processes that set up alike, as one."""
    return Reached(found[0].always, {name: lines for each in found for name, lines in each.parts.items()})


class Measurement:
    """What is measured so far. It begins with setting up."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._files = {str(import_module(module).__file__): module for module in modules}
        self._coverage = Coverage(data_file=None, include=list(self._files), config_file=False)
        # The only tracer that can tell parts from one another without a file, on every version of Python.
        self._coverage.set_option("run:core", "ctrace")
        self._names: list[str] = []

    def begin(self, part: str) -> None:
        """What runs from now on belongs to this part, new or not. Memories of functions are cleared, so that each starts alike."""
        _forget()
        self.go_on(part)

    def go_on(self, part: str) -> None:
        """What runs from now on belongs to this part, new or not."""
        if part not in self._names:
            self._names.append(part)
        self._coverage.switch_context(part)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Measure what runs within."""
        _forget()
        self._coverage.start()
        try:
            yield
        finally:
            self._coverage.stop()

    @property
    def reached(self) -> Reached:
        """What was found, once it is over."""
        data = self._coverage.get_data()
        parts: dict[str, dict[str, set[int]]] = {name: {} for name in ("", *self._names)}
        for file, module in self._files.items():
            for number, names in data.contexts_by_lineno(file).items():
                for name in names:
                    parts[name].setdefault(module, set()).add(number)
        found = {name: {module: frozenset(lines) for module, lines in part.items()} for name, part in parts.items()}
        always = found.pop("")
        return Reached({module: always.get(module, _NONE) for module in self._files.values()}, found)


def apart(function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """What a function gives that measures, in a process of its own: measuring clears the memories of functions in its process."""
    with ProcessPoolExecutor(1, get_context("fork")) as child:
        return child.submit(function, *arguments, **options).result()


def shared_out(function: Callable[[Sequence[T]], R], series: Sequence[T]) -> list[R]:
    """What a function gives that measures, for parts of a series, one on each core."""
    number = min(cpu_count() or 1, len(series))
    with ProcessPoolExecutor(number, get_context("fork")) as children:
        return list(children.map(function, [series[first::number] for first in range(number)]))


def _forget() -> None:
    for memory in gc.get_objects():
        if isinstance(memory, _lru_cache_wrapper):
            memory.cache_clear()


@lru_cache(maxsize=4096)
def statement_lines(text: str, line: int) -> range | None:
    r"""The lines of the innermost statement that a line belongs to; None outside of functions, where an import runs it.

    Of a statement that has a block, only its head counts.

    >>> statement_lines("def f(x):\n    if (x and\n        x > 1):\n        return 1\n", 3)
    range(2, 4)
    """
    nodes = list(ast.walk(_parsed(text)))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    if not any(node.body[0].lineno <= line <= (node.end_lineno or 0) for node in functions):
        return None
    heads = (_head(node) for node in nodes if isinstance(node, ast.stmt | ast.excepthandler))
    return min((lines for lines in heads if line in lines), key=len, default=None)


@lru_cache(maxsize=8)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _head(statement: ast.stmt | ast.excepthandler) -> range:
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return range(statement.lineno, max(statement.lineno, last) + 1)
