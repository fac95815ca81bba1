"""Proving a protocol: its obligations, its witnesses, and the faults that the same obligations must refute."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

from msgspec.structs import replace
from z3 import Not, sat, unsat

from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.library.design import Design
from flk.formal.prover.bounded import FAULT, Outcome, Target, search
from flk.formal.prover.counterexample import Counterexample
from flk.formal.prover.cti_minimiser import minimised
from flk.formal.prover.fragment import outside
from flk.formal.prover.guard_mutants import Omission, omissions
from flk.formal.prover.obligations import DEFINED, INVARIANTS, JOIN, Induction, Obligation, counts, uncountable
from flk.formal.prover.solver import EASY, QUICK, ask
from flk.formal.prover.step import Stepping
from flk.formal.prover.theorem import Check, Proof, ProofStatus, PropertyStatus, Trial

DEPTH = 16
"""Steps within which witnesses, and runs that violate what induction does not show, are looked for."""

COUNTS = "counts the elements of a sort, so it is explored at chosen sizes only"
PROGRESS = "progress is explored at chosen sizes only"
FRAGMENT = "the queries are in a decidable fragment: acyclic quantifiers over index sorts and enums"
HAPPENS = " happens"
NO_SMALL = "the solver has a counterexample, but not one with a few elements in each sort"
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
        """For what induction does not show, a run that violates it, if there is a short one; and one to a fault."""
        lost = {p.name for p in self.induction.invariants} - self._kept
        if not lost or not self.possible:
            return ()
        found = search(self.protocol, DEPTH, names={*lost, FAULT}, seed=self.seed)
        return tuple(
            _of_run(target, found.sizes, ProofStatus.REFUTED)
            for target in found.targets
            if target.outcome is Outcome.FOUND
        )

    @cached_property
    def witnesses(self) -> tuple[Check, ...]:
        """A run to each `reachable` property, and one to where each action can happen."""
        names = [p.name for p in self.protocol.properties.values() if p.kind is PropertyKind.REACHABLE]
        found = search(self.protocol, DEPTH, names=names, happen=True, seed=self.seed)
        checks = (_of_run(target, found.sizes, ProofStatus.PROVED) for target in found.targets)
        return tuple(replace(c, name=c.name + HAPPENS) if c.name in self.protocol.actions else c for c in checks)

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
        return tuple(_try_omission(self.induction, omission, self.seed) for omission in omissions(self.protocol))

    @cached_property
    def statuses(self) -> tuple[PropertyStatus, ...]:
        """What is known of each property."""
        return tuple(map(self._status, self.protocol.properties.values()))

    @property
    def status(self) -> ProofStatus:
        """Refuted if a property is. Proved if all that can be are, all witnesses exist, and the mutants are refuted."""
        known = {s.status for s in self.statuses if not s.finite_only}
        if ProofStatus.REFUTED in known or any(check.name == FAULT for check in self.runs):
            return ProofStatus.REFUTED
        real = all(check.status is ProofStatus.PROVED for check in self.witnesses)
        sharp = all(trial.status is ProofStatus.REFUTED for trial in self.mutants)
        bites = self.seed or any(trial.status is ProofStatus.REFUTED for trial in (*self.mutants, *self.omissions))
        return (
            ProofStatus.PROVED if known == {ProofStatus.PROVED} and real and sharp and bites else ProofStatus.UNDECIDED
        )

    @property
    def requirements(self) -> tuple[str, ...]:
        """Of the properties, in order."""
        return tuple(dict.fromkeys(id_ for p in self.protocol.properties.values() for id_ in p.requirements))

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know of the queries."""
        if not self.possible:
            return (f"nothing is proved for all sizes: {', '.join(uncountable(self.protocol))} {COUNTS}",)
        left = outside(self.induction)
        return (f"outside of the decidable fragment: {'; '.join(left)}",) if left else (FRAGMENT,)

    @cached_property
    def _kept(self) -> frozenset[str]:
        """The invariants that hold by induction among themselves: those whose obligations fail are left out, until none does."""
        if not self.possible:
            return frozenset()
        failed = {check.name for check in self.obligations if check.status is not ProofStatus.PROVED}
        induction = self.induction
        while failed:
            if any(DEFINED in name for name in failed):
                return frozenset()
            left = induction.leave_out | {name.split(JOIN)[0] for name in failed}
            induction = Induction(self.protocol, left)
            failed = {
                obligation.name
                for obligation in induction.obligations()
                if ask((*obligation.given, Not(obligation.goal)), self.seed)[1] != unsat
            }
        return frozenset(p.name for p in induction.invariants)

    def _status(self, property_: Property) -> PropertyStatus:
        verdict, note, finite = self._known(property_)
        return PropertyStatus(property_.name, property_.kind, property_.requirements, verdict, note, finite)

    def _known(self, property_: Property) -> tuple[ProofStatus, str, bool]:
        if property_.kind is PropertyKind.LEADS_TO:
            return ProofStatus.UNDECIDED, PROGRESS, True
        if property_.kind is PropertyKind.REACHABLE:
            found = next(check for check in self.witnesses if check.name == property_.name)
            return found.status, found.note, False
        if counts(property_.condition) or not self.possible:
            return ProofStatus.UNDECIDED, COUNTS, True
        if property_.name in self._kept:
            return ProofStatus.PROVED, "", False
        if any(check.name == property_.name for check in self.runs):
            return ProofStatus.REFUTED, "", False
        return (
            ProofStatus.UNDECIDED,
            f"not shown by induction, and not violated within {DEPTH} steps at the usual sizes",
            False,
        )


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
    verdict = (
        ProofStatus.REFUTED
        if found or answer == sat
        else ProofStatus.PROVED
        if answer == unsat
        else ProofStatus.UNDECIDED
    )
    note = "" if found or verdict is ProofStatus.PROVED else NO_SMALL if verdict is ProofStatus.REFUTED else GAVE_UP
    return Check(obligation.name, verdict, perf_counter() - started, note, path=found)


def _of_run(target: Target, sizes: dict[str, int], found: ProofStatus) -> Check:
    if target.path is None:
        note = f"not within {target.depth} steps at the usual sizes"
        return Check(target.name, ProofStatus.UNDECIDED, target.seconds, note)
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


def _try_omission(induction: Induction, omission: Omission, seed: int) -> Trial:
    """An omission is refuted by an obligation of its action that is no longer met, and survives if all are.

    Easy answers come first.
    """
    obligations: Iterable[Obligation] = induction.obligations_of(Stepping(induction.symbols, omission.action))
    for effort in (EASY, QUICK):
        hard = []
        for obligation in obligations:
            started = perf_counter()
            answer = ask((*obligation.given, Not(obligation.goal)), seed, effort)[1]
            if answer == sat:
                check = Check(obligation.name, ProofStatus.REFUTED, perf_counter() - started)
                return Trial(omission.name, omission.action.story, ProofStatus.REFUTED, (check,))
            if answer != unsat:
                hard.append(obligation)
        obligations = hard
    verdict = ProofStatus.UNDECIDED if obligations else ProofStatus.PROVED
    return Trial(omission.name, omission.action.story, verdict, ())
