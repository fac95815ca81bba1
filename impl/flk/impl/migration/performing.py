"""How the effects of the program `migrate` are performed on the stores of a ring."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from flk.impl.storage.inherited import keep, kept
from flk.impl.storage.layout import Move
from flk.impl.storage.moving import Placing
from flk.impl.storage.shards import Shards
from flk.impl.storage.shared import Exchange, Moved, SharedStore
from flk.model.effects import (
    Advance,
    Effect,
    Forget,
    GaveWay,
    Keep,
    ListKeys,
    LookAt,
    Part,
    Replace,
    Sleep,
)
from flk.model.entries.entry import Key, Supersession
from flk.model.entries.migration import Page, Phase, Side
from flk.model.refusal import unavailable
from flk.spec.errors import UnusableInput

PROGRESS = "migration"  # the migrator's mark of how far it is
PAUSE = "/pause"  # the note that names the migration which is to stop
_LOOK_SECONDS = 0.5  # from one look for a pause, and one note of the progress, to the next
_END = 1 << 62  # the place behind the last key


class Progress(msgspec.Struct, frozen=True):
    """How far a migration is: keys that the pass through the old shards has gone over, of those that move, and in which phase."""

    move: str
    phase: Phase
    keys: int


class Paused(UnusableInput):
    """Somebody asked the migration to stop here. It goes on where it stopped."""


class Migrator:
    """Performs what a migrator does. `told` is given each progress. Raises Unavailable if a store does not answer, or another
    migrator has gone on meanwhile.
    """

    def __init__(
        self, shards: Shards, move: Move, told: Callable[[Progress], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._shards = shards
        self._move = move
        self._told = told
        self._sleep = sleep
        self._listing: dict[int, tuple[str, Key | None]] = {}
        self._keys = 0
        self._looked_at = 0.0
        self._performers: Mapping[type[Effect[Any]], Callable[[Any], Any]] = {
            Advance: self._advance,
            LookAt: lambda e: self._of(e.side, e.key, lambda store: store.fetch([e.key])[0]),
            Replace: self._replace,
            ListKeys: self._list,
            Forget: self._forget,
            GaveWay: self._gave_way,
            Keep: lambda e: self._shards.registrar.ask(lambda store: keep(store, self._move.name, e.start, e.rows)),
            Part: self._part,
            Sleep: self._rest,
        }

    def perform(self, effect: Effect[Any]) -> Any:
        """An effect's result, or the refusal that it meets."""
        return self._performers[type(effect)](effect)

    @property
    def phase(self) -> Phase:
        """The phase on record. Raises Unavailable if this migration is over."""
        move = self._shards.follow().move
        if move is None or move.name != self._move.name:
            raise unavailable("this migration is over; look at `flk migrate status`")
        return move.phase

    def _advance(self, effect: Advance) -> Phase:
        phase = self.phase
        if phase is effect.since:
            self._shards.go_on(self._shards.layout.in_phase(effect.to))
            phase = self.phase
        self._note(phase)
        return phase

    def _replace(self, effect: Replace) -> bool:
        exchange = Exchange(effect.key, effect.seen, effect.entry)
        done: bool = self._write(effect.phase, effect.side, effect.key, lambda store: store.exchange([exchange])[0])
        return done

    def _forget(self, effect: Forget) -> None:
        self._write(effect.phase, effect.side, effect.key, lambda store: store.forget(effect.key))

    def _gave_way(self, effect: GaveWay) -> tuple[Supersession, ...]:
        name = self._move.leaves
        leaving = self._shards.by_name[name]
        if rotten := len(leaving.ask(lambda store: store.rotten())):
            raise unavailable(f"shard {name} has {rotten} rows that rotted, which the nodes have to put back first")
        if left := leaving.ask(lambda store: store.count()):
            raise unavailable(f"shard {name} has {left} entries yet")
        return tuple(
            Supersession(*row) for row in leaving.ask(lambda store: store.superseded(effect.start, effect.size))
        )

    def _part(self, effect: Part) -> None:
        if self.phase is not Phase.CLEANED:
            raise unavailable(f"the migration is in the phase {self.phase}, in which no shard leaves")
        self._shards.go_on(self._shards.layout.over(kept(self._move.name, effect.kept)))

    def _write(self, phase: Phase, side: Side, key: Key, work: Callable[[SharedStore], Any]) -> Any:
        """A write that names its phase. The layout is the one of that phase, or has been changed by another: that is told."""
        move = self._shards.layout.move
        if move is None or move.phase is not phase:
            raise unavailable(f"the migration is not in the phase {phase} any more")
        try:
            return self._of(side, key, work)
        except Moved:
            raise unavailable(f"the migration went on from {phase} to {self.phase} meanwhile") from None

    def _of(self, side: Side, key: Key, work: Callable[[SharedStore], Any]) -> Any:
        return self._shards.by_name[Placing(self._shards.layout).shard(side, key)].ask(work)

    def _list(self, effect: ListKeys) -> Page:
        """A page of the keys that move, shard by shard, each in its own order. Its end is known when it is reached."""
        placing = Placing(self._shards.layout)
        names = placing.holders(effect.side)
        if not effect.start:
            self._listing = {0: (names[0], None)}
            self._keys = 0
        name, after = self._listing.pop(effect.start)
        page = self._shards.by_name[name].ask(lambda store: store.export(after, effect.size))
        following = (name, page[-1].key) if page else next(((n, None) for n in names if n > name), None)
        keys = tuple(claim.key for claim in page if placing.changes(claim.key))
        if following is None:
            return Page(keys, _END, _END)
        self._listing = {effect.start + 1: following}
        return Page(keys, effect.start + 1, _END)

    def _rest(self, effect: Sleep) -> None:
        move = self._shards.layout.move
        self._keys += move is not None and move.phase in {Phase.DUAL, Phase.CLEANED, Phase.ROLLED_BACK}
        left = effect.seconds
        self._look()
        while left > 0:
            self._sleep(min(left, _LOOK_SECONDS))
            left -= _LOOK_SECONDS
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        move = self._shards.layout.move
        self._note(move.phase if move is not None else Phase.PLANNED)
        if self._shards.registrar.ask(lambda store: store.noted(PAUSE)) == self._move.name:
            raise Paused("the migration is paused; give the same command again, and it goes on")

    def _note(self, phase: Phase) -> None:
        progress = Progress(self._move.name, phase, self._keys)
        text = msgspec.json.encode(progress).decode()
        self._shards.registrar.ask(lambda store: store.mark(PROGRESS, text))
        self._told(progress)
