"""Prints ground expressions as program text over packed states, for NumPy, Numba and C alike.

A state is in scope as its words, signed 64-bit numbers that are never negative (`explicit.layout`). Tests of several fields of a
word become one masked comparison, and fields that move together move together; what is used more than once gets a name.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flk.formal.explicit.engines.dialects import Dialect
from flk.formal.explicit.expression import Expression, Op
from flk.formal.explicit.ground import GroundInstance, Write
from flk.formal.explicit.layout import Field

DEEP = 12
"""Levels of parentheses after which an expression gets a name: Python's parser gives up at a hundred."""


class Printed(NamedTuple):
    """Text, and how deep its parentheses go."""

    text: str
    depth: int


class Scope:
    """One function or block: `lines` define names, and come before what is printed after them."""

    def __init__(self, dialect: Dialect, fields: Sequence[Field], roots: Iterable[Expression], word: str = "w") -> None:
        self.dialect = dialect
        self.fields = fields
        self.word = word
        self.lines: list[str] = []
        self._names: dict[Expression, str] = {}
        self._uses = _uses(roots)
        self._prefix = "t"

    def inner(self, roots: Iterable[Expression]) -> "Scope":
        """A block within: it knows the names of this one, and its own are unknown outside."""
        block = Scope(self.dialect, self.fields, roots, self.word)
        block._names = dict(self._names)
        block._prefix = self._prefix + "_"
        return block

    def text(self, expression: Expression) -> str:
        """The expression; its lines are added."""
        return self._print(expression).text

    def unless_false(self, truth: Expression) -> str:
        """The text of a truth, or nothing where it is plainly false."""
        return "" if truth.is_false else self.text(truth)

    def taken(self) -> list[str]:
        """The lines so far. They are kept here no longer, so that more can follow what is printed between."""
        lines, self.lines = self.lines, []
        return lines

    def effect(self, ground: GroundInstance, words: int) -> "Effect":
        """What an instance does, in a block of its own."""
        block = self.inner([ground.fault, *(write.code for write in ground.writes)])
        fault = block.unless_false(ground.fault)
        after = block.words_after(ground.writes, words)
        return Effect(block.lines, fault, after)

    def words_after(self, writes: Sequence[Write], words: int) -> list[str]:
        """The words of the state once the cells are written."""
        cleared, constant = [0] * words, [0] * words
        moves: list[tuple[Field, Field]] = []
        terms: list[list[str]] = [[] for _ in range(words)]
        for write in writes:
            to = self.fields[write.cell]
            cleared[to.word] |= to.mask
            if write.code.is_number:
                constant[to.word] |= (write.code.value << to.shift) & to.mask
            elif write.code.op is Op.CODE and self.fields[write.code.value].bits == to.bits:
                moves.append((self.fields[write.code.value], to))
            else:
                terms[to.word].append(self.dialect.shifted(self.text(write.code), -to.shift))
        for (to_word, source_word, down), mask in together(moves).items():
            terms[to_word].append(self.dialect.gathered(f"{self.word}{source_word}", mask, down))
        return [self._word(word, cleared[word], constant[word], terms[word]) for word in range(words)]

    def _word(self, word: int, cleared: int, constant: int, terms: Sequence[str]) -> str:
        parts = [f"{self.word}{word}"]
        if cleared:
            parts[0] = f"({parts[0]} & ~{self.dialect.constant(cleared)})"
        if constant:
            parts.append(self.dialect.constant(constant))
        parts += terms
        return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"

    def _print(self, e: Expression) -> Printed:
        if e in self._names:
            return Printed(self._names[e], 0)
        printed = self._form(e)
        shared = self._uses[e] > 1 and not _is_plain(e) and printed.depth > 1
        if not shared and printed.depth < DEEP:
            return printed
        name = f"{self._prefix}{len(self._names)}"
        self.lines.append(f"{self.dialect.declare}{name} = {printed.text}{self.dialect.end}")
        self._names[e] = name
        return Printed(name, 0)

    def _form(self, e: Expression) -> Printed:
        d = self.dialect
        match e.op:
            case Op.TRUTH:
                return Printed(d.truth(e.value), 0)
            case Op.NUMBER:
                return Printed(d.constant(e.value), 0)
            case Op.CODE:
                return self._field(self.fields[e.value])
            case Op.AND | Op.OR:
                return self._junction(e)
            case Op.NOT | Op.EQUAL if (test := self._test(e)) is not None:
                return Printed(self._tested(test.field.word, test.field.mask, test.bits, equal=test.equal), 2)
            case Op.PLUS:
                return self._sum(e)
        parts = [self._print(part) for part in e.parts]
        depth = 1 + max(part.depth for part in parts)
        texts = [part.text for part in parts]
        match e.op:
            case Op.NOT:
                return Printed(d.negated(texts[0]), depth)
            case Op.ITE:
                return Printed(d.choice(*texts), depth)
            case Op.DIVIDE | Op.REMAINDER:
                return Printed(d.divided(e.op, *texts), depth)
            case op:
                sign = "==" if op is Op.EQUAL else op.value
                return Printed(f"({texts[0]} {sign} {texts[1]})", depth)

    def _field(self, field: Field) -> Printed:
        moved = self.dialect.shifted(f"{self.word}{field.word}", field.shift)
        return Printed(f"({moved} & {self.dialect.constant((1 << field.bits) - 1)})", 2)

    def _junction(self, e: Expression) -> Printed:
        """Parts that test fields of one word against codes are one comparison: equal to all, or unequal to some."""
        equal = e.op is Op.AND
        masks: dict[int, int] = {}
        bits: dict[int, int] = {}
        rest: list[Expression] = []
        for part in e.parts:
            test = self._test(part, wanted=equal)
            if test is None or test.equal is not equal or masks.get(test.field.word, 0) & test.field.mask:
                rest.append(part)
                continue
            word = test.field.word
            masks[word] = masks.get(word, 0) | test.field.mask
            bits[word] = bits.get(word, 0) | test.bits
        texts = [self._tested(word, mask, bits[word], equal=equal) for word, mask in masks.items()]
        printed = [self._print(part) for part in rest]
        texts += [part.text for part in printed]
        if len(texts) == 1:
            return Printed(texts[0], 2)
        joint = self.dialect.both if equal else self.dialect.either
        return Printed(f"({joint.join(texts)})", 1 + max(2, *(part.depth for part in printed), 0))

    def _tested(self, word: int, mask: int, bits: int, *, equal: bool) -> str:
        sign = "==" if equal else "!="
        return f"(({self.word}{word} & {self.dialect.constant(mask)}) {sign} {self.dialect.constant(bits)})"

    def _sum(self, e: Expression) -> Printed:
        """Single bits of one word are counted all at once."""
        bits: dict[int, int] = {}
        rest: list[Expression] = []
        for part in self._addends(e):
            field = self.fields[part.value] if part.op is Op.CODE else None
            if field is None or field.bits != 1 or bits.get(field.word, 0) & field.mask:
                rest.append(part)
            else:
                bits[field.word] = bits.get(field.word, 0) | field.mask
        d = self.dialect
        counted = [d.population(d.gathered(f"{self.word}{word}", mask, 0)) for word, mask in bits.items()]
        printed = [self._print(part) for part in rest]
        texts = [*counted, *(part.text for part in printed)]
        return Printed(f"({' + '.join(texts)})", 1 + max(2, *(part.depth for part in printed), 0))

    def _addends(self, e: Expression) -> Iterator[Expression]:
        for part in e.parts:
            if part.op is Op.PLUS and self._uses[part] <= 1:
                yield from self._addends(part)
            else:
                yield part

    def _test(self, e: Expression, *, wanted: bool | None = None) -> "_Test | None":
        """The comparison of a field with a code that `e` is, if it is one; of two codes, each is what the other is not."""
        if e.op is Op.NOT:
            inner = self._test(e.parts[0])
            found = inner and inner._replace(equal=not inner.equal)
        elif e.op is Op.EQUAL and e.parts[0].op is Op.CODE and e.parts[1].is_number:
            field = self.fields[e.parts[0].value]
            found = _Test(field, e.parts[1].value << field.shift, equal=True)
        else:
            return None
        if found and wanted is not None and found.equal is not wanted and found.field.bits == 1:
            return _Test(found.field, found.bits ^ found.field.mask, equal=wanted)
        return found


class Effect(NamedTuple):
    """The effect of an instance: lines that define names, whether it is a fault (nothing if never), and the words after."""

    lines: list[str]
    fault: str
    words: list[str]


def together(moves: Iterable[tuple[Field, Field]]) -> dict[tuple[int, int, int], int]:
    """Moves of one field to another as moves of masks: by the word they go to, the word they come from, and how far down."""
    masks: dict[tuple[int, int, int], int] = {}
    for source, to in moves:
        key = (to.word, source.word, source.shift - to.shift)
        masks[key] = masks.get(key, 0) | source.mask
    return masks


def indented(lines: Iterable[str], by: int) -> Iterator[str]:
    """The lines, further to the right."""
    return (" " * by + line for line in lines)


class _Test(NamedTuple):
    """Whether a field holds some bits, given in place, or whether it does not."""

    field: Field
    bits: int
    equal: bool


def _is_plain(e: Expression) -> bool:
    """Whether it is cheaper to repeat than to keep."""
    inner = e.parts[0] if e.op is Op.NOT else e
    return not inner.parts or (inner.op is Op.EQUAL and all(not part.parts for part in inner.parts))


def _uses(roots: Iterable[Expression]) -> Mapping[Expression, int]:
    """How often each expression is a part of another, or a root."""
    uses: Counter[Expression] = Counter()
    stack = list(roots)
    uses.update(stack)
    seen: set[Expression] = set()
    while stack:
        e = stack.pop()
        if e not in seen:
            seen.add(e)
            uses.update(e.parts)
            stack += e.parts
    return uses
