"""The doors and the names that they export, to be filled in by mkdocstrings from the docstrings."""

import inspect
from importlib import import_module

from flkdocs.markdown import joined

DOORS = ("flk.sim", "flk.formal", "flk.model", "flk.conformance", "flk.client")
"""What a user imports from; each has `__all__`."""


def doors() -> str:
    """The doors, each with what it is for and what it exports."""
    return "\n".join(f"- [`{door}`]({door.rpartition('.')[2]}.md): {_summary(door)}" for door in DOORS)


def sim() -> str:
    """The simulator's door."""
    return _entries("flk.sim")


def formal() -> str:
    """The door of protocols."""
    return _entries("flk.formal")


def model() -> str:
    """The door of the reference implementation."""
    return _entries("flk.model")


def conformance() -> str:
    """The door of the kit."""
    return _entries("flk.conformance")


def client() -> str:
    """The door of who sends records."""
    return _entries("flk.client")


def exported(door: str) -> tuple[str, ...]:
    """The names that a door exports."""
    return tuple(getattr(import_module(door), "__all__", ()))


def _entries(door: str) -> str:
    """The door's own docstring, then an entry for each name: functions first, then classes, then constants."""
    module = import_module(door)

    def kind(name: str) -> int:
        value = getattr(module, name)
        return 0 if inspect.isroutine(value) else 1 if inspect.isclass(value) else 2

    alone = "members: false\n      show_root_heading: false\n      show_root_toc_entry: false"
    entries = (f"::: {door}.{name}\n    options:\n      heading_level: 2" for name in sorted(exported(door), key=kind))
    return joined([f"::: {door}\n    options:\n      {alone}", *entries])


def _summary(door: str) -> str:
    return " ".join((import_module(door).__doc__ or "").partition("\n\n")[0].split())
