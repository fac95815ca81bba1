"""The smallest step that breaks an obligation: first the sizes of the sorts, then how little of the state differs from the start.

Such a counterexample to induction begins in a state that satisfies every invariant that is assumed, whether or not that state can
be reached.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from z3 import (
    And,
    AtMost,
    BoolRef,
    Const,
    DeclareSort,
    Exists,
    ForAll,
    ModelRef,
    Not,
    Or,
    SolverFor,
    is_true,
    sat,
    unsat,
)

from flk.formal.explicit.explore import Path
from flk.formal.explicit.expression import Expression
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import Cell, Schema, State
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.prover.counterexample import Counterexample
from flk.formal.prover.finite_encoding import FiniteEncoding
from flk.formal.prover.obligations import ALWAYS, DEFINED, INITIALLY, Induction, Obligation, reads
from flk.formal.prover.replay import Disagreement, confirm_step, fault_of, path_of
from flk.formal.prover.solver import QUICK, ask
from flk.formal.prover.symbols import truth

MOST = 4
"""Elements of a sort that a counterexample is looked for with."""


def minimised(induction: Induction, obligation: Obligation, seed: int = 0) -> Counterexample | None:
    """The smallest counterexample to an obligation; None if there is none with up to MOST elements in each sort."""
    names = list(induction.protocol.sizes())
    choices = product(*(range(_least_size(obligation, name, seed), MOST + 1) for name in names))
    for sizes in sorted(choices, key=lambda sizes: (sum(sizes), max(sizes, default=0), sizes)):
        found = at_size(induction, obligation, dict(zip(names, sizes, strict=True)))
        if found is not None:
            return found
    return None


def at_size(induction: Induction, obligation: Obligation, sizes: Mapping[str, int]) -> Counterexample | None:
    """The counterexample at chosen sizes that differs least from how the protocol begins."""
    return _Search(induction, obligation, sizes).counterexample()


def _least_size(obligation: Obligation, name: str, seed: int) -> int:
    """How many elements of a sort a counterexample has at least, however many there are of the others, as far as Z3 soon knows."""
    for size in range(1, MOST):
        if ask((*obligation.given, Not(obligation.goal), at_most(name, size)), seed, QUICK)[1] != unsat:
            return size
    return MOST


def at_most(name: str, size: int) -> BoolRef:
    """That an index sort has no more elements than this."""
    sort = DeclareSort(name)
    elements = [Const(f"{name}#{n}", sort) for n in range(size)]
    any_ = Const(f"{name}#", sort)
    return Exists(elements, ForAll([any_], Or(*(truth(any_ == element) for element in elements))))


class _Search(NamedTuple):
    """One size."""

    induction: Induction
    obligation: Obligation
    sizes: Mapping[str, int]

    def counterexample(self) -> Counterexample | None:
        protocol = self.induction.protocol
        encoding = FiniteEncoding(Ground(Schema.of(protocol, self.sizes)))
        wrong = self._wrong(encoding)
        model = _least([*self._before(encoding), wrong], encoding.differences())
        if model is None:
            return None
        states, choices = [encoding.state(model)], []
        if self._is_step:
            choices = [encoding.choice(model)]
            states.append(encoding.state(model, encoding.after(frozenset({self.obligation.action}))))
        path = path_of(states, choices)
        note = self._confirm(encoding.schema, path)
        return Counterexample(
            self.obligation.about,
            path.moves[-1].shown or self.obligation.action,
            dict(self.sizes),
            path,
            reachable=False,
            cells=tuple(differing(encoding, states[0])),
            changes=tuple(changes(encoding.schema, states[0], states[-1])),
            note=note,
        )

    @property
    def _is_step(self) -> bool:
        return self.obligation.action not in ("", INITIALLY, ALWAYS) and not self.obligation.about.endswith(DEFINED)

    def _before(self, encoding: FiniteEncoding) -> list[BoolRef]:
        """The state before: an initial one, or any that satisfies the invariants that are assumed."""
        if self.obligation.action == INITIALLY:
            return [encoding.beginning]
        ground = encoding.ground
        frozen = [node for node in self.induction.protocol.assumptions if not reads(node) & self.induction.written]
        assumed = [encoding.truth(ground.translate(node, {}).value) for node in frozen]
        return [encoding.in_range, *assumed, *(encoding.truth(holds(ground, p)) for p in self.induction.inductive)]

    def _wrong(self, encoding: FiniteEncoding) -> BoolRef:
        """What breaks."""
        ground, obligation = encoding.ground, self.obligation
        if obligation.about.endswith(DEFINED):
            return encoding.truth(self._meaningless(ground))
        property_ = next(p for p in self.induction.invariants if p.name == obligation.about)
        broken = Not(encoding.truth(holds(ground, property_)))
        if obligation.action in (INITIALLY, ALWAYS):
            return broken
        only = frozenset({obligation.action})
        after = encoding.at(broken, encoding.after(only))
        return And(encoding.step(only), after)

    def _meaningless(self, ground: Ground) -> Expression:
        b, obligation = ground.build, self.obligation
        instances = [i for i in ground.instances if i.instance.action.name == obligation.action]
        if obligation.about == f"guard {DEFINED}":
            return b.disjunction([i.undefined for i in instances])
        if obligation.about == f"update {DEFINED}":
            return b.disjunction([b.conjunction([i.enabled, i.fault]) for i in instances])
        return b.disjunction(
            [p.undefined for p in ground.properties if obligation.about == f"{p.property.name} {DEFINED}"]
        )

    def _confirm(self, schema: Schema, path: Path) -> str:
        """Raises Disagreement unless the interpreter agrees."""
        interpreter, first, last = Interpreter(schema), path.moves[0].state, path.moves[-1].state
        if self.obligation.about.endswith(DEFINED):
            return fault_of(interpreter, first)
        if self._is_step:
            confirm_step(interpreter, first, path.moves[1])
            wrong = [p.name for p in self.induction.inductive if not satisfies(interpreter, p, first)]
            if wrong:
                raise Disagreement(f"the state before violates {', '.join(wrong)}")
        broken = next(p for p in self.induction.invariants if p.name == self.obligation.about)
        if satisfies(interpreter, broken, last):
            raise Disagreement(f"{self.obligation.name} is not broken")
        return ""


def satisfies(interpreter: Interpreter, property_: Property, state: State) -> bool:
    """Whether a state satisfies an invariant; where that is undefined, it does not."""
    try:
        holds = bool(interpreter.evaluate(property_.condition, state, {}))
    except Fault:
        return False
    return holds != (property_.kind is PropertyKind.NEVER)


def differing(encoding: FiniteEncoding, state: State) -> Iterator[tuple[str, str]]:
    """The cells that do not hold what they begin with, each with what it holds; those that begin with anything, too."""
    for cell, code, start in zip(encoding.schema.cells, state, encoding.start, strict=True):
        if code != start:
            yield str(cell), encoding.schema.describe(cell, code)


def changes(schema: Schema, before: State, after: State) -> Iterator[tuple[str, str, str]]:
    """The cells that a step changes, with what they hold before and after."""
    rows: Iterator[tuple[Cell, int, int]] = zip(schema.cells, before, after, strict=True)
    for cell, old, new in rows:
        if old != new:
            yield str(cell), schema.describe(cell, old), schema.describe(cell, new)


def holds(ground: Ground, property_: Property) -> Expression:
    """That a property is defined and satisfied."""
    b = ground.build
    condition = ground.translate(property_.condition, {})
    value = b.negation(condition.value) if property_.kind is PropertyKind.NEVER else condition.value
    return b.conjunction([condition.defined, value])


def _least(formulas: Sequence[BoolRef], differences: Sequence[BoolRef]) -> ModelRef | None:
    """A model in which as few of the differences hold as possible; None if there is no model."""
    solver = SolverFor("QF_FD")
    solver.add(*formulas)
    best: ModelRef | None = None
    while solver.check() == sat:
        best = solver.model()
        held = sum(is_true(best.eval(d, model_completion=True)) for d in differences)
        if held == 0:
            break
        solver.add(AtMost(*differences, held - 1))
    return best
