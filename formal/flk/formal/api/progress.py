"""Progress bars in terminals and notebooks, on standard error; gone when the work is over."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

Shown: TypeAlias = bool | None
"""Whether there is a bar; None: where somebody watches, in a terminal or a notebook."""


@contextmanager
def stage_bar(name: str, shown: Shown) -> Iterator[Callable[[str], None]]:
    """What is being done, for work whose end is not known."""
    with _bar(shown, TextColumn("{task.fields[stage]}"), TimeElapsedColumn()) as bar:
        task = bar.add_task(name, total=None, stage="")
        yield lambda stage: bar.update(task, stage=stage)


@contextmanager
def count_bar(name: str, shown: Shown) -> Iterator[Callable[[int, int, str], None]]:
    """How many are done of how many, and which is next."""
    with _bar(shown, MofNCompleteColumn(), TextColumn("{task.fields[next]}"), TimeElapsedColumn()) as bar:
        task = bar.add_task(name, total=None, next="")
        yield lambda done, total, following: bar.update(task, completed=done, total=total, next=following)


def _bar(shown: Shown, *columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    if console.is_jupyter and find_spec("ipywidgets") is None:
        shown = False  # without it rich can only warn
    if shown is None:
        shown = console.is_jupyter or sys.stderr.isatty()
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(24),
        *columns,
        console=console,
        transient=True,
        disable=not shown,
    )
