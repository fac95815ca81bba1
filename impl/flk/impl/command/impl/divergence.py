"""`flk divergence`: what is proposed to regions that differ, from any machine that reaches their object store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.plain import plain
from flk.spec.verdict import Verdict

if TYPE_CHECKING:  # imported when a subcommand runs
    from flk.impl.storage.objects import Objects as Store
    from flk.impl.storage.proposals import Listed

_commands = typer.Typer(
    name="divergence",
    no_args_is_help=True,
    help="See and decide what is proposed where regions differ (`--compare-every`).",
)
app.add_typer(_commands)

Objects = Annotated[str, typer.Option(help="The object store that the regions share.", metavar="URL")]
Region = Annotated[str | None, typer.Option(help="The region that it is proposed to.")]
Id = Annotated[str, typer.Argument(help="The id of a proposal, as `flk divergence list` tells it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
SHOWN = 20  # claims


@_commands.command("list")
def list_(objects: Objects, *, region: Region = None, json: Json = False) -> None:
    """Tell what is proposed, what was decided, and what came of it: one line for each, the earliest first."""
    from flk.impl.storage.proposals import listed

    with _opened(objects) as store:
        found = listed(store, region)
    if json:
        typer.echo(msgspec.json.encode(found))
        return
    for each in found:
        typer.echo(f"{plain(each.id)}  {plain(each.region)}  {each.state:9}  {_about(each)}")
    if not found:
        typer.echo("nothing is proposed")


@_commands.command()
def show(id_: Id, objects: Objects, *, region: Region = None, json: Json = False) -> None:
    """Tell all that a proposal says."""
    from flk.impl.storage.proposals import found
    from flk.model.entries.compared import claim_of
    from flk.model.log.hlc import wall_seconds

    with _opened(objects) as store:
        there = found(store, id_, region)
    if json:
        typer.echo(msgspec.json.encode(there))
        return
    typer.echo(f"{there.id}  {plain(there.region)}  {there.state}")
    if there.proposal is None:
        typer.echo(plain(there.refused))
        return
    made = there.proposal
    typer.echo(f"{made.action}, score {made.score:g}: {plain(made.because)}")
    typer.echo(
        f"found beside {plain(made.peer)}, up to {wall_seconds(made.round):.3f} s since 1970; {made.percent:g} % lost"
    )
    for key, entry in map(claim_of, made.claims[:SHOWN]):
        typer.echo(
            f"  {key.tenant} {key.pcs_id}: {entry.region} {wall_seconds(entry.timestamp):.3f} {entry.digest[:16]}"
        )
    if len(made.claims) > SHOWN:
        typer.echo(f"  and {len(made.claims) - SHOWN} more; --json tells all")
    if there.result is not None:
        typer.echo(f"{there.result.state}: {there.result.joined} entries joined {plain(there.result.reason)}".rstrip())


@_commands.command()
def approve(id_: Id, objects: Objects, *, region: Region = None) -> None:
    """Let a proposal be applied: its node does so in its next pass, and writes down what came of it."""
    from flk.model.entries.proposals import Verdict as Decided

    _decide(id_, objects, region, Decided.APPROVED)


@_commands.command()
def reject(id_: Id, objects: Objects, *, region: Region = None) -> None:
    """Let a proposal be done with: nothing is applied. If the regions go on differing, it is proposed again after a time."""
    from flk.model.entries.proposals import Verdict as Decided

    _decide(id_, objects, region, Decided.REJECTED)


def _decide(id_: str, objects: str, region: str | None, verdict: str) -> None:
    from flk.impl.storage.proposals import decide, found
    from flk.model.entries.proposals import Verdict as Decided

    with _opened(objects) as store:
        decision = decide(store, found(store, id_, region), Decided(verdict))
    typer.echo(f"{id_}: {decision.verdict}")
    if decision.verdict != verdict:
        typer.echo("it was decided before, and that counts", err=True)
        raise typer.Exit(Verdict.VIOLATED.exit_code)


@contextmanager
def _opened(url: str) -> Iterator["Store"]:
    """The object store. Raises UnusableInput if it does not answer."""
    from flk.impl.storage.objects import open_objects
    from flk.model.refusal import Unavailable
    from flk.spec.errors import UnusableInput

    try:
        yield open_objects(url)
    except Unavailable as refusal:
        raise UnusableInput(f"{url}: {refusal.detail}; try again later") from None


def _about(each: "Listed") -> str:
    if each.proposal is None:
        return plain(each.refused)
    made = each.proposal
    return f"{made.action}, score {made.score:g}, {len(made.claims)} entries: {plain(made.because)}"
