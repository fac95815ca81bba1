"""A report in a notebook: the verdict, what does not conform, and how it stands with each requirement."""

from collections.abc import Sequence
from html import escape

from flk.spec.tables import html_table, html_verdict
from flk.spec.verdict import Verdict

MAX_SHOWN = 25
MAX_CHARACTERS = 300


def html(
    verdict: Verdict,
    head: str,
    statuses: Sequence[str],
    lines: Sequence[Sequence[object]],
    failures: Sequence[Sequence[object]],
    remarks: Sequence[str],
    again: str,
) -> str:
    """`lines` have a requirement's id and title and a count for each of the statuses; `failures` a case, its requirements, its
    status, its input and what came of it.
    """
    parts = [f"<p>{html_verdict(verdict)} {escape(head)}</p>"]
    parts += [f"<p>breach of protocol: {escape(_cut(remark))}</p>" for remark in remarks]
    if failures:
        header = ["case", "requirements", "status", "smallest input", "expected and got"]
        shown = [[_cut(str(cell)) for cell in row] for row in failures[:MAX_SHOWN]]
        parts.append(
            html_table(header, shown, "What does not conform: of each operation the case with the smallest input")
        )
        parts += [f"<p>and {len(failures) - MAX_SHOWN} more</p>"] if len(failures) > MAX_SHOWN else []
    table = html_table(["id", "requirement", *statuses], lines)
    parts.append(
        f"<details{' open' if len(lines) <= MAX_SHOWN else ''}><summary>By requirement</summary>{table}</details>"
    )
    parts += [f"<p>Again: <code>{escape(again)}</code></p>"] if again else []
    return "".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} …"
