"""Kinds of anchors, as data: `anchors.toml`, or an operator's own file of the same form."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

from flk.spec.errors import UnusableInput

Some = Annotated[int, msgspec.Meta(ge=1)]


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of anchor: how many leaves one may stand for, seconds until it can be shown, US dollars for each, how long it lasts
    (1 to 5), and the share of attempts that come to one.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    batch: Some
    latency: Annotated[int, msgspec.Meta(ge=0)]
    cost: Decimal
    durability: Annotated[int, msgspec.Meta(ge=1, le=5)]
    reliability: Decimal

    def __post_init__(self) -> None:
        if not (self.cost.is_finite() and self.cost >= 0):
            raise ValueError("`cost` is a decimal of 0 or more")
        if not (self.reliability.is_finite() and 0 < self.reliability <= 1):
            raise ValueError("`reliability` is a decimal above 0, and 1 at most")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    anchor: Annotated[tuple[Anchor, ...], msgspec.Meta(min_length=1)]


@cache
def anchors() -> tuple[Anchor, ...]:
    """Those of the table."""
    return parse((files(__package__) / "anchors.toml").read_text(), "anchors.toml")


def parse(text: str, name: str) -> tuple[Anchor, ...]:
    """Those of a file. Raises UnusableInput."""
    try:
        found = msgspec.convert(tomllib.loads(text), _File).anchor
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UnusableInput(f"{name}: {error}; its form is that of `flk audit plan --table`") from None
    names = [anchor.name for anchor in found]
    if repeated := {each for each in names if names.count(each) > 1}:
        raise UnusableInput(f"{name}: {', '.join(sorted(repeated))} is there twice; give each kind its own name")
    return found
