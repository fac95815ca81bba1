"""What an operator asks about the shards of a region's store (API-7): over connections of its own, beside those of the node.

A region with one store has one shard. A question may take as long as it takes to count: whoever asks it does so in a thread.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from flk.impl.storage.address import address
from flk.impl.storage.moving import Placing
from flk.impl.storage.opening import open_one
from flk.impl.storage.pages import LAYER
from flk.impl.storage.ring_file import addressed, load
from flk.impl.storage.rows import is_damage, of_damage
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.store import EntryStore
from flk.model.entries.entry import Key
from flk.model.entries.migration import Side
from flk.model.refusal import NothingStored, Unavailable, unavailable
from flk.spec.errors import UnusableInput

ONLY = "only"
"""What the shard is called of a region with one store."""
SIDE_BY_SIDE = 16


class Readable(Protocol):
    """A store that is looked into."""

    def count(self) -> int:
        """The number of entries."""
        ...

    def superseded_count(self) -> int:
        """The number of entries that gave way."""
        ...

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        ...


class Held(msgspec.Struct, frozen=True):
    """A shard: the share of the keys that the ring gives it, and how many entries it has; None, and `why`, if it is away."""

    name: str
    share: float
    entries: int | None
    why: str = ""


class Distribution(msgspec.Struct, frozen=True):
    """The shards of a region, and whether keys are on the move to another."""

    shards: list[Held]
    moving: bool


class Health(msgspec.Struct, frozen=True):
    """Whether a shard answers, within how many seconds, or why it does not."""

    name: str
    answers: bool
    seconds: float
    why: str = ""


class Statistics(msgspec.Struct, frozen=True):
    """What a shard holds: entries, and entries that gave way; and where it is."""

    name: str
    where: str
    share: float
    entries: int
    superseded: int


class Owner(msgspec.Struct, frozen=True):
    """The shard that decides claims of a key; and the one that the key moves to or from, if it is on the move."""

    shard: str
    other: str | None = None


class Inspected:
    """The shards of a store. Each method may take long, and may be called in any thread.

    Raises NothingStored for a shard that there is not, Unavailable for one that does not answer.
    """

    def __init__(self, store: EntryStore, region: str, url: str | None, path: Path, *, accept_weaker: bool) -> None:
        self._ring = store if isinstance(store, ShardedStore) else None
        self._own = path if isinstance(store, SqliteStore) else None
        self._has_sums = isinstance(store, SqliteStore) and store.has_sums
        self._region = region
        self._url = url
        self._accept_weaker = accept_weaker

    def distribution(self) -> Distribution:
        """All shards, and what each holds."""
        share, found = self._shares(), self._side_by_side(lambda store: store.count())
        held = [
            Held(name, share.get(name, 0.0), *((None, str(count)) if isinstance(count, Unavailable) else (count,)))
            for name, (count, _) in found.items()
        ]
        return Distribution(held, self._ring is not None and self._placing().moving)

    def health(self) -> list[Health]:
        """Whether each shard answers."""
        found = self._side_by_side(lambda _: None)  # it is greeted when it is opened
        return [
            Health(
                name,
                not isinstance(answer, Unavailable),
                seconds,
                str(answer) if isinstance(answer, Unavailable) else "",
            )
            for name, (answer, seconds) in found.items()
        ]

    def statistics(self, name: str) -> Statistics:
        """What one shard holds."""
        with self._opened(name) as store:
            return Statistics(name, str(store), self._shares()[name], store.count(), store.superseded_count())

    def sample(self, name: str, size: int) -> tuple[Key, ...]:
        """Some keys of a shard."""
        with self._opened(name) as store:
            return store.sample(size)

    def owner(self, key: Key) -> Owner:
        """The shard of a key, stored or not."""
        if self._ring is None:
            return Owner(ONLY)
        placing = self._placing()
        ruler = placing.ruler(key)
        sides = {placing.shard(Side.OLD, key), placing.shard(Side.NEW, key)} - {ruler}
        return Owner(ruler, next(iter(sides), None))

    def names(self) -> tuple[str, ...]:
        """The shards."""
        return (ONLY,) if self._ring is None else tuple(sorted(self._ring.shards.layout.stores))

    def _placing(self) -> Placing:
        assert self._ring is not None
        return Placing(self._ring.shards.layout)

    def _shares(self) -> Mapping[str, float]:
        return {ONLY: 1.0} if self._ring is None else self._placing().rules.shares()

    def _side_by_side(self, ask: Callable[[Readable], object]) -> dict[str, tuple[object, float]]:
        """What each shard answers, or why not, and in how many seconds."""
        with ThreadPoolExecutor(SIDE_BY_SIDE, "inspect") as threads:
            asked = {name: threads.submit(self._timed, name, ask) for name in self.names()}
        return {name: future.result() for name, future in asked.items()}

    def _timed(self, name: str, ask: Callable[[Readable], object]) -> tuple[object, float]:
        began = time.perf_counter()
        try:
            with self._opened(name) as store:
                answer = ask(store)
        except Unavailable as refusal:
            answer = refusal
        return answer, round(time.perf_counter() - began, 6)

    @contextmanager
    def _opened(self, name: str) -> Iterator[Readable]:
        if name not in self.names():
            raise NothingStored("API-7", f"there is no shard {name}; there are {', '.join(self.names())}")
        try:
            with self._open(name) as store:
                yield store
        except UnusableInput as error:
            raise unavailable(str(error)) from None

    def _open(self, name: str) -> AbstractContextManager[Readable]:
        if self._own is not None:
            return SqliteReader.opened(self._own, layered=self._has_sums)
        assert self._url is not None
        if self._ring is None:
            where = address(self._url)
        else:
            path = self._ring.shards.path
            url = load(path).shards.get(name)
            if url is None:
                raise unavailable(f"{path}: names no shard {name}")
            where = addressed(path, name, url)
        return closing(open_one(where, self._region, time.time, accept_weaker=self._accept_weaker))


class SqliteReader:
    """The file of a node's own store, read beside the node: what is still in memory there is not seen yet."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    @contextmanager
    def opened(cls, path: Path, *, layered: bool) -> Iterator["SqliteReader"]:
        """A reader, while it is open. Raises Unavailable if the file cannot be read, or is not what was written."""
        uri = path.absolute().as_uri() + "?mode=ro" + (f"&vfs={LAYER}" if layered else "")
        try:
            with closing(sqlite3.connect(uri, isolation_level=None, check_same_thread=False, uri=True)) as connection:
                connection.execute("select * from entries limit 1")
                yield cls(path, connection)
        except sqlite3.Error as error:
            what = of_damage(error) if is_damage(error) else str(error)
            raise unavailable(f"the store does not answer: {what}") from None

    def __str__(self) -> str:
        return self._path.name

    def count(self) -> int:
        """The number of entries."""
        return int(self._connection.execute("select count(*) from entries").fetchone()[0])

    def superseded_count(self) -> int:
        """The number of entries that gave way."""
        return int(self._connection.execute("select count(*) from superseded").fetchone()[0])

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        rows = self._connection.execute("select tenant, pcs_id from entries order by random() limit ?", (size,))
        return tuple(Key(*row) for row in rows)
