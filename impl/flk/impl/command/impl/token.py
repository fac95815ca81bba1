"""`flk token`: make access tokens, list those of a file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flk.impl.command.app import app

token = typer.Typer(name="token", no_args_is_help=True, help="Make access tokens, and list those of an access file.")
app.add_typer(token)


@token.command()
def new(
    token_id: Annotated[str, typer.Option("--id", help="The token's name, such as 2026-a.")],
    file: Annotated[
        Path, typer.Option(help="The access file to add it to; made readable by you alone.", dir_okay=False)
    ],
    role: Annotated[
        Literal["tenant", "operator", "metrics"],
        typer.Option(help="What it is for: the outcomes of a tenant; all of the admin listener; or the metrics alone."),
    ] = "tenant",
    tenant: Annotated[str | None, typer.Option(help="With the role tenant: whose outcomes it reads.")] = None,
) -> None:
    """Make a token and print it, this once: the file keeps its SHA-256 only.

    `flk token new --id 2026-a --tenant default --file access.toml`
    """
    from flk.impl.access import Role, add_token

    typer.echo(add_token(file, token_id, Role(role), tenant))
    typer.echo(f"{file}: has token {token_id!r} of role {role}; a node that runs takes it on SIGHUP", err=True)


@token.command("list")
def list_(file: Annotated[Path, typer.Argument(help="The access file.", dir_okay=False)]) -> None:
    """List the tokens of a file; exit with 2 if there is a mistake in it."""
    from flk.impl.access import read_access
    from flk.impl.entry_files import readable_by_others

    for entry in read_access(file):
        live = f"{entry.not_before or 'always'} until {entry.not_after or 'for ever'}"
        typer.echo(f"{entry.id}  {entry.role}  {entry.tenant or '-'}  {live}")
    if readable_by_others(file):
        typer.echo(f"{file} can be read by others: chmod 600 {file}", err=True)
