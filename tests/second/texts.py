"""What the specification states as numbers, and how this implementation says that a rule is broken."""

import tomllib
from fractions import Fraction
from typing import Any

from tests.support import ROOT

CONSTANTS: dict[str, dict[str, Any]] = tomllib.loads(
    (ROOT / "spec/flk/spec/constants.toml").read_text("utf-8"), parse_float=Fraction
)
"""`constants.toml` by table and name; what has a decimal point is the fraction that its decimals say."""


class Broken(Exception):
    """The input breaks `requirement`; `field` is the record's field at fault, if one is."""

    def __init__(self, requirement: str, field: str | None = None) -> None:
        super().__init__(requirement, field)
        self.requirement = requirement
        self.field = field
