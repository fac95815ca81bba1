"""What one would write by hand to insert or get in each kind of store: the measure of what ours cost beside it.

No checksums, no order of entries, no record of what gave way, no region's clock: the first to come stays, and its value is told.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import psycopg
import redis

Row = tuple[str, str]
"""A key and a value."""


class PlainStore(Protocol):
    """A store of texts under keys."""

    def insert_or_get(self, rows: Sequence[Row]) -> list[str]:
        """The value stored under each key now; durable as the store is set up."""

    def close(self) -> None:
        """Release it."""


class PlainSqlite:
    """A table in a file, with a transaction for each batch."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute("create table plain(key text primary key, value text not null)")

    def insert_or_get(self, rows: Sequence[Row]) -> list[str]:
        """As `PlainStore` has it."""
        self._connection.execute("begin")
        self._connection.executemany("insert or ignore into plain values (?, ?)", rows)
        found: list[str] = [
            self._connection.execute("select value from plain where key = ?", (key,)).fetchone()[0] for key, _ in rows
        ]
        self._connection.execute("commit")
        return found

    def close(self) -> None:
        """As `PlainStore` has it."""
        self._connection.close()


class PlainPostgres:
    """A table, with two statements in a transaction for each batch."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url)
        self._connection.execute("create table plain(key text primary key, value text not null)")
        self._connection.commit()

    def insert_or_get(self, rows: Sequence[Row]) -> list[str]:
        """As `PlainStore` has it."""
        keys, values = map(list, zip(*rows, strict=True))
        self._connection.execute(
            "insert into plain select * from unnest(%s::text[], %s::text[]) on conflict do nothing", (keys, values)
        )
        found: dict[str, str] = dict(
            self._connection.execute("select key, value from plain where key = any(%s)", (keys,)).fetchall()
        )
        self._connection.commit()
        return [found[key] for key in keys]

    def close(self) -> None:
        """As `PlainStore` has it."""
        self._connection.close()


class PlainRedis:
    """A string for each key, by `SET … NX GET`, a batch in one pipeline."""

    def __init__(self, client: "redis.Redis | redis.RedisCluster") -> None:
        self._client = client

    def insert_or_get(self, rows: Sequence[Row]) -> list[str]:
        """As `PlainStore` has it."""
        pipeline = self._client.pipeline(transaction=False)
        for key, value in rows:
            pipeline.set(f"plain:{key}", value, nx=True, get=True)
        before = pipeline.execute()
        return [value if found is None else found.decode() for (_, value), found in zip(rows, before, strict=True)]

    def close(self) -> None:
        """As `PlainStore` has it."""
        self._client.close()


class Kind(NamedTuple):
    """A kind of shared store: what a plain client of its server is, by the server's URL."""

    name: str
    plain: Callable[[str], PlainStore]


SHARED = (
    Kind("postgresql", PlainPostgres),
    Kind("redis", lambda url: PlainRedis(redis.Redis.from_url(url))),
    Kind(
        "redis+cluster",
        lambda url: PlainRedis(redis.RedisCluster.from_url(url.replace("redis+cluster", "redis").partition(",")[0])),
    ),
)
