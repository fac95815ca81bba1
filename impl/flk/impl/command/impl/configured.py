"""`flk serve --config` and `--check`: settings from a file, what is wrong with them, and which came from where."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import unwrap
from pathlib import Path
from typing import NamedTuple

import typer

from flk.impl.command.configuration.environment import notes
from flk.impl.command.configuration.environment import read as read_environment
from flk.impl.command.configuration.file import LIMITS, Rules, read
from flk.impl.command.configuration.settings import PREFIX, Given, Setting, settings_of
from flk.impl.command.impl.limits import with_limits
from flk.spec.errors import UnusableInput

UNFIT = {
    "config": "a file names no other; give --config as an option",
    "check": "give --check as an option",
    "limit": f"bounds stand in the table [{LIMITS}], as in max_connections = 1000",
    "trust_wall_time": "it is for one start: give --trust-wall-time as an option then",
    "accept_loss": "it is for one loss: give --accept-loss as an option then",
}
"""Options that do not belong in a file, and what to do instead."""
VARIABLE = f"{PREFIX}CONFIG"
OPTION = "option"
_PLACES = "flk.places"
_OPTION = re.compile(r"--([a-z][a-z-]*)")
_NEEDS = {
    "cold": ("hot_seconds", "warm_seconds", "move_every"),
    "objects": ("ship_every", "replay_every", "check_every", "snapshot_every", "breaker"),
    "compare_every": ("reconcile",),
    "store": ("accept_weaker_store",),
    "admin_port": ("admin_host",),
}
"""Settings that have no effect without another."""


class Origin(NamedTuple):
    """Where the value of a setting comes from."""

    name: str
    value: object
    source: str


def rules(command: Callable[..., object]) -> Rules:
    """What a file for a command may hold."""
    return Rules(settings_of(command), UNFIT, lambda given: with_limits([given]))


def configure(context: typer.Context, path: Path | None) -> Path | None:
    """The callback of `--config`: what the environment says, and else the file, counts where no option does.

    Raises UnusableInput with every mistake in both.
    """
    what = rules(_command(context))
    named = path or (Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None)
    settings = {name: setting for name, setting in what.settings.items() if name != "config"}
    unfit = {name: reason for name, reason in UNFIT.items() if name != "limit"}
    environment = read_environment(os.environ, settings, unfit)
    file = read(named, what) if named else Given({}, {}, ())
    if mistakes := [*file.mistakes, *environment.mistakes]:
        raise UnusableInput("\n".join(mistakes))
    context.default_map = {**file.values, **environment.values}
    context.meta[_PLACES] = {**file.places, **environment.places}
    return named


def tell(context: typer.Context, say: Callable[[str], None]) -> None:
    """What `--check` says of a configuration without a mistake: what is set, and where; and what has no effect."""
    found = tuple(_origins(context, settings_of(_command(context))))
    width = max((len(origin.name) for origin in found), default=0)
    for origin in found:
        say(f"{origin.name:<{width}}  {origin.value}  ({origin.source})")
    named = {origin.name for origin in found}
    for needed, names in _NEEDS.items():
        if needed not in named:
            for name in filter(named.__contains__, names):
                say(f"{name} has no effect without {needed}")
    for note in notes(os.environ):
        say(note)
    say("✓ the configuration can be used; everything else has its default (`flk config` lists them)")


def _origins(context: typer.Context, settings: Mapping[str, Setting]) -> Iterator[Origin]:
    """Every setting that is not left to its default, in the order of the options. No URL tells its password."""
    for name in settings:
        if name != "check" and (place := _place(context, name)):
            yield Origin(name, _without_password(context.params[name]), place)


def with_places(context: typer.Context, found: Iterable[UnusableInput]) -> UnusableInput:
    """All of these mistakes, and where each is set."""
    return UnusableInput("\n".join(_placed(context, str(each)) for each in found))


def _command(context: typer.Context) -> Callable[..., object]:
    """The function that is the command."""
    callback = context.command.callback
    assert callback is not None
    found: Callable[..., object] = unwrap(callback)
    return found


def _placed(context: typer.Context, message: str) -> str:
    """The message with the place in which the option stands that it names first, unless that is the command line."""
    for named in _OPTION.finditer(message):
        if place := _place(context, named[1].replace("-", "_")):
            return message if place == OPTION else f"{place}: {message}"
    return message


def _place(context: typer.Context, name: str) -> str:
    """Where a setting is set; empty if it has its default."""
    kind = context.get_parameter_source(name)
    if kind is None or kind.name == "DEFAULT":
        return ""
    return OPTION if kind.name == "COMMANDLINE" else str(context.meta[_PLACES][name])


def _without_password(value: object) -> object:
    return re.sub(r"//[^/@\s]*@", "//…@", value) if isinstance(value, str) else value
