"""The steps of a migration, each a command of `flk migrate`. Every one can be given again after it was cut off."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from flk.impl.migration.performing import PAUSE, PROGRESS, Migrator, Progress
from flk.impl.storage.layout import Layout, Move, Role
from flk.impl.storage.opening import open_shards
from flk.impl.storage.shards import Shards
from flk.impl.storage.shared import MERGE_ENTRIES, ROLE
from flk.model.effects import Advance, Program
from flk.model.entries.entry import Key
from flk.model.entries.migration import Phase
from flk.model.entries.ring import Ring, ring_text
from flk.model.programs.migration import migrate, roll_back
from flk.model.refusal import Refused
from flk.spec.errors import UnusableInput

ORDER = (Phase.PLANNED, Phase.DUAL, Phase.VERIFIED, Phase.CUT_OVER, Phase.CLEANED)
_OVER = "there is no migration on its way; begin one with `flk migrate plan --add SHARD`"

Told = Callable[[Progress], None]


class Plan(msgspec.Struct, frozen=True):
    """What a migration would move: keys of all, by the shard that has them now, to the one that is added."""

    shard: str
    entries: dict[str, int]
    keys: dict[str, int]


class Status(msgspec.Struct, frozen=True):
    """Where a migration is: the shards of the ring, the one that is added, the phase, how many keys were counted to move when it
    was planned, and how many of those the pass of this phase (copying, or deleting) has gone over.
    """

    shards: tuple[str, ...]
    adds: str = ""
    phase: Phase | None = None
    keys: int = 0
    done: int = 0
    paused: bool = False


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


def plan(shards: Shards, added: str, told: Callable[[int], None], *, dry_run: bool = False) -> Plan:
    """Count what moves when a shard is added, and put the migration on record. Raises UnusableInput if one is on its way, or the
    shard cannot be added.
    """
    layout = shards.follow()
    if layout.move is not None and layout.move.phase not in {Phase.PLANNED, Phase.ROLLED_BACK}:
        raise UnusableInput(f"shard {layout.move.shard} is being added; finish that, or `flk migrate rollback`")
    if added in layout.shards:
        raise UnusableInput(f"shard {added} is in the ring; name another one of the file with --add")
    store = shards.opened(added)
    role = store.noted(ROLE)
    if role and msgspec.json.decode(role, type=Role).ring != shards.found.ring:
        raise UnusableInput(f"{store} is a shard of another ring; give shard {added} a store of its own")
    if count := store.count():
        raise UnusableInput(
            f"shard {added} has {count} entries; empty its store first: what it holds is nobody's answer"
        )
    found = _count(shards, layout, added, told)
    if not dry_run:
        shards.take(added, store.place.store)
        move = Move(secrets.token_hex(8), added, store.place.store, Phase.PLANNED, sum(found.keys.values()))
        shards.go_on(Layout(layout.shards, layout.vnodes, layout.number + 1, move))
        if shards.layout.move != move:
            raise UnusableInput("another migration was planned at the same moment; look at `flk migrate status`")
    return found


def _count(shards: Shards, layout: Layout, added: str, told: Callable[[int], None]) -> Plan:
    after_ring = Ring([*layout.shards, added], layout.vnodes)
    entries, keys = dict.fromkeys(sorted(layout.shards), 0), dict.fromkeys(sorted(layout.shards), 0)
    for name in entries:
        after: Key | None = None
        while page := shards.by_name[name].ask(lambda store, after=after: store.export(after, MERGE_ENTRIES)):  # type: ignore[misc]
            entries[name] += len(page)
            keys[name] += sum(after_ring.owner(ring_text(claim.key)) == added for claim in page)
            after = page[-1].key
            told(sum(entries.values()))
    return Plan(added, entries, keys)


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
    return Status(names, move.shard, move.phase, move.keys, done, paused)


def pause(shards: Shards) -> None:
    """Ask the migrator to stop where it is. Nodes go on. Raises UnusableInput if there is none to stop."""
    _set_pause(shards, _on_its_way(shards).name)


def start(shards: Shards, rate: float, told: Told) -> Phase:
    """Turn dual writes on, copy every key that moves, and verify. Raises UnusableInput, Paused, Unavailable."""
    move = _on_its_way(shards)
    _set_pause(shards, "")
    return _drive(Migrator(shards, move, told), migrate(rate), Phase.VERIFIED)


def cut_over(shards: Shards, settle: float, told: Told) -> Phase:
    """Let the added shard decide claims of the keys that move, and the old ones follow. Raises as `start`."""
    move = _in_phase(shards, {Phase.VERIFIED, Phase.CUT_OVER}, "verify first, with `flk migrate start`")
    _set_pause(shards, "")
    return _drive(Migrator(shards, move, told), migrate(settle=settle), Phase.CUT_OVER)


def clean_up(shards: Shards, rate: float, settle: float, told: Told) -> Layout:
    """Delete the keys that have moved from the shards that had them, and end the migration. Raises as `start`."""
    move = _in_phase(shards, {Phase.CUT_OVER, Phase.CLEANED}, "cut over first, with `flk migrate cutover`")
    _set_pause(shards, "")
    _drive(Migrator(shards, move, told), migrate(rate, settle), None)
    layout = shards.layout
    return shards.go_on(Layout(layout.stores, layout.vnodes, layout.number + 1))


def go_back(shards: Shards, told: Told) -> Phase:
    """Let the old shards serve alone again. Raises as `start`."""
    known = {Phase.DUAL, Phase.VERIFIED, Phase.CUT_OVER, Phase.ROLLED_BACK}
    move = _in_phase(shards, known, "keys are being deleted, so there is no way back; go on with `flk migrate cleanup`")
    return _drive(Migrator(shards, move, told), roll_back(), None)


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


def _on_its_way(shards: Shards) -> Move:
    move = shards.follow().move
    if move is None or move.phase is Phase.ROLLED_BACK:
        raise UnusableInput(_OVER)
    return move


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
