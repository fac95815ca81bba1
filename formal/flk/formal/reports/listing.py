"""What there is to explore: protocols and refuted designs, each with a line on what it is about; and why a design is ruled out."""

from collections.abc import Mapping

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from flk.formal.gallery import Design
from flk.formal.language.protocol import Protocol
from flk.spec.requirements import Requirement


def headline(protocol: Protocol) -> str:
    """The first sentence of its story."""
    return protocol.story.split(". ")[0].rstrip(".") + "."


def listing(protocols: Mapping[str, Protocol]) -> RenderableType:
    """A table of protocols by name, with their index sorts and default sizes."""
    grid = Table(Column("name", no_wrap=True), "sizes", "what happens", box=SIMPLE)
    for name, protocol in protocols.items():
        sizes = " ".join(f"{sort.lower()}={size}" for sort, size in protocol.sizes().items())
        grid.add_row(Text(name), Text(sizes, "dim"), Text(headline(protocol)))
    return grid


def verdict_of(design: Design, requirements: Mapping[str, Requirement]) -> RenderableType:
    """The requirements that rule a design out, in full."""
    lines: list[RenderableType] = [Text(f"Ruled out by {', '.join(design.rules_out)}.", "bold")]
    ruling = [requirements[one] for one in design.rules_out if one in requirements]
    lines += [Padding(Text.assemble((f"{one.id} ({one.level}): ", "bold"), one.text), (0, 0, 0, 2)) for one in ruling]
    if design.earlier:
        lines.append(Text(f"The earlier system did so: its facts, section {design.earlier}."))
    return Group(*lines)
