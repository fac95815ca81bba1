"""How Numba's Python, NumPy and C write operations on truths and 64-bit numbers."""

from flk.formal.explicit.expression import Op


class Dialect:
    """How a language writes operations on truths and 64-bit numbers. This one is Python for Numba, one state at a time."""

    declare, end = "", ""
    both, either = " & ", " | "

    def constant(self, value: int) -> str:
        """A number; wide ones, which are masks, in hexadecimal."""
        return str(value) if abs(value) < 10 else hex(value)

    def truth(self, value: int) -> str:
        """A constant truth."""
        return "True" if value else "False"

    def negated(self, truth: str) -> str:
        """Not."""
        return f"(not {truth})"

    def choice(self, condition: str, then: str, other: str) -> str:
        """One of two numbers."""
        return f"({then} if {condition} else {other})"

    def divided(self, op: Op, left: str, right: str) -> str:
        """Rounded down; 0 where the divisor is 0."""
        return f"floor_{'quotient' if op is Op.DIVIDE else 'remainder'}({left}, {right})"

    def population(self, word: str) -> str:
        """How many bits of a word are set."""
        return f"population({word})"

    def shifted(self, number: str, down: int) -> str:
        """A number moved towards the low bits, or towards the high ones if negative."""
        return f"({number} {'>>' if down > 0 else '<<'} {abs(down)})" if down else number

    def gathered(self, word: str, mask: int, down: int) -> str:
        """Some bits of a word, moved."""
        return self.shifted(f"({word} & {self.constant(mask)})", down)


class Vectors(Dialect):
    """NumPy: many states at a time, in arrays."""

    def negated(self, truth: str) -> str:
        """Not."""
        return f"(~{truth})"

    def choice(self, condition: str, then: str, other: str) -> str:
        """One of two numbers."""
        return f"where({condition}, {then}, {other})"


class C(Dialect):
    """C."""

    declare, end = "const int64_t ", ";"
    both, either = " && ", " || "

    def constant(self, value: int) -> str:
        """A number."""
        return super().constant(value) + "LL"

    def truth(self, value: int) -> str:
        """A constant truth."""
        return str(value)

    def negated(self, truth: str) -> str:
        """Not."""
        return f"(!{truth})"

    def choice(self, condition: str, then: str, other: str) -> str:
        """One of two numbers."""
        return f"({condition} ? {then} : {other})"
