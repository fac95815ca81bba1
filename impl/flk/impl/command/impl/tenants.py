"""`flk tenants`: make entries of tenants files, check the files, list them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app

if TYPE_CHECKING:
    from flk.impl.tenants import TenantEntry

tenants = typer.Typer(
    name="tenants", no_args_is_help=True, help="Say which tenants are active, and how much each may send."
)
app.add_typer(tenants)

File = Annotated[Path, typer.Argument(help="The tenants file.", dir_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@tenants.command()
def new(
    tenant: Annotated[
        str, typer.Option("--id", help="The tenant, as its records name it; * for all that have no entry.")
    ],
    records_per_second: Annotated[float | None, typer.Option(help="How much it may send in the long run.")] = None,
    burst: Annotated[int | None, typer.Option(help="And at once; without it, the records of two seconds.")] = None,
    records_per_day: Annotated[int | None, typer.Option(help="And in a day.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="The tenants file to add it to, or to begin.", dir_okay=False)
    ] = None,
) -> None:
    """Make an entry: `flk tenants new --id acme --records-per-second 50 --file tenants.toml`. Without --file it is printed."""
    from flk.impl.tenants import add_tenant, new_tenant

    made = new_tenant(tenant, records_per_second, burst, records_per_day)
    if file is None:
        typer.echo(made)
    else:
        add_tenant(file, made)
        typer.echo(f"{file}: has tenant {tenant!r}; a node that runs takes it on SIGHUP")


@tenants.command()
def check(
    file: File,
    *,
    keys: Annotated[
        Path | None, typer.Option(help="Also tell which tenants of this key file have no entry, and which have no key.")
    ] = None,
    json: Json = False,
) -> None:
    """Look for mistakes in a tenants file; exit with 2 if there is one."""
    from flk.impl.keys import Use, read_keys
    from flk.impl.tenants import OTHERS, read_tenants

    named = {entry.id for entry in read_tenants(file)}
    signing = {key.tenant for key in read_keys(keys) if key.use is Use.RECORDS} if keys else named
    without_entry, without_key = sorted(signing - named), sorted(named - signing - {OTHERS})
    if json:
        found = {"tenants": sorted(named), "without_entry": without_entry, "without_key": without_key}
        typer.echo(msgspec.json.encode(found))
        return
    for tenant in without_entry:
        typer.echo(f"{tenant} has a key and no entry: {'that of * counts' if OTHERS in named else 'nothing binds it'}")
    for tenant in without_key:
        typer.echo(f"{tenant} has an entry and no key: nothing that it sends is authentic")
    typer.echo(f"✓ {file} can be used; entries: {len(named)}")


@tenants.command("list")
def list_(file: File, *, json: Json = False) -> None:
    """List the tenants of a file, and what counts for each."""
    from flk.impl.tenants import read_tenants

    entries = read_tenants(file)
    if json:
        typer.echo(msgspec.json.encode([_told(entry) for entry in entries]))
        return
    for entry in entries:
        bounds = entry.bounds
        told = "; ".join(quota.promise for quota in bounds.quotas) or "no quota"
        labels = " ".join(f"{label}={value}" for label, value in entry.labels.items())
        typer.echo("  ".join(filter(None, (entry.id, told if bounds.active else "not active", labels))))


def _told(entry: "TenantEntry") -> dict[str, object]:
    quotas = [{"kind": quota.kind, "per_second": quota.rate, "burst": quota.burst} for quota in entry.bounds.quotas]
    return {
        "id": entry.id,
        "active": entry.active,
        "quotas": quotas,
        "expected_dedup_ratio": entry.expected_dedup_ratio,
        "labels": entry.labels,
    }
