"""Which lines each part of a check reaches, such as each seed of a hunt: a mutant elsewhere changes nothing about that part.

A run is a function of its seed and of the code that it runs through. So a seed whose run never comes to the mutated statement need
not be run again, which makes hunting for a mutant in a rare place as quick as for one in a common place.
"""

import ast
import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper, lru_cache
from types import CodeType, FrameType
from typing import Any, TypeAlias

Lines: TypeAlias = dict[str, set[int]]
"""The lines that were run, by file."""


@contextmanager
def recorded(files: Iterable[str]) -> Iterator[Lines]:
    """The lines of these files that run within. Memories of functions are cleared before, so that each part starts alike."""
    for memory in gc.get_objects():
        if isinstance(memory, _lru_cache_wrapper):
            memory.cache_clear()
    lines: Lines = {file: set() for file in files}
    left: dict[CodeType, set[int]] = {}

    def called(frame: FrameType, event: str, argument: object) -> Any:
        del event, argument
        code = frame.f_code
        if code.co_filename not in lines:
            return None
        missing = left.get(code)
        if missing is None:
            missing = left[code] = {number for _, _, number in code.co_lines() if number}
            lines[code.co_filename].add(code.co_firstlineno)
        if not missing:  # all of it has run already
            return None
        run, miss = lines[code.co_filename].add, missing.discard

        def line(frame: FrameType, event: str, argument: object) -> Any:
            del event, argument
            run(frame.f_lineno)
            miss(frame.f_lineno)
            return line

        return line(frame, "", None)

    before = sys.gettrace()
    sys.settrace(called)
    try:
        yield lines
    finally:
        sys.settrace(before)


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
