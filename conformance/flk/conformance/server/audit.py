"""The audit log of a server that says it has one: checkpoints, tiles, proofs, and outcomes that become leaves (TLOG-*).

Nothing that the log says of itself is believed: what its tiles come to is held against what its key has signed.
"""

import time
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

import msgspec

from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed, Reply
from flk.conformance.server.target import POLL_SECONDS, Server, expect_outcome, expect_status
from flk.model.effects import Effect, GetObject, Program
from flk.model.programs.proofs import prove_consistency, root_of
from flk.model.programs.show import Proof
from flk.model.record.merkle import root_over, verify_inclusion
from flk.model.runtime import run
from flk.model.transparency.checkpoints import BadLog, Checkpoint, read_checkpoint
from flk.model.transparency.notes import BadNote
from flk.model.transparency.tiles import HASH_BYTES, WIDTH, Tile, bundle_of, tiles_of
from flk.spec.constants import CONSTANTS

R = TypeVar("R")
PATH = CONSTANTS.transparency.path
MOST_TILES = 64
NO_TILES = (
    "0/x",
    "0/1",
    "0/0000",
    "0/000.p/0",
    "0/000.p/256",
    "0/000.p/01",
    "0/000.p/1/2",
    "0/x000/000x",
    "0/-01",
    "x/000",
    "-1/000",
    "00000000/000",
    "0/000/",
    "0/%2e%2e/%2e%2e/checkpoint",
)
"""Behind `tile/`, what C2SP tlog-tiles has no tile under, whatever the log holds."""


@check("TLOG-1", "TLOG-2", "TLOG-11")
def audit_checkpoint_is_signed(server: Server) -> None:
    """The checkpoint is a note that the log's key has signed, under its own name, and no cache may keep it."""
    _latest(server)
    reply = _asked(server, "checkpoint")
    kept = reply.headers.get("cache-control", "")
    if not {"no-cache", "no-store", "max-age=0"} & {part.strip() for part in kept.split(",")}:
        raise Failed(f"a cache may show the checkpoint when there is a later one: Cache-Control is {kept!r}")


@check("TLOG-3", "TLOG-11")
def audit_tiles_are_what_was_signed(server: Server) -> None:
    """Tiles of hashes come to the root that was signed, each has the roots of those below it, and caches may keep them."""
    signed = _latest(server)
    if not signed.size:
        signed = _later(server, signed)
    if _performed(server, root_of("", signed.size)) != signed.root:
        raise Failed(f"the tiles of a log of {signed.size} leaves do not come to the root that it has signed")
    tiles = [*tiles_of(signed.size)]
    for tile in tiles if len(tiles) <= MOST_TILES else _some(server, tiles):
        _sound(server, tile, signed)


@check("TLOG-6", "TLOG-4", "TLOG-11")
def audit_outcomes_become_leaves(server: Server) -> None:
    """A record that was acknowledged is a leaf within the time given, with its id and digest, and a proof under a signed root."""
    _latest(server)
    for tenant in server.tenants[: 1 + server.has_token(server.tenants[-1])]:
        token = server.token(tenant)
        record = server.signed(server.record(), tenant)
        reply = server.submit(record, tenant)
        expect_outcome(reply, record)
        found = _proven(server, str(record["pcs_id"]), token)
        told = reply.json()
        leaves = [_leaf(server, found, number) for number in range(len(found.leaves))]
        wanted = {"kind": "outcome", "tenant": tenant} | {
            name: told[name] for name in ("pcs_id", "digest", "timestamp")
        }
        if not any(wanted.items() <= leaf.items() for leaf in leaves):
            raise Failed(f"of the record of {tenant} the log has no leaf with {wanted}: {leaves}")


@check("TLOG-5", "TLOG-11")
def audit_log_only_grows(server: Server) -> None:
    """Each later checkpoint has a tree that begins as the earlier one's did, by a proof from the tiles, while records come in."""
    seen = [_latest(server)]
    for _ in range(2):
        seen.append(_later(server, seen[-1]))
    for earlier, later in (*pairwise(seen), (seen[0], seen[-1])):
        _performed(server, prove_consistency("", earlier, later))


@check("TLOG-7", "TLOG-11")
def audit_tiles_do_not_change(server: Server) -> None:
    """Tiles are what they were after the log has grown: a full one byte by byte, one at the edge as the beginning of its next."""
    signed = _later(server, _latest(server))
    tiles = [*tiles_of(signed.size)]
    before = {tile: _tile(server, tile) for tile in (tiles if len(tiles) <= MOST_TILES else _some(server, tiles))}
    now = _later(server, signed)
    for tile, content in before.items():
        again = _asked(server, f"tile/{_behind(tile)}")
        if again.status != 404 and again.body != content:
            raise Failed(f"tile/{_behind(tile)} was {content.hex()[:64]}…, and is {again.body.hex()[:64]}…")
        grown = tile._replace(width=min(WIDTH, now.size // WIDTH**tile.level - tile.number * WIDTH))
        if not _tile(server, grown).startswith(content):
            raise Failed(f"tile/{_behind(grown)} does not begin as tile/{_behind(tile)} did")


@check("TLOG-11", "ORD-8")
def audit_refuses_what_is_no_tile(server: Server) -> None:
    """What is the path of no tile, or of one that the log does not have yet, gets 400 or 404, and the server lives on."""
    size = _latest(server).size
    behind = Tile(0, size // WIDTH + 10**6), Tile(0, size // WIDTH + 1, 1), Tile(60, 0)
    for place in (*NO_TILES, *map(_behind, behind)):
        expect_status(_asked(server, f"tile/{place}"), (400, 404), f"GET tile/{place}")
    expect_status(_asked(server, "checkpoints"), (400, 404), "GET checkpoints")


@check("TLOG-11", "API-1", "API-3")
def audit_leaves_are_for_who_may_read_them(server: Server) -> None:
    """Leaves are told to nobody without a token, bundles not to tenants, and of another tenant's record what is told of none."""
    tenant = server.tenants[0]
    record = server.signed(server.record(), tenant)
    expect_outcome(server.submit(record, tenant), record)
    size = _later(server, _latest(server)).size
    bundle = f"tile/{bundle_of(0, size).name.removeprefix('tile/')}"
    expect_status(_asked(server, bundle), (401, 403, 404), f"GET {bundle} without a token")
    proof = f"proof/{record['pcs_id']}"
    expect_status(_asked(server, proof), (401, 403, 404), f"GET {proof} without a token")
    expect_status(_asked(server, bundle, server.token(tenant)), (401, 403, 404), f"GET {bundle} with a tenant's token")
    _proven(server, str(record["pcs_id"]), server.token(tenant))
    if len(server.tenants) > 1 and server.has_token(server.tenants[1]):
        other = server.token(server.tenants[1])
        expect_status(_asked(server, proof, other), 404, f"a record of {tenant}, asked for by another tenant")


def _asked(server: Server, name: str, token: str = "") -> Reply:
    """What everybody is answered, or who has a token, under the path of the log. Raises NotApplicable where nobody knows of one."""
    assert server.audit
    shown = [("Authorization", f"Bearer {token}")] if token else []
    return server.client.request("GET", f"{PATH}/{name}", headers=shown)


def _latest(server: Server) -> Checkpoint:
    """The checkpoint that is shown. A log without a leaf may have none: then a record is stored first. Raises Failed."""
    reply = _asked(server, "checkpoint")
    if reply.status == 404:
        server.control()
        give_up = time.monotonic() + server.audit.within
        while (reply := _asked(server, "checkpoint")).status == 404:
            _wait(give_up, "a record was acknowledged, and there is no checkpoint", server)
    expect_status(reply, 200, "the checkpoint of the audit log")
    return _counted(server, reply.body)


def _counted(server: Server, note: bytes) -> Checkpoint:
    try:
        return read_checkpoint(note, server.audit.key)
    except BadNote as bad:
        raise Failed(f"what the log shows is no checkpoint of it: {bad}") from None


def _later(server: Server, earlier: Checkpoint) -> Checkpoint:
    """A checkpoint of more leaves, for which a record is stored. Raises Failed if there is none within the time given."""
    server.control()
    give_up = time.monotonic() + server.audit.within
    while True:
        found = _latest(server)
        if found.size > earlier.size:
            return found
        if found.size < earlier.size or found.root != earlier.root:
            raise Failed(f"the log had {earlier.size} leaves and another tree: now it has {found.size} (TLOG-5)")
        _wait(give_up, f"a record was acknowledged, and the log still has {found.size} leaves", server)


def _proven(server: Server, pcs_id: str, token: str) -> Proof:
    """What the log shows of a record. Raises Failed if that is nothing within the time given."""
    give_up = time.monotonic() + server.audit.within
    while True:
        reply = _asked(server, f"proof/{pcs_id}", token)
        expect_status(reply, (200, 404, 503), f"the proof of record {pcs_id}")
        if reply.status == 200:
            try:
                return msgspec.json.decode(reply.body, type=Proof)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Failed(f"the proof of record {pcs_id} has another form: {error}: {reply}") from None
        _wait(give_up, f"record {pcs_id} was acknowledged, and the log shows no leaf of it: {reply}", server)


def _wait(give_up: float, problem: str, server: Server) -> None:
    if time.monotonic() > give_up:
        raise Failed(f"{problem}, after {server.audit.within:g} s (--audit-within)")
    time.sleep(POLL_SECONDS)


def _leaf(server: Server, found: Proof, number: int) -> dict[str, object]:
    """What a leaf says that was proven. Raises Failed if it was not."""
    shown, signed = found.leaves[number], _counted(server, found.checkpoint.encode())
    try:
        path = tuple(map(bytes.fromhex, shown.proof))
        told = msgspec.json.decode(shown.leaf, type=dict[str, object])
    except (ValueError, msgspec.DecodeError) as error:
        raise Failed(f"a leaf with a proof that cannot be read: {error}: {shown}") from None
    if not verify_inclusion(shown.leaf.encode(), shown.index, signed.size, path, signed.root):
        raise Failed(f"the proof does not show that this is leaf {shown.index} of {signed.size}: {shown}")
    return told


def _sound(server: Server, tile: Tile, signed: Checkpoint) -> None:
    """Return if the tile is as wide as it is named, and its root stands in the tile above, if that has it."""
    reply = _asked(server, f"tile/{_behind(tile)}")
    content = _tile(server, tile, reply)
    if tile.width == WIDTH and "max-age" not in reply.headers.get("cache-control", ""):
        raise Failed(f"tile/{_behind(tile)} never changes, and no cache is told so: {reply.headers}")
    hashes = [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]
    above = signed.size // WIDTH ** (tile.level + 1)
    if tile.number < above:
        width = min(WIDTH, above - tile.number // WIDTH * WIDTH)
        upper = _tile(server, Tile(tile.level + 1, tile.number // WIDTH, width))
        place = tile.number % WIDTH * HASH_BYTES
        if upper[place : place + HASH_BYTES] != root_over(hashes):
            raise Failed(f"tile/{_behind(tile)} is not what the tile above it says")


def _tile(server: Server, tile: Tile, reply: Reply | None = None) -> bytes:
    """The hashes of a tile; of one that has grown since, their beginning in what it has become. Raises Failed."""
    reply = _asked(server, f"tile/{_behind(tile)}") if reply is None else reply
    if reply.status == 404 and tile.width < WIDTH:
        reply = _asked(server, f"tile/{_behind(tile.whole)}")
        return reply.body[: tile.width * HASH_BYTES]
    expect_status(reply, 200, f"tile/{_behind(tile)}")
    if len(reply.body) != tile.width * HASH_BYTES:
        raise Failed(f"tile/{_behind(tile)} has {len(reply.body)} bytes, not {tile.width} hashes of {HASH_BYTES}")
    return reply.body


def _behind(tile: Tile) -> str:
    return tile.name.removeprefix("tile/")


def _some(server: Server, tiles: list[Tile]) -> Iterable[Tile]:
    """As many as are asked for, and all at the edge."""
    edge = [tile for tile in tiles if tile.width < WIDTH]
    return {*edge, *(tiles[server.draw(len(tiles))] for _ in range(MOST_TILES))}


def _performed(server: Server, program: Program[R]) -> R:
    """The result of a program that reads tiles. Raises Failed where the log is not what it signed."""

    def perform(effect: Effect[object]) -> object:
        assert isinstance(effect, GetObject)
        reply = _asked(server, effect.name)
        expect_status(reply, (200, 404), effect.name)
        return reply.body if reply.status == 200 else None

    try:
        return run(program, perform)  # type: ignore[arg-type]  # which has this one effect
    except BadLog as bad:
        raise Failed(str(bad)) from None
