"""Validating: is what a system did, told by a log of events, a path of the protocol?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from flk.formal.api.progress import stage_bar
from flk.formal.api.subject import Subject, find
from flk.formal.traces.validation import Validation
from flk.spec.errors import UnusableInput

Trace: TypeAlias = str | PathLike[str] | Iterable[bytes | Mapping[str, object]]
"""A file of JSON lines, or the events themselves: as lines, or as objects with the same fields."""


def validate(
    protocol: Subject,
    trace: Trace,
    *,
    source: str = "trace",
    hidden: Sequence[str] = (),
    limit: int = 100_000,
    progress: bool | None = None,
) -> Validation:
    """Follow a trace through a protocol: Accepted, Rejected at an event, or Undecided within the limit.

    `trace` is a file of JSON lines or its events, in their order: `{"action": "TMCommit", "state": {…}}`, each with as much or as
    little of the state as was seen (`flk.formal.traces` has the format); `source` is what messages call events that come from no
    file. `hidden` names actions that may happen unseen before any
    event. At most `limit` steps are tried to explain one event. The budgets of trouble that keep exploration finite are
    left out. `progress` shows a bar, or does not; None shows it where somebody watches.

    Raises UnusableInput, naming source and line, for a trace that is empty, cannot be read, or says what has no meaning.

    >>> validate("two-phase-commit", [{"action": "RMPrepare", "arguments": {"r": "a"}}, {"action": "TMAbort"}])
    <accepted by two-phase-commit: 2 events>
    >>> validate("two-phase-commit", [{"action": "RMRcvCommitMsg", "arguments": {"r": "a"}}]).reasons[0].what
    'commit_sent'
    """
    from flk.formal.traces.relaxations import unlimited
    from flk.formal.traces.validator import validate as followed

    subject = unlimited(find(protocol))
    with stage_bar(f"following {subject.name}", progress) as say, _lines(trace, source) as (lines, named):
        return followed(
            subject, lines, named, hidden=hidden, limit=limit, on_progress=lambda events: say(f"{events:,} events")
        )


@contextmanager
def _lines(trace: Trace, source: str) -> Iterator[tuple[Iterable[bytes], str]]:
    """The lines, and what they are called. Raises UnusableInput for a file that cannot be read."""
    if not isinstance(trace, str | PathLike):
        yield map(_line, trace), source
        return
    path = Path(trace)
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnusableInput(f"{path}: cannot be read: {error.strerror}; name a trace that exists") from None
    with file:
        yield file, str(path)


def _line(event: bytes | Mapping[str, object]) -> bytes:
    import msgspec

    return event if isinstance(event, bytes) else msgspec.json.encode(dict(event))
