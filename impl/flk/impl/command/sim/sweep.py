"""`flk sweep`: a scenario over seeds and parameters."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.records import run_inputs_for, scenario_names
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.sim.experiments.rows import Row
    from flk.sim.experiments.sweep import SweepResult

SHOWN = 5
SEVERAL = 30  # seeds of each cell before a stopping rule is asked
EXAMPLES = """\
Examples: flk sweep three-regions --seeds 50 --vary policy.ship_interval=10s,30s --vary faults.cut.duration=60s,120s

flk sweep lost-disk --seeds 1000 --until 'p95 of rpo +-5%' --out out/rpo --backend dask:tcp://scheduler:8786
"""
Workers = Annotated[int, typer.Option(help="Processes to use; -1: one for each core.")]
Backend = Annotated[
    str, typer.Option(help="processes, none, dask, dask:ADDRESS of a scheduler, ray or ray:ADDRESS.", metavar="NAME")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command(epilog=EXAMPLES)
def sweep(
    scenario: Annotated[
        str, typer.Argument(help="A scenario of the library, or a TOML file.", autocompletion=scenario_names)
    ],
    *,
    seeds: Annotated[str, typer.Option(help="How many seeds, or which: 100, or 500..599.", metavar="N|A..B")] = "20",
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="A field and its values; a fault goes by its id. Repeat it for the product.", metavar="F=V,V"
        ),
    ] = None,
    until: Annotated[
        str, typer.Option(help="Stop a cell when a statistic is known so well: 'p95 of rpo +-5%'.", metavar="RULE")
    ] = "",
    least: Annotated[int, typer.Option(min=2, help="Runs of each cell before --until may stop it.")] = SEVERAL,
    measure: Annotated[
        list[str] | None, typer.Option(help="What to show: 'p99 of lag_max', or 'heal' for the mean.", metavar="WHAT")
    ] = None,
    out: Annotated[Path, typer.Option(help="Directory of the journal and of rows.parquet.", file_okay=False)] = Path(
        "out/sweep"
    ),
    html: Annotated[Path | None, typer.Option(help="Write the report to this file.", dir_okay=False)] = None,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Evaluate the alerts too: which fire, how late, and which for nothing.")
    ] = False,
    programs: Annotated[str, typer.Option(help="Run these programs.", metavar="MODULE:NAME")] = "",
    workers: Workers = -1,
    backend: Backend = "processes",
    json: Json = False,
) -> None:
    """Run a scenario over many seeds and parameters, every cell on the same seeds, and say what is known of each cell.

    A sweep that was interrupted goes on where it was; what was run before is not run again. Exit code 0: all invariants hold and
    all targets are met; 1: one is violated or missed; 2: undecided, or unusable input.
    """
    from rich.console import Console

    from flk.sim.experiments import findings
    from flk.sim.experiments.journal import Journal, write_table
    from flk.sim.experiments.sweep import Plan, parse_until
    from flk.sim.experiments.sweep import sweep as swept_by
    from flk.sim.experiments.variation import axis, cells
    from flk.sim.scenarios.files import find

    found = find(scenario)
    chosen = seed_range(seeds)
    rule = parse_until(until, least=least, most=len(chosen)) if until else None
    asked = [findings.parse_measure(text) for text in measure or ()]
    plan = Plan(cells(found, [axis(text) for text in vary or ()]), chosen, rule)
    inputs = msgspec.structs.replace(run_inputs_for(found, programs), alerts=alerts)
    with Journal(out, inputs.digest) as journal, _progress(found.name, len(plan.cells)) as on_row:
        swept = swept_by(plan, inputs, journal, workers=workers, backend=backend, on_row=on_row)
    table = write_table(out, plan.cells, swept.rows)
    judged = findings.findings(swept, asked)
    if html is not None:
        from flk.sim.reports import sweep as sweep_report

        typed = shlex.join(["flk", "sweep", scenario, "--seeds", seeds, *(f"--vary={text}" for text in vary or ())])
        sweep_report.write(swept, judged, inputs, html, typed)
    if json:
        typer.echo(msgspec.json.encode({**findings.facts(swept, judged, programs), "table": str(table)}))
    else:
        Console().print(findings.rendered(swept, judged))
        _tell_violated(swept, programs)
        typer.echo(f"rows: {table}" + (f"\nreport: {html}" if html else ""))
    raise typer.Exit(findings.overall(judged).exit_code)


def _tell_violated(swept: "SweepResult", programs: str) -> None:
    """The string of every run that violates an invariant; of many, the first few."""
    from flk.sim.experiments.replay import replay_string

    broken = [
        (cell, row)
        for cell, rows in zip(swept.plan.cells, swept.rows, strict=True)
        for row in rows
        if row.invariants == "violated"
    ]
    for cell, row in broken[:SHOWN]:
        string = replay_string(cell.scenario, row.seed, row.digest, programs)
        typer.echo(f"seed {row.seed} violates {row.violated}: flk replay '{string}'")
    if len(broken) > SHOWN:
        typer.echo(f"and {len(broken) - SHOWN} more violate an invariant; --json names them all")


def seed_range(text: str) -> range:
    """The seeds that `100` or `500..599` stands for. Raises UnusableInput."""
    first, dots, last = text.partition("..")
    try:
        seeds = range(int(first), int(last) + 1) if dots else range(1, int(first) + 1)
    except ValueError:
        seeds = range(0)
    if not seeds:
        raise UnusableInput(f"--seeds {text}: write how many, such as 100, or the first and the last, such as 500..599")
    return seeds


@contextmanager
def _progress(name: str, cells: int) -> "Iterator[Callable[[Row, int, int], None]]":
    """A bar on standard error."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("runs, {task.fields[violated]} violated"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{name}, {cells} cells", total=None, violated=0)
        violated = 0

        def on_row(row: "Row", done: int, planned: int) -> None:
            nonlocal violated
            violated += row.invariants == "violated"
            bar.update(task, completed=done, total=planned, violated=violated)

        yield on_row
