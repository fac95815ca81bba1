"""The tables that `flk bench` prints: figures keep their digits together at any width, and bars follow below."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table

if TYPE_CHECKING:
    from flk.impl.bench.client import Figure as Sending
    from flk.impl.bench.compare_layers import Report as Layers
    from flk.impl.bench.explore import Figure as Search
    from flk.impl.bench.hostile import Row as Attempted
    from flk.impl.bench.interleave import Figure as Rate
    from flk.impl.bench.sdk import Report as Languages
    from flk.impl.bench.stores import Report as StoreReport
    from flk.impl.bench.tenants import Figure as Company
    from flk.impl.bench.traces import Figure as Validation
    from flk.impl.bench.turns import Bar
    from flk.impl.bench.turns import Figure as Load


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without rules. `>` before a name aligns its column to the right; those are figures, and never wrap."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        figures = name.startswith(">")
        made.add_column(
            name.removeprefix(">"), justify="right" if figures else "left", no_wrap=figures, overflow="fold"
        )
    for row in rows:
        made.add_row(*row)
    return made


def rates(figures: Iterable["Rate"]) -> Table:
    """Of `flk bench signing` and `flk bench examine`."""
    return table(
        ("", ">a second", ">baseline", ">ratio", ">bar", ""),
        (
            (
                one.name,
                f"{one.per_second:,.0f}",
                f"{one.baseline_per_second:,.0f}",
                f"{one.ratio:.2f}",
                f"{one.bar:,.0f}" if one.bar else f"{one.times:g} times" if one.times else "",
                one.verdict,
            )
            for one in figures
        ),
    )


def clients(figures: Iterable["Sending"]) -> Table:
    """Of `flk bench client`."""
    rows = ((one.name, f"{one.per_second:,.0f}", f"{one.times:.2f}") for one in figures)
    return table(("", ">records a second", ">times bare HTTP"), rows)


def languages(report: "Languages") -> Group:
    """Of `flk bench sdk`."""
    made = table(
        ("", ">a second", ">Python", ">ratio"),
        (
            (one.name, f"{one.per_second:,.0f}", f"{one.baseline_per_second:,.0f}", f"{one.ratio:.2f}")
            for one in report.figures
        ),
    )
    return Group(made, *(f"not measured: {name}: {why}" for name, why in report.unmeasured.items()))


def loads(figures: Iterable["Load"], bars: Iterable["Bar"]) -> Group:
    """Of `flk bench ingest`, `batch`."""
    made = table(
        ("", ">a second", ">ratio", ">p50 ms", ">p99 ms", ">CPU µs each"),
        (
            (
                one.name,
                f"{one.per_second:,.0f}",
                f"{one.ratio:.2f}",
                f"{one.p50 * 1e3:.2f}",
                f"{one.p99 * 1e3:.2f}",
                f"{one.processor * 1e6:.0f}",
            )
            for one in figures
        ),
    )
    return Group(made, *_lines(bars))


def layers(report: "Layers") -> Group:
    """Of `flk bench http`."""
    smuggled = table(
        ("ambiguous request", *(one.layer for one in report.attacked)),
        (
            (rows[0].name, *("refused" if row.refused else f"taken: {_words(row.statuses)}" for row in rows))
            for rows in zip(*(one.smuggled for one in report.attacked), strict=True)
        ),
    )
    strangers = table(
        ("strangers", "layer", ">CPU s", ">MB", ">wait s", "others"),
        (
            (
                row.name,
                one.layer,
                f"{row.processor:.2f}",
                f"{row.memory / 1e6:.0f}",
                f"{row.stall:.2f}",
                "served" if row.served and not row.unanswered else "not served",
            )
            for rows in zip(*(one.attempts for one in report.attacked), strict=True)
            for one, row in zip(report.attacked, rows, strict=True)
        ),
    )
    return Group(loads(report.figures, ()), smuggled, strangers, *_lines(report.bars))


def _words(statuses: Sequence[int]) -> str:
    return " ".join(map(str, statuses)) or "no answer"


def stores(report: "StoreReport") -> Group:
    """Of `flk bench store`."""
    shared = table(
        ("", ">nodes", ">a second", ">p99 ms", ">ratio"),
        (
            (one.store, str(one.nodes), f"{one.per_second:,.0f}", f"{one.p99 * 1e3:.1f}", f"{one.ratio:.2f}")
            for one in report.nodes
        ),
    )
    return Group(
        "claims of a store, beside a plain client of its server:",
        rates(report.claims),
        "submits to nodes that share a store:",
        shared,
        *_lines(report.bars),
    )


def searches(figures: Iterable["Search"], bars: Iterable["Bar"]) -> Group:
    """Of `flk bench explore`."""
    made = table(
        ("model", ">bits", "tool", ">states", ">wall s", ">CPU s", ">a second", ">ratio"),
        (
            (
                one.model,
                str(one.bits),
                one.tool,
                f"{one.states:,}",
                f"{one.seconds:.2f}",
                f"{one.processor:.2f}" if one.processor else "",
                f"{one.per_second:,.0f}",
                f"{one.ratio:.1f}" if one.ratio else "",
            )
            for one in figures
        ),
    )
    return Group(made, *_lines(bars))


def validations(figures: Iterable["Validation"]) -> Table:
    """Of `flk bench validate`."""
    return table(
        ("told", ">events", ">validated/s", ">decoded/s", ">ratio", "bar"),
        (
            (
                one.told,
                f"{one.events:,}",
                f"{one.per_second:,.0f}",
                f"{one.decoded_per_second:,.0f}",
                f"{one.ratio:.1f}",
                one.verdict,
            )
            for one in figures
        ),
    )


def attempts(rows: Iterable["Attempted"], bars: Iterable["Bar"]) -> Group:
    """Of `flk bench hostile`."""
    made = table(
        ("attempt", ">sent MB", "answers", ">MB", ">log MB", ">wait ms", ">of it work", ">CPU s", ""),
        (
            (
                one.name,
                f"{one.sent / 1e6:.1f}",
                ", ".join(f"{count:,} {answer}" for answer, count in one.answers.items()),
                f"{one.memory / 1e6:.1f}",
                f"{one.logged / 1e6:.1f}",
                f"{one.stall * 1e3:.0f}",
                f"{one.work * 1e3:.0f}",
                f"{one.processor:.2f}",
                one.verdict,
            )
            for one in rows
        ),
    )
    return Group(made, *_lines(bars))


def companies(figures: Iterable["Company"], bars: Iterable["Bar"]) -> Group:
    """Of `flk bench tenants`."""
    made = table(
        ("the others", ">p50 ms", ">p99 ms", ">times", ">likely", ">CPU %", "the noise is answered"),
        (
            (
                one.company,
                f"{one.p50 * 1e3:.2f}",
                f"{one.p99 * 1e3:.2f}",
                f"{one.times_alone:.2f}",
                f"{one.likely[0]:.2f}–{one.likely[1]:.2f}",
                f"{one.processor * 1e2:.0f}",
                ", ".join(f"{count:,} {status}" for status, count in one.noise.items()),
            )
            for one in figures
        ),
    )
    return Group(made, *_lines(bars))


def _lines(bars: Iterable["Bar"]) -> list[str]:
    return [f"{bar.name}: {bar.measured}, {'met' if bar.met else 'missed'}" for bar in bars]
