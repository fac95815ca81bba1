"""`flk migrate`: add a shard to the ring of a region's store, or remove one, while its nodes go on serving."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:  # imported when a subcommand runs
    from flk.impl.migration.performing import Progress
    from flk.impl.storage.shards import Shards

_commands = typer.Typer(
    name="migrate",
    no_args_is_help=True,
    help="Add a shard to a ring of stores, or remove one: plan, start, cutover, cleanup; each goes on where it was cut off.",
)
app.add_typer(_commands)

Store = Annotated[
    str, typer.Option(help="The ring: ring+file:///r.toml.", metavar="URL", envvar="FLK_STORE", show_envvar=True)
]
Region = Annotated[str, typer.Option(help="The region whose store it is.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it: it concerns what clients are answered from.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]
Weaker = Annotated[
    bool, typer.Option("--accept-weaker-store", help="As the nodes do: use a store that may lose what it acknowledged.")
]
Rate = Annotated[float, typer.Option(min=0.001, help="Keys a second, at most.")]
Settle = Annotated[float, typer.Option(min=0.0, help="Seconds to wait before the step, with both sides written.")]
_PACE = CONSTANTS.migration
_NEXT = {
    "planned": "`flk migrate start`",
    "dual": "`flk migrate start`",
    "verified": "`flk migrate cutover --yes`",
    "cut_over": "`flk migrate cleanup --yes`",
    "cleaned": "`flk migrate cleanup --yes`",
}
"""By the phase of a migration, what goes on with it."""
_MEND = (
    "a shard that is away cannot leave, since only it has its keys: start it, promote its standby, or put back what its"
    " server held"
)


@_commands.command()
def plan(
    *,
    store: Store,
    add: Annotated[
        list[str] | None, typer.Option(help="The shard of the file that the ring gets.", metavar="SHARD")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="The shard that leaves the ring.", metavar="SHARD")] = None,
    region: Region = "eu",
    dry_run: DryRun = False,
    json: Json = False,
    accept_weaker_store: Weaker = False,
) -> None:
    """Count the keys that would move to a new shard, or from one that leaves, and put that on record. Nothing moves yet."""
    from flk.impl.migration import planning

    joining, leaving = add or [], remove or []
    if len(joining) + len(leaving) != 1:
        raise UnusableInput(
            "flk migrate plan: name one shard with --add or --remove; shards join and leave one by one, each by a migration of"
            " its own"
        )
    planned, mend = (planning.plan_removal, _MEND) if leaving else (planning.plan, "")
    with _ring(store, region, weaker=accept_weaker_store, away=mend) as shards, _counted("counted", None) as told:
        found = planned(shards, (joining or leaving)[0], told, dry_run=dry_run)
    if json:
        typer.echo(msgspec.json.encode(found))
        return
    for name, number in found.entries.items():
        typer.echo(
            f"shard {name}: {found.keys[name]} of {number} keys would move {'from' if leaving else 'to'} {found.shard}"
        )
    typer.echo("nothing was put on record" if dry_run else "planned; go on with `flk migrate start`")


@_commands.command()
def start(
    *,
    store: Store,
    region: Region = "eu",
    rate: Rate = _PACE.keys_per_second,
    dry_run: DryRun = False,
    json: Json = False,
    accept_weaker_store: Weaker = False,
) -> None:
    """Write to both sides from now on, copy the keys that move, and verify each. Goes on where it was cut off or paused."""
    from flk.impl.migration import steps

    with _ring(store, region, weaker=accept_weaker_store) as shards:
        if not _would(shards, steps.on_its_way, "turn dual writes on, copy and verify", json=json, dry_run=dry_run):
            with _progress(shards) as told:
                phase = steps.start(shards, rate, told)
            _tell(shards, f"{phase}; go on with {_NEXT[phase]}", json=json)


@_commands.command()
def status(*, store: Store, region: Region = "eu", json: Json = False, accept_weaker_store: Weaker = False) -> None:
    """Say which shards the ring has, and how far a migration is."""
    with _ring(store, region, weaker=accept_weaker_store) as shards:
        _tell(shards, "", json=json)


@_commands.command()
def pause(*, store: Store, region: Region = "eu", json: Json = False, accept_weaker_store: Weaker = False) -> None:
    """Let the migrator stop where it is; it does within a second. Nodes go on writing to both sides."""
    from flk.impl.migration import steps

    with _ring(store, region, weaker=accept_weaker_store) as shards:
        _tell(shards, f"paused; {_NEXT[steps.pause(shards)]} goes on", json=json)


@_commands.command()
def cutover(
    *,
    store: Store,
    region: Region = "eu",
    settle: Settle = _PACE.settle_seconds,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
    accept_weaker_store: Weaker = False,
) -> None:
    """Let the shards that got them decide the keys that moved. The others follow, so `rollback` loses nothing."""
    from flk.impl.migration import steps

    with _ring(store, region, weaker=accept_weaker_store) as shards:
        if not _would(shards, steps.to_cut_over, "let the keys' new shards decide", json=json, dry_run=dry_run):
            _require(yes, "cutover")
            with _progress(shards) as told:
                steps.cut_over(shards, settle, told)
            _tell(
                shards,
                "the keys' new shards decide; `flk migrate cleanup --yes` ends it, `rollback` goes back",
                json=json,
            )


@_commands.command()
def rollback(
    *,
    store: Store,
    region: Region = "eu",
    rate: Rate = _PACE.keys_per_second,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
    accept_weaker_store: Weaker = False,
) -> None:
    """Let the old shards serve alone again, at any moment before `cleanup`. Every answer stands. Where a shard was to leave, the
    copies of its keys are deleted from the others.
    """
    from flk.impl.migration import steps

    with _ring(store, region, weaker=accept_weaker_store) as shards:
        if not _would(shards, steps.to_go_back, "let the old shards serve alone again", json=json, dry_run=dry_run):
            _require(yes, "rollback")
            leaving = _leaving(shards)
            with _progress(shards) as told:
                steps.go_back(shards, rate, told)
            kept = (
                f"{leaving} stays, and the others keep no copy"
                if leaving
                else "before a shard is added again, empty its store"
            )
            _tell(shards, f"rolled back; {kept}", json=json)


@_commands.command()
def cleanup(
    *,
    store: Store,
    region: Region = "eu",
    rate: Rate = _PACE.keys_per_second,
    settle: Settle = _PACE.settle_seconds,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
    accept_weaker_store: Weaker = False,
) -> None:
    """Delete the keys that moved from the old shards, and end the migration. There is no way back from here."""
    from flk.impl.migration import steps

    with _ring(store, region, weaker=accept_weaker_store) as shards:
        if not _would(shards, steps.to_clean_up, "delete what moved from the old shards", json=json, dry_run=dry_run):
            _require(yes, "cleanup")
            leaving = _leaving(shards)
            with _progress(shards) as told:
                steps.clean_up(shards, rate, settle, told)
            rest = f"; take {leaving} out of the file on every node, and then stop its server" if leaving else ""
            _tell(shards, f"the migration is over{rest}", json=json)


@contextmanager
def _ring(url: str, region: str, *, weaker: bool, away: str = "") -> Iterator["Shards"]:
    from flk.impl.migration.steps import migrating
    from flk.impl.storage.ring_file import FORM, is_ring
    from flk.model.refusal import Unavailable

    if not is_ring(url):
        raise UnusableInput(f"--store: keys move between the shards of a ring; it reads like {FORM}")
    try:
        with migrating(url, region, accept_weaker=weaker) as shards:
            yield shards
    except Unavailable as refusal:
        again = "give the same command again once that is mended: it goes on"
        raise UnusableInput("; ".join(filter(None, (refusal.detail, away, again)))) from None


def _require(yes: bool, command: str) -> None:  # noqa: FBT001  (the option's value)
    if not yes:
        raise UnusableInput(
            f"flk migrate {command} changes what clients are answered from; add --yes, or look first with --dry-run"
        )


def _leaving(shards: "Shards") -> str:
    """The shard that is being removed, if one is."""
    return shards.layout.move.leaves if shards.layout.move is not None else ""


def _would(shards: "Shards", concerned: Callable[["Shards"], object], what: str, *, json: bool, dry_run: bool) -> bool:
    """Whether this is a dry run: then say what the command would do, if it is not refused."""
    if dry_run:
        concerned(shards)
        _tell(shards, f"would {what}", json=json)
    return dry_run


def _tell(shards: "Shards", what: str, *, json: bool) -> None:
    from flk.impl.migration.steps import status as found_status

    found = found_status(shards)
    if json:
        typer.echo(msgspec.json.encode(found))
        return
    typer.echo(f"the ring has the shards {', '.join(found.shards)}")
    if found.phase is not None:
        paused = ", paused" if found.paused else ""
        what_moves = f"{found.removes} is removed" if found.removes else f"{found.adds} is added"
        typer.echo(f"{what_moves}: {found.phase}{paused}; {found.done} of some {found.keys} keys gone over")
    if what:
        typer.echo(what)


@contextmanager
def _progress(shards: "Shards") -> Iterator[Callable[["Progress"], None]]:
    move = shards.layout.move
    with _counted("keys", move.keys if move is not None else None) as told:
        yield lambda progress: told(progress.keys)


@contextmanager
def _counted(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error."""
    from flk.spec.progress import progress_bar

    with progress_bar(None) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
