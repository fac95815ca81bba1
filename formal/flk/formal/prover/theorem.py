"""What it takes to be a theorem here: obligations that Z3 decides, each shown able to fail.

An obligation is proved when no case contradicts it and some case meets its hypotheses, so none holds vacuously. Beside the
obligations stand mutants: theorems made false on purpose, put through the same obligations, that must be refuted. Z3 may answer
`unknown`; that is never a pass.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from time import perf_counter
from typing import NamedTuple, TypeAlias

import msgspec
from z3 import BoolRef, BoolVal, CheckSatResult, ModelRef, Not, Solver, sat, unsat

from flk.formal.language.properties import PropertyKind
from flk.formal.prover.counterexample import Counterexample
from flk.formal.prover.solver import ask
from flk.spec.verdict import Verdict


class ProofStatus(StrEnum):
    """What a proof, an obligation, a mutant or a property came to. Of a mutant REFUTED is how it should end.

    BOUNDED is what cannot be proved for all sizes, and holds in every state at the sizes explored.
    """

    PROVED = "proved"
    BOUNDED = "bounded"
    REFUTED = "refuted"
    UNDECIDED = "undecided"

    @property
    def verdict(self) -> Verdict:
        """What it says of the theorem."""
        return _VERDICTS[self]


_VERDICTS = {
    ProofStatus.PROVED: Verdict.HOLDS,
    ProofStatus.BOUNDED: Verdict.HOLDS,
    ProofStatus.REFUTED: Verdict.VIOLATED,
    ProofStatus.UNDECIDED: Verdict.UNDECIDED,
}


_FROM_BEST = (ProofStatus.PROVED, ProofStatus.BOUNDED, ProofStatus.UNDECIDED, ProofStatus.REFUTED)


def worst_status(statuses: Iterable[ProofStatus]) -> ProofStatus:
    """REFUTED if any is, else UNDECIDED, else BOUNDED, else PROVED; of nothing, UNDECIDED."""
    return max(statuses, key=_FROM_BEST.index, default=ProofStatus.UNDECIDED)


class Table(msgspec.Struct, frozen=True):
    """A counterexample or an example, made readable."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Reader: TypeAlias = Callable[[ModelRef], Table]


class Obligation(NamedTuple):
    """In every case that meets `given`, `goal` holds.

    `read` explains a counterexample: one that is also `plain`, if there is any.
    """

    name: str
    given: BoolRef
    goal: BoolRef
    read: Reader
    plain: BoolRef = BoolVal(val=True)


class Witness(NamedTuple):
    """Some `case` exists: what the theorem speaks of can happen at all. `read` explains it."""

    name: str
    case: BoolRef
    read: Reader


class Mutant(NamedTuple):
    """A theorem made false on purpose. It must break its `obligations`, and do the harm of its `witnesses`."""

    name: str
    story: str
    obligations: tuple[Obligation, ...]
    witnesses: tuple[Witness, ...] = ()


class Theorem(NamedTuple):
    """A named invariant: the requirements it stands for, what it says, and all that is checked of it."""

    name: str
    requirements: tuple[str, ...]
    statement: str
    obligations: tuple[Obligation, ...]
    witnesses: tuple[Witness, ...]
    mutants: tuple[Mutant, ...]


class Check(msgspec.Struct, frozen=True):
    """What came of one obligation or witness: the counterexample of the one, the example of the other.

    `shown` is that of a theorem about data, `path` that of a protocol.
    """

    name: str
    status: ProofStatus = msgspec.field(name="verdict")
    seconds: float
    note: str = ""
    shown: Table | None = None
    path: Counterexample | None = None


class Trial(msgspec.Struct, frozen=True):
    """What came of a mutant: `refuted` is how it should end."""

    mutant: str
    story: str
    status: ProofStatus = msgspec.field(name="verdict")
    checks: tuple[Check, ...]


class PropertyStatus(msgspec.Struct, frozen=True):
    """What is known of one property of a protocol.

    `finite_only`: by its nature it is explored at chosen sizes, never proved; then it is BOUNDED at best.
    """

    property: str
    kind: PropertyKind
    requirements: tuple[str, ...]
    status: ProofStatus = msgspec.field(name="verdict")
    note: str = ""
    finite_only: bool = False


class Scope(msgspec.Struct, frozen=True):
    """What was explored beside a proof: so many states at some sizes, all there are if complete. `note` says why none were."""

    sizes: dict[str, int]
    states: int = 0
    complete: bool = False
    note: str = ""

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} {size}" for name, size in self.sizes.items()) or "its only size"
        return self.note or f"{'' if self.complete else 'the first '}{self.states:,} states at {sizes}"


class Proof(msgspec.Struct, frozen=True):
    """What came of a theorem, or of a protocol's properties taken together, under one seed of the solver.

    The rest is a protocol's: `scope` is what was explored beside the proof; `omissions` are mutants with a guard or an update left
    out, not all of which need be refuted;
    `runs` show properties false; `properties` says what is known of each, `remarks` whether the queries are decidable.
    """

    theorem: str
    requirements: tuple[str, ...]
    statement: str
    seed: int
    status: ProofStatus = msgspec.field(name="verdict")
    seconds: float
    obligations: tuple[Check, ...]
    witnesses: tuple[Check, ...]
    mutants: tuple[Trial, ...]
    omissions: tuple[Trial, ...] = msgspec.field(default=(), name="slips")
    runs: tuple[Check, ...] = ()
    properties: tuple[PropertyStatus, ...] = ()
    remarks: tuple[str, ...] = ()
    scope: Scope | None = None

    @property
    def verdict(self) -> Verdict:
        """HOLDS if the theorem is proved or, as far as it can only be explored, bounded; VIOLATED if it is refuted."""
        return self.status.verdict


def prove(theorem: Theorem, seed: int = 0) -> Proof:
    """Decide every obligation, find every witness, try every mutant."""
    started = perf_counter()
    prover = Prover(seed)
    obligations = tuple(map(prover.decide, theorem.obligations))
    witnesses = tuple(map(prover.find, theorem.witnesses))
    mutants = tuple(map(prover.attempt, theorem.mutants))
    return Proof(
        theorem=theorem.name,
        requirements=theorem.requirements,
        statement=theorem.statement,
        seed=seed,
        status=conclude(obligations, witnesses, mutants),
        seconds=perf_counter() - started,
        obligations=obligations,
        witnesses=witnesses,
        mutants=mutants,
    )


def conclude(obligations: Iterable[Check], witnesses: Iterable[Check], mutants: Iterable[Trial]) -> ProofStatus:
    """Refuted if an obligation is. Proved only if all are, every witness exists and every mutant is refuted.

    Where a mutant survives or a witness is missing, the obligations may hold but are not shown to say anything: undecided.
    """
    verdicts = {check.status for check in obligations}
    if ProofStatus.REFUTED in verdicts:
        return ProofStatus.REFUTED
    real = all(check.status is ProofStatus.PROVED for check in witnesses)
    sharp = all(trial.status is ProofStatus.REFUTED for trial in mutants)
    return ProofStatus.PROVED if verdicts == {ProofStatus.PROVED} and real and sharp else ProofStatus.UNDECIDED


class Prover:
    """Asks Z3, under one seed. Every query gets a new solver: an answer may depend on what a solver was asked before."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._met: dict[int, CheckSatResult] = {}

    def decide(self, obligation: Obligation) -> Check:
        """Look for a counterexample; where there is none, for a case that meets the hypotheses."""
        started = perf_counter()
        verdict, note, shown = self._decide(obligation)
        return Check(obligation.name, verdict, perf_counter() - started, note, shown)

    def find(self, witness: Witness) -> Check:
        """Look for the case: proved if it exists, refuted if there is none."""
        started = perf_counter()
        solver, answer = self._ask(witness.case)
        shown = witness.read(solver.model()) if answer == sat else None
        verdict = (
            ProofStatus.PROVED if answer == sat else ProofStatus.REFUTED if answer == unsat else ProofStatus.UNDECIDED
        )
        return Check(witness.name, verdict, perf_counter() - started, shown=shown)

    def attempt(self, mutant: Mutant) -> Trial:
        """Put a mutant through its obligations: refuted if each of them fails and each harm is found, proved if one holds."""
        broken = tuple(map(self.decide, mutant.obligations))
        harms = tuple(map(self.find, mutant.witnesses))
        failed = {check.status for check in broken} == {ProofStatus.REFUTED}
        harmful = all(check.status is ProofStatus.PROVED for check in harms)
        survived = any(check.status is ProofStatus.PROVED for check in broken)
        verdict = (
            ProofStatus.REFUTED if failed and harmful else ProofStatus.PROVED if survived else ProofStatus.UNDECIDED
        )
        return Trial(mutant.name, mutant.story, verdict, broken + harms)

    def _decide(self, obligation: Obligation) -> tuple[ProofStatus, str, Table | None]:
        contrary = (obligation.given, Not(obligation.goal))
        solver, answer = self._ask(*contrary)
        if answer != unsat:
            plain, found = self._ask(*contrary, obligation.plain)
            if sat not in (answer, found):
                return ProofStatus.UNDECIDED, "the solver gave up", None
            chosen = plain if found == sat else solver
            return ProofStatus.REFUTED, "", obligation.read(chosen.model())
        met = self._is_met(obligation)
        if met == sat:
            return ProofStatus.PROVED, "", None
        note = "vacuous: no case meets the hypotheses" if met == unsat else "the solver gave up on the hypotheses"
        return ProofStatus.UNDECIDED, note, None

    def _is_met(self, obligation: Obligation) -> CheckSatResult:
        """Whether some case meets the hypotheses, which many obligations share: each is asked about once, the plain cases first."""
        key = obligation.given.get_id()
        if key not in self._met:
            plain = self._ask(obligation.given, obligation.plain)[1]
            self._met[key] = plain if plain == sat else self._ask(obligation.given)[1]
        return self._met[key]

    def _ask(self, *formulas: BoolRef) -> tuple[Solver, CheckSatResult]:
        return ask(formulas, self._seed)
