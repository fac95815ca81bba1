"""Variables: what the state is made of."""

from dataclasses import dataclass

from flk.formal.language.sorts import Sort


@dataclass(frozen=True)
class Variable:
    """What the state holds under one name: one value of `sort` for each value of the `domain`.

    `initially` is the integer of a value, None for any, and `partial` says that values may be absent; a partial variable begins so.
    """

    name: str
    domain: tuple[Sort, ...]
    sort: Sort
    initially: int | None
    partial: bool
