"""What audit workers did with tasks, as events of the protocol `audit`, for one region.

    Store, Merge and their steps   enqueue          at the first write of an entry that the region logged
    TakeTask                       take             after offer_again, if the task was leased before
    Attempt                        succeed, fail
    MarkProcessed, Bury            mark, bury
    Acknowledge                    acknowledge
    Start, or End by a refusal     crash            if the worker was at a task

A store that is lost takes its queue with it: what it had are other tasks than those that recovery enqueues in the next.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flk.model.entries.tasks import TaskKind
from flk.model.protocol_events.observation import END, START, ObservedEffect, ProtocolEvent, event, key

_ONE_CLAIM = frozenset({"Store", "InsertOrGet", "Insert"})
_CLAIMS = frozenset({"Merge", "Join"})
_WORKER = "-worker-"


def audit_events(region: str, records: Callable[[], Iterable[ObservedEffect]]) -> Iterator[ProtocolEvent]:
    """The events of a region's audit queue; `records` gives all records in order."""
    return _Events(region).of(records())


class _Events:
    """`known` are the keys of the store that there is, `leased` the tasks that were taken and not acknowledged since."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._disk = ""
        self._known: set[str] = set()
        self._leased: set[str] = set()
        self._at: dict[str, str] = {}

    def of(self, records: Iterable[ObservedEffect]) -> Iterator[ProtocolEvent]:
        """The events that records stand for."""
        for record in records:
            if record.region == self._region:
                yield from self._of_node(record)
            elif record.region.rpartition(_WORKER)[0] == self._region:
                yield from self._of_worker(record)

    def _of_node(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        if record.effect == START and record.node != self._disk:
            self._disk = record.node
            self._known.clear()
        elif not record.refused and record.effect in _ONE_CLAIM:
            yield from self._written(record, record.fields["claim"])
        elif not record.refused and record.effect in _CLAIMS:
            for claim in record.fields["claims"]:
                yield from self._written(record, claim)

    def _written(self, record: ObservedEffect, claim: Mapping[str, Any]) -> Iterator[ProtocolEvent]:
        if key(claim) not in self._known:
            self._known.add(key(claim))
            if claim["region"] == self._region:
                yield event(record, "enqueue", t=self._task({"task": TaskKind.ENRICH, **claim}))

    def _of_worker(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        worker = record.region
        if record.effect == START or (record.effect == END and _is_refusal(record)):
            if worker in self._at:
                yield event(record, "crash", w=worker, t=self._at.pop(worker))
        elif record.effect == "TakeTask" and record.result is not None and not record.refused:
            yield from self._take(record, worker)
        elif record.effect in _STEPS and not record.refused:
            action = _STEPS[record.effect] if record.effect != "Attempt" else "succeed" if record.result else "fail"
            task = self._task(record.fields["task"])
            yield event(record, action, w=worker, t=task)
            if action == "acknowledge":
                self._leased.discard(task)
                self._at.pop(worker, None)

    def _take(self, record: ObservedEffect, worker: str) -> Iterator[ProtocolEvent]:
        task = self._task(record.result)
        if task in self._leased:
            yield event(record, "offer_again", t=task)
        self._leased.add(task)
        self._at[worker] = task
        yield event(record, "take", {"processed": {task: record.result["processed"]}}, w=worker, t=task)

    def _task(self, told: Mapping[str, Any]) -> str:
        return f"{told['task']} {told['tenant']}/{told['pcs_id']} of {self._disk}"


def _is_refusal(record: ObservedEffect) -> bool:
    return record.refused or (isinstance(record.result, dict) and "error" in record.result)


_STEPS = {"Attempt": "", "MarkProcessed": "mark", "Bury": "bury", "Acknowledge": "acknowledge"}
