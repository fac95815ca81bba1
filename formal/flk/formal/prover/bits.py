"""Ground expressions in Z3's bit vectors. Z3's own comparison, division and shift of them are signed, so each is chosen here.

A number whose interval has no negative value is unsigned and as wide as its greatest value; any other is in two's complement.
"""

from collections.abc import Sequence
from typing import NamedTuple

from z3 import (
    ULE,
    ULT,
    And,
    BitVec,
    BitVecRef,
    BitVecVal,
    BoolRef,
    Extract,
    If,
    Not,
    Or,
    SignExt,
    SRem,
    UDiv,
    URem,
    ZeroExt,
)

from flk.formal.explicit.expression import Expression, Op
from flk.formal.prover.symbols import FALSE, TRUE


class Number(NamedTuple):
    """A bit vector, and whether it is in two's complement."""

    bits: BitVecRef
    signed: bool


def width_of(low: int, high: int) -> int:
    """How many bits hold every value of an interval; one of them is the sign if a value is negative."""
    if low < 0:
        return 1 + max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0)
    return max(1, high.bit_length())


def code_variable(name: str, codes: int) -> BitVecRef:
    """A constant that holds the code of a cell."""
    return BitVec(name, width_of(0, codes - 1))


class Bits:
    """Prints expressions over given codes, each shared part once."""

    def __init__(self, codes: Sequence[BitVecRef]) -> None:
        self._codes = codes
        self._truths: dict[int, BoolRef] = {}
        self._numbers: dict[int, Number] = {}
        self._kept: list[Expression] = []  # so that no identity is used twice

    def truth(self, expression: Expression) -> BoolRef:
        """An expression that is a truth."""
        key = id(expression)
        if key not in self._truths:
            self._kept.append(expression)
            self._truths[key] = self._truth(expression)
        return self._truths[key]

    def code(self, expression: Expression, codes: int) -> BitVecRef:
        """A number that is the code of a cell with that many codes."""
        return _resize(self.number(expression), width_of(0, codes - 1))

    def number(self, expression: Expression) -> Number:
        """An expression that is a number."""
        key = id(expression)
        if key not in self._numbers:
            self._kept.append(expression)
            self._numbers[key] = self._number(expression)
        return self._numbers[key]

    def _truth(self, expression: Expression) -> BoolRef:
        match expression.op:
            case Op.TRUTH:
                return TRUE if expression.value else FALSE
            case Op.NOT:
                return Not(self.truth(expression.parts[0]))
            case Op.AND:
                return And(*map(self.truth, expression.parts))
            case Op.OR:
                return Or(*map(self.truth, expression.parts))
        left, right, signed = self._alike(expression)
        match expression.op:
            case Op.EQUAL:
                return left == right
            case Op.LESS:
                return left < right if signed else ULT(left, right)
            case _:
                return left <= right if signed else ULE(left, right)

    def _number(self, expression: Expression) -> Number:
        width, signed = width_of(expression.low, expression.high), expression.low < 0
        match expression.op:
            case Op.NUMBER:
                return Number(BitVecVal(expression.value, width), signed)
            case Op.CODE:
                return Number(self._codes[expression.value], signed=False)
            case Op.ITE:
                then, other = (_resize(self.number(part), width) for part in expression.parts[1:])
                return Number(If(self.truth(expression.parts[0]), then, other), signed)
        left, right, both = self._alike(expression, width)
        return Number(_resize(Number(_calculate(expression.op, left, right, signed=both), both), width), signed)

    def _alike(self, expression: Expression, least: int = 0) -> tuple[BitVecRef, BitVecRef, bool]:
        """Both parts at one width, which is at least so many bits, and whether they are in two's complement."""
        numbers = [self.number(part) for part in expression.parts]
        signed = expression.op is Op.MINUS or any(number.signed for number in numbers)
        width = max(least, *(n.bits.size() + (signed and not n.signed) for n in numbers))
        left, right = (_resize(number, width) for number in numbers)
        return left, right, signed


def _calculate(op: Op, left: BitVecRef, right: BitVecRef, *, signed: bool) -> BitVecRef:
    """Arithmetic modulo the width; division rounds down, and dividing by 0 gives 0."""
    zero = BitVecVal(0, left.size())
    match op:
        case Op.PLUS:
            return left + right
        case Op.MINUS:
            return left - right
        case Op.TIMES:
            return left * right
        case Op.DIVIDE:
            return If(right == zero, zero, _floor(left, right) if signed else UDiv(left, right))
        case _:  # on bit vectors % takes the sign of the divisor, as Python's does
            return If(right == zero, zero, left % right if signed else URem(left, right))


def _floor(left: BitVecRef, right: BitVecRef) -> BitVecRef:
    """Signed division that rounds down; Z3's rounds towards zero."""
    rest, zero = SRem(left, right), BitVecVal(0, left.size())
    below = And(rest != zero, (rest < zero) != (right < zero))
    return If(below, left / right - 1, left / right)


def _resize(number: Number, width: int) -> BitVecRef:
    """The same value in more bits, or its lowest bits."""
    bits, own = number.bits, number.bits.size()
    if own < width:
        return SignExt(width - own, bits) if number.signed else ZeroExt(width - own, bits)
    return bits if own == width else Extract(width - 1, 0, bits)
