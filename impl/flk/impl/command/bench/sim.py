"""What `flk bench sim` prints."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table

from flk.impl.command.bench.tables import table
from flk.sim.bench.backlog import Backlog
from flk.sim.bench.measure import OURS, Report, bars


def rendered(report: Report) -> Group:
    """Tables of all figures, and the bars, for a terminal of any width."""
    parts: list[RenderableType] = [
        _speeds(report),
        _costs(report),
        _backlogs("ns an item, in our queues", report.backlogs),
        _backlogs("ns an item, in SimPy's", report.simpy_backlogs),
        f"short runs, a minute and some 60 records: {report.short_runs:.1f} a second",
    ]
    return Group(*parts, *(f"{bar.name}: {bar.measured}, {'met' if bar.met else 'missed'}" for bar in bars(report)))


def _speeds(report: Report) -> Table:
    return table(
        ("program", ">requests/s", ">µs each", ">events/s", ">ns each", ">of our time"),
        (
            (
                speed.program,
                f"{speed.requests / speed.seconds:,.0f}",
                f"{speed.seconds / speed.requests * 1e6:.1f}",
                f"{speed.events / speed.seconds:,.0f}",
                f"{speed.seconds / speed.events * 1e9:,.0f}",
                f"{speed.ratio:.2f}",
            )
            for speed in report.speeds
        ),
    )


def _costs(report: Report) -> Table:
    events = next(speed.events for speed in report.speeds if speed.program == OURS)
    return table(
        (f"invariants, {events:,} events", ">ns an event", ">of the time without"),
        (
            ("none of them", f"{report.unwatched * 1e9:,.0f}", ""),
            *((cost.family, f"{cost.an_event * 1e9:+,.0f}", f"{cost.share:+.0%}") for cost in report.costs),
        ),
    )


def _backlogs(title: str, rows: Iterable[Backlog]) -> Table:
    return table(
        (title, ">few waiting", ">many waiting", ">ratio"),
        ((row.queue, f"{row.few * 1e9:,.0f}", f"{row.many * 1e9:,.0f}", f"{row.ratio:.2f}") for row in rows),
    )
