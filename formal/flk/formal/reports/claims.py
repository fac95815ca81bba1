"""Claims in the terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flk.formal.proofs.claims import Judgement
from flk.formal.reports.columns import folding, whole
from flk.spec.claims import ClaimStatus

STYLES = {
    ClaimStatus.PROVED: "green",
    ClaimStatus.BOUNDED: "green",
    ClaimStatus.TESTED: "cyan",
    ClaimStatus.MEASURED: "cyan",
    ClaimStatus.REFUTED: "red",
    ClaimStatus.UNDECIDED: "yellow",
}


def table(judgements: Sequence[Judgement]) -> RenderableType:
    """A row for each claim: its status as it was made and as it holds here, and the commands that show it; then the counts."""
    grid = Table(whole("claim"), whole("as made"), whole("here"), folding("shown by"), box=SIMPLE)
    for judgement in judgements:
        commands = dict.fromkeys(f.command for f in (*judgement.made_by, *judgement.here_by) if f.command)
        instead = f"instead:\n{judgement.here}" if judgement.instead else judgement.here
        statuses = Text(judgement.made, STYLES[judgement.made]), Text(instead, STYLES[judgement.here])
        grid.add_row(judgement.name, *statuses, Text("\n".join(commands)))
    made, here = Counter(j.made for j in judgements), Counter(j.here for j in judgements)
    return Group(grid, Text(f"as made: {_counted(made)}\nhere:    {_counted(here)}"))


def evidence(judgement: Judgement) -> RenderableType:
    """A claim with every piece of evidence: why, the counterexample, and the command that shows it."""
    return Group(*_evidence(judgement))


def _evidence(judgement: Judgement) -> Iterator[RenderableType]:
    yield Text.assemble((judgement.name, "bold"), f"  {judgement.says}")
    yield Padding(Text(judgement.source, "dim"), (0, 2))
    here = f"{judgement.made}, here instead: {judgement.instead}" if judgement.instead else "here"
    sides = (
        ("as made", judgement.made, judgement.status, judgement.made_by),
        (here, judgement.here, judgement.holds, judgement.here_by),
    )
    for side, status, stated, findings in sides:
        yield Padding(Text.assemble(f"{side}: ", (status, STYLES[status])), (0, 2))
        if stated is not status and status is not ClaimStatus.UNDECIDED:
            yield Padding(Text(f"but the list of claims says {stated}", "red"), (0, 4))
        for finding in findings:
            yield Padding(Text(f"{finding.evidence}: {finding.note}"), (0, 4))
            if finding.path is not None:
                yield Padding(Text(" > ".join(move.shown for move in finding.path.moves[1:])), (0, 6))
            if finding.command:
                yield Padding(Text(finding.command, "dim"), (0, 6))
    yield Text()


def _counted(statuses: Counter[ClaimStatus]) -> str:
    return ", ".join(f"{number} {status}" for status, number in statuses.most_common())
