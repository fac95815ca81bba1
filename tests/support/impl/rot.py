"""Changing files as rot does: nothing says when."""

import os
from collections.abc import Callable
from pathlib import Path


def change(path: Path, offset: int, change_it: Callable[[bytes], bytes], size: int) -> None:
    """Change bytes of a file behind everybody's back."""
    when = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        content = change_it(file.read(size))
        file.seek(offset)
        file.write(content)
    os.utime(path, ns=(when.st_atime_ns, when.st_mtime_ns))


def flip(path: Path, place: int) -> None:
    """Change one bit of a file."""
    change(path, place // 8, lambda byte: bytes([byte[0] ^ 1 << place % 8]), 1)


def copy(path: Path, aside: Path) -> None:
    """Copy a file, with the time of its last change."""
    aside.write_bytes(path.read_bytes())
    when = path.stat()
    os.utime(aside, ns=(when.st_atime_ns, when.st_mtime_ns))
