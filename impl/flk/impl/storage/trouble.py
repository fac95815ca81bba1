"""What a file system refuses, and what to do about it: one sentence for whoever operates the node."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flk.spec.errors import UnusableInput

_MENDS = {
    errno.ENOSPC: "make room on its file system",
    errno.EDQUOT: "make room, or raise the quota",
    errno.EFBIG: "raise the limit on the size of files: ulimit -f unlimited",
    errno.EROFS: "mount its file system for writing",
    errno.EACCES: "let this user read and write there",
    errno.EPERM: "let this user read and write there",
    errno.EMFILE: "raise the limit on open files: ulimit -n",
    errno.ENOENT: "check the path, and that its file system is mounted",
    errno.ENOTDIR: "name a directory",
    errno.EEXIST: "name a directory",
    errno.EISDIR: "name a file",
    errno.EIO: "replace the disk",
}


def trouble(error: OSError) -> str:
    """What went wrong, and what to do.

    >>> trouble(OSError(errno.ENOSPC, "No space left on device"))
    'No space left on device; fix: make room on its file system'
    """
    mend = _MENDS.get(error.errno or 0, "check the disk and the permissions")
    return f"{error.strerror or error}; fix: {mend}"


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Turn what the file system refuses inside into UnusableInput that names the path and the fix."""
    try:
        yield
    except OSError as error:
        raise UnusableInput(f"{path}: {trouble(error)}") from None


def largest_file() -> int | None:
    """The most bytes that a file of this process may have (RLIMIT_FSIZE), None if there is no limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if limit == resource.RLIM_INFINITY else limit


def free_bytes(directory: Path) -> int:
    """The bytes that this user may still write to the file system. Raises OSError."""
    free = os.statvfs(directory)
    return free.f_bavail * free.f_frsize
