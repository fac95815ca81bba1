"""The C compiler of this machine, and the shared libraries that it makes, each made once."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from flk.formal.explicit.engines.cache import directory, key
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
            text, made = Path(place, "explorer.c"), Path(place, "explorer.so")
            text.write_text(source, "utf-8")
            command = [found, *flags, "-o", str(made), str(text)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (the user's compiler)
            if done.returncode:
                raise UnusableInput(f"C compiler: {found} fails:\n{done.stderr[:2000]}")
            text.replace(name.with_suffix(".c"))  # for those who want to read it
            made.replace(name)
    return name
