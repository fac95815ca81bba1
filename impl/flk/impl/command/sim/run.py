"""`flk run`: one scenario, simulated and judged."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.records import run_inputs_for, scenario_names
from flk.impl.command.sim.trace_file import opened
from flk.impl.command.sim.vector import run_vector, show_vector
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.sim.experiments.run_inputs import RunInputs
    from flk.sim.outcome import Run
    from flk.sim.reports.recording import Recording
    from flk.sim.scenarios.scenario import Scenario
    from flk.sim.world.network import Message

EXAMPLES = """\
Examples: flk run three-regions --html report.html

flk run scenarios/calm.toml --seed 9 --json
"""


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
    validate: Annotated[
        bool, typer.Option("--validate", help="Also ask whether the trace is a path of the protocols.")
    ] = False,
    tier: Annotated[Tier, typer.Option(help="Every message for itself, or requests as arrays.")] = Tier.MESSAGE,
    requests: Annotated[
        int | None, typer.Option(min=1, help="With --tier vector: everyday requests at most; records never run out.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict only.")] = False,
) -> None:
    """Run a scenario on real records in simulated time, with every invariant checked.

    Exit code 0: all invariants hold and all objectives are met; 1: one is violated or missed; 2: undecided, or unusable input.
    """
    from flk.sim.scenarios.files import find

    found = find(scenario)
    if tier is Tier.VECTOR:
        if html or check_determinism or validate:
            raise UnusableInput(
                "--html, --check-determinism and --validate need every message; leave out --tier vector"
            )
        computed = run_vector(found, seed, requests, trace, quiet=quiet or json)
        show_vector(computed, json=json, quiet=quiet)
        raise typer.Exit(computed.verdict.exit_code)
    if requests is not None:
        raise UnusableInput("--requests is for --tier vector; here the workload says how many come")
    if check_determinism:
        checked(run_inputs_for(found), [(found, found.seed if seed is None else seed)], quiet=quiet or json)
    with opened(trace) as file:
        over = simulated(found, seed, file, quiet=quiet or json, validate=validate)
    show(over, scenario, html=html, json=json, quiet=quiet)
    raise typer.Exit(over.verdict.exit_code)


def show(
    over: "Run",
    source: str,
    *,
    html: Path | None,
    json: bool = False,
    quiet: bool = False,
    programs: str = "",
    recording: "Recording | None" = None,
) -> None:
    """Print what a run came to, and the string that names it if something is violated; write its report."""
    from rich.console import Console

    from flk.sim.experiments.replay import replay_string
    from flk.sim.reports import report, terminal

    string = replay_string(over.scenario, over.seed, over.digest, programs)
    if html is not None:
        report.write(over, html, source, recording)
    if json:
        typer.echo(msgspec.json.encode({**report.facts(over), "string": string}))
    elif quiet:
        typer.echo(f"{over.scenario.name}: {over.verdict}")
    else:
        Console().print(terminal.rendered(over, source), crop=False)  # the replay command is copied whole
        if over.verdict == "violated":
            typer.echo(f"the same anywhere: flk replay '{string}'")
        if html is not None:
            typer.echo(f"report: {html}")


def checked(inputs: "RunInputs", runs: "Iterable[tuple[Scenario, int]]", *, quiet: bool) -> None:
    """Exit with 1 and the first difference if one of the runs is not the same everywhere."""
    from flk.sim.experiments.determinism import HASH_SEEDS, WORKERS, check
    from flk.sim.experiments.run_inputs import Task

    tasks = [Task(scenario, seed) for scenario, seed in runs]
    found = check(inputs, tasks)
    if found is not None:
        typer.echo(str(found), err=True)
        raise typer.Exit(1)
    if not quiet:
        seeds, workers = ", ".join(HASH_SEEDS), " and ".join(map(str, WORKERS))
        typer.echo(
            f"{len(tasks)} of {len(tasks)} repeat: here, in processes with hash seeds {seeds}, in {workers} workers"
        )


def simulated(
    scenario: "Scenario",
    seed: int | None,
    trace: BinaryIO | None,
    *,
    quiet: bool,
    programs: str = "",
    validate: bool = False,
    messages: "Callable[[Message], None] | None" = None,
) -> "Run":
    """The run, its progress shown on standard error, with every alert evaluated."""
    from rich.console import Console

    from flk.sim.protocol_traces import validated
    from flk.sim.reports.progress import progress
    from flk.sim.simulate import simulate

    console = Console(stderr=True, quiet=quiet)
    with console.status(f"computing records of {scenario.workload.records}"):
        inputs = run_inputs_for(scenario, programs)
    with progress(console, scenario.name) as reached:
        perform = validated if validate else simulate
        return perform(
            scenario,
            inputs.submissions,
            inputs.keyring,
            signer=inputs.signer,
            seed=seed,
            on_progress=reached,
            trace=trace,
            messages=messages,
            programs=inputs.programs,
            alerts=True,
        )
