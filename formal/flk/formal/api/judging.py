"""The claims of the earlier system, each judged by evidence that is looked at anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, overload

from flk.formal.api.progress import count_bar
from flk.formal.api.text import plain
from flk.spec.errors import needs
from flk.spec.tables import frame, html_table, html_verdict
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.formal.proofs.claims import Judgement
    from flk.formal.proofs.measurement import Attempt, Measure


@dataclass(frozen=True, repr=False)
class Claims(Sequence["Judgement"]):
    """Claims, judged; what `claims` returns. Each is a `Judgement`: the claim's status as it was `made` and as it holds `here`.

    A status is proved, bounded (every state at the sizes explored), tested, measured, refuted or undecided. What holds here
    does not bear on the claim as it was made; where its sentence stays false, `instead` is the one that holds. Shown in notebooks
    and by `print`.

    >>> judged = claims("first-write-wins")
    >>> judged[0].made.value, judged[0].here.value
    ('refuted', 'proved')
    """

    judgements: "tuple[Judgement, ...]"

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if evidence contradicts a status that the list states, otherwise UNDECIDED if a claim is, as made or here."""
        from flk.formal.proofs.claims import verdict_of

        return verdict_of(self.judgements)

    @overload
    def __getitem__(self, index: int) -> "Judgement": ...
    @overload
    def __getitem__(self, index: slice) -> "Claims": ...
    def __getitem__(self, index: int | slice) -> "Judgement | Claims":
        return Claims(self.judgements[index]) if isinstance(index, slice) else self.judgements[index]

    def __len__(self) -> int:
        return len(self.judgements)

    def __iter__(self) -> "Iterator[Judgement]":
        return iter(self.judgements)

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each claim: name, what it says, where, its status as made and here, and the commands that show it.

        `library` is pandas, polars or pyarrow; the first that is installed if it is left out. Raises MissingExtra if none is.
        """
        return frame(map(_row, self.judgements), library)

    def __str__(self) -> str:
        from flk.formal.reports.claims import table

        return plain(table(self.judgements))

    def __repr__(self) -> str:
        return f"<{len(self)} claims, {self.verdict.sign} {self.verdict}>"

    def _repr_html_(self) -> str:
        rows = [_row(judgement) for judgement in self.judgements]
        table = html_table(tuple(rows[0]), [tuple(row.values()) for row in rows]) if rows else ""
        return f"<div>{html_verdict(self.verdict)}{table}<p><code>{escape('flk claims -v')}</code></p></div>"


def claims(
    *names: str, measure: "Measure | None" = None, attempt: "Attempt | None" = None, progress: bool | None = None
) -> Claims:
    """Judge the earlier system's claims (all, if none is named): as they were made, and as they hold here.

    Proofs by Z3 and Coq, counterexamples by exploring; `measure(scenario, objective)` runs a scenario and reads a figure off,
    `attempt(name)` holds a trial; without them claims that rest on figures or trials stay undecided (`flk claims` passes both).
    `progress` shows a bar, or does not; None shows it where somebody watches.

    Raises UnusableInput for a name that no claim has, and where Coq is asked and not installed; MissingExtra if
    `flk-lab[formal]` is not installed.

    >>> claims("first-write-wins").verdict
    <Verdict.HOLDS: 'holds'>
    """
    with needs("formal", "judging claims"):
        from flk.formal.proofs.claims import Court, chosen, unmeasured, untried
    from flk.spec.claims import claims as known

    picked = chosen(known(), names)
    with count_bar("judging", progress) as say:
        court = Court(measure or unmeasured, attempt or untried)
        return Claims(court.judge(picked, lambda done, name: say(done, len(picked), name)))


def _row(judgement: "Judgement") -> dict[str, object]:
    commands = dict.fromkeys(f.command for f in (*judgement.made_by, *judgement.here_by) if f.command)
    return {
        "claim": judgement.name,
        "says": judgement.says,
        "source": judgement.source,
        "as made": str(judgement.made),
        "here": str(judgement.here),
        "instead": judgement.instead,
        "shown by": "; ".join(commands),
    }
