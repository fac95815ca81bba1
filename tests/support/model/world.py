"""Regions in memory that can crash at any effect, and the submissions that tests send them."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

import msgspec

from flk.model.effects import Append, Effect, Program, Salvage, Store
from flk.model.entries.entry import Key
from flk.model.entries.migration import MigratingKeys
from flk.model.entries.tasks import Archive, TaskQueue
from flk.model.flow.admission import require_level
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import Frame, data
from flk.model.memory.memory import MemoryNode, no_service
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs import migration
from flk.model.programs.examine import examine
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.replay import Replayed, replay
from flk.model.record.identity import pcs_id
from flk.model.record.record import NO_FAULT, Pcs, Regime, encode
from flk.model.record.signing import HmacKey, Keyring, LiveKey, sign
from flk.model.runtime import run

R = TypeVar("R")

KEY = HmacKey(b"testsecret")
FORGER = HmacKey(b"not the secret")
KEYRING = Keyring({"default": [LiveKey(KEY)], "other": [LiveKey(KEY)]})
EXAMINE = partial(examine, KEYRING)


def pcs(shard_id: str = "shard-0", epoch: int = 1, **changes: object) -> Pcs:
    """An unsigned record that is judged ok unless `changes` say otherwise."""
    root = "a" * 64
    record = Pcs(
        pcs_id=pcs_id(root, epoch, shard_id),
        schema="fractal-lba-kakeya",
        version="0.1",
        shard_id=shard_id,
        epoch=epoch,
        attempt=1,
        sent_at="2026-01-01T00:00:00Z",
        seed=42,
        scales=(2, 4, 8, 16),
        N_j={"2": 5, "4": 10, "8": 20, "16": 40},
        coh_star=0.75,
        v_star=(1.0, 0.0, 0.0),
        D_hat=1.0,
        r=0.5,
        regime=Regime.STICKY,
        budget=0.4,
        merkle_root=root,
        sig="",
        ft=NO_FAULT,
    )
    return msgspec.structs.replace(record, **changes)


def submission(record: Pcs, key: HmacKey = KEY, tenant: str = "default") -> Submission:
    """The record, signed, on its way."""
    return Submission(tenant, encode(msgspec.structs.replace(record, sig=sign(key, record))))


HONEST = submission(pcs())
ESCALATED = submission(pcs(epoch=2, budget=0.9))
EQUIVOCATING = submission(pcs(r=0.6, budget=0.37))
FORGED = submission(pcs(epoch=3), FORGER)
MALFORMED = Submission("default", b'{"pcs_id":')
OTHER_TENANT = submission(pcs(r=0.6, budget=0.37), tenant="other")
STORY = (FORGED, MALFORMED, HONEST, ESCALATED, HONEST, EQUIVOCATING, OTHER_TENANT, submission(pcs(epoch=3)))


class Crash(Exception):
    """The node stopped here."""


class Stop(StrEnum):
    """Where in an effect the node stops: before it, after it took place, or with part of its bytes written."""

    BEFORE = "before"
    AFTER = "after"
    TORN = "torn"


class World:
    """Regions that share an object store. One crash can be armed: at the n-th effect performed anywhere.

    With `audit`, each store has an audit queue, whose tasks take effect there; with `moves`, these keys of it are being moved.
    """

    def __init__(
        self,
        *regions: str,
        service: Callable[[Submission], Response | None] = no_service,
        audit: Archive | None = None,
        moves: Callable[[Key], bool] | None = None,
    ) -> None:
        self.objects = Objects()
        self.archive = audit or Archive()
        self._audited = audit is not None
        self._moves = moves
        self.disks = {region: Disk(region) for region in regions}
        self.entries = {region: self._new_store(region) for region in regions}
        self.effects = 0
        self.service = service
        self._crash_at: int | None = None
        self._stop = Stop.BEFORE
        self._now = 1_767_225_600.0
        self.nodes = {region: self._start(region) for region in regions}

    def arm(self, crash_at: int, stop: Stop) -> None:
        """Crash at that effect, counted from the world's beginning."""
        self._crash_at, self._stop = crash_at, stop

    def run(self, region: str, program: Program[R]) -> R:
        """Run a program on the region's node; a crash loses all but disk, store and objects, and is raised."""
        node = self.nodes[region]
        try:
            return run(program, lambda effect: self._perform(node, effect))
        except Crash:
            self.nodes[region] = self._start(region)
            raise

    def perform(self, region: str, effect: Effect[Any]) -> Any:
        """One effect on the region's node; a crash loses all but disk, store and objects, and is raised."""
        try:
            return self._perform(self.nodes[region], effect)
        except Crash:
            self.nodes[region] = self._start(region)
            raise

    def ingest(self, region: str, submission: Submission) -> Response:
        """One submission answered by the region."""
        return self.run(region, ingest(submission, region, EXAMINE))

    def recover(self, region: str) -> Recovery:
        """Start-up of the region's node."""
        return self.run(region, recover(region, EXAMINE))

    def replay(self, region: str, peer: str) -> Replayed:
        """One pass over what a peer has shipped."""
        return self.run(region, replay(peer, EXAMINE))

    def tasks(self, region: str) -> TaskQueue:
        """The audit queue of a region that has one."""
        queue = self.entries[region].tasks
        assert queue is not None
        return queue

    def pass_time(self, seconds: float) -> None:
        """Let wall time go on."""
        self._now += seconds

    def lose_disk(self, region: str) -> None:
        """The disk and the store on it are gone; the node starts on a new one."""
        self.disks[region] = Disk(region, self.disks[region].identity + 1)
        self.entries[region] = self._new_store(region)
        self.nodes[region] = self._start(region)

    def _start(self, region: str) -> MemoryNode:
        disk, entries = self.disks[region], self.entries[region]
        return MemoryNode(
            disk,
            entries,
            self.objects,
            self._tick,
            peers=self.entries,
            post=self.service,
            archive=self.archive,
        )

    def _new_store(self, region: str) -> Entries:
        tasks = TaskQueue(region, lambda: self._now) if self._audited else None
        return Entries(tasks, migrating=self._moves and MigratingKeys(self._moves))

    def moving(self, region: str) -> MigratingKeys:
        """The move of a region's keys, if there is one."""
        moving = self.entries[region].migrating
        assert moving is not None
        return moving

    def _tick(self) -> float:
        self._now += 0.001
        return self._now

    def _perform(self, node: MemoryNode, effect: Effect[Any]) -> Any:
        """Perform an effect. A claim on a key that moves is a program of its own, which can crash at each of its effects."""
        moving = node.entries.migrating
        if moving is not None and isinstance(effect, Store) and moving.moves(effect.claim.key):
            require_level(behind=node.behind)
            return run(migration.claim(effect.claim), lambda inner: self._perform(node, inner))
        index, self.effects = self.effects, self.effects + 1
        if index != self._crash_at:
            return node.perform(effect)
        if self._stop is Stop.TORN:
            _tear(node, effect)
        if self._stop is Stop.AFTER:
            node.perform(effect)
        raise Crash(f"{self._stop} effect {index}: {type(effect).__name__}")


def _tear(node: MemoryNode, effect: Effect[Any]) -> None:
    """Leave the first half of what an effect appends on the disk."""
    if isinstance(effect, Append):
        names = node.disk.names(effect.log)
        if names and names[-1] not in node.disk._sealed:
            frame = data(Frame(node.clock, effect.payload), node.disk.salt(names[-1]))
            node.disk.segments[names[-1]] += frame[: len(frame) // 2]
    elif isinstance(effect, Salvage):
        segment = node.disk._open(effect.log, node.clock)
        salt = node.disk.salt(node.disk.names(effect.log)[-1])
        frames = b"".join(data(frame, salt) for frame in effect.frames)
        segment.extend(frames[: len(frames) // 2])
