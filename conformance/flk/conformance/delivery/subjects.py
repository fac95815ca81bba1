"""The senders of a subject file, so that one command plays to them all."""

from collections.abc import Callable, Sequence
from os import PathLike

from flk.conformance.delivery.check import DEADLINE_SECONDS, check_delivery, delivery_scenarios
from flk.conformance.reports.report import Each, Report
from flk.conformance.reports.stream import Stream
from flk.conformance.sdk.subjects import NAME, Entry, read_subjects, reports
from flk.spec.errors import UnusableInput


def check_deliveries(
    path: str | PathLike[str] = NAME,
    names: Sequence[str] = (),
    *,
    scenarios: Sequence[str] = (),
    thorough: bool = False,
    progress: bool | None = None,
    heard: Callable[[Entry], Stream] | None = None,
) -> tuple[Report, ...]:
    """Play to the sender of each subject of a subject file that has one: a report each, under its name in the file.

    `names` are some subjects (none: all that have a sender); `scenarios` stand in place of what the file says. `heard` is called
    with each subject and gives the stream that its results are written to as they come. A sender that cannot be asked has a report
    without results, which says why; its verdict is undecided. Raises UnusableInput if the file cannot be used, and if no subject of
    those names has a sender.

    >>> import tempfile, pathlib, sys
    >>> file = pathlib.Path(tempfile.mkdtemp(), "flk-subject.toml")
    >>> flk = f"{sys.executable} -m flk.impl.command"
    >>> _ = file.write_text(f'''[[subject]]
    ... name = "agent"
    ... command = "{flk} conform subject"
    ... delivery = {{command = "{flk} conform sender", scenarios = ["acknowledged"]}}
    ... ''')
    >>> check_deliveries(file)
    (<Report on agent: holds; 1 passed>,)
    """
    delivery_scenarios(*scenarios)
    file = read_subjects(path)
    entries = [entry for entry in file.named(names) if entry.delivery is not None]
    if not entries:
        raise UnusableInput(
            f"{path}: no subject has a sender; fix: give one a table [subject.delivery] with its command"
        )

    def play(entry: Entry, each: Each) -> Report:
        sender = entry.delivery
        assert sender is not None, "only those were chosen"
        known = sender.known_failures
        report = check_delivery(
            sender.words or entry.words,
            scenarios or sender.scenarios,
            thorough=thorough or sender.thorough,
            known_failures=None if known is None else file.path.parent / known,
            directory=file.directory(entry),
            environment=entry.environment,
            deadline=sender.deadline or DEADLINE_SECONDS,
            progress=progress,
            each=each,
        )
        return entry.under_its_name(report)

    return tuple(reports(entries, play, heard))
