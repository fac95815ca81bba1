"""Faults, and the alerts that noticed them."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flk.sim.alerts.alerts import AlertHistory, Firing
from flk.sim.outcome import Run
from flk.sim.reports.figures.style import INK, fault_rows, faults_by_start, time_panels
from flk.sim.scenarios.duration import human


def fault_timeline(run: Run) -> Figure:
    """Above, the faults; below, a row for each alert that fired: pale while it was pending, black while it fired, with the time
    from the start of the fault that explains it. A firing that no fault explains is a false alarm and is hatched.
    """
    fired = [alert for alert in run.alerts if alert.firings]
    events = faults_by_start(run.scenario)
    heights = (0.3 + 0.3 * max(1, len(events)), 0.3 + 0.46 * max(1, len(fired)))
    figure, (faults, alerts) = time_panels(run.scenario, heights)
    fault_rows(faults, events)
    for row, alert in enumerate(fired):
        for firing in alert.firings:
            _bar(alerts, row, firing, run.scenario.duration)
        _text(alerts, row, alert, run.scenario.duration)
    if not fired:
        alerts.text(0.01, 0.5, "no alert fired", transform=alerts.transAxes, fontsize=8, va="center", color=INK)
    alerts.set(ylim=(max(1, len(fired)) - 0.5, -0.9), yticks=[])
    alerts.grid(visible=False, axis="y")
    alerts.spines["left"].set_visible(False)
    return figure


def _bar(axes: Axes, row: int, firing: Firing, duration: float) -> None:
    end = duration if firing.end is None else firing.end
    axes.barh(row, firing.start - firing.pending, left=firing.pending, height=0.26, color="#cfcfcf", edgecolor="none")
    false = not firing.fault
    axes.barh(
        row,
        max(end - firing.start, duration / 400),
        left=firing.start,
        height=0.46,
        color="white" if false else INK,
        edgecolor=INK,
        hatch="////" if false else "",
        linewidth=0.8,
    )


def _text(axes: Axes, row: int, alert: AlertHistory, duration: float) -> None:
    first = min(alert.firings, key=lambda firing: firing.start)
    last = max(duration if firing.end is None else firing.end for firing in alert.firings)
    if first.delay is None:
        text = f"{alert.name} ({alert.severity}): false alarm"
    else:
        text = f"{alert.name} ({alert.severity}): {human(first.delay)} after {first.fault} began"
    late = first.pending > 0.6 * duration
    axes.annotate(
        text,
        (last if late else first.pending, row - 0.3),
        xytext=(0, 2),
        textcoords="offset points",
        ha="right" if late else "left",
        va="bottom",
        fontsize=8,
        color=INK,
    )
