"""A sequence diagram as one SVG element: lanes, a row for each step, and beside it what the step changed. Needs no colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from flk.formal.explicit.explore import Path
from flk.formal.explicit.schema import Schema
from flk.formal.language.sorts import Enum, Index
from flk.formal.reports.changes import Row, ending, rows, summary_of
from flk.formal.reports.lanes import Mark, mark, names
from flk.formal.reports.plain import beginning

CHARACTER, LINE, PAD = 7.3, 17, 14
"""Width and height of a character in pixels, and the room around what is drawn."""

NARROW, WIDE = 90.0, 210.0
"""How far apart lanes are, at least and at most."""

LEFT, TOP = 70, 44
"""Where the lanes begin."""

STYLE = (
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#000}.lane{stroke:#888;stroke-dasharray:3 3}"
    ".stroke{stroke:#000;stroke-width:1.5;fill:none}.fill{fill:#000;stroke:#000}.band{fill:#fff}.odd{fill:#f4f4f4}"
    ".all{fill:#fff;stroke:#000}.step:hover .band{fill:#ffeeb8}.b{font-weight:bold}.m{text-anchor:middle}.e{text-anchor:end}"
    ".i{font-style:italic}"
)


@dataclass(frozen=True)
class _Sheet:
    """The measures of a diagram."""

    spots: tuple[float, ...]
    gap: float
    beside: float
    width: float


def svg(schema: Schema, path: Path, sort: Index | Enum | None) -> str:
    """The diagram. Pointing at a step shows the whole state after it."""
    steps = rows(schema, path)
    lanes = names(schema, sort)
    first, again = beginning(schema, path), ending(path)
    sheet = _sheet(lanes, steps, first)
    tops = _tops(steps, len(first))
    bottom = tops[-1] + (LINE + PAD if again else 0)
    root = Element(
        "svg", _attributes(xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {sheet.width:.0f} {bottom + PAD:.0f}")
    )
    root.set("width", f"{sheet.width:.0f}")
    SubElement(root, "style").text = STYLE
    for n, (row, top, below) in enumerate(zip([None, *steps], tops, tops[1:], strict=False)):
        group = _band(root, sheet, top, below, odd=n % 2 == 1)
        _text(SubElement(group, "title"), "\n".join([f"after step {n}", *summary_of(schema, path.moves[n].state)]))
        lines = ["initially", *first] if row is None else [row.shown, *map(str, row.changes)]
        _row(group, sheet, n, top, lines)
    for lane, spot in zip(lanes, sheet.spots, strict=True):
        _lane(root, lane, spot, tops[-1])
    for row, top in zip(steps, tops[1:], strict=False):
        _stroke(root, sheet, mark(schema, sort, row), row.action, top + LINE)
    if path.loop is not None:
        _loop(root, tops, path.loop, again, sheet.beside)
    return tostring(root, encoding="unicode")


def _sheet(lanes: Sequence[str], steps: Sequence[Row], first: Sequence[str]) -> _Sheet:
    longest = max([*map(len, lanes), *(len(row.action) for row in steps)], default=0)
    gap = min(max(longest * CHARACTER + 2 * PAD, NARROW), WIDE)
    spots = tuple(LEFT + gap / 2 + n * gap for n in range(len(lanes)))
    beside = LEFT + gap * len(lanes) + PAD
    told = [*first, *(line for row in steps for line in (row.shown, *map(str, row.changes)))]
    return _Sheet(spots, gap, beside, beside + max(map(len, told)) * CHARACTER + 2 * PAD)


def _tops(steps: Sequence[Row], first: int) -> list[float]:
    """Where each row begins, that of the initial state first, and where the last ends."""
    tops = [float(TOP)]
    for lines in [first, *(len(row.changes) for row in steps)]:
        tops.append(tops[-1] + (lines + 1) * LINE + PAD)
    return tops


def _band(root: Element, sheet: _Sheet, top: float, below: float, *, odd: bool) -> Element:
    group = SubElement(root, "g", _attributes(class_="step"))
    kind = "band odd" if odd else "band"
    SubElement(group, "rect", _attributes(class_=kind, x=0, y=top, width=sheet.width, height=below - top))
    return group


def _row(group: Element, sheet: _Sheet, number: int, top: float, lines: Sequence[str]) -> None:
    _text(SubElement(group, "text", _attributes(class_="e", x=LEFT - 36, y=top + LINE + 4)), str(number))
    for n, line in enumerate(lines):
        place = _attributes(class_="" if n else "b", x=sheet.beside + (PAD if n else 0), y=top + 4 + LINE * (n + 1))
        _text(SubElement(group, "text", place), line)


def _lane(root: Element, name: str, spot: float, bottom: float) -> None:
    SubElement(root, "line", _attributes(class_="lane", x1=spot, x2=spot, y1=TOP - 8, y2=bottom))
    wide = len(name) * CHARACTER + PAD
    SubElement(root, "rect", _attributes(class_="all", x=spot - wide / 2, y=10, width=wide, height=26, rx=3))
    _text(SubElement(root, "text", _attributes(class_="b m", x=spot, y=27)), name)


def _stroke(root: Element, sheet: _Sheet, at: Mark, action: str, y: float) -> None:
    """What happens on the lanes: a dot, an arrow, or a bar across all."""
    name = (
        action if len(action) * CHARACTER <= sheet.gap - PAD else action[: int((sheet.gap - PAD) / CHARACTER) - 1] + "…"
    )
    if at.source is None or at.target is None:
        left, right = sheet.spots[0] - sheet.gap / 2 + 6, sheet.spots[-1] + sheet.gap / 2 - 6
        SubElement(root, "rect", _attributes(class_="all", x=left, y=y - 11, width=right - left, height=22, rx=11))
        _text(SubElement(root, "text", _attributes(class_="m", x=(left + right) / 2, y=y + 4)), action)
        return
    source, target = sheet.spots[at.source], sheet.spots[at.target]
    if source == target:
        wide = len(name) * CHARACTER + PAD
        SubElement(root, "rect", _attributes(class_="all", x=source - wide / 2, y=y - 11, width=wide, height=22))
        _text(SubElement(root, "text", _attributes(class_="m", x=source, y=y + 4)), name)
        return
    ahead = 1 if source < target else -1
    SubElement(root, "line", _attributes(class_="stroke", x1=source, x2=target, y1=y + 5, y2=y + 5))
    SubElement(root, "circle", _attributes(class_="fill", cx=source, cy=y + 5, r=4))
    tip = f"{target},{y + 5} {target - 9 * ahead},{y} {target - 9 * ahead},{y + 10}"
    SubElement(root, "polygon", _attributes(class_="fill", points=tip))
    _text(SubElement(root, "text", _attributes(class_="m", x=source + ahead * sheet.gap / 2, y=y - 1)), name)


def _loop(root: Element, tops: Sequence[float], loop: int, again: str, beside: float) -> None:
    """The way back: from below the last step to above the first that is repeated, or a mark that nothing happens any more."""
    end, x = tops[-1], LEFT - 14
    _text(SubElement(root, "text", _attributes(class_="i", x=beside, y=end + LINE)), again)
    if loop < len(tops) - 2:
        begin = tops[loop + 1] + 6
        points = f"{x + 12},{end + 10} {x},{end + 10} {x},{begin} {x + 8},{begin}"
        SubElement(root, "polyline", _attributes(class_="stroke", points=points))
        SubElement(
            root,
            "polygon",
            _attributes(class_="fill", points=f"{x + 14},{begin} {x + 6},{begin - 4} {x + 6},{begin + 4}"),
        )
    else:
        _text(SubElement(root, "text", _attributes(class_="e", x=LEFT - 36, y=end + LINE)), "↻")


def _attributes(**values: str | float) -> dict[str, str]:
    return {name.rstrip("_"): value if isinstance(value, str) else f"{value:g}" for name, value in values.items()}


def _text(element: Element, text: str) -> None:
    element.text = text
