"""Progress bars in terminals and notebooks, on standard error; gone when the work is over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import MofNCompleteColumn, TextColumn, TimeElapsedColumn

from flk.spec.progress import Shown, progress_bar


@contextmanager
def stage_bar(name: str, shown: Shown) -> Iterator[Callable[[str], None]]:
    """What is being done, for work whose end is not known."""
    with progress_bar(shown, TextColumn("{task.fields[stage]}"), TimeElapsedColumn()) as bar:
        task = bar.add_task(name, total=None, stage="")
        yield lambda stage: bar.update(task, stage=stage)


@contextmanager
def count_bar(name: str, shown: Shown) -> Iterator[Callable[[int, int, str], None]]:
    """How many are done of how many, and which is next."""
    with progress_bar(shown, MofNCompleteColumn(), TextColumn("{task.fields[next]}"), TimeElapsedColumn()) as bar:
        task = bar.add_task(name, total=None, next="")
        yield lambda done, total, following: bar.update(task, completed=done, total=total, next=following)
