"""A run in the terminal while it goes, in either tier."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from flk.sim.scenarios.duration import clock
from flk.sim.simulate import Progress as Reached


@contextmanager
def progress(console: Console, name: str) -> Iterator[Callable[[Reached], None]]:
    """A progress bar for as long as the run goes; yields what `simulate` wants as `on_progress`."""
    told = (
        "{task.fields[at]} of {task.fields[end]} simulated, {task.fields[events]} events, {task.fields[tries]} requests"
    )
    columns = (TextColumn("[bold]{task.description}"), BarColumn(24), TextColumn(told), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=1.0, at="0:00", end="", events="0", tries="0")

        def reached(now: Reached) -> None:
            share, events, tries = now.now / now.duration, f"{now.events:,}", f"{now.attempts:,}"
            bar.update(task, completed=share, at=clock(now.now), end=clock(now.duration), events=events, tries=tries)

        yield reached
