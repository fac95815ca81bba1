"""`flk keys`: make keys, check key files."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flk.impl.command.app import app
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

keys = typer.Typer(name="keys", no_args_is_help=True, help="Make keys, and check key files.")
app.add_typer(keys)


@keys.command()
def new(
    *,
    key_id: Annotated[str, typer.Option("--id", help="The key's name within its tenant, such as 2026-a.")],
    tenant: Annotated[str, typer.Option(help="The tenant whose records it signs.")] = CONSTANTS.node.default_tenant,
    algorithm: Annotated[
        Literal["hmac-sha256", "ed25519"] | None, typer.Option(help="How it signs. Default: hmac-sha256.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="The key file to add it to; made readable by you alone.", dir_okay=False)
    ] = None,
    vrf: Annotated[
        bool, typer.Option("--vrf", help="An ed25519 key that draws seeds, and signs nothing (see `flk agent send`).")
    ] = False,
) -> None:
    """Make a fresh key: `flk keys new --id 2026-a --file keys.toml`. Without --file it is printed."""
    from flk.impl.keys import Use, add_key, new_key
    from flk.model.record.signing import Algorithm

    if vrf and algorithm == "hmac-sha256":
        raise UnusableInput("--vrf --algorithm hmac-sha256: seeds are drawn with ed25519; leave --algorithm out")
    used = Algorithm.ED25519 if vrf else Algorithm(algorithm or Algorithm.HMAC_SHA256)
    made = new_key(tenant, key_id, used, Use.VRF if vrf else Use.RECORDS)
    if file is None:
        typer.echo(made)
    else:
        add_key(file, made)
        typer.echo(f"{file}: has key {key_id!r} of tenant {tenant!r}; a node that runs takes it on SIGHUP")


@keys.command()
def check(file: Annotated[Path, typer.Argument(help="The key file.", dir_okay=False)]) -> None:
    """List the keys of a file, without their secrets; exit with 2 if there is a mistake in it."""
    from flk.impl.entry_files import readable_by_others
    from flk.impl.keys import Use, read_keys

    for entry in read_keys(file):
        live = f"{entry.not_before or 'always'} until {entry.not_after or 'for ever'}"
        use = f"  {entry.use}" if entry.use is not Use.RECORDS else ""
        typer.echo(f"{entry.tenant}  {entry.id}  {entry.algorithm}{use}  {live}")
    if readable_by_others(file):
        typer.echo(f"{file} can be read by others: chmod 600 {file}", err=True)
