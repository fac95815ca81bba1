"""Proofs as tables for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from string import ascii_lowercase

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from flk.formal.explicit.explore import HAPPENS
from flk.formal.explicit.schema import Schema
from flk.formal.language.properties import PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.formal.proofs.coq import CoqProof
from flk.formal.prover.bounded import Bounded
from flk.formal.prover.counterexample import Counterexample
from flk.formal.prover.houdini import Inference
from flk.formal.prover.theorem import Check, Proof, ProofStatus, Table, Trial, worst_status
from flk.formal.reports.columns import folding, whole
from flk.formal.reports.terminal import changes
from flk.spec.verdict import Verdict

QUIET = frozenset({PropertyKind.REACHABLE, PropertyKind.LEMMA})
"""Kinds of property whose runs are shown only when asked for."""

NARROW = 80
"""Columns of a narrow terminal, in which nothing that matters is cut."""

SHORT = 2
"""Rows of a counterexample that is shown without being asked for."""


def render(proofs: Sequence[Proof], own: Iterable[Protocol] = (), *, verbose: bool = False) -> RenderableType:
    """Theorems, then their mutants, then all that went wrong; if `verbose`, every story, property and example too.

    `own` are protocols that the catalogue does not have.
    """
    known = {
        **PROTOCOLS,
        **{name: design.protocol for name, design in DESIGNS.items()},
        **{one.name: one for one in own},
    }
    by_theorem = [list(group) for _, group in groupby(proofs, key=lambda proof: proof.theorem)]
    first = [group[0] for group in by_theorem]
    details = [part for proof in first for part in _all(proof, known)] if verbose else []
    failures = [part for proof in proofs for part in _failures(proof, known)]
    mutants = [_mutants(first, verbose=verbose)] if any(proof.mutants for proof in first) else []
    bounds = [Text(line) for proof in first for line in _bounded(proof)]
    return Group(_theorems(by_theorem), *bounds, *mutants, *details, *failures)


def render_coq(proofs: Sequence[CoqProof], *, verbose: bool = False) -> RenderableType:
    """The theorems of formal/coq with the axioms that each rests on; what each says too if `verbose`."""
    used = sorted({axiom for proof in proofs for axiom in proof.assumptions})
    marks = dict(zip(used, ascii_lowercase, strict=False))
    grid = Grid(whole("theorem"), whole("verdict"), folding("requirements"), whole("axioms"), box=SIMPLE)
    details: list[RenderableType] = []
    for proof in proofs:
        rests_on = " ".join(marks[axiom] for axiom in used if axiom in proof.assumptions)
        grid.add_row(proof.name, proof.status, " ".join(proof.requirements), rests_on or "none")
        if verbose or proof.note:
            details += [Text(f"\n{proof.name}  {proof.note}", "bold"), Padding(Text(proof.about), (0, 2))]
            details += [Padding(Text(proof.statement), (0, 2))]
    proved = sum(proof.status is ProofStatus.PROVED for proof in proofs)
    legend = "\n".join(f"{marks[axiom]}  {axiom}" for axiom in used)
    return Group(grid, *details, Text(f"\n{proved} of {len(proofs)} proved. Axioms, by Print Assumptions:\n{legend}"))


def render_search(protocol: Protocol, found: Bounded, *, verbose: bool = False) -> RenderableType:
    """What a search of bounded depth found: each target, and a run for each violation; for each witness too if `verbose`."""
    sizes = ", ".join(f"{name} {size}" for name, size in found.sizes.items())
    head = f"{found.protocol}  {sizes}  runs of up to {found.depth} steps, {found.seconds:.2f} s"
    left = [target.name for target in found.targets if target.verdict is Verdict.UNDECIDED]
    runs: list[RenderableType] = [Text(f"undecided: {', '.join(left)}")] if left else []
    runs += [Text(f"{each.name}: {each.note}") for each in found.targets if each.note and not each.path]
    grid = Grid(whole("property"), whole("kind"), whole("found"), whole("steps"), box=SIMPLE)
    for target in found.targets:
        kind = target.kind.replace("_", " ") if target.kind else "never"
        grid.add_row(target.name, kind, target.outcome, str(target.depth) if target.path else "")
        if target.path and (verbose or target.kind not in QUIET):
            table = changes(Schema.of(protocol, found.sizes), target.path)
            runs += [Text(f"\n{target.name} {target.note}"), Padding(table, (0, 2))]
    verdict = Text(f"{found.verdict.sign} {found.verdict}  ", found.verdict.style)
    return Group(verdict.append(head, "bold"), grid, *runs)


def render_inference(found: Inference) -> RenderableType:
    """The lemmas that were found, as an author would write them, and what they prove."""
    head = (
        f"{found.protocol}: of {found.tried:,} clauses {found.seen} held in the states seen, {found.inductive} are inductive, "
        f"and {len(found.lemmas)} are needed; {found.seconds:.1f} s"
    )
    lines = [
        f"\n@protocol.lemma()\ndef lemma_{n}() -> Term:\n{_returned(lemma)}\n"
        for n, lemma in enumerate(found.lemmas, 1)
    ]
    ends = [f"proved for all sizes: {', '.join(found.proved) or 'nothing'}"]
    ends += [f"explored only, and hold: {', '.join(found.bounded)}"] if found.bounded else []
    ends += [f"not proved: {', '.join(found.open)}"] if found.open else []
    ends += [f"violated, as exploring shows: {', '.join(found.violated)}"] if found.violated else []
    return Group(Text(head, "bold"), *(Text(line, no_wrap=True, overflow="ignore") for line in lines), *map(Text, ends))


def _returned(lemma: str) -> str:
    """A return statement that no terminal of 80 columns cuts: a line for each part of a disjunction, where one is too long."""
    whole = f"    return {lemma}"
    return (
        whole if len(whole) < NARROW else "    return (\n        " + "\n        | ".join(lemma.split(" | ")) + "\n    )"
    )


def _theorems(by_theorem: Sequence[Sequence[Proof]]) -> Grid:
    """`properties` counts those proved for all sizes, `obligations` those proved, `mutants` those refuted, over all seeds."""
    seeds = max(map(len, by_theorem), default=1)
    several = ["seeds"] if seeds > 1 else []
    columns = ("theorem", "verdict", *several, "properties", "obligations", "mutants", "seconds")
    grid = Grid(*map(whole, columns), box=SIMPLE)
    for proofs in by_theorem:
        obligations = [check.status for proof in proofs for check in proof.obligations]
        mutants = [trial.status for proof in proofs for trial in proof.mutants]
        grid.add_row(
            proofs[0].theorem,
            worst_status(proof.status for proof in proofs),
            *([str(len(proofs))] if several else []),
            _share([one.status for one in proofs[0].properties] or [proofs[0].status], ProofStatus.PROVED),
            _share(obligations, ProofStatus.PROVED),
            _share(mutants, ProofStatus.REFUTED),
            f"{sum(proof.seconds for proof in proofs):.2f}",
        )
    return grid


def _mutants(proofs: Iterable[Proof], *, verbose: bool) -> Grid:
    columns = [whole("mutant"), whole("verdict"), folding("counterexample")]
    grid = Grid(*columns, *([folding("story")] if verbose else []), box=SIMPLE)
    for proof in proofs:
        for trial in proof.mutants:
            grid.add_row(trial.mutant, trial.status, Text(_inline(trial)), *([Text(trial.story)] if verbose else []))
        grid.add_section()
    return grid


def _all(proof: Proof, known: Mapping[str, Protocol]) -> Iterator[RenderableType]:
    """A theorem in full: what it says, examples of what it speaks of, and how each mutant fails."""
    yield Text(f"\n{proof.theorem}", style="bold")
    yield Padding(Text(proof.statement), (0, 2))
    yield Padding(Text(" ".join(proof.requirements), "dim"), (0, 2))
    if proof.properties:
        yield _properties(proof)
    for remark in proof.remarks:
        yield Padding(Text(remark), (0, 2))
    for check in proof.witnesses:
        if not check.name.endswith(HAPPENS):
            yield from _check(check.name, known.get(proof.theorem), check)
    for trial in proof.mutants:
        for check in trial.checks:
            yield from _check(f"{trial.mutant} · {check.name}", known.get(trial.mutant), check)
    if proof.omissions:
        yield from _omissions(proof)


def _properties(proof: Proof) -> Grid:
    """What is known of each property, and the obligations that came to it."""
    grid = Grid(whole("property"), whole("kind"), whole("verdict"), folding(""), box=SIMPLE)
    for one in proof.properties:
        told = ". ".join(filter(None, (" ".join(one.requirements), one.note)))
        grid.add_row(one.property, one.kind.replace("_", " "), one.status, Text(told))
    return grid


def _omissions(proof: Proof) -> Iterator[RenderableType]:
    """Guards and updates left out: what breaks, and which are there for other reasons than the invariants."""
    refuted = [trial for trial in proof.omissions if trial.status is ProofStatus.REFUTED]
    yield Text(f"\n{proof.theorem}: {len(refuted)} of {len(proof.omissions)} guards and updates cannot be left out")
    grid = Grid(folding("left out"), folding("breaks"), box=SIMPLE)
    for trial in proof.omissions:
        broken = trial.checks[-1].name if trial.checks else "no invariant"
        grid.add_row(Text(trial.mutant), Text("undecided" if trial.status is ProofStatus.UNDECIDED else broken))
    yield grid


def _failures(proof: Proof, known: Mapping[str, Protocol]) -> Iterator[RenderableType]:
    """All that keeps a theorem from being proved."""
    where = f"{proof.theorem}, seed {proof.seed}"
    for check in proof.obligations + proof.witnesses + proof.runs:
        if check.status is not ProofStatus.PROVED:
            yield from _check(f"{where} · {check.name}: {check.status} {check.note}", known.get(proof.theorem), check)
    for trial in proof.mutants:
        if trial.status is not ProofStatus.REFUTED:
            yield Text(f"\n{where} · mutant {trial.mutant} was not refuted: the theorem is not shown to say anything")


def _check(title: str, protocol: Protocol | None, check: Check) -> Iterator[RenderableType]:
    yield Text(f"\n{title}")
    if check.shown:
        yield Padding(_grid(check.shown), (0, 2))
    if check.path:
        yield Padding(counterexample(protocol, check.path), (0, 2))


def counterexample(protocol: Protocol | None, found: Counterexample) -> RenderableType:
    """A run as a table of changes; a counterexample to induction as a table of cells, before and after."""
    sizes = ", ".join(f"{name} {size}" for name, size in found.sizes.items())
    if found.reachable:
        if protocol is None:
            return Text(f"{sizes} {found.note} {' > '.join(move.shown for move in found.path.moves[1:])}".strip())
        return Group(Text(f"{sizes} {found.note}"), changes(Schema.of(protocol, found.sizes), found.path))
    grid = Grid(folding("cell"), folding("before"), folding("after"), box=SIMPLE)
    after = {cell: (old, new) for cell, old, new in found.changes}
    for cell, value in found.cells:
        grid.add_row(*map(Text, (cell, value, after.pop(cell, (value, value))[1])))
    for cell, (old, new) in after.items():
        grid.add_row(*map(Text, (cell, old, new)))
    what = (
        f"{found.action} breaks {found.property}"
        if found.changes
        else f"{found.property}, {found.action}: {found.note}"
    )
    return Group(
        Text(f"{sizes}. In a state that every invariant allows, {what}."), grid, Text("The rest is as it begins.")
    )


def _grid(table: Table) -> Grid:
    grid = Grid(*map(folding, table.columns))
    for row in table.rows:
        grid.add_row(*map(Text, row))
    return grid


def _inline(trial: Trial) -> str:
    """A short table as lines of text; of a run, its length and what it violates."""
    check = trial.checks[-1] if trial.checks else None
    if check is None:
        return ""
    if check.path:
        return f"{check.path.property}, {len(check.path.path.moves) - 1} steps"
    table = check.shown
    if table is None:
        return ""
    if len(table.rows) > SHORT:
        return f"{len(table.rows) - 1} steps"
    return "\n".join(f"{row[0]} = {' → '.join(filter(None, row[1:]))}" for row in table.rows)


def _share(verdicts: Sequence[ProofStatus], wanted: ProofStatus) -> str:
    return f"{verdicts.count(wanted)}/{len(verdicts)}"


def _bounded(proof: Proof) -> Iterator[str]:
    """What was not proved for all sizes but explored, and how far."""
    names = [one.property for one in proof.properties if one.status is ProofStatus.BOUNDED]
    if names:
        yield f"{proof.theorem} is bounded to {proof.scope} in: {', '.join(names)}"
