"""`flk` in a process whose log cannot be synchronised any more once a file named `fail` is in its working directory."""

import errno
import os
from pathlib import Path

from flk.impl.command import main

_SYNCHRONISE = os.fdatasync


def synchronise(fd: int) -> None:
    """What a disk does that fails on a day."""
    if Path("fail").exists():
        raise OSError(errno.EIO, "bad disk")
    _SYNCHRONISE(fd)


if __name__ == "__main__":
    setattr(os, "fdatasync", synchronise)  # noqa: B010  (typeshed has it take more than descriptors)
    main()
