"""How far the questions have come: a bar in a terminal or a notebook, on standard error; gone when they are over."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from flk.conformance.reports.report import Progress


@contextmanager
def bar(*, shown: bool | None = None) -> Iterator[Progress]:
    """A function to call as results come. `shown`: whether there is a bar; None: where somebody may be watching."""
    console = Console(stderr=True)
    seen = console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)
    columns = (BarColumn(24), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=console, transient=True, disable=not (seen if shown is None else shown)) as shown_bar:
        task = shown_bar.add_task("starting", total=None)

        def advance(done: int, total: int, name: str) -> None:
            shown_bar.update(task, completed=done, total=total, description=name)

        yield advance
