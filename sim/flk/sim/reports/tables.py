"""Tables for terminals of any width: cells wrap, nothing is cropped, and what does not fit beside the cells stands below them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

WIDE = 120
"""Characters from which on explanations stand beside the cells."""


class Row(NamedTuple):
    """The cells of a row, what explains it, and whether the explanation is needed where there is little room."""

    cells: Sequence[str | Text]
    explanation: str = ""
    needed: bool = False


class Explained:
    """A table whose rows have explanations: in a last column where there is room, else below the table, those that are needed."""

    def __init__(self, header: Sequence[str], explanation: str, rows: Sequence[Row]) -> None:
        self.header = header
        self.explanation = explanation
        self.rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay the table out for the console's width."""
        wide = options.max_width >= WIDE
        table = plain_table(*self.header, *([self.explanation] if wide else []), expand=wide)
        if wide:
            table.columns[-1].ratio = 1
            table.columns[-1].style = "dim"
        for row in self.rows:
            table.add_row(*row.cells, *([row.explanation] if wide else []))
        yield table
        if not wide:
            yield from self._below()

    def _below(self) -> Iterator[Text]:
        for row in self.rows:
            if row.needed:
                yield Text.assemble("  ", (str(row.cells[0]), "bold"), f": {row.explanation}")


def plain_table(*header: str, expand: bool = False) -> Table:
    """A table without rules whose cells wrap; `>` before a name aligns its column to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold underline", expand=expand)
    for name in header:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    return table
