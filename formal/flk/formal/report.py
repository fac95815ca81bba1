"""Proofs as tables for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from flk.formal.theorem import Check, Proof, Table, Verdict

SHORT = 2
"""Rows of a counterexample that is shown without being asked for."""


def render(proofs: Sequence[Proof], *, verbose: bool = False) -> RenderableType:
    """Theorems, then their mutants, then all that went wrong; if `verbose`, every statement, example and counterexample too."""
    by_theorem = [list(group) for _, group in groupby(proofs, key=lambda proof: proof.theorem)]
    first = [group[0] for group in by_theorem]
    details = [part for proof in first for part in _all(proof)] if verbose else []
    failures = [part for proof in proofs for part in _failures(proof)]
    return Group(_theorems(by_theorem), Text(), _mutants(first), *details, *failures)


def _theorems(by_theorem: Iterable[Sequence[Proof]]) -> Grid:
    grid = Grid(
        _name("theorem"), "requirements", _name("verdict"), "seeds", "proved", "mutants refuted", "seconds", box=SIMPLE
    )
    for proofs in by_theorem:
        obligations = [check.verdict for proof in proofs for check in proof.obligations]
        mutants = [trial.verdict for proof in proofs for trial in proof.mutants]
        grid.add_row(
            proofs[0].theorem,
            " ".join(proofs[0].requirements),
            _worst(proof.verdict for proof in proofs),
            str(len(proofs)),
            _share(obligations, Verdict.PROVED),
            _share(mutants, Verdict.REFUTED),
            f"{sum(proof.seconds for proof in proofs):.2f}",
        )
    return grid


def _mutants(proofs: Iterable[Proof]) -> Grid:
    grid = Grid(_name("mutant"), _name("verdict"), "story", "counterexample", box=SIMPLE)
    for proof in proofs:
        for trial in proof.mutants:
            shown = trial.checks[-1].shown if trial.checks else None
            grid.add_row(trial.mutant, trial.verdict, trial.story, _inline(shown))
        grid.add_section()
    return grid


def _all(proof: Proof) -> Iterator[RenderableType]:
    """A theorem in full: what it says, examples of what it speaks of, and how each mutant fails."""
    yield Text(f"\n{proof.theorem}", style="bold")
    yield Padding(proof.statement, (0, 2))
    for check in proof.witnesses:
        yield from _check(check.name, check)
    for trial in proof.mutants:
        for check in trial.checks:
            yield from _check(f"{trial.mutant} · {check.name}", check)


def _failures(proof: Proof) -> Iterator[RenderableType]:
    """All that keeps a theorem from being proved."""
    where = f"{proof.theorem}, seed {proof.seed}"
    for check in proof.obligations + proof.witnesses:
        if check.verdict is not Verdict.PROVED:
            yield from _check(f"{where} · {check.name}: {check.verdict} {check.note}", check)
    for trial in proof.mutants:
        if trial.verdict is not Verdict.REFUTED:
            yield Text(f"\n{where} · mutant {trial.mutant} was not refuted: the theorem is not shown to say anything")


def _check(title: str, check: Check) -> Iterator[RenderableType]:
    yield Text(f"\n{title}")
    if check.shown:
        yield Padding(_grid(check.shown), (0, 2))


def _grid(table: Table) -> Grid:
    grid = Grid(*table.columns)
    for row in table.rows:
        grid.add_row(*row)
    return grid


def _inline(table: Table | None) -> str:
    """A short table as lines of text."""
    if table is None:
        return ""
    if len(table.rows) > SHORT:
        return f"{len(table.rows) - 1} steps"
    return "\n".join(f"{row[0]} = {' → '.join(filter(None, row[1:]))}" for row in table.rows)


def _name(header: str) -> Column:
    """A column whose cells stay whole, however narrow the terminal is."""
    return Column(header, no_wrap=True)


def _share(verdicts: Sequence[Verdict], wanted: Verdict) -> str:
    return f"{verdicts.count(wanted)}/{len(verdicts)}"


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    found = set(verdicts)
    return next(v for v in (Verdict.REFUTED, Verdict.UNDECIDED, Verdict.PROVED) if v in found)
