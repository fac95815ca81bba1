"""`flk explore`: every reachable state of a protocol, a verdict for each property, and the shortest way to each that fails."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.formal.subject import chosen_sizes, named, protocol_names, size_texts
from flk.spec.errors import writing

if TYPE_CHECKING:
    from flk.formal.api.exploring import Exploration

EXAMPLES = """\
Examples: flk explore two-phase-commit --size rm=5 --coverage

flk explore gallery/local-arrival --diagram

flk explore gallery/local-arrival --drill drill.toml, and then flk run drill.toml

flk explore my_protocol.py --property nothing_is_lost --html report.html
"""


def _properties(ctx: typer.Context, incomplete: str) -> list[str]:
    protocol = named(ctx)
    return [name for name in protocol.properties if name.startswith(incomplete)] if protocol else []


def _engines(incomplete: str) -> list[str]:
    from flk.formal.explicit.engines.choose import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


@app.command(epilog=EXAMPLES)
def explore(
    name: Annotated[
        str,
        typer.Argument(
            help="A protocol, a design of the gallery, or a Python file. Without it: what there is.",
            autocompletion=protocol_names,
        ),
    ] = "",
    *,
    size: Annotated[
        list[str] | None, typer.Option(help="Size of an index sort, such as region=3.", autocompletion=size_texts)
    ] = None,
    engine: Annotated[
        str, typer.Option(help="auto, interpreter, numpy, numba or c.", autocompletion=_engines)
    ] = "auto",
    symmetry: Annotated[bool, typer.Option("--symmetry", help="Fold states that differ by names only.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop at the first layer that violates a property.")] = False,
    max_states: Annotated[int | None, typer.Option(min=1, help="Stop when there are as many states.")] = None,
    property_: Annotated[
        list[str] | None, typer.Option("--property", help="Only these properties.", autocompletion=_properties)
    ] = None,
    coverage: Annotated[bool, typer.Option("--coverage", help="Say what happened, and what guards decided.")] = False,
    diagram: Annotated[bool, typer.Option("--diagram", help="Draw counterexamples as sequence diagrams.")] = False,
    lanes: Annotated[str, typer.Option(help="The sort whose elements are the lanes of diagrams.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write a report to this file.", dir_okay=False)] = None,
    drill: Annotated[
        Path | None,
        typer.Option(help="Write the counterexample of a design as a scenario for `flk run`.", dir_okay=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every counterexample and every witness.")
    ] = False,
) -> None:
    """Visit every reachable state of a protocol and judge its properties, with the shortest counterexamples.

    Exit code 0: all hold at these sizes; 1: one is violated, as a design of the gallery always is; 2: undecided, or unusable input.
    """
    if not name:
        _list(json=json)
        return
    from flk.formal.api.exploring import explore as explored
    from flk.formal.api.subject import chosen
    from flk.formal.explicit.schema import Schema
    from flk.formal.reports import facts, page
    from flk.formal.reports.lanes import lane_sort

    picked = chosen(name)
    lane_sort(picked.protocol, lanes)  # refuses a sort that is not there before any time is spent
    if html is not None:
        page.write(html, "")
    seen = explored(
        name,
        chosen_sizes(size or ()),
        engine=engine,
        symmetry=symmetry,
        stop=stop,
        max_states=max_states,
        properties=property_ or (),
        coverage=coverage,
    )
    if html is not None:
        seen.save(html, lanes)
    if drill is not None:
        _write_drill(drill, seen)
    if json:
        typer.echo(msgspec.json.encode(facts.facts(Schema.of(seen.protocol, seen.sizes), seen.found, seen.coverage)))
    else:
        _print(seen, lanes=lanes if diagram or lanes else None, verbose=verbose)
        if html is not None:
            typer.echo(f"report: {html}")
        if drill is not None:
            typer.echo(f"the same in the simulator: flk run {drill}")
    raise typer.Exit(seen.verdict.exit_code)


def _list(*, json: bool) -> None:
    """Name what there is to explore."""
    from rich.console import Console

    from flk.formal.library.catalogue import protocols
    from flk.formal.reports.listing import listing

    known = protocols()
    if json:
        typer.echo(
            msgspec.json.encode({name: {"story": each.story, "sizes": each.sizes()} for name, each in known.items()})
        )
    else:
        Console(markup=False).print(listing(known))


def _write_drill(file: Path, seen: "Exploration") -> None:
    """The path to the violation, as a scenario that runs the design."""
    from flk.impl.command.drilling.counterexamples import schedule_of

    scenario = schedule_of(seen)
    with writing(file):
        file.write_text(scenario.to_toml(), "utf-8")


def _print(seen: "Exploration", *, lanes: str | None, verbose: bool) -> None:
    from rich.console import Console

    from flk.formal.explicit.schema import Schema
    from flk.formal.reports.covered import table
    from flk.formal.reports.listing import ruling
    from flk.formal.reports.terminal import rendered

    console = Console(highlight=False, markup=False)
    first = seen.design.violates if seen.design else ""
    console.print(rendered(Schema.of(seen.protocol, seen.sizes), seen.found, first=first, lanes=lanes, verbose=verbose))
    if seen.coverage:
        console.print(table(seen.coverage))
    if seen.design:
        console.print("\n".join(ruling(seen.design)))
