"""The invariants of a migration: what was answered stays, through cutover, rollback and cleanup."""

from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial

from flk.model.entries.entry import Entry, Key, precedence
from flk.model.entries.migration import MigratingKeys, Phase, Side
from flk.model.flow.answers import STATES_ENTRY
from flk.model.log.hlc import text
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.checkers.node import Reference
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk
from flk.sim.scenarios.layout import Migration
from flk.sim.world.events import Crashed, PhaseChanged, Replied, ShardParted, SideWritten
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

RETRY_AFTER = CONSTANTS.node.unavailable_retry_after_seconds
# What each phase means, stated again: the model's own tables are among what is judged.
RULER = dict.fromkeys((Phase.PLANNED, Phase.DUAL, Phase.VERIFIED, Phase.ROLLED_BACK), Side.OLD) | dict.fromkeys(
    (Phase.CUT_OVER, Phase.CLEANED), Side.NEW
)
FOLLOWER = {Phase.DUAL: Side.NEW, Phase.VERIFIED: Side.NEW, Phase.CUT_OVER: Side.OLD}
NEXT: Mapping[Phase, AbstractSet[Phase]] = {
    Phase.PLANNED: {Phase.DUAL},
    Phase.DUAL: {Phase.VERIFIED, Phase.ROLLED_BACK},
    Phase.VERIFIED: {Phase.CUT_OVER, Phase.ROLLED_BACK},
    Phase.CUT_OVER: {Phase.CLEANED, Phase.ROLLED_BACK},
    Phase.CLEANED: frozenset(),
    Phase.ROLLED_BACK: frozenset(),
}


class MigrationRules:
    """Remembers what each region answered about keys that move, and looks at both shards at every answer and every phase.

    An entry may give way to an earlier one of another region, as everywhere (CRR-1).
    """

    def __init__(
        self,
        regions: Mapping[str, Region],
        layout: Migration | None,
        reference: Reference,
        checks: Checks,
        now: Callable[[], float],
        calm: float,
    ) -> None:
        self._regions = regions
        self._layout = layout
        self._stays = layout is not None and layout.leaves  # what the keys of a shard go to when it leaves
        self._now = now
        self._calm = calm
        self._phases: dict[str, Phase] = {}
        self._half: dict[str, set[Key]] = {}
        self._reference = reference
        self._checks = checks
        self._answered: dict[str, dict[Key, Entry]] = {}

    def observe(self, observer: Observer) -> None:
        """Check every answer, and every key that was answered at another phase."""
        observer.handle(Replied, self._check_replied)
        observer.handle(PhaseChanged, self._check_phase)
        observer.handle(SideWritten, self._check_written)
        observer.handle(ShardParted, self._check_parted)
        observer.handle(Crashed, self._crash)

    def _check_replied(self, event: Replied) -> None:
        """At an answer both shards have it, where both must."""
        region, logged = event.region, event.logged
        moving = self._regions[region].entries.migrating
        claim = None if logged is None else self._reference.claim(region, logged)
        if moving is None or claim is None or event.response.status not in STATES_ENTRY or not moving.moves(claim.key):
            return
        phase, stored = moving.phase, self._regions[region].entries.entries.get(claim.key)
        due = {RULER[phase], FOLLOWER.get(phase, RULER[phase])}
        self._checks.require(
            Invariant.MOVED_BOTH,
            all(moving.held[side].get(claim.key) == stored for side in due),
            region,
            "reply",
            lambda: f"{claim.key.pcs_id[:12]} was answered in phase {phase}, and a shard does not have that answer",
        )
        self._check(region, moving, claim.key, "reply")
        if stored is not None:
            self._answered.setdefault(region, {})[claim.key] = stored

    def _check_phase(self, event: PhaseChanged) -> None:
        """A phase follows the one before, and when the new shard is to be trusted it has all that the old one has."""
        region, phase = event.region, event.phase
        before = self._phases.get(region, Phase.PLANNED)
        self._phases[region] = phase
        self._checks.require(
            Invariant.MOVED_ORDER,
            phase in NEXT[before],
            region,
            phase,
            lambda: f"the phase went from {before} to {phase}",
        )
        moving = self._regions[region].entries.migrating
        if moving is not None and phase in {Phase.VERIFIED, Phase.CUT_OVER}:
            old, new, half = moving.held[Side.OLD], moving.held[Side.NEW], self._half.get(region, set())
            missing = [key for key, entry in old.items() if new.get(key) != entry and key not in half]
            self._checks.require(
                Invariant.MOVED_ALL,
                not missing,
                region,
                phase,
                lambda: f"{len(missing)} of {len(old)} keys are not in the new shard, {min(missing).pcs_id[:12]} first",
            )
        self._check_all(region, phase)

    def _check_written(self, event: SideWritten) -> None:
        """The ruling shard is written by claims, the other with what the ruling one has, and old keys are deleted last."""
        region, side, key, entry = event.region, event.side, event.key, event.entry
        moving = self._regions[region].entries.migrating
        if moving is None:
            return
        phase, half = moving.phase, self._half.setdefault(region, set())
        new = moving.held[Side.NEW].get(key)
        if entry is None:
            last = side is Side.OLD and phase is Phase.CLEANED and (new is not None or key in half)
            taken_out = side is Side.NEW and phase is Phase.ROLLED_BACK and self._stays
            self._checks.require(
                Invariant.MOVED_KEPT,
                last or taken_out,
                region,
                phase,
                lambda: f"{key.pcs_id[:12]} was deleted from the {side} shard in phase {phase}",
            )
            return
        ruling = moving.held[RULER[phase]].get(key)
        if side is RULER[phase]:
            due = True
            if phase in FOLLOWER and moving.held[FOLLOWER[phase]].get(key) != entry:
                half.add(key)
        elif phase is Phase.CUT_OVER:
            due = entry == ruling
        else:  # the copier may come late, with what the ruling shard had: then it is overwritten before an answer
            kept = event.before is None or precedence(entry) <= precedence(event.before)
            due = phase in FOLLOWER and ruling is not None and precedence(ruling) <= precedence(entry) and kept
        if entry == ruling and phase in FOLLOWER and side is FOLLOWER[phase]:
            half.discard(key)
        self._checks.require(
            Invariant.MOVED_WRITES,
            due,
            region,
            phase,
            lambda: f"{text(entry.timestamp)} was written to the {side} shard in phase {phase}, {key.pcs_id[:12]}",
        )

    def _check_parted(self, event: ShardParted) -> None:
        """What is told of what gave way is as before: an audit log asks by its number whether there is more of it."""
        before, after = Counter(event.before), Counter(event.after)
        self._checks.require(
            Invariant.PARTED,
            before == after,
            event.region,
            "parted",
            lambda: (
                f"{(before - after).total()} of {before.total()} that gave way are missing, {(after - before).total()} are new"
            ),
        )

    def _crash(self, event: Crashed) -> None:
        """A store that is lost comes back with what was shipped."""
        if event.fault.disk is Disk.LOST:
            for known in (self._answered, self._phases, self._half):
                known.pop(event.fault.region, None)

    def finish(self) -> None:
        """And at the end, when a migration that had the time is over."""
        for answered in self._answered:
            self._check_all(answered, "end")
        for name, region in self._regions.items():
            moving = region.entries.migrating
            if moving is not None and self._layout is not None and self._had_time(region, moving, self._layout):
                end = Phase.ROLLED_BACK if self._layout.roll_back else Phase.CLEANED
                due = {Phase.CLEANED: Side.OLD} | ({Phase.ROLLED_BACK: Side.NEW} if self._stays else {})
                left = len(moving.held[due[moving.phase]]) if moving.phase in due else 0
                gone = moving.parted or not self._stays or self._layout.roll_back
                self._checks.require(
                    Invariant.MOVED_ORDER,
                    moving.phase is end and not left and gone,
                    name,
                    "end",
                    partial(_not_over, moving.phase, left),
                )

    def _had_time(self, region: Region, moving: MigratingKeys, layout: Migration) -> bool:
        """Whether a migration could be over, at a fraction of its pace, since the last fault."""
        keys = len(moving.held[Side.OLD].keys() | moving.held[Side.NEW].keys())
        pace = 3 / layout.rate + 30 * region.world.policy.service
        needed = keys * pace + 3 * layout.settle + 3 * RETRY_AFTER
        up = region.first.node is not None and region.first.node.level
        return up and self._now() > max(self._calm, layout.start) + needed

    def _check_all(self, region: str, event: str) -> None:
        moving = self._regions[region].entries.migrating
        if moving is not None:
            for key in self._answered.get(region, ()):
                self._check(region, moving, key, event)

    def _check(self, region: str, moving: MigratingKeys, key: Key, event: str) -> None:
        answered, held = self._answered.get(region, {}).get(key), moving.held[RULER[moving.phase]].get(key)
        if answered is None:
            return
        stays = held is not None and precedence(held) <= precedence(answered)

        def sentence() -> str:
            now = "nothing" if held is None else f"{text(held.timestamp)} of {held.region}"
            was = text(answered.timestamp)
            return f"{key.pcs_id[:12]} was answered with {was}; in phase {moving.phase} there is {now}"

        self._checks.require(Invariant.MOVED_STAYS, stays, region, event, sentence)


def _not_over(phase: Phase, left: int) -> str:
    return (
        f"time enough has passed, and the migration is not over: it is in phase {phase}, with {left} keys to be deleted"
    )
