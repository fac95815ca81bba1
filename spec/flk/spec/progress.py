"""Progress bars in terminals and notebooks, on standard error; gone when the work is over. Every room's bars are made here."""

from html import escape
from importlib import import_module
from io import StringIO
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn

Shown: TypeAlias = bool | None
"""Whether there is a bar; None: where somebody watches, in a terminal or a notebook."""

REDRAW = 0.25
"""Seconds between two drawings of a bar in a notebook."""


def progress_bar(shown: Shown, *columns: ProgressColumn, console: Console | None = None) -> Progress:
    """A bar that begins with the task's description; `columns` stand behind it. Enter it, then add tasks and update them."""
    console = console or Console(stderr=True)
    all_columns = (TextColumn("[bold]{task.description}"), BarColumn(24), *columns)
    if console.is_jupyter and shown is not False:
        return _Notebook(*all_columns, disable=True)
    visible = console.is_terminal if shown is None else shown
    return Progress(*all_columns, console=console, transient=True, disable=not visible)


class _Notebook(Progress):
    """A bar in a notebook: one output, written anew by the thread that works. Rich's own needs a widget and a thread for it."""

    _drawn = 0.0

    def __enter__(self) -> Self:
        display = import_module("IPython.display")
        self._html, self._handle = display.HTML, display.display(display.HTML(""), display_id=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._handle.update(self._html(""))

    def update(self, task_id: Any, **fields: Any) -> None:
        """As of any bar; drawn a few times a second."""
        super().update(task_id, **fields)
        if monotonic() - self._drawn > REDRAW:
            self._drawn = monotonic()
            written = StringIO()
            Console(file=written, width=110, force_jupyter=False).print(self.get_renderable())
            self._handle.update(self._html(f"<pre>{escape(written.getvalue())}</pre>"))
