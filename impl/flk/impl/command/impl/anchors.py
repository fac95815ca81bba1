"""`flk audit anchor`, `anchors` and `plan`: what others say of when a log was what it is, and how often to ask them (ANC-*)."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from flk.impl.command.impl.audit import Json, Key, Url, commands, opened
from flk.impl.command.plain import plain
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.impl.storage.objects import Objects
    from flk.model.anchoring.planner import Choice
    from flk.spec.anchors import Anchor

To = Annotated[str | None, typer.Option(help="Where anchors are kept; beside the log unless named.", metavar="URL")]


@commands.command(
    epilog="Example: flk audit anchor file:///srv/log --key example.com/log+530d903a+Aeky… --by rfc3161"
    " --endpoint https://tsa.example/tsr --ca tsa-root.pem"
)
def anchor(
    url: Url,
    key: Key,
    by: Annotated[Literal["rfc3161", "opentimestamps"], typer.Option(help="Whom to ask: an authority, or a calendar.")],
    endpoint: Annotated[str, typer.Option(help="Its URL.", metavar="URL")],
    *,
    name: Annotated[
        str, typer.Option(help="What the anchor is called, beside others of the same checkpoint.")
    ] = "anchor",
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authority's root.", dir_okay=False)] = None,
    to: To = None,
    json: Json = False,
) -> None:
    """Ask a time-stamping authority (RFC 3161) or a calendar (OpenTimestamps) about the latest checkpoint, and keep what it says.

    A time-stamp is verified before it is kept. A checkpoint that has the anchor already is left. For a timer. Exit codes as those
    of `verify`; 2 also while nobody answers.
    """
    from flk.spec.errors import needs

    with needs("anchors", "anchors"):
        from flk.impl.data import anchoring
    asked = anchoring.Asked.of(by, endpoint, name, ca)
    with opened(url, key) as (log, _), _told():
        checkpoint, note = log.checkpoint()
        kept = anchoring.anchor(_objects(to or url), checkpoint.size, note, asked)
    if json:
        typer.echo(msgspec.json.encode({"origin": checkpoint.origin, "size": checkpoint.size, "anchor": kept}))
        return
    typer.echo(f"✓ {plain(checkpoint.origin)}: {checkpoint.size:,} leaves are anchored in {kept}")


@commands.command(
    epilog="Example: flk audit anchors file:///srv/log --key example.com/log+530d903a+Aeky… --ca tsa-root.pem"
)
def anchors(
    url: Url,
    key: Key,
    *,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities' roots.", dir_okay=False)] = None,
    headers: Annotated[
        Path | None,
        typer.Option(help="Headers of Bitcoin's blocks: a height and 160 digits to a line.", dir_okay=False),
    ] = None,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Ask calendars for what they have by now.")] = False,
    at: To = None,
    json: Json = False,
) -> None:
    """Tell when others saw the log: of each anchor its time, or what it waits for.

    Each anchored checkpoint has to be how the log of today began. Exit codes as those of `verify`.
    """
    from flk.spec.errors import needs

    with needs("anchors", "anchors"):
        from flk.impl.data import anchoring
    with opened(url, key) as (log, verifier), _told():
        roots = anchoring.roots_in(ca) if ca is not None else ()
        blocks = anchoring.headers_in(headers) if headers is not None else {}
        evidence = anchoring.Evidence(roots, blocks)
        found = list(anchoring.kept(_objects(at or url), log, verifier, evidence, upgrade=upgrade))
    if json:
        facts = [
            {"anchor": name, "size": size, "shown": [one._asdict() for one in shown]} for name, size, shown in found
        ]
        typer.echo(msgspec.json.encode(facts))
        return
    for name, size, shown in found:
        for one in shown:
            if one.when is None:
                typer.echo(f"… {name}: {size:,} leaves, waits for {plain(one.by)}")
            else:
                typer.echo(f"✓ {name}: {size:,} leaves were there at {one.when.isoformat()} ({plain(one.by)})")
    if not found:
        typer.echo("no anchors are kept here; make one: flk audit anchor")


@commands.command(epilog="Example: flk audit plan --leaves 50000 --max-delay 900 --min-durability 5")
def plan(
    *,
    leaves: Annotated[int, typer.Option(min=1, help="Leaves a day.")],
    goal: Annotated[
        Literal["cost", "delay", "durability", "reliability"], typer.Option(help="What is to be the best.")
    ] = "cost",
    max_cost: Annotated[float | None, typer.Option(min=0, help="US dollars a day, at most.")] = None,
    max_delay: Annotated[float | None, typer.Option(min=0, help="Seconds from a leaf to its anchor, at most.")] = None,
    min_durability: Annotated[int, typer.Option(min=1, max=5, help="How long it lasts, at least.")] = 1,
    min_reliability: Annotated[
        float, typer.Option(min=0, max=1, help="Share of attempts that succeed, at least.")
    ] = 0.0,
    table: Annotated[
        Path | None, typer.Option(help="Your own kinds of anchors, in the form of anchors.toml.", dir_okay=False)
    ] = None,
    json: Json = False,
) -> None:
    """Choose kinds of anchors and how many leaves each stands for: the best within limits, by exact search, and what of each
    combination no other choice beats.

    Exit code 0: there is a choice; 1: none is within the limits; 2: unusable input.
    """
    from rich.console import Console

    from flk.impl.command.bench.tables import table as drawn
    from flk.impl.storage.trouble import usable
    from flk.model.anchoring.planner import Goal, Limits, best, combinations_of, front
    from flk.spec.anchors import anchors as known
    from flk.spec.anchors import parse

    kinds = known()
    if table is not None:
        with usable(table):
            kinds = parse(table.read_text(), str(table))
    limits = Limits(
        None if max_cost is None else Fraction(str(max_cost)),
        None if max_delay is None else Fraction(str(max_delay)),
        min_durability,
        Fraction(str(min_reliability)),
    )
    combined = combinations_of(kinds)
    chosen = best(combined, Fraction(leaves), limits, Goal(goal))
    beaten_by_none = front(combined, Fraction(leaves))
    if json:
        facts = {"best": chosen and _facts(chosen), "front": [_facts(each) for each in beaten_by_none]}
        typer.echo(msgspec.json.encode(facts))
    else:
        of = {
            each.combination: [one.batch for one in beaten_by_none if one.combination == each.combination]
            for each in beaten_by_none
        }
        rows = [
            (
                " + ".join(combination.kinds),
                f"{min(batches):,} to {max(batches):,}",
                f"{combination.latency:,} s",
                f"{float(combination.cost):.4f}",
                f"{combination.durability}",
                f"{float(combination.reliability):.9g}",
            )
            for combination, batches in of.items()
        ]
        head = ("beaten by no other", ">leaves each", ">latency", ">USD each", ">lasts", ">succeeds")
        Console().print(drawn(head, rows))
        Console().print(_earlier(kinds))
        typer.echo(_said(chosen, goal))
    if chosen is None:
        raise typer.Exit(Verdict.VIOLATED.exit_code)


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with an anchor ends the command with 1."""
    from flk.impl.data.anchoring import BadAnchor

    try:
        yield
    except BadAnchor as bad:
        typer.echo(f"✗ {plain(str(bad))}", err=True)
        raise typer.Exit(Verdict.VIOLATED.exit_code) from None


def _objects(url: str) -> "Objects":
    from flk.impl.storage.objects import open_objects

    return open_objects(url)


def _said(chosen: "Choice | None", goal: str) -> str:
    if chosen is None:
        return "✗ no choice is within these limits; ask for less"
    return (
        f"✓ the best by {goal}: {' + '.join(chosen.combination.kinds)}, an anchor every {chosen.batch:,} leaves:"
        f" {float(chosen.cost):,.2f} USD a day, a leaf waits {float(chosen.delay):,.0f} s at most"
    )


def _earlier(kinds: "tuple[Anchor, ...]") -> str:
    from flk.model.anchoring.planner import earlier_score

    goals = ("cost", "latency", "durability", "balanced")
    scores = {goal: {kind.name: earlier_score(kind, goal) for kind in kinds} for goal in goals}
    winners = {goal: max(of, key=of.__getitem__) for goal, of in scores.items()}
    return "the earlier scores would take " + ", ".join(f"{name} by {goal}" for goal, name in winners.items())


def _facts(choice: "Choice") -> dict[str, object]:
    return {
        "kinds": choice.combination.kinds,
        "batch": choice.batch,
        "cost_a_day": float(choice.cost),
        "delay_seconds": float(choice.delay),
        "durability": choice.combination.durability,
        "reliability": float(choice.combination.reliability),
    }
