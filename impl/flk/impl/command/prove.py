"""`flk prove`: the theorems, decided by Z3, each beside mutants that the same check refutes."""

from typing import Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.errors import UnusableInput


def _names(incomplete: str) -> list[str]:
    from flk.formal.prove import THEOREMS

    return [name for name in THEOREMS if name.startswith(incomplete)]


@app.command()
def prove(
    names: Annotated[
        list[str] | None, typer.Argument(help="Theorems; all if none is named.", autocompletion=_names)
    ] = None,
    *,
    seeds: Annotated[int, typer.Option(min=1, help="Prove everything under that many seeds of the solver.")] = 1,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show statements, examples and every counterexample.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Prove the invariants, and refute their mutants by the same check.

    Exit code 0: all proved and every mutant refuted; 1: a theorem is refuted; 2: undecided.
    """
    from rich.console import Console

    from flk.formal.prove import exit_code, prove_all
    from flk.formal.report import render

    console = Console()
    try:
        with Console(stderr=True).status("proving") as status:
            proofs = prove_all(
                names or (), seeds, lambda done, total, name: status.update(f"{done}/{total} proving {name}")
            )
    except ValueError as error:
        raise UnusableInput(str(error)) from None
    if json:
        typer.echo(msgspec.json.encode(proofs))
    else:
        console.print(render(proofs, verbose=verbose))
    raise typer.Exit(exit_code(proofs))
