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
from flk.model.entries.ring import Ring
from flk.spec.errors import UnusableInput

LAYOUT = "/layout"  # the note of the registrar


class Role(msgspec.Struct, frozen=True):
    """Which shard of which ring a store is, and which one is the registrar."""

    ring: str
    shard: str
    registrar: str


class Layout(msgspec.Struct, frozen=True):
    """The shards of a ring, by name, each with the name of its store; the points that each has on the circle."""

    shards: dict[str, str]
    vnodes: int

    def ring(self) -> Ring:
        """The ring of these shards."""
        return Ring(self.shards, self.vnodes)


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
    if roles and registrar not in roles:
        raise UnusableInput(f"{path}: shard {registrar} is another store than the ring began with; put that one back")
    ring = roles[registrar].ring if roles else _take(path, head, Role(secrets.token_hex(16), registrar, registrar)).ring
    if not head.noted(LAYOUT):
        first = Layout({name: store.place.store for name, store in stores.items()}, file.vnodes)
        head.note(LAYOUT, "", msgspec.json.encode(first, order="sorted").decode())
    layout = msgspec.json.decode(head.noted(LAYOUT), type=Layout)
    _require_agreement(layout, stores, file, path)
    for name in layout.shards:
        _take(path, stores[name], Role(ring, name, registrar))
    return Found(ring, registrar, layout)


def _require_agreement(layout: Layout, stores: Mapping[str, SharedStore], file: RingFile, path: Path) -> None:
    for name, known in layout.shards.items():
        if name not in stores:
            raise UnusableInput(f"{path}: the ring has shard {name}, which the file does not name; add it")
        if stores[name].place.store != known:
            raise UnusableInput(
                f"{path}: shard {name} is another store than the ring has under that name ({stores[name]}); put that one back"
            )
    if file.vnodes not in (layout.vnodes, RingFile().vnodes):
        raise UnusableInput(f"{path}: vnodes is {file.vnodes}, and the ring was begun with {layout.vnodes}; say that")


def _take(path: Path, store: SharedStore, role: Role) -> Role:
    """The role that a store has: this one if it had none."""
    noted = store.take_part(msgspec.json.encode(role).decode())
    if not noted:
        raise UnusableInput(
            f"{path}: nodes use {store} alone, and a ring is begun on new stores; give shard {role.shard} one of its own"
        )
    found = msgspec.json.decode(noted, type=Role)
    if found.shard != role.shard or (found.ring != role.ring and role.shard != role.registrar):
        raise UnusableInput(
            f"{path}: {store} has become shard {found.shard} of another ring meanwhile; name the shards of one ring"
        )
    return found


def _role_of(store: SharedStore) -> Role | None:
    noted = store.noted(ROLE)
    return msgspec.json.decode(noted, type=Role) if noted else None
