"""`flk run`: one scenario, simulated and judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.records import supplies_for
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.sim.scenario import Scenario
    from flk.sim.simulate import Run

EXAMPLES = """\
Examples: flk run three-regions --html report.html

flk run scenarios/calm.toml --seed 9 --json
"""


def _names(incomplete: str) -> list[str]:
    from flk.sim.scenario import library

    return [name for name in sorted(library()) if name.startswith(incomplete)]


@app.command(epilog=EXAMPLES)
def run(
    scenario: Annotated[str, typer.Argument(help="A scenario of the library, or a TOML file.", autocompletion=_names)],
    *,
    seed: Annotated[int | None, typer.Option(help="The luck of the run. Default: the scenario's own.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report to this file.", dir_okay=False)] = None,
    trace: Annotated[Path | None, typer.Option(help="Write every event to this file, as JSON lines.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict only.")] = False,
) -> None:
    """Run a scenario on real records in simulated time, with every invariant checked.

    Exit code 0: all invariants hold and all objectives are met; 1: one is violated or missed; 2: undecided, or unusable input.
    """
    from rich.console import Console

    from flk.sim import report, terminal
    from flk.sim.scenario import find

    found = find(scenario)
    over = simulated(found, seed, trace, quiet=quiet or json)
    if html is not None:
        report.write(over, html, scenario)
    if json:
        typer.echo(msgspec.json.encode(report.facts(over)))
    elif quiet:
        typer.echo(f"{found.name}: {over.verdict}")
    else:
        Console().print(terminal.rendered(over, scenario), crop=False)  # the replay command is copied whole
        if html is not None:
            typer.echo(f"report: {html}")
    raise typer.Exit(EXIT_CODES[over.verdict])


EXIT_CODES = {"holds": 0, "violated": 1, "undecided": 2}


def simulated(scenario: "Scenario", seed: int | None, trace: Path | None, *, quiet: bool) -> "Run":
    """The run, its progress shown on standard error."""
    from contextlib import ExitStack

    from rich.console import Console

    from flk.sim.simulate import simulate
    from flk.sim.terminal import progress

    console = Console(stderr=True, quiet=quiet)
    with ExitStack() as stack:
        with console.status(f"computing records of {scenario.workload.records}"):
            supplies = supplies_for(scenario)
        file = None if trace is None else stack.enter_context(_opened(trace))
        reached = stack.enter_context(progress(console, scenario.name))
        return simulate(
            scenario,
            supplies.submissions,
            supplies.keyring,
            signer=supplies.signer,
            seed=seed,
            on_progress=reached,
            trace=file,
        )


def _opened(trace: Path) -> BinaryIO:
    """The file that the trace is written to."""
    try:
        return trace.open("wb")
    except OSError as error:
        raise UnusableInput(
            f"{trace}: the trace cannot be written: {error.strerror}; name a file in a directory that exists"
        ) from None
