"""The file that a run's trace is written to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from flk.spec.errors import writing


@contextmanager
def opened(trace: Path | None) -> Iterator[BinaryIO | None]:
    """The file that the trace is written to, if one is named. Raises UnusableInput if it cannot be written."""
    if trace is None:
        yield None
        return
    with writing(trace, "the trace"):
        file = trace.open("wb")
    with file:
        yield file
