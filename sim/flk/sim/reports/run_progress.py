"""Progress of a run. Apart from that of many runs, whose statistics would take more room than a run of the vector tier has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import TextColumn, TimeElapsedColumn

from flk.sim.run_loop import Progress
from flk.sim.scenarios.duration import clock
from flk.spec.progress import Shown, progress_bar


@contextmanager
def run_bar(name: str, shown: Shown, console: Console | None = None) -> Iterator[Callable[[Progress], None]]:
    """How far a run has come in simulated time."""
    text = (
        "{task.fields[at]} of {task.fields[end]} simulated, {task.fields[events]} events, {task.fields[tries]} requests"
    )
    with progress_bar(shown, TextColumn(text), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(name, total=1.0, at="0:00", end="", events="0", tries="0")

        def reached(now: Progress) -> None:
            share, events, tries = now.now / now.duration, f"{now.events:,}", f"{now.attempts:,}"
            bar.update(task, completed=share, at=clock(now.now), end=clock(now.duration), events=events, tries=tries)

        yield reached
