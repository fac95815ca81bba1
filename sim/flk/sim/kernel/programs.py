"""Which programs the nodes of a run execute."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flk.model.effects import Program
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.migration import Phase
from flk.model.entries.proposals import Mode
from flk.model.flow.outbox import Contents, Queued
from flk.model.flow.submission import Response, Submission
from flk.model.policies.ruling import Change, Ruling
from flk.model.policies.signing import PolicyKeys
from flk.model.programs import migration
from flk.model.programs.audit import Handled, work
from flk.model.programs.behind import read_on
from flk.model.programs.checkpoint import Published, Witnessed, checkpoint, witness
from flk.model.programs.divergence import Divergence, detect_divergence
from flk.model.programs.examine import Examine
from flk.model.programs.ingest import ingest
from flk.model.programs.integrate import Added, integrate
from flk.model.programs.monitor import Seen, monitor
from flk.model.programs.outbox import Delivery, deliver, open_outbox, queue
from flk.model.programs.propose import Found, look
from flk.model.programs.reconcile import Reconciled, reconcile
from flk.model.programs.recover import Recovery, reclaim, recover
from flk.model.programs.replay import Replayed, replay
from flk.model.programs.restore import Restored, restore
from flk.model.programs.retain import Retained, retain
from flk.model.programs.rotate import rotate
from flk.model.programs.rule import in_force, rule
from flk.model.programs.ship import ship
from flk.model.programs.snapshot import Snapshotted, snapshot, snapshot_in_turn
from flk.model.programs.stream import Streamed, stream
from flk.model.programs.tiering import Moved, apply_deferred, claim, merge, move
from flk.model.siem.targets import Target
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.leaves import Fact
from flk.model.transparency.notes import Signer, Verifier
from flk.spec.constants import Outbox, Siem


def _start(region: str, examine: Examine, snapshots: Sequence[str]) -> Program[Recovery]:
    return recover(region, examine, snapshots)


def _read_on(region: str, peer: str, examine: Examine, own: bool) -> Program[Replayed]:  # noqa: FBT001 - of a field's type
    return read_on(region, peer, examine, own=own)


def _retain_shared(region: str, period: float) -> Program[Retained]:
    return retain(region, period, shared=True)


def _retain_audited(region: str, period: float, shared: bool) -> Program[Retained]:  # noqa: FBT001 - of a field's type
    return retain(region, period, shared=shared, audited=True)


def _look_shared(region: str, peers: Sequence[str], examine: Examine, interval: float) -> Program[Found]:
    return look(region, peers, examine, interval, shared=True)


class Programs(NamedTuple):
    """The logic of nodes and workers: each field is a program, a generator that yields effects, by default the model's.

    `ingest` answers a submission, `recover` goes through the log after a restart, `ship` and `rotate` seal and upload segments,
    `restore` puts back objects that are gone or damaged,
    `replay` merges a peer's and `reclaim` those of the region's earlier disks, `detect_divergence` compares two regions, `work` is
    the audit worker's, `queue`, `deliver` and `open_outbox` are an agent's. Nodes with upkeep `start` from snapshots, `snapshot`,
    `retain`, `read_on` past what a peer removed, `look` for what stores have lost and `reconcile` it; those that share a store
    `snapshot_in_turn`, `retain_shared` and `look_shared`. Those with an audit log
    `integrate` what was shipped, sign and publish a `checkpoint`, and `stream` leaves; other regions `witness` and `monitor` it.
    Those with both keep, as they `retain_audited`, what is no leaf yet; whether they share a store is its last argument.
    Operators have nodes `rule` what their logs state of policies, and ask what is `in_force`.
    The others are those of tiers and of migration.
    Your own take the same arguments and return the same values; `hunt(programs=…)` looks for a schedule that breaks them.

    >>> def silent(submission, region, examine):
    ...     return DESIGNS["ignored-store-error"].ingest(submission, region, examine)
    >>> mine = MODEL._replace(ingest=silent)
    >>> mine.ship is MODEL.ship
    True
    """

    ingest: Callable[[Submission, str, Examine], Program[Response]] = ingest
    recover: Callable[[str, Examine], Program[Recovery]] = recover
    ship: Callable[[], Program[tuple[str, ...]]] = ship
    rotate: Callable[[], Program[None]] = rotate
    restore: Callable[[float], Program[Restored]] = restore
    replay: Callable[[str, Examine], Program[Replayed]] = replay
    reclaim: Callable[[str, Examine], Program[Replayed]] = reclaim
    detect_divergence: Callable[[str, str], Program[Divergence]] = detect_divergence
    work: Callable[[int], Program[Handled | None]] = work
    claim: Callable[[Claim], Program[Entry]] = claim
    merge: Callable[[tuple[Claim, ...]], Program[int]] = merge
    apply_deferred: Callable[[tuple[Key, ...]], Program[int]] = apply_deferred
    move: Callable[[], Program[Moved]] = move
    move_claim: Callable[[Claim], Program[Entry]] = migration.claim
    move_merge: Callable[[tuple[Claim, ...]], Program[int]] = migration.merge
    migrate: Callable[[float, float, bool, bool], Program[Phase]] = migration.migrate
    queue: Callable[[Submission], Program[Queued]] = queue
    deliver: Callable[[Queued, Outbox], Program[Delivery]] = deliver
    open_outbox: Callable[[], Program[Contents]] = open_outbox
    start: Callable[[str, Examine, Sequence[str]], Program[Recovery]] = _start
    snapshot: Callable[[str, Sequence[str]], Program[Snapshotted]] = snapshot
    retain: Callable[[str, float], Program[Retained]] = retain
    read_on: Callable[[str, str, Examine, bool], Program[Replayed]] = _read_on
    look: Callable[[str, Sequence[str], Examine, float], Program[Found]] = look
    reconcile: Callable[[str, Sequence[str], Examine, Mode], Program[Reconciled]] = reconcile
    snapshot_in_turn: Callable[[str, float], Program[Snapshotted]] = snapshot_in_turn
    retain_shared: Callable[[str, float], Program[Retained]] = _retain_shared
    look_shared: Callable[[str, Sequence[str], Examine, float], Program[Found]] = _look_shared
    retain_audited: Callable[[str, float, bool], Program[Retained]] = _retain_audited
    integrate: Callable[[str, Examine, Sequence[Fact]], Program[Added]] = integrate
    checkpoint: Callable[[str, Signer, Sequence[Verifier]], Program[Published]] = checkpoint
    witness: Callable[[str, Verifier, Signer], Program[Witnessed]] = witness
    monitor: Callable[[str, Verifier, Sequence[Verifier]], Program[Seen]] = monitor
    stream: Callable[[str, Checkpoint, Target, Siem], Program[Streamed]] = stream
    rule: Callable[[Change, PolicyKeys], Program[Ruling]] = rule
    in_force: Callable[[PolicyKeys], Program[Ruling]] = in_force


MODEL = Programs()
