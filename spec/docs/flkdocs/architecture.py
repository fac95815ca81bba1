"""The imports between the folders, as a picture and in numbers."""

from importlib import import_module

from flkdocs.drawing import svg
from flkdocs.imports import ROOMS, Arrow, plan
from flkdocs.markdown import joined, table


def numbers() -> str:
    """The figures of the whole."""
    found = plan()
    return (
        f"{found.modules} modules, {found.imports:,} imports; {found.boxes} boxes and {found.arrows} arrows inside rooms; "
        f"{len(found.cycles)} cycles, {found.back} arrows running back."
    )


def picture() -> str:
    """The plan of the rooms."""
    return svg(plan())


def rooms() -> str:
    """The figures of each room."""
    rows = [
        (f"`{name}`", len(room.floor), room.height, len(room.arrows), _named(room.back))
        for name, room in plan().rooms.items()
    ]
    return table(["room", "boxes", "floors", "arrows", "running back"], rows)


def _named(arrows: frozenset[Arrow]) -> str:
    return ", ".join(f"`{upper[4:]}` to `{lower[4:]}`" for upper, lower in sorted(arrows)) or "none"


def between() -> str:
    """How many imports run from each room to each other."""
    rows = [(f"`{name}`", *(plan().between.get((name, other), "") for other in ROOMS)) for name in reversed(ROOMS)]
    return table(["imports of", *(f"`{name}`" for name in ROOMS)], rows)


def folders() -> str:
    """The boxes of each room, with what their docstrings say."""
    return joined(
        joined(
            [
                f"### {name}",
                table(["folder", "what lives there"], [(f"`{box}`", _docstring(box)) for box in sorted(room.floor)]),
            ]
        )
        for name, room in plan().rooms.items()
    )


def _docstring(name: str) -> str:
    """The first paragraph of a module's docstring."""
    return " ".join((import_module(name).__doc__ or "").partition("\n\n")[0].split())
