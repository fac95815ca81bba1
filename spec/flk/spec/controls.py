"""Controls of SOC 2, ISO 27001, HIPAA and GDPR, each with the queries whose answers are evidence for it (EVD-1).

The tables stand in `controls/FRAMEWORK.toml`. They have only controls that this system can say something about, and those where a
reader would look for it and must be told that it cannot. Titles are ours.
"""

import tomllib
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from flk.spec.claims import claims
from flk.spec.errors import UnusableInput
from flk.spec.metrics import METRICS
from flk.spec.requirements import catalogue

Some = Annotated[tuple[str, ...], Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]

LEAF_KINDS = ("outcome", "supersession", "equivocation", "begun", "keys", "tenants", "policies", "erasure", "erased")
"""What leaves of an audit log are about (TLOG-6, ERA-1)."""


class Framework(StrEnum):
    """Whose controls a table has."""

    SOC2 = "soc2"
    ISO27001 = "iso27001"
    HIPAA = "hipaa"
    GDPR = "gdpr"


class Over(StrEnum):
    """What becomes one number of the samples of a metric."""

    SUM = "sum"
    LEAST = "least"
    MOST = "most"


class Requirements(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="requirements"):
    """The tests that `spec` names as evidence of these requirements were run and passed."""

    ids: Some


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="claims"):
    """These claims were judged, and hold here as the list of claims states."""

    names: Some


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="log"):
    """Every leaf and tile of the audit log is what its signed checkpoint says."""


class Leaves(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="leaves"):
    """The leaves of the period that are about one thing, and how many there may be: too few is no evidence, too many a failure."""

    about: str
    at_least: Count | None = None
    at_most: Count | None = None


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="metric"):
    """A metric in the scrapes that were given, over the samples that have these labels, within bounds."""

    metric: str
    over: Over
    labels: dict[str, str] = {}
    at_least: float | None = None
    at_most: float | None = None


class Simulated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="run"):
    """A simulated scenario that was run: it holds, with every invariant, and has met the objective, if one is named."""

    scenario: str
    objective: str = ""


Query: TypeAlias = Requirements | Claims | Log | Leaves | Measured | Simulated


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A control: its id, a title in our words, and either queries or why there are none. `beyond` is what the control asks for and
    no query can see.
    """

    id: Annotated[str, Meta(min_length=1)]
    title: Annotated[str, Meta(min_length=1)]
    queries: tuple[Query, ...] = ()
    beyond: str = ""
    outside: str = ""


class Table(msgspec.Struct, frozen=True):
    """The controls of a framework. `digest` is the SHA-256 of the text that states them."""

    framework: Framework
    title: str
    controls: tuple[Control, ...]
    digest: str


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    control: Annotated[tuple[Control, ...], Meta(min_length=1)]


@cache
def table(framework: Framework) -> Table:
    """The controls of a framework."""
    return parse(framework, files("flk.spec").joinpath(f"controls/{framework}.toml").read_text("utf-8"))


def parse(framework: Framework, text: str) -> Table:
    """The controls that a text states. Raises UnusableInput, which names the file, the control and the fix."""
    file = f"{framework}.toml"
    try:
        written = msgspec.convert(tomllib.loads(text), _Written)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UnusableInput(f"{file}: {error}") from None
    ids = [control.id for control in written.control]
    for control in written.control:
        for complaint in _complaints(control):
            raise UnusableInput(f"{file}: {control.id}: {complaint}")
        if ids.count(control.id) > 1:
            raise UnusableInput(f"{file}: {control.id} is there twice; give it all its queries in one place")
    return Table(framework, written.title, written.control, sha256(text.encode()).hexdigest())


def _complaints(control: Control) -> Iterator[str]:
    if bool(control.queries) == bool(control.outside):
        yield "give it `queries`, or say in `outside` why the system cannot see it"
    if len(set(map(repr, control.queries))) < len(control.queries):
        yield "asks the same twice"
    for query in control.queries:
        yield from _mistakes(query)


def _mistakes(query: Query) -> Iterator[str]:
    match query:
        case Requirements(ids):
            yield from _unknown("requirement", ids, [one.id for one in catalogue()])
        case Claims(names):
            yield from _unknown("claim", names, [one.name for one in claims()])
        case Leaves(about):
            yield from _unknown("kind of leaf", [about], LEAF_KINDS)
        case Measured(metric, labels=labels):
            yield from _unknown("metric", [metric], METRICS)
            yield from _unknown("label", labels, METRICS[metric].labels if metric in METRICS else labels)
    if isinstance(query, Leaves | Measured) and query.at_least is None and query.at_most is None:
        yield "nothing is asked of it: give `at_least` or `at_most`"


def _unknown(what: str, names: "Iterator[str] | Some | list[str] | dict[str, str]", known: object) -> Iterator[str]:
    for name in names:
        if name not in known:  # type: ignore[operator]  # a collection of names
            yield f"no {what} is called {name}"
