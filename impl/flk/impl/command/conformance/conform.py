"""`flk conform`: does an SDK, or a server, do what the specification says?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.conformance.reports.report import Progress, Report
    from flk.spec.vectors import Vectors

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
    from flk.conformance.sdk.driver import conform as conform_sdk

    chosen = _chosen(operation)
    with _progress(sum(len(group.cases) for group in chosen)) as advance:
        report = conform_sdk(command, chosen, deadline=deadline, progress=advance)
    _publish(report, junit, json=json)


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
    import os
    import shlex
    from random import SystemRandom
    from tempfile import gettempdir

    from flk.conformance.server.checks import CHECKS
    from flk.conformance.server.client import Client
    from flk.conformance.server.examine import examine
    from flk.conformance.server.target import Server
    from flk.impl.keys import load_signer
    from flk.spec.constants import CONSTANTS

    # Hypothesis keeps a cache, and would put it into the directory that the command is run in.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(gettempdir(), "flk-hypothesis")))
    names = tenant or [CONSTANTS.node.default_tenant]
    signers = {name: load_signer(key, name) for name in names}
    number = SystemRandom().getrandbits(32) if seed is None else seed
    subject = Server(Client(url, deadline), signers, number, restart=shlex.split(restart_command))
    known = {one.name: one for one in CHECKS}
    if unknown := [name for name in check or () if name not in known]:
        raise UnusableInput(f"no check is called {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = [known[name] for name in check] if check else CHECKS
    with _progress(len(chosen)) as advance:
        report = examine(subject, chosen, progress=advance)
    _publish(report, junit, json=json)


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

    if write:
        _write()
    chosen = _chosen(operation)
    if json:
        typer.echo(msgspec.json.encode(chosen))
        return
    table = Table(
        "vectors", "cases", "from", "requirements", "what is asked", box=None, header_style="bold", pad_edge=False
    )
    for group in chosen:
        table.add_row(group.name, str(len(group.cases)), group.origin, " ".join(group.requirements), group.comment)
    Console().print(table)
    typer.echo(f"{sum(len(group.cases) for group in chosen)} cases")


def _write() -> None:
    from importlib.resources import files

    from flk.conformance.sdk import schema
    from flk.conformance.vectors.generate import write
    from flk.spec.vectors import load

    changed = write(Path(str(files("flk.spec").joinpath("vectors"))))
    schema.PATH.write_text(schema.text(), "utf-8")
    typer.echo(f"changed: {', '.join(changed)}" if changed else "no vector changed")
    load.cache_clear()


def _chosen(operations: list[str] | None) -> tuple["Vectors", ...]:
    """The vectors of some operations, or all. Raises UnusableInput for an operation that has none."""
    from flk.spec.vectors import load

    known = {group.operation for group in load()}
    if unknown := [name for name in operations or () if name not in known]:
        raise UnusableInput(f"no operation is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return tuple(group for group in load() if not operations or group.operation in operations)


@contextmanager
def _progress(total: int) -> Iterator["Progress"]:
    """A bar on stderr, where somebody may be watching."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=total)

        def advance(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name)

        yield advance


def _publish(report: "Report", junit: Path | None, *, json: bool) -> None:
    from rich.console import Console

    from flk.conformance.reports.junit import junit as as_junit
    from flk.conformance.reports.terminal import render

    if junit is not None:
        try:
            junit.write_text(as_junit(report), "utf-8")
        except OSError as error:
            raise UnusableInput(f"{junit}: cannot be written: {error.strerror}") from None
    if json:
        typer.echo(msgspec.json.encode({"exit": report.exit, **msgspec.structs.asdict(report)}))
    else:
        Console().print(render(report))
    raise typer.Exit(report.exit)
