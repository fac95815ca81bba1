"""The prover's translations against the interpreter: in random states both give the same guards, faults and successors."""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import pytest
from tests.support.effort import sample
from tests.support.formal.everything import protocol as everything
from z3 import (
    And,
    BitVecVal,
    BoolRef,
    Const,
    DeclareSort,
    Exists,
    ExprRef,
    ForAll,
    IntVal,
    ModelRef,
    Not,
    Or,
    Solver,
    is_quantifier,
    is_true,
    sat,
    simplify,
    substitute,
    substitute_vars,
    unsat,
)

from flk.formal.explicit.expression import Builder, Expression, evaluate
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter, calculate
from flk.formal.explicit.schema import Instance, Schema, State
from flk.formal.language import Protocol
from flk.formal.language.nodes import Operator
from flk.formal.language.sorts import Index, Sort
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.prover.bits import Bits, code_variable, width_of
from flk.formal.prover.finite_encoding import FiniteEncoding, value_of
from flk.formal.prover.step import Stepping
from flk.formal.prover.symbols import Symbols, literal, truth
from flk.formal.prover.z3_encoding import Before, Translator, floor_divide

SUBJECTS: dict[str, Protocol] = {**PROTOCOLS, "everything": everything}
STATES = 36
"""Random states of each protocol: with some 50 instances in each, more than ten thousand questions in all. CI asks a third."""


def each_subject(*, large: Sequence[str]) -> pytest.MarkDecorator:
    """A test of every subject; CI leaves out those whose quantifiers take ten seconds and more to write out."""
    names = [pytest.param(name, marks=[pytest.mark.thorough] if name in large else []) for name in SUBJECTS]
    return pytest.mark.parametrize("name", names)


def states(schema: Schema, seed: int) -> Iterator[State]:
    """Random states, reachable or not."""
    chance = random.Random(seed)
    for _ in sample(range(STATES)):
        yield tuple(chance.randrange(cell.codes) for cell in schema.cells)


def said(interpreter: Interpreter, instance: Instance, state: State) -> "State | str":
    """What the interpreter says: the state after, `guard`, or where a fault is."""
    try:
        if interpreter.refusal(instance, state) is not None:
            return "guard"
    except Fault:
        return "fault of the guard"
    try:
        return interpreter.apply(instance, state)
    except Fault:
        return "fault of an update"


# Bit vectors


@pytest.mark.parametrize("operator", Operator)
def test_arithmetic_on_bit_vectors_is_that_of_python(operator: Operator) -> None:
    """Operands of up to three bits, negative ones and mixed: as expressions over codes, all give Python's result."""
    for (low, high), (below, above) in product([(0, 7), (-4, 3), (-9, -2), (0, 1)], repeat=2):
        build = Builder()
        left = build.plus(build.code(0, high - low + 1), build.number(low))
        right = build.plus(build.code(1, above - below + 1), build.number(below))
        compare(build.calculate(operator, left, right), (high - low + 1, above - below + 1))


@pytest.mark.parametrize("relation", ["equal", "less", "at_most"])
def test_comparisons_of_bit_vectors_are_those_of_python(relation: str) -> None:
    """Signed with signed, unsigned with unsigned, and mixed."""
    for (low, high), (below, above) in product([(0, 7), (-4, 3), (-9, -2), (0, 1), (3, 12)], repeat=2):
        build = Builder()
        left = build.plus(build.code(0, high - low + 1), build.number(low))
        right = build.plus(build.code(1, above - below + 1), build.number(below))
        compare(getattr(build, relation)(left, right), (high - low + 1, above - below + 1))


def test_choices_are_as_wide_as_both_their_values() -> None:
    """A choice between a negative number and a large one keeps both."""
    build = Builder()
    chosen = build.choice(build.equal(build.code(0, 2), build.number(1)), build.code(1, 8), build.number(-5))
    compare(build.plus(chosen, build.number(1)), (2, 8))


def compare(expression: Expression, sizes: Sequence[int]) -> None:
    """The bit vectors of an expression have its value, for all codes."""
    codes = [code_variable(f"c{n}", size) for n, size in enumerate(sizes)]
    bits = Bits(codes)
    for chosen in product(*map(range, sizes)):
        pairs = [(code, BitVecVal(value, code.size())) for code, value in zip(codes, chosen, strict=True)]
        if expression.is_truth:
            assert is_true(simplify(substitute(bits.truth(expression), *pairs))) == evaluate(expression, chosen)
        else:
            number = bits.number(expression)
            value = simplify(substitute(number.bits, *pairs))
            found = value.as_signed_long() if number.signed else value.as_long()  # type: ignore[attr-defined]
            assert found == evaluate(expression, chosen), (expression, chosen)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (0, 1), (0, 7), (0, 8), (-1, 0), (-8, 7), (-9, 3), (-3, -2), (-1, 200)]
)
def test_widths_hold_their_intervals(low: int, high: int) -> None:
    """The least and greatest value fit, and one bit less would not do."""
    width = width_of(low, high)
    least, greatest = (-(1 << width - 1), (1 << width - 1) - 1) if low < 0 else (0, (1 << width) - 1)
    assert least <= low <= high <= greatest
    assert width == 1 or not (least // 2 <= low and high <= greatest // 2)


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_machine_steps_as_the_interpreter_does(name: str) -> None:
    """In random states, an instance of the bit-vector encoding is enabled, faulty and moves exactly as the interpreter says."""
    encoding = FiniteEncoding(Ground(Schema.of(SUBJECTS[name])))
    interpreter = Interpreter(encoding.schema)
    possible = {instance.instance: instance for instance in encoding.instances}
    for state in states(encoding.schema, 1):
        model = given(encoding, state)
        for instance in encoding.schema.instances:
            answer = said(interpreter, instance, state)
            if instance not in possible:
                assert answer == "guard"
                continue
            ground = possible[instance]
            undefined, enabled, fault = (
                is_true(model.eval(encoding.truth(part), model_completion=True))
                for part in (ground.undefined, ground.enabled, ground.fault)
            )
            assert undefined == (answer == "fault of the guard"), instance
            if not undefined:
                assert enabled == (answer != "guard"), instance
                assert (enabled and fault) == (answer == "fault of an update"), instance
            if isinstance(answer, tuple):
                after = list(state)
                for cell, code in ground.writes:
                    after[cell] = value_of(model, encoding.bits.code(code, encoding.schema.cells[cell].codes))
                assert tuple(after) == answer, instance


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_whole_step_of_the_machine_is_a_step_of_the_interpreter(name: str) -> None:
    """From random states, the instance and the state after it that the solver chooses are right; where it finds none, none is."""
    encoding = FiniteEncoding(Ground(Schema.of(SUBJECTS[name])))
    interpreter = Interpreter(encoding.schema)
    for state in states(encoding.schema, 2):
        answers = {i: said(interpreter, i, state) for i in encoding.schema.instances}
        if any("fault" in answer for answer in answers.values() if isinstance(answer, str)):
            continue
        solver = Solver()
        solver.add(*at(encoding, state), encoding.step())
        if solver.check() == sat:
            model = solver.model()
            assert encoding.state(model, encoding.after()) == answers[encoding.choice(model)]
        else:
            assert set(answers.values()) == {"guard"}


def test_a_step_takes_one_instance_and_no_more() -> None:
    """Neither none nor two are taken together, in any state."""
    encoding = FiniteEncoding(Ground(Schema.of(SUBJECTS["two-phase-commit"])))
    taken = encoding.now.taken
    for wrong in (And(*map(Not, taken)), Or(*(And(a, b) for n, a in enumerate(taken) for b in taken[:n]))):
        solver = Solver()
        solver.add(encoding.step(), wrong)
        assert solver.check() == unsat


def at(encoding: FiniteEncoding, state: State) -> list[BoolRef]:
    """That the encoding is in a state."""
    return [code == BitVecVal(value, code.size()) for code, value in zip(encoding.now.codes, state, strict=True)]


def given(encoding: FiniteEncoding, state: State) -> ModelRef:
    """A model of a state."""
    solver = Solver()
    solver.add(*at(encoding, state))
    assert solver.check() == sat
    return solver.model()


# Open sorts


class Question(NamedTuple):
    """An instance's formulas with the elements of a universe filled in, quantifiers written out over it."""

    instance: Instance
    guard_is_defined: BoolRef
    enabled: BoolRef
    updates_are_defined: BoolRef
    after: tuple[tuple[int, ExprRef, BoolRef | None], ...]


class Universe:
    """The prover's own formulas, at a size: its index sorts get as many elements, and its quantifiers range over those."""

    def __init__(self, protocol: Protocol) -> None:
        self.schema = Schema.of(protocol)
        self.symbols = Symbols.of(protocol)
        self.elements = {
            name: [Const(f"{name}{n}", DeclareSort(name)) for n in range(size)]
            for name, size in self.schema.size_of.items()
        }
        steps = {action.name: Stepping(self.symbols, action) for action in protocol.actions.values()}
        self.questions = [self._question(steps[i.action.name], i) for i in self.schema.instances]
        state = Translator(self.symbols, Before(self.symbols))
        self.properties = {}
        for property_ in protocol.properties.values():
            meaning = state.encode(property_.condition, {})
            self.properties[property_.name] = (self.expand(truth(meaning.value)), self.expand(meaning.defined))

    def element(self, sort: Sort, value: int) -> ExprRef:
        """What stands for a value."""
        return self.elements[sort.name][value] if isinstance(sort, Index) else literal(sort, value)

    def expand(self, term: ExprRef) -> BoolRef:
        """Quantifiers written out."""
        return truth(self._expand(term))

    def _expand(self, term: ExprRef) -> ExprRef:
        if is_quantifier(term):
            names = [term.var_sort(n).name() for n in range(term.num_vars())]
            choices = product(*(self.elements[name] for name in names))
            bodies = [self.expand(substitute_vars(term.body(), *reversed(chosen))) for chosen in choices]
            return And(*bodies) if term.is_forall() else Or(*bodies)
        children = term.children()
        pairs = [(child, new) for child in children if (new := self._expand(child)).get_id() != child.get_id()]
        return term.decl()(*map(self._expand, children)) if pairs else term  # type: ignore[attr-defined]

    def _question(self, step: Stepping, instance: Instance) -> Question:
        filled = [
            (step.arguments[p.name], self.element(p.sort, value))
            for p, value in zip(instance.action.parameters, instance.arguments, strict=True)
        ]

        def at(term: ExprRef) -> ExprRef:
            return self._expand(substitute(term, *filled) if filled else term)

        after = []
        written = {update.variable for update in instance.action.updates}
        for position, cell in enumerate(self.schema.cells):
            if cell.variable in written:
                key = [self.element(sort, value) for sort, value in zip(cell.variable.domain, cell.key, strict=True)]
                there = step.after.state.defined(cell.variable, key) if cell.variable.partial else None
                value = at(step.after.state.value(cell.variable, key))
                after.append((position, value, None if there is None else truth(at(there))))
        meaning, enabled, updates = step.guard_is_defined, step.enabled, step.updates_are_defined
        return Question(instance, truth(at(meaning)), truth(at(enabled)), truth(at(updates)), tuple(after))

    def model(self, state: State) -> ModelRef:
        """A model of a state."""
        solver = Solver()
        for elements in self.elements.values():
            solver.add(*(a != b for n, a in enumerate(elements) for b in elements[:n]))
        for name, less in self.symbols.order.items():
            pairs = product(enumerate(self.elements[name]), repeat=2)
            solver.add(*(truth(less(a, b)) if m < n else Not(truth(less(a, b))) for (m, a), (n, b) in pairs))
        for cell, code in zip(self.schema.cells, state, strict=True):
            variable, value = cell.variable, cell.decode(code)
            key = [self.element(sort, at) for sort, at in zip(variable.domain, cell.key, strict=True)]
            if variable.partial:
                there = truth(self.symbols.defined[variable.name](*key))
                solver.add(Not(there) if value is None else there)
            if value is not None:
                solver.add(self.symbols.value[variable.name](*key) == self.element(variable.sort, value))
        assert solver.check() == sat
        return solver.model()

    def holds(self, model: ModelRef, formula: BoolRef) -> bool:
        """Whether a formula holds in a model."""
        return is_true(model.eval(formula, model_completion=True))


@cache
def universe(name: str) -> Universe:
    """Of a protocol, once."""
    return Universe(SUBJECTS[name])


@pytest.mark.slow
@pytest.mark.sampled
@each_subject(large=["ingest", "policies", "transparency"])
def test_the_open_formulas_step_as_the_interpreter_does(name: str) -> None:
    """In random states: what has a meaning in the prover has it in the interpreter, and then guards and successors are the same.

    The prover may ask for a meaning where the interpreter, which reads quantified elements in order, need not look.
    """
    world = universe(name)
    interpreter = Interpreter(world.schema)
    for state in states(world.schema, 3):
        model = world.model(state)
        for question in world.questions:
            answer = said(interpreter, question.instance, state)
            if not world.holds(model, question.guard_is_defined):
                continue
            assert answer != "fault of the guard", question.instance
            assert world.holds(model, question.enabled) == (answer != "guard"), question.instance
            if answer != "guard" and world.holds(model, question.updates_are_defined):
                assert isinstance(answer, tuple), question.instance
                check_after(world, model, question, answer)
            elif answer != "guard":
                assert answer == "fault of an update", question.instance


def check_after(world: Universe, model: ModelRef, question: Question, after: State) -> None:
    """Every cell that the action writes holds what the interpreter says."""
    for position, value, there in question.after:
        cell = world.schema.cells[position]
        expected = cell.decode(after[position])
        if there is not None:
            assert world.holds(model, there) == (expected is not None), (question.instance, str(cell))
        if expected is not None:
            assert world.holds(model, truth(value == world.element(cell.variable.sort, expected))), str(cell)


@pytest.mark.slow
@each_subject(large=["fences", "policies", "reconciliation", "transparency"])
def test_properties_mean_the_same_in_the_prover(name: str) -> None:
    """In random states, a property that has a meaning in the prover has the truth that the interpreter gives it."""
    world = universe(name)
    interpreter = Interpreter(world.schema)
    for state in states(world.schema, 4):
        model = world.model(state)
        for property_name, (holds, defined) in world.properties.items():
            if world.holds(model, defined):
                condition = SUBJECTS[name].properties[property_name].condition
                assert world.holds(model, holds) == interpreter.evaluate(condition, state, {}), property_name


def test_there_are_ten_thousand_questions() -> None:
    """Enough states and instances, over all protocols."""
    assert STATES * sum(len(Schema.of(protocol).instances) for protocol in SUBJECTS.values()) >= 10_000


def test_quantifiers_are_written_out_as_they_are_meant() -> None:
    """The test's own expansion: both quantifiers, nested, each over its own sort."""
    world = universe("two-phase-commit")
    sort = DeclareSort("RM")
    x, y = Const("x", sort), Const("y", sort)
    same = ForAll([x], Exists([y], x == y))
    assert world.holds(world.model(next(states(world.schema, 5))), world.expand(same))
    assert not world.holds(world.model(next(states(world.schema, 5))), world.expand(Exists([y], ForAll([x], x == y))))


def test_division_of_integers_rounds_down() -> None:
    """All small operands, whatever their signs, divide and leave the remainder that Python's do."""
    for left, right in product(range(-9, 10), repeat=2):
        if right:
            quotient = simplify(floor_divide(IntVal(left), IntVal(right)))
            assert str(quotient) == str(calculate(Operator.DIVIDE, left, right))
