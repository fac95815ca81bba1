"""The vectors: what an implementation of the specification must answer, case by case, in files that any language reads.

A file of `vectors/` holds the cases of one operation. Golden files (`OPERATION.golden.json`) were written by hand from records of
the earlier system and published test vectors; the others are computed from the model and committed.
`conformance/PROTOCOL.md` describes the operations, and how numbers and bytes are written.
"""

from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Origin(StrEnum):
    """Where the expected answers come from."""

    FACTS = "facts"
    MODEL = "model"


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The one right answer: a JSON value, or the requirement that the input breaks and the record's field at fault."""

    value: Raw | UnsetType = UNSET
    error: str | UnsetType = UNSET
    field: str | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if (self.value is UNSET) == (self.error is UNSET):
            raise ValueError("a case expects either a value or an error")


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question and its answer. `flags` name what makes the case hard; its file explains them.

    `input` is the question and `expect.value` the answer, both JSON as it stands in the file; instead of a value a case may expect
    an `error`: the requirement that the input breaks, and for some the field at fault.

    >>> import msgspec
    >>> from flk.spec.vectors import load
    >>> case = next(case for group in load() if group.name == "d_hat.golden" for case in group.cases)
    >>> sorted(msgspec.json.decode(case.input)), msgspec.json.decode(case.expect.value)
    (['counts', 'scales'], 0.453416228)
    """

    id: str
    comment: str
    requirements: tuple[str, ...]
    flags: tuple[str, ...]
    input: Raw
    expect: Expect


class Vectors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cases of one file: an operation, where the answers come from, and the requirements that its cases bear on.

    >>> from flk.spec.vectors import load
    >>> group = next(group for group in load() if group.name == "budget.golden")
    >>> group.operation, group.origin.value, group.requirements
    ('budget', 'facts', ('SIG-6', 'SIG-7'))
    """

    operation: str
    origin: Origin
    requirements: tuple[str, ...]
    comment: str
    flags: dict[str, str]
    cases: tuple[Case, ...]

    @property
    def name(self) -> str:
        """The file's name without its extension, by which evidence refers to it."""
        return f"{self.operation}.golden" if self.origin is Origin.FACTS else self.operation


@cache
def load() -> tuple[Vectors, ...]:
    """All vectors, in the order of their names. Raises msgspec.ValidationError for a file that is not of this form."""
    texts = [
        file.read_bytes() for file in files("flk.spec").joinpath("vectors").iterdir() if file.name.endswith(".json")
    ]
    return tuple(sorted((msgspec.json.decode(text, type=Vectors) for text in texts), key=lambda vectors: vectors.name))
