"""Where keys are in a layout, on either side of a migration, and how a node performs the effects of its programs on the stores."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from flk.impl.storage.layout import Layout
from flk.impl.storage.shards import Shards
from flk.impl.storage.shared import Exchange, waves
from flk.model.effects import Effect, InsertOrGet, LookAt, Program, ReadPhase, Replace
from flk.model.entries.entry import Claim, Key
from flk.model.entries.migration import Phase, Side, ruler
from flk.model.entries.ring import Ring, ring_text

R = TypeVar("R")
T = TypeVar("T")


class Placing:
    """The shards of keys in a layout. `moving` says whether keys are on the move."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.phase = layout.move.phase if layout.move is not None else Phase.PLANNED
        self.moving = layout.moving
        self._before = Ring(layout.shards, layout.vnodes)
        self._after = self._before if layout.move is None else Ring(layout.after, layout.vnodes)
        self.rules = self._after if ruler(self.phase) is Side.NEW else self._before
        """The ring that says which shard decides."""

    @property
    def has_copies(self) -> bool:
        """Whether shards may hold keys that others decide: while keys move, and when some were taken back."""
        move = self.layout.move
        return self.moving or (move is not None and bool(move.leaves) and self.phase is Phase.ROLLED_BACK)

    def moves(self, key: Key) -> bool:
        """Whether a key is on the move."""
        return self.moving and self.changes(key)

    def changes(self, key: Key) -> bool:
        """Whether the ring after the migration gives a key to another shard than the one before."""
        return self.shard(Side.OLD, key) != self.shard(Side.NEW, key)

    def holders(self, side: Side) -> list[str]:
        """The shards that may have keys of a side which move."""
        move = self.layout.move
        if move is None:
            return []
        if side is Side.OLD:
            return [move.leaves] if move.leaves else sorted(self.layout.shards)
        return [move.shard] if move.shard else sorted(self.layout.after)

    def shard(self, side: Side, key: Key) -> str:
        """The shard that has the key on a side."""
        return (self._before if side is Side.OLD else self._after).owner(ring_text(key))

    def ruler(self, key: Key) -> str:
        """The shard that decides claims of a key."""
        return self.rules.owner(ring_text(key))


def grouped(items: Iterable[T], shard: Callable[[T], str]) -> dict[str, list[T]]:
    """The items of each shard, in their order."""
    groups: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[shard(item)].append(item)
    return groups


class MovingStore:
    """Performs what nodes do with keys that move: effects of many programs at once, each kind in one trip to each shard."""

    def __init__(self, shards: Shards, placing: Placing) -> None:
        self._shards = shards
        self._placing = placing
        self._performers: Mapping[type[Effect[Any]], Callable[[Sequence[Any]], list[Any]]] = {
            ReadPhase: lambda effects: [placing.phase for _ in effects],
            LookAt: self._look,
            InsertOrGet: self._insert,
            Replace: self._replace,
        }

    def run(self, claims: Sequence[Claim], program: Callable[[Claim], Program[R]]) -> list[R]:
        """The results of the programs of claims. Those about one key run one after another (DUP-6)."""
        results: dict[int, R] = {}
        for wave in waves(claims):
            ended = self._together([program(claim) for claim in wave.values()])
            results |= zip(wave, ended, strict=True)
        return [results[position] for position in range(len(claims))]

    def _together(self, programs: Sequence[Program[R]]) -> list[R]:
        results: dict[int, R] = {}
        waiting: dict[int, Effect[object]] = {}

        def step(number: int, value: object) -> None:
            try:
                waiting[number] = programs[number].send(value)
            except StopIteration as stop:
                results[number] = stop.value

        for number in range(len(programs)):
            step(number, None)
        while waiting:
            kind = type(next(iter(waiting.values())))
            group = {number: waiting.pop(number) for number in [*waiting] if type(waiting[number]) is kind}
            found = self._performers[kind]([*group.values()])
            for number, result in zip(group, found, strict=True):
                step(number, result)
        return [results[number] for number in range(len(programs))]

    def _look(self, effects: Sequence[LookAt]) -> list[Any]:
        return self._of_each(effects, lambda e: e.key, lambda store, batch: store.fetch([e.key for e in batch]))

    def _insert(self, effects: Sequence[InsertOrGet]) -> list[Any]:
        def insert(store: Any, batch: Sequence[InsertOrGet]) -> Sequence[object]:
            found: Sequence[object] = store.insert_or_get([e.claim for e in batch])
            return found

        return self._of_each(effects, lambda e: e.claim.key, insert)

    def _replace(self, effects: Sequence[Replace]) -> list[Any]:
        return self._of_each(
            effects,
            lambda e: e.key,
            lambda store, batch: store.exchange([Exchange(e.key, e.seen, e.entry) for e in batch]),
        )

    def _of_each(
        self, effects: Sequence[Any], key: Callable[[Any], Key], work: Callable[[Any, Any], Sequence[object]]
    ) -> list[Any]:
        batches = grouped(range(len(effects)), lambda n: self._placing.shard(effects[n].side, key(effects[n])))
        parts = {name: [effects[number] for number in numbers] for name, numbers in batches.items()}
        found = self._shards.of_each(parts, work)
        results = {n: result for name, ns in batches.items() for n, result in zip(ns, found[name], strict=True)}
        return [results[number] for number in range(len(effects))]
