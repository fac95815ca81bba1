"""An audit queue in PostgreSQL, in the schema `flk_audit` of a database: for workers anywhere.

`for update skip locked` lets each of those who take at the same time have another task, and none waits for the others.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from flk.impl.queues.queue import LEASE_SECONDS
from flk.impl.queues.rows import Execute, RowQueue
from flk.impl.storage.address import Address
from flk.impl.storage.postgres_server import Connection, connect, require_strength
from flk.model.refusal import Unavailable, unavailable

_LOCK = 0x666C6B61  # of whoever makes the tables
_NOW = "extract(epoch from clock_timestamp())::double precision"


class PostgresQueue(RowQueue):
    """A queue in a database. Raises UnusableInput for a server that acknowledges what it may lose, Unavailable if none answers."""

    TOKENS: ClassVar[Mapping[str, str]] = {
        "s": "flk_audit.",
        "serial": "bigint generated always as identity primary key",
        "wall": _NOW,
        "steady": _NOW,
        "each": "jsonb_array_elements_text(%s::jsonb) with ordinality as listed(value, key)",
        "skip": "for update skip locked",
        "lock": "for update",
    }

    def __init__(self, address: Address, log: str, lease_seconds: float = LEASE_SECONDS) -> None:
        super().__init__(log, lease_seconds)
        self._address = address
        self._connection: Connection | None = None
        with self._step():
            pass  # the tables are there, and so is who answers

    def __str__(self) -> str:
        return self._address.shown

    def close(self) -> None:
        """As `Queue` has it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _step(self) -> Iterator[Execute]:
        try:
            if self._connection is None:
                self._connection = self._connect()
            with self._connection.transaction():
                yield self._executing(self._connection)
        except psycopg.Error as error:
            self.close()
            raise unavailable(f"the audit queue {self} does not answer: {self._address.scrub(error)}") from None
        except Unavailable:
            raise
        except BaseException:
            self.close()  # in the middle of an answer, perhaps
            raise

    def _executing(self, connection: Connection) -> Execute:
        def do(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
            found = connection.execute(sql.SQL(self.filled(statement)), parameters)
            return found.fetchall() if found.description else []

        return do

    def _connect(self) -> Connection:
        connection = connect(self._address)
        try:
            require_strength(connection, self)
            with connection.transaction():
                connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
                connection.execute("set local client_min_messages = warning")  # what is there already is no news
                connection.execute("create schema if not exists flk_audit")
                self._begin(self._executing(connection))
        except BaseException:
            connection.close()
            raise
        return connection
