"""What a migration would move, and its beginning: a shard is added to a ring, or removed from it. Nothing moves by that."""

import secrets
from collections.abc import Callable

import msgspec

from flk.impl.storage.layout import Layout, Move, Role
from flk.impl.storage.moving import Placing
from flk.impl.storage.shards import Shards
from flk.impl.storage.shared import MERGE_ENTRIES, ROLE
from flk.model.entries.entry import Key
from flk.model.entries.migration import Phase, Side
from flk.spec.errors import UnusableInput

Counted = Callable[[int], None]


class Plan(msgspec.Struct, frozen=True):
    """What a migration would move: the shard that is added or removed, entries of all, and the keys of those that move to it or
    from it, by the shard that has them now.
    """

    shard: str
    entries: dict[str, int]
    keys: dict[str, int]


def plan(shards: Shards, added: str, told: Counted, *, dry_run: bool = False) -> Plan:
    """Count what moves when a shard is added, and put the migration on record. Raises UnusableInput if one is on its way, or the
    shard cannot be added.
    """
    layout = _free(shards)
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
    move = Move(secrets.token_hex(8), Phase.PLANNED, 0, added, store.place.store)
    found = _counted(shards, layout, move, told)
    if not dry_run:
        shards.take(added, store.place.store)
        _put_on_record(shards, layout, move, found)
    return found


def plan_removal(shards: Shards, removed: str, told: Counted, *, dry_run: bool = False) -> Plan:
    """Count what moves when a shard is removed, and put the migration on record. Raises UnusableInput if one is on its way, or the
    shard cannot leave (MIG-9), Unavailable if a shard does not answer.
    """
    layout = _free(shards)
    if removed not in layout.shards:
        raise UnusableInput(
            f"the ring has the shards {', '.join(sorted(layout.shards))}, and none called {removed}; name one of those with"
            " --remove"
        )
    if len(layout.shards) == 1:
        raise UnusableInput(
            f"shard {removed} is the last one of the ring; add another first, with `flk migrate plan --add SHARD`"
        )
    if removed == shards.found.registrar:
        raise UnusableInput(
            f"shard {removed} is the registrar: the ring's description and the nodes' log numbers are there, so it stays; remove"
            " another, or move its server: promote a standby of it, and change its URL in the file"
        )
    move = Move(secrets.token_hex(8), Phase.PLANNED, 0, leaves=removed)
    found = _counted(shards, layout, move, told)
    if not dry_run:
        _put_on_record(shards, layout, move, found)
    return found


def _free(shards: Shards) -> Layout:
    """The layout, if no migration is on its way."""
    layout = shards.follow()
    move = layout.move
    if move is not None and (
        layout.moving or (move.leaves and move.phase is Phase.ROLLED_BACK)  # what was copied is to be taken out
    ):
        raise UnusableInput(
            f"{move.told}, and shards join and leave one by one; finish that, or `flk migrate rollback --yes`"
        )
    return layout


def _put_on_record(shards: Shards, layout: Layout, move: Move, found: Plan) -> None:
    planned = msgspec.structs.replace(move, keys=sum(found.keys.values()))
    shards.go_on(layout.with_move(planned))
    if shards.layout.move != planned:
        raise UnusableInput("another migration was planned at the same moment; look at `flk migrate status`")


def _counted(shards: Shards, layout: Layout, move: Move, told: Counted) -> Plan:
    """The entries of each shard, and those that move. Raises UnusableInput if a shard has some that are another's."""
    placing = Placing(layout.with_move(move))
    entries, keys = dict.fromkeys(sorted(layout.shards), 0), dict.fromkeys(sorted(layout.shards), 0)
    for name in entries:
        after: Key | None = None
        while page := shards.by_name[name].ask(lambda store, after=after: store.export(after, MERGE_ENTRIES)):  # type: ignore[misc]
            entries[name] += len(page)
            keys[name] += sum(placing.changes(claim.key) for claim in page)
            after = page[-1].key
            if foreign := sum(placing.shard(Side.OLD, claim.key) != name for claim in page):
                raise UnusableInput(
                    f"shard {name} has {foreign} entries that the ring gives to another; look what wrote there"
                )
            told(sum(entries.values()))
    return Plan(move.leaves or move.shard, entries, keys)
