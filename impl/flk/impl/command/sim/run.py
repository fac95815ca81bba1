"""`flk run`: one scenario, simulated and judged."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.names import scenario_names
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.sim import RunResult, Scenario
    from flk.sim.experiments.run_inputs import RunInputs
    from flk.sim.vector.run import VectorRun

EXAMPLES = """\
Examples: flk run three-regions --html report.html

flk run scenarios/calm.toml --seed 9 --json
"""


Validate = Annotated[
    bool, typer.Option("--validate", help="Also check that what the nodes did is a path of the protocols.")
]


class Tier(StrEnum):
    """How a scenario is run."""

    MESSAGE = "message"
    VECTOR = "vector"


@app.command(epilog=EXAMPLES)
def run(
    scenario: Annotated[
        str, typer.Argument(help="A scenario of the library, or a TOML file.", autocompletion=scenario_names)
    ],
    *,
    seed: Annotated[int | None, typer.Option(help="Random seed. Default: the scenario's own.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report to this file.", dir_okay=False)] = None,
    trace: Annotated[Path | None, typer.Option(help="Write every event to this file, as JSON lines.")] = None,
    check_determinism: Annotated[
        bool, typer.Option("--check-determinism", help="First check that the run repeats, in other processes too.")
    ] = False,
    validate: Validate = False,
    tier: Annotated[Tier, typer.Option(help="Simulate every message, or compute requests as arrays.")] = Tier.MESSAGE,
    requests: Annotated[
        int | None, typer.Option(min=1, help="With --tier vector: how many requests at most; records never run out.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict only.")] = False,
) -> None:
    """Run a scenario in simulated time on real or synthetic records, with every invariant checked.

    Exit code 0: all invariants hold and all objectives are met; 1: one is violated or missed; 2: undecided, or unusable input.
    """
    from flk.sim.api.inputs import scenario_of

    found, shown = scenario_of(scenario), False if quiet or json else None
    if tier is Tier.VECTOR:
        from flk.sim.api.vector_runs import vector_run

        if html or check_determinism or validate:
            raise UnusableInput(
                "--html, --check-determinism and --validate need every message; leave out --tier vector"
            )
        computed = vector_run(found, seed, requests, trace=trace, progress=shown)
        _show_vector(computed, json=json, quiet=quiet)
        raise typer.Exit(computed.verdict.exit_code)
    if requests is not None:
        raise UnusableInput(
            "--requests needs --tier vector; in the message tier the workload says how many requests come"
        )
    from flk.sim import run as simulated
    from flk.sim.api.programs import inputs_for

    if check_determinism:
        checked(inputs_for(found), [(found, found.seed if seed is None else seed)], quiet=quiet or json)
    over = simulated(found, seed, validate=validate, trace=trace, progress=shown)
    show(over, scenario, html=html, json=json, quiet=quiet)
    raise typer.Exit(over.verdict.exit_code)


def show(over: "RunResult", source: str, *, html: Path | None, json: bool = False, quiet: bool = False) -> None:
    """Print what a run came to, and the string that names it if something is violated; write its report."""
    from rich.console import Console

    from flk.sim.reports import report, terminal

    if html is not None:
        over.report(html, source)
    if json:
        typer.echo(msgspec.json.encode({**report.facts(over.run), "string": over.string}))
    elif quiet:
        typer.echo(f"{over.scenario.name}: {over.verdict}")
    else:
        Console().print(terminal.rendered(over.run, source), crop=False)  # the replay command is copied whole
        if over.verdict is Verdict.VIOLATED and not source.startswith("flk replay"):
            typer.echo(f"replay anywhere: {over.replay_line}")
        if html is not None:
            typer.echo(f"report: {html}")


def checked(inputs: "RunInputs", runs: "Iterable[tuple[Scenario, int]]", *, quiet: bool) -> None:
    """Exit with 1 and the first difference if a run differs between processes."""
    from rich.console import Console

    from flk.sim.experiments.determinism import HASH_SEEDS, WORKERS, check, used_features
    from flk.sim.experiments.run_inputs import Task

    tasks = [Task(scenario, seed) for scenario, seed in runs]
    with Console(stderr=True, quiet=quiet).status("repeating runs in other processes"):
        found = check(inputs, tasks)
    if found is not None:
        typer.echo(str(found), err=True)
        raise typer.Exit(Verdict.VIOLATED.exit_code)
    if not quiet:
        seeds, workers = ", ".join(HASH_SEEDS), " and ".join(map(str, WORKERS))
        without = " and ".join(used_features()) or "special instructions"
        typer.echo(
            f"{len(tasks)} of {len(tasks)} repeat: here, in processes with hash seeds {seeds}, without {without}, "
            f"in {workers} workers"
        )


def _show_vector(over: "VectorRun", *, json: bool, quiet: bool) -> None:
    """Print what a run of the vector tier came to."""
    from rich.console import Console

    from flk.sim.reports.vector_terminal import facts, rendered

    if json:
        typer.echo(msgspec.json.encode(facts(over)))
    elif quiet:
        typer.echo(f"{over.scenario.name}: {over.verdict}")
    else:
        Console().print(rendered(over), crop=False)
