"""When each alert of the table was pending and fired in a run, which fault explains it, and how soon it was noticed."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from flk.sim.alerts.promql import Query
from flk.sim.alerts.series import NAME, Database, shown
from flk.sim.alerts.vectors import Floats, Mask
from flk.sim.scenarios.duration import seconds
from flk.sim.scenarios.faults import Fault
from flk.spec.constants import CONSTANTS
from flk.spec.metrics import TABLE, Alert, Severity

EVERY = CONSTANTS.alerting.evaluate_seconds
SETTLE = CONSTANTS.alerting.settle_seconds


class Firing(msgspec.Struct, frozen=True):
    """One time that an alert fired for one element of its expression, in seconds of the run.

    It was pending from `pending` on and fired from `start` to `end` (None: it still fired when the run ended). `fault` is what
    explains it, the latest of the faults that had begun by then and not been over for long; without any it is a false alarm.
    `delay` is the time from the start of the fault until the alert fired.
    """

    element: str
    pending: float
    start: float
    end: float | None
    fault: str = ""
    delay: float | None = None


class AlertHistory(msgspec.Struct, frozen=True):
    """An alert of the table over a whole run. One whose `hold` is longer than the run cannot have fired."""

    name: str
    severity: Severity
    hold: float
    firings: tuple[Firing, ...]

    @property
    def false_alarms(self) -> tuple[Firing, ...]:
        """The firings that no fault explains."""
        return tuple(firing for firing in self.firings if not firing.fault)


def evaluated(
    database: Database, faults: Sequence[Fault], duration: float, table: Sequence[Alert] = TABLE.alert
) -> tuple[AlertHistory, ...]:
    """Every alert, evaluated at intervals from the beginning of the run to its end."""
    moments = np.arange(0.0, duration + EVERY / 2, EVERY)
    moments = moments[moments <= duration]
    return tuple(_alerted(alert, database, faults, moments) for alert in table)


def unnoticed(faults: Sequence[Fault], alerts: Sequence[AlertHistory]) -> tuple[str, ...]:
    """The faults that explain no firing of any alert."""
    noticed = {firing.fault for alert in alerts for firing in alert.firings}
    return tuple(fault.id for fault in faults if fault.id not in noticed)


def _alerted(alert: Alert, database: Database, faults: Sequence[Fault], moments: Floats) -> AlertHistory:
    hold = seconds(alert.hold)
    firings: list[Firing] = []
    for of, column in Query(alert.expr).evaluate(database, moments).items():
        element = shown(frozenset(pair for pair in of if pair[0] != NAME))
        for since, until in _runs(column.present, moments):
            fires = since + hold
            if fires <= moments[-1] and (until is None or fires < until):
                firings.append(_explained(Firing(element, since, fires, until), faults))
    ordered = sorted(firings, key=lambda firing: (firing.start, firing.element))
    return AlertHistory(alert.name, alert.severity, hold, tuple(ordered))


def _runs(present: Mask, moments: Floats) -> Iterator[tuple[float, float | None]]:
    """From the first to after the last of evaluations in a row at which the element was there; None if the run ended before."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], present, [False]]).astype(int)))
    for first, after in edges.reshape(-1, 2).tolist():
        yield float(moments[first]), float(moments[after]) if after < len(moments) else None


def _explained(firing: Firing, faults: Sequence[Fault]) -> Firing:
    causes = [fault for fault in faults if fault.start <= firing.pending <= fault.end + SETTLE]
    if not causes:
        return firing
    cause = max(causes, key=lambda fault: fault.start)
    return msgspec.structs.replace(firing, fault=cause.id, delay=firing.start - cause.start)
