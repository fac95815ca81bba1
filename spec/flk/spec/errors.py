"""The one exception for input that a person gave and cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class UnusableInput(ValueError):
    """A scenario, key file, trace or data file is unusable. The message names the file, the line or field, and the fix.

    The command prints it as one message and exits with 2.
    """


@contextmanager
def writing(path: str | PathLike[str], what: str = "") -> Iterator[None]:
    """Write a file that a person named; `what` is written, such as `the report`. A file that cannot be is UnusableInput."""
    try:
        yield
    except OSError as error:
        problem = f"{path}: {what} cannot be written" if what else f"{path}: cannot be written"
        mend = (
            "let this user write there"
            if isinstance(error, PermissionError)
            else "name a file in a directory that exists"
        )
        raise UnusableInput(f"{problem}: {error.strerror}; {mend}") from None


class MissingExtra(UnusableInput):
    """A part of the lab needs a package that is not installed; the message is the line to type."""


@contextmanager
def needs(extra: str, part: str) -> Iterator[None]:
    """Import within this what belongs to an extra of the distribution.

    `with needs("sim", "the simulator"): import simpy` is how it is used. Raises MissingExtra, with the line that installs it, for a
    package that is not there. A module of the lab itself that is missing is a defect, and stays an ImportError.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in {"", "flk"}:
            raise
        raise MissingExtra(f"{part} needs the package {missing}: pip install 'flk-lab[{extra}]'") from error
