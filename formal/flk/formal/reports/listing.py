"""What there is to explore: protocols and refuted designs, each with a line on what it is about; and why a design is ruled out."""

from collections.abc import Mapping

from rich.box import SIMPLE
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from flk.formal.language.protocol import Protocol
from flk.formal.library.gallery import Design
from flk.formal.reports.columns import folding, whole
from flk.spec.requirements import catalogue


def headline(protocol: Protocol) -> str:
    """The first sentence of its story."""
    return protocol.story.split(". ")[0].rstrip(".") + "."


def listing(protocols: Mapping[str, Protocol]) -> RenderableType:
    """A table of protocols by name, each with its index sorts and default sizes below the name."""
    grid = Table(whole("name, sizes"), folding("what happens"), box=SIMPLE)
    for name, protocol in protocols.items():
        sizes = " ".join(f"{sort.lower()}={size}" for sort, size in protocol.sizes().items())
        grid.add_row(Text.assemble(name, "\n", (sizes, "dim")), Text(headline(protocol)))
    return grid


def ruling(design: Design) -> list[str]:
    """Which requirements rule a design out, each in full, and where the earlier system did so."""
    known = {one.id: one for one in catalogue()}
    lines = [f"Ruled out by {', '.join(design.rules_out)}."]
    lines += [f"{one.id} ({one.level}): {one.text}" for one in map(known.__getitem__, design.rules_out)]
    if design.earlier:
        lines.append(f"The earlier system did so: its facts, section {design.earlier}.")
    return lines
