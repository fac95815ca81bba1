"""Subject files: which SDKs there are and how each is asked, so that one command asks them all.

    [[subject]]
    name = "go"
    command = ["go", "run", "./cmd/flk-subject"]   # or one text, as it would be typed
    directory = "sdks/go"                          # the paths are seen from the file
    profile = "signer"
    known_failures = "known-failures.txt"
    environment = {GOFLAGS = "-mod=mod"}
    generate = 300                                 # so many more cases of each operation, kept where they fail
    keep = "kept-cases.json"

    [subject.delivery]                             # its sender, for `flk conform delivery`; the rest may be left out
    command = ["go", "run", "./cmd/flk-deliver"]
    scenarios = ["busy", "refused-400"]
    known_failures = "known-deliveries.txt"

`operations`, `requirements`, `cases`, `seed` and `deadline` are those of `check_sdk`; `thorough` and `deadline` of a delivery are
those of `check_delivery`.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from flk.conformance.reports.report import Each, Report, unheard
from flk.conformance.reports.stream import Stream
from flk.conformance.sdk.check import check_sdk
from flk.conformance.sdk.driver import DEADLINE_SECONDS
from flk.conformance.sdk.selection import Selection
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest
from flk.spec.profiles import profile
from flk.spec.vectors import Vectors, load

NAME = "flk-subject.toml"
"""What the file is called where nobody says otherwise."""
Command: TypeAlias = Annotated[str, Meta(min_length=1)] | Annotated[tuple[str, ...], Meta(min_length=1)]
"""As it would be typed, or word by word."""


def split(command: Command) -> tuple[str, ...]:
    """The words of a command."""
    return tuple(shlex.split(command)) if isinstance(command, str) else command


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sender of a subject; without a command it is the subject's own."""

    command: Command | None = None
    scenarios: tuple[str, ...] = ()
    known_failures: str | None = None
    thorough: bool = False
    deadline: Annotated[float, Meta(ge=1)] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The command, word by word; none if it is the subject's own."""
        return () if self.command is None else split(self.command)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One subject of a file."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]*$")]
    command: Command
    directory: str = "."
    environment: dict[str, str] = {}
    profile: str | None = None
    operations: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    known_failures: str | None = None
    generate: Annotated[int, Meta(ge=0)] = 0
    seed: Annotated[int, Meta(ge=0)] = 0
    keep: str | None = None
    deadline: Annotated[float, Meta(ge=0.1)] = DEADLINE_SECONDS
    delivery: Delivery | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The command, word by word."""
        return split(self.command)

    def under_its_name(self, report: Report) -> Report:
        """The report on it under its name in the file, with a note of what it calls itself."""
        says = f"calls itself {report.subject}"
        return msgspec.structs.replace(report, subject=self.name, notes=(says, *report.notes))

    @property
    def goes_beyond(self) -> bool:
        """Whether more is asked than the vectors."""
        return self.generate > 0 or self.keep is not None


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: Annotated[tuple[Entry, ...], Meta(min_length=1)]


class SubjectFile(msgspec.Struct, frozen=True):
    """The subjects of a file, whose paths are seen from the folder that it is in."""

    path: Path
    subjects: tuple[Entry, ...]

    def named(self, names: Iterable[str]) -> tuple[Entry, ...]:
        """Those of some names, all for none. Raises UnusableInput for a name that no subject has."""
        known = {entry.name: entry for entry in self.subjects}
        chosen = tuple(names)
        for name in chosen:
            if name not in known:
                raise UnusableInput(f"{self.path}: no subject is called {name}; {nearest(name, known)}")
        return tuple(known[name] for name in chosen) or self.subjects

    def ask(
        self,
        entry: Entry,
        *,
        requirements: Sequence[str] = (),
        cases: Sequence[str] = (),
        beyond: bool = True,
        progress: bool | None = None,
        each: Each = unheard,
    ) -> Report:
        """The report on one of them, under its name in the file. `requirements` and `cases` stand in place of its own. Without
        `beyond` only vectors are asked.

        Raises UnusableInput as `check_sdk` does.
        """
        folder = self.path.parent
        report = check_sdk(
            entry.words,
            entry.operations,
            profile=entry.profile,
            requirements=requirements or entry.requirements,
            cases=cases or entry.cases,
            known_failures=None if entry.known_failures is None else folder / entry.known_failures,
            generate=entry.generate if beyond else 0,
            seed=entry.seed,
            keep=None if entry.keep is None or not beyond else folder / entry.keep,
            directory=self.directory(entry),
            environment=entry.environment,
            deadline=entry.deadline,
            progress=progress,
            each=each,
        )
        return entry.under_its_name(report)

    def vectors(self, entry: Entry) -> tuple[Vectors, ...]:
        """The cases that a subject is asked, as the file says. Raises UnusableInput for a name of nothing."""
        required = None if entry.profile is None else profile(entry.profile)
        return Selection(entry.operations, required, entry.requirements, entry.cases).of(load())

    def directory(self, entry: Entry) -> Path:
        """Where a subject runs. Raises UnusableInput if that is no folder."""
        directory = self.path.parent / entry.directory
        if not directory.is_dir():
            raise UnusableInput(
                f"{self.path}: {entry.name}: directory {entry.directory} is no folder seen from the file"
            )
        return directory


def read_subjects(path: str | PathLike[str]) -> SubjectFile:
    """The file. Raises UnusableInput if it cannot be read, says something that it cannot, or names a subject twice."""
    place = Path(path)
    try:
        table = msgspec.toml.decode(place.read_bytes(), type=_Table)
    except OSError as error:
        raise UnusableInput(f"{path}: cannot be read: {error.strerror}; fix: name a subject file") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path}: {error}; fix: a [[subject]] has name and command, and may have more") from None
    names = [entry.name for entry in table.subject]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnusableInput(f"{path}: {', '.join(twice)} is there twice; fix: give each subject a name of its own")
    return SubjectFile(place.absolute(), table.subject)


def check_subjects(
    path: str | PathLike[str] = NAME,
    names: Iterable[str] = (),
    *,
    requirements: Sequence[str] = (),
    cases: Sequence[str] = (),
    progress: bool | None = None,
    heard: Callable[[Entry], Stream] | None = None,
) -> tuple[Report, ...]:
    """Ask the subjects of a subject file, one after the other: a report each, under its name in the file.

    `names` are some of them (none: all); `requirements` and `cases` narrow what is asked, in place of what the file says. `heard`
    is called with each subject and gives the stream that its results are written to as they come. A subject that cannot be asked
    has a report without results, which says why; its verdict is undecided. Raises UnusableInput if the file cannot be used.

    >>> import sys, tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "flk-subject.toml")
    >>> _ = file.write_text(f'''[[subject]]
    ... name = "model"
    ... command = ["{sys.executable}", "-m", "flk.conformance.sdk.subject"]
    ... ''')
    >>> check_subjects(file, cases=["regime/1.5-*"])
    (<Report on model: holds; ... passed>,)
    """
    file = read_subjects(path)
    Selection(requirements=tuple(requirements), cases=tuple(cases)).of(
        load()
    )  # a name of nothing is no subject's fault

    def ask(entry: Entry, each: Each) -> Report:
        return file.ask(entry, requirements=requirements, cases=cases, progress=progress, each=each)

    return tuple(reports(file.named(names), ask, heard))


def reports(
    entries: Iterable[Entry], ask: Callable[[Entry, Each], Report], heard: Callable[[Entry], Stream] | None
) -> Iterator[Report]:
    """What `ask` reports on each subject, told to the stream that `heard` gives; one that cannot be asked has no results."""
    for entry in entries:
        stream = None if heard is None else heard(entry)
        try:
            report = ask(entry, unheard if stream is None else stream.result)
        except UnusableInput as unusable:
            report = Report(entry.name, (), notes=(f"could not be asked: {unusable}",))
        if stream is not None:
            stream.end(report)
        yield report
