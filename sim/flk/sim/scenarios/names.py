"""What names must look like, and whether they name anything."""

import re
from collections.abc import Iterable, Iterator, Sequence

from flk.sim.scenarios.document import ValidationError
from flk.spec.hints import nearest

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def bad_label(field: str, label: str) -> Iterator[ValidationError]:
    """A name that would not do in a command, a file name and a trace."""
    if not _LABEL.fullmatch(label):
        yield ValidationError(
            field, f"{label!r} cannot be a name here; use letters, digits, dots, hyphens and underscores"
        )


def unknown(field: str, name: str, known: Sequence[str], what: str) -> Iterator[ValidationError]:
    """A name of something that the scenario does not have."""
    if name not in known:
        yield ValidationError(field, f"{name!r} is not a {what} of this scenario; {nearest(name, known)}")


def all_unknown(field: str, names: Iterable[str], known: Sequence[str], what: str) -> Iterator[ValidationError]:
    """Those of the names that the scenario does not have, in order."""
    for name in sorted(names):
        yield from unknown(field, name, known, what)
