"""A run of mutants for a terminal: counts, what lives with its source, properties that nothing breaks, entries that are stale."""

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.report import Count, Report, Row, Status
from flk.formal.reports.columns import whole

STYLES = {Status.KILLED: "green", Status.EQUIVALENT: "cyan", Status.LIVING: "bold red", Status.OPEN: "yellow"}


def render(report: Report, *, complete: bool = True, verbose: bool = False) -> RenderableType:
    """The report; with every mutant and what killed it if `verbose`. `complete`: all mutants were tried, so that claims count."""
    parts: list[RenderableType] = [_counts(report.counts)]
    parts += _each(report.rows) if verbose else []
    parts += [part for row in report.rows if row.status is Status.LIVING for part in _living(row)]
    parts += [Text(line) for line in _closing(report, complete=complete)]
    return Group(*parts)


def listing(mutants: Sequence[tuple[str, Mutant]]) -> RenderableType:
    """Mutants by target, without trying them."""
    lines = [
        f"{m.id}  {target}  {m.function or 'at the top'}:{m.line}  {m.operator}  {_short(m)}" for target, m in mutants
    ]
    return Text("\n".join([*lines, f"{len(lines):,} mutants"]))


def shown(row: Row) -> RenderableType:
    """One mutant: its source, and what every check found."""
    parts: list[RenderableType] = list(_living(row))
    for name, found in row.findings.items():
        parts.append(Text(f"{name}: {found.outcome} ({found.seconds:.1f} s) {found.said}"))
    return Group(*parts)


def _counts(counts: Iterable[Count]) -> RenderableType:
    table = Table(whole("room"), whole("kind"), box=SIMPLE)
    for name in ("mutants", "killed", "equivalent", "living", "open", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    for c in counts:
        numbers = (c.mutants, c.killed, c.equivalent, c.living, c.open)
        table.add_row(c.room, c.kind, *(f"{number:,}" for number in numbers), f"{c.ratio:.1%}")
    return table


def _each(rows: Iterable[Row]) -> Iterator[RenderableType]:
    """Every mutant in a line or two."""
    for row in rows:
        said = f"{row.killer}: {row.said}" if row.killer else row.reason or row.said
        where = f"{row.target} {row.function}:{row.line}"
        yield Text.assemble(f"{row.id} ", (row.status, STYLES[row.status]), f" {where} {row.operator}: {said}")


def _living(row: Row) -> Iterator[RenderableType]:
    yield Text(
        f"\n{row.id} {row.status} in {row.target}: {row.operator} in {row.function or 'the state'}, line {row.line}",
        "bold",
    )
    yield Syntax(row.diff, "diff", background_color="default", word_wrap=True)
    if row.alike:
        yield Text("No check sees any difference: it may be equivalent.", "cyan")
    if row.said:
        yield Text(row.said, "dim")


def _closing(report: Report, *, complete: bool) -> Iterator[str]:
    vacuous = report.vacuous if complete else ()
    if vacuous:
        yield "\nproperties that no mutant violates:"
        yield from (f"  {claim.target}: {claim.name}" for claim in vacuous)
    if report.stale:
        yield "\nstale entries of the ledger:"
        yield from (f"  {line}" for line in report.stale)
    for name, effort in report.efforts.items():
        yield f"\nmedian to the first sighting by {name}: {effort:g}"
    yield f"\n{report.verdict.sign} {_sentence(report)}"


def _sentence(report: Report) -> str:
    living = [row for row in report.rows if row.status is Status.LIVING]
    if living:
        return f"{len(living):,} mutants live: write a check that sees them, or say in the ledger why nothing can"
    if report.stale:
        return "the ledger no longer fits"
    if any(row.status is Status.OPEN for row in report.rows):
        return "not every mutant was tried"
    return "every mutant is killed, or the ledger says why it lives"


def _short(mutant: Mutant) -> str:
    before, after = (" ".join(text.split()) for text in (mutant.before, mutant.after))
    return f"{before[:50]} → {after[:50]}"
