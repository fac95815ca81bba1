"""The doors and the names that they export, to be filled in by mkdocstrings from the docstrings."""

from importlib import import_module

from flkdocs.markdown import joined

DOORS = ("flk.sim", "flk.formal", "flk.model", "flk.conformance")
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


def exported(door: str) -> tuple[str, ...]:
    """The names that a door exports."""
    return tuple(getattr(import_module(door), "__all__", ()))


def _entries(door: str) -> str:
    """The door's own docstring, then an entry for each name in the order of `__all__`."""
    options = "members: false\n      show_root_heading: false\n      show_root_toc_entry: false"
    head = f"::: {door}\n    options:\n      {options}"
    return joined([head, *(f"::: {door}.{name}\n    options:\n      heading_level: 2" for name in exported(door))])


def _summary(door: str) -> str:
    return " ".join((import_module(door).__doc__ or "").partition("\n\n")[0].split())
