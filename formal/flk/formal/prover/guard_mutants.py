"""Guard mutants: each guard conjunct left out in turn, and each update, and what comes of it.

An action without one of its guards must break an invariant, or no proof needs that guard.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TypeVar

from z3 import BoolRef, Not, sat, unsat

from flk.formal.explicit.explore import restricted
from flk.formal.explicit.search import Options
from flk.formal.language.action import Action
from flk.formal.language.protocol import Protocol
from flk.formal.language.text import text, text_of_update
from flk.formal.prover.beside import Beside
from flk.formal.prover.bounded import FAULT
from flk.formal.prover.cti_minimiser import at_most
from flk.formal.prover.obligations import Induction, Obligation, counts
from flk.formal.prover.solver import EASY, EFFORT, QUICK, ask
from flk.formal.prover.theorem import Check, ProofStatus, Trial

T = TypeVar("T")

NEAR = 100_000
"""States that are explored where something is left out: most that matters breaks an invariant among the first few hundred."""

FEW = 2
"""Elements of each sort in the cases that are looked at first where something is to be refuted."""


@dataclass(frozen=True)
class Omission:
    """An action with something left out, and what that is."""

    action: Action
    left_out: str

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{self.action.name} without {self.left_out}"


def omissions(protocol: Protocol) -> Iterator[Omission]:
    """Every action with a guard conjunct or an update left out; not what counts, on which no proof rests."""
    for action in protocol.actions.values():
        for n, guard in enumerate(action.guards):
            if not counts(guard):
                yield Omission(replace(action, guards=_but(action.guards, n)), f"require {text(guard)}")
        for n, update in enumerate(action.updates):
            yield Omission(replace(action, updates=_but(action.updates, n)), text_of_update(update))


def try_omission(induction: Induction, omission: Omission, seed: int) -> Trial:
    """An omission is refuted by an obligation that is no longer met, of its action or of what says when it is enabled, or by a run
    that violates an invariant: then one is not met. It survives if all are met.

    Easy answers come first; then runs at the usual sizes, which exploring finds at once where the solver looks long for a state;
    then states in which each sort has few elements, which are found sooner.
    """
    few = tuple(at_most(name, FEW) for name in induction.protocol.sizes())
    broken, left = _asked(induction.obligations_with(omission.action), seed, EASY)
    if left and not broken:
        broken = _run_without(induction, omission)
    for effort, bounds in ((QUICK, few), (QUICK, ()), (EFFORT, ())):
        if left and not broken:
            broken, left = _asked(left, seed, effort, bounds)
    survived = ProofStatus.UNDECIDED if left else ProofStatus.PROVED
    verdict = ProofStatus.REFUTED if broken else survived
    return Trial(omission.name, omission.action.story, verdict, (broken,) if broken else ())


def _asked(
    obligations: Iterable[Obligation], seed: int, effort: int, bounds: Sequence[BoolRef] = ()
) -> tuple[Check | None, list[Obligation]]:
    """The first obligation that is refuted; and those that are left open, as all are that only bounds are known to meet."""
    left: list[Obligation] = []
    for obligation in obligations:
        started = perf_counter()
        answer = ask((*obligation.given, Not(obligation.goal), *bounds), seed, effort)[1]
        if answer == sat:
            return Check(obligation.name, ProofStatus.REFUTED, perf_counter() - started), left
        if answer != unsat or bounds:
            left.append(obligation)
    return None, left


def _run_without(induction: Induction, omission: Omission) -> Check | None:
    """A run with the omission that ends where an invariant is violated or something is undefined, among the nearest states."""
    names = {property_.name for property_ in induction.invariants}
    near = Options(stop=True, max_states=NEAR, threads=1)
    beside = Beside(restricted(induction.changed(omission.action), names), options=near, engine="numpy")
    return next((run for run in beside.runs() if run.name in {*names, FAULT}), None)


def _but(items: tuple[T, ...], n: int) -> tuple[T, ...]:
    return items[:n] + items[n + 1 :]
