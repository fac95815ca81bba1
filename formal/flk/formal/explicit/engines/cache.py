"""Where compiled explorers are kept from one run to the next: in the user's cache directory, named by a hash of their text."""

import os
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory


def directory() -> Path:
    """The directory, which exists; one for this run only if the user's cache cannot be written."""
    base = os.environ.get("XDG_CACHE_HOME")
    chosen = (Path(base) if base else Path.home() / ".cache") / "flk" / "explorers"
    try:
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return Path(_own().name)
    return chosen if os.access(chosen, os.W_OK) else Path(_own().name)


def key(parts: Iterable[str]) -> str:
    """A name for what is made of these parts."""
    return sha256("\0".join(parts).encode()).hexdigest()[:24]


@cache
def _own() -> "TemporaryDirectory[str]":
    """Removed when the program ends."""
    return TemporaryDirectory(prefix="flk-explorers-", ignore_cleanup_errors=True)
