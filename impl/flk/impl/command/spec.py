"""`flk spec`: what must hold, and what shows that it does."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.spec.requirements import Requirement
    from flk.spec.trace import Resolver, Row

spec = typer.Typer(name="spec", no_args_is_help=True, help="What must hold, and what shows that it does.")
app.add_typer(spec)


def _ids(incomplete: str) -> list[str]:
    from flk.spec.requirements import catalogue

    return [requirement.id for requirement in catalogue() if requirement.id.startswith(incomplete.upper())]


Ids = Annotated[
    list[str] | None, typer.Argument(help="Requirement ids or their beginnings: WAL, ORD-3.", autocompletion=_ids)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Runbooks = Annotated[
    str | None, typer.Option(help="Where your copy of the site has the runbooks. Default: runbooks/.", metavar="URL")
]
Root = Annotated[Path, typer.Option(help="The checkout whose tests count as evidence.", file_okay=False)]


@spec.command()
def trace(ids: Ids = None, *, json: Json = False, root: Root = Path()) -> None:
    """Print requirement → evidence. Exit code 1 if a MUST has none, or if evidence does not exist."""
    from flk.spec.requirements import catalogue
    from flk.spec.trace import exit_code
    from flk.spec.trace import trace as trace_evidence

    rows = trace_evidence(_chosen(catalogue(), ids), _resolvers(root))
    if json:
        typer.echo(msgspec.json.encode(rows))
    else:
        _print_matrix(rows)
    raise typer.Exit(exit_code(rows))


@spec.command()
def show(ids: Ids = None, *, json: Json = False) -> None:
    """Print requirements in full: the sentence, the reason, the source, the evidence."""
    from rich.console import Console
    from rich.markdown import Markdown

    from flk.spec.requirements import catalogue

    chosen = _chosen(catalogue(), ids)
    if json:
        typer.echo(msgspec.json.encode(chosen))
        return
    console = Console()
    for one in chosen:
        evidence = "\n".join(f"- {item}" for item in one.evidence) or "- none"
        console.print(Markdown(f"## {one.id} ({one.level}): {one.title}\n\n{one.text}\n\n*Why.* {one.rationale}\n"))
        console.print(Markdown(f"*Source.* {one.source}\n\n*Evidence.*\n\n{evidence}\n"))


@spec.command()
def rules(*, runbooks: Runbooks = None) -> None:
    """Print the alerts as a file of rules for Prometheus: `flk spec rules > flk.rules.yml`."""
    from flk.spec.metrics import RUNBOOKS
    from flk.spec.metrics import rules as rule_file

    typer.echo(rule_file(runbooks or RUNBOOKS), nl=False)


@spec.command()
def dashboards(
    *,
    out: Annotated[Path, typer.Option(help="The directory to write into.", file_okay=False)] = Path("dashboards"),
    runbooks: Runbooks = None,
) -> None:
    """Write dashboards for Grafana: of nodes, regions, stores and alerts, a panel for each metric and each alert."""
    from flk.spec.dashboards import dashboards as all_dashboards
    from flk.spec.metrics import RUNBOOKS

    try:
        out.mkdir(parents=True, exist_ok=True)
        for one in all_dashboards(runbooks or RUNBOOKS):
            (out / f"{one.name}.json").write_text(one.text, encoding="utf-8")
            typer.echo(out / f"{one.name}.json")
    except OSError as error:
        raise UnusableInput(f"{out}: cannot be written: {error}; name another directory with --out") from None


def _chosen(requirements: tuple["Requirement", ...], ids: list[str] | None) -> tuple["Requirement", ...]:
    if not ids:
        return requirements
    wanted = tuple(ids)
    chosen = tuple(one for one in requirements if one.id in wanted or f"{one.id.rpartition('-')[0]}" in wanted)
    if not chosen:
        raise UnusableInput(f"no requirement is called {' or '.join(ids)}; `flk spec trace` lists them all")
    return chosen


def _resolvers(root: Path) -> Mapping[str, "Resolver"]:
    """Where each kind of evidence is looked up."""
    from flk.conformance.server.checks import CHECKS
    from flk.formal.library.catalogue import has_property
    from flk.formal.proofs.coq import headlines
    from flk.formal.proofs.prove import THEOREMS
    from flk.sim.scenarios.files import library
    from flk.spec.trace import resolve_tests
    from flk.spec.vectors import load

    if not (root / "tests").is_dir():
        raise UnusableInput(f"{root.resolve()} holds no tests: run in a checkout, or name one with --root")
    return {
        "test": resolve_tests(root),
        "vector": {file.name for file in load()}.__contains__,
        "proof": THEOREMS.__contains__,
        "coq": {headline.name for headline in headlines()}.__contains__,
        "protocol": has_property,
        "scenario": library().__contains__,
        "check": {check.name for check in CHECKS}.__contains__,
    }


def _print_matrix(rows: tuple["Row", ...]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for row in rows:
        one = row.requirement
        console.print(Text.assemble((f"{one.id:8}", "bold"), f"{one.level:7}{one.title}"))
        for item in one.evidence:
            console.print(Text(f"{'':15}{item}", style="dim"), soft_wrap=True)
        for problem in row.problems:
            console.print(Text(f"{'':15}! {problem}", style="bold red"), soft_wrap=True)
    broken = sum(bool(row.problems) for row in rows)
    must = sum(row.requirement.level == "MUST" for row in rows)
    pieces = sum(len(row.requirement.evidence) for row in rows)
    console.print(
        f"\n{len(rows)} requirements, {must} of them MUST; {pieces} pieces of evidence; {broken} with a problem"
    )
