"""The audit queue of a region, measured: its backlog over time, the age of its oldest task, how many finished, and how soon."""

from collections.abc import Mapping, Sequence
from math import inf, nan
from typing import NamedTuple

import numpy as np

from flk.model.entries.tasks import Task
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.series import Column, Quantiles, Steps, quantiles, staleness
from flk.sim.scenarios.faults import Disk
from flk.sim.world.events import Crashed, TaskChange, TaskChanged
from flk.sim.world.observer import Observer


class AuditMeasures(NamedTuple):
    """The audit queue of one region. Times are seconds of the run.

    `backlog` is the number of unfinished tasks, `age` on the grid the age of the oldest of them (0 without any).
    `settle` is from when a task entered the queue until it was acknowledged, or the run ended; `settled` says whether its p99 is
    what it would have been in a longer run. Of all tasks, `done` took effect and
    `dead` are dead letters. `leases` beyond the number of tasks were lost to crashes and to slow workers. `uncovered` is the share
    without effect of the tasks that were finished, or should have been by the objective; NaN without such tasks.
    """

    backlog: Steps
    age: Column
    settle: Quantiles
    tasks: int
    done: int
    dead: int
    leases: int
    uncovered: float
    settled: bool

    def facts(self) -> dict[str, object]:
        """The measures as a report in JSON has them: the most of what is followed over time."""
        most = {"backlog": float(self.backlog.level.max()), "age": float(self.age.max())}
        rest = {name: getattr(self, name) for name in ("tasks", "done", "dead", "leases", "uncovered")}
        return {**rest, "settle": self.settle._asdict(), "most": most}


class AuditRecorder:
    """Writes down when tasks came and went. A task that its store took down with it comes when recovery has found it again."""

    def __init__(self, regions: Sequence[str], simulator: Simulator) -> None:
        self._simulator = simulator
        self._rows: dict[str, dict[Task, list[float]]] = {region: {} for region in regions}
        self._leases = dict.fromkeys(regions, 0)
        self._done: dict[str, set[Task]] = {region: set() for region in regions}
        self._dead: dict[str, set[Task]] = {region: set() for region in regions}

    def observe(self, observer: Observer) -> None:
        """Write down every change of a task."""
        observer.handle(TaskChanged, self._note)
        observer.handle(Crashed, self._crash)

    def _note(self, event: TaskChanged) -> None:
        region, task = event.region, event.task
        match event.change:
            case TaskChange.ENQUEUED:
                self._rows[region].setdefault(task, [self._simulator.now, inf])
            case TaskChange.TAKEN:
                self._leases[region] += 1
            case TaskChange.EFFECTED:
                self._done[region].add(task)
            case TaskChange.BURIED:
                self._dead[region].add(task)
            case TaskChange.ACKNOWLEDGED:
                row = self._rows[region][task]
                row[1] = min(row[1], self._simulator.now)

    def _crash(self, event: Crashed) -> None:
        """The queue goes down with the store."""
        region = event.fault.region
        if event.fault.disk is Disk.LOST:
            self._rows[region] = {task: row for task, row in self._rows[region].items() if row[1] < inf}
            self._dead[region].clear()

    def measures(self, grid: Column, target: float) -> Mapping[str, AuditMeasures]:
        """By region; `target` is the time in which a task should be finished, in seconds."""
        return {region: self._of(region, grid, target) for region in self._rows}

    def _of(self, region: str, grid: Column, target: float) -> AuditMeasures:
        rows = list(self._rows[region].values())
        entered = np.array([row[0] for row in rows], dtype=np.float64)
        finished = np.array([row[1] for row in rows], dtype=np.float64)
        took = np.minimum(finished, self._simulator.now) - entered
        over = np.isfinite(finished)
        due = over | (took > target)
        done = np.array([task in self._done[region] for task in self._rows[region]], dtype=np.bool_)
        return AuditMeasures(
            backlog=_backlog(entered, finished[over]),
            age=staleness(entered, finished, grid),
            settle=quantiles(took),
            tasks=len(rows),
            done=int(done.sum()),
            dead=len(self._dead[region]),
            leases=self._leases[region],
            uncovered=1.0 - float(done[due].mean()) if due.any() else nan,
            settled=bool(over.all() or took[~over].min() > np.quantile(took, 0.99, method="higher")),
        )


def _backlog(entered: Column, finished: Column) -> Steps:
    """How many tasks were unfinished, from each moment at which that number changed."""
    at = np.concatenate(([0.0], entered, finished))
    change = np.concatenate(([0.0], np.ones(entered.size), -np.ones(finished.size)))
    order = np.argsort(at, kind="stable")
    return Steps(at[order], np.cumsum(change[order]))
