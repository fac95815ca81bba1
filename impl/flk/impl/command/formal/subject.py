"""What a command about protocols is about: the protocol of a name, and the sizes that `--size` chooses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.formal.language import Protocol


def protocol_names(incomplete: str) -> list[str]:
    """Completes the name of a protocol or design."""
    from flk.formal.library.catalogue import protocols

    return [name for name in protocols() if name.startswith(incomplete)]


def size_texts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes `--size` with the sorts of the protocol that was named, at their usual sizes."""
    protocol = named(ctx)
    sizes = protocol.sizes() if protocol else {}
    return [f"{name.lower()}={size}" for name, size in sizes.items() if name.lower().startswith(incomplete.lower())]


def named(ctx: typer.Context) -> "Protocol | None":
    """The protocol that a half-written command is about, if it can be told yet."""
    from flk.formal.library.catalogue import find

    try:
        return find(ctx.params["name"] or ctx.args[0])
    except (UnusableInput, IndexError):
        return None


def chosen_sizes(texts: Sequence[str]) -> dict[str, int]:
    """Sizes by sort from texts such as `region=3`. Raises UnusableInput for anything else."""
    sizes = {}
    for text in texts:
        sort, equals, number = text.partition("=")
        if not sort or not equals or not number.isdecimal():
            raise UnusableInput(f"--size {text}: write the name of an index sort and a number, such as region=3")
        sizes[sort] = int(number)
    return sizes
