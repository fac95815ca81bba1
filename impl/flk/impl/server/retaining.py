"""Passes of retention: what removes what snapshots cover, and its measures (RET-*)."""

import time

import structlog

from flk.impl.server.metrics import Metrics
from flk.impl.server.passes import Passes
from flk.model.effects import Effect, Program
from flk.model.programs.retain import Retained, retain
from flk.spec.errors import UnusableInput

log = structlog.get_logger()


def require_removable(period: float | None, objects: str | None, *, accept_weaker: bool = False) -> None:
    """Return if a node may be told to remove what is older than `period`. Raises UnusableInput.

    A store that may lose what it acknowledged may have marked that it has a segment of a log, and lack what was in it.
    """
    if period is None:
        return
    if objects is None:
        raise UnusableInput(
            "--retain: what is removed has to be in snapshots, and they lie in an object store; name it with --objects"
        )
    if accept_weaker:
        raise UnusableInput(
            "--retain: with --accept-weaker-store the logs may be all that is left of what the store lost; leave out one of the two"
        )


class RetentionPasses(Passes[Retained]):
    """Remove what every one of the latest snapshots covers, and is older than `period` in seconds; snapshots of all logs, if the
    store is `shared`; and of a region that is `audited`, what its audit log has (TLOG-10).
    """

    def __init__(
        self, region: str, period: float, metrics: Metrics, *, shared: bool = False, audited: bool = False
    ) -> None:
        super().__init__("retain", region, metrics.retention_errors)
        self._period = period
        self._shared = shared
        self._audited = audited
        self._removed = {what: metrics.removed(what) for what in ("segment", "object", "snapshot")}
        self._refused = metrics.snapshot_errors("read")
        self._could_at = time.monotonic()
        self._told: tuple[str, ...] = ()
        metrics.watch_retention(self.lag)

    def program(self) -> Program[Retained]:
        """Remove what may be removed."""
        return retain(self.source, self._period, shared=self._shared, audited=self._audited)

    def seen(self, effect: Effect[object], result: object) -> None:
        """What a pass did is told by what it returns."""
        del effect, result

    def returned(self, result: Retained) -> None:
        """Count and tell what went, and each snapshot that is not whole."""
        self._removed["segment"].inc(len(result.segments))
        self._removed["object"].inc(len(result.objects))
        self._removed["snapshot"].inc(len(result.heads))
        if result.is_enough:
            self._could_at = time.monotonic()
        for reason in set(result.refused) - set(self._told):
            self._refused.inc()
            log.error("snapshot.refused", reason=reason)
        self._told = result.refused
        if result.segments or result.objects or result.heads or result.pieces:
            log.info(
                "retention.removed",
                segments=len(result.segments),
                objects=len(result.objects),
                snapshots=len(result.heads),
                pieces=result.pieces,
                covered_by=result.snapshots[0],
            )

    def lag(self) -> float:
        """Seconds since a pass last could remove something, because enough snapshots were whole; since the start, if none could."""
        return time.monotonic() - self._could_at
