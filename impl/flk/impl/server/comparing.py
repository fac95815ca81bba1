"""Passes that compare the node's store with those of its peers, and mend what it lost; and their measures (DIV-*)."""

import time
from collections.abc import Sequence
from typing import Any

import structlog

from flk.impl.server.metrics import Metrics
from flk.impl.server.node import RealNode
from flk.impl.server.passes import Passes
from flk.model.effects import Effect, Program
from flk.model.entries.proposals import Mode, State
from flk.model.programs.examine import Examine
from flk.model.programs.propose import Found, look
from flk.model.programs.reconcile import Reconciled, reconcile
from flk.spec.errors import UnusableInput

log = structlog.get_logger()


def require_comparable(
    every: float | None,
    mode: Mode,
    objects: str | None,
    peers: Sequence[str],
    *,
    cold: bool = False,
    follows: bool = False,
) -> None:
    """Return if a node may be told to compare its store. Raises UnusableInput."""
    if every is None:
        if mode is not Mode.MANUAL:
            raise UnusableInput(f"--reconcile {mode}: nothing is found that could be mended; add --compare-every")
        return
    if objects is None:
        raise UnusableInput(
            "--compare-every: regions compare through the object store that they share; name it with --objects"
        )
    if follows:
        raise UnusableInput(
            "--compare-every: a region that follows some tenants of a peer lacks the others by design; leave it out, or name the"
            " peer without tenants"
        )
    if not peers:
        raise UnusableInput("--compare-every: there is no region to compare with; name it with --peer")
    if cold:
        raise UnusableInput(
            "--compare-every: a node with --cold has a part of its entries in the cold tier, and forgets others at the end of their"
            " window, as its peers do at other times: it would differ from them by design; leave one of the two out"
        )


def comparing(
    node: RealNode, peers: Sequence[str], examine: Examine, every: float | None, mode: Mode
) -> dict[Passes[Any], float]:
    """The passes of a node that compares, and the seconds from one to the next; none if it does not."""
    if every is None:
        return {}
    region, metrics = node.disk.region, node.metrics
    compare = ComparePasses(region, peers, examine, every, metrics, shared=node.store.shared)
    return {compare: every, ReconcilePasses(region, peers, examine, mode, metrics): every}


class _Passes(Passes[Any]):
    """What both have in common."""

    def __init__(self, name: str, region: str, peers: Sequence[str], examine: Examine, metrics: Metrics) -> None:
        super().__init__(name, region, metrics.divergence_errors(name))
        self._peers = peers
        self._examine = examine
        self._metrics = metrics
        self._told: frozenset[str] = frozenset()

    def seen(self, effect: Effect[object], result: object) -> None:
        """What a pass did is told by what it returns."""
        del effect, result

    def lag(self) -> float:
        """Seconds since a pass last completed."""
        return time.monotonic() - self._level_at

    def refused(self, reasons: Sequence[str]) -> None:
        """Count and tell what was not believed, once as long as it is there."""
        for reason in sorted(set(reasons) - self._told):
            self._metrics.divergence_refused.inc()
            log.error("divergence.refused", reason=reason)
        self._told = frozenset(reasons)


class ComparePasses(_Passes):
    """Compare with all peers, and propose what could be done."""

    def __init__(
        self, region: str, peers: Sequence[str], examine: Examine, every: float, metrics: Metrics, *, shared: bool
    ) -> None:
        super().__init__("compare", region, peers, examine, metrics)
        self._every = every
        self._shared = shared

    def program(self) -> Program[Found]:
        """Publish, compare, propose."""
        return look(self.source, self._peers, self._examine, self._every, shared=self._shared)

    def returned(self, result: Found) -> None:
        """Measure how far the peers are apart, and tell what was proposed."""
        for standing in result.peers:
            peer = standing.comparison.peer
            if standing.comparison.count_percent is not None:
                self._metrics.divergence(peer, "count").set(standing.comparison.count_percent)
            self._metrics.divergence(peer, "sample").set(standing.percent)
            self._metrics.differing(peer, "in_flight").set(standing.in_flight)
            self._metrics.differing(peer, "lost").set(standing.lost)
            self._metrics.differing(peer, "unproven").set(standing.unproven)
        for id_, action in result.proposed:
            self._metrics.proposals(action, "proposed").inc()
            log.warning("divergence.proposed", proposal=id_, action=str(action))
        self._metrics.proposals_open.set(result.open)
        self.refused(result.refused)


class ReconcilePasses(_Passes):
    """Apply what was approved, and what the mode allows."""

    def __init__(self, region: str, peers: Sequence[str], examine: Examine, mode: Mode, metrics: Metrics) -> None:
        super().__init__("reconcile", region, peers, examine, metrics)
        self._mode = mode

    def program(self) -> Program[Reconciled]:
        """Apply."""
        return reconcile(self.source, self._peers, self._examine, self._mode)

    def returned(self, result: Reconciled) -> None:
        """Count and tell what came of proposals."""
        for found, action in result.results:
            self._metrics.proposals(action, found.state).inc()
            tell = log.error if found.state is State.FAILED else log.info
            tell(
                "divergence.done",
                proposal=found.proposal,
                state=str(found.state),
                joined=found.joined,
                reason=found.reason,
            )
        self._metrics.proposals_open.set(result.open)
        self.refused(result.refused)
