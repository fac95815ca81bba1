"""The one exception for input that a person gave and cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class UnusableInput(ValueError):
    """A scenario, key file, trace or data file is unusable. The message names the file, the line or field, and the mend.

    The command prints it as one message and exits with 2.
    """


@contextmanager
def writing(path: str | PathLike[str], what: str = "") -> Iterator[None]:
    """Write a file that a person named; `what` is written, such as `the report`. A file that cannot be is UnusableInput."""
    try:
        yield
    except OSError as error:
        told = f"{path}: {what} cannot be written" if what else f"{path}: cannot be written"
        raise UnusableInput(f"{told}: {error.strerror}; name a file in a directory that exists") from None
