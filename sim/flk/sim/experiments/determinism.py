"""Whether a run is the same wherever it is made: in this process, in fresh ones with other seeds for Python's hashes, in workers.

A fresh process is `python -m flk.sim.experiments.determinism FILE TRACE`: it makes the pickled run in FILE, writes its trace and
prints its digest.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cloudpickle  # type: ignore[import-untyped]  # it carries no types

from flk.sim.experiments.execution import run_all
from flk.sim.experiments.supplies import Supplies, Task, execute

HASH_SEEDS = ("0", "1", "4242")
WORKERS = (1, 2)


class Difference(NamedTuple):
    """Two ways to make a run that gave different runs, and the first line of the trace in which they differ."""

    task: Task
    one: str
    other: str
    line: int
    here: str
    there: str

    def __str__(self) -> str:
        return (
            f"{self.task.label} is not the same run in {self.one} and in {self.other}.\n"
            f"The traces first differ in line {self.line}:\n  {self.one}: {self.here}\n  {self.other}: {self.there}"
        )


def check(supplies: Supplies, tasks: Sequence[Task]) -> Difference | None:
    """The first difference between the ways to make these runs; None if all ways give the same."""
    for task in tasks:
        here = trace_of(supplies, task)
        ways = [("this process again", trace_of(supplies, task))]
        ways += [(f"a process with PYTHONHASHSEED={seed}", _elsewhere(supplies, task, seed)) for seed in HASH_SEEDS]
        for name, there in ways:
            if there != here:
                return _difference(task, ("this process", here), (name, there))
    for workers in WORKERS:
        for task, trace in run_all(labelled_trace, supplies, tasks, workers=workers):
            here = trace_of(supplies, task)
            if trace != here:
                return _difference(task, ("this process", here), (f"one of {workers} workers", trace))
    return None


def trace_of(supplies: Supplies, task: Task) -> bytes:
    """The trace of a run, whose BLAKE2b digest is the run's."""
    written = BytesIO()
    execute(supplies, task, written)
    return written.getvalue()


def labelled_trace(supplies: Supplies, task: Task) -> tuple[Task, bytes]:
    """A task with its trace, since results come in any order."""
    return task, trace_of(supplies, task)


def _elsewhere(supplies: Supplies, task: Task, hash_seed: str) -> bytes:
    """The trace of a run made by a fresh process."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
    }
    with TemporaryDirectory() as directory:
        file, trace = Path(directory) / "run", Path(directory) / "trace"
        file.write_bytes(cloudpickle.dumps((supplies, task)))
        command = [sys.executable, "-m", __name__, str(file), str(trace)]
        subprocess.run(command, env=environment, check=True)  # noqa: S603 - this very program
        return trace.read_bytes()


def _difference(task: Task, one: tuple[str, bytes], other: tuple[str, bytes]) -> Difference:
    pairs = enumerate(zip_longest(one[1].splitlines(), other[1].splitlines(), fillvalue=b"(nothing more)"), 1)
    line, (here, there) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    return Difference(task, one[0], other[0], line, here.decode(), there.decode())


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(trace_of(*cloudpickle.loads(Path(sys.argv[1]).read_bytes())))
