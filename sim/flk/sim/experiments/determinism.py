"""Whether a run is the same wherever it is made: in this process, in fresh ones with other seeds for Python's hashes, on a lesser
processor, in workers.

A fresh process is `python -m flk.sim.experiments.determinism DIRECTORY`: it makes the runs pickled in the file `runs` of the
directory, and writes the trace of each to a file beside it, `0`, `1` and so on.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cloudpickle  # type: ignore[import-untyped]  # it carries no types
import numpy as np

from flk.sim.experiments.execution import run_all
from flk.sim.experiments.run_inputs import RunInputs, Task, execute

HASH_SEEDS = ("0", "1", "4242")
PROCESSORS = "NPY_DISABLE_CPU_FEATURES"
"""Names instructions that NumPy is not to use: what it computes with others may be another."""
WORKERS = (1, 2)
_RUNS = "runs"


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


def check(inputs: RunInputs, tasks: Sequence[Task]) -> Difference | None:
    """The first difference between the ways to make these runs; None if all ways give the same."""
    here = [trace_of(inputs, task) for task in tasks]
    for name, there in _ways(inputs, tasks):
        for task, one, other in zip(tasks, here, there, strict=True):
            if one != other:
                return _difference(task, ("this process", one), (name, other))
    return None


def _ways(inputs: RunInputs, tasks: Sequence[Task]) -> Iterator[tuple[str, list[bytes]]]:
    """Each way to make the runs, with the traces it gives."""
    yield "this process again", [trace_of(inputs, task) for task in tasks]
    for seed in HASH_SEEDS:
        yield f"a process with PYTHONHASHSEED={seed}", _elsewhere(inputs, tasks, {"PYTHONHASHSEED": seed})
    if features := " ".join(used_features()):
        yield f"a process that does without {features}", _elsewhere(inputs, tasks, {PROCESSORS: features})
    for workers in WORKERS:
        found = dict(run_all(numbered_trace, inputs, _numbered(tasks), workers=workers))
        yield f"one of {workers} workers", [found[number] for number in range(len(tasks))]


def trace_of(inputs: RunInputs, task: Task) -> bytes:
    """The trace of a run, whose BLAKE2b digest is the run's."""
    written = BytesIO()
    execute(inputs, task, written)
    return written.getvalue()


class Numbered(NamedTuple):
    """A task with its place, since results come in any order."""

    number: int
    task: Task

    @property
    def label(self) -> str:
        """That of the task."""
        return self.task.label


def numbered_trace(inputs: RunInputs, numbered: Numbered) -> tuple[int, bytes]:
    """The place of a task and its trace."""
    return numbered.number, trace_of(inputs, numbered.task)


def _numbered(tasks: Sequence[Task]) -> Iterator[Numbered]:
    return (Numbered(number, task) for number, task in enumerate(tasks))


def used_features() -> tuple[str, ...]:
    """The instructions of this processor that NumPy uses and could do without."""
    found = np.show_config("dicts")
    return tuple(found["SIMD Extensions"].get("found", ())) if found else ()


def _elsewhere(inputs: RunInputs, tasks: Sequence[Task], others: Mapping[str, str]) -> list[bytes]:
    """The traces of runs made by a fresh process, in which some variables of the environment are others."""
    environment = {
        **os.environ,
        **others,
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
    }
    with TemporaryDirectory() as directory:
        (Path(directory) / _RUNS).write_bytes(cloudpickle.dumps((inputs, list(tasks))))
        subprocess.run([sys.executable, "-m", __name__, directory], env=environment, check=True)  # noqa: S603 - this program
        return [(Path(directory) / str(number)).read_bytes() for number in range(len(tasks))]


def _difference(task: Task, one: tuple[str, bytes], other: tuple[str, bytes]) -> Difference:
    pairs = enumerate(zip_longest(one[1].splitlines(), other[1].splitlines(), fillvalue=b"(nothing more)"), 1)
    line, (here, there) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    return Difference(task, one[0], other[0], line, here.decode(), there.decode())


def _write_traces(directory: Path) -> None:
    inputs, tasks = cloudpickle.loads((directory / _RUNS).read_bytes())
    for number, task in enumerate(tasks):
        (directory / str(number)).write_bytes(trace_of(inputs, task))


if __name__ == "__main__":
    _write_traces(Path(sys.argv[1]))
