"""`flk bench age`: whether what a node holds, and how it answers, stays flat as it grows old."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from flk.impl.command.bench.bench import Json, bench

if TYPE_CHECKING:
    from rich.table import Table

    from flk.impl.bench.ageing import Measure

Half = Literal["year", "node"]


@bench.command(epilog="Example: flk bench age --records 10000000 --only node")
def age(
    *,
    records: Annotated[
        int, typer.Option(min=100, help="Records for the real node, in all steps; 10000000 takes an hour or two.")
    ] = 100_000,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the real node, each with a kill and a stop.")] = 10,
    per_hour: Annotated[int, typer.Option(min=1, help="Submissions an hour of the simulated year, at most.")] = 4,
    only: Annotated[Half | None, typer.Option(help="Only the year in simulated time, or only the real node.")] = None,
    json: Json = False,
) -> None:
    """A year of traffic in simulated time, month by month; and records for a real node in steps, each with a kill -9 and a
    stop: what each holds of memory and disk, what a start takes, and how long a submit takes, beside the first step.

    Flat is what is at its end no more than 1.5 times its beginning: medians of the last and of the first third. Entries are kept,
    so the store is judged by bytes an entry; the log at rest by the time between snapshots. The real node is `flk serve` with
    --objects, --snapshot-every and --retain 0; signed records come over HTTP on loopback, many to a request, so client and server
    share the machine. Others that use it show in seconds and not in those of the processor.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from flk.impl.bench import age_node, age_year
    from flk.impl.bench.ageing import told

    found: dict[str, tuple[Measure, ...]] = {}
    console = Console(stderr=True)
    with console.status("") as status:
        if only != "node":
            found["year"] = age_year.measure(per_hour, on_progress=status.update)
        if only != "year":
            with TemporaryDirectory() as home:
                found["node"] = age_node.measure(
                    Path(home),
                    records,
                    steps=steps,
                    on_progress=status.update,
                    on_step=lambda step: console.print(str(step)),
                )
    if json:
        typer.echo(msgspec.json.encode({half: [told(one) for one in measures] for half, measures in found.items()}))
        return
    for half, measures in found.items():
        Console().print(_table(TITLES[half], measures))


TITLES = {"year": "a year, by months", "node": "a real node, by steps"}


def _table(title: str, measures: Iterable["Measure"]) -> "Table":
    from flk.impl.command.bench import tables

    return tables.table(
        (title, ">first", ">last", "each beside the first", ">ratio", ""),
        (
            (
                one.name,
                _written(one.values[0], one.unit),
                _written(one.values[-1], one.unit),
                " ".join(f"{ratio:.3g}" for ratio in one.ratios[1:]),
                f"{one.ratio:.2f}",
                one.verdict,
            )
            for one in measures
        ),
    )


def _written(value: float, unit: str) -> str:
    if unit == "seconds" and value < 1e-3:
        return f"{value * 1e6:,.0f} µs"
    if unit == "seconds":
        return f"{value * 1e3:,.1f} ms"
    if unit == "bytes" and value >= 1e6:
        return f"{value / 1e6:,.1f} MB"
    return f"{value:,.0f} {unit}".rstrip()
