"""What a protocol's author is told: the file, the line, what is wrong there, and what to write instead."""

import linecache
import sys
from collections.abc import Callable
from pathlib import Path

from flk.spec.errors import UnusableInput

_LANGUAGE = str(Path(__file__).parent)


class IllFormed(UnusableInput):
    """A protocol says something that has no meaning. The message has the file and the line of the author's code, and what to write.

    >>> lamp = Protocol("lamp", "It is on or off.")
    >>> lit = lamp.scalar("lit", BOOL)
    Traceback (most recent call last):
    flk.formal.language.errors.IllFormed: ...: lit: how does it begin? Give initially=..., ANY, or partial=True
    """

    def __init__(self, what: str, place: "tuple[str, int] | None" = None) -> None:
        file, line = place or author_place()
        super().__init__(f"{file}:{line}: {what}")


def author_place() -> tuple[str, int]:
    """File and line of the innermost frame outside the language: the author's own code."""
    frame = sys._getframe(1)  # noqa: SLF001 (the only way to know the caller)
    while frame.f_back is not None and str(Path(frame.f_code.co_filename).parent) == _LANGUAGE:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def place_of(function: Callable[..., object]) -> tuple[str, int]:
    """File and line of a function's `def`, below its decorators."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    beyond = next((n for n, line in enumerate(lines) if line.lstrip().startswith(f"def {code.co_name}(")), 0)
    return code.co_filename, code.co_firstlineno + beyond
