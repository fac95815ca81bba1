"""Doors: packages whose exported names are loaded when they are first used, so that importing a part does not load all of it."""

import sys
from collections.abc import Collection, Mapping
from importlib import import_module


def loaded(door: str, name: str, homes: Mapping[str, Collection[str]]) -> object:
    """The value of a name of a door, which has it from now on. `homes` are the modules that hold its names, of which one that the
    door itself holds is a module.

    Raises AttributeError for another name, and what loading the module raises.
    """
    home = next((module for module, names in homes.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {door!r} has no attribute {name!r}")
    value = import_module(f"{door}.{name}") if home == door else getattr(import_module(home), name)
    setattr(sys.modules[door], name, value)
    return value
