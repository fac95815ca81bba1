"""`flk bench pii`: precision and recall of the scanner for personal data, each with an interval, and its speed."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.bench.bench import Json, bench

if TYPE_CHECKING:
    from rich.table import Table

    from flk.impl.bench.personal import Count, Report


@bench.command(epilog="Example: flk bench pii --samples 5000 --seed 2")
def pii(
    *,
    samples: Annotated[int, typer.Option(min=1, help="How many texts to write and scan.")] = 4000,
    seed: Annotated[int, typer.Option(help="Random seed of the texts.")] = 1,
    json: Json = False,
) -> None:
    """How much personal data is found in generated text of twelve countries, how much of what is found is, and how fast.

    With 95 % intervals (Clopper-Pearson), beside plain patterns on the same texts. Half of the texts hold a near miss.
    """
    from rich.console import Console

    from flk.spec.errors import needs

    with needs("bench", "text to scan"):
        from flk.impl.bench.personal import measure
    with Console(stderr=True).status("") as status:
        report = measure(samples, seed, status.update)
    if json:
        typer.echo(msgspec.json.encode(report))
        return
    Console().print(_shares(report), _speeds(report))
    for mistake, times in sorted(report.mistakes.items(), key=lambda item: -item[1]):
        typer.echo(f"{times} times: {mistake}")


def _shares(report: "Report") -> "Table":
    from rich.table import Table

    table = Table("kind", "there", "recall", "precision", "recall, patterns", "precision, patterns", box=None)
    for ours, theirs in zip(report.counts, report.baseline, strict=True):
        table.add_row(ours.name, str(ours.there), _recall(ours), _precision(ours), _recall(theirs), _precision(theirs))
    return table


def _recall(count: "Count") -> str:
    return _share(count.found, count.there)


def _precision(count: "Count") -> str:
    return _share(count.found, count.found + count.false)


def _share(successes: int, size: int) -> str:
    from flk.sim.statistics.intervals import proportion_interval

    if not size:
        return "–"
    interval = proportion_interval(successes, size)
    return f"{successes / size:.1%} ({interval.low:.1%} – {interval.high:.1%})"


def _speeds(report: "Report") -> "Table":
    from rich.table import Table

    table = Table("text", "MB/s", box=None)
    for speed in report.speeds:
        table.add_row(speed.name, f"{speed.megabytes_per_second:.2f}")
    return table
