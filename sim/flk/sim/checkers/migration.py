"""The invariants of a migration: what was answered stays, through cutover, rollback and cleanup."""

from collections.abc import Mapping

from flk.model.entries.entry import Entry, Key, precedence
from flk.model.entries.migration import MigratingKeys
from flk.model.flow.answers import STATES_ENTRY
from flk.model.log.hlc import text
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.checkers.node import Reference
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk
from flk.sim.world.events import Crashed, PhaseChanged, Replied
from flk.sim.world.observer import Observer


class MigrationRules:
    """Remembers what each region answered about keys that move, and looks at both shards at every answer and every phase.

    An entry may give way to an earlier one of another region, as everywhere (CRR-1).
    """

    def __init__(self, regions: Mapping[str, Region], reference: Reference, checks: Checks) -> None:
        self._regions = regions
        self._reference = reference
        self._checks = checks
        self._answered: dict[str, dict[Key, Entry]] = {}

    def observe(self, observer: Observer) -> None:
        """Check every answer, and every key that was answered at another phase."""
        observer.handle(Replied, self._check_replied)
        observer.handle(PhaseChanged, lambda event: self._check_all(event.region, event.phase))
        observer.handle(Crashed, self._crash)

    def _check_replied(self, event: Replied) -> None:
        """At an answer both shards have it, where both must."""
        region, logged = event.region, event.logged
        moving = self._regions[region].entries.migrating
        claim = None if logged is None else self._reference.claim(region, logged)
        if moving is None or claim is None or event.response.status not in STATES_ENTRY or not moving.moves(claim.key):
            return
        entry, other = moving.ruling.get(claim.key), moving.following
        if other is not None:
            self._checks.require(
                Invariant.MOVED_BOTH,
                other.get(claim.key) == entry,
                region,
                "reply",
                lambda: f"{claim.key.pcs_id[:12]} was answered in phase {moving.phase}, and one shard does not have it",
            )
        self._check(region, moving, claim.key, "reply")
        stored = self._regions[region].entries.entries.get(claim.key)
        if stored is not None:
            self._answered.setdefault(region, {})[claim.key] = stored

    def _crash(self, event: Crashed) -> None:
        """A store that is lost comes back with what was shipped."""
        if event.fault.disk is Disk.LOST:
            self._answered.pop(event.fault.region, None)

    def finish(self) -> None:
        """And at the end."""
        for region in self._answered:
            self._check_all(region, "end")

    def _check_all(self, region: str, event: str) -> None:
        moving = self._regions[region].entries.migrating
        if moving is not None:
            for key in self._answered.get(region, ()):
                self._check(region, moving, key, event)

    def _check(self, region: str, moving: MigratingKeys, key: Key, event: str) -> None:
        answered, held = self._answered.get(region, {}).get(key), moving.ruling.get(key)
        if answered is None:
            return
        stays = held is not None and precedence(held) <= precedence(answered)

        def sentence() -> str:
            now = "nothing" if held is None else f"{text(held.timestamp)} of {held.region}"
            was = text(answered.timestamp)
            return f"{key.pcs_id[:12]} was answered with {was}; in phase {moving.phase} there is {now}"

        self._checks.require(Invariant.MOVED_STAYS, stays, region, event, sentence)
