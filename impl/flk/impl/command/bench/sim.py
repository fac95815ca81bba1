"""What `flk bench sim` prints."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from flk.sim.bench.backlog import Backlog
from flk.sim.bench.measure import OURS, Report, bars


def show(report: Report) -> None:
    """Tables of all figures, and the bars."""
    console = Console()
    events = next(speed.events for speed in report.speeds if speed.program == OURS)
    console.print(
        _table(
            ("", "requests/s", "µs each", "events/s", "ns each", "of our time"),
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
    )
    console.print(
        _table(
            (f"invariants, {events:,} events", "ns an event", "of the time without"),
            (
                ("none of them", f"{report.unwatched * 1e9:,.0f}", ""),
                *((cost.family, f"{cost.an_event * 1e9:+,.0f}", f"{cost.share:+.0%}") for cost in report.costs),
            ),
        )
    )
    console.print(_backlogs("ns an item, in ours", report.backlogs))
    console.print(_backlogs("in SimPy's", report.simpy_backlogs))
    console.print(f"short runs, a minute and some 60 records: {report.short_runs:.1f} a second")
    for bar in bars(report):
        console.print(f"{bar.name}: {bar.measured}, {'met' if bar.met else 'missed'}")


def _backlogs(title: str, rows: Iterable[Backlog]) -> Table:
    return _table(
        (title, "few waiting", "many waiting", "ratio"),
        ((row.queue, f"{row.few * 1e9:,.0f}", f"{row.many * 1e9:,.0f}", f"{row.ratio:.2f}") for row in rows),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*head, box=None, header_style="bold", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    return table
