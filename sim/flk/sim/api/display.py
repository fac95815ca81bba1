"""How results show themselves: parts of HTML for notebooks, and figures as pictures."""

import sys
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

from flk.spec.tables import html_verdict
from flk.spec.verdict import Verdict

DPI = 100


def shown(figure: Figure) -> Figure:
    """The figure, which a notebook shows as a picture even if `matplotlib.pyplot` was never imported there."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if shell is not None and shell.display_formatter is not None:
        pictures = shell.display_formatter.formatters["image/png"]
        if Figure not in pictures.type_printers:
            pictures.for_type(Figure, png)
    return figure


def png(figure: Figure) -> bytes:
    """A figure as PNG, without empty margins."""
    out = BytesIO()
    figure.savefig(out, format="png", dpi=DPI, bbox_inches="tight")
    return out.getvalue()


def heading(name: str, verdict: Verdict, about: str = "") -> str:
    """The first line of a display."""
    return f"<p><b>{escape(name)}</b> {html_verdict(verdict)} {escape(about)}</p>"


def paragraph(*lines: str) -> str:
    """Text, one line under the other."""
    return f"<p>{'<br>'.join(map(escape, lines))}</p>"


def command(line: str) -> str:
    """A line to type, folded where it is long."""
    style = "white-space:pre-wrap;word-break:break-all;font-family:monospace;font-size:80%;max-height:6em;overflow:auto"
    return f'<pre style="{style}">{escape(line)}</pre>'


def picture(figure: Figure, caption: str) -> str:
    """A figure within the page."""
    coded = b64encode(png(figure)).decode()
    return f'<img alt="{escape(caption)}" style="max-width:100%" src="data:image/png;base64,{coded}">'


def folded(summary: str, content: str) -> str:
    """Content that opens with a click."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def page(parts: Iterable[str]) -> str:
    """The parts as one display; only the last cell of a row is folded."""
    style = "<style>.flk-result td:not(:last-child) {white-space: nowrap}</style>"
    return f'<div class="flk-result">{style}{"".join(parts)}</div>'
