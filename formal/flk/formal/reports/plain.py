"""Counterexamples as text: a Markdown table of changes, and a sequence diagram in characters."""

from collections.abc import Iterator, Sequence

from flk.formal.explicit.explore import Path
from flk.formal.explicit.schema import Schema
from flk.formal.language.sorts import Enum, Index
from flk.formal.reports.changes import BLANK, ending, rows, summary_of
from flk.formal.reports.lanes import Mark, mark, names

GAP = 4
"""Characters between the names of lanes, at least."""


def markdown(schema: Schema, path: Path) -> str:
    """The table of changes in Markdown."""
    lines = [
        "| step | action | changes |",
        "|---|---|---|",
        f"| 0 | *initially* | {'; '.join(beginning(schema, path))} |",
    ]
    for row in rows(schema, path):
        changes = "<br>".join(str(change) for change in row.changes) or "nothing"
        lines.append(f"| {row.number}{' ↻' * row.again} | `{row.shown}` | {changes} |")
    if again := ending(path):
        lines.append(f"| | *{again}* | |")
    return "\n".join(lines)


def beginning(schema: Schema, path: Path) -> list[str]:
    """The initial state in short."""
    said = summary_of(schema, path.moves[0].state)
    return [*said, f"the rest is {BLANK}"] if said else [f"everything is {BLANK}"]


def diagram(schema: Schema, path: Path, sort: Index | Enum | None) -> list[str]:
    """The sequence diagram: a line for each step, with its lanes and, at the right, its name."""
    lanes = names(schema, sort)
    spots = _spots(lanes)
    steps = rows(schema, path)
    digits = len(str(len(steps)))
    head = " " * (digits + 3) + "".join(
        _put([(spot - len(lane) // 2, lane) for spot, lane in zip(spots, lanes, strict=True)])
    )
    lines = [head.rstrip()]
    for row in steps:
        drawn = "".join(_put(list(_strokes(mark(schema, sort, row), spots)))).ljust(spots[-1] + 1)
        lines.append(f"{row.number:>{digits}} {'↻' if row.again else ' '} {drawn}   {row.shown}")
    if again := ending(path):
        lines.append(" " * (digits + 3) + "".join(_put([(spot, "┊") for spot in spots])) + f"   {again}")
    return lines


def _spots(lanes: Sequence[str]) -> list[int]:
    """The column of each lane: names stand centred on it, apart from one another."""
    widths = [max(len(lane), GAP) for lane in lanes]
    spots, at = [], 0
    for lane, width in zip(lanes, widths, strict=True):
        spots.append(at + len(lane) // 2)
        at += width + GAP
    return spots


def _strokes(at: Mark, spots: Sequence[int]) -> Iterator[tuple[int, str]]:
    """What is drawn, from the back to the front, each with the column at which it begins."""
    yield from ((spot, "│") for spot in spots)
    if at.source is None or at.target is None:
        yield spots[0], "═" * (spots[-1] - spots[0] + 1)
        yield from ((spot, "╪") for spot in spots)
        return
    source, target = spots[at.source], spots[at.target]
    if source < target:
        yield source, "─" * (target - source - 1) + "▶"
    elif target < source:
        yield target + 1, "◀" + "─" * (source - target - 2)
    yield source, "●"


def _put(strokes: Sequence[tuple[int, str]]) -> list[str]:
    """A line on which each stroke covers those before it."""
    line = [" "] * max(begin + len(stroke) for begin, stroke in strokes)
    for begin, stroke in strokes:
        line[begin : begin + len(stroke)] = stroke
    return line
