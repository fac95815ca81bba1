"""The tiers of a real node: how the effects of the program `tiering` are performed (TIR-*).

hot     in memory, bounded: the entries that were inserted or asked for lately
warm    the node's store, in SQLite
cold    objects, and an index of their keys

What is inserted into the hot tier is written to the warm tier's file, too, at once and as every claim is: so nothing depends on
memory, and whatever the hot tier lets go of, be it for want of room or in a crash, is in the warm one. A hot entry therefore knows
what the warm tier has `below` it in the sense of the program: nothing, if the row is there for durability alone.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from flk.impl.storage.aging import AgingStore
from flk.impl.storage.cold import ColdTier
from flk.model.effects import Aged, Copy, Delete, Effect, Insert, Join, Look, Owe, Owed, Settled
from flk.model.entries.entry import Claim, Entry, Key, join, precedence
from flk.model.entries.tiers import LONG, Term, Terms, Tier
from flk.model.log.hlc import Timestamp, at, wall_seconds
from flk.model.programs import tiering
from flk.model.refusal import OutOfReach, Unavailable, unavailable
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS

_A_MOMENT = 0.002
"""Seconds: a timestamp is of a whole millisecond."""


class Slot(NamedTuple):
    """A hot entry, and what the warm tier has below it."""

    entry: Entry
    below: Entry | None


class Apart(NamedTuple):
    """An effect in two steps: what needs the store, quickly, and what only the cold tier is needed for, which may take long."""

    begin: Callable[[], Any]
    finish: Callable[[Any], Any]


class Tiered:
    """Performs the effects on tiers. One caller at a time, but for the last step of `apart`.

    `now` gives wall time in seconds, and raises Unavailable while that is in doubt: then nothing is moved and nothing expires.
    `seen` is told how many entries were found, copied, or deleted where: "hit", "promoted", "demoted", "expired", and the tier that
    they were in.
    """

    def __init__(
        self,
        warm: AgingStore,
        cold: ColdTier,
        *,
        now: Callable[[], float] = time.time,
        terms: Terms = LONG,
        hot_entries: int = CONSTANTS.mover.hot_entries,
        seen: Callable[[str, Tier, int], None] = lambda *_: None,
    ) -> None:
        self.warm = warm
        self.cold = cold
        self.hot: dict[Key, Slot] = {}
        self.terms = terms
        self._deferred: dict[Key, list[Claim]] = {}
        self.now = now
        self._hot_entries = hot_entries
        self._seen = seen
        self._looked_up: dict[Key, Entry | None] = {}
        self._impossible: frozenset[Key] = frozenset()
        self.performers: dict[type[Effect[object]], Callable[[Any], Any]] = {
            Look: self._look,
            Insert: self._insert,
            Join: self._join,
            Copy: self._copy,
            Delete: self._delete,
            Aged: self._aged,
            Owe: lambda e: self._owe(e.claim),
            Owed: lambda e: self.owed(e.keys),
            Settled: self._settled,
        }

    def perform(self, effect: Effect[object]) -> Any:
        """An effect's result. Raises the refusal that it meets."""
        return self.performers[type(effect)](effect)

    def claim(self, claims: Sequence[Claim]) -> list[Entry | OutOfReach]:
        """For each claim, in this order, the entry stored then, or that it is deferred (TIR-3). Raises Unavailable."""
        self._prefetch([claim.key for claim in claims])
        try:
            return [self._claim_one(claim) for claim in claims]
        finally:
            self._looked_up, self._impossible = {}, frozenset()

    def merge(self, claims: Sequence[Claim]) -> int:
        """Join entries in; how many of those stored gave way. Raises OutOfReach, having changed nothing.

        What is past the window is no more: in a log it may still be, and a later entry may have its key by now (TIR-1).
        """
        try:
            now = self.now()
        except Unavailable:
            now = 0.0
        return run(
            tiering.merge(tuple(c for c in claims if not self._is_past(c.entry, Term.WINDOW, now))), self.perform
        )

    def fetch(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        """What is stored under each of the keys, in whichever tier. Raises OutOfReach."""
        return tuple(found and found.entry for found in run(tiering.ask(tuple(keys)), self.perform))

    def found(self, keys: Sequence[Key]) -> Apart:
        """The steps of `fetch`: the cold tier is asked in the second one. What moves meanwhile moves to a slower tier, and is
        copied there before it is deleted here (TIR-2), so it is found.
        """

        def begin() -> dict[Key, Entry]:
            found = self._held(Tier.HOT, keys)
            return found | self._held(Tier.WARM, [key for key in keys if key not in found])

        def finish(near: dict[Key, Entry]) -> tuple[Entry | None, ...]:
            far = tuple(key for key in dict.fromkeys(keys) if key not in near)
            there = near | {
                key: entry for key, entry in zip(far, self.cold.look(far), strict=True) if entry is not None
            }
            return tuple(map(there.get, keys))

        return Apart(begin, finish)

    def _held(self, tier: Tier, keys: Sequence[Key]) -> dict[Key, Entry]:
        found = zip(keys, self._look(Look(tier, tuple(keys))), strict=True)
        return {key: entry for key, entry in found if entry is not None}

    def apart(self, effect: Effect[object]) -> Apart | None:
        """The steps of an effect for which the store need not be kept waiting; None for all others."""
        match effect:
            case Copy(Tier.WARM, Tier.COLD, claims):
                return Apart(lambda: self._still_warm(claims), self._write_cold)
            case Aged(Tier.COLD) | Delete(Tier.COLD):
                return Apart(self.now, lambda _: self.perform(effect))
            case _:
                return None

    @property
    def deferred(self) -> int:
        """How many claims wait for a tier."""
        return sum(map(len, self._deferred.values()))

    def deferred_keys(self) -> tuple[Key, ...]:
        """The keys under which claims wait."""
        return tuple(self._deferred)

    def owed(self, keys: Sequence[Key]) -> tuple[Claim, ...]:
        """The claims that are deferred under any of the keys, in log order."""
        if not self._deferred:
            return ()
        found = [claim for key in dict.fromkeys(keys) for claim in self._deferred.get(key, ())]
        return tuple(sorted(found, key=lambda claim: precedence(claim.entry)))

    def forgive(self) -> None:
        """Nothing is deferred any more: recovery has applied the log."""
        self._deferred.clear()

    def forget(self) -> None:
        """The store is begun anew: the hot tier has nothing that is in no store."""
        self.hot.clear()

    def require_none_deferred(self) -> None:
        """Return unless claims of the log wait for a tier: then nothing may be sealed (WAL-6). Raises Unavailable."""
        if self._deferred:
            raise unavailable(
                f"{self.deferred} claims of the log wait for the cold tier: {self.cold.away or 'not yet'}"
            )

    def close(self) -> None:
        """Release the cold tier's index."""
        self.cold.close()

    def _claim_one(self, claim: Claim) -> Entry | OutOfReach:
        try:
            return run(tiering.claim(claim), self.perform)
        except OutOfReach as refusal:
            return refusal

    def _prefetch(self, keys: Sequence[Key]) -> None:
        """Look all claims of a batch up at once. What is written meanwhile is struck out."""
        rest = [key for key in keys if key not in self.hot]
        rows = self.warm.held(rest) if rest else {}
        self._looked_up = {key: rows.get(key) for key in rest}
        unknown = [key for key in rest if key not in rows]
        try:
            possible = self.cold.possible(unknown) if unknown else frozenset()
        except OutOfReach:
            return
        self._impossible = frozenset(unknown) - possible

    def _look(self, effect: Look) -> tuple[Entry | None, ...]:
        found: tuple[Entry | None, ...]
        match effect.tier:
            case Tier.HOT:
                slots = (self.hot.get(key) for key in effect.keys)
                found = tuple(slot and slot.entry for slot in slots)
            case Tier.WARM:
                rows = self._rows([key for key in effect.keys if key not in self.hot])
                found = tuple(self.hot[key].below if key in self.hot else rows.get(key) for key in effect.keys)
            case Tier.COLD:
                asked = [key for key in effect.keys if key not in self._impossible]
                there = dict(zip(asked, self.cold.look(asked), strict=True)) if asked else {}
                found = tuple(there.get(key) for key in effect.keys)
        if hits := sum(entry is not None for entry in found):
            self._seen("hit", effect.tier, hits)
        return found

    def _rows(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        missing = [key for key in keys if key not in self._looked_up]
        rows = self.warm.held(missing) if missing else {}
        known = ((key, self._looked_up.get(key)) for key in keys)
        return rows | {key: entry for key, entry in known if entry is not None}

    def _insert(self, effect: Insert) -> Entry:
        key, entry = effect.claim
        slot = self.hot.get(key)
        stored = slot.entry if slot else effect.known
        if stored is None:
            self.warm.add(effect.claim)
            self._changed(key, Slot(entry, None))
            return entry
        winner = join(stored, entry)
        if winner != stored:
            self.warm.gave_way += self.warm.merge_beside([effect.claim], {key: stored})
            self._changed(key, slot and Slot(winner, slot.below))
        return winner

    def _join(self, effect: Join) -> int:
        known = {
            claim.key: entry for claim, entry in zip(effect.claims, effect.known, strict=True) if entry is not None
        }
        stored = dict(known) | {
            claim.key: self.hot[claim.key].entry for claim in effect.claims if claim.key in self.hot
        }
        gave_way = self.warm.merge_beside(effect.claims, stored.copy())
        for key, entry in effect.claims:
            stored[key] = join(stored[key], entry) if key in stored else entry
        for key, entry in stored.items():
            slot = self.hot.get(key)
            is_new = key not in known
            self._changed(key, Slot(entry, slot.below) if slot else Slot(entry, None) if is_new else None)
        return gave_way

    def _changed(self, key: Key, slot: Slot | None) -> None:
        """What is stored under a key is another now, and the hot tier has it if there is a slot."""
        self._looked_up.pop(key, None)
        self._impossible -= {key} if key in self._impossible else set()
        if slot is None:
            return
        self.hot.pop(key, None)  # what was used last comes last
        self.hot[key] = slot
        while len(self.hot) > self._hot_entries:
            del self.hot[next(iter(self.hot))]  # the warm tier's file has it

    def _copy(self, effect: Copy) -> tuple[Key, ...]:
        match effect.source, effect.to:
            case Tier.HOT, Tier.WARM:
                return self._hot_to_warm(effect.claims)
            case Tier.WARM, Tier.HOT:
                return self._promoted(Tier.WARM, effect.claims, self._warm_to_hot)
            case Tier.COLD, Tier.WARM:
                return self._promoted(Tier.COLD, effect.claims, self._cold_to_warm)
            case Tier.WARM, Tier.COLD:
                return self._write_cold(self._still_warm(effect.claims))
        raise ValueError(f"nothing is copied from {effect.source} to {effect.to}")

    def _hot_to_warm(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        copied, now = list[Key](), self.now()
        for key, entry in claims:
            slot = self.hot.get(key)
            if slot and slot.entry == entry and not self._is_past(entry, Term.WINDOW, now):
                self.hot[key] = Slot(entry, join(slot.below, entry) if slot.below else entry)
                copied.append(key)
        return tuple(copied)

    def _promoted(self, source: Tier, claims: Sequence[Claim], copy: Callable[[Claim], bool]) -> tuple[Key, ...]:
        now = self.now()
        copied = tuple(c.key for c in claims if not self._is_past(c.entry, Term.WINDOW, now) and copy(c))
        self._seen("promoted", source, len(copied))
        return copied

    def _warm_to_hot(self, claim: Claim) -> bool:
        key, entry = claim
        slot = self.hot.get(key)
        if (slot.below if slot else self._rows([key]).get(key)) != entry:
            return False
        self._changed(key, Slot(join(slot.entry, entry) if slot else entry, entry))
        return True

    def _cold_to_warm(self, claim: Claim) -> bool:
        key, entry = claim
        if self.cold.look([key]) != (entry,):
            return False
        slot = self.hot.get(key)
        if slot:
            self.hot[key] = Slot(slot.entry, join(slot.below, entry) if slot.below else entry)
        elif key in self.warm.held([key]):
            self.warm.merge([claim])
        else:
            self.warm.add(claim)
        self._looked_up.pop(key, None)
        return True

    def _still_warm(self, claims: Sequence[Claim]) -> tuple[Claim, ...]:
        """Those of the entries that the warm tier has as given, and whose window runs."""
        now = self.now()
        rows = self._rows([claim.key for claim in claims if claim.key not in self.hot])
        there = {key: self.hot[key].below if key in self.hot else rows.get(key) for key, _ in claims}
        return tuple(c for c in claims if there[c.key] == c.entry and not self._is_past(c.entry, Term.WINDOW, now))

    def _write_cold(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        return self.cold.write(claims)

    def _delete(self, effect: Delete) -> tuple[Key, ...]:
        now = self.now()
        if effect.tier is Tier.HOT:
            gone = self._delete_hot(effect.claims)
        elif effect.tier is Tier.WARM:
            gone = self._delete_warm(effect.claims)
        else:
            gone = self.cold.delete(effect.claims, at(now - self.terms.window - _A_MOMENT))
        entries = dict(effect.claims)
        expired = sum(self._is_past(entries[key], Term.WINDOW, now) for key in gone)
        self._seen("expired", effect.tier, expired)
        self._seen("demoted", effect.tier, len(gone) - expired)
        return gone

    def _delete_hot(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        """What no tier below has, and is past its window, goes from the file, too."""
        now = self.now()
        gone = [(claim, self.hot[claim.key]) for claim in claims if claim.key in self.hot]
        gone = [(claim, slot) for claim, slot in gone if slot.entry == claim.entry]
        ended = [c for c, slot in gone if slot.below is None and self._is_past(c.entry, Term.WINDOW, now)]
        if ended:
            self.warm.delete(ended)
        for claim, _ in gone:
            del self.hot[claim.key]
            self._looked_up.pop(claim.key, None)
        return tuple(claim.key for claim, _ in gone)

    def _delete_warm(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        """Where a hot entry is above, its row stays for its sake."""
        gone = []
        for key, entry in claims:
            slot = self.hot.get(key)
            if slot and slot.below == entry:
                self.hot[key] = Slot(slot.entry, None)
                gone.append(key)
        gone += self.warm.delete([claim for claim in claims if claim.key not in self.hot])
        for key in gone:
            self._looked_up.pop(key, None)
        return tuple(gone)

    def _aged(self, effect: Aged) -> tuple[Claim, ...]:
        now = self.now()
        until = at(now - self.terms.of(effect.term) + _A_MOMENT)
        if effect.tier is Tier.COLD:
            return self.cold.aged(at(now - self.terms.window - _A_MOMENT), effect.limit)
        found: list[Claim] = []
        held = (
            (Claim(key, slot.entry) for key, slot in self.hot.items())
            if effect.tier is Tier.HOT
            else self._warm_until(until)
        )
        for claim in held:
            if self._is_past(claim.entry, effect.term, now):
                found.append(claim)
            if len(found) == effect.limit:
                break
        return tuple(found)

    def _warm_until(self, until: Timestamp) -> Iterator[Claim]:
        """What the warm tier has that may be so old. A row below a hot entry is as that entry says."""
        for claim in self.warm.aged(until):
            slot = self.hot.get(claim.key)
            below = slot.below if slot else claim.entry
            if below is not None:
                yield Claim(claim.key, below)

    def _is_past(self, entry: Entry, term: Term, now: float) -> bool:
        return now - wall_seconds(entry.timestamp) >= self.terms.of(term)

    def _owe(self, claim: Claim) -> None:
        """Keep a claim that waits. One that an earlier one of its key precedes would change nothing: it is not kept."""
        waiting = self._deferred.setdefault(claim.key, [])
        if not any(join(other.entry, claim.entry) == other.entry for other in waiting):
            waiting.append(claim)

    def _settled(self, effect: Settled) -> None:
        for claim in effect.claims:
            left = [other for other in self._deferred.get(claim.key, ()) if other != claim]
            if left:
                self._deferred[claim.key] = left
            else:
                self._deferred.pop(claim.key, None)
