"""`flk audit erase`: the content of leaves about a tenant, or about one record, goes; their hashes stay (ERA-*)."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.impl.audit import Json, Key, Url, commands, opened
from flk.impl.command.plain import plain
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.model.programs.erase import Erasing

ELSEWHERE = "stores, logs and segments, snapshots, backups, other regions, agents, and who was told of leaves"
"""Where a record may be besides: nothing of that is erased here, nor looked at."""
LONGEST = CONSTANTS.transparency.max_reason_characters


@commands.command(
    epilog="Example: flk audit erase s3://logs/audit/eu --key example.com/eu+… --tenant acme --reason 'case 47' --do"
)
def erase(
    url: Url,
    key: Key,
    tenant: Annotated[str, typer.Option(help="Whose leaves go.", metavar="TENANT")],
    reason: Annotated[str, typer.Option(help="Why, for everybody who reads the log: no personal data.")],
    *,
    record: Annotated[
        str | None, typer.Option("--id", help="Only those about the record with this id.", metavar="PCS_ID")
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(help="Where workers write their results; beside the log unless named.", metavar="URL"),
    ] = None,
    do: Annotated[bool, typer.Option("--do", help="Erase; without it, only tell what would be.")] = False,
    json: Json = False,
) -> None:
    """Erase leaves from an audit log: name them in a leaf first, and replace their content once that is published.

    Each run does what can be done now; repeat it until nothing is left. It is about the audit log, and what workers made of its
    leaves: stores, logs, snapshots and backups keep theirs as long as the guide on erasure says. Exit code 0: nothing is left; 1:
    some is, or the log is not what it has signed; 2: unusable input.
    """
    from flk.impl.data.erasing import erase_in
    from flk.impl.storage.objects import open_objects
    from flk.model.transparency.leaves import Sought

    if not reason.strip() or len(reason) > LONGEST or not reason.isprintable():
        raise UnusableInput(f"--reason: it is a line of 1 to {LONGEST} characters; name the request, not the person")
    with opened(url, key) as (_, verifier):
        erasing = erase_in(
            open_objects(url), open_objects(into or url), verifier, Sought(tenant, record), reason, do=do
        )
    if json:
        typer.echo(msgspec.json.encode({**erasing._asdict(), "done": erasing.is_done, "elsewhere": ELSEWHERE}))
    else:
        _tell(erasing, do=do)
    raise typer.Exit((Verdict.HOLDS if erasing.is_done else Verdict.VIOLATED).exit_code)


def _tell(erasing: "Erasing", *, do: bool) -> None:
    typer.echo(
        f"{erasing.sought:,} leaves are about this, of which the log does not name {erasing.unnamed:,} as erased"
    )
    if not do:
        typer.echo(
            f"{len(erasing.holding):,} objects hold the content of leaves that it names; nothing was changed: --do"
        )
    else:
        if erasing.unnamed:
            typer.echo(f"… {erasing.unnamed:,} leaves are named now: repeat this when a checkpoint has it, seconds on")
        if erasing.holding:
            typer.echo(f"✓ {erasing.replaced:,} of {len(erasing.holding):,} objects no longer hold what they held")
    for each in erasing.kept:
        typer.echo(f"✗ {plain(each)}", err=True)
    if erasing.is_done:
        typer.echo("✓ nothing of it is left in the published log")
        typer.echo(f"… not looked at: {ELSEWHERE}. The guide on erasure says until when it is there")
