"""`flk backup`, `flk restore`, `flk data check`: the data directory of a node, from outside."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.verdict import Verdict

if TYPE_CHECKING:  # imported when a subcommand runs
    from flk.model.programs.examine import Examine

_commands = typer.Typer(name="data", no_args_is_help=True, help="Look after the data directory of a node.")
app.add_typer(_commands)

Data = Annotated[Path, typer.Argument(help="The data directory of a node.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def backup(
    data: Data,
    out: Annotated[Path, typer.Argument(help="A directory that is new or empty.", file_okay=False)],
    *,
    json: Json = False,
) -> None:
    """Copy a data directory, log and store, while its node works on: `flk backup DATA OUT`. Keys are not copied."""
    from flk.impl.data.backup import back_up

    with _counted("copied") as told:
        made = back_up(data, out, told)
    if json:
        typer.echo(msgspec.json.encode(made))
    else:
        typer.echo(f"{out}: {len(made.files)} files of region {made.region}, disk {made.identity}, {made.size} bytes")


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="A directory that `flk backup` wrote.", file_okay=False)],
    data: Annotated[Path, typer.Argument(help="A directory that is new or empty.", file_okay=False)],
    *,
    json: Json = False,
) -> None:
    """Make a data directory of a backup: `flk restore BACKUP DATA`. Every checksum is verified before anything is written; if it
    is interrupted, the same command goes on.
    """
    from flk.impl.data.restore import restore as run

    with _counted("verified, copied") as told:
        made = run(backup, data, told)
    if json:
        typer.echo(msgspec.json.encode(made))
    else:
        typer.echo(
            f"{data}: {len(made.files)} files of region {made.region}, disk {made.identity}; start its node there"
        )


@_commands.command()
def check(
    data: Data,
    *,
    keys: Annotated[
        Path | None,
        typer.Option(help="The node's key file, to look for every record of the log in the store.", dir_okay=False),
    ] = None,
    accept_shortest: Annotated[
        bool, typer.Option("--accept-shortest", help="As the node does: signatures over the older form count (C14N-6).")
    ] = False,
    json: Json = False,
) -> None:
    """Verify every checksum of a data directory, its manifest against its log, and its log against its store, while its node works
    on. Exit code 0: sound; 1: not; 2: it cannot be read.
    """
    from flk.impl.data.check import check as run

    with _counted("checked") as told:
        found = run(data, _examine(keys, accept_shortest=accept_shortest), time.time(), lambda name: told(name, 0))
    verdict = Verdict.VIOLATED if found.findings else Verdict.HOLDS
    if json:
        typer.echo(msgspec.json.encode({"verdict": verdict, **msgspec.structs.asdict(found)}))
    else:
        for finding in found.findings:
            typer.echo(f"{finding.where}: {finding.what}; fix: {finding.fix}")
        for note in found.notes:
            typer.echo(f"note: {note}")
        typer.echo(
            f"{verdict.sign} {found.segments} segments, {found.frames} frames, {found.entries} entries;"
            f" {found.claims} records of the log were looked for in the store, {found.waiting} wait to be written there;"
            f" {len(found.findings)} findings"
        )
    raise typer.Exit(verdict.exit_code)


def _examine(keys: Path | None, *, accept_shortest: bool) -> "Examine | None":
    """What the node examines records with, if its keys are given."""
    from flk.impl.keys import load_keys
    from flk.model.compiled.examiner import examining
    from flk.model.record.canonical import ACCEPTED, Profile

    profiles = (*ACCEPTED, Profile.SHORTEST) if accept_shortest else ACCEPTED
    return None if keys is None else examining(load_keys(keys, profiles))


@contextmanager
def _counted(done: str) -> Iterator[Callable[[str, int], None]]:
    """A bar on standard error that names the file at hand."""
    from rich.progress import TextColumn

    from flk.spec.progress import progress_bar

    with progress_bar(None, TextColumn("{task.fields[file]}")) as bar:
        task = bar.add_task(done, total=None, file="")
        yield lambda name, size: bar.update(task, advance=size, file=name)
