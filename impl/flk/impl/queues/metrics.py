"""What an audit worker exports: the metrics of the table that begin with `flk_audit_queue_` and `flk_audit_task_` (AUD-10)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from flk.impl.queues.queue import Backlog
from flk.impl.server.metrics import registered
from flk.model.entries.tasks import Task
from flk.spec.errors import UnusableInput
from flk.spec.metrics import METRICS

NAMES = tuple(name for name in METRICS if name.startswith(("flk_audit_queue_", "flk_audit_task_")))


class WorkerMetrics:
    """What a worker of a log counts, and what it saw of the queue last, in a registry of its own."""

    def __init__(self, log: str) -> None:
        self.registry = CollectorRegistry()
        self._log = log
        self._all = registered(self.registry, NAMES)

    def saw(self, backlog: Backlog, unqueued: int) -> None:
        """What there is to do, and how many leaves are not in the queue yet."""
        for state, tasks in (("waiting", backlog.waiting), ("leased", backlog.leased), ("dead", backlog.dead)):
            self._gauge("flk_audit_queue_tasks", state).set(tasks)
        self._gauge("flk_audit_queue_oldest_seconds").set(backlog.oldest)
        self._gauge("flk_audit_queue_unqueued_leaves").set(unqueued)

    def attempted(self, task: Task, result: str) -> None:
        """An attempt "succeeded", "failed", or was "refused" by what it takes."""
        self._counter("flk_audit_task_attempts_total", task.kind, result).inc()

    def ended(self, how: str) -> None:
        """A task was let go: "done", "already" or "dead"."""
        self._counter("flk_audit_task_ends_total", how).inc()

    def serve(self, where: str) -> int:
        """Answer whoever asks for them at HOST:PORT; the port, which 0 leaves to the system. Raises UnusableInput."""
        host, _, port = where.rpartition(":")
        if not port.isdecimal() or int(port) >= 1 << 16:
            raise UnusableInput(f"--metrics: {where!r} is not HOST:PORT; it is like 127.0.0.1:9464")
        try:
            server, _ = start_http_server(int(port), host.strip("[]") or "0.0.0.0", self.registry)  # noqa: S104  (as asked)
        except OSError as error:
            raise UnusableInput(f"--metrics: {where}: {error.strerror}; name a free port of this machine") from None
        return int(server.server_port)

    def _gauge(self, name: str, *labels: str) -> Gauge:
        gauge = self._all[name].labels(self._log, *labels)
        assert isinstance(gauge, Gauge)
        return gauge

    def _counter(self, name: str, *labels: str) -> Counter:
        counter = self._all[name].labels(self._log, *labels)
        assert isinstance(counter, Counter)
        return counter
