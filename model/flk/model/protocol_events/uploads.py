"""Which segments are in the object store, as far as what nodes did tells."""

from collections.abc import Hashable, Iterator

from flk.model.log.frames import log_of, region_of, segment_name, sequence_of
from flk.model.protocol_events.observation import START, ObservedEffect
from flk.spec.constants import CONSTANTS

PREFIX = CONSTANTS.replication.object_prefix


class Uploads:
    """Segments of which an upload was told, and those that were read to be uploaded of which nothing more was noted."""

    def __init__(self) -> None:
        self._uploaded: dict[str, int] = {}
        self._next: dict[str, dict[Hashable, str]] = {}
        self._cut_off: set[str] = set()

    def see(self, record: ObservedEffect) -> None:
        """Go on with an effect."""
        if record.effect == START:
            self._cut_off.update(self._next.pop(record.node, {}).values())
        elif record.kind == "ship":
            runs = self._next.setdefault(record.node, {})
            name = runs.pop(record.run, None)
            if name is not None and record.refused:  # whoever gave up waiting does not know what became of it
                self._cut_off.add(name)
            if record.effect == "ReadSegment" and not record.refused:
                runs[record.run] = record.fields["name"]

    def told(self, name: str) -> None:
        """A segment is in the object store."""
        self._cut_off.discard(name)
        self._uploaded[log_of(name)] = max(self._uploaded.get(log_of(name), 0), sequence_of(name))

    def has(self, name: str) -> bool:
        """Whether an upload of the segment was told."""
        return sequence_of(name) <= self._uploaded.get(log_of(name), 0)

    def was_cut_off(self, name: str) -> bool:
        """Whether a process ended, or has told no more, after it had read the segment in order to upload it."""
        return name in self._cut_off or (not self.has(name) and name in self._next.get(log_of(name), {}).values())

    def of_region(self, region: str) -> Iterator[str]:
        """All segments of a region that are there, log by log."""
        for log, last in sorted(self._uploaded.items()):
            if region_of(f"{log}/") == region:
                yield from (segment_name(log, sequence) for sequence in range(1, last + 1))
