"""How far the questions have come."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import MofNCompleteColumn, TextColumn

from flk.conformance.reports.report import Progress
from flk.spec.progress import Shown, progress_bar


@contextmanager
def bar(*, shown: Shown = None) -> Iterator[Progress]:
    """A function to call as results come. `shown`: whether there is a bar; None: where somebody may be watching."""
    with progress_bar(shown, MofNCompleteColumn(), TextColumn("{task.fields[case]}")) as shown_bar:
        task = shown_bar.add_task("asked", total=None, case="")

        def advance(done: int, total: int, name: str) -> None:
            shown_bar.update(task, completed=done, total=total, case=name)

        yield advance
