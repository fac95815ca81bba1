"""The cold tier: entries in objects, and an index beside the store of which keys they may have (TIR-5, TIR-6).

The index is asked first. Of a key that it does not know no object has anything, and that is certain; so a new key costs no request,
and is judged though the objects are away. For a key that it knows, the objects are read. While they do not answer, or one of them
is damaged, what only they could tell is out of reach, and nobody is told that the key is new (TIR-3).

One that failed to answer is left alone until `greet` has met it again: requests do not wait for it in turn.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import TypeVar

import structlog

from flk.impl.storage.cold_index import ColdIndex, fingerprint
from flk.impl.storage.objects import Objects
from flk.impl.storage.rows import Damaged
from flk.model.entries.cold import BadObject, cold_object, entries_in, named, objects_of, packed
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.refusal import OutOfReach, Unavailable, unavailable
from flk.spec.constants import CONSTANTS

R = TypeVar("R")

KEPT = 16  # objects that were read and are kept in memory, some thousand entries each
NOT_YET = "it was not asked yet"

log = structlog.get_logger()


def beyond(detail: str) -> OutOfReach:
    """What to raise where only the cold tier could tell, and does not (TIR-3)."""
    pause = CONSTANTS.node.unavailable_retry_after_seconds
    return OutOfReach("TIR-3", f"the cold tier cannot tell: {detail}", retry_after=pause)


class ColdTier:
    """The objects of one region. Safe to use from several threads.

    `away` says why the objects are not asked, empty while they are. `damaged` has the objects that are not as they were written,
    and what is wrong with each. `expected` is the name of the cold tier that the store's entries are in, empty if that is not
    known. `seen` is told of each reading of an object, "found" or "missed", and of each that is "damaged".
    """

    def __init__(
        self,
        objects: Objects,
        index: ColdIndex,
        region: str,
        expected: str = "",
        seen: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.away = NOT_YET
        self.damaged: dict[str, str] = {}
        self.index = index
        self._objects = objects
        self._region = region
        self._expected = expected
        self._seen = seen
        self._kept: OrderedDict[str, dict[Key, Entry]] = OrderedDict()
        self._lock = Lock()

    def greet(self) -> None:
        """Meet the objects, and make the index anew if it is not whole. Raises Unavailable, and `away` says why."""
        try:
            place = self._place()
            if not self.index.whole:
                self._index_all()
                self.index.become_whole(place)
        except Unavailable as refusal:
            self.away = refusal.detail
            raise
        self._expected = place
        self.away = ""

    @property
    def place(self) -> str:
        """The name of the cold tier, empty if it was never met."""
        return self.index.place or self._expected

    def possible(self, keys: Sequence[Key]) -> frozenset[Key]:
        """The keys that an object may have. Raises OutOfReach while the index cannot tell."""
        return frozenset(self._find(keys))

    def look(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        """What the objects have under each of the keys. Raises OutOfReach."""
        found = self._find(keys)
        return tuple(self._entry(key, found[key]) if key in found else None for key in keys)

    def write(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        """Join entries in, durably; the keys of those that could be. Raises OutOfReach."""
        if self.away:
            raise beyond(self.away)
        found = self._find([claim.key for claim in claims])
        at_least, better, copied = ZERO, list[Claim](), list[Key]()
        for key, entry in claims:
            try:
                there = self._entry(key, found[key]) if key in found else None
            except OutOfReach:
                if self.away:
                    raise
                continue  # an object is damaged: the entry stays where it is
            copied.append(key)
            if there is None or join(there, entry) != there:
                better.append(Claim(key, entry))
                at_least = max(at_least, *(named(name).latest for name in found.get(key, ())), ZERO)
        if better:
            name, content = cold_object(self._region, better, at_least)
            self.index.intend(name, named(name).latest)
            self._put(name, content)
            self.index.hold(name, [claim.key for claim in better])
        return tuple(copied)

    def aged(self, until: Timestamp, limit: int) -> tuple[Claim, ...]:
        """At most `limit` entries of objects in which none is later than that. Objects of that age which hold nothing, or cannot be
        read any more, are deleted at once. Raises OutOfReach.
        """
        if self.away:
            raise beyond(self.away)
        claims: list[Claim] = []
        for name in self.index.until(until, limit):
            try:
                there = self._read(name) if self.index.prints_of(name) else None
            except OutOfReach:
                if self.away:
                    raise
                there = None
            if not there:
                self._delete(name)
                continue
            claims += (Claim(key, entry) for key, entry in there.items())
            if len(claims) >= limit:
                break
        return tuple(claims[:limit])

    def delete(self, claims: Sequence[Claim], until: Timestamp) -> tuple[Key, ...]:
        """Delete the objects that have these entries, if none in them is later than that; the keys that no object has any more."""
        if self.away:
            raise beyond(self.away)
        keys = [claim.key for claim in claims]
        for name in {name for names in self._find(keys).values() for name in names if named(name).latest <= until}:
            self._delete(name)
        left = self._find(keys)
        return tuple(key for key in keys if key not in left)

    def mend(self, name: str, candidates: Iterable[Claim]) -> bool:
        """Put a damaged object together again from claims, those of the log among them; whether it is now as it was written.

        Its name has the digest of what was in it, so nothing else is ever put in its place. Raises Unavailable.
        """
        prints = self.index.prints_of(name)
        found: dict[Key, Entry] = {}
        for key, entry in candidates:
            if fingerprint(key) in prints:
                found[key] = join(found[key], entry) if key in found else entry
        claims = tuple(Claim(key, entry) for key, entry in found.items())
        said = named(name)
        if not claims or cold_object(said.region, claims, said.latest)[0] != name:
            return False
        content = packed(claims, said.latest)
        there = self._ask(lambda: self._objects.get(name))
        if there is None:
            self._ask(lambda: self._objects.put(name, content))
        elif there != content:
            self._ask(lambda: self._objects.replace(name, there, content))
        return self.look_again(name)

    def look_again(self, name: str) -> bool:
        """Whether an object that was damaged is now as it was written. Raises Unavailable."""
        content = self._ask(lambda: self._objects.get(name))
        try:
            _opened(name, content)
        except BadObject:
            return False
        with self._lock:
            self.damaged.pop(name, None)
        return True

    def wanted(self) -> frozenset[int]:
        """The fingerprints of the keys in damaged objects."""
        return frozenset(print_ for name in tuple(self.damaged) for print_ in self.index.prints_of(name))

    def close(self) -> None:
        """Release the index."""
        self.index.close()

    def _place(self) -> str:
        """The name that the objects were given when they were first met. Raises Unavailable if it is not the expected one."""
        name = f"{objects_of(self._region).removesuffix('/')}.place"
        there = self._objects.get(name)
        known = self.place
        if there is None and not known:
            self._objects.put(name, secrets.token_hex(16).encode())
            there = self._objects.get(name)
        if there is None or (known and there.decode(errors="replace") != known):
            what = "is missing" if there is None else "is another"
            raise unavailable(
                f"this is not the cold tier that the node's entries are in: {name} {what}; fix: name that one with --cold"
            )
        return there.decode(errors="replace")

    def _index_all(self) -> None:
        """Read every object into the index."""
        for name in self._objects.names(objects_of(self._region), ""):
            content = self._objects.get(name)
            try:
                claims = entries_in(name, content) if content is not None else ()
                self.index.intend(name, named(name).latest)
                self.index.hold(name, [claim.key for claim in claims])
            except BadObject as bad:
                self._note_damage(name, str(bad))
                raise unavailable(
                    f"{bad}; the index of the cold tier is to be made anew, and without this object nobody knows which keys are"
                    " new; fix: put the object back as it was; if the log is whole, delete it: what it held comes from the log"
                    " when entries.sqlite is moved away"
                ) from None

    def _find(self, keys: Sequence[Key]) -> dict[Key, tuple[str, ...]]:
        try:
            if self.index.whole:
                return self.index.find(keys)
        except Damaged as damage:
            log.exception("cold.index_damaged", reason=damage.detail)
            self.index.begin_anew()
            self.away = damage.detail
        raise beyond(f"its index is being made: {self.away}")

    def _entry(self, key: Key, names: Iterable[str]) -> Entry | None:
        entry: Entry | None = None
        for name in names:
            found = (self._read(name) or {}).get(key)
            self._seen("missed" if found is None else "found")
            if found is not None:
                entry = found if entry is None else join(entry, found)
        return entry

    def _read(self, name: str) -> dict[Key, Entry] | None:
        """The entries of an object, None if it was deleted meanwhile. Raises OutOfReach if it is away or damaged."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
            if name in self.damaged:
                raise beyond(self.damaged[name])
        if self.away:
            raise beyond(self.away)
        content = self._ask(lambda: self._objects.get(name))
        if content is None and not self.index.prints_of(name):
            return None
        try:
            entries = _opened(name, content)
        except BadObject as bad:
            self._note_damage(name, str(bad))
            raise beyond(str(bad)) from None
        with self._lock:
            self._kept[name] = entries
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return entries

    def _put(self, name: str, content: bytes) -> None:
        """Put an object. Its name says its content: one that has the name is it, or has rotted since an earlier attempt."""
        if self._ask(lambda: self._objects.put(name, content)):
            return
        there = self._ask(lambda: self._objects.get(name))
        if there != content and not (
            there is not None and self._ask(lambda: self._objects.replace(name, there, content))
        ):
            raise beyond(f"{name} is taken, and cannot be read")

    def _delete(self, name: str) -> None:
        """Let the index know no key of it, delete the object, and then let the index forget it: so a crash leaves no object for
        ever, and none that is missed.
        """
        self.index.hold(name, ())
        self._ask(lambda: self._objects.delete(name))
        self.index.drop(name)
        with self._lock:
            self._kept.pop(name, None)
            self.damaged.pop(name, None)

    def _ask(self, request: Callable[[], R]) -> R:
        try:
            return request()
        except Unavailable as refusal:
            self.away = refusal.detail
            raise beyond(refusal.detail) from None

    def _note_damage(self, name: str, what: str) -> None:
        with self._lock:
            known = name in self.damaged
            self.damaged[name] = what
        if not known:
            self._seen("damaged")
            log.error("cold.damaged", object=name, reason=what)


def _opened(name: str, content: bytes | None) -> dict[Key, Entry]:
    """The entries of an object. Raises BadObject if it is gone, or not as it was written."""
    if content is None:
        raise BadObject(f"TIR-6: {name} is gone")
    return dict(entries_in(name, content))
