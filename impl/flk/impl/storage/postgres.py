"""The store of a region in PostgreSQL: each step of `flk.impl.storage.shared` is one statement, and so one transaction.

`insert … on conflict do nothing` waits for whoever inserts the same key at the moment, so the rows that it did not insert are
committed when the next statement looks them up; no entry is ever deleted. A batch is sorted by key: two that insert the same ones
do not wait for one another. The count of entries and the clock are rows of each node's own, so nodes do not queue for them.
"""

import secrets
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import errors, sql

from flk.impl.storage.address import Address
from flk.impl.storage.postgres_server import Connection, connect, require_strength
from flk.impl.storage.rotten import Left, columns_of, left_of
from flk.impl.storage.rows import (
    ENTRY_COLUMNS,
    MARK_COLUMNS,
    Damaged,
    EntryRow,
    MarkRow,
    entries_of,
    entry_row,
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
    require_place,
)
from flk.model.entries.entry import Claim, Entry, Key, export_order
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.refusal import Unavailable, unavailable
from flk.spec.errors import UnusableInput

R = TypeVar("R")

_LOCK = 0x666C6B  # of whoever makes the tables
STALLED_SECONDS = 5  # in the middle of a write, after which the server ends it: others wait for its fence meanwhile
_TRIES = 5  # at a step that PostgreSQL gave up for another's sake
_UNFOLLOWED = {"synchronous_standby_names": ("",), "synchronous_commit": ("local",)}
_CLOCK = "/clock"  # what the name of a node's clock ends in, among the marks

_SCHEMA = """
create schema flk;
create table flk.place(store text not null, region text not null, format text not null);
create table flk.logs(number bigint primary key, token text not null, entries bigint not null default 0);
create table flk.entries(
  tenant text collate "C" not null, pcs_id text collate "C" not null, timestamp bigint not null, region text not null,
  digest text not null, outcome text not null, checksum bigint not null, primary key(pcs_id, tenant));
create table flk.marks(name text collate "C" primary key, value text not null, checksum bigint not null);
create table flk.superseded(
  sequence bigint generated always as identity primary key, tenant text not null, pcs_id text not null, loser text not null,
  winner text not null, checksum bigint not null);
"""
_TYPES = ("text", "text", "bigint", "text", "text", "text", "bigint")
_PARAMETERS = ", ".join(f"%s::{kind}[]" for kind in _TYPES)
_SET_CLOCK = f"""insert into flk.marks({MARK_COLUMNS}) select %s, %s, %s where exists (select from done)
  on conflict (name) do update set value = excluded.value, checksum = excluded.checksum"""  # noqa: S608  (nothing from outside)
# The row of the writer's log, which is locked until the statement is over: who declares the log lost waits for that. If there is
# none, the statement does nothing, and answers a row of nulls.
_WRITER = "writer as materialized (select number from flk.logs where number = %s and token = %s for no key update)"
_ASK_WRITER = f"with {_WRITER} select number from writer"  # noqa: S608  (likewise)
_REFUSED = "select null, null where not exists (select from writer)"
_INSERT = f"""
with {_WRITER}, done as (
  insert into flk.entries({ENTRY_COLUMNS}) select w.* from unnest({_PARAMETERS}) as w where exists (select from writer)
  on conflict do nothing returning tenant, pcs_id),
counted as (
  update flk.logs set entries = entries + (select count(*) from done)
  where number in (select number from writer) and exists (select from done)),
clock as ({_SET_CLOCK})
select tenant, pcs_id from done union all {_REFUSED}"""  # noqa: S608  (likewise)
_LOOK_UP = f"""
select w_tenant, w_pcs_id, {ENTRY_COLUMNS} from unnest(%s::text[], %s::text[]) as wanted(w_tenant, w_pcs_id)
join flk.entries on pcs_id = w_pcs_id collate "C" and tenant = w_tenant collate "C" """  # noqa: S608  (likewise)
_REPLACE = f"""
with {_WRITER}, wanted as (
  select * from unnest({_PARAMETERS}, {_PARAMETERS}, %s::text[], %s::text[], %s::bigint[]) as w(
    tenant, pcs_id, timestamp, region, digest, outcome, checksum, o_tenant, o_pcs_id, o_timestamp, o_region, o_digest, o_outcome,
    o_checksum, loser, winner, s_checksum)),
done as (
  update flk.entries e
  set timestamp = w.timestamp, region = w.region, digest = w.digest, outcome = w.outcome, checksum = w.checksum
  from wanted w where e.pcs_id = w.pcs_id collate "C" and e.tenant = w.tenant collate "C" and e.timestamp = o_timestamp
    and e.region = o_region and e.digest = o_digest and e.outcome = o_outcome and e.checksum = o_checksum
    and exists (select from writer)
  returning e.tenant, e.pcs_id, loser, winner, s_checksum),
recorded as (insert into flk.superseded(tenant, pcs_id, loser, winner, checksum) select * from done),
clock as ({_SET_CLOCK})
select tenant, pcs_id from done union all {_REFUSED}"""  # noqa: S608  (likewise)
_EXCHANGE = f"""
with {_WRITER}, wanted as (
  select * from unnest({_PARAMETERS}, {_PARAMETERS}) as w(
    tenant, pcs_id, timestamp, region, digest, outcome, checksum, o_tenant, o_pcs_id, o_timestamp, o_region, o_digest, o_outcome,
    o_checksum)),
done as (
  update flk.entries e
  set timestamp = w.timestamp, region = w.region, digest = w.digest, outcome = w.outcome, checksum = w.checksum
  from wanted w where e.pcs_id = w.pcs_id collate "C" and e.tenant = w.tenant collate "C" and e.timestamp = o_timestamp
    and e.region = o_region and e.digest = o_digest and e.outcome = o_outcome and e.checksum = o_checksum
    and exists (select from writer)
  returning e.tenant, e.pcs_id),
clock as ({_SET_CLOCK})
select tenant, pcs_id from done union all {_REFUSED}"""  # noqa: S608  (likewise)
_FORGET = """
with gone as (delete from flk.entries where pcs_id = %s and tenant = %s returning 1)
update flk.logs set entries = entries - (select count(*) from gone) where number = %s and exists (select from gone)"""
_FENCE = "/fence"
_FENCE_LOCK = 0x666C6C  # shared by writes, so that the fence is raised between them; waiting for it is fair
# Each statement sees what was committed when it began, whatever the default is: the fence is read when the lock is there.
_BEGIN = f"""begin isolation level read committed; select pg_advisory_xact_lock_shared({_FENCE_LOCK});
select {MARK_COLUMNS} from flk.marks where name = '{_FENCE}'"""  # noqa: S608  (likewise)
_MARK = f"""insert into flk.marks({MARK_COLUMNS}) values (%s, %s, %s)
  on conflict (name) do update set value = excluded.value, checksum = excluded.checksum"""  # noqa: S608  (likewise)
_NOTE_NEW = f"insert into flk.marks({MARK_COLUMNS}) values (%s, %s, %s) on conflict do nothing returning name"  # noqa: S608
_NOTE = "update flk.marks set value = %s, checksum = %s where name = %s and value = %s returning name"
_TIMELINE = "select left(pg_walfile_name(pg_current_wal_lsn()), 8)"
_ALL_MARKS = f"select {MARK_COLUMNS} from flk.marks where name !~ '{_CLOCK}$'"  # noqa: S608
_NODES = "select exists (select from flk.logs)"
_MARKED = f"select {MARK_COLUMNS} from flk.marks where name = %s"  # noqa: S608  (likewise)
_CLOCKS = f"select {MARK_COLUMNS} from flk.marks where name = any(select %s || lpad(number::text, 6, '0') || %s from flk.logs)"  # noqa: S608
_SUPERSEDED = (
    "select 0, tenant, pcs_id, loser, winner, checksum from flk.superseded order by sequence offset %s limit %s"
)
_EXPORT = f"select {ENTRY_COLUMNS} from flk.entries where (pcs_id, tenant) > (%s, %s) order by pcs_id, tenant limit %s"  # noqa: S608
_COUNT = "select (select count(*) from flk.entries), (select coalesce(sum(entries), 0)::bigint from flk.logs)"
_SAMPLE = "select tenant, pcs_id from flk.entries order by random() limit %s"
_REGISTER = "insert into flk.logs(number, token) values (%s, %s) on conflict do nothing"
_BAR = "insert into flk.logs(number, token) values (%s, %s) on conflict (number) do update set token = excluded.token"


class PostgresStore(SharedStore):
    """A store in the schema `flk` of a database. One caller at a time, from any thread.

    Where its URL names several hosts, the one that takes writes is used: so a standby that was promoted is found. `weakness` says
    why that may lack what was acknowledged, empty if it may not; with one, the store is used only if that is accepted.

    Raises UnusableInput if there is another region's store, one of another format, or a server that acknowledges what it may
    lose; Unavailable if it does not answer.
    """

    def __init__(
        self, address: Address, region: str, now: Callable[[], float] = time.time, *, accept_weaker: bool = False
    ) -> None:
        super().__init__(region, now)
        self._address = address
        self._connection: Connection | None = None
        self._place: Place | None = None
        self._timeline = ""
        with self._asking() as connection:
            self._place = self._found(connection)
            if address.hosts > 1:
                self.weakness = _unfollowed(connection)
        if self.weakness and not accept_weaker:
            self.close()
            raise UnusableInput(
                f"{self}: a standby that takes over may lack what was acknowledged: {self.weakness}; fix: alter system set"
                " synchronous_standby_names and synchronous_commit = on; or give --accept-weaker-store, if that may be lost"
            )

    def __str__(self) -> str:
        return self._address.shown

    @property
    def place(self) -> Place:
        """Which store it is."""
        assert self._place is not None
        return self._place

    def latest(self) -> Timestamp:
        """The latest timestamp that any node brought."""
        with self._asking() as connection:
            rows = connection.execute(_CLOCKS, (f"{self._region}.", _CLOCK)).fetchall()
        return Timestamp(max((int(mark_of(_mark(row))) for row in rows), default=ZERO))

    def mark(self, name: str, value: str) -> None:
        """Set a watermark of this node."""
        with self._as_writer() as connection:
            connection.execute(_MARK, mark_row(f"{self._log}/{name}", value))

    def marked(self, name: str) -> str:
        """A watermark of this node, empty if never set."""
        with self._asking() as connection:
            row = connection.execute(_MARKED, (f"{self._log}/{name}",)).fetchone()
        return mark_of(None if row is None else _mark(row))

    def count(self) -> int:
        """The number of entries. Raises Damaged if some are missing."""
        with self._asking() as connection:
            count, counted = connection.execute(_COUNT).fetchall()[0]
        if count != counted:
            raise Damaged("entries of the store are missing")
        return int(count)

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        with self._asking() as connection:
            keys = tuple(Key(*row) for row in connection.execute(_SAMPLE, (size,)).fetchall())
        self.fetch(keys)
        return keys

    def export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        """At most `limit` entries whose keys come after `after`, by `export_order`."""
        begin = ("", "") if after is None else export_order(after)
        with self._asking() as connection:
            rows = connection.execute(_EXPORT, (*begin, limit)).fetchall()
        found = {Key(*row[:2]): _stored(_entry(row)) for row in rows}
        return tuple(Claim(key, entry) for key, entry in self._sound(found, lambda key: key).items())

    def superseded(self, after: int = 0, limit: int = -1) -> list[tuple[Key, Entry, Entry]]:
        """The local winners that gave way, in order."""
        with self._asking() as connection:
            rows = connection.execute(_SUPERSEDED, (after, None if limit < 0 else limit)).fetchall()
        return list(superseded_of((int(a), str(b), str(c), str(d), str(e), int(f)) for a, b, c, d, e, f in rows))

    def superseded_count(self) -> int:
        """The number of entries that gave way."""
        with self._asking() as connection:
            ((count,),) = connection.execute("select count(*) from flk.superseded").fetchall()
        return int(count)

    def take_part(self, role: str) -> str:
        """Become a shard, while no node can get a number."""
        with self._asking() as connection, connection.transaction():
            connection.execute("lock table flk.logs in share mode")
            ((used,),) = connection.execute(_NODES).fetchall()
            if not used:
                connection.execute(_NOTE_NEW, mark_row(ROLE, role))
        return self.noted(ROLE)

    def noted(self, name: str) -> str:
        """A note that all nodes share."""
        with self._asking() as connection:
            row = connection.execute(_MARKED, (name,)).fetchone()
        return mark_of(None if row is None else _mark(row))

    def note(self, name: str, seen: str, value: str) -> bool:
        """Set a note if it still is what was seen."""
        row = mark_row(name, value)
        with self._as_writer() if self._token else self._asking() as connection:
            if not seen:
                return bool(connection.execute(_NOTE_NEW, row).fetchall())
            return bool(connection.execute(_NOTE, (row[1], row[2], name, seen)).fetchall())

    def close(self) -> None:
        """Release the connection."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _insert_or_look_up(self, claims: Sequence[Claim], clock: Timestamp) -> Mapping[Key, Entry | Left]:
        if not claims:
            return {}
        entries = dict(sorted(claims, key=lambda claim: claim[0][::-1]))
        columns = _columns([entry_row(key, entry) for key, entry in entries.items()])
        with self._writing() as connection:
            rows = self._step(connection, _INSERT, (*columns, *self._clock_row(clock)))
            inserted = {Key(*row) for row in rows}
            if len(inserted) == len(entries):
                return entries
            taken = [key for key in entries if key not in inserted]
            return entries | self._present(connection, taken)

    def _replace(self, rivals: Sequence[Rival], clock: Timestamp) -> Mapping[Key, Entry | Left]:
        ordered = sorted(rivals, key=lambda rival: rival.key[::-1])
        new = _columns([entry_row(rival.key, rival.entry) for rival in ordered])
        old = _columns([entry_row(rival.key, rival.stored) for rival in ordered])
        *_, losers, winners, checksums = zip(
            *(superseded_row(0, rival.key, rival.stored, rival.entry) for rival in ordered), strict=True
        )
        more = list(losers), list(winners), list(checksums)
        with self._writing() as connection:
            rows = self._step(connection, _REPLACE, (*new, *old, *more, *self._clock_row(clock)))
            done = {Key(*row) for row in rows}
            return self._present(connection, [rival.key for rival in ordered if rival.key not in done])

    def _exchange(self, exchanges: Sequence[Exchange], clock: Timestamp) -> Container[Key]:
        ordered = sorted(exchanges, key=lambda exchange: exchange.key[::-1])
        free = [entry_row(key, entry) for key, seen, entry in ordered if seen is None]
        rest = [(entry_row(key, entry), entry_row(key, seen)) for key, seen, entry in ordered if seen is not None]
        rows = []
        if free:
            with self._writing() as connection:
                rows += self._step(connection, _INSERT, (*_columns(free), *self._clock_row(clock)))
        if rest:  # in a transaction of its own, so that nobody who waits holds what another waits for
            new, old = (_columns([pair[side] for pair in rest]) for side in (0, 1))
            with self._writing() as connection:
                rows += self._step(connection, _EXCHANGE, (*new, *old, *self._clock_row(clock)))
        return {Key(*row) for row in rows}

    def _put_back(self, key: Key, left: Left, entry: Entry) -> bool:
        new, old = _columns([entry_row(key, entry)]), _columns([(*key, *columns_of(left))])
        with self._writing() as connection:
            return bool(self._step(connection, _EXCHANGE, (*new, *old, *self._clock_row(self._clock))))

    def forget(self, key: Key) -> None:
        """Delete the entry of a key, if there is one."""
        with self._writing() as connection:
            connection.execute(_FORGET, (key.pcs_id, key.tenant, self._number))

    def fenced(self) -> int:
        """The fence of the store."""
        return int(self.noted(_FENCE) or 0)

    def raise_fence(self, to: int) -> None:
        """Let the fence be no less than this, once every write that named a lesser one has ended."""
        with self._asking() as connection, connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (_FENCE_LOCK,))
            row = connection.execute(_MARKED, (_FENCE,)).fetchone()
            if int(mark_of(None if row is None else _mark(row)) or 0) < to:
                connection.execute(_MARK, mark_row(_FENCE, str(to)))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """The connection for a write. That of a shard is a transaction in which the fence stays; it ends with what is inside."""
        if not self.fence:
            with self._asking() as connection:
                yield connection
            return
        with self._asking() as connection:
            answers = connection.execute(sql.SQL(_BEGIN))
            while answers.nextset():
                pass
            row = answers.fetchone()
            if int(mark_of(None if row is None else _mark(row)) or 0) != self.fence:
                connection.execute("rollback")
                raise Moved(self)
            try:
                yield connection
            except Unavailable:
                self.close()  # in the middle of a transaction
                raise
            connection.execute("commit")

    @contextmanager
    def _as_writer(self) -> Iterator[Connection]:
        """The connection, for statements that take place while the log of the node is not declared lost."""
        with self._asking() as connection, connection.transaction():
            if not connection.execute(_ASK_WRITER, (self._number, self._token)).fetchall():
                raise LogLost(self._log)
            yield connection

    def _bar(self, number: int) -> None:
        with self._asking() as connection, connection.transaction():
            connection.execute("update flk.place set format = %s", (str(FORMAT),))
            connection.execute(_BAR, (number, BARRED))

    def _marks(self) -> Iterable[tuple[str, str]]:
        with self._asking() as connection:
            rows = connection.execute(_ALL_MARKS).fetchall()
        return [(mark[0], mark_of(mark)) for mark in map(_mark, rows)]

    def _own_clock(self) -> Timestamp:
        with self._asking() as connection:
            row = connection.execute(_MARKED, (f"{self._log}{_CLOCK}",)).fetchone()
        return Timestamp(int(mark_of(_mark(row)))) if row else ZERO

    def _numbers(self) -> Mapping[int, str]:
        with self._asking() as connection:
            rows = connection.execute("select number, token from flk.logs").fetchall()
        return {int(number): str(token) for number, token in rows}

    def _register(self, number: int, token: str) -> str:
        with self._asking() as connection:
            connection.execute(_REGISTER, (number, token))
        return self._numbers()[number]

    def _clock_row(self, clock: Timestamp) -> MarkRow:
        return mark_row(f"{self._log}{_CLOCK}", str(clock))

    def _step(self, connection: Connection, statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """One atomic step. It is repeated if PostgreSQL undid it because another was in its way."""
        within = bool(self.fence) and statement is not _INSERT  # whose rows are locked in one order
        for _ in range(_TRIES):
            undone = connection.transaction() if within else nullcontext()
            with suppress(errors.DeadlockDetected, errors.SerializationFailure), undone:
                rows = connection.execute(sql.SQL(statement), (self._number, self._token, *parameters)).fetchall()
                if rows[-1:] == [(None, None)]:
                    raise LogLost(self._log)
                return rows
        raise unavailable(f"the store {self} undid a step {_TRIES} times because others were in its way")

    def _look_up(self, keys: Sequence[Key]) -> dict[Key, Entry | Left]:
        with self._asking() as connection:
            return self._rows(connection, keys)

    def _rows(self, connection: Connection, keys: Sequence[Key]) -> dict[Key, Entry | Left]:
        if not keys:
            return {}
        columns = [list(column) for column in zip(*keys, strict=True)]
        rows = connection.execute(_LOOK_UP, columns).fetchall()
        return {Key(tenant, pcs_id): _stored(_entry(row)) for tenant, pcs_id, *row in rows}

    def _present(self, connection: Connection, keys: Sequence[Key]) -> dict[Key, Entry | Left]:
        """What is stored under keys that are taken. Raises Damaged if nothing is, since no entry is ever taken out."""
        found = self._rows(connection, keys)
        if len(found) != len(keys):
            raise Damaged("an entry of the store is in its index and not in its table")
        return found

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        """The connection, made anew if the last one failed."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            yield self._connection
        except (errors.DataCorrupted, errors.IndexCorrupted) as error:
            raise Damaged(f"the store {self} is damaged: {self._address.scrub(error)}") from None
        except UnicodeDecodeError:
            self.close()
            raise Damaged("a row of the store is not what was written") from None
        except psycopg.Error as error:
            self.close()
            raise unavailable(f"the store {self} does not answer: {self._address.scrub(error)}") from None
        except Unavailable:
            raise
        except BaseException:
            self.close()  # in the middle of an answer, perhaps
            raise

    def _connect(self) -> Connection:
        connection = connect(self._address)
        try:
            connection.execute(f"set idle_in_transaction_session_timeout = {STALLED_SECONDS * 1000}")
            if self._place is not None:
                self._require_same(connection)
            self._look_who_answers(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _look_who_answers(self, connection: Connection) -> None:
        """A standby that is promoted begins a timeline."""
        ((timeline,),) = connection.execute(_TIMELINE).fetchall()
        if self._timeline and timeline != self._timeline:
            self.taken_over()
        self._timeline = str(timeline)

    def _require_same(self, connection: Connection) -> None:
        if self._found(connection) != self._place:
            raise unavailable(f"the store {self} is another than when this node started; start the node again")

    def _found(self, connection: Connection) -> Place:
        """Which store is there; a new one if none is."""
        require_strength(connection, self)
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            if connection.execute("select to_regclass('flk.place')").fetchall() == [(None,)]:
                if self._place is not None:
                    raise unavailable(f"the store {self} is not there any more; put its schema `flk` back")
                connection.execute(_SCHEMA)
                made = (secrets.token_hex(16), self._region, str(FORMAT))
                connection.execute("insert into flk.place(store, region, format) values (%s, %s, %s)", made)
            store, region, form = connection.execute("select store, region, format from flk.place").fetchall()[0]
        return require_place(Place(str(store), str(region)), str(form), self._region, self)


def _unfollowed(connection: Connection) -> str:
    """Why no standby has all that is acknowledged, empty if one does."""
    for setting, weak in _UNFOLLOWED.items():
        ((value,),) = connection.execute("select current_setting(%s)", (setting,)).fetchall()
        if value in weak:
            return f"{setting} is {value or 'empty'}"
    return ""


def _columns(rows: Sequence[EntryRow]) -> list[list[str | int]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _entry(row: Sequence[Any]) -> EntryRow:
    tenant, pcs_id, timestamp, region, digest, outcome, checksum = row
    return str(tenant), str(pcs_id), int(timestamp), str(region), str(digest), str(outcome), int(checksum)


def _stored(row: EntryRow) -> Entry | Left:
    """What a row says, or what is left of it."""
    try:
        ((_, entry),) = entries_of([row])
    except Damaged:
        return left_of(row)
    return entry


def _mark(row: Sequence[Any]) -> MarkRow:
    name, value, checksum = row
    return str(name), str(value), int(checksum)
