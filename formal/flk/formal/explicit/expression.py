"""Expressions over the codes of a state's cells: shared, simplified as they are built, each with the interval of its values.

Truths and numbers are distinct. Division rounds down as in Python; dividing by 0 gives 0 in every engine, and is never relied on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from flk.formal.language.nodes import Operator


class Op(StrEnum):
    """What an expression does with its parts."""

    TRUTH = "truth"
    NUMBER = "number"
    CODE = "code"
    NOT = "not"
    AND = "and"
    OR = "or"
    ITE = "ite"
    EQUAL = "="
    LESS = "<"
    AT_MOST = "<="
    PLUS = "+"
    MINUS = "-"
    TIMES = "*"
    DIVIDE = "//"
    REMAINDER = "%"


TRUTHS = frozenset({Op.TRUTH, Op.NOT, Op.AND, Op.OR, Op.EQUAL, Op.LESS, Op.AT_MOST})
_ARITHMETIC = {operator: Op(operator.value) for operator in Operator}


@dataclass(frozen=True, eq=False, slots=True)
class Expression:
    """One operation. `value` is that of a TRUTH or NUMBER, or the cell of a CODE; `low` and `high` bound the values.

    Within one builder equal expressions are one object, so identity is equality.
    """

    op: Op
    parts: tuple["Expression", ...]
    value: int
    low: int
    high: int
    is_truth: bool

    @property
    def is_true(self) -> bool:
        """Whether it is the constant true."""
        return self.op is Op.TRUTH and self.value == 1

    @property
    def is_false(self) -> bool:
        """Whether it is the constant false."""
        return self.op is Op.TRUTH and self.value == 0

    @property
    def is_number(self) -> bool:
        """Whether it is a constant number."""
        return self.op is Op.NUMBER


_Key: TypeAlias = tuple[Op, tuple[int, ...], int]


class Builder:
    """Makes expressions, each once, in their simplest form."""

    def __init__(self) -> None:
        self._made: dict[_Key, Expression] = {}
        self.true, self.false = self._make(Op.TRUTH, (), 1, 1, 1), self._make(Op.TRUTH, (), 0, 0, 0)

    def truth(self, value: int) -> Expression:
        """A constant truth."""
        return self.true if value else self.false

    def number(self, value: int) -> Expression:
        """A constant number."""
        return self._make(Op.NUMBER, (), value, value, value)

    def code(self, cell: int, codes: int) -> Expression:
        """The code of a cell that has that many."""
        return self.number(0) if codes == 1 else self._make(Op.CODE, (), cell, 0, codes - 1)

    def negation(self, part: Expression) -> Expression:
        """Not."""
        if part.op is Op.TRUTH:
            return self.truth(not part.value)
        return part.parts[0] if part.op is Op.NOT else self._truth(Op.NOT, (part,))

    def conjunction(self, parts: Iterable[Expression]) -> Expression:
        """All of them; true if there is none."""
        return self._join(Op.AND, parts, self.true, self.false)

    def disjunction(self, parts: Iterable[Expression]) -> Expression:
        """Any of them; false if there is none."""
        return self._join(Op.OR, parts, self.false, self.true)

    def choice(self, condition: Expression, then: Expression, other: Expression) -> Expression:
        """`then` or `other`, of one kind."""
        if condition.op is Op.TRUTH or then is other:
            return then if condition.is_true or then is other else other
        if condition.op is Op.NOT:
            return self.choice(condition.parts[0], other, then)
        if then.is_truth:
            yes = self.conjunction([condition, then])
            return self.disjunction([yes, self.conjunction([self.negation(condition), other])])
        if then is self.number(1) and other is self.number(0) and self._is_bit(condition):
            return condition.parts[0]
        low, high = min(then.low, other.low), max(then.high, other.high)
        return self._make(Op.ITE, (condition, then, other), 0, low, high)

    def equal(self, left: Expression, right: Expression) -> Expression:
        """Whether two truths or two numbers are the same."""
        if left.is_truth:
            both = self.conjunction([left, right])
            return self.disjunction([both, self.conjunction([self.negation(left), self.negation(right)])])
        if left is right:
            return self.true
        if left.high < right.low or right.high < left.low:
            return self.false
        if left.is_number:
            left, right = right, left
        if left.is_number and right.is_number:
            return self.truth(left.value == right.value)
        if right.is_number:
            return self._equal_number(left, right)
        return self._truth(Op.EQUAL, (left, right))

    def less(self, left: Expression, right: Expression) -> Expression:
        """Whether one number is less than another."""
        if left.high < right.low:
            return self.true
        if left.low >= right.high:
            return self.false
        return self._truth(Op.LESS, (left, right))

    def at_most(self, left: Expression, right: Expression) -> Expression:
        """Whether one number is at most another."""
        if left.high <= right.low:
            return self.true
        if left.low > right.high:
            return self.false
        return self._truth(Op.AT_MOST, (left, right))

    def plus(self, left: Expression, right: Expression) -> Expression:
        """The sum."""
        return self.calculate(Operator.PLUS, left, right)

    def calculate(self, operator: Operator, left: Expression, right: Expression) -> Expression:
        """Arithmetic; dividing by 0 gives 0."""
        if left.is_number and right.is_number:
            return self.number(calculate(operator, left.value, right.value))
        if operator is Operator.MINUS and right.is_number:
            return self.calculate(Operator.PLUS, left, self.number(-right.value))
        if operator is Operator.PLUS:
            if left.is_number:
                left, right = right, left
            if right.is_number and right.value == 0:
                return left
            if right.is_number and left.op is Op.PLUS and left.parts[1].is_number:
                return self.calculate(operator, left.parts[0], self.number(left.parts[1].value + right.value))
        low, high = _interval(operator, left, right)
        return self._make(_ARITHMETIC[operator], (left, right), 0, low, high)

    def _equal_number(self, left: Expression, right: Expression) -> Expression:
        if left.op is Op.PLUS and left.parts[1].is_number:
            return self.equal(left.parts[0], self.number(right.value - left.parts[1].value))
        if left.op is Op.ITE and left.parts[1].is_number and left.parts[2].is_number:
            condition, then, other = left.parts
            return self.choice(condition, self.truth(then.value == right.value), self.truth(other.value == right.value))
        return self._truth(Op.EQUAL, (left, right))

    def _is_bit(self, condition: Expression) -> bool:
        """Whether it asks of a number that is 0 or 1 if it is 1."""
        if condition.op is not Op.EQUAL or condition.parts[1] is not self.number(1):
            return False
        return (condition.parts[0].low, condition.parts[0].high) == (0, 1)

    def _join(self, op: Op, parts: Iterable[Expression], neutral: Expression, absorbing: Expression) -> Expression:
        kept: dict[Expression, None] = {}
        for part in parts:
            for each in part.parts if part.op is op else (part,):
                if each is absorbing or self.negation(each) in kept:
                    return absorbing
                if each is not neutral:
                    kept[each] = None
        if len(kept) <= 1:
            return next(iter(kept), neutral)
        return self._truth(op, tuple(kept))

    def _truth(self, op: Op, parts: tuple[Expression, ...]) -> Expression:
        return self._make(op, parts, 0, 0, 1)

    def _make(self, op: Op, parts: tuple[Expression, ...], value: int, low: int, high: int) -> Expression:
        key = (op, tuple(map(id, parts)), value)
        if key not in self._made:
            self._made[key] = Expression(op, parts, value, low, high, op in TRUTHS)
        return self._made[key]


def evaluate(expression: Expression, codes: Sequence[int]) -> int:
    """The value in a state: the reference that printed forms are tested against."""
    return _evaluate(expression, codes, {})


def _evaluate(expression: Expression, codes: Sequence[int], known: dict[Expression, int]) -> int:
    """The same; parts that occur more than once are evaluated once."""
    if expression not in known:
        values = [_evaluate(part, codes, known) for part in expression.parts]
        known[expression] = _apply(expression, values, codes)
    return known[expression]


def _apply(expression: Expression, value: Sequence[int], codes: Sequence[int]) -> int:
    match expression.op:
        case Op.TRUTH | Op.NUMBER:
            return expression.value
        case Op.CODE:
            return codes[expression.value]
        case Op.NOT:
            return not value[0]
        case Op.AND:
            return all(value)
        case Op.OR:
            return any(value)
        case Op.ITE:
            return value[1] if value[0] else value[2]
        case Op.EQUAL:
            return value[0] == value[1]
        case Op.LESS:
            return value[0] < value[1]
        case Op.AT_MOST:
            return value[0] <= value[1]
        case _:
            return calculate(Operator(expression.op.value), value[0], value[1])


def calculate(operator: Operator, left: int, right: int) -> int:
    """Arithmetic as Python does it, but 0 where the divisor is 0."""
    match operator:
        case Operator.PLUS:
            return left + right
        case Operator.MINUS:
            return left - right
        case Operator.TIMES:
            return left * right
        case Operator.DIVIDE:
            return left // right if right else 0
        case Operator.REMAINDER:
            return left % right if right else 0


def _interval(operator: Operator, left: Expression, right: Expression) -> tuple[int, int]:
    """Bounds of the result: at the corners for + - *, and generous ones for // and %."""
    if operator in {Operator.DIVIDE, Operator.REMAINDER}:
        largest = max(abs(left.low), abs(left.high)) + 1
        divisor = max(abs(right.low), abs(right.high))
        reach = largest if operator is Operator.DIVIDE else divisor
        return -reach, reach
    corners = [calculate(operator, x, y) for x in (left.low, left.high) for y in (right.low, right.high)]
    return min(corners), max(corners)
