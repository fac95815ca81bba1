"""`flk replay`: repeat the run that a replay string names."""

from pathlib import Path
from typing import Annotated

import typer

from flk.impl.command.app import app
from flk.impl.command.sim.run import Validate, show
from flk.impl.command.sim.sweep import Json
from flk.spec.errors import UnusableInput, writing

EXAMPLES = """\
Examples: flk replay three-regions:7:cut,blackout@6fb8e91f --html report.html

flk replay flk1.eNqtVE1v2zA
"""
String = Annotated[
    str, typer.Argument(help="The replay string that flk run, sweep, hunt or shrink printed.", metavar="STRING")
]
PICTURES = (".png", ".svg", ".pdf")
Spacetime = Annotated[
    Path | None,
    typer.Option(
        help="Draw the messages around the first violation: a file ending in .png, .svg or .pdf.", dir_okay=False
    ),
]
Perfetto = Annotated[
    Path | None, typer.Option(help="Write the run for the Perfetto viewer (ui.perfetto.dev).", dir_okay=False)
]
Anyway = Annotated[bool, typer.Option("--anyway", help="Even if the scenario or the code has changed.")]


@app.command(epilog=EXAMPLES)
def replay(
    string: String,
    *,
    anyway: Anyway = False,
    html: Annotated[Path | None, typer.Option(help="Write the report to this file.", dir_okay=False)] = None,
    trace: Annotated[Path | None, typer.Option(help="Write every event to this file, as JSON lines.")] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="Write the scenario to this file, as TOML.", dir_okay=False)
    ] = None,
    spacetime: Spacetime = None,
    perfetto: Perfetto = None,
    validate: Validate = False,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict only.")] = False,
) -> None:
    """Repeat the run that a replay string names: the same events, the same digest, the same verdict.

    Exit code 0: all invariants hold and all objectives are met; 1: one is violated or missed; 2: undecided, unusable
    input, or a digest other than that of the string.
    """
    from flk.sim import replay as run_again

    if spacetime is not None and spacetime.suffix not in PICTURES:
        raise UnusableInput(f"--spacetime {spacetime}: name a file that ends in {', '.join(PICTURES)}")
    over = run_again(string, anyway=anyway, validate=validate, trace=trace, progress=False if quiet or json else None)
    if scenario is not None:
        with writing(scenario):
            scenario.write_text(over.scenario.to_toml(), encoding="utf-8")
    if perfetto is not None:
        over.perfetto(perfetto)
    if spacetime is not None:
        with writing(spacetime):
            over.spacetime().savefig(spacetime, dpi=130)
    show(over, f"flk replay '{string.strip()}'", html=html, json=json, quiet=quiet)
    raise typer.Exit(over.verdict.exit_code)
