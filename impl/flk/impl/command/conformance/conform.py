"""`flk conform`: does an SDK, or a server, do what the specification says?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.errors import writing

if TYPE_CHECKING:
    from flk.conformance import Report

conform = typer.Typer(name="conform", no_args_is_help=True, help="Ask an SDK or a server whether it conforms.")
app.add_typer(conform)


def _operations(incomplete: str) -> list[str]:
    from flk.conformance.operations import OPERATIONS

    return [name for name in OPERATIONS if name.startswith(incomplete)]


Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Junit = Annotated[Path | None, typer.Option(help="Write JUnit XML there.", dir_okay=False)]
Operations = Annotated[
    list[str] | None, typer.Option("--operation", help="Only these operations.", autocompletion=_operations)
]


@conform.command()
def sdk(
    command: Annotated[list[str], typer.Argument(help="The command that starts the subject, after --.")],
    *,
    operation: Operations = None,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds that may pass without an answer.")] = 10.0,
    json: Json = False,
    junit: Junit = None,
) -> None:
    """Put the vectors to a command that speaks the SDK protocol (conformance/PROTOCOL.md).

    Exit code 0: it conforms; 1: it does not; 2: it cannot be talked to, or nothing applies to it.
    """
    from flk.conformance import check_sdk

    _publish(check_sdk(command, operation, deadline=deadline), junit, json=json)


@conform.command()
def server(
    url: Annotated[str, typer.Argument(help="Base URL of the server: http://HOST:PORT.")],
    *,
    key: Annotated[Path, typer.Option(help="Key file with signing keys of the tenants.", dir_okay=False)],
    tenant: Annotated[
        list[str] | None,
        typer.Option(help="A tenant whose records are sent; give two to test that they are kept apart."),
    ] = None,
    check: Annotated[list[str] | None, typer.Option(help="Only these checks.")] = None,
    restart_command: Annotated[
        str, typer.Option(help="A command that restarts the server with its data, to see what survives.")
    ] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Make the records of an earlier run again.")] = None,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds that an answer may take.")] = 10.0,
    json: Json = False,
    junit: Junit = None,
) -> None:
    """Ask a running server what any server must answer. It stores the records it is sent: use tenants made for the purpose.

    Exit code 0: it conforms; 1: it does not; 2: it cannot be talked to.
    """
    from flk.conformance import check_server
    from flk.impl.keys import load_signer
    from flk.spec.constants import CONSTANTS

    keys = {name: load_signer(key, name) for name in tenant or [CONSTANTS.node.default_tenant]}
    report = check_server(url, keys, checks=check or (), restart=restart_command, seed=seed, deadline=deadline)
    _publish(report, junit, json=json)


@conform.command()
def subject() -> None:
    """Answer the kit as the model does, on stdin and stdout: `flk conform sdk -- flk conform subject`."""
    from flk.conformance.sdk.subject import main

    main()


@conform.command()
def vectors(
    *,
    operation: Operations = None,
    write: Annotated[
        bool, typer.Option("--write", help="Compute vectors and protocol schema anew, and write them.")
    ] = False,
    json: Json = False,
) -> None:
    """List the vectors, or compute them anew from the model. Golden vectors are never computed."""
    from rich.console import Console
    from rich.table import Table

    from flk.conformance import vectors as load_vectors

    if write:
        _write()
    chosen = load_vectors(*(operation or ()))
    if json:
        typer.echo(msgspec.json.encode(chosen))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("vectors", "cases", "from"):
        table.add_column(name, no_wrap=True)
    table.add_column("requirements")
    table.add_column("what is asked")
    for group in chosen:
        table.add_row(group.name, str(len(group.cases)), group.origin, " ".join(group.requirements), group.comment)
    Console().print(table)
    typer.echo(f"{sum(len(group.cases) for group in chosen)} cases")


def _write() -> None:
    from importlib.resources import files

    from flk.conformance.drafts.generate import write
    from flk.conformance.sdk import schema
    from flk.spec.vectors import load

    changed = write(Path(str(files("flk.spec").joinpath("vectors"))))
    schema.PATH.write_text(schema.text(), "utf-8")
    typer.echo(f"changed: {', '.join(changed)}" if changed else "no vector changed")
    load.cache_clear()


def _publish(report: "Report", junit: Path | None, *, json: bool) -> None:
    from rich.console import Console

    from flk.conformance import Verdict
    from flk.conformance.reports.junit import junit as as_junit
    from flk.conformance.reports.terminal import render

    if junit is not None:
        with writing(junit):
            junit.write_text(as_junit(report), "utf-8")
    if json:
        typer.echo(msgspec.json.encode({"exit": report.verdict.exit_code, **msgspec.structs.asdict(report)}))
    else:
        console = Console()
        console.print(render(report))
        if report.verdict is not Verdict.HOLDS and report.again:
            console.print(f"again: {report.again}", style="dim", soft_wrap=True, markup=False, highlight=False)
    raise typer.Exit(report.verdict.exit_code)
