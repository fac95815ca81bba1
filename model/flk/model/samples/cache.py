"""The records of a data set on disk, so that they are computed once on a machine and not in every process.

A file is found by the digest of all that its records are computed from: the code of this room, the constants, the data, and the
libraries whose arithmetic enters. What is read counts only if it is, byte for byte, what the lab knows the records to be
(`datasets.DIGESTS`): a file that was changed, cut short or made by other code is computed anew.
"""

import os
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec
import numpy as np

from flk.model.record.record import Pcs

PLACE = "FLK_CACHE"
"""The environment variable that names another directory than `~/.cache/flk`; an empty one turns the cache off."""


def remembered(
    name: str, data: bytes, digest: str, compute: Callable[[], tuple[Pcs, ...]], place: Path | None = None
) -> tuple[Pcs, ...]:
    """The records of the data set `name`, which are computed from `data` and whose encoding has this `digest`.

    They come from `place` if they are there and right; else they are computed, and kept there if they are right and it can be
    written.
    """
    directory = directory_of_caches() if place is None else place
    if directory is None:
        return compute()
    path = directory / f"{name}-{_key(data)}.records"
    try:
        known = path.read_bytes()
    except OSError:
        known = b""
    if digest_of(known) == digest:
        return msgspec.msgpack.decode(known, type=tuple[Pcs, ...])
    records = compute()
    encoded = msgspec.msgpack.encode(records)
    if digest_of(encoded) == digest:
        _keep(path, encoded)
    return records


def digest_of(encoded: bytes) -> str:
    """What names the encoding of records."""
    return sha256(encoded).hexdigest()


def directory_of_caches() -> Path | None:
    """Where records are kept; None if nowhere."""
    named = os.environ.get(PLACE)
    if named is not None:
        return Path(named) if named else None
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flk"


def _key(data: bytes) -> str:
    return sha256(_code() + sha256(data).digest()).hexdigest()[:16]


@cache
def _code() -> bytes:
    """What records are computed with."""
    known = sha256(f"{np.__version__} {zlib.ZLIB_RUNTIME_VERSION}".encode())
    known.update(files("flk.spec").joinpath("constants.toml").read_bytes())
    for path, content in sorted(_sources(files("flk.model"), "")):
        known.update(f"{path}\0{len(content)}\0".encode() + content)
    return known.digest()


def _sources(folder: Traversable, name: str) -> Iterable[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry, f"{name}/{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{name}/{entry.name}", entry.read_bytes()


def _keep(path: Path, encoded: bytes) -> None:
    """Write a file whole, or not at all; where nothing can be written, nothing is kept."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(encoded)
        part.replace(path)
