"""`flk claims`: what the earlier system claims, and what becomes of each claim when it is looked at."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app

if TYPE_CHECKING:
    from rich.console import Console

    from flk.formal.proofs.claims import Judgement

EXAMPLES = """\
Examples: flk claims first-write-wins rounding-stability -v

flk claims --json > claims.json
"""
_STYLE = {"proved": "green", "bounded": "green", "measured": "cyan", "refuted": "red", "undecided": "yellow"}


def _names(incomplete: str) -> list[str]:
    from flk.spec.claims import claims as known

    return [claim.name for claim in known() if claim.name.startswith(incomplete)]


@app.command(epilog=EXAMPLES)
def claims(
    names: Annotated[
        list[str] | None, typer.Argument(help="Claims; all if none is named.", autocompletion=_names)
    ] = None,
    *,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every piece of evidence, with its command and counterexample.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Judge the earlier system's claims: as they were made, and as they hold here.

    Every verdict is computed anew: proofs by Z3 and Coq, counterexamples by exploring, figures by running scenarios.
    Exit code 0: what is claimed here holds; 1: some of it is refuted; 2: some of it is undecided, or unusable input.
    """
    from rich.console import Console

    from flk.formal.proofs.claims import Court, chosen, verdict_of
    from flk.sim.api.figures import measured
    from flk.spec.claims import claims as known

    picked = chosen(known(), names or ())
    with Console(stderr=True).status("judging") as status:
        judgements = Court(measured).judge(
            picked, lambda done, name: status.update(f"{done}/{len(picked)} judging {name}")
        )
    if json:
        typer.echo(msgspec.json.encode(judgements))
    else:
        _show(Console(), judgements, verbose=verbose or bool(names))
    raise typer.Exit(verdict_of(judgements).exit_code)


def _show(console: "Console", judgements: "tuple[Judgement, ...]", *, verbose: bool) -> None:
    from collections import Counter

    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("claim", "as made", "here", "shown by"):
        table.add_column(column, no_wrap=True)
    for judgement in judgements:
        commands = dict.fromkeys(f.command for f in (*judgement.made_by, *judgement.here_by) if f.command)
        table.add_row(
            judgement.name,
            f"[{_STYLE[judgement.made]}]{judgement.made}[/]",
            f"[{_STYLE[judgement.here]}]{judgement.here}[/]",
            "\n".join(commands),
        )
    if not verbose:
        console.print(table, crop=False, soft_wrap=True)
        made, here = (Counter(getattr(j, side) for j in judgements) for side in ("made", "here"))
        console.print(f"\nas made: {_counted(made)}\nhere:    {_counted(here)}\n\nflk claims NAME shows the evidence.")
        return
    for judgement in judgements:
        _detail(console, judgement)


def _detail(console: "Console", judgement: "Judgement") -> None:
    console.print(f"[bold]{judgement.name}[/]  {judgement.says}\n  [dim]{judgement.source}[/]", highlight=False)
    for side, verdict, findings in (
        ("as made", judgement.made, judgement.made_by),
        ("here", judgement.here, judgement.here_by),
    ):
        console.print(f"  {side}: [{_STYLE[verdict]}]{verdict}[/]", highlight=False)
        for finding in findings:
            console.print(f"    {finding.evidence}: {finding.note}", highlight=False, markup=False)
            if finding.path is not None:
                steps = " > ".join(move.shown for move in finding.path.moves[1:])
                console.print(f"      {steps}", highlight=False, markup=False)
            if finding.command:
                console.print(f"      [dim]{finding.command}[/]", highlight=False)
    console.print()


def _counted(verdicts: "dict[str, int]") -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items(), key=lambda item: -item[1]))
