"""Which requests were damaged or lost in the log of a node before it claimed them, as far as its trace tells."""

from collections.abc import Iterable, Mapping
from typing import Any

from flk.model.protocol_events.observation import BEGIN, ObservedEffect


class Damage:
    """Follows the records of one node. `lost` are the timestamps of frames that are gone and were never claimed for.

    Known is that from the valid frames that a `ReadSegment` found in a segment that the node told to have begun, and from the
    segments of which an `Inspect` says that their loss is accepted.
    """

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self._claimed: set[str] = set()
        self._begun: list[tuple[str, str]] = []
        self._frames: dict[str, list[str]] = {}

    def see(self, record: ObservedEffect) -> None:
        """Go on with a record."""
        if record.refused:
            return
        if record.effect == BEGIN:
            self._begun.append((record.fields["since"], record.fields["segment"]))
        elif record.effect == "Append" and record.kind == "ingest":
            self._frames.setdefault(self._segment_at(record.result), []).append(record.result)
        elif record.effect == "Store":
            self._claim(record.fields["claim"])
        elif record.effect == "Merge":
            for claim in record.fields["claims"]:
                self._claim(claim)
        elif record.effect == "ReadSegment" and "frames" in record.result:
            self._lose(record.fields["name"], record.result["frames"])
        elif record.effect == "Inspect":
            for name in record.result.get("accepted", ()):
                self._lose(name)

    def _lose(self, name: str, valid: Iterable[str] = ()) -> None:
        self.lost |= set(self._frames.get(name, ())).difference(valid, self._claimed)

    def _segment_at(self, timestamp: str) -> str:
        return next((segment for since, segment in reversed(self._begun) if since <= timestamp), "")

    def _claim(self, claim: Mapping[str, Any]) -> None:
        self._claimed.add(claim["timestamp"])
        self.lost.discard(claim["timestamp"])
