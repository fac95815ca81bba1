"""The plan of the rooms as one SVG. Its colours follow the page's light or dark theme."""

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from flkdocs.imports import ROOMS, Arrow, Floors, Plan
from flkdocs.layout import Drawing, Point, lay_out

HUES = {"spec": 265, "model": 210, "formal": 285, "sim": 165, "impl": 25, "conformance": 335}
BANDS = (("impl",), ("sim", "conformance"), ("formal", "model"), ("spec",))
"""The rooms from top to bottom: an arrow from room to room always runs downwards."""
_BOX, _PAD, _TITLE, _AISLE, _BETWEEN = 28.0, 22.0, 30.0, 28.0, 64.0
_STYLE = """
.flk-plan text { font: 500 12px system-ui, sans-serif; fill: var(--md-default-fg-color, #1f2328); text-anchor: middle; }
.flk-plan .room { font-size: 15px; font-weight: 700; text-anchor: start; }
.flk-plan .count { font-size: 11px; fill: var(--md-default-fg-color--light, #57606a); }
.flk-plan .arrow { fill: none; stroke: var(--md-default-fg-color--light, #8b949e); stroke-width: 1.1; opacity: .75; }
.flk-plan .back { stroke: #cf222e; stroke-width: 1.8; opacity: 1; }
.flk-plan .between { fill: none; stroke: var(--md-default-fg-color--light, #57606a); stroke-linecap: round; opacity: .55; }
.flk-plan .command { stroke-dasharray: 7 6; }
"""


def svg(plan: Plan) -> str:
    """The plan: a panel for each room with its boxes on their floors, arrows inside rooms, and bands from room to room."""
    drawings = {name: lay_out(plan.rooms[name], _width) for name in ROOMS}
    sizes = {name: (max(d.width, 150) + 2 * _PAD, d.height + _TITLE + _PAD / 2) for name, d in drawings.items()}
    width = max(sum(sizes[name][0] for name in band) + _AISLE * (len(band) - 1) for band in BANDS)
    corners: dict[str, Point] = {}
    top = 0.0
    for band in BANDS:
        tall = max(sizes[name][1] for name in band)
        left = (width - sum(sizes[name][0] for name in band) - _AISLE * (len(band) - 1)) / 2
        for name in band:
            corners[name] = (left, top + tall - sizes[name][1])
            left += sizes[name][0] + _AISLE
        top += tall + _BETWEEN
    height = top - _BETWEEN
    view = f"-4 -4 {width + 8:.0f} {height + 8:.0f}"
    parts = [
        f'<svg class="flk-plan" xmlns="http://www.w3.org/2000/svg" viewBox="{view}" role="img" aria-label="The rooms">',
        f"<style>{_STYLE}</style>",
        *_bands(plan, corners, sizes),
    ]
    for name in ROOMS:
        parts += _panel(name, plan.rooms[name], drawings[name], corners[name], sizes[name])
    return "".join([*parts, "</svg>"]).replace("\n", " ")


def _panel(name: str, room: Floors, drawing: Drawing, corner: Point, size: Point) -> Iterator[str]:
    """A room: its frame, its arrows, then its boxes above them."""
    left, top = corner
    hue = HUES[name]
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" rx="10" '
        f'fill="hsl({hue} 60% 55% / .09)" stroke="hsl({hue} 45% 55% / .55)"/>'
        f'<text class="room" x="{left + 14:.1f}" y="{top + 22:.1f}">{name}</text>'
    )
    x, y = left + (size[0] - drawing.width) / 2, top + _TITLE
    for arrow, points in drawing.paths.items():
        yield _arrow(arrow, points, (x, y), back=arrow in room.back)
    for box, (across, down) in sorted(drawing.places.items()):
        wide = drawing.widths[box]
        door = box.count(".") == 1
        yield (
            f"<g><title>{escape(box)}</title>"
            f'<rect x="{x + across - wide / 2:.1f}" y="{y + down - _BOX / 2:.1f}" width="{wide:.1f}" height="{_BOX:.0f}" rx="6" '
            f'fill="hsl({hue} 55% 60% / {0.75 if door else 0.28})" stroke="hsl({hue} 45% 50%)"/>'
            f'<text x="{x + across:.1f}" y="{y + down + 4:.1f}">{escape(label(box))}</text></g>'
        )


def label(box: str) -> str:
    """What stands in a box.

    >>> label("flk.sim.scenario.faults"), label("flk.sim")
    ('scenario/faults', 'flk.sim')
    """
    inner = box.split(".")[2:]
    return "/".join(inner) if inner else box


def _width(box: str) -> float:
    return 22 + 6.7 * len(label(box))


def _arrow(arrow: Arrow, points: tuple[Point, ...], origin: Point, *, back: bool) -> str:
    """A smooth line from the lower edge of the importing box to the upper edge of the imported one."""
    sign = 1 if points[-1][1] > points[0][1] else -1
    moved = [(x + origin[0], y + origin[1]) for x, y in points]
    first, last = moved[0], moved[-1]
    moved[0] = (first[0], first[1] + sign * _BOX / 2)
    moved[-1] = (last[0], last[1] - sign * (_BOX / 2 + 5))
    path = f"M{moved[0][0]:.1f} {moved[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(moved):
        middle = (y0 + y1) / 2
        path += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    x, y = moved[-1]
    wings, tip = y - sign * 1.5, y + sign * 4
    head = f"M{x - 3.2:.1f} {wings:.1f}L{x:.1f} {tip:.1f}L{x + 3.2:.1f} {wings:.1f}"
    names = f"{label(arrow[0])} imports {label(arrow[1])}"
    return f'<path class="arrow{" back" if back else ""}" d="{path}{head}"><title>{escape(names)}</title></path>'


def _bands(plan: Plan, corners: dict[str, Point], sizes: dict[str, Point]) -> Iterator[str]:
    """From each room to those in the next band that it imports, thicker for more imports; dashed where only the command may."""
    for upper, lower in pairwise(BANDS):
        for importer in upper:
            for imported in lower:
                count = plan.between.get((importer, imported), 0)
                if not count:
                    continue
                start = corners[importer][1] + sizes[importer][1]
                end = corners[imported][1]
                thick = 2 + count**0.5 / 1.6
                dashed = " command" if importer == "impl" else ""
                x0, x1 = _shared(importer, imported, corners, sizes)
                middle = (start + end) / 2
                curved = abs(x1 - x0) > thick  # then the number stands above the band, not beside it
                x, y = (x0 + x1) / 2 + (0 if curved else thick / 2 + 16), middle + (-thick / 2 - 8 if curved else 4)
                yield (
                    f'<path class="between{dashed}" stroke-width="{thick:.1f}" d="M{x0:.1f} {start:.1f}C{x0:.1f} {middle:.1f} '
                    f'{x1:.1f} {middle:.1f} {x1:.1f} {end - 4:.1f}"><title>{importer} imports {imported}</title></path>'
                    f'<text class="count" x="{x:.1f}" y="{y:.1f}">{count}</text>'
                )


def _shared(importer: str, imported: str, corners: dict[str, Point], sizes: dict[str, Point]) -> Point:
    """Where an arrow leaves one panel and enters the other: straight down where they overlap, else from edge to edge."""
    a, b = corners[importer][0], corners[imported][0]
    left, right = max(a, b), min(a + sizes[importer][0], b + sizes[imported][0])
    if right - left > 40:
        return (left + right) / 2, (left + right) / 2
    return (a + sizes[importer][0] / 2, b + sizes[imported][0] / 2)
