"""`flk limits`, and `flk serve --limit`: the bounds of a server."""

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated, NamedTuple

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.constants import CONSTANTS, Garbage, Http
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

_LINE = re.compile(r"(\w+) *= *(\S+) *# *(.*)")


class Limits(NamedTuple):
    """The bounds of HTTP, and those of what is logged unsigned."""

    http: Http
    garbage: Garbage


class Limit(NamedTuple):
    """A bound as it is listed."""

    name: str
    default: float
    meaning: str


DEFAULTS = Limits(CONSTANTS.http, CONSTANTS.garbage)


def with_limits(given: Iterable[str]) -> Limits:
    """The bounds with some set otherwise, each as NAME=VALUE. Raises UnusableInput for a name or value that makes no sense.

    >>> with_limits(["max_connections=100"]).http.max_connections
    100
    """
    values = [msgspec.structs.asdict(table) for table in DEFAULTS]
    for item in given:
        name, equals, value = item.partition("=")
        tables = [table for table in values if name in table]
        if not tables:
            known = sorted(name for table in values for name in table)
            raise UnusableInput(f"--limit {item}: there is no bound {name!r}; {nearest(name, known)}")
        if not equals:
            raise UnusableInput(f"--limit {item}: write {name}=VALUE")
        tables[0][name] = value
    try:
        return Limits(msgspec.convert(values[0], Http, strict=False), msgspec.convert(values[1], Garbage, strict=False))
    except msgspec.ValidationError as error:
        raise UnusableInput(f"--limit: {error}; `flk limits` lists the bounds") from None


def listed() -> tuple[Limit, ...]:
    """Every bound, with what `constants.toml` says of it."""
    text = files("flk.spec").joinpath("constants.toml").read_text("utf-8")
    meanings = {found[1]: found[3] for found in map(_LINE.match, text.splitlines()) if found}
    return tuple(
        Limit(name, value, meanings[name])
        for table in DEFAULTS
        for name, value in msgspec.structs.asdict(table).items()
    )


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
