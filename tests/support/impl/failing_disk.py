"""`flk` whose log cannot be synchronised once a file exists: `python -m tests.support.impl.failing_disk FILE SECONDS …`.

It stays for so many seconds then.
"""

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from flk.impl.command import main
from flk.impl.server import lifecycle

_SYNCHRONISE = os.fdatasync


def command(sign: Path, stays: float, serve: Sequence[str]) -> list[str]:
    """The command that serves so."""
    return [sys.executable, "-m", "tests.support.impl.failing_disk", str(sign), str(stays), *serve]


def fail(sign: Path) -> None:
    """Let synchronising fail when the file exists."""

    def synchronise(fd: int) -> None:
        if sign.exists():
            raise OSError(errno.EIO, "bad disk")
        _SYNCHRONISE(fd)

    setattr(os, "fdatasync", synchronise)  # noqa: B010  (typeshed has it take more than descriptors)


if __name__ == "__main__":
    fail(Path(sys.argv.pop(1)))
    lifecycle.STAY_SECONDS = float(sys.argv.pop(1))
    main()
