"""Workers killed -9 at drawn moments over each kind of queue: each task has one end and one effect (AUD-7)."""

import time
from pathlib import Path
from random import Random

import pytest
from tests.support.impl.audited import stored
from tests.support.impl.queues import KINDS, QueuePlace, letters
from tests.support.impl.worked import FAILS, forge, kill, worker, written
from tests.support.model.siem import audit_leaves
from tests.support.model.transparency import LOG, WITNESS

from flk.impl.queues.queue import Queue
from flk.model.auditing.attestation import attested_name, verify
from flk.model.auditing.derived import enriched, enriched_name
from flk.model.entries.tasks import Span, Task, TaskKind

LEAVES = audit_leaves(24)
TASKS = [
    Task(kind, Span(LOG.name, n, n + 1)) for n in range(len(LEAVES)) for kind in (TaskKind.ENRICH, TaskKind.ATTEST)
]
DOOMED = {task for number, task in enumerate(TASKS) if number % 7 == 3}
FAILING = {task.id for task in DOOMED}
LEASE = 0.4
ROUNDS = 4


def settled(queue: Queue) -> int:
    """How many tasks have come to an end."""
    return queue.marked(TASKS) + len(letters(queue))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_workers_leave_each_task_with_one_end_and_one_effect(kind: str, tmp_path: Path) -> None:
    """Two at a time, each killed after a drawn number of tasks more has come to an end; then one finishes what is left."""
    where = stored(tmp_path / "log", LEAVES)
    place = QueuePlace(kind, tmp_path)
    random = Random(kind)
    kills = 0
    with place.open() as queue, forge() as workers:
        for _ in range(ROUNDS):
            pids = [workers.fork(place.url, where, FAILING, LEASE) for _ in range(2)]
            for pid in pids:
                until = min(settled(queue) + random.randint(1, 5), len(TASKS) - 1)
                while settled(queue) < until:
                    time.sleep(0.002)
                time.sleep(random.random() * 0.01)
                kills += kill(pid)
        assert kills == 2 * ROUNDS
    with place.open(LEASE) as queue:
        last = worker(queue, where, FAILING, LEASE)
        while sum(queue.backlog()[:2]):
            list(last.passes(None))
            time.sleep(0.02)
        assert letters(queue) == dict.fromkeys(DOOMED, (4, FAILS))
        assert queue.marked(TASKS) == len(TASKS) - len(DOOMED)
        assert queue.marked(sorted(DOOMED)) == 0
        assert queue.position().behind == len(LEAVES)
    expected = {enriched_name(n): n for n in range(len(LEAVES))} | {attested_name(n): n for n in range(len(LEAVES))}
    doomed = {
        (enriched_name if task.kind is TaskKind.ENRICH else attested_name)(task.key.begin)  # type: ignore[union-attr]
        for task in DOOMED
    }
    objects = written(tmp_path / "log")
    assert objects.keys() == expected.keys() - doomed
    for name, content in objects.items():
        number = expected[name]
        if name.startswith("enriched"):
            assert content == enriched(LOG.name, number, LEAVES[number])
        else:
            shown = verify(content, LOG.verifier, WITNESS.verifier)
            assert (shown.index, shown.leaf) == (number, LEAVES[number])
