"""`flk run --tier vector`: a scenario computed in arrays."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from flk.impl.command.sim.records import run_inputs_for
from flk.impl.command.sim.trace_file import opened

if TYPE_CHECKING:
    from flk.sim.scenarios.scenario import Scenario
    from flk.sim.vector.run import VectorRun


def run_vector(
    scenario: "Scenario", seed: int | None, requests: int | None, trace: Path | None, *, quiet: bool
) -> "VectorRun":
    """The run, its progress shown on standard error. With `requests` records never run out; otherwise they are the scenario's."""
    from contextlib import ExitStack

    from rich.console import Console

    from flk.sim.reports.progress import progress
    from flk.sim.vector.plan import require_exact
    from flk.sim.vector.run import SIZE, run

    require_exact(scenario)
    records, size = None, SIZE
    console = Console(stderr=True, quiet=quiet)
    with ExitStack() as stack:
        if requests is None:
            with console.status(f"computing records of {scenario.workload.records}"):
                payloads = [len(submission.payload()) for submission in run_inputs_for(scenario).submissions]
            records, size = len(payloads), max(payloads) + SPARE
        file = stack.enter_context(opened(trace))
        reached = stack.enter_context(progress(console, scenario.name))
        return run(scenario, seed, records=records, requests=requests, size=size, trace=file, on_progress=reached)


SPARE = 64
"""Bytes of a frame beside its payload, at most."""


def show_vector(over: "VectorRun", *, json: bool, quiet: bool) -> None:
    """Print what a run came to."""
    from rich.console import Console

    from flk.sim.vector.report import facts, rendered

    if json:
        typer.echo(msgspec.json.encode(facts(over)))
    elif quiet:
        typer.echo(f"{over.scenario.name}: {over.verdict}")
    else:
        Console().print(rendered(over))
