"""What a first reading of what nodes did finds of their logs: which segments were uploaded, and how they are numbered."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from flk.model.log.frames import log_of, sequence_of
from flk.model.protocol_events.observation import START, ObservedEffect
from flk.spec.constants import CONSTANTS

PREFIX = CONSTANTS.replication.object_prefix


@dataclass
class Logs:
    """The logs of all regions: what of each was uploaded, what of that when a crash came, and how many segments came before."""

    uploaded: dict[str, int] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    before: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def see_upload(self, name: str) -> None:
        """A segment is in the object store."""
        self.uploaded[log_of(name)] = max(self.uploaded.get(log_of(name), 0), sequence_of(name))

    def keeps(self, log: str, sequence: int) -> bool:
        """Whether the segment is on a disk that is there, or in the object store."""
        return log not in self.lost or sequence <= self.uploaded.get(log, 0)

    def number(self, log: str, sequence: int) -> str:
        """The name of a segment: its number in its region."""
        return f"{self.before.get(log, 0) + sequence:012d}"


def survey(records: Iterable[ObservedEffect]) -> Logs:
    """The first reading."""
    logs, disks, uploading, fetched = Logs(), dict[str, list[str]](), _Uploading(), set[str]()
    for record in records:
        uploading.see(record)
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
        for disk in known:
            logs.before[disk] = before
            before += logs.uploaded.get(disk, 0)
        logs.lost |= set(known[:-1])
    return logs


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
