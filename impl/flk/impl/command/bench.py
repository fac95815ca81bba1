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
