"""`flk claims`: what the earlier system claims, and what becomes of each claim when it is looked at."""

from typing import Annotated

import msgspec
import typer

from flk.impl.command.app import app

EXAMPLES = """\
Examples: flk claims first-write-wins rounding-stability -v

flk claims --json > claims.json
"""


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

    Every verdict is computed anew: proofs by Z3 and Coq, counterexamples by exploring, figures by running scenarios, trials of what
    the earlier system computed. That a claim was refuted as it was made is no failure: the list of claims states it.
    Exit code 0: all is as the list states; 1: evidence contradicts it; 2: some claim is undecided, or unusable input.
    """
    from rich.console import Console, Group

    from flk.formal.api.judging import claims as judged
    from flk.formal.reports.claims import evidence, table
    from flk.model.trials import attempt
    from flk.sim.api.figures import measured

    found = judged(*(names or ()), measure=measured, attempt=attempt)
    if json:
        typer.echo(msgspec.json.encode(found.judgements))
    elif verbose or names:
        Console(highlight=False, markup=False).print(Group(*map(evidence, found)))
    else:
        Console(highlight=False, markup=False).print(table(found.judgements))
        typer.echo("\nflk claims NAME shows the evidence.")
    raise typer.Exit(found.verdict.exit_code)
