"""`flk bench audit`: leaves integrated a second, proofs and their checks in a log of a million leaves, and what an audit log costs
a live server.

Records are integrated on real parts: segments from a directory, entries from SQLite, tiles and steps to that directory, each
synchronised. The long log is one of leaves that a region would have; its objects are in memory, so that what is measured is
the work on them.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from flk.impl.bench.audit_books import SIGNER, Auditor
from flk.impl.bench.load import encode_request
from flk.impl.bench.records import submissions
from flk.impl.bench.turns import SECRET, Figure, Subject, honest, take_turns
from flk.impl.keys import load_keys
from flk.impl.server.node import RealNode
from flk.impl.server.process import key_file, server_process
from flk.impl.storage.audit_index import NAME, AuditIndex
from flk.impl.storage.objects import open_objects
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.compiled.examiner import examining
from flk.model.effects import Append, Effect, GetObject
from flk.model.entries.entry import Claim
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.programs.checkpoint import checkpoint
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.integrate import integrate
from flk.model.programs.proofs import audit, prove_consistency, prove_inclusion
from flk.model.programs.recover import recover
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import ship
from flk.model.record.merkle import verify_consistency, verify_inclusion
from flk.model.record.record import decode
from flk.model.record.signing import HmacKey
from flk.model.runtime import run
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.edge import Edge, grown
from flk.model.transparency.leaves import outcome

FASTEST = 20_000  # requests a second that are prepared for, at most
SEGMENT_RECORDS = 2000
PROOFS = 200
EVERY = 1.0  # seconds from one step to the next: a fifth of what it is by itself, so that each turn has some
PAIRS = 7  # of turns, one of each server
HOST = "127.0.0.1"


class Integrated(NamedTuple):
    """Records that became leaves, and seconds that it took: to integrate them, and to sign."""

    leaves: int
    seconds: float
    signed: float


class Proven(NamedTuple):
    """Of a log of so many leaves, seconds: to make a proof of a leaf and to check it, of growth likewise, and to read all of it."""

    leaves: int
    inclusion: float
    inclusion_checked: float
    consistency: float
    consistency_checked: float
    whole: float


class Report(msgspec.Struct, frozen=True):
    """All figures of a run."""

    integrated: Integrated
    proven: Proven
    figures: tuple[Figure, ...]


def measure(records: int, leaves: int, seconds: float, on_progress: Callable[[str], None] = lambda _: None) -> Report:
    """Integrate so many records, prove in a log of so many leaves, and keep servers under load for that many seconds."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        on_progress("integrating")
        integrated = _integrated(home, records)
    on_progress("proving")
    proven = _proven(leaves)
    return Report(integrated, proven, _submitted(seconds, on_progress))


def _integrated(home: Path, records: int) -> Integrated:
    """Log, ship and integrate records, segment by segment, in this process."""
    (home / "objects").mkdir()
    objects = open_objects((home / "objects").as_uri())
    examine = examining(load_keys(key_file(home, SECRET)))
    index = AuditIndex(home / NAME)
    disk, store = FileDisk(home / "data", "eu", 1), SqliteStore(home / "entries.sqlite")
    with closing(RealNode(disk, store, objects=objects)) as node:
        node.at_once |= index.performers
        run(recover("eu", examine), node.perform)
        sent = submissions(HmacKey(SECRET.encode()))
        for begin in range(0, records, SEGMENT_RECORDS):
            some = islice(sent, min(SEGMENT_RECORDS, records - begin))
            staged = node.stage([Append("inbox", each.payload()) for each in some])
            staged.commit()
            node.committed(staged)
            run(rotate(), node.perform)
        _apply(node, examine)
        run(ship(), node.perform)
        began = perf_counter()
        added = run(integrate("eu", examine), node.perform)
        integrated = perf_counter()
        run(checkpoint("eu", SIGNER), node.perform)
        return Integrated(added.leaves, integrated - began, perf_counter() - integrated)


def _apply(node: RealNode, examine: Examine) -> None:
    """Let the store have what the log has, as a start does."""
    node.store.mark("applied", "")
    run(recover("eu", examine), node.perform)


def _proven(leaves: int) -> Proven:
    objects: dict[str, bytes] = {}
    edge, half = Edge(), Checkpoint(SIGNER.name, 0, bytes(32))
    made = _leaves()
    for size in range(0, leaves, 4096):
        edge, full = grown(edge, islice(made, min(4096, leaves - size)))
        objects |= {tile.name: content for tile, content in full}
        if not half.size and edge.size >= leaves // 2:
            half = Checkpoint(SIGNER.name, edge.size, edge.root)
    objects |= {tile.name: content for tile, content in edge.tiles()}
    now = Checkpoint(SIGNER.name, edge.size, edge.root)

    def perform(effect: Effect[Any]) -> Any:
        assert isinstance(effect, GetObject), "proofs only read"
        return objects.get(effect.name)

    random = Random(1)
    places = [random.randrange(leaves) for _ in range(PROOFS)]
    inclusion, proofs = _timed(lambda: [run(prove_inclusion("", place, now), perform) for place in places])
    checked, right = _timed(
        lambda: [
            verify_inclusion(each.leaf, place, now.size, each.proof, now.root)
            for place, each in zip(places, proofs, strict=True)
        ]
    )
    consistency, growth = _timed(lambda: [run(prove_consistency("", half, now), perform) for _ in range(PROOFS)])
    grown_checked, grew = _timed(
        lambda: [verify_consistency(half.size, now.size, half.root, now.root, each) for each in growth]
    )
    assert all(right), "each leaf is where it is"
    assert all(grew), "the log only grew"
    whole, _ = _timed(lambda: [run(audit("", now), perform)])
    return Proven(leaves, inclusion / PROOFS, checked / PROOFS, consistency / PROOFS, grown_checked / PROOFS, whole)


def _leaves() -> Iterator[bytes]:
    """Leaves of outcomes, without end: those of a few records, each under another time."""
    keys = _examine()
    claims = []
    for sent in honest(64):
        (claim,) = claims_of([Frame(Timestamp(1 << 40), sent.payload())], "eu", keys)
        claims.append((claim, decode(sent.body)))
    number = 0
    while True:
        for claim, record in claims:
            number += 1
            entry = msgspec.structs.replace(claim.entry, timestamp=Timestamp(number << 20))
            yield outcome(Claim(claim.key, entry), record)


def _examine() -> Examine:
    with tempfile.TemporaryDirectory() as directory:
        return examining(load_keys(key_file(Path(directory), SECRET)))


def _timed(work: Callable[[], list[Any]]) -> tuple[float, list[Any]]:
    began = perf_counter()
    result = work()
    return perf_counter() - began, result


def _submitted(seconds: float, on_progress: Callable[[str], None]) -> tuple[Figure, ...]:
    """Submits a second of a node that ships, and of one that also writes an audit log, in turns. That has its own end when the last
    leaf is published.
    """
    with tempfile.TemporaryDirectory() as directory, ExitStack() as servers:
        home = Path(directory)
        keys = key_file(home, SECRET)
        slot = seconds / PAIRS / 2
        on_progress("signing records")
        requests = [encode_request(each, HOST) for each in honest(int(slot * PAIRS * FASTEST))]
        subjects = []
        for name, audited in (("ships", False), ("ships, and writes an audit log", True)):
            place = home / f"{audited}"
            place.mkdir()
            auditor = Auditor(place)
            options = [*auditor.options[:-1], f"{EVERY}"]
            given = options if audited else options[: options.index("--audit")]
            server = servers.enter_context(server_process(place / "data", keys, given))
            settle = auditor.await_leaves if audited else None
            port = urlsplit(server.url).port or 0
            subjects.append(Subject(name, port, server.process.pid, requests, settle=settle))
        return take_turns(subjects, slot, on_progress, PAIRS)
