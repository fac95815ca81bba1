"""What takes a minute to find out about the original is kept from one run to the next, in the user's cache directory, and in memory
for the processes that are forked for mutants.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_in_memory: dict[Path, Any] = {}


def kept(name: str, digest: str, kind: type[T], make: Callable[[], T]) -> T:
    """What was kept under a name and a digest of all that it depends on; made, and kept, if nothing was."""
    file = directory() / f"{name}-{digest}.json"
    if file not in _in_memory:
        _in_memory[file] = _from_disk(file, kind, make)
    found: T = _in_memory[file]
    return found


def _from_disk(file: Path, kind: type[T], make: Callable[[], T]) -> T:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(file.read_bytes(), type=kind)
    made = make()
    with suppress(OSError):  # where nothing can be kept, it is made again
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_bytes(msgspec.json.encode(made))
        partial.replace(file)
    return made


def directory() -> Path:
    """Where it is kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "flk" / "mutants"
