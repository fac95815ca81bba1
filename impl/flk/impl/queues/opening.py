"""Which audit queue a text names: a file, or a server's URL."""

from pathlib import Path

from flk.impl.queues.queue import LEASE_SECONDS, Queue
from flk.impl.storage.address import POSTGRES, address
from flk.spec.errors import UnusableInput, needs

FORMS = "audit-queue.sqlite, postgresql://host/database, redis://host:port, redis+cluster://host:port"


def open_queue(where: str, log: str = "", lease_seconds: float = LEASE_SECONDS) -> Queue:
    """The queue of a log, which is begun if it is not there; with no log, the dead letters of all.

    Raises UnusableInput for what cannot be used, Unavailable for a server that does not answer.
    """
    if "://" not in where:
        from flk.impl.queues.sqlite import SqliteQueue

        if not (log or Path(where).exists()):
            raise UnusableInput(f"{where}: there is no such queue; name the one that `flk audit work` was given")
        return SqliteQueue(Path(where), log, lease_seconds)
    found = address(where, "--queue", FORMS)
    with needs("server", f"--queue {found.scheme}"):
        if found.scheme in POSTGRES:
            from flk.impl.queues.postgres import PostgresQueue

            return PostgresQueue(found, log, lease_seconds)
        from flk.impl.queues.redis import RedisQueue

        return RedisQueue(found, log, lease_seconds)
