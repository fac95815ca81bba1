"""`flk scenario`: look at scenarios, check files, and get the schema for an editor."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.names import scenario_names
from flk.spec.verdict import Verdict

_commands = typer.Typer(no_args_is_help=True, help="List, show and check scenarios; print their schema.")
app.add_typer(_commands, name="scenario")


Subject = Annotated[
    str, typer.Argument(help="A scenario of the library, or a TOML file.", autocompletion=scenario_names)
]


@_commands.command("list")
def list_(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """The scenarios that come with the lab: how long each lasts, and what happens in it."""
    from rich.console import Console
    from rich.table import Table

    from flk.sim.scenarios.duration import human
    from flk.sim.scenarios.files import find, library

    found = [find(name) for name in sorted(library())]
    if json:
        rows = [
            {
                "name": scenario.name,
                "description": scenario.description,
                "hash": scenario.hash,
                "duration": float(scenario.duration),
                "faults": [fault.kind for fault in scenario.faults],
            }
            for scenario in found
        ]
        typer.echo(msgspec.json.encode(rows))
        return
    table = Table(box=None, pad_edge=False, header_style="bold underline")
    table.add_column("scenario", no_wrap=True)
    table.add_column("lasts", justify="right", no_wrap=True)
    table.add_column("what happens")
    for scenario in found:
        table.add_row(scenario.name, human(scenario.duration), scenario.description)
    Console().print(table)


@_commands.command()
def show(
    scenario: Subject,
    *,
    python: Annotated[bool, typer.Option("--python", help="Print the expression that builds it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print every field as JSON.")] = False,
) -> None:
    """A scenario as TOML or Python without its defaults, or as JSON with every field."""
    from flk.sim.scenarios import document
    from flk.sim.scenarios.builder import as_python
    from flk.sim.scenarios.files import find

    found = find(scenario)
    if json:
        typer.echo(msgspec.json.encode({"hash": found.hash, **document.builtins(found)}))
    else:
        typer.echo(as_python(found) if python else found.to_toml(), nl=python)


@_commands.command()
def check(
    scenarios: Annotated[list[Path], typer.Argument(help="TOML files.", exists=False)],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Check that files can be run, and that what they name exists: every mistake of every file, with the line and the fix.

    Exit code 2 if there is one.
    """
    from flk.sim.clients.sources import unreadable
    from flk.sim.scenarios.mistakes import read

    rows, failed = [], False
    for file in scenarios:
        errors, found, workload = read(file)
        said = list(map(str, errors))
        said += [] if workload is None else [f"{file}: {message}" for message in unreadable(workload)]
        failed = failed or bool(said)
        rows.append({"file": str(file), "mistakes": said, "hash": None if said or found is None else found.hash})
        if json:
            continue
        for message in said:
            typer.echo(message, err=True)
        if found is not None and not said:
            typer.echo(f"{file}: {found.name}, content {found.hash}")
    if json:
        typer.echo(msgspec.json.encode(rows))
    raise typer.Exit((Verdict.UNDECIDED if failed else Verdict.HOLDS).exit_code)


@_commands.command()
def schema() -> None:
    """The JSON schema of a scenario file, for completion and checks in an editor."""
    from flk.sim.scenarios.schema import schema as of_scenarios

    typer.echo(msgspec.json.format(msgspec.json.encode(of_scenarios()), indent=2))


@_commands.command()
def arrivals(
    scenario: Subject,
    out: Annotated[Path, typer.Argument(help="The CSV file to write.", dir_okay=False)],
    *,
    seed: Annotated[int | None, typer.Option(help="Random seed. Default: the scenario's own.")] = None,
) -> None:
    """Write when each record arrives and in which region, as a log that `workload.recorded` of another scenario can name."""
    from flk.sim.api.programs import inputs_for
    from flk.sim.clients.arrivals import arrivals as coming
    from flk.sim.clients.arrivals import write
    from flk.sim.scenarios.files import find

    found = find(scenario)
    seed = found.seed if seed is None else seed
    records = len(inputs_for(found).submissions)
    write(out, coming(found.workload, found.faults, found.duration, records, seed), found.workload)
    typer.echo(f"arrivals: {out}")
