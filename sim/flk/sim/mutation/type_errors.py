"""The type checker as a check: what mypy says of a module with other source in its place."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile

from flk.sim.mutation.kept import directory

INSTALLED = find_spec("mypy") is not None
_TRIVIAL = {"unreachable", "unused-ignore", "redundant-expr", "comparison-overlap"}
"""Codes of errors that come of writing `False` for a condition, which nobody does by mistake."""


def first_error(module: str, path: str, source: str, root: Path) -> str:
    """The first error in the module, empty if there is none. The project's configuration holds, whose directory is `root`."""
    from mypy import api

    here = Path.cwd()
    os.chdir(root)
    try:
        with NamedTemporaryFile("w", suffix=".py") as file:
            file.write(source)
            file.flush()
            shadow = ("--shadow-file", path, file.name)
            shown = ("--no-error-summary", "--no-pretty", "--hide-error-context", "--follow-imports", "silent")
            said, failed, _ = api.run([*shadow, *shown, "--cache-dir", str(directory() / "mypy"), "-m", module])
    finally:
        os.chdir(here)
    if failed:
        raise RuntimeError(f"mypy ended with: {failed.splitlines()[-1]}")
    errors = (re.fullmatch(r"(.*):\d+: error: (.*)  \[([a-z-]+)\]", line) for line in said.splitlines())
    return next((found[2] for found in errors if found and found[3] not in _TRIVIAL), "")
