"""`flk replay`: the run that a string names, made again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flk.impl.command.app import app
from flk.impl.command.sim.recordings import Perfetto, Spacetime, check_picture, draw, recorded_run
from flk.impl.command.sim.run import show
from flk.impl.command.sim.sweep import Json
from flk.spec.errors import UnusableInput, writing

if TYPE_CHECKING:
    from flk.sim.experiments.replay import ReplayTarget

EXAMPLES = """\
Examples: flk replay three-regions:7:cut,blackout@6fb8e91f --html report.html

flk replay flk1.eNqtVE1v2zA
"""
String = Annotated[str, typer.Argument(help="What flk run, sweep, hunt or shrink printed.", metavar="STRING")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Even if scenario or code are not as they were.")]


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
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict only.")] = False,
) -> None:
    """Make the run that a string names again: the same events, the same digest, the same verdict.

    Exit code 0: all invariants hold and all objectives are met; 1: one is violated or missed, as it was; 2: undecided, unusable
    input, or another digest than the string says.
    """
    found = recorded(string, anyway=anyway)
    if scenario is not None:
        with writing(scenario):
            scenario.write_text(found.scenario.to_toml(), encoding="utf-8")
    check_picture(spacetime)
    recording = recorded_run(found.scenario, found.seed, trace, quiet=quiet or json, programs=found.programs)
    draw(recording, spacetime, perfetto)
    over = recording.run
    show(
        over,
        f"flk replay '{string.strip()}'",
        html=html,
        json=json,
        quiet=quiet,
        programs=found.programs,
        recording=recording,
    )
    if found.digest and found.digest != over.digest:
        raise UnusableInput(f"the run is another than it was: its digest was {found.digest} and is {over.digest}")
    raise typer.Exit(over.verdict.exit_code)


def recorded(string: str, *, anyway: bool) -> "ReplayTarget":
    """The run that a string names. Raises UnusableInput if scenario or code have changed since, unless that does not matter."""
    from flk.sim.experiments.replay import parse

    found = parse(string)
    if found.changed and not anyway:
        raise UnusableInput(f"{found.changed}; replay it --anyway, which may give another run")
    return found._replace(digest="") if found.changed else found
