"""The C compiler of this machine, and what it makes: made once, and kept in the user's cache directory for the next run."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from flk.spec.errors import UnusableInput


def compiler() -> str | None:
    """The path of the C compiler that is used: $CC, or else cc, gcc or clang."""
    names = [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang"]
    return next(filter(None, map(shutil.which, names)), None)


def shared_library(source: str, found: str, flags: Sequence[str]) -> Path:
    """What the compiler `found` makes from a file of C, kept from one run to the next. Raises UnusableInput if it fails."""
    name = directory() / f"{key([source, found, *flags])}.so"
    if not name.exists():
        with TemporaryDirectory(dir=name.parent) as place:
            text, made = Path(place, "source.c"), Path(place, "library.so")
            text.write_text(source, "utf-8")
            command = [found, "-o", str(made), str(text), *flags]  # libraries that are linked come last
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (the user's compiler)
            if done.returncode:
                raise UnusableInput(f"C compiler: {found} fails:\n{done.stderr[:2000]}")
            text.replace(name.with_suffix(".c"))  # for those who want to read it
            made.replace(name)
    return name


def directory() -> Path:
    """Where what is compiled is kept, named by a hash of its text; it exists. One for this run only if the user's cache cannot be
    written.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    chosen = (Path(base) if base else Path.home() / ".cache") / "flk" / "compiled"
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
    return TemporaryDirectory(prefix="flk-compiled-", ignore_cleanup_errors=True)
