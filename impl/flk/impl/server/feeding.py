"""Replication of some tenants only: which a node feeds, which it follows, and the passes that do it (FEED-*)."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from flk.impl.server.metrics import Metrics
from flk.impl.server.node import RealNode
from flk.impl.server.passes import LogPasses, Passes, ReplayPasses
from flk.model.effects import Effect, Program, PutObject
from flk.model.programs.examine import Examine
from flk.model.programs.feed import Fed, feed, follow
from flk.model.programs.replay import Replayed
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

_TENANT = re.compile(CONSTANTS.node.tenant_pattern)


class Peer(NamedTuple):
    """Another region: all of its log is replayed, or only the feeds of some tenants (none: all)."""

    region: str
    tenants: tuple[str, ...] = ()


def peer(text: str) -> Peer:
    """A region, or a region and the tenants to follow. Raises UnusableInput.

    >>> peer("us"), peer("us:acme,beta")
    (Peer(region='us', tenants=()), Peer(region='us', tenants=('acme', 'beta')))
    """
    region, colon, listed = text.partition(":")
    tenants = tuple(listed.split(",")) if colon else ()
    for tenant in tenants:
        _require_tenant(tenant, f"--peer {text}")
    if len(set(tenants)) < len(tenants):
        raise UnusableInput(f"--peer {text}: name each tenant once")
    return Peer(region, tenants)


def check_feeds(feeds: Sequence[str], objects: str | None, retain: float | None) -> None:
    """Return if a node may feed these tenants. Raises UnusableInput."""
    for tenant in feeds:
        _require_tenant(tenant, f"--feed {tenant}")
        if feeds.count(tenant) > 1:
            raise UnusableInput(f"--feed {tenant}: name each tenant once")
    if feeds and objects is None:
        raise UnusableInput(f"--feed {feeds[0]}: feeds are written to an object store; name it with --objects")
    if feeds and retain is not None:
        raise UnusableInput(
            f"--feed {feeds[0]}: a feed is made of segments that --retain would remove before others have begun to follow;"
            " leave one of them out"
        )


def _require_tenant(tenant: str, option: str) -> None:
    if not _TENANT.fullmatch(tenant):
        raise UnusableInput(f"{option}: a tenant matches {_TENANT.pattern}; name one as its records do in X-Tenant-Id")


def feeding(
    node: RealNode,
    feeds: Sequence[str],
    follows: Sequence[Peer],
    examine: Examine,
    ship_every: float,
    replay_every: float,
) -> dict[Passes[Any], float]:
    """The passes of a node that writes feeds and follows those of peers, and the seconds from one to the next."""
    region, metrics = node.disk.region, node.metrics
    passes: dict[Passes[Any], float] = {FeedPasses(region, tenant, metrics): ship_every for tenant in feeds}
    return passes | {
        FollowPasses(region, peer.region, tenant, examine, metrics): replay_every
        for peer in follows
        for tenant in peer.tenants
    }


class FeedPasses(LogPasses[Fed]):
    """Write what the region has shipped of a tenant's records to the tenant's feed."""

    def __init__(self, region: str, tenant: str, metrics: Metrics) -> None:
        super().__init__("feed", tenant, metrics)
        self._region = region

    def program(self) -> Program[Fed]:
        """Go on with the feed."""
        return feed(self._region, self.source)

    def seen(self, effect: Effect[object], result: object) -> None:
        """A segment was written."""
        if isinstance(effect, PutObject) and result:
            self._done = self._done.and_more(segments=1, size=len(effect.content))

    def shortcoming(self, result: Fed) -> str:
        """A segment of the region's is missing."""
        return f"the segment before {result.gaps[0]} is missing; nothing after it is fed" if result.gaps else ""


class FollowPasses(ReplayPasses):
    """Join the entries of a peer's feed of a tenant into the store."""

    def __init__(self, region: str, peer: str, tenant: str, examine: Examine, metrics: Metrics) -> None:
        super().__init__(region, f"{peer}:{tenant}", examine, metrics, "follow")
        self._peer = peer
        self._tenant = tenant

    def program(self) -> Program[Replayed]:
        """Join in every new segment of the feed."""
        return follow(self._peer, self._tenant, self._examine)
