"""A protocol at chosen sizes as bit vectors: one step of it, to be asked about or unrolled."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from z3 import (
    ULT,
    And,
    AtMost,
    BitVecNumRef,
    BitVecRef,
    BitVecVal,
    Bool,
    BoolRef,
    ExprRef,
    If,
    Implies,
    ModelRef,
    Or,
    is_true,
    substitute,
)

from flk.formal.explicit.expression import Expression
from flk.formal.explicit.ground import Ground, GroundInstance
from flk.formal.explicit.schema import Instance, Schema, State
from flk.formal.prover.bits import Bits, code_variable
from flk.formal.prover.replay import starting_codes
from flk.formal.prover.symbols import all_of, any_of


@dataclass(frozen=True)
class Moment:
    """The constants of one state of a run, and of the choice of the step that leads on from it."""

    codes: tuple[BitVecRef, ...]
    taken: tuple[BoolRef, ...]


class FiniteEncoding:
    """The state and the step of a protocol at chosen sizes. An action that needs a fault to happen is never taken."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.schema: Schema = ground.schema
        self.now = self.moment("now")
        self.bits = Bits(self.now.codes)

    @cached_property
    def instances(self) -> tuple[GroundInstance, ...]:
        """What may happen, in order."""
        return self.ground.instances

    def moment(self, name: str) -> Moment:
        """New constants for a state and a choice."""
        codes = tuple(code_variable(f"{name}.{n}", cell.codes) for n, cell in enumerate(self.schema.cells))
        return Moment(codes, tuple(Bool(f"{name}!{n}") for n in range(len(self.instances))))

    @cached_property
    def in_range(self) -> BoolRef:
        """That every cell holds one of its codes."""
        pairs = zip(self.now.codes, self.schema.cells, strict=True)
        return all_of(
            ULT(code, BitVecVal(cell.codes, code.size())) for code, cell in pairs if cell.codes < 1 << code.size()
        )

    @cached_property
    def beginning(self) -> BoolRef:
        """That the state is an initial one."""
        begins = [
            code == BitVecVal(start, code.size())
            for code, start in zip(self.now.codes, self.start, strict=True)
            if start is not None
        ]
        return all_of([self.in_range, *begins, self.truth(self.ground.assumptions)])

    @cached_property
    def start(self) -> tuple[int | None, ...]:
        """The code that each cell begins with, None for any."""
        return starting_codes(self.schema)

    def truth(self, expression: Expression) -> BoolRef:
        """A truth about the state."""
        return self.bits.truth(expression)

    def step(self, names: frozenset[str] | None = None) -> BoolRef:
        """That exactly one instance, of the named actions if any are, is taken, and that it can happen without a fault."""
        build = self.ground.build
        chosen, rules = [], []
        for taken, instance in zip(self.now.taken, self.instances, strict=True):
            if names is None or instance.instance.action.name in names:
                chosen.append(taken)
                faults = build.disjunction([instance.undefined, instance.fault])
                clean = build.conjunction([instance.enabled, build.negation(faults)])
                rules.append(Implies(taken, self.truth(clean)))
        if not chosen:
            return any_of([])
        return And(Or(*chosen), AtMost(*chosen, 1), *rules)

    def after(self, names: frozenset[str] | None = None) -> tuple[BitVecRef, ...]:
        """The codes after the step, said of the state before it and of the choice."""
        codes = list(self.now.codes)
        for taken, instance in zip(self.now.taken, self.instances, strict=True):
            if names is None or instance.instance.action.name in names:
                for cell, code in instance.writes:
                    new = self.bits.code(code, self.schema.cells[cell].codes)
                    codes[cell] = If(taken, new, codes[cell])
        return tuple(codes)

    @cached_property
    def fault(self) -> BoolRef:
        """That some guard is undefined, or that some action can happen whose updates are."""
        build = self.ground.build
        return any_of(
            self.truth(build.disjunction([i.undefined, build.conjunction([i.enabled, i.fault])]))
            for i in self.instances
        )

    def at(self, formula: BoolRef, codes: Sequence[ExprRef], taken: Sequence[BoolRef] | None = None) -> BoolRef:
        """The same said of other codes and another choice."""
        pairs: list[tuple[ExprRef, ExprRef]] = list(zip(self.now.codes, codes, strict=True))
        if taken is not None:
            pairs += zip(self.now.taken, taken, strict=True)
        return substitute(formula, *pairs)

    def differences(self) -> list[BoolRef]:
        """For each cell that begins with one code, that it holds another."""
        pairs = zip(self.now.codes, self.start, strict=True)
        return [code != BitVecVal(start, code.size()) for code, start in pairs if start is not None]

    def state(self, model: ModelRef, codes: Sequence[ExprRef] | None = None) -> State:
        """The state that a model gives some codes, by default those of now."""
        return tuple(value_of(model, code) for code in codes or self.now.codes)

    def choice(self, model: ModelRef, taken: Sequence[BoolRef] | None = None) -> Instance:
        """The instance that a model takes."""
        pairs = zip(taken or self.now.taken, self.instances, strict=True)
        return next(i.instance for t, i in pairs if is_true(model.eval(t, model_completion=True)))


def value_of(model: ModelRef, code: ExprRef) -> int:
    """The number that a model gives a bit vector."""
    value = model.eval(code, model_completion=True)
    assert isinstance(value, BitVecNumRef)
    return value.as_long()
