"""`flk explore`: every reachable state of a protocol, a verdict for each property, and the shortest way to each that fails."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.formal.subject import chosen_sizes, design_of, named, protocol_names, size_texts
from flk.spec.errors import UnusableInput, writing

if TYPE_CHECKING:
    from flk.formal.explicit.engines.coverage import ActionCoverage
    from flk.formal.explicit.explore import Explored
    from flk.formal.explicit.ground import Ground
    from flk.formal.explicit.schema import Schema
    from flk.formal.explicit.search import Options, Search
    from flk.formal.language import Protocol
    from flk.formal.library.gallery import Design

PATIENCE = 2.0
"""Seconds before progress is shown."""

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
    from flk.formal.explicit.schema import Schema
    from flk.formal.explicit.search import Options
    from flk.formal.library.catalogue import find
    from flk.formal.reports import facts, page
    from flk.formal.reports.lanes import lane_sort

    protocol = find(name)
    design = design_of(protocol)
    lane_sort(protocol, lanes)  # refuses a sort that is not there before any time is spent
    if html is not None:
        page.write(html, "")
    subject, sizes = (
        _subject(protocol, design, property_ or ()),
        chosen_sizes(size or (), design.sizes if design else {}),
    )
    alone = design is not None and not property_
    with _progress(subject.name) as say:
        options = Options(
            symmetry, stop or alone, max_states, on_layer=lambda depth, n: say(f"layer {depth}, {n:,} states")
        )
        found, covered = _explored(subject, engine, sizes, options, say, coverage=coverage)
    schema = Schema.of(subject, sizes)
    if html is not None:
        page.write(html, page.html(schema, found, covered, design, lanes))
    if drill is not None:
        _write_drill(drill, subject, found)
    if json:
        typer.echo(msgspec.json.encode(facts.facts(schema, found, covered)))
    else:
        _print(schema, found, covered, design, lanes=lanes if diagram or lanes else None, verbose=verbose)
        if html is not None:
            typer.echo(f"report: {html}")
        if drill is not None:
            typer.echo(f"the same in the simulator: flk run {drill}")
    raise typer.Exit(found.verdict.exit_code)


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
        Console().print(listing(known))


def _subject(protocol: "Protocol", design: "Design | None", properties: Sequence[str]) -> "Protocol":
    """What is explored: a design with the property that it breaks, anything else with all properties, unless some are named."""
    from flk.formal.explicit.explore import restricted

    return design.exhibit if design and not properties else restricted(protocol, properties)


def _explored(
    subject: "Protocol",
    engine: str,
    sizes: dict[str, int],
    options: "Options",
    say: Callable[[str], None],
    *,
    coverage: bool,
) -> "tuple[Explored, tuple[ActionCoverage, ...]]":
    from flk.formal.explicit.engines.choose import choose
    from flk.formal.explicit.engines.coverage import coverage as covered_by
    from flk.formal.explicit.engines.edges import graph
    from flk.formal.explicit.explore import explore as explored

    covered: list[ActionCoverage] = []

    def on_search(ground: "Ground", search: "Search") -> None:
        say(f"judging {sum(search.layers):,} states")
        if coverage:
            covered.extend(covered_by(ground, search))

    chosen = choose(engine)
    found = explored(subject, chosen.engine, chosen.name, sizes, options, graph, on_search)
    return found, tuple(covered)


def _write_drill(file: Path, subject: "Protocol", found: "Explored") -> None:
    """The path to the violation, as a scenario that runs the design."""
    from flk.sim.experiments.from_counterexample import schedule
    from flk.spec.verdict import Verdict

    path = next((f.path for f in found.findings if f.path is not None and f.verdict is Verdict.VIOLATED), None)
    if path is None:
        raise UnusableInput(f"{subject.name} has no counterexample here, so there is nothing to replay; name a design")
    with writing(file):
        file.write_text(schedule(subject, path).to_toml(), "utf-8")


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str], None]]:
    """Say on stderr what is going on, once it has taken a while."""
    from rich.console import Console

    status = Console(stderr=True).status("")
    started = monotonic()

    def say(what: str) -> None:
        if (taken := monotonic() - started) > PATIENCE:
            status.start()
            status.update(f"exploring {name}: {what}, {taken:.0f} s")

    try:
        yield say
    finally:
        status.stop()


def _print(
    schema: "Schema",
    found: "Explored",
    covered: "tuple[ActionCoverage, ...]",
    design: "Design | None",
    *,
    lanes: str | None,
    verbose: bool,
) -> None:
    from rich.console import Console

    from flk.formal.reports.covered import table
    from flk.formal.reports.listing import ruling
    from flk.formal.reports.terminal import rendered

    console = Console(highlight=False)
    first = design.violates if design else ""
    console.print(rendered(schema, found, first=first, lanes=lanes, verbose=verbose))
    if covered:
        console.print(table(covered))
    if design:
        console.print("\n".join(ruling(design)), markup=False)
