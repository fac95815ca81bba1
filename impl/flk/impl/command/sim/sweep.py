"""`flk sweep`: a scenario over seeds and parameters."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.names import scenario_names
from flk.spec.errors import UnusableInput, writing

if TYPE_CHECKING:
    from flk.sim import SweepResult

PICTURES = (".png", ".svg", ".pdf")
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
            help="A field and its values; faults by their ids. Repeat it to vary several fields.", metavar="F=V,V"
        ),
    ] = None,
    until: Annotated[
        str, typer.Option(help="Stop a cell when a statistic has this precision: 'p95 of rpo +-5%'.", metavar="RULE")
    ] = "",
    least: Annotated[int, typer.Option(min=2, help="Runs of each cell before --until may stop it.")] = SEVERAL,
    measure: Annotated[
        list[str] | None, typer.Option(help="What to show: 'p99 of lag_max', or 'heal' for the mean.", metavar="WHAT")
    ] = None,
    out: Annotated[Path, typer.Option(help="Directory of the journal and of rows.parquet.", file_okay=False)] = Path(
        "out/sweep"
    ),
    html: Annotated[Path | None, typer.Option(help="Write the report to this file.", dir_okay=False)] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw the first measure over its cost, to a file ending in .png, .svg or .pdf.", dir_okay=False
        ),
    ] = None,
    against: Annotated[
        str, typer.Option(help="With --plot: the cost, such as uploads or uploaded_bytes.", metavar="WHAT")
    ] = "uploads",
    alerts: Annotated[
        bool,
        typer.Option("--alerts", help="Evaluate the alerts too: which fire, how late, and which are false alarms."),
    ] = False,
    programs: Annotated[str, typer.Option(help="Run these programs.", metavar="MODULE:NAME")] = "",
    workers: Workers = -1,
    backend: Backend = "processes",
    json: Json = False,
) -> None:
    """Run a scenario over many seeds and parameters, every cell on the same seeds, and estimate each measure of each cell.

    An interrupted sweep resumes; runs that are in the journal are not repeated. Exit code 0: all invariants hold and all
    targets are met; 1: one is violated or missed; 2: undecided, or unusable input.
    """
    from rich.console import Console

    from flk.sim import load
    from flk.sim import sweep as run_sweep
    from flk.sim.experiments import findings
    from flk.sim.experiments.journal import write_table
    from flk.sim.experiments.variation import axis
    from flk.sim.reports.sweep_terminal import rendered

    asked = [findings.parse_measure(text) for text in measure or ()]
    if plot is not None and plot.suffix not in PICTURES:
        raise UnusableInput(f"--plot {plot}: name a file that ends in {', '.join(PICTURES)}")
    findings.parse_measure(against)
    found = run_sweep(
        load(scenario),
        seeds,
        dict(axis(text) for text in vary or ()),
        until,
        least=least,
        programs=programs or None,
        alerts=alerts,
        keep=out,
        workers=workers,
        backend=backend,
        progress=False if json else None,
    )
    table = write_table(out, found.swept.plan.cells, found.swept.rows)
    judged = findings.findings(found.swept, asked)
    if html is not None:
        from flk.sim.reports import sweep as sweep_report

        typed = shlex.join(["flk", "sweep", scenario, "--seeds", seeds, *(f"--vary={text}" for text in vary or ())])
        sweep_report.write(found.swept, judged, found.inputs, html, typed)
    if plot is not None:
        first = (measure or [judged[0].findings[0].asked.measure])[0]
        with writing(plot, "the figure"):
            found.plot_tradeoff(first, against).savefig(plot, dpi=130)
    if json:
        typer.echo(msgspec.json.encode({**findings.facts(found.swept, judged, programs), "table": str(table)}))
    else:
        Console().print(rendered(found.swept, judged), crop=False)
        _print_violations(found)
        typer.echo(f"rows: {table}" + (f"\nreport: {html}" if html else "") + (f"\nfigure: {plot}" if plot else ""))
    raise typer.Exit(findings.overall(judged).exit_code)


def _print_violations(found: "SweepResult") -> None:
    """The replay string of every run that violates an invariant; of many, the first few."""
    broken = found.violating
    for one in broken[:SHOWN]:
        typer.echo(f"seed {one.seed} violates {one.violated}: flk replay '{one.string}'")
    if len(broken) > SHOWN:
        typer.echo(f"and {len(broken) - SHOWN} more violate an invariant; --json names them all")
