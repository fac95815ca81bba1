"""The store of a region in Redis, alone or as a Cluster: each step of `flk.impl.storage.shared` is one script for each bucket.

A key's hash says in which of the buckets it is. All keys of a bucket have one hash tag, so they are in one slot and a script has
them together; Cluster spreads the buckets over its masters. The scripts of a batch go out together.

    flk:{N}:entries     tenant, id → entry        flk:{N}:superseded   what gave way, in order
    flk:{N}:keys        tenant, id of each entry, in order
    flk:{N}:clock       log → the latest timestamp that its node brought, of those in this bucket at least
    flk:{N}:count       how many entries were inserted                  flk:{N}:store   the name of the store, and its fence
    flk:{N}:lost        the logs whose nodes write no more
    flk:{all}:place, flk:{all}:logs, flk:{all}:marks                    one of each

A Redis that was emptied is not taken for a new store: each script compares the bucket's name of the store first. One that may lose
what it acknowledged has terms (`flk.impl.storage.redis_term`): after a failover only what comes from logs is let in at first.
"""

import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Protocol, TypeVar

import msgspec
import redis
from google_crc32c import value as crc32c
from redis.exceptions import ResponseError

from flk.impl.storage.address import Address
from flk.impl.storage.redis_scripts import EMPTIED, EXCHANGE, FORGET, INSERT, LOST, MARK, NOTE, RAISE, REPLACE
from flk.impl.storage.redis_servers import FAILURES, Client, connect, release, seen_by, unfollowed, weak_settings
from flk.impl.storage.redis_term import CLOSED, GONE, guarded, level, standing, term_key
from flk.impl.storage.rotten import Left, value_of
from flk.impl.storage.rows import (
    Damaged,
    entries_of,
    mark_of,
    mark_row,
    superseded_of,
    superseded_row,
)
from flk.impl.storage.shared import (
    BARRED,
    FORMAT,
    ROLE,
    Exchange,
    LogLost,
    Moved,
    Place,
    Rival,
    SharedStore,
    TakenOver,
    require_place,
)
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.refusal import unavailable
from flk.spec.errors import UnusableInput

T = TypeVar("T")

BUCKETS = 32
_INSERTED = (
    "store",
    "entries",
    "clock",
    "count",
    "keys",
    "lost",
)  # what inserting an entry reads and writes, in the script's order
_REPLACED = ("store", "entries", "clock", "superseded", "lost")  # likewise, of replacing one
_ALL = "flk:{all}:"
_NOTED = (f"{_ALL}logs", f"{_ALL}marks")

_encode = msgspec.json.Encoder().encode
_entry = msgspec.json.Decoder(tuple[int, str, str, str, int]).decode
_mark = msgspec.json.Decoder(tuple[str, int]).decode
_record = msgspec.json.Decoder(tuple[str, str, str, str, int]).decode
_REPLICAS = "a replica that takes over for a master may lack what that acknowledged"


class _Pipeline(Protocol):
    """What is used of a pipeline, be it of one server's client or of a cluster's."""

    def execute_command(self, *words: object) -> object:
        """Add a command."""
        ...

    def execute(self) -> list[Any]:
        """The answers to all."""
        ...


class RedisStore(SharedStore):
    """A store in one Redis, or in a Redis Cluster. One caller at a time, from any thread.

    `weakness` says how it may lose what it acknowledged, empty if it may not; with one, it is used only if that is accepted.
    Raises UnusableInput for that, for another region's store and one of another format; Unavailable if no server answers.
    """

    def __init__(
        self, address: Address, region: str, now: Callable[[], float] = time.time, *, accept_weaker: bool = False
    ) -> None:
        super().__init__(region, now)
        self._address = address
        self._client: Client | None = None
        self._seen: tuple[tuple[str, int], ...] = ()
        self._has_terms = False
        self._from_logs = False
        self._terms = [0] * BUCKETS  # the number of the latest term that is known of each bucket
        self._random = Random()
        with self._asking():
            weaknesses = sorted(set(self._weaknesses()))
            self.weakness = "; ".join(weaknesses)
            if weaknesses and not accept_weaker:
                raise UnusableInput(
                    f"{self}: this Redis may lose what it acknowledged: {self.weakness}. Set appendonly yes, appendfsync always and"
                    " maxmemory-policy noeviction; or give --accept-weaker-store, if that may be lost"
                )
            self._place = self._found()

    def __str__(self) -> str:
        return self._address.shown

    @property
    def place(self) -> Place:
        """Which store it is."""
        return self._place

    def enlist(self, token: str, number: int | None, at_least: int = 1) -> int:
        """As `SharedStore` has it. No replica that takes over may give the number to another node."""
        self._has_terms = False
        given = super().enlist(token, number, at_least)
        if self.weakness and not self.is_shard:
            with self._asking():
                self._together(("HSETNX", term_key(bucket), given, "") for bucket in range(BUCKETS))
            self._require_followed([*map(term_key, range(BUCKETS)), f"{_ALL}place"], named=True)
            self._has_terms = True
        return given

    def replayed(self) -> None:
        """As `EntryStore` has it: with the last node that tells, the store is open again."""
        if self._has_terms:
            known = self._terms
            missing = self._level(self._number)
            if any(0 < before < now for before, now in zip(known, self._terms, strict=True)):
                self.taken_over()
            if missing:
                raise unavailable(self._waits_for(missing))

    def awaited(self) -> str:
        """As `EntryStore` has it."""
        missing = self._level(None) if self._has_terms else frozenset[int]()
        return self._waits_for(missing) if missing and self._number not in missing else ""

    def give_up(self, log: int) -> None:
        """The node of a log is lost, and so is what nobody else has of that: it is waited for no more, unless it is back."""
        if self._has_terms:
            with self._of_logs(), self._asking():
                self._together(("HSET", term_key(bucket), log, GONE) for bucket in range(BUCKETS))

    def _level(self, log: int | None) -> frozenset[int]:
        """The logs that are not replayed in the masters' terms; that of this number is."""
        logs = [number for number in self._numbers() if number]
        with self._of_logs(), self._asking():
            asked = [level(bucket, self._named(), log, least, logs) for bucket, least in enumerate(self._terms)]
            found = [standing(answer) for answer in self._together(asked)]
        self._terms = [max(known, of.number) for known, of in zip(self._terms, found, strict=True)]
        missing = frozenset[int]().union(*(of.missing for of in found))
        self.waits_for = len(missing)
        return missing

    def _waits_for(self, logs: Iterable[int]) -> str:
        names = ", ".join(f"{self._region}.{number:06d}" for number in sorted(logs))
        return (
            f"the store {self} was taken over, or started again, and may lack what was acknowledged: it waits for the nodes of"
            f" {names}, which put back what is in their logs; start them"
        )

    def merge(self, claims: Iterable[Claim]) -> int:
        """As `SharedStore` has it: what was logged may be joined in at any time."""
        with self._of_logs():
            return super().merge(claims)

    def rejoin(self, keys: Container[Key]) -> None:
        """As `SharedStore` has it, like `merge`."""
        with self._of_logs():
            super().rejoin(keys)

    @contextmanager
    def _of_logs(self) -> Iterator[None]:
        """What is done meanwhile answers nobody, and is done in any term."""
        self._from_logs, before = True, self._from_logs
        try:
            yield
        finally:
            self._from_logs = before

    def latest(self) -> Timestamp:
        """The latest timestamp that any node brought."""
        with self._asking():
            clocks = self._together(("HGETALL", _key(bucket, "clock")) for bucket in range(BUCKETS))
            rows = [(name, value) for clock in clocks for name, value in _pairs(clock)]
            return Timestamp(max((int(_mark_of(name, value)) for name, value in rows), default=ZERO))

    def mark(self, name: str, value: str) -> None:
        """Set a watermark of this node: with terms, one in each bucket, behind the entries that it stands for."""
        full = f"{self._log}/{name}"
        row = _encode(mark_row(full, value)[1:])
        with self._of_logs(), self._asking():
            if self._has_terms:
                self._together(("HSET", _marks_of(bucket), full, row) for bucket in range(BUCKETS))
            else:
                self._ask("EVAL", MARK, len(_NOTED), *_NOTED, *self._member(), full, row)

    def marked(self, name: str) -> str:
        """A watermark of this node, empty if never set; with terms the least of all, since each bucket may have lost the latest."""
        full = f"{self._log}/{name}"
        places = [f"{_ALL}marks", *(map(_marks_of, range(BUCKETS)) if self._has_terms else ())]
        with self._of_logs(), self._asking():
            first, *rows = self._together(("HGET", place, full) for place in places)
            values = ["" if row is None else _mark_of(full, row) for row in (row or first for row in rows or [first])]
        return min(values)

    def count(self) -> int:
        """The number of entries. Raises Damaged if some are missing."""
        with self._asking():
            asked = (
                ask
                for bucket in range(BUCKETS)
                for ask in (
                    ("GET", _key(bucket, "store")),
                    ("GET", _key(bucket, "count")),
                    ("HLEN", _key(bucket, "entries")),
                    ("ZCARD", _key(bucket, "keys")),
                )
            )
            answers = self._together(asked, whole=True)
            if any(_name_and_fence(name)[0] != self._place.store for name in answers[::4]):
                raise _other()
            there = list(map(int, answers[2::4]))
            if any([int(count or 0) for count in counts] != there for counts in (answers[1::4], answers[3::4])):
                raise Damaged("entries of the store are missing")
            return sum(there)

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        with self._asking():
            sizes = list(map(int, self._together(("HLEN", _key(bucket, "entries")) for bucket in range(BUCKETS))))
            chosen = self._random.sample(range(BUCKETS), min(size, sum(sizes)), counts=sizes) if any(sizes) else []
            asked = [
                ("HRANDFIELD", _key(bucket, "entries"), number) for bucket, number in sorted(Counter(chosen).items())
            ]
            keys = tuple(Key(*field.decode().split("\0")) for fields in self._together(asked) for field in fields)
        self.fetch(keys)
        return keys

    def export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        """At most `limit` entries, bucket by bucket, those after `after`."""
        bucket, least = (0, "-") if after is None else (_bucket(after), b"(" + _field(after))
        keys: list[Key] = []
        with self._asking():
            while bucket < BUCKETS and len(keys) < limit:
                fields = self._ask("ZRANGEBYLEX", _key(bucket, "keys"), least, "+", "LIMIT", 0, limit - len(keys))
                keys += (Key(*field.decode().split("\0")) for field in fields)
                bucket, least = bucket + 1, "-"
            found = self._look_up(keys)
            if len(found) != len(keys):
                raise Damaged("entries of the store are missing")
        sound = self._sound(found, lambda key: key)
        return tuple(Claim(key, sound[key]) for key in keys)

    def superseded(self, after: int = 0, limit: int = -1) -> list[tuple[Key, Entry, Entry]]:
        """The local winners that gave way, bucket by bucket, those of one key in order."""
        records: list[bytes] = []
        with self._asking():
            sizes = self._together(("LLEN", _key(bucket, "superseded")) for bucket in range(BUCKETS))
            for bucket, size in enumerate(map(int, sizes)):
                first = min(after, size)
                after -= first
                last = size if limit < 0 else min(size, first + limit - len(records))
                if first < last:
                    records += self._ask("LRANGE", _key(bucket, "superseded"), first, last - 1)
            return list(superseded_of((0, *_record(record)) for record in records))

    def superseded_count(self) -> int:
        """The number of entries that gave way."""
        with self._asking():
            return sum(map(int, self._together(("LLEN", _key(bucket, "superseded")) for bucket in range(BUCKETS))))

    def take_part(self, role: str) -> str:
        """Become a shard, while no node has a number."""
        self._note(ROLE, "", role, alone=True)
        return self.noted(ROLE)

    def noted(self, name: str) -> str:
        """A note that all nodes share."""
        with self._asking():
            value = self._ask("HGET", f"{_ALL}marks", name)
            return "" if value is None else _mark_of(name, value)

    def note(self, name: str, seen: str, value: str) -> bool:
        """Set a note if it still is what was seen."""
        return self._note(name, seen, value)

    def _note(self, name: str, seen: str, value: str, *, alone: bool = False) -> bool:
        rows = [_encode(mark_row(name, text)[1:]) if text else b"" for text in (value, seen)]
        with self._asking():
            return bool(self._ask("EVAL", NOTE, len(_NOTED), *_NOTED, *self._member(), name, *rows, int(alone)))

    def _member(self) -> tuple[int, str]:
        """The writer of marks and notes."""
        return self._number, self._token

    def close(self) -> None:
        """Release the connections."""
        if self._client is not None:
            release(self._client)
            self._client = None

    def _insert_or_look_up(self, claims: Sequence[Claim], clock: Timestamp) -> Mapping[Key, Entry | Left]:
        if not claims:
            return {}
        buckets = _by_bucket(claims, lambda claim: claim.key)
        scripts = [
            (
                *("EVAL", INSERT, len(_INSERTED), *(_key(bucket, kind) for kind in _INSERTED)),
                *(self._named(), *self._clock_field(clock)),
                *(word for key, entry in group for word in (_field(key), value_of(key, entry))),
            )
            for bucket, group in buckets.items()
        ]
        with self._asking():
            ordered = [claim for group in buckets.values() for claim in group]
            found = [value for values in self._together(scripts) for value in values]
            return {
                key: entry if value is None else _stored(key, value)
                for (key, entry), value in zip(ordered, found, strict=True)
            }

    def _replace(self, rivals: Sequence[Rival], clock: Timestamp) -> Mapping[Key, Entry | Left]:
        buckets = _by_bucket(rivals, lambda rival: rival.key)
        if self._has_terms:  # who takes over has what gives way, so that it is recorded there, too (DUP-10)
            self._require_followed([*map(term_key, buckets)], named=False)
        scripts = [
            (
                *("EVAL", REPLACE, len(_REPLACED), *(_key(bucket, kind) for kind in _REPLACED)),
                *(self._named(), *self._clock_field(clock)),
                *(word for rival in group for word in _exchange(rival)),
            )
            for bucket, group in buckets.items()
        ]
        with self._asking():
            ordered = [rival for group in buckets.values() for rival in group]
            found = [value for values in self._together(scripts) for value in values]
            return {
                rival.key: _stored(rival.key, value)
                for rival, value in zip(ordered, found, strict=True)
                if value is not None
            }

    def _exchange(self, exchanges: Sequence[Exchange], clock: Timestamp) -> Container[Key]:
        values = [(_field(key), _seen(key, seen), value_of(key, entry)) for key, seen, entry in exchanges]
        return self._exchanged(dict(zip((exchange.key for exchange in exchanges), values, strict=True)), clock)

    def _put_back(self, key: Key, left: Left, entry: Entry) -> bool:
        return key in self._exchanged({key: (_field(key), left.value, value_of(key, entry))}, self._clock)

    def _exchanged(self, values: Mapping[Key, tuple[bytes, bytes, bytes]], clock: Timestamp) -> Container[Key]:
        """The keys of which what was seen was there: each field, what was seen, and what takes its place."""
        buckets = _by_bucket(values, lambda key: key)
        scripts = [
            (
                *("EVAL", EXCHANGE, len(_INSERTED), *(_key(bucket, kind) for kind in _INSERTED)),
                *(self._named(), *self._clock_field(clock)),
                *(word for key in group for word in values[key]),
            )
            for bucket, group in buckets.items()
        ]
        with self._asking():
            ordered = [key for group in buckets.values() for key in group]
            done = [value for values in self._together(scripts) for value in values]
            return {key for key, put in zip(ordered, done, strict=True) if put}

    def forget(self, key: Key) -> None:
        """Delete the entry of a key, if there is one."""
        kinds = ("store", "entries", "count", "keys")
        with self._asking():
            keys = (_key(_bucket(key), kind) for kind in kinds)
            self._ask("EVAL", FORGET, len(kinds), *keys, self._named(), _field(key))

    def fenced(self) -> int:
        """The least fence of the buckets."""
        with self._asking():
            found = map(_name_and_fence, self._together(("GET", _key(bucket, "store")) for bucket in range(BUCKETS)))
            return min(fence if name == self._place.store else 0 for name, fence in found)

    def raise_fence(self, to: int) -> None:
        """Let the fence of every bucket be no less than this. Scripts run one after another, so nothing has to be waited for."""
        named, self.fence = self.fence, 0  # an error is not about that here
        try:
            with self._asking():
                keys = (_key(bucket, "store") for bucket in range(BUCKETS))
                self._together(("EVAL", RAISE, 1, key, self._place.store, to) for key in keys)
        finally:
            self.fence = named

    def _named(self) -> str:
        """What a write names."""
        return f"{self._place.store}#{self.fence}" if self.fence else self._place.store

    def _bar(self, number: int) -> None:
        """First its marks and notes, then bucket after bucket, each between two scripts. Whoever is behind sees the format."""
        with self._asking():
            self._ask("HSET", f"{_ALL}place", "format", FORMAT)
            self._ask("HSET", f"{_ALL}logs", number, BARRED)
            log = f"{self._region}.{number:06d}/clock"
            self._together(("SADD", _key(bucket, "lost"), log) for bucket in range(BUCKETS))

    def _marks(self) -> Iterable[tuple[str, str]]:
        with self._asking():
            return [
                (name.decode(), _mark_of(name, value)) for name, value in _pairs(self._ask("HGETALL", f"{_ALL}marks"))
            ]

    def _own_clock(self) -> Timestamp:
        with self._asking():
            name = f"{self._log}/clock"
            values = self._together(("HGET", _key(bucket, "clock"), name) for bucket in range(BUCKETS))
            return Timestamp(max((int(_mark_of(name.encode(), value)) for value in values if value), default=ZERO))

    def _numbers(self) -> Mapping[int, str]:
        with self._asking():
            found = _pairs(self._ask("HGETALL", f"{_ALL}logs"))
            return {int(number): token.decode() for number, token in found}

    def _register(self, number: int, token: str) -> str:
        with self._asking():
            self._ask("HSETNX", f"{_ALL}logs", number, token)
        return self._numbers()[number]

    def _clock_field(self, clock: Timestamp) -> tuple[str, bytes]:
        name = f"{self._log}/clock"
        return name, _encode(mark_row(name, str(clock))[1:])

    def _look_up(self, keys: Sequence[Key]) -> dict[Key, Entry | Left]:
        buckets = _by_bucket(dict.fromkeys(keys), lambda key: key)
        asked = [("HMGET", _key(bucket, "entries"), *map(_field, group)) for bucket, group in buckets.items()]
        with self._asking():
            found = (value for values in self._together(asked) for value in values)
            ordered = (key for group in buckets.values() for key in group)
            return {key: _stored(key, value) for key, value in zip(ordered, found, strict=True) if value is not None}

    def _ask(self, *words: object) -> Any:
        return self._together([words])[0]

    def _together(self, commands: Iterable[Sequence[object]], *, whole: bool = False) -> list[Any]:
        """The answers to commands that go out together; `whole` lets nobody in between, where the server can do that."""
        client = self._connected()
        alone = isinstance(client, redis.Redis)
        pipeline: _Pipeline = client.pipeline(transaction=whole) if alone else client.pipeline()
        asked = [pipeline.execute_command(*self._in_term(command)) for command in commands]
        return pipeline.execute() if asked else []

    def _in_term(self, command: Sequence[object]) -> Sequence[object]:
        """What is asked: at a bucket only in the term that it is open for, unless it comes from the logs."""
        if not self._has_terms or self._from_logs:
            return command
        tag = str(command[3 if command[0] == "EVAL" else 1]).split("{")[1].split("}")[0]
        return guarded(command, int(tag), self._terms[int(tag)]) if tag.isdecimal() else command

    def _require_followed(self, keys: Sequence[str], *, named: bool) -> None:
        """Return if the replicas have all that was written under the tags of the keys: those that are connected, or all `named`.
        Raises Unavailable.
        """
        with self._asking():
            lacking = sorted(set(unfollowed(self._connected(), self._address, keys, named=named)))
        if lacking:
            raise unavailable(f"the store {self}: {lacking[0]}, which may take over, lacks what was written; start it")

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(self._address, self._seen)
            self._seen = seen_by(self._client) or self._seen
        return self._client

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Tell a server that does not answer, and one that answers what was not written."""
        try:
            yield
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Damaged("a row of the store is not what was written") from None
        except FAILURES as error:
            told = _told(error)
            if told.startswith(EMPTIED) and self.fence:
                raise Moved(self) from None
            if told.startswith(LOST):
                raise LogLost(self._log) from None
            self.close()  # it may be another server that is to be asked from now on
            if told.startswith(EMPTIED):
                raise _other() from None
            if told.startswith(CLOSED):
                raise TakenOver(self) from None
            raise unavailable(f"the store {self} does not answer: {self._address.scrub(error)}") from None

    def _weaknesses(self) -> Iterator[str]:
        client = self._connected()
        if isinstance(client, redis.Redis):
            if client.info("cluster").get("cluster_enabled"):
                raise UnusableInput(f"{self}: a node of a Redis Cluster; fix: begin the URL with redis+cluster://")
            if len(self._address.each) > 1 or client.info("replication")["connected_slaves"]:
                yield _REPLICAS
        elif client.get_replicas():  # type: ignore[no-untyped-call]
            yield _REPLICAS
        yield from weak_settings(client)

    def _found(self) -> Place:
        """Which store is there; a new one if none is, or one that was begun and is not whole yet."""
        key = f"{_ALL}place"
        for name, value in (("region", self._region), ("format", str(FORMAT)), ("store", secrets.token_hex(16))):
            self._ask("HSETNX", key, name, value)
        store, region, form, ready = (
            b"" if value is None else value for value in self._ask("HMGET", key, "store", "region", "format", "ready")
        )
        place = require_place(Place(store.decode(), region.decode()), form.decode(), self._region, self)
        if not ready:
            self._together(("SET", _key(bucket, "store"), place.store, "NX") for bucket in range(BUCKETS))
            self._ask("HSET", key, "ready", 1)
        return place


def _told(error: Exception) -> str:
    """What a server said of a command; a pipeline puts the command before it, scripts and all."""
    return str(error).rpartition(" caused error: ")[2] if isinstance(error, ResponseError) else ""


def _other() -> Exception:
    return unavailable("the store is another than when this node started, or was emptied: put back what it held")


def _name_and_fence(value: bytes | None) -> tuple[str, int]:
    """What a bucket's store says: whose it is, and its fence."""
    name, _, fence = (value or b"").decode().partition("#")
    return name, int(fence or 0)


def _key(bucket: int, kind: str) -> str:
    return f"flk:{{{bucket}}}:{kind}"


def _marks_of(bucket: int) -> str:
    return _key(bucket, "marks")


def _field(key: Key) -> bytes:
    return "\0".join(key).encode()


def _seen(key: Key, entry: Entry | None) -> bytes:
    """What was seen under a key, empty if nothing was."""
    return b"" if entry is None else value_of(key, entry)


def _exchange(rival: Rival) -> tuple[bytes, bytes, bytes, bytes]:
    key, stored, entry = rival
    return _field(key), value_of(key, stored), value_of(key, entry), _encode(superseded_row(0, *rival)[1:])


def _stored(key: Key, value: bytes) -> Entry | Left:
    """What a value says, or what is left of it."""
    try:
        ((_, entry),) = entries_of([(*key, *_entry(value))])
    except (Damaged, msgspec.DecodeError, UnicodeDecodeError):
        return Left(value)
    return entry


def _mark_of(name: bytes | str, value: bytes) -> str:
    return mark_of((name if isinstance(name, str) else name.decode(), *_mark(value)))


def _pairs(answer: Any) -> Iterator[tuple[bytes, bytes]]:
    """Fields and values of a hash, as one client's pipeline and another's return them."""
    if isinstance(answer, Mapping):
        yield from answer.items()
    else:
        yield from zip(answer[::2], answer[1::2], strict=True)


def _by_bucket(items: Iterable[T], key: Callable[[T], Key]) -> dict[int, list[T]]:
    buckets: defaultdict[int, list[T]] = defaultdict(list)
    for item in items:
        buckets[_bucket(key(item))].append(item)
    return buckets


def _bucket(key: Key) -> int:
    return int(crc32c(_field(key))) % BUCKETS
