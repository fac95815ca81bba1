"""What a node reads again while it runs, on SIGHUP or when an operator asks for it (API-9, SIGN-8, TEN-5, TLS-4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from flk.spec.errors import UnusableInput

log = structlog.get_logger()


class File(Protocol):
    """What is read from a file."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def reload(self) -> None:
        """Read it again. Raises UnusableInput, with all as it was, if there is a mistake in it."""
        ...


class Reloaded(msgspec.Struct, frozen=True):
    """What came of reading a file again: nothing is wrong, or what is, and then what was read before counts."""

    what: str
    file: str
    wrong: str = ""


class Reload:
    """Reads all files again; whatever is wrong with one keeps no other from being read."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}

    def add(self, what: str, file: File) -> None:
        """Read this, too."""
        self._files[what] = file

    def __call__(self) -> Sequence[Reloaded]:
        """Read them, in the order in which they were added, log what came of each, and say so."""
        return [self._again(what, file) for what, file in self._files.items()]

    def _again(self, what: str, file: File) -> Reloaded:
        try:
            file.reload()
        except UnusableInput as mistake:
            log.error(f"{what}.not_reloaded", reason=str(mistake))  # noqa: TRY400  (the message names line and fix)
            return Reloaded(what, str(file.path), str(mistake))
        log.info(f"{what}.reloaded", file=str(file.path))
        return Reloaded(what, str(file.path))
