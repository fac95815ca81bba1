"""`flk limits`, and `flk serve --limit`: the bounds of a server."""

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated, NamedTuple

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.constants import CONSTANTS, Breaker, Garbage, Http, Mover, Otlp, Pressure
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

_LINE = re.compile(r"(\w+) *= *(\S+) *# *(.*)")
_HEAD = re.compile(r"\[(\w+)\]")


class Limits(msgspec.Struct, frozen=True):
    """The bounds of HTTP, those of what is logged unsigned, and the numbers of back-pressure, circuit breakers, the mover
    and what is told to a collector.
    """

    http: Http
    garbage: Garbage
    pressure: Pressure
    breaker: Breaker
    mover: Mover
    otlp: Otlp


class Limit(NamedTuple):
    """A bound as it is listed."""

    name: str
    default: float
    meaning: str


DEFAULTS = Limits(
    CONSTANTS.http, CONSTANTS.garbage, CONSTANTS.pressure, CONSTANTS.breaker, CONSTANTS.mover, CONSTANTS.otlp
)
_PLAIN = frozenset({"http", "garbage"})
"""Tables whose bounds go by their own names; those of the others are named with their table."""


def with_limits(given: Iterable[str]) -> Limits:
    """The bounds with some set otherwise, each as NAME=VALUE. Raises UnusableInput for a name or value that makes no sense.

    >>> with_limits(["max_connections=100", "pressure.target_queue=8"]).pressure.target_queue
    8
    """
    values: dict[str, dict[str, object]] = msgspec.to_builtins(DEFAULTS)
    places = {_name(table, name): (table, name) for table, bounds in values.items() for name in bounds}
    for item in given:
        name, equals, value = item.partition("=")
        if name not in places:
            raise UnusableInput(f"--limit {item}: there is no bound {name!r}; {nearest(name, sorted(places))}")
        if not equals:
            raise UnusableInput(f"--limit {item}: write {name}=VALUE")
        table, bound = places[name]
        values[table][bound] = value
    try:
        return msgspec.convert(values, Limits, strict=False)
    except msgspec.ValidationError as error:
        raise UnusableInput(f"--limit: {error}; `flk limits` lists the bounds") from None


def listed() -> tuple[Limit, ...]:
    """Every bound, with what `constants.toml` says of it."""
    meanings: dict[tuple[str, str], str] = {}
    table = ""
    for line in files("flk.spec").joinpath("constants.toml").read_text("utf-8").splitlines():
        if head := _HEAD.match(line):
            table = head[1]
        elif found := _LINE.match(line):
            meanings[table, found[1]] = found[3]
    values: dict[str, dict[str, float]] = msgspec.to_builtins(DEFAULTS)
    return tuple(
        Limit(_name(table, name), value, meanings[table, name])
        for table, bounds in values.items()
        for name, value in bounds.items()
    )


def _name(table: str, bound: str) -> str:
    return bound if table in _PLAIN else f"{table}.{bound}"


@app.command(epilog="Example: flk serve --limit max_peer_connections=64 --limit request_seconds=10 ...")
def limits(*, json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False) -> None:
    """The bounds of `flk serve`, each with its default; `--limit NAME=VALUE` sets one."""
    if json:
        typer.echo(msgspec.json.encode([limit._asdict() for limit in listed()]))
        return
    from rich.console import Console

    from flk.impl.command.bench.tables import table

    rows = ((limit.name, f"{limit.default:.12g}", limit.meaning) for limit in listed())
    Console().print(table(("bound", ">default", "what it bounds"), rows))
