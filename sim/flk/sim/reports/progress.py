"""Progress of sweeps, hunts and shrinks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import MofNCompleteColumn, TextColumn, TimeElapsedColumn

from flk.sim.experiments.hunt import Progress as Hunting
from flk.sim.experiments.rows import Row
from flk.sim.scenarios.scenario import Scenario
from flk.sim.statistics.intervals import proportion_bound
from flk.spec.progress import Shown, progress_bar
from flk.spec.verdict import Verdict


@contextmanager
def sweep_bar(name: str, shown: Shown) -> Iterator[Callable[[Row, int, int], None]]:
    """How many runs there are of those that are planned so far, and how many of the new ones violate an invariant."""
    with progress_bar(
        shown, MofNCompleteColumn(), TextColumn("runs, {task.fields[violated]} violated"), TimeElapsedColumn()
    ) as bar:
        task = bar.add_task(name, total=None, violated=0)
        violated = 0

        def on_row(row: Row, done: int, planned: int) -> None:
            nonlocal violated
            violated += row.invariants is Verdict.VIOLATED
            bar.update(task, completed=done, total=planned, violated=violated)

        yield on_row


@contextmanager
def hunt_bar(planned: int, shown: Shown) -> Iterator[Callable[[Hunting], None]]:
    """How many seeds were tried, and what that says."""
    with progress_bar(shown, MofNCompleteColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn()) as bar:
        task = bar.add_task("hunt", total=planned, text="")

        def reached(now: Hunting) -> None:
            below = proportion_bound(0, now.runs)
            text = f"{now.found} violated" if now.found else f"0 of {now.runs:,}: below {below:.2g} at 95 %"
            bar.update(task, completed=now.runs, text=text)

        yield reached


@contextmanager
def shrink_bar(shown: Shown) -> Iterator[Callable[[int, Scenario], None]]:
    """How many replays there were, and what is left."""
    with progress_bar(shown, TextColumn("{task.fields[text]}"), TimeElapsedColumn()) as bar:
        task = bar.add_task("shrink", total=None, text="")

        def on_replay(replays: int, least: Scenario) -> None:
            bar.update(task, text=f"{replays} replays, {len(least.faults)} faults left")

        yield on_replay
