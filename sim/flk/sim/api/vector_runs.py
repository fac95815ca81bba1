"""Runs of the vector tier. Nothing large is imported here: 10^8 requests are to take a hundred megabytes, Python included."""

from collections.abc import Sequence
from contextlib import ExitStack
from math import nan
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from flk.model.entries.judgement import judge
from flk.model.flow.submission import Submission
from flk.model.record.record import decode
from flk.sim.api.programs import inputs_for
from flk.sim.reports.run_progress import run_bar
from flk.sim.scenarios.scenario import Scenario
from flk.sim.vector.plan import require_exact
from flk.sim.vector.run import SIZE, VectorRun, run
from flk.spec.errors import writing

SPARE = 64
"""Bytes of a frame beside its payload, at most."""


def vector_run(
    scenario: Scenario,
    seed: int | None,
    requests: int | None,
    *,
    trace: str | PathLike[str] | None,
    progress: bool | None,
) -> VectorRun:
    """A scenario computed in arrays. With `requests`, so many come at most and records never run out; they stand for honest ones.

    Raises UnusableInput for what the tier cannot do exactly, and for a trace that cannot be written.
    """
    require_exact(scenario)
    records, size, escalation = None, SIZE, 0.0
    if requests is None:
        submissions = inputs_for(scenario).submissions
        payloads = [len(submission.payload()) for submission in submissions]
        records, size, escalation = len(payloads), max(payloads) + SPARE, _escalated(submissions)
    with ExitStack() as stack:
        file = opened(trace, stack)
        reached = stack.enter_context(run_bar(scenario.name, progress))
        return run(
            scenario,
            seed,
            records=records,
            requests=requests,
            size=size,
            escalation=escalation,
            trace=file,
            on_progress=reached,
        )


def _escalated(submissions: Sequence[Submission]) -> float:
    """The share of the records' outcomes that is escalated if it is the same whichever records come; NaN if it is not."""
    found = {judge(decode(submission.body)).escalated for submission in submissions}
    return float(found.pop()) if len(found) == 1 else nan


def opened(trace: str | PathLike[str] | None, stack: ExitStack) -> BinaryIO | None:
    """The file that the trace is written to, if one is named. Raises UnusableInput if it cannot be written."""
    if trace is None:
        return None
    with writing(trace, "the trace"):
        return stack.enter_context(Path(trace).open("wb"))
