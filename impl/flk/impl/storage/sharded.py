"""The store of a region on several shared stores: each key belongs to one of them, by the ring (RNG-1).

What concerns several shards is asked of them side by side. A key has one shard, whether that answers or not: were its claims sent
to another one meanwhile, two entries would be first (DUP-1). And a node has to know the latest timestamp of all shards before it
logs (HLC-7), since it logs before it reads which key a record is for. So while a shard is away the node logs nothing, names the
shard, and goes on when it is back (RNG-4).

While keys move to another shard, their claims go by the programs of `flk.model.programs.migration` (MIG-*). Writes name the layout
in which they were decided; if that is over, they are decided again.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeVar

from flk.impl.storage.inherited import inherited
from flk.impl.storage.moving import MovingStore, Placing, grouped
from flk.impl.storage.rotten import Aside
from flk.impl.storage.shards import Shards
from flk.impl.storage.shared import MERGE_ENTRIES, Moved, Place, SharedStore
from flk.model.effects import Watermark
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.programs.migration import claim as claim_moving
from flk.model.programs.migration import merge as merge_moving
from flk.model.refusal import OutOfReach, Unavailable, unavailable

A = TypeVar("A")
R = TypeVar("R")

_TRIES = 10  # at what was decided in a layout that is over; each try is in a later one
_LISTINGS = 1000  # pages whose continuation is known


class ShardedStore:
    """A ring of stores: `flk.impl.storage.store.RegionStore`. One caller at a time, from any thread.

    The registrar gives this node its number, under which it takes part in every shard, and keeps its marks.
    """

    shared = True
    damage = ""
    begun = 0

    def __init__(self, shards: Shards, region: str) -> None:
        self.shards = shards
        self._region = region
        self._random = Random()
        self._pages: OrderedDict[Key, tuple[str, ...]] = OrderedDict()
        self.gave_way = 0
        self.dual_writes: Callable[[int], None] = lambda _: None
        """Told how many claims were of keys on the move, so that two shards were asked."""
        self._placing = Placing(shards.follow())
        self._opened_with = self._ruling
        weak = ((name, shards.by_name[name].store.weakness) for name in sorted(shards.layout.stores))
        self.weakness = "; ".join(f"shard {name}: {weakness}" for name, weakness in weak if weakness)

    def __str__(self) -> str:
        return f"ring of {self.shards.path}"

    @property
    def place(self) -> Place:
        """Which ring it is."""
        return Place(self.shards.found.ring, self._region)

    def enlist(self, token: str, number: int | None, at_least: int = 1) -> int:
        """Take part in every shard under the number that the registrar gives. Raises as `SharedStore.enlist` does."""
        given = self.shards.registrar.ask(lambda store: store.enlist(token, number, at_least))

        def join(store: SharedStore) -> None:
            """Take part in a shard that the ring gets later, and see that the log was not declared lost before this."""
            store.enlist(token, given)
            self.shards.registrar.ask(lambda registrar: registrar.enlist(token, given))

        self.shards.join = join
        self.shards.all(lambda store: store.enlist(token, given))
        return given

    def insert_or_get(self, claims: Sequence[Claim]) -> list[Entry]:
        """As `EntryStore` has it. If a shard does not answer, others may have stored their part: it is to be asked again."""
        return self._decided(partial(self._insert_or_get, claims, lambda store, batch: store.insert_or_get(batch)))

    def claim(self, claims: Sequence[Claim]) -> list[Entry | OutOfReach]:
        """As `SharedStore.claim`; but while a key moves, a row of it that has rotted is waited for."""
        return self._decided(partial(self._insert_or_get, claims, lambda store, batch: store.claim(batch)))

    def merge(self, claims: Iterable[Claim]) -> int:
        """As `EntryStore` has it."""
        remaining, gave_way = iter(claims), 0
        while some := list(islice(remaining, MERGE_ENTRIES)):
            gave_way += self._decided(partial(self._merge, some))
        return gave_way

    def rotten(self) -> tuple[Aside, ...]:
        """The rows of any shard that were found not to be what was written."""
        return tuple(aside for noted in self.shards.all(lambda store: store.rotten()).values() for aside in noted)

    def put_back(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        """As `SharedStore.put_back`, in every shard that has such a row."""
        return self._decided(partial(self._put_back, claims))

    def rejoin(self, keys: Container[Key]) -> None:
        """As `SharedStore.rejoin`. What was set aside in a shard goes where its key is now."""
        noted = self.shards.all(lambda store: store.rotten())
        sound = {name: [aside for aside in found if aside.key in keys] for name, found in noted.items()}
        least = [Claim(key, entry) for found in sound.values() for key, entry in found if entry is not None]
        self.insert_or_get(least)
        self.shards.of_each(sound, lambda store, struck: store.strike(struck))

    def latest(self) -> Timestamp:
        """The latest timestamp that any node brought to any shard. Raises Unavailable if one does not tell."""
        return max(self._read(lambda: self.shards.all(lambda store: store.latest())).values(), default=ZERO)

    def mark(self, name: str, value: str) -> None:
        """Set a watermark of this node."""
        self.shards.registrar.ask(lambda store: store.mark(name, value))

    def marked(self, name: str) -> str:
        """A watermark of this node, empty if never set."""
        return self.shards.registrar.ask(lambda store: store.marked(name))

    def bar(self, log: str) -> None:
        """As `SharedStore.bar`, in every shard. The registrar comes first: who takes part in a shard from then on is refused there,
        and of who did before, the layout that is followed then has the shard.
        """
        self.shards.registrar.ask(lambda store: store.bar(log))
        self._follow()
        self.shards.all(lambda store: store.bar(log))

    def declare_lost(self, sign: str) -> None:
        """Remember that a log which is barred ends with this segment."""
        self.shards.registrar.ask(lambda store: store.declare_lost(sign))

    def watermarks(self) -> tuple[Watermark, ...]:
        """What all nodes have marked."""
        return self.shards.registrar.ask(lambda store: store.watermarks())

    def count(self) -> int:
        """The number of entries, counted one by one while keys move. Raises Damaged if some are missing."""
        return self._read(self._count)

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely; fewer while keys move, or are taken back."""
        return self._read(partial(self._sample, size))

    def fetch(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        """What is stored under each of the keys."""
        return self._read(partial(self._fetch, keys))

    def export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        """At most `limit` entries, shard by shard in the order of their names, those after `after`. Raises Unavailable if other
        shards rule since the listing was begun: then it is to be begun again.
        """
        return self._read(partial(self._export, after, limit))

    def superseded(self, after: int = 0, limit: int = -1) -> list[tuple[Key, Entry, Entry]]:
        """The local winners that gave way, shard by shard, those of one key in order; then those of shards that have left."""
        return self._read(partial(self._superseded, after, limit))

    def replayed(self) -> None:
        """As `EntryStore` has it: no shard waits for anybody."""
        return

    def awaited(self) -> str:
        """As `EntryStore` has it."""
        return ""

    def flush_behind(self) -> None:
        """Nothing is ever pending: what was answered is stored."""
        return

    def flush(self) -> None:
        """As `flush_behind`."""
        return

    def begin_anew(self) -> Path:
        """A store of several nodes is not begun anew by one of them. Raises Unavailable."""
        raise unavailable(f"the {self} is the region's, and no one node rebuilds it")

    def close(self) -> None:
        """Release every store."""
        self.shards.close()

    def _decided(self, work: Callable[[], R]) -> R:
        """What the work results in, decided again for as long as the layout changes meanwhile."""
        for _ in range(_TRIES):
            try:
                return work()
            except Moved:
                self._follow()
            except Unavailable:  # perhaps of a shard that has left
                if self.shards.is_followed():
                    raise
                self._follow()
            finally:
                present = sum(shard.store.gave_way for shard in self.shards.by_name.values())
                self.gave_way = present + self.shards.gave_way_before
        raise unavailable(f"the {self} changed {_TRIES} times meanwhile")

    def _read(self, work: Callable[[], R]) -> R:
        """What the work reads, all of it in one layout."""
        for _ in range(_TRIES):
            try:
                found = work()
            except Unavailable:  # perhaps of a shard that has left
                if self.shards.is_followed():
                    raise
            else:
                if self.shards.is_followed():
                    return found
            self._follow()
        raise unavailable(f"the {self} changed {_TRIES} times meanwhile")

    def _follow(self) -> None:
        self._placing = Placing(self.shards.follow())

    @property
    def _ruling(self) -> tuple[str, ...]:
        return self._placing.rules.shards

    def _insert_or_get(
        self, claims: Sequence[Claim], ask: Callable[[SharedStore, list[Claim]], list[A]]
    ) -> list[A | Entry]:
        placing = self._placing
        moving = [position for position, claim in enumerate(claims) if placing.moves(claim.key)]
        staying = sorted({*range(len(claims))}.difference(moving))
        positions = grouped(staying, lambda position: placing.ruler(claims[position].key))
        batches = {name: [claims[position] for position in mine] for name, mine in positions.items()}
        found = self.shards.of_each(batches, ask)
        answers: dict[int, A | Entry] = {}
        for name, mine in positions.items():
            answers |= zip(mine, found[name], strict=True)
        moved = MovingStore(self.shards, placing).run([claims[position] for position in moving], claim_moving)
        self.dual_writes(len(moved))
        answers |= zip(moving, moved, strict=True)
        return [answers[position] for position in range(len(claims))]

    def _put_back(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        def put_back(store: SharedStore) -> tuple[set[Key], set[Key]]:
            sound = {*store.put_back(claims)}
            return sound, {aside.key for aside in store.rotten()} - sound

        found = self.shards.all(put_back).values()
        left = {key for _, rotten in found for key in rotten}
        return tuple({key for sound, _ in found for key in sound} - left)

    def _merge(self, claims: Sequence[Claim]) -> int:
        placing = self._placing
        batches = grouped((claim for claim in claims if not placing.moves(claim.key)), lambda c: placing.ruler(c.key))
        gave_way = sum(self.shards.of_each(batches, lambda store, batch: store.merge(batch)).values())
        moving = [claim for claim in claims if placing.moves(claim.key)]
        return gave_way + sum(MovingStore(self.shards, placing).run(moving, lambda claim: merge_moving((claim,))))

    def _fetch(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        batches = grouped(dict.fromkeys(keys), self._placing.ruler)
        found = self.shards.of_each(batches, lambda store, batch: dict(zip(batch, store.fetch(batch), strict=True)))
        entries = {key: entry for part in found.values() for key, entry in part.items()}
        return tuple(map(entries.__getitem__, keys))

    def _superseded(self, after: int, limit: int) -> list[tuple[Key, Entry, Entry]]:
        found: list[tuple[Key, Entry, Entry]] = []
        for name in sorted(self.shards.layout.stores):
            shard = self.shards.by_name[name]
            size = shard.ask(lambda store: store.superseded_count())
            first, left = min(after, size), -1 if limit < 0 else limit - len(found)
            after -= first
            if first < size and left:
                found += shard.ask(lambda store, first=first, left=left: store.superseded(first, left))  # type: ignore[misc]
        left = -1 if limit < 0 else limit - len(found)
        return found + self.shards.registrar.ask(lambda store: inherited(store, self.shards.layout, after, left))

    def _count(self) -> int:
        if not self._placing.has_copies:
            return sum(self.shards.all(lambda store: store.count()).values())
        count, after = 0, None
        while page := self._export(after, MERGE_ENTRIES):
            count, after = count + len(page), page[-1].key
        return count

    def _sample(self, size: int) -> tuple[Key, ...]:
        ruling = dict.fromkeys(self._ruling, None)
        sizes = self.shards.of_each(ruling, lambda store, _: store.count())
        wanted = min(size, sum(sizes.values()))
        chosen = self._random.sample([*sizes], wanted, counts=[*sizes.values()]) if wanted else []
        found = self.shards.of_each(Counter(chosen), lambda store, number: store.sample(number))
        return tuple(key for name, keys in found.items() for key in keys if self._placing.ruler(key) == name)

    def _export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        if after is not None and self._pages.get(after, self._opened_with) != self._ruling:
            raise unavailable(
                f"other shards rule in the {self} since its entries were listed; list them from the first"
            )
        names = deque(self._ruling)
        while after is not None and names[0] != self._placing.ruler(after):
            names.popleft()
        found: list[Claim] = []
        while names and len(found) < limit:
            begin, left = after, limit - len(found)
            page = self.shards.by_name[names[0]].ask(lambda store, b=begin, n=left: store.export(b, n))  # type: ignore[misc]
            found += (claim for claim in page if self._placing.ruler(claim.key) == names[0])
            after = page[-1].key if page else None
            if not page:
                names.popleft()
        if found:
            self._pages[found[-1].key] = self._ruling
            while len(self._pages) > _LISTINGS:
                self._pages.popitem(last=False)
        return tuple(found)
