"""Proving: properties for any sizes, by induction, each beside mutants that the same obligations must refute."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from os import fspath
from typing import TYPE_CHECKING, Any, overload

from flk.formal.api.progress import count_bar
from flk.formal.api.subject import Subject
from flk.formal.api.text import plain
from flk.formal.language.protocol import Protocol
from flk.formal.library.design import Design
from flk.spec.errors import needs
from flk.spec.tables import frame, html_table, html_verdict
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.formal.prover.theorem import Check, Proof


@dataclass(frozen=True, repr=False)
class Proofs(Sequence["Proof"]):
    """Proofs of theorems, in order; what `prove` returns.

    Each has its `status`, `obligations`, `witnesses`, `mutants` and `properties`. A theorem is PROVED only if every obligation is,
    every witness exists and every mutant is refuted; REFUTED if a run violates it. What cannot be proved for all sizes (progress,
    counts, that there is no deadlock) is explored at the usual ones (`scope`): a theorem of which a property is only explored is
    BOUNDED. Shown in notebooks and by `print`.

    >>> proofs = prove("two-phase-commit")
    >>> proofs.verdict, proofs[0].status.value, len(proofs[0].mutants)
    (<Verdict.HOLDS: 'holds'>, 'bounded', 0)
    """

    proofs: "tuple[Proof, ...]"
    command: str
    protocols: tuple[Protocol, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """HOLDS if all are proved or bounded, VIOLATED if any is refuted."""
        from flk.formal.proofs.prove import verdict_of

        return verdict_of(self.proofs)

    @overload
    def __getitem__(self, index: int) -> "Proof": ...
    @overload
    def __getitem__(self, index: slice) -> "Proofs": ...
    def __getitem__(self, index: int | slice) -> "Proof | Proofs":
        return (
            Proofs(self.proofs[index], self.command, self.protocols) if isinstance(index, slice) else self.proofs[index]
        )

    def __len__(self) -> int:
        return len(self.proofs)

    def __iter__(self) -> "Iterator[Proof]":
        return iter(self.proofs)

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each property of each theorem: theorem, seed, property (empty for data), kind, status, requirements, note.

        `library` is pandas, polars or pyarrow; the first that is installed if it is left out. Raises MissingExtra if none is.
        """
        return frame((row for proof in self.proofs for row in _rows(proof)), library)

    def __str__(self) -> str:
        from flk.formal.reports.proofs import render

        return f"{plain(render(self.proofs, self.protocols))}\n\nagain: {self.command}"

    def __repr__(self) -> str:
        names = ", ".join(dict.fromkeys(proof.theorem for proof in self.proofs))
        met = sum(len(proof.obligations) for proof in self.proofs)
        return f"<proofs of {names}: {self.verdict.sign} {self.verdict}, {met} obligations>"

    def _repr_html_(self) -> str:
        rows = [
            (proof.verdict, proof.theorem, len(proof.properties) or 1, *_counts(proof), f"{proof.seconds:.2f}")
            for proof in self.proofs
        ]
        header = ("verdict", "theorem", "properties", "obligations met", "mutants refuted", "seconds")
        tables = html_table(header, rows)
        for proof in self.proofs:
            if proof.properties:
                known = [(row["status"], row["property"], row["kind"], row["note"]) for row in _rows(proof)]
                tables += html_table(("status", "property", "kind", "note"), known, proof.theorem)
            tables += "".join(_counterexample(proof, check) for check in (*proof.obligations, *proof.runs))
        return f"<div>{html_verdict(self.verdict)}{tables}<p><code>{escape(self.command)}</code></p></div>"


def prove(*theorems: Subject, seeds: int = 1, progress: bool | None = None) -> Proofs:
    """Prove protocols for any sizes of their sorts, and statements about data, each beside mutants that must be refuted.

    The verdict is the worst of all properties. Those that no proof speaks of are explored then and there.

    A theorem is a Protocol, a Design, the name of a protocol, of a refuted design (`gallery/NAME`) or of a statement about data
    (`rounding-stability`, `budget`, `regimes`), or the path of a Python file; all of the lab's, if none is given. Everything is
    proved under `seeds` random seeds of the solver, 0 first. `progress` shows a bar, or does not; None shows it where somebody
    watches.

    Raises UnusableInput for a name that does not exist or `seeds` below 1, and MissingExtra if `flk-lab[formal]` is not installed.

    >>> prove("two-phase-commit")
    <proofs of two-phase-commit: ✓ holds, 33 obligations>
    """
    with needs("formal", "proving a protocol"):
        from flk.formal.proofs.prove import prove_all, theorem
    given = [one.protocol if isinstance(one, Design) else one for one in theorems]
    named = [one if isinstance(one, Protocol) else theorem(fspath(one)) for one in given]
    with count_bar("proving", progress) as say:
        proofs = prove_all(named, seeds, say)
    shown = [*map(_name, theorems), *([f"--seeds {seeds}"] if seeds > 1 else [])]
    own = tuple(one for one in named if isinstance(one, Protocol))
    return Proofs(tuple(proofs), " ".join(["flk prove", *shown]), own)


def _name(theorem: Subject) -> str:
    if isinstance(theorem, Design):
        return f"gallery/{theorem.protocol.name}"
    return theorem.name if isinstance(theorem, Protocol) else fspath(theorem)


def _rows(proof: "Proof") -> Iterator[dict[str, object]]:
    common: dict[str, object] = {"theorem": proof.theorem, "seed": proof.seed}
    if not proof.properties:
        whole = {"property": "", "kind": "", "status": str(proof.status), "requirements": " ".join(proof.requirements)}
        yield {**common, **whole, "note": proof.statement}
    for one in proof.properties:
        yield {
            **common,
            "property": one.property,
            "kind": str(one.kind),
            "status": str(one.status),
            "requirements": " ".join(one.requirements),
            "note": one.note,
        }


def _counts(proof: "Proof") -> tuple[str, str]:
    from flk.formal.prover.theorem import ProofStatus

    met = sum(check.status is ProofStatus.PROVED for check in proof.obligations)
    refuted = sum(trial.status is ProofStatus.REFUTED for trial in proof.mutants)
    return f"{met}/{len(proof.obligations)}", f"{refuted}/{len(proof.mutants)}"


def _counterexample(proof: "Proof", check: "Check") -> str:
    """A run that violates a property, or a counterexample to induction, cell by cell; nothing where there is none."""
    if check.path is None:
        return ""
    found = check.path
    sizes = ", ".join(f"{name} {size}" for name, size in found.sizes.items())
    if found.reachable:
        steps = [(str(n), move.shown) for n, move in enumerate(found.path.moves[1:], 1)]
        return html_table(("step", "action"), steps, f"{proof.theorem}: a run that violates {found.property} ({sizes})")
    after = {cell: new for cell, _, new in found.changes}
    before = {**{cell: old for cell, old, _ in found.changes}, **dict(found.cells)}
    cells = [(cell, value, after.get(cell, value)) for cell, value in before.items()]
    title = (
        f"{proof.theorem}: {found.action} breaks {found.property}, from a state that every invariant allows ({sizes})"
    )
    return html_table(("cell", "before", "after"), cells, title)
