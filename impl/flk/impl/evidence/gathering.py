"""From what a person names to what a report is made of: files and addresses are read once, and their bytes kept (EVD-2)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import httpx

from flk.impl.data.transparency import Log
from flk.impl.evidence import reading
from flk.impl.evidence.survey import proofs, survey
from flk.impl.http.trust import Trust
from flk.impl.storage.trouble import usable
from flk.model.compliance.pack import CHECKPOINT, PAGE, PROOFS, REPORT, SINCE
from flk.model.compliance.report import Report, SourceFile, report, written
from flk.model.compliance.sources import LogSeen, Period, Run, Sources
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.notes import BadNote, Verifier
from flk.spec.constants import CONSTANTS
from flk.spec.controls import Table
from flk.spec.errors import UnusableInput

LIMITS = CONSTANTS.evidence
_TIMEOUT = 30.0
_SUFFIXES = {"tests": "xml", "claims": "json", "run": "json", "metrics": "prom"}
"""Kinds of sources that are files, and what their names in a pack end in."""
_STEM = re.compile(rf"source/({'|'.join(_SUFFIXES)})-[0-9]+\.[a-z]+")


@dataclass(frozen=True)
class Given:
    """A source that was read: its kind, its bytes and where they come from, and its name in a pack."""

    kind: str
    name: str
    origin: str
    content: bytes

    @property
    def file(self) -> SourceFile:
        """What a report says of it."""
        return SourceFile(self.kind, self.name, self.origin, sha256(self.content).hexdigest())


@dataclass
class Collection:
    """Sources of files and addresses, in the order in which they were named."""

    given: list[Given] = field(default_factory=list)

    def read(self, kind: str, origin: str, trust: Trust | None = None) -> None:
        """Read a file, or what an address of HTTP answers. Raises UnusableInput."""
        content = _fetched(origin, trust) if origin.startswith(("http://", "https://")) else _file(Path(origin))
        number = sum(one.kind == kind for one in self.given) + 1
        name = f"source/{kind}-{number}.{_SUFFIXES[kind]}"
        shown = origin if "://" in origin else Path(origin).name  # no path of whoever made it
        self.given.append(Given(kind, name, shown, content))

    def sources(self, log: LogSeen | None) -> Sources:
        """What they say. Raises UnusableInput."""
        of: dict[str, list[Given]] = {kind: [one for one in self.given if one.kind == kind] for kind in _SUFFIXES}
        tests = [(one.origin, one.content) for one in of["tests"]]
        judged = [reading.claims(one.origin, one.content) for one in of["claims"]]
        scrapes = [sample for one in of["metrics"] for sample in reading.samples(one.origin, one.content)]
        return Sources(
            reading.tests(tests) if tests else None,
            {name: claim for some in judged for name, claim in some.items()} if judged else None,
            tuple(_run(one) for one in of["run"]),
            tuple(scrapes) if of["metrics"] else None,
            log,
        )

    def report(self, table: Table, period: Period, log: LogSeen | None, made: float) -> Report:
        """What they say of each control. Raises UnusableInput."""
        return report(table, period, self.sources(log), [one.file for one in self.given], made)


def _run(given: Given) -> Run:
    return reading.run(given.origin, given.content)


def collected(files: Mapping[str, bytes], listed: Sequence[SourceFile]) -> Collection:
    """The sources in a pack, as its report lists them. Raises UnusableInput for one that is missing."""
    found = Collection()
    for each in listed:
        kind = _STEM.fullmatch(each.name)
        if kind is None or kind[1] != each.kind or each.name not in files:
            raise UnusableInput(f"the report names the source {each.name}, which the pack does not have")
        found.given.append(Given(each.kind, each.name, each.origin, files[each.name]))
    return found


@dataclass(frozen=True)
class OpenLog:
    """An audit log, its signed checkpoint, and the earlier checkpoint that is to be its beginning."""

    log: Log
    note: bytes
    checkpoint: Checkpoint
    since: tuple[bytes, Checkpoint] | None = None

    @classmethod
    def of(cls, log: Log, key: Verifier, since: Path | None) -> "OpenLog":
        """The log as it is now. Raises BadNote, Unavailable, UnusableInput."""
        earlier = None
        if since is not None:
            content = _file(since)
            try:
                earlier = content, read_checkpoint(content, key)
            except BadNote as bad:
                raise UnusableInput(f"{since}: {bad}; keep the log's `checkpoint` when a period begins") from None
        checkpoint, note = log.checkpoint()
        return cls(log, note, checkpoint, earlier)

    def seen(self, period: Period) -> LogSeen:
        """What it is. Raises Unavailable."""
        return survey(self.log, self.checkpoint, None if self.since is None else self.since[1], period)

    def files(self, cited: tuple[int, ...]) -> dict[str, bytes]:
        """What a pack has of it. Raises BadLog, Unavailable."""
        from msgspec.json import encode

        earlier = None if self.since is None else self.since[1]
        shown = encode(proofs(self.log, self.checkpoint, earlier, cited))
        there = {CHECKPOINT: self.note, PROOFS: shown + b"\n"}
        return there if self.since is None else {**there, SINCE: self.since[0]}


def pack_files(made: Report, page: str, given: Sequence[Given], log: OpenLog | None) -> dict[str, bytes]:
    """All files of a pack but its manifest. Raises BadLog, Unavailable."""
    files = {REPORT: written(made), PAGE: page.encode(), **{one.name: one.content for one in given}}
    if log is not None and made.log is not None and not made.log.trouble:
        files |= log.files(made.cited)
    return files


def _file(path: Path) -> bytes:
    with usable(path), path.open("rb") as opened:
        return _bounded(str(path), opened.read(LIMITS.max_source_bytes + 1))


def _fetched(url: str, trust: Trust | None) -> bytes:
    try:
        with (
            httpx.Client(
                verify=(trust or Trust()).context(), timeout=_TIMEOUT, trust_env=False, follow_redirects=False
            ) as http,
            http.stream("GET", url) as answer,
        ):
            if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                raise UnusableInput(
                    f"{url}: asks for a token; keep what it answers to `curl -H` in a file, and name that"
                )
            if answer.status_code != httpx.codes.OK:
                raise UnusableInput(f"{url}: the answer is {answer.status_code}; name the address of a node's /metrics")
            content = b""
            for piece in answer.iter_bytes():
                content = _bounded(url, content + piece)
            return content
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnusableInput(f"{url}: cannot be read: {error}; check the address, and that the node runs") from None


def _bounded(name: str, content: bytes) -> bytes:
    if len(content) > LIMITS.max_source_bytes:
        raise UnusableInput(f"{name}: it has more than {LIMITS.max_source_bytes:,} bytes; give a part of it")
    return content
