"""The store of a region on several shared stores: each key belongs to one of them, by the ring (RNG-1).

What concerns several shards is asked of them side by side. A key has one shard, whether that answers or not: were its claims sent
to another one meanwhile, two entries would be first (DUP-1). And a node has to know the latest timestamp of all shards before it
logs (HLC-7), since it logs before it reads which key a record is for. So while a shard is away the node logs nothing, names the
shard, and goes on when it is back.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeVar

from flk.impl.storage.health import Shard
from flk.impl.storage.layout import Found
from flk.impl.storage.rows import Damaged
from flk.impl.storage.shared import MERGE_ENTRIES, Place, SharedStore
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.ring import ring_text
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.refusal import Unavailable, unavailable

R = TypeVar("R")
T = TypeVar("T")


class ShardedStore:
    """A ring of stores: `flk.impl.storage.store.RegionStore`. One caller at a time, from any thread.

    The registrar gives this node its number, under which it takes part in every shard, and keeps its marks.
    """

    shared = True
    damage = ""
    begun = 0

    def __init__(self, path: Path, found: Found, stores: Mapping[str, SharedStore], region: str) -> None:
        self._path = path
        self._found = found
        self._region = region
        self._ring = found.layout.ring()
        self.shards = {name: Shard(name, stores[name]) for name in sorted(found.layout.shards)}
        for shard in self.shards.values():
            shard.store.is_shard = True
        self._registrar = self.shards[found.registrar]
        self._threads = ThreadPoolExecutor(len(self.shards), "shard")
        self._random = Random()
        self.gave_way = 0
        self.weakness = "; ".join(
            f"shard {s.name}: {s.store.weakness}" for s in self.shards.values() if s.store.weakness
        )

    def __str__(self) -> str:
        return f"ring of {len(self.shards)} shards in {self._path}"

    @property
    def place(self) -> Place:
        """Which ring it is."""
        return Place(self._found.ring, self._region)

    def enlist(self, token: str, number: int | None, at_least: int = 1) -> int:
        """Take part in every shard under the number that the registrar gives. Raises as `SharedStore.enlist` does."""
        given = self._registrar.ask(lambda store: store.enlist(token, number, at_least))
        others = [shard for shard in self.shards.values() if shard is not self._registrar]
        self._side_by_side({shard.name: lambda store: store.enlist(token, given) for shard in others})
        return given

    def insert_or_get(self, claims: Sequence[Claim]) -> list[Entry]:
        """As `EntryStore` has it. If a shard does not answer, others may have stored their part: it is to be asked again."""
        positions = self._by_shard(range(len(claims)), lambda position: claims[position].key)
        batches = {name: [claims[position] for position in mine] for name, mine in positions.items()}
        found = self._of_each(batches, lambda store, batch: store.insert_or_get(batch))
        answers = {p: e for name, mine in positions.items() for p, e in zip(mine, found[name], strict=True)}
        return [answers[position] for position in range(len(claims))]

    def merge(self, claims: Iterable[Claim]) -> int:
        """As `EntryStore` has it."""
        remaining = iter(claims)
        gave_way = 0
        while some := list(islice(remaining, MERGE_ENTRIES * len(self.shards))):
            batches = self._by_shard(some, lambda claim: claim.key)
            gave_way += sum(self._of_each(batches, lambda store, batch: store.merge(batch)).values())
        return gave_way

    def latest(self) -> Timestamp:
        """The latest timestamp that any node brought to any shard. Raises Unavailable if one does not tell."""
        return max(self._all(lambda store: store.latest()).values(), default=ZERO)

    def mark(self, name: str, value: str) -> None:
        """Set a watermark of this node."""
        self._registrar.ask(lambda store: store.mark(name, value))

    def marked(self, name: str) -> str:
        """A watermark of this node, empty if never set."""
        return self._registrar.ask(lambda store: store.marked(name))

    def count(self) -> int:
        """The number of entries. Raises Damaged if some are missing."""
        return sum(self._all(lambda store: store.count()).values())

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        sizes = self._all(lambda store: store.count())
        wanted = min(size, sum(sizes.values()))
        chosen = self._random.sample([*sizes], wanted, counts=[*sizes.values()]) if wanted else []
        found = self._of_each(Counter(chosen), lambda store, number: store.sample(number))
        return tuple(key for keys in found.values() for key in keys)

    def fetch(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        """What is stored under each of the keys."""
        batches = self._by_shard(dict.fromkeys(keys), lambda key: key)
        found = self._of_each(batches, lambda store, batch: dict(zip(batch, store.fetch(batch), strict=True)))
        entries = {key: entry for part in found.values() for key, entry in part.items()}
        return tuple(map(entries.__getitem__, keys))

    def export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        """At most `limit` entries, shard by shard in the order of their names, those after `after`."""
        names = deque(self.shards)
        while after is not None and names[0] != self._owner(after):
            names.popleft()
        found: list[Claim] = []
        while names and len(found) < limit:
            begin, left = after, limit - len(found)
            found += self.shards[names.popleft()].ask(lambda store, begin=begin, left=left: store.export(begin, left))  # type: ignore[misc]
            after = None
        return tuple(found)

    def superseded(self, after: int = 0, limit: int = -1) -> list[tuple[Key, Entry, Entry]]:
        """The local winners that gave way, shard by shard, those of one key in order."""
        found: list[tuple[Key, Entry, Entry]] = []
        for shard in self.shards.values():
            size = shard.ask(lambda store: store.superseded_count())
            first, left = min(after, size), -1 if limit < 0 else limit - len(found)
            after -= first
            if first < size and left:
                found += shard.ask(lambda store, first=first, left=left: store.superseded(first, left))  # type: ignore[misc]
        return found

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
        self._threads.shutdown()
        for shard in self.shards.values():
            shard.store.close()

    def _owner(self, key: Key) -> str:
        return self._ring.owner(ring_text(key))

    def _by_shard(self, items: Iterable[T], key: Callable[[T], Key]) -> dict[str, list[T]]:
        batches: defaultdict[str, list[T]] = defaultdict(list)
        for item in items:
            batches[self._owner(key(item))].append(item)
        return batches

    def _all(self, work: Callable[[SharedStore], R]) -> dict[str, R]:
        return self._side_by_side(dict.fromkeys(self.shards, work))

    def _of_each(self, parts: Mapping[str, T], work: Callable[[SharedStore, T], R]) -> dict[str, R]:
        def of(part: T) -> Callable[[SharedStore], R]:
            return lambda store: work(store, part)

        return self._side_by_side({name: of(part) for name, part in parts.items()})

    def _side_by_side(self, work: Mapping[str, Callable[[SharedStore], R]]) -> dict[str, R]:
        """What each shard results in. All have ended when it returns or raises: damage first, then who is away."""
        if len(work) <= 1:
            results = {name: self.shards[name].ask(ask) for name, ask in work.items()}
        else:
            asked = {name: self._threads.submit(self.shards[name].ask, ask) for name, ask in work.items()}
            wait(asked.values())
            refusals = [error for future in asked.values() if (error := future.exception()) is not None]
            for error in sorted(refusals, key=_severity):
                raise error
            results = {name: future.result() for name, future in asked.items()}
        self.gave_way = sum(shard.store.gave_way for shard in self.shards.values())
        return results


def _severity(error: BaseException) -> int:
    """What nobody expected comes first, then damage, then what passes by itself."""
    return 2 if not isinstance(error, Damaged) and isinstance(error, Unavailable) else int(isinstance(error, Damaged))
