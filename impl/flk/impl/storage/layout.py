"""What the stores of a ring know of it, so that no two nodes place keys differently.

Each shard has a note of its role: which ring, its own name there, and the shard that is the registrar. The registrar gives nodes
their log numbers, keeps their marks, and has the layout: the shards, each by the random name that its store got when it was made.
The role is noted once, in a store that no node uses alone; the layout is noted once by whoever comes first. So nodes that are
started at once, with whatever files, come to one ring, or are refused by name; and who is cut off in between is finished for.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from flk.impl.storage.ring_file import RingFile
from flk.impl.storage.shared import ROLE, SharedStore
from flk.model.entries.migration import Phase
from flk.model.refusal import unavailable
from flk.spec.errors import UnusableInput

LAYOUT = "/layout"  # the note of the registrar


class Role(msgspec.Struct, frozen=True):
    """Which shard of which ring a store is, and which one is the registrar."""

    ring: str
    shard: str
    registrar: str


class Move(msgspec.Struct, frozen=True, omit_defaults=True):
    """A migration: a random name, the phase, how many keys were counted to move when it was planned, and the shard that is added
    with the name of its store, or the one that `leaves`. A version that cannot remove shards cannot read a record without `shard`.
    """

    name: str
    phase: Phase
    keys: int
    shard: str = ""
    store: str = ""
    leaves: str = ""

    @property
    def told(self) -> str:
        """What it does to which shard."""
        return f"shard {self.leaves} is being removed" if self.leaves else f"shard {self.shard} is being added"


class Kept(msgspec.Struct, frozen=True):
    """What gave way in a shard that has left: in how many notes of the registrar it is, under the name of the migration."""

    move: str
    notes: int
    rows: int


class Layout(msgspec.Struct, frozen=True):
    """The shards of a ring, by name, each with the name of its store; the points that each has on the circle; the migration that
    is on its way, or was rolled back. Each layout of a ring has the next number.
    """

    shards: dict[str, str]
    vnodes: int
    number: int = 1
    move: Move | None = None
    kept: tuple[Kept, ...] | msgspec.UnsetType = msgspec.UNSET  # unset is as it was before shards could leave

    @property
    def after(self) -> dict[str, str]:
        """The shards of the ring when the migration is over."""
        if self.move is None:
            return self.shards
        stay = {name: store for name, store in self.shards.items() if name != self.move.leaves}
        return {**stay, self.move.shard: self.move.store} if self.move.shard else stay

    @property
    def moving(self) -> bool:
        """Whether keys are on the move."""
        return self.move is not None and self.move.phase not in {Phase.PLANNED, Phase.ROLLED_BACK}

    @property
    def stores(self) -> dict[str, str]:
        """The shards that hold keys in this layout, and those that get some."""
        return {**self.shards, **self.after} if self.moving else self.shards

    @property
    def open(self) -> int:
        """The fence of the stores in this layout. One less closes them: no write names that."""
        return 2 * self.number

    def in_phase(self, phase: Phase) -> "Layout":
        """The next layout, in which the migration is in another phase."""
        assert self.move is not None
        return self.with_move(msgspec.structs.replace(self.move, phase=phase))

    def with_move(self, move: Move | None) -> "Layout":
        """The next layout, with this migration or none."""
        return msgspec.structs.replace(self, number=self.number + 1, move=move)

    def over(self, kept: Kept | None = None) -> "Layout":
        """The next layout, whose ring is the one after the migration; and what is kept of a shard that has left."""
        known = () if isinstance(self.kept, msgspec.UnsetType) else self.kept
        every = (*known, kept) if kept is not None else self.kept
        return Layout(self.after, self.vnodes, self.number + 1, None, every)


class Record(msgspec.Struct, frozen=True):
    """What is on record: the layout in force, and the one that comes next, while the stores are closed for the first."""

    now: Layout
    next: Layout | None = None


class Found(msgspec.Struct, frozen=True):
    """A ring as its stores know it."""

    ring: str
    registrar: str
    layout: Layout


def found_in(stores: Mapping[str, SharedStore], file: RingFile, path: Path) -> Found:
    """The ring of the stores that the file names; a new one of all of them if they are in none.

    Raises UnusableInput if the file and the stores do not agree, Unavailable if a store does not answer.
    """
    roles = {name: role for name, store in stores.items() if (role := _role_of(store)) is not None}
    for name, role in roles.items():
        if role.shard != name:
            raise UnusableInput(f"{path}: the store that it calls {name} is shard {role.shard} of its ring; name it so")
    rings = {role.ring for role in roles.values()}
    if len(rings) > 1:
        one, other = (next(name for name, role in roles.items() if role.ring == ring) for ring in sorted(rings)[:2])
        raise UnusableInput(f"{path}: shard {one} is of one ring, and shard {other} of another; name those of one")
    registrar = next(iter(roles.values())).registrar if roles else min(stores)
    if registrar not in stores:
        raise UnusableInput(f"{path}: the ring has shard {registrar}, which the file does not name; add it")
    head = stores[registrar]
    if roles and _role_of(head) is None:  # it has one before any other has
        raise UnusableInput(f"{path}: shard {registrar} is another store than the ring began with; put that one back")
    ring = rings.pop() if rings else take_role(path, head, Role(secrets.token_hex(16), registrar, registrar)).ring
    if not head.noted(LAYOUT):
        first = Layout({name: store.place.store for name, store in stores.items()}, file.vnodes)
        head.note(LAYOUT, "", text_of(Record(first)))
    layout = recorded(head).now
    _require_agreement(layout, stores, file, path)
    for name in layout.stores:
        take_role(path, stores[name], Role(ring, name, registrar))
    return Found(ring, registrar, layout)


def recorded(head: SharedStore) -> Record:
    """What is on record. Raises Unavailable if nothing is any more."""
    noted = head.noted(LAYOUT)
    if not noted:
        raise unavailable(f"the ring is not described in {head} any more: put back what that held")
    return msgspec.json.decode(noted, type=Record)


def text_of(record: Record) -> str:
    """A record as it is noted."""
    return msgspec.json.encode(record, order="sorted").decode()


def _require_agreement(layout: Layout, stores: Mapping[str, SharedStore], file: RingFile, path: Path) -> None:
    for name, known in layout.stores.items():
        if name not in stores:
            raise UnusableInput(f"{path}: the ring has shard {name}, which the file does not name; add it")
        if stores[name].place.store != known:
            raise UnusableInput(
                f"{path}: shard {name} is another store than the ring has under that name ({stores[name]}); put that one back"
            )
    if file.vnodes not in (layout.vnodes, RingFile().vnodes):
        raise UnusableInput(f"{path}: vnodes is {file.vnodes}, and the ring was begun with {layout.vnodes}; say that")


def take_role(path: Path, store: SharedStore, role: Role) -> Role:
    """The role that a store has: this one if it had none. Raises UnusableInput if it is another shard, or used alone."""
    noted = store.take_part(msgspec.json.encode(role).decode())
    if not noted:
        raise UnusableInput(
            f"{path}: nodes use {store} alone, and a ring is begun on new stores; give shard {role.shard} one of its own"
        )
    found = msgspec.json.decode(noted, type=Role)
    other = (
        found.ring != role.ring and role.shard != role.registrar
    )  # a registrar's may have been begun at the same moment
    if other or (found.shard, found.registrar) != (role.shard, role.registrar):
        raise UnusableInput(
            f"{path}: {store} has become shard {found.shard} of another ring meanwhile; name the shards of one ring"
        )
    return found


def _role_of(store: SharedStore) -> Role | None:
    noted = store.noted(ROLE)
    return msgspec.json.decode(noted, type=Role) if noted else None
