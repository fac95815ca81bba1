"""`flk prove`: protocols and statements about data, decided by Z3, each beside mutants that the same check refutes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.formal.subject import chosen_sizes
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict, worst

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flk.formal.language import Protocol

EXAMPLES = """\
Examples: flk prove replication -v

flk prove gallery/get-then-set --bmc 12

flk prove two-phase-commit --infer

flk prove coq -v
"""
COQ = "coq"


def _names(incomplete: str) -> list[str]:
    from flk.formal.proofs.prove import THEOREMS

    return [name for name in (*THEOREMS, COQ) if name.startswith(incomplete)]


@app.command(epilog=EXAMPLES)
def prove(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Theorems: protocols, statements about data, Python files; or coq alone. All but coq if none is named.",
            autocompletion=_names,
        ),
    ] = None,
    *,
    seeds: Annotated[int, typer.Option(min=1, help="Prove everything under that many seeds of the solver.")] = 1,
    bmc: Annotated[
        int | None,
        typer.Option(min=0, metavar="DEPTH", help="Search runs of a protocol of up to DEPTH steps instead."),
    ] = None,
    size: Annotated[list[str] | None, typer.Option(help="With --bmc: an index sort's size, such as region=3.")] = None,
    infer: Annotated[
        bool, typer.Option("--infer", help="Put a protocol's lemmas aside and find others instead.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show statements, properties, examples and every counterexample.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Prove properties for any number of regions, records, requests, and refute mutants by the same check.

    What no proof speaks of (progress, counts, deadlock) is explored at the usual sizes; a theorem is then bounded, not proved.

    Exit code 0: all proved or bounded, and every mutant refuted (with --bmc: no violation of so few steps, every witness found,
    and progress holds where it is explored); 1: something is refuted; 2: undecided.
    """
    if size and bmc is None:
        raise UnusableInput("--size goes with --bmc: a proof is for all sizes")
    if bmc is not None and infer:
        raise UnusableInput("--bmc or --infer: choose one")
    if bmc is not None:
        _search(_protocol(names), bmc, size or (), json=json, verbose=verbose)
    elif COQ in (names or ()):
        if names != [COQ]:
            raise UnusableInput("coq goes alone: its proofs are compiled, not searched for")
        _coq(json=json, verbose=verbose)
    elif infer:
        _infer(_protocol(names), json=json)
    else:
        _prove(names or (), seeds, json=json, verbose=verbose)


def _prove(names: Sequence[str], seeds: int, *, json: bool, verbose: bool) -> None:
    from flk.formal.api.proving import prove as proved
    from flk.formal.reports.proofs import render

    found = proved(*names, seeds=seeds)
    _show(found.proofs, None if json else render(found.proofs, found.protocols, verbose=verbose))
    raise typer.Exit(found.verdict.exit_code)


def _coq(*, json: bool, verbose: bool) -> None:
    from rich.console import Console

    from flk.formal.proofs import coq
    from flk.formal.reports.proofs import render_coq

    with Console(stderr=True).status("compiling formal/coq") as status:
        proofs = coq.check(
            on_progress=lambda done, total, name: status.update(f"{done}/{total} compiling formal/coq: {name}")
        )
    _show(proofs, None if json else render_coq(proofs, verbose=verbose))
    raise typer.Exit(worst([proof.status.verdict for proof in proofs] or [Verdict.UNDECIDED]).exit_code)


def _search(protocol: "Protocol", depth: int, size: Sequence[str], *, json: bool, verbose: bool) -> None:
    from rich.console import Console

    from flk.formal.prover.beside import with_progress
    from flk.formal.prover.bounded import search
    from flk.formal.reports.proofs import render_search

    with Console(stderr=True).status("searching") as status:
        found = search(
            protocol,
            depth,
            chosen_sizes(size),
            on_depth=lambda steps: status.update(f"searching runs of {steps} steps"),
        )
        status.update("exploring progress")
        found = with_progress(protocol, found)
    _show(found, None if json else render_search(protocol, found, verbose=verbose))
    raise typer.Exit(found.verdict.exit_code)


def _infer(protocol: "Protocol", *, json: bool) -> None:
    from rich.console import Console

    from flk.formal.prover.houdini import infer
    from flk.formal.reports.proofs import render_inference

    with Console(stderr=True).status("inferring") as status:
        found = infer(protocol, on_stage=status.update)
    _show(found, None if json else render_inference(found))
    raise typer.Exit(found.verdict.exit_code)


def _show(facts: object, text: "RenderableType | None") -> None:
    """JSON if there is no text."""
    from rich.console import Console

    if text is None:
        typer.echo(msgspec.json.encode(facts))
    else:
        Console(highlight=False, markup=False).print(text, crop=False)  # lemmas are copied whole


def _protocol(names: Sequence[str] | None) -> "Protocol":
    from flk.formal.api.subject import find

    if not names or len(names) != 1:
        raise UnusableInput("--bmc and --infer work on one protocol: name it")
    return find(names[0])
