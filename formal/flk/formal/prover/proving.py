"""Proving a protocol: its obligations, its witnesses, and the faults that the same obligations must refute."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

from z3 import Not, sat, unsat

from flk.formal.explicit.explore import DEADLOCK, HAPPENS
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.library.design import Design
from flk.formal.prover.beside import Beside
from flk.formal.prover.bounded import FAULT, Outcome, Target, search
from flk.formal.prover.counterexample import Counterexample
from flk.formal.prover.cti_minimiser import minimised
from flk.formal.prover.fragment import outside
from flk.formal.prover.guard_mutants import omissions, try_omission
from flk.formal.prover.obligations import DEFINED, INVARIANTS, JOIN, Induction, Obligation, counts, uncountable
from flk.formal.prover.solver import EFFORT, QUICK, ask
from flk.formal.prover.theorem import Check, Proof, ProofStatus, PropertyStatus, Trial, worst_status

DEPTH = 16
"""Steps within which witnesses, and runs that violate what induction does not show, are looked for."""

COUNTS = "counts the elements of a sort"
FRAGMENT = "the queries are in a decidable fragment: acyclic quantifiers over index sorts and enums"
NO_SMALL = "the solver has a counterexample, but not one with a few elements in each sort"
OPEN = "the solver's counterexample rests on what a count may be, and there is none with a few elements in each sort"
GAVE_UP = "the solver gave up"


def prove_protocol(protocol: Protocol, designs: Sequence[Design] = (), seed: int = 0) -> Proof:
    """Decide every obligation, find every witness, try every mutant: omissions of the actions, and refuted `designs`.

    The obligations are what an unlucky seed could leave undecided, so under seeds other than 0 there are no mutants.
    """
    started = perf_counter()
    proving = Proving(protocol, designs, seed)
    return Proof(
        theorem=protocol.name,
        requirements=proving.requirements,
        statement=protocol.story,
        seed=seed,
        status=proving.status,
        obligations=proving.obligations,
        witnesses=proving.witnesses,
        mutants=proving.mutants,
        omissions=proving.omissions,
        runs=proving.runs,
        properties=proving.statuses,
        remarks=proving.remarks,
        scope=proving.beside.scope,
        seconds=perf_counter() - started,
    )


@dataclass(frozen=True)
class Proving:
    """The parts of a protocol's proof, each computed when it is first asked for."""

    protocol: Protocol
    designs: Sequence[Design]
    seed: int

    @cached_property
    def induction(self) -> Induction:
        """The obligations."""
        return Induction(self.protocol)

    @cached_property
    def beside(self) -> Beside:
        """What exploring shows at the usual sizes."""
        return Beside(self.protocol)

    @cached_property
    def possible(self) -> bool:
        """Whether anything can be proved for all sizes: not if an update counts."""
        return not set(uncountable(self.protocol)) & set(self.protocol.actions)

    @cached_property
    def obligations(self) -> tuple[Check, ...]:
        """What came of every obligation."""
        if not self.possible:
            return ()
        return tuple(decide(self.induction, obligation, self.seed) for obligation in self.induction.obligations())

    @cached_property
    def runs(self) -> tuple[Check, ...]:
        """A run to each violation, deadlock and fault that exploring finds; where it is cut short, to those that are near."""
        found = list(self.beside.runs())
        explored = self.beside.explored
        if explored is not None and explored.complete:
            return tuple(found)
        seen = {check.name for check in found}
        wanted = {p.name for p in self.protocol.properties.values() if p.kind in INVARIANTS} - self._kept
        near = search(self.protocol, DEPTH, names={*wanted, FAULT, DEADLOCK} - seen, seed=self.seed)
        targets = (target for target in near.targets if target.outcome is Outcome.FOUND)
        return (*found, *(_of_run(target, near.sizes, ProofStatus.REFUTED) for target in targets))

    @cached_property
    def witnesses(self) -> tuple[Check, ...]:
        """A run to each `reachable` property, and one to where each action can happen."""
        names = [p.name for p in self.protocol.properties.values() if p.kind is PropertyKind.REACHABLE]
        found = search(self.protocol, DEPTH, names=names, happen=True, seed=self.seed)
        return tuple(
            _of_run(target, found.sizes, ProofStatus.PROVED) if target.path else self._far(target)
            for target in found.targets
        )

    @cached_property
    def mutants(self) -> tuple[Trial, ...]:
        """What came of the refuted designs. One that only hinders progress breaks nothing that is proved here."""
        own = [d for d in self.designs if d.protocol.base is self.protocol and self.seed == 0 and _is_unsafe(d)]
        return tuple(_try_design(design, self.seed) for design in own)

    @cached_property
    def omissions(self) -> tuple[Trial, ...]:
        """What came of leaving out each guard conjunct and each update."""
        if not self.possible or self.seed:
            return ()
        return tuple(try_omission(self.induction, omission, self.seed) for omission in omissions(self.protocol))

    @cached_property
    def statuses(self) -> tuple[PropertyStatus, ...]:
        """What is known of each property."""
        return tuple(map(self._status, self.protocol.properties.values()))

    def status_of(self, name: str) -> PropertyStatus:
        """What is known of one property. Raises KeyError if there is none of that name."""
        return self._status(self.protocol.properties[name])

    @property
    def status(self) -> ProofStatus:
        """The worst of the properties; refuted also by a run to a fault or a deadlock.

        Undecided if something is not shown to have a meaning, or a witness is missing; or a mutant is not refuted, for then the
        obligations are not shown to say anything.
        """
        if self.runs:
            return ProofStatus.REFUTED
        meant = all(check.status is ProofStatus.PROVED for check in self.obligations if DEFINED in check.name)
        real = all(check.status is ProofStatus.PROVED for check in self.witnesses)
        sharp = all(trial.status is ProofStatus.REFUTED for trial in self.mutants)
        bites = self.seed or any(trial.status is ProofStatus.REFUTED for trial in (*self.mutants, *self.omissions))
        shown = meant and real and sharp and (bites or not self._kept)
        explored = [] if self.possible else [self.beside.status(DEADLOCK)[0]]
        known = [one.status for one in self.statuses]
        return worst_status([*known, *explored, *([] if shown else [ProofStatus.UNDECIDED])])

    @property
    def requirements(self) -> tuple[str, ...]:
        """Of the properties, in order."""
        return tuple(dict.fromkeys(id_ for p in self.protocol.properties.values() for id_ in p.requirements))

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know of the queries."""
        if not self.possible:
            return (f"nothing is proved for all sizes: {', '.join(uncountable(self.protocol))} {COUNTS}", self._stops)
        left = outside(self.induction)
        return (f"outside of the decidable fragment: {'; '.join(left)}" if left else FRAGMENT, self._stops)

    @property
    def _stops(self) -> str:
        status, note = self.beside.status(DEADLOCK)
        return "no deadlock" + (f": bounded, {note}" if status is ProofStatus.BOUNDED else f" is {status}: {note}")

    @cached_property
    def _kept(self) -> frozenset[str]:
        """The invariants that hold by induction among themselves; none where something is not shown to have a meaning."""
        if not self.possible:
            return frozenset()
        failed = {check.name for check in self.obligations if check.status is not ProofStatus.PROVED}
        return inductive(self.induction, self.seed, failed) or frozenset()

    def _status(self, property_: Property) -> PropertyStatus:
        verdict, note, finite = self._known(property_)
        return PropertyStatus(property_.name, property_.kind, property_.requirements, verdict, note, finite)

    def _known(self, property_: Property) -> tuple[ProofStatus, str, bool]:
        if property_.kind is PropertyKind.REACHABLE:
            found = next(check for check in self.witnesses if check.name == property_.name)
            return found.status, found.note, False
        finite = property_.kind is PropertyKind.LEADS_TO or counts(property_.condition) or not self.possible
        if any(check.name == property_.name for check in self.runs):
            return ProofStatus.REFUTED, "", finite
        if finite:
            return *self.beside.status(property_.name), True
        if property_.name in self._kept:
            return ProofStatus.PROVED, "", False
        return ProofStatus.UNDECIDED, f"not shown by induction, and not violated in {self.beside.scope}", False

    def _far(self, target: Target) -> Check:
        """A witness that is farther than runs are searched, and that exploring may have seen."""
        explored = self.beside.explored
        if found := self.beside.witness(target.name):
            return found
        if explored is not None and target.name.removesuffix(HAPPENS) in explored.happened:
            return Check(target.name, ProofStatus.PROVED, target.seconds)
        nowhere = explored is not None and explored.complete
        note = f"in none of {self.beside.scope}" if nowhere else f"not within {target.depth} steps at the usual sizes"
        return Check(target.name, ProofStatus.UNDECIDED, target.seconds, note)


def inductive(
    induction: Induction, seed: int = 0, failed: set[str] | None = None, effort: int = EFFORT
) -> frozenset[str] | None:
    """The invariants that hold by induction among themselves: those whose obligations fail are left out, until none does.

    None if something is not shown to have a meaning, or if an update counts, for then nothing is proved. `failed` are the names of
    obligations that are known to fail.
    """
    if set(uncountable(induction.protocol)) & set(induction.protocol.actions):
        return None
    while True:
        if failed is None:
            failed = {
                obligation.name
                for obligation in induction.obligations()
                if ask((*obligation.given, Not(obligation.goal)), seed, effort)[1] != unsat
            }
        if any(DEFINED in name for name in failed):
            return None
        if not failed:
            return frozenset(p.name for p in induction.invariants)
        left = induction.leave_out | {name.split(JOIN)[0] for name in failed}
        induction, failed = Induction(induction.protocol, left), None


def decide(induction: Induction, obligation: Obligation, seed: int = 0) -> Check:
    """Whether an obligation is met, with the smallest counterexample if it is not.

    Nearly all are decided at once. Otherwise a small counterexample is looked for, and only then is the solver given more effort.
    """
    started = perf_counter()
    answer = ask((*obligation.given, Not(obligation.goal)), seed, QUICK)[1]
    if answer == unsat:
        return Check(obligation.name, ProofStatus.PROVED, perf_counter() - started)
    found = minimised(induction, obligation, seed)
    if found is None and answer != sat:
        answer = ask((*obligation.given, Not(obligation.goal)), seed)[1]
    status, note = ProofStatus.UNDECIDED, GAVE_UP
    if found:
        status, note = ProofStatus.REFUTED, ""
    elif answer == unsat:
        status, note = ProofStatus.PROVED, ""
    elif answer == sat:
        status, note = (
            (ProofStatus.UNDECIDED, OPEN) if induction.is_open(obligation) else (ProofStatus.REFUTED, NO_SMALL)
        )
    return Check(obligation.name, status, perf_counter() - started, note, path=found)


def _of_run(target: Target, sizes: dict[str, int], found: ProofStatus) -> Check:
    assert target.path is not None
    action = target.path.moves[-1].shown
    path = Counterexample(target.name, action, sizes, target.path, reachable=True, note=target.note)
    return Check(target.name, found, target.seconds, path=path)


def _is_unsafe(design: Design) -> bool:
    return design.protocol.properties[design.violates].kind in INVARIANTS


def _try_design(design: Design, seed: int) -> Trial:
    """A design is refuted by a run that violates the property it is said to break."""
    exhibit = design.exhibit
    found = search(exhibit, DEPTH, design.sizes, names={design.violates, FAULT}, first=True, seed=seed)
    hits = [_of_run(t, found.sizes, ProofStatus.REFUTED) for t in found.targets if t.outcome is Outcome.FOUND]
    verdict = ProofStatus.REFUTED if hits else ProofStatus.UNDECIDED
    return Trial(design.protocol.name, design.protocol.story, verdict, tuple(hits))
