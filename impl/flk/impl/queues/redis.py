"""An audit queue in Redis, alone or as a Cluster: a stream, read by one group of consumers.

    flk:{audit}:tasks:LOG       stream of tasks; one that is leased is pending, and claimed again when its lease is over
    flk:{audit}:held:LOG        task → its place in the stream      flk:{audit}:marks:LOG     task → when it was marked
    flk:{audit}:letters:LOG     task → its letter                   flk:{audit}:dead:LOG      task → when it was buried
    flk:{audit}:dropped:LOG     task → letter, time and reason      flk:{audit}:positions     log → its position
    flk:{audit}:clock           the time of the server, as it was when somebody took a task last

All keys have one hash tag, so each step is one script. All workers read as one consumer, so that none is left behind by those that
die. What is let go is deleted from the stream.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

import msgspec
from redis.exceptions import ResponseError

from flk.impl.queues import redis_scripts as scripts
from flk.impl.queues.queue import LEASE_SECONDS, MAX_ERROR, NOWHERE, Backlog, Letter, Queue, read, written
from flk.impl.storage.address import Address
from flk.impl.storage.redis_servers import FAILURES, Client, connect, release, weak_settings
from flk.model.auditing.plan import Position
from flk.model.entries.tasks import Lease, Task
from flk.model.refusal import Unavailable, unavailable
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

_PREFIX = "flk:{audit}:"
_OF_LOG = ("tasks", "held", "marks", "letters", "dead", "dropped")
_letter = msgspec.json.Decoder(tuple[int, str]).decode
_dropped = msgspec.json.Decoder(tuple[str, str, str]).decode


class RedisQueue(Queue):
    """A queue in Redis. Raises UnusableInput for a Redis that may lose what it acknowledges, Unavailable if none answers."""

    def __init__(self, address: Address, log: str, lease_seconds: float = LEASE_SECONDS) -> None:
        super().__init__(log, lease_seconds)
        self._address = address
        self._client: Client | None = None
        with self._asking() as client:
            found = "; ".join(sorted(set(weak_settings(client))))
        if found:
            self.close()
            raise UnusableInput(
                f"{self}: this Redis may lose what it acknowledged: {found}. Set appendonly yes, appendfsync always and"
                " maxmemory-policy noeviction"
            )

    def __str__(self) -> str:
        return self._address.shown

    def close(self) -> None:
        """As `Queue` has it."""
        if self._client is not None:
            release(self._client)
            self._client = None

    def position(self) -> Position:
        """As `Queue` has it."""
        with self._asking() as client:
            text = client.hget(f"{_PREFIX}positions", self.log)
        return read(_text(text)) if text else NOWHERE

    def enqueue(self, before: Position, after: Position, tasks: Sequence[Task]) -> bool:
        """As `Queue` has it."""
        kept = round(CONSTANTS.audit.dedup_seconds * 1000)
        moves = (written(before), written(NOWHERE), written(after))
        return bool(self._run(scripts.ENQUEUE, self.log, self.log, *moves, kept, *(task.id for task in tasks)))

    def take(self) -> Lease | None:
        """As `Queue` has it."""
        found = self._run(scripts.TAKE, self.log, round(self._lease_seconds * 1000))
        return Lease(Task.parse(_text(found[0])), bool(found[1])) if found else None

    def renew(self, task: Task) -> None:
        """As `Queue` has it."""
        self._about(scripts.RENEW, task)

    def mark(self, task: Task) -> None:
        """As `Queue` has it."""
        self._about(scripts.MARK, task)

    def bury(self, task: Task, attempts: int, error: str) -> None:
        """As `Queue` has it."""
        self._about(scripts.BURY, task, msgspec.json.encode((attempts, error[:MAX_ERROR])))

    def acknowledge(self, task: Task) -> None:
        """As `Queue` has it."""
        self._about(scripts.ACKNOWLEDGE, task)

    def backlog(self) -> Backlog:
        """As `Queue` has it."""
        all_, leased, age, dead = map(int, self._run(scripts.BACKLOG, self.log))
        return Backlog(all_ - leased, leased, max(0, age) / 1000, dead)

    def letters(self, limit: int) -> tuple[Letter, ...]:
        """As `Queue` has it."""
        with self._asking() as client:
            logs = [self.log] if self.log else sorted(map(_text, client.hkeys(f"{_PREFIX}positions")))
            found = [letter for log in logs for letter in self._letters_of(client, log, limit)]
        return tuple(islice(sorted(found, key=lambda letter: (letter.at, letter.id)), limit))

    def letter(self, task: Task) -> Letter | None:
        """As `Queue` has it."""
        with self._asking() as client:
            keys = self._keys(_log(task))
            found, at = client.hget(keys[3], task.id), client.zscore(keys[4], task.id)
        return Letter(task.id, *_letter(found), float(at) / 1000) if found and at is not None else None

    def retry(self, task: Task) -> bool:
        """As `Queue` has it."""
        return bool(self._about(scripts.RETRY, task))

    def drop(self, task: Task, reason: str) -> bool:
        """As `Queue` has it."""
        return bool(self._about(scripts.DROP, task, reason[:MAX_ERROR]))

    def dropped(self, task: Task) -> tuple[Letter, str] | None:
        """As `Queue` has it."""
        with self._asking() as client:
            found = client.hget(self._keys(_log(task))[5], task.id)
        if not found:
            return None
        letter, at, reason = _dropped(found)
        return Letter(task.id, *_letter(letter), float(at) / 1000), reason

    def marked(self, tasks: Sequence[Task]) -> int:
        """As `Queue` has it."""
        with self._asking() as client:
            return sum(client.zscore(self._keys(_log(task))[2], task.id) is not None for task in tasks)

    def _letters_of(self, client: Client, log: str, limit: int) -> Iterator[Letter]:
        keys = self._keys(log)
        oldest = client.zrange(keys[4], 0, limit - 1, withscores=True)
        for name, at in cast("list[tuple[bytes, float]]", oldest):
            found = client.hget(keys[3], name)
            if found:
                yield Letter(_text(name), *_letter(found), float(at) / 1000)

    def _about(self, script: str, task: Task, *rest: object) -> Any:
        return self._run(script, _log(task), task.id, *rest)

    def _run(self, script: str, log: str, *arguments: object) -> Any:
        """A step. A stream that is not there, or not any more, is begun."""
        keys = self._keys(log)
        with self._asking() as client:
            try:
                return _evaluated(client, script, keys, arguments)
            except ResponseError as error:
                if scripts.MISSING not in str(error):
                    raise
            try:
                client.xgroup_create(keys[0], scripts.GROUP, "0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            return _evaluated(client, script, keys, arguments)

    def _keys(self, log: str) -> list[str]:
        return [*(f"{_PREFIX}{name}:{log}" for name in _OF_LOG), f"{_PREFIX}positions", f"{_PREFIX}clock"]

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        """The client, made anew if the last one failed."""
        try:
            if self._client is None:
                self._client = connect(self._address)
            yield self._client
        except FAILURES as error:
            self.close()
            raise unavailable(f"the audit queue {self} does not answer: {self._address.scrub(error)}") from None
        except Unavailable:
            raise
        except BaseException:
            self.close()  # in the middle of an answer, perhaps
            raise


def _evaluated(client: Client, script: str, keys: Sequence[str], arguments: Sequence[object]) -> Any:
    evaluate: Callable[..., Any] = client.eval
    return evaluate(script, len(keys), *keys, *arguments)


def _log(task: Task) -> str:
    return task.place[0]


def _text(raw: Any) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)
