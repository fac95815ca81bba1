"""An audit queue in tables: what is done in each step, for SQLite and PostgreSQL alike.

    tasks       in the order in which they came; `taken` and `lease` of one that is leased
    marks       of tasks that took effect, for as long as those are kept
    dead        letters             dropped     letters that were given up, and why
    positions   how far the leaves of each log are

Each step on a task first locks its row, if it has one, so two steps on one task follow one another.

A lease counts from `taken` to `taken + lease` by a clock that does not go back. Where there is none, in PostgreSQL or after the
machine was started again, one that begins in the future is over: no clock that is set back prolongs a lease by more than itself.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, TypeAlias

import msgspec

from flk.impl.queues.queue import MAX_ERROR, NOWHERE, Backlog, Letter, Queue, read, written
from flk.model.auditing.plan import Position
from flk.model.entries.tasks import Lease, Task
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

Execute: TypeAlias = Callable[..., list[tuple[Any, ...]]]
"""Runs a statement with these parameters, and hands back its rows."""

VERSION = 1
SCHEMA = """
create table if not exists {s}version(version integer not null);
create table if not exists {s}positions(log text primary key, position text not null);
create table if not exists {s}tasks(
  sequence {serial}, id text not null unique, log text not null, entered double precision not null, taken double precision,
  lease double precision);
create index if not exists tasks_in_order on {s}tasks(log, sequence);
create table if not exists {s}marks(id text primary key, at double precision not null);
create index if not exists marks_by_age on {s}marks(at);
create table if not exists {s}dead(
  id text primary key, log text not null, attempts integer not null, error text not null, at double precision not null);
create table if not exists {s}dropped(
  id text primary key, log text not null, attempts integer not null, error text not null, at double precision not null,
  reason text not null);
"""
_NEW = """insert into {s}tasks(id, log, entered) select value, %s, {wall} from {each}
  where not exists (select 1 from {s}marks m where m.id = value) and not exists (select 1 from {s}dead d where d.id = value)
  and not exists (select 1 from {s}dropped d where d.id = value) order by key on conflict (id) do nothing"""
_TAKE = """update {s}tasks set taken = {steady}, lease = %s where id = (
  select id from {s}tasks where log = %s and (taken is null or taken > {steady} or taken + lease <= {steady})
  order by sequence limit 1 {skip})
  returning id, exists (select 1 from {s}marks m where m.id = {s}tasks.id)"""
_BURY = """insert into {s}dead(id, log, attempts, error, at) select id, log, %s, %s, {wall} from {s}tasks t where id = %s
  and not exists (select 1 from {s}marks m where m.id = t.id)
  on conflict (id) do update set attempts = excluded.attempts, error = excluded.error, at = excluded.at"""
_ACKNOWLEDGE = """delete from {s}tasks where id = %s and (exists (select 1 from {s}marks m where m.id = {s}tasks.id)
  or exists (select 1 from {s}dead d where d.id = {s}tasks.id))"""
_BACKLOG = """select count(*), coalesce(sum(case when taken <= {steady} and taken + lease > {steady} then 1 else 0 end), 0),
  coalesce({wall} - min(entered), 0), (select count(*) from {s}dead where log = %s) from {s}tasks where log = %s"""
_DROP = """insert into {s}dropped(id, log, attempts, error, at, reason) select id, log, attempts, error, at, %s from {s}dead
  where id = %s on conflict (id) do nothing returning id"""
_LETTER = "id, attempts, error, at"


class RowQueue(Queue):
    """A queue in tables. `TOKENS` are what a kind of database has in place of the names in braces."""

    TOKENS: ClassVar[Mapping[str, str]]

    @abstractmethod
    def _step(self) -> AbstractContextManager[Execute]:
        """One transaction, durable when it is over. Raises Unavailable."""

    def filled(self, statement: str) -> str:
        """A statement as this kind of database takes it."""
        return statement.format_map(self.TOKENS)

    def position(self) -> Position:
        """As `Queue` has it."""
        with self._step() as do:
            new = "insert into {s}positions(log, position) values (%s, %s) on conflict (log) do nothing"
            do(new, self.log, written(NOWHERE))
            ((text,),) = do("select position from {s}positions where log = %s", self.log)
        return read(text)

    def enqueue(self, before: Position, after: Position, tasks: Sequence[Task]) -> bool:
        """As `Queue` has it."""
        with self._step() as do:
            moved = "update {s}positions set position = %s where log = %s and position = %s returning log"
            if not do(moved, written(after), self.log, written(before)):
                return False
            do(_NEW, self.log, msgspec.json.encode([task.id for task in tasks]).decode())
            do("delete from {s}marks where at < {wall} - %s", CONSTANTS.audit.dedup_seconds)
        return True

    def take(self) -> Lease | None:
        """As `Queue` has it."""
        with self._step() as do:
            rows = do(_TAKE, self._lease_seconds, self.log)
        return Lease(Task.parse(rows[0][0]), bool(rows[0][1])) if rows else None

    def renew(self, task: Task) -> None:
        """As `Queue` has it."""
        with self._step() as do:
            do("update {s}tasks set taken = {steady} where id = %s and taken is not null", task.id)

    def mark(self, task: Task) -> None:
        """As `Queue` has it."""
        with self._step() as do:
            self._lock(do, task)
            do("insert into {s}marks(id, at) values (%s, {wall}) on conflict (id) do nothing", task.id)
            do("delete from {s}dead where id = %s", task.id)

    def bury(self, task: Task, attempts: int, error: str) -> None:
        """As `Queue` has it."""
        with self._step() as do:
            self._lock(do, task)
            do(_BURY, attempts, _plain(error), task.id)

    def acknowledge(self, task: Task) -> None:
        """As `Queue` has it."""
        with self._step() as do:
            self._lock(do, task)
            do(_ACKNOWLEDGE, task.id)

    def backlog(self) -> Backlog:
        """As `Queue` has it."""
        with self._step() as do:
            ((all_, leased, oldest, dead),) = do(_BACKLOG, self.log, self.log)
        return Backlog(int(all_) - int(leased), int(leased), max(0.0, float(oldest)), int(dead))

    def letters(self, limit: int) -> tuple[Letter, ...]:
        """As `Queue` has it."""
        with self._step() as do:
            mine = "where log = %s" if self.log else "where %s = ''"
            rows = do(f"select {_LETTER} from {{s}}dead {mine} order by at, id limit %s", self.log, limit)  # noqa: S608
        return tuple(Letter(*row) for row in rows)

    def letter(self, task: Task) -> Letter | None:
        """As `Queue` has it."""
        with self._step() as do:
            rows = do(f"select {_LETTER} from {{s}}dead where id = %s", task.id)  # noqa: S608  (nothing from outside)
        return Letter(*rows[0]) if rows else None

    def retry(self, task: Task) -> bool:
        """As `Queue` has it."""
        with self._step() as do:
            self._lock(do, task)
            rows = do("delete from {s}dead where id = %s returning log", task.id)
            if rows:
                new = "insert into {s}tasks(id, log, entered) values (%s, %s, {wall}) on conflict (id) do nothing"
                do(new, task.id, rows[0][0])
        return bool(rows)

    def drop(self, task: Task, reason: str) -> bool:
        """As `Queue` has it."""
        with self._step() as do:
            self._lock(do, task)
            if not do(_DROP, _plain(reason), task.id):
                return False
            do("delete from {s}dead where id = %s", task.id)
            do("delete from {s}tasks where id = %s", task.id)
        return True

    def dropped(self, task: Task) -> tuple[Letter, str] | None:
        """As `Queue` has it."""
        with self._step() as do:
            rows = do(f"select {_LETTER}, reason from {{s}}dropped where id = %s", task.id)  # noqa: S608  (likewise)
        return (Letter(*rows[0][:4]), str(rows[0][4])) if rows else None

    def marked(self, tasks: Sequence[Task]) -> int:
        """As `Queue` has it."""
        ids = msgspec.json.encode([task.id for task in tasks]).decode()
        with self._step() as do:
            ((count,),) = do("select count(*) from {s}marks where id in (select value from {each})", ids)
        return int(count)

    def _begin(self, do: Execute) -> None:
        """Make the tables that are not there. Raises UnusableInput if they are of another version."""
        for statement in SCHEMA.split(";\n")[:-1]:
            do(statement)
        do("insert into {s}version(version) select %s where not exists (select 1 from {s}version)", VERSION)
        ((version,),) = do("select version from {s}version")
        if version != VERSION:
            raise UnusableInput(f"{self}: a queue of version {version}, and this is for {VERSION}; use the newer flk")

    def _lock(self, do: Execute, task: Task) -> None:
        do("select id from {s}tasks where id = %s {lock}", task.id)


def _plain(text: str) -> str:
    """What every database takes as text, bounded."""
    return text.replace("\0", "").encode(errors="replace").decode()[:MAX_ERROR]
