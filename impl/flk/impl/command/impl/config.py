"""`flk config`: a configuration file with every setting of `flk serve`, its default and what it means; or its JSON Schema."""

import inspect
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.configuration.file import LIMITS
from flk.impl.command.configuration.settings import settings_of
from flk.impl.command.impl.configured import UNFIT
from flk.impl.command.impl.limits import listed
from flk.impl.command.impl.serve import serve

REQUIRED = {"data": '"data"', "keys": '"keys.toml"'}
"""What a node cannot do without, with an example."""


@app.command(epilog="Example: flk config > flk.toml && flk serve --config flk.toml --check")
def config(
    *, schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema, for editors.")] = False
) -> None:
    """Print a configuration file for `flk serve`: every setting with its default, its environment variable and its meaning."""
    typer.echo(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) if schema else "\n".join(template()))


def template() -> Iterator[str]:
    """The lines of a file in which only what is required is set."""
    defaults = inspect.signature(serve).parameters
    yield "# The configuration of `flk serve`. Options and the environment prevail over it; relative paths start at its directory."
    for name, setting in settings_of(serve).items():
        if name in UNFIT:
            continue
        default = defaults[name].default
        yield ""
        yield f"# {setting.help} [{setting.variable}]"
        if name in REQUIRED:
            yield f"{name} = {REQUIRED[name]}"
        elif default is None:
            yield f"# {name} = {'[]' if setting.is_list else '…'}"
        else:
            yield f"# {name} = {_toml(default)}"
    yield ""
    yield f"[{LIMITS}]"
    for limit in listed():
        yield f"# {limit.name} = {limit.default:.12g}  # {limit.meaning}"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    fields = [
        (name, Annotated[setting.type, msgspec.Meta(description=setting.help)], msgspec.UNSET)
        for name, setting in settings_of(serve).items()
        if name not in UNFIT
    ]
    bounds = {limit.name: {"type": "number", "description": limit.meaning} for limit in listed()}
    found = msgspec.json.schema(msgspec.defstruct("Configuration", fields, forbid_unknown_fields=True))
    table = found["$defs"]["Configuration"]
    table["properties"][LIMITS] = {"type": "object", "properties": bounds}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **table, "title": "flk serve"}


def _toml(value: object) -> str:
    """A default as TOML has it."""
    return msgspec.json.encode(value).decode()
