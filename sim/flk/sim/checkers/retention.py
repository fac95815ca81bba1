"""What the snapshots in the object store stand for, when something is removed (RET-*)."""

from collections.abc import Iterable, Mapping

from flk.model.entries.entry import Claim, Entry, Key, precedence
from flk.model.entries.snapshot import BadSnapshot, Head, heads_of, read_head, unpacked
from flk.model.log.frames import log_of, region_of
from flk.model.programs.start import covered


class Snapshots:
    """The snapshots among objects, whatever anybody believes of them."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[Head, dict[Key, Entry]]] = {}

    def lacks(self, objects: Mapping[str, bytes], segment: str, claims: Iterable[Claim]) -> str:
        """What no whole snapshot has of a segment that makes these claims; empty if one has all of it."""
        claims, region = list(claims), region_of(segment)
        why = "any snapshot of it was whole"
        for name in sorted((name for name in objects if name.startswith(heads_of(region))), reverse=True):
            try:
                head, entries = self._whole(objects, name)
            except BadSnapshot:
                continue
            if covered(head, region).get(log_of(segment), "") < segment:
                why = "a whole snapshot covered it"
                continue
            absent = next((key for key, entry in claims if not _has(entries.get(key), entry)), None)
            if absent is None:
                return ""
            why = f"{absent.tenant}/{absent.pcs_id[:12]} was in the snapshot that is to cover it"
        return why

    def _whole(self, objects: Mapping[str, bytes], name: str) -> tuple[Head, dict[Key, Entry]]:
        """A snapshot, if all of it is there now. Raises BadSnapshot."""
        if name not in self._read:
            head = read_head(name, objects[name])
            entries: dict[Key, Entry] = {}
            for piece in head.pieces:
                entries |= dict(unpacked(piece, objects.get(piece.name, b"")))
            self._read[name] = head, entries
        if missing := next((piece.name for piece in self._read[name][0].pieces if piece.name not in objects), ""):
            raise BadSnapshot(f"{missing} is gone")
        return self._read[name]


def _has(stored: Entry | None, entry: Entry) -> bool:
    return stored is not None and precedence(stored) <= precedence(entry)
