"""`flk lab`: the main job. Three regions through a bad day on real records, then a live server held against the model."""

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flk.impl.command.app import app
from flk.spec.constants import CONSTANTS
from flk.spec.verdict import Verdict, worst

if TYPE_CHECKING:
    from rich.console import Console

    from flk.impl.drill.comparison import Compared

DATASET = "jacksboro-fault"
SCENARIO = "three-regions"
SECRET = "a secret of the lab"  # noqa: S105 - of a server that lives for seconds, on loopback
TENANT = CONSTANTS.node.default_tenant
REGION = "eu"


@app.command()
def lab(
    *,
    out: Annotated[Path, typer.Option(help="Where the report goes.", file_okay=False)] = Path("out"),
) -> None:
    """Run the main job: records of a real terrain survey through three simulated regions, then through a live server.

    Exit code 0: every invariant and objective holds and the live server answers as the model does; 1: something is violated; 2:
    something is undecided.
    """
    from rich.console import Console

    import flk.impl.server.lifecycle  # noqa: F401  (what the server lacks is said now, not after the simulation)

    console = Console()
    console.rule(f"[bold]1. {SCENARIO}: a simulated bad day[/]")
    simulated = _simulate(out)
    console.rule("[bold]2. a live server against the model[/]")
    rows = _compare_live(console)
    _print(console, rows)
    live = Verdict.HOLDS if all(row.agrees for row in rows) else Verdict.VIOLATED
    raise typer.Exit(worst([simulated, live]).exit_code)


def _simulate(out: Path) -> Verdict:
    """Run the scenario as `flk run` does; its report goes to `out`."""
    from flk.impl.command.sim.run import show
    from flk.sim import run

    out.mkdir(parents=True, exist_ok=True)
    result = run(SCENARIO)
    show(result, SCENARIO, html=out / f"{SCENARIO}.html")
    return result.verdict


def _compare_live(console: "Console") -> "list[Compared]":
    """Send the scenario's records, and spoiled and doubtful ones made of them, through a `flk serve` on loopback."""
    from rich.progress import Progress

    from flk.impl.drill.comparison import compare, doubtful, model_answers, spoiled
    from flk.impl.keys import load_keys
    from flk.impl.server.process import key_file, server_process
    from flk.model.record.signing import HmacKey
    from flk.model.samples.datasets import submissions, unsigned

    key, forger = HmacKey(SECRET.encode()), HmacKey(b"of somebody else")
    records = unsigned(DATASET)
    sent = [
        *submissions(DATASET, key),
        *doubtful(records, key, TENANT),
        *spoiled(records, key, forger, TENANT),
    ]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        keys = key_file(home, SECRET, TENANT)
        expected = model_answers(sent, REGION, load_keys(keys), time.time())
        with (
            server_process(home / "data", keys, ("--region", REGION)) as server,
            Progress(console=console, transient=True) as progress,
        ):
            task = progress.add_task(f"delivering to {server.url}", total=len(sent))
            return compare(
                sent, expected, home / "outbox", server.url, lambda done: progress.update(task, completed=done)
            )


def _print(console: "Console", rows: "Sequence[Compared]") -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from flk.model.flow.answers import ANSWERS

    table = Table("the model answers", "submissions", "the server answers the same", box=SIMPLE)
    meant = Counter(row.expected.status for row in rows)
    same = Counter(row.expected.status for row in rows if row.agrees)
    for status in sorted(meant):
        table.add_row(f"{status} {ANSWERS[status].says}", str(meant[status]), str(same[status]))
    console.print(table)
    differing = [row for row in rows if not row.agrees]
    for row in differing[:5]:
        console.print(f"[bold red]expected[/] {row.expected}\n[bold red]answered[/] {row.answered}")
    verdict = (
        "[green]agrees with the model on every one[/]" if not differing else f"[red]differs on {len(differing)}[/]"
    )
    console.print(f"{len(rows)} submissions compared one by one: the live server {verdict}")
