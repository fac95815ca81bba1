"""Experiments give the same runs on every backend, in every process, under every hash seed."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster
from tests.support.sim.target import FAILING, RESTLESS

from flk.sim.experiments.determinism import check, trace_of
from flk.sim.experiments.execution import WorkerFailed, run_all
from flk.sim.experiments.run_inputs import RunInputs, Task, execute, programs_named, synthetic_inputs
from flk.sim.experiments.swarm import swarm
from flk.spec.errors import UnusableInput

TASKS = [Task(swarm(seed), seed) for seed in range(1, 13)]


def digest(inputs: RunInputs, task: Task) -> tuple[int, str]:
    """A run by its seed and digest."""
    return task.seed, execute(inputs, task).digest


@pytest.fixture(scope="module")
def expected() -> dict[int, str]:
    """The digests of a plain loop."""
    inputs = synthetic_inputs(60)
    return {task.seed: execute(inputs, task).digest for task in TASKS}


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a Dask cluster of two processes on this machine."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:  # type: ignore[no-untyped-call]
        yield cluster.scheduler_address


@pytest.mark.slow
def test_every_backend_gives_the_same_runs(expected: dict[int, str], scheduler: str) -> None:
    """In this process, on one and on two processes, and on a real Dask cluster."""
    inputs = synthetic_inputs(60)
    for backend, workers in (("none", 1), ("processes", 1), ("processes", 2), (f"dask:{scheduler}", 2)):
        assert dict(run_all(digest, inputs, TASKS, workers=workers, backend=backend)) == expected, (backend, workers)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["none", "processes", "dask"])
def test_a_failing_run_is_told_with_scenario_seed_and_traceback(backend: str) -> None:
    """Wherever a run fails, the message names it and says where in the code it failed. `dask` starts a cluster of its own."""
    inputs = synthetic_inputs(60, FAILING)
    with pytest.raises(WorkerFailed) as failure:
        list(run_all(digest, inputs, TASKS[:2], workers=2, backend=backend))
    text = str(failure.value)
    assert any(f"({task.scenario.hash}), seed {task.seed}" in text for task in TASKS[:2])
    assert "the shipper broke" in text
    assert "target.py" in text


PICKLED: list[int] = []
UNPICKLED: list[int] = []


def unpickled() -> int:
    """How often this process has unpacked something."""
    UNPICKLED.append(1)
    return len(UNPICKLED)


class Counted:
    """Notes each time that it is pickled, and becomes the number of times that it was unpickled."""

    def __reduce__(self) -> tuple[object, tuple[()]]:
        PICKLED.append(1)
        return unpickled, ()


def shared_value(shared: object, task: Task) -> tuple[int, object]:
    """What a worker was given."""
    return task.seed, shared


def test_what_is_shared_is_packed_once_and_unpacked_once_by_each_worker() -> None:
    """Sixty tasks on two processes: one pickle, and no process unpickles it twice."""
    PICKLED.clear()
    tasks = [task._replace(seed=seed) for task in TASKS for seed in range(1000 * task.seed, 1000 * task.seed + 5)]
    found = dict(run_all(shared_value, Counted(), tasks, workers=2))
    assert found == {task.seed: 1 for task in tasks}
    assert len(PICKLED) == 1


def test_unusable_input_in_a_worker_stays_unusable_input() -> None:
    """A run without records is refused in the words of the simulator, not with a traceback."""
    with pytest.raises(UnusableInput, match="there are no records to submit"):
        list(run_all(digest, RunInputs(()), TASKS, workers=2))


def test_no_task_begins_once_the_tasks_end() -> None:
    """Tasks are taken as there is room, so that a consumer can end them."""
    taken: list[int] = []

    def tasks() -> Iterator[Task]:
        for task in TASKS * 100:
            if len(taken) >= 3:
                return
            taken.append(task.seed)
            yield task

    assert len(list(run_all(digest, synthetic_inputs(60), tasks(), workers=1))) == 3


def test_a_backend_that_is_not_there_is_told() -> None:
    """A misspelt one with the nearest, one that is not installed with what to install."""
    with pytest.raises(UnusableInput, match="did you mean processes"):
        list(run_all(digest, synthetic_inputs(60), TASKS, backend="proceses"))
    with pytest.raises(UnusableInput, match="pip install ray"):
        list(run_all(digest, synthetic_inputs(60), TASKS, backend="ray"))


@pytest.mark.slow
def test_the_models_runs_repeat_everywhere() -> None:
    """Here again, in fresh processes under three hash seeds, in one worker and in two."""
    assert check(synthetic_inputs(60), TASKS[:2]) is None


@pytest.mark.slow
def test_a_run_that_depends_on_the_hash_seed_is_told_by_its_first_differing_line() -> None:
    """The line is the first in which the traces differ, and it is shown from both sides."""
    inputs = synthetic_inputs(60, RESTLESS)
    found = check(inputs, TASKS[:1])
    assert found is not None
    assert "PYTHONHASHSEED" in found.other
    assert "Marked note" in found.here
    assert "Marked note" in found.there
    assert found.here != found.there
    lines = trace_of(inputs, TASKS[0]).decode().splitlines()
    assert lines[found.line - 1] == found.here
    assert not any("Marked note" in line for line in lines[: found.line - 1])
    assert f"line {found.line}" in str(found)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "write MODULE:NAME"),
        ("tests.sim.no_prey:X", "cannot be imported"),
        ("tests.support.sim.target:RESTLES", "did you mean RESTLESS"),
        ("tests.support.sim.drills:drill", "has no Programs called 'drill'"),
    ],
)
def test_programs_that_do_not_exist_are_refused(name: str, message: str) -> None:
    """A name that stands for no programs is one message, with the fix."""
    with pytest.raises(UnusableInput, match=message):
        programs_named(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nunknown\n", r"mine_programs\.py:2: NameError: name 'unknown' is not defined; fix the line"),
        ("def (\n", r"mine_programs\.py:1: invalid syntax; fix the Python there"),
        ("raise SystemExit(0)\n", r"mine_programs\.py:1: it ends the process"),
        ("import no_such_module\n", r"mine_programs\.py:1: ModuleNotFoundError"),
    ],
)
@pytest.mark.parametrize("named", ["mine_programs.py:MINE", "mine_programs:MINE"])
def test_programs_that_cannot_be_imported_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, text: str, message: str
) -> None:
    """Whatever they raise is their own mistake, and the message names the line; what failed can be tried again."""
    (tmp_path / "mine_programs.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for _ in range(2):
        with pytest.raises(UnusableInput, match=message):
            programs_named(named)
    assert "mine_programs" not in sys.modules


def test_a_file_of_programs_uses_modules_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the current directory, as a script would."""
    (tmp_path / "beside_mine.py").write_text("from tests.support.sim.target import RESTLESS\n")
    (tmp_path / "mine_programs.py").write_text("from beside_mine import RESTLESS as MINE\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert programs_named("mine_programs.py:MINE") is RESTLESS


def test_a_file_is_not_taken_for_a_module_of_python(tmp_path: Path) -> None:
    """Whoever imports `queue` later gets the one of Python."""
    (tmp_path / "queue.py").write_text("")
    with pytest.raises(UnusableInput, match="Python has a module called queue itself; give the file another name"):
        programs_named(f"{tmp_path}/queue.py:MINE")


def test_supplies_are_named_by_what_they_hold() -> None:
    """Other records, another key, other programs: another digest; the same again: the same."""
    one = synthetic_inputs(20)
    others = [synthetic_inputs(21), synthetic_inputs(20, RESTLESS), RunInputs(one.submissions, secret=b"another")]
    assert len({inputs.digest for inputs in (one, synthetic_inputs(20), *others)}) == 4
