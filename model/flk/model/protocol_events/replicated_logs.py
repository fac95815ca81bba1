"""What a first reading of what nodes did finds of their logs: which segments were uploaded, and how they are numbered."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from flk.model.log.frames import log_of, region_of, segment_name, sequence_of
from flk.model.protocol_events.observation import START, ObservedEffect
from flk.spec.constants import CONSTANTS

PREFIX = CONSTANTS.replication.object_prefix


class Place(NamedTuple):
    """Where a segment is in the protocol: whose it is, its number there, and whether it begins a log."""

    owner: str
    number: int
    begins: bool

    @property
    def segment(self) -> str:
        """The name of the segment in the protocol; text order is that of numbers."""
        return f"{self.number:012d}"


@dataclass
class Logs:
    """The logs of all regions: what of each was uploaded, what of that when a crash came, how many segments came before, and from
    which on those of a lost disk were `late`: listed only after the region served again.
    """

    uploaded: dict[str, int] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    before: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    late: dict[str, int] = field(default_factory=dict)

    def see_upload(self, name: str) -> None:
        """A segment is in the object store."""
        self.uploaded[log_of(name)] = max(self.uploaded.get(log_of(name), 0), sequence_of(name))

    def keeps(self, log: str, sequence: int) -> bool:
        """Whether the segment is on a disk that is there, or in the object store."""
        return log not in self.lost or sequence <= self.uploaded.get(log, 0)

    def place(self, log: str, sequence: int) -> Place:
        """Its region's, or of a late segment its log's."""
        late = self.late.get(log)
        if late is not None and sequence >= late:
            return Place(log, sequence - late + 1, sequence == late)
        return Place(region_of(f"{log}/"), self.before.get(log, 0) + sequence, sequence == 1)


def survey(records: Iterable[ObservedEffect]) -> Logs:
    """The first reading."""
    logs, disks, uploading, fetched = Logs(), dict[str, list[str]](), _Uploading(), set[str]()
    starting = _Starting()
    for record in records:
        uploading.see(record)
        starting.see(record)
        if record.effect == START and record.node not in (known := disks.setdefault(record.region, [])):
            known.append(record.node)
        elif record.effect == "PutObject" and not record.refused:
            logs.see_upload(record.fields["name"].removeprefix(PREFIX))
        elif record.effect == "GetObject" and not record.refused and record.result is not None:
            fetched.add(record.fields["name"].removeprefix(PREFIX))
    logs.cut_off = uploading.all_cut_off() & fetched
    for name in logs.cut_off:
        logs.see_upload(name)
    for known in disks.values():
        before = 0
        for at, disk in enumerate(known):
            uploaded = logs.uploaded.get(disk, 0)
            names = [segment_name(disk, sequence) for sequence in range(1, uploaded + 1)]
            late = next((name for name in names if starting.missed(name, known[at + 1 :])), None)
            if late is not None:
                logs.late[disk] = sequence_of(late)
                uploaded = logs.late[disk] - 1
            logs.before[disk] = before
            before += uploaded
        logs.lost |= set(known[:-1])
    return logs


class _Listing(NamedTuple):
    """What was asked of the object store, and what it said."""

    prefix: str
    after: str
    names: frozenset[str]


class _Starting:
    """What nodes on new disks were told of the object store before they served."""

    def __init__(self) -> None:
        self._listings: dict[str, list[_Listing]] = {}
        self._serving: set[str] = set()

    def see(self, record: ObservedEffect) -> None:
        """Go on with an effect."""
        if record.refused or record.kind != "recover" or record.node in self._serving:
            return
        if record.effect == "CaughtUp":
            self._serving.add(record.node)
        elif record.effect == "ListObjects":
            listing = _Listing(record.fields["prefix"], record.fields["after"], frozenset(record.result))
            self._listings.setdefault(record.node, []).append(listing)

    def missed(self, name: str, nodes: Iterable[str]) -> bool:
        """Whether one of the nodes asked for a segment that is in the object store, was not told of it, and served."""
        return any(self._missed(PREFIX + name, self._listings.get(node, ())) for node in nodes if node in self._serving)

    def _missed(self, object_: str, listings: Iterable[_Listing]) -> bool:
        asked = [listed for listed in listings if object_.startswith(listed.prefix) and object_ > listed.after]
        return bool(asked) and not any(object_ in listed.names for listed in asked)


class _Uploading:
    """Which segments were read to be uploaded, and nothing more was noted of it when their node's process ended."""

    def __init__(self) -> None:
        self._next: dict[str, dict[Hashable, str]] = {}
        self._cut_off: set[str] = set()

    def see(self, record: ObservedEffect) -> None:
        """Go on with an effect."""
        if record.effect == START:
            self._cut_off.update(self._next.pop(record.region, {}).values())
        elif record.kind == "ship":
            runs = self._next.setdefault(record.region, {})
            runs.pop(record.run, None)
            if record.effect == "ReadSegment" and not record.refused:
                runs[record.run] = record.fields["name"]

    def all_cut_off(self) -> set[str]:
        """Those of all lives, the last ones included."""
        return self._cut_off.union(*(runs.values() for runs in self._next.values()))
