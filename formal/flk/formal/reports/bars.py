"""Bars on a logarithmic scale as one SVG element."""

from collections.abc import Sequence
from math import log10
from xml.etree.ElementTree import Element, SubElement, tostring

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 220, 70, 36, 14
"""Pixels: of the picture, and of the room that labels take."""


def bars(counts: Sequence[int], across: str, upwards: str) -> str:
    """A bar for each count, the first at 0. Pointing at one shows its number."""
    decades = max(1.0, log10(max([*counts, 1])))
    step, room = (WIDTH - LEFT - 10) / max(len(counts), 1), HEIGHT - BOTTOM - TOP
    root = Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "width": str(WIDTH)}
    )
    SubElement(root, "style").text = "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#444}"
    for decade in range(int(decades) + 1):
        y = TOP + room * (1 - decade / decades)
        SubElement(root, "line", _at(x1=LEFT, x2=WIDTH - 10, y1=y, y2=y, stroke="#ddd"))
        _text(root, LEFT - 8, y + 4, f"{10**decade:,}", "end")
    for n, count in enumerate(counts):
        tall = max(2.0, room * log10(max(count, 1)) / decades)
        place = _at(x=LEFT + n * step, y=TOP + room - tall, width=max(step - 1, 1), height=tall, fill="#0969da")
        SubElement(SubElement(root, "rect", place), "title").text = f"{across} {n}: {count:,} {upwards}"
    for n in sorted({0, len(counts) // 2, len(counts) - 1}):
        _text(root, LEFT + (n + 0.5) * step, HEIGHT - BOTTOM + 16, str(n), "middle")
    _text(root, WIDTH / 2, HEIGHT - 4, f"{upwards} by {across}", "middle")
    return tostring(root, encoding="unicode")


def _text(root: Element, x: float, y: float, text: str, anchor: str) -> None:
    SubElement(root, "text", {**_at(x=x, y=y), "text-anchor": anchor}).text = text


def _at(**values: str | float) -> dict[str, str]:
    return {name: value if isinstance(value, str) else f"{value:g}" for name, value in values.items()}
