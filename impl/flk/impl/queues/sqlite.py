"""An audit queue in a file: for workers of one machine, in one process or in several."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from flk.impl.queues.queue import LEASE_SECONDS
from flk.impl.queues.rows import Execute, RowQueue
from flk.impl.storage.trouble import usable
from flk.model.refusal import unavailable
from flk.spec.errors import UnusableInput

BUSY_SECONDS = 10.0  # for which another process may be at it


class SqliteQueue(RowQueue):
    """A queue in a file, which is made unless it is there. `steady` is a clock that all processes of the machine share.

    Raises UnusableInput for a file that is no queue.
    """

    TOKENS: ClassVar[Mapping[str, str]] = {
        "s": "",
        "serial": "integer primary key autoincrement",
        "wall": "wall()",
        "steady": "steady()",
        "each": "json_each(%s)",
        "skip": "",
        "lock": "",
    }

    def __init__(
        self,
        path: Path,
        log: str,
        lease_seconds: float = LEASE_SECONDS,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(log, lease_seconds)
        self._path = path
        with usable(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        self._connection.create_function("wall", 0, wall)
        self._connection.create_function("steady", 0, steady)
        with ExitStack() as stack:
            stack.callback(self.close)
            with self._answering():
                self._connection.execute("pragma journal_mode = wal")
                self._connection.execute("pragma synchronous = full")
            with self._step() as do:
                self._begin(do)
            stack.pop_all()

    def __str__(self) -> str:
        return str(self._path)

    def close(self) -> None:
        """As `Queue` has it."""
        self._connection.close()

    @contextmanager
    def _step(self) -> Iterator[Execute]:
        def do(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
            return self._connection.execute(self.filled(statement).replace("%s", "?"), parameters).fetchall()

        with self._answering():
            self._connection.execute("begin immediate")
            try:
                yield do
                self._connection.execute("commit")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise unavailable(f"the audit queue {self} does not answer: {error}") from None
        except sqlite3.DatabaseError as error:
            raise UnusableInput(
                f"{self}: it is no audit queue, or damaged: {error}; fix: name another file, which the log fills again"
            ) from None
