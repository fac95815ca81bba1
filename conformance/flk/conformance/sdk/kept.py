"""Cases that are kept: a file of vectors of one's own. Generated cases that failed are added to it; it is asked each time."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import msgspec

from flk.conformance.drafts.draft import FLAGS
from flk.conformance.drafts.generate import text
from flk.conformance.operations import OPERATIONS
from flk.spec.errors import UnusableInput, writing
from flk.spec.hints import nearest
from flk.spec.vectors import Case, Origin, Vectors


def read(path: str | PathLike[str]) -> tuple[Vectors, ...]:
    """The cases of the file, none if there is no such file yet. Raises UnusableInput if it is none of ours."""
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UnusableInput(f"{path}: cannot be read: {error.strerror}; name a file that can, or a new one") from None
    try:
        kept = msgspec.json.decode(raw, type=tuple[Vectors, ...])
    except msgspec.DecodeError as error:
        raise UnusableInput(f"{path}: holds no kept cases: {error}; `--keep` of a new file writes the form") from None
    for group in kept:
        if group.operation not in OPERATIONS:
            hint = nearest(group.operation, list(OPERATIONS))
            raise UnusableInput(f"{path}: no operation is called {group.operation}; {hint}")
    return kept


def add(path: str | PathLike[str], cases: Iterable[Case]) -> int:
    """Writes these cases to the file, beside those that it has; how many are new. Raises UnusableInput if it cannot be written."""
    known = {case.id: case for group in read(path) for case in group.cases}
    new = {case.id: case for case in cases if case.id not in known}
    if new:
        groups = [_group(name, {**known, **new}.values()) for name in OPERATIONS]
        with writing(Path(path)):
            Path(path).write_text(
                "[\n" + ",\n".join(text(one).rstrip() for one in groups if one.cases) + "\n]\n", "utf-8"
            )
    return len(new)


def _group(operation: str, cases: Iterable[Case]) -> Vectors:
    mine = tuple(case for case in cases if case.id.partition("/")[0] == operation)
    requirements = tuple(sorted({name for case in mine for name in case.requirements}))
    flags = {flag: FLAGS[flag] for flag in sorted({flag for case in mine for flag in case.flags})}
    return Vectors(operation, Origin.MODEL, requirements, "generated cases that were kept", flags, mine)
