"""Rows as a data frame of whatever library is installed, and as a table of HTML: how results of every room show themselves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib import import_module
from typing import Any, TypeAlias

from flk.spec.errors import MissingExtra, UnusableInput
from flk.spec.verdict import Verdict

Row: TypeAlias = Mapping[str, object]

_MAKERS: dict[str, Callable[[Any, dict[str, list[object]]], Any]] = {
    "pandas": lambda module, columns: module.DataFrame(columns),
    "polars": lambda module, columns: module.DataFrame(columns, strict=False),
    "pyarrow": lambda module, columns: module.table(columns),
}
_STYLE = "<style>table.flk td, table.flk th {text-align: left !important}</style>"
"""Notebooks set cells at the right, as for numbers; most of ours are words."""
_COLOURS = {Verdict.HOLDS: "#1a7f37", Verdict.VIOLATED: "#cf222e", Verdict.UNDECIDED: "#9a6700"}


def frame(rows: Iterable[Row], library: str | None = None) -> Any:
    """Rows with the same keys as a data frame: of `library`, or of the first of pandas, polars and pyarrow that is installed.

    One column for each key, in the order of the first row. Raises UnusableInput for a library other than these three, and
    MissingExtra if it, or each of them, is not installed.

    >>> frame([{"seed": 1, "rpo": 2.5}, {"seed": 2, "rpo": 3.0}], "pyarrow").column_names
    ['seed', 'rpo']
    """
    if library is not None and library not in _MAKERS:
        raise UnusableInput(f"{library!r} makes no frames here: choose from {', '.join(_MAKERS)}")
    listed = list(rows)
    columns = {key: [row[key] for row in listed] for key in (listed[0] if listed else ())}
    for name in (library,) if library else _MAKERS:
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        return _MAKERS[name](module, columns)
    wanted = library or "pandas, polars or pyarrow"
    raise MissingExtra(f"to_frame needs {wanted}: pip install {library or 'pandas'}")


def html_table(header: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """A table of HTML with every cell escaped; a verdict is written with its sign, in its colour. Cells begin at the left.

    >>> html_table(["property"], [["a<b"]]).partition("<tbody>")[2]
    '<tr><td>a&lt;b</td></tr></tbody></table>'
    """
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'{_STYLE}<table class="flk">{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def html_verdict(verdict: Verdict) -> str:
    """A verdict in its colour, with its sign.

    >>> html_verdict(Verdict.HOLDS)
    '<b style="color:#1a7f37">✓ holds</b>'
    """
    return f'<b style="color:{_COLOURS[verdict]}">{verdict.sign} {escape(verdict)}</b>'


def _cell(cell: object) -> str:
    if isinstance(cell, Verdict):
        return html_verdict(cell)
    return escape(f"{cell:.4g}" if isinstance(cell, float) else str(cell))
