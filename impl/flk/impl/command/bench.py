"""`flk bench`: measurements, each beside a straightforward baseline in the same run."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app

if TYPE_CHECKING:
    from flk.impl.bench.interleave import Figure

bench = typer.Typer(
    name="bench", no_args_is_help=True, help="Measure, beside a straightforward baseline in the same run."
)
app.add_typer(bench)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@bench.command(epilog="Example: flk bench signing --seconds 20")
def signing(
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 10.0,
    json: Json = False,
) -> None:
    """Canonical bytes, HMAC and Ed25519 signatures and full verification, on one core, beside the standard library's way.

    Medians over interleaved rounds. On a machine that does other things, too, the ratios say more than the rates.
    """
    from rich.console import Console

    from flk.impl.bench.signing import measure

    with Console(stderr=True).status(f"measuring for {seconds:g} s"):
        figures = measure(seconds)
    if json:
        typer.echo(msgspec.json.encode([{**figure._asdict(), "verdict": figure.verdict} for figure in figures]))
    else:
        _print_figures(figures)


@bench.command(epilog="Example: flk bench ingest --seconds 60")
def ingest(
    *,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long to keep the servers under load, all together.")
    ] = 36.0,
    json: Json = False,
) -> None:
    """Durable submits a second of a live server, beside FastAPI without a log and beside itself without fsync.

    64 connections on loopback; the load generator shares the machine. Medians over rounds in which the servers take turns.
    """
    from rich.console import Console

    from flk.impl.bench.ingest import bars, measure

    with Console(stderr=True).status("") as status:
        figures = measure(seconds, status.update)
    if json:
        typer.echo(msgspec.json.encode({"figures": figures, "bars": bars(figures)}))
        return
    from rich.table import Table

    table = Table(
        "", "a second", "p50 ms", "p99 ms", "processor µs a request", box=None, header_style="bold", pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for one in figures:
        table.add_row(
            one.name,
            f"{one.per_second:,.0f}",
            f"{one.p50 * 1e3:.2f}",
            f"{one.p99 * 1e3:.2f}",
            f"{one.processor * 1e6:.0f}",
        )
    console = Console()
    console.print(table)
    for bar in bars(figures):
        console.print(f"{bar.name}: {bar.measured}, {'met' if bar.met else 'missed'}")


@bench.command(epilog="Example: flk bench crash --kills 1000")
def crash(
    *,
    kills: Annotated[int, typer.Option(min=1, help="How often to kill the server.")] = 100,
    seed: Annotated[int, typer.Option(help="Draws when it dies.")] = 1,
    json: Json = False,
) -> None:
    """Kill -9 a server under load and at start-up, again and again, and compare every answer with the one given before.

    Exit code 1 if an acknowledged submission is lost or answered otherwise.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from flk.impl.bench.crash import crash as run

    with Console(stderr=True).status("starting") as status, TemporaryDirectory() as directory:
        toll = run(Path(directory), kills, seed, lambda toll: status.update(f"{toll.kills} of {kills} kills"))
    if json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(toll), "holds": toll.holds}))
    else:
        typer.echo(
            f"{toll.kills} kills in {toll.seconds:.0f} s, {toll.during_start} of them during start-up:"
            f" {toll.acknowledged} submissions acknowledged, {toll.unanswered} cut off, {toll.compared} answers compared."
        )
        typer.echo(
            f"{toll.lost} lost, {toll.changed} changed, {toll.refused} refused; {toll.fell} lives ended by themselves."
        )
    raise typer.Exit(0 if toll.holds else 1)


def _print_figures(figures: tuple["Figure", ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "a second", "baseline", "ratio", "bar", "", box=None, header_style="bold", pad_edge=False)
    for column in table.columns[1:5]:
        column.justify = "right"
    for one in figures:
        bar = f"{one.bar:,.0f}" if one.bar else ""
        table.add_row(
            one.name, f"{one.per_second:,.0f}", f"{one.baseline_per_second:,.0f}", f"{one.ratio:.2f}", bar, one.verdict
        )
    Console().print(table)
