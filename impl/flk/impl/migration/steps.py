"""The steps of a migration, each a command of `flk migrate`. Every one can be given again after it was cut off."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from flk.impl.migration.performing import PAUSE, PROGRESS, Migrator, Progress
from flk.impl.storage.layout import Layout, Move
from flk.impl.storage.opening import open_shards
from flk.impl.storage.shards import Shards
from flk.model.effects import Advance, Program
from flk.model.entries.migration import Phase
from flk.model.programs.migration import migrate, roll_back, take_back
from flk.model.refusal import Refused
from flk.spec.errors import UnusableInput

ORDER = (Phase.PLANNED, Phase.DUAL, Phase.VERIFIED, Phase.CUT_OVER, Phase.CLEANED)
_OVER = "there is no migration on its way; begin one with `flk migrate plan --add SHARD` or `--remove SHARD`"

Told = Callable[[Progress], None]


class Status(msgspec.Struct, frozen=True):
    """Where a migration is: the shards of the ring, the one that is added or removed, the phase, how many keys were counted to move
    when it was planned, and how many of those the pass of this phase (copying, or deleting) has gone over.
    """

    shards: tuple[str, ...]
    adds: str = ""
    phase: Phase | None = None
    keys: int = 0
    done: int = 0
    paused: bool = False
    removes: str = ""


@contextmanager
def migrating(url: str, region: str, *, accept_weaker: bool = False) -> Iterator[Shards]:
    """The stores of a ring, for a migrator. Raises UnusableInput, Unavailable."""
    shards = open_shards(url, region, accept_weaker=accept_weaker)
    try:
        shards.join = lambda store: store.attend()
        shards.follow()
        shards.all(lambda store: store.attend())
        yield shards
    finally:
        shards.close()


def status(shards: Shards) -> Status:
    """Where the migration is that is on its way, or was rolled back."""
    layout = shards.follow()
    names, move = tuple(sorted(layout.shards)), layout.move
    if move is None:
        return Status(names)
    paused = shards.registrar.ask(lambda store: store.noted(PAUSE)) == move.name
    marked = shards.registrar.ask(lambda store: store.marked(PROGRESS))
    progress = msgspec.json.decode(marked, type=Progress) if marked else None
    done = progress.keys if progress and (progress.move, progress.phase) == (move.name, move.phase) else 0
    if move.phase in {Phase.VERIFIED, Phase.CUT_OVER}:
        done = move.keys
    return Status(names, move.shard, move.phase, move.keys, done, paused, move.leaves)


def pause(shards: Shards) -> Phase:
    """Ask the migrator to stop where it is; its phase. Nodes go on. Raises UnusableInput if there is none to stop."""
    move = on_its_way(shards)
    _set_pause(shards, move.name)
    return move.phase


def on_its_way(shards: Shards) -> Move:
    """The migration that is on its way. Raises UnusableInput if there is none."""
    move = shards.follow().move
    if move is not None and move.leaves and move.phase is Phase.ROLLED_BACK:
        raise UnusableInput("the migration was rolled back; end that with `flk migrate rollback --yes`")
    if move is None or move.phase is Phase.ROLLED_BACK:
        raise UnusableInput(_OVER)
    return move


def to_cut_over(shards: Shards) -> Move:
    """The migration that `cut_over` would go on with. Raises UnusableInput if there is none, or it is not that far."""
    return _in_phase(shards, {Phase.VERIFIED, Phase.CUT_OVER}, "verify first, with `flk migrate start`")


def to_clean_up(shards: Shards) -> Move:
    """The migration that `clean_up` would go on with. Raises as `to_cut_over`."""
    return _in_phase(shards, {Phase.CUT_OVER, Phase.CLEANED}, "cut over first, with `flk migrate cutover`")


def to_go_back(shards: Shards) -> Move:
    """The migration that `go_back` would take back. Raises UnusableInput if there is none, or there is no way back."""
    move = shards.follow().move
    if move is not None and move.phase is Phase.PLANNED:
        raise UnusableInput(
            "nothing has moved yet, so nothing is to be rolled back; another plan takes the place of this one"
        )
    known = {Phase.DUAL, Phase.VERIFIED, Phase.CUT_OVER, Phase.ROLLED_BACK}
    return _in_phase(shards, known, "keys are being deleted, so there is no way back; go on with `flk migrate cleanup`")


def start(shards: Shards, rate: float, told: Told) -> Phase:
    """Turn dual writes on, copy every key that moves, and verify. Raises UnusableInput, Paused, Unavailable."""
    move = on_its_way(shards)
    _set_pause(shards, "")
    return _drive(Migrator(shards, move, told), migrate(rate), Phase.VERIFIED)


def cut_over(shards: Shards, settle: float, told: Told) -> Phase:
    """Let the shards that get them decide claims of the keys that move, and the others follow. Raises as `start`."""
    move = to_cut_over(shards)
    _set_pause(shards, "")
    return _drive(Migrator(shards, move, told), migrate(settle=settle), Phase.CUT_OVER)


def clean_up(shards: Shards, rate: float, settle: float, told: Told) -> Layout:
    """Delete the keys that have moved from the shards that had them, and end the migration; a shard that leaves is left empty, and
    what gave way in it is kept. Raises as `start`.
    """
    move = to_clean_up(shards)
    _set_pause(shards, "")
    _drive(Migrator(shards, move, told), migrate(rate, settle, stays=bool(move.leaves)), None)
    return shards.layout if move.leaves else shards.go_on(shards.layout.over())


def go_back(shards: Shards, rate: float, told: Told) -> Phase:
    """Let the old shards serve alone again; those that a shard's keys were copied to keep none of them. Raises as `start`."""
    move = to_go_back(shards)
    _set_pause(shards, "")
    if not move.leaves:
        return _drive(Migrator(shards, move, told), roll_back(), None)
    phase = _drive(Migrator(shards, move, told), take_back(rate), None)
    shards.go_on(shards.layout.with_move(None))
    return phase


def _drive(migrator: Migrator, program: Program[Phase], until: Phase | None) -> Phase:
    """Run a program to its end, or until the migration is in a phase; in which it is then. A migrator may stop anywhere (MIG-6)."""
    effect = next(program)
    try:
        while True:
            try:
                result = migrator.perform(effect)
            except Refused as refusal:
                effect = program.throw(refusal)
                continue
            if isinstance(effect, Advance) and until is not None and ORDER.index(result) >= ORDER.index(until):
                program.close()
                return migrator.phase
            effect = program.send(result)
    except StopIteration as stop:
        phase: Phase = stop.value
        return phase


def _in_phase(shards: Shards, phases: set[Phase], otherwise: str) -> Move:
    move = shards.follow().move
    if move is None:
        raise UnusableInput(_OVER)
    if move.phase not in phases:
        raise UnusableInput(f"the migration is in the phase {move.phase}: {otherwise}")
    return move


def _set_pause(shards: Shards, value: str) -> None:
    def note(seen: str) -> bool:
        return shards.registrar.ask(lambda store: store.note(PAUSE, seen, value or "-"))

    while not note(shards.registrar.ask(lambda store: store.noted(PAUSE))):
        continue
