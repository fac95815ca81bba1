"""A run: chosen mutants up the ladder, with a bar, and the report."""

from collections.abc import Sequence

from rich.progress import MofNCompleteColumn, TextColumn, TimeElapsedColumn

from flk.formal.mutation.ladder import Climb, Ladder
from flk.formal.mutation.ledger import Ledger
from flk.formal.mutation.report import Report, report
from flk.formal.mutation.selection import Selection
from flk.formal.mutation.target import Target
from flk.spec.progress import Shown, progress_bar


def run(
    targets: Sequence[Target], selection: Selection, ladder: Ladder, ledger: Ledger, progress: Shown = None
) -> Report:
    """Try the chosen mutants of the targets. Raises UnusableInput as `Selection.plan` and `Ladder.climb` do."""
    plan = selection.plan(targets)
    bar = progress_bar(progress, MofNCompleteColumn(), TextColumn("{task.fields[living]} alive"), TimeElapsedColumn())
    bar.live.auto_refresh = False  # it would need a thread, and processes are forked here
    with bar:
        task = bar.add_task("trying mutants", total=sum(len(mutants) for _, mutants in plan), living=0)
        living = 0

        def on_climb(climb: Climb) -> None:
            nonlocal living
            living += not climb.killer and ledger.get(climb.mutant) is None
            bar.update(task, advance=1, living=living)
            bar.refresh()

        climbs = ladder.climb(plan, on_climb)
    return report(climbs, ledger, targets if selection.whole else ())
