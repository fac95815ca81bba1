"""`Client`: the client for programs without an event loop. It has one of its own, in a thread."""

import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, TypeVarTuple

from anyio import CancelScope
from anyio.from_thread import BlockingPortal, start_blocking_portal

from flk.impl.agent import WORKERS
from flk.impl.client.asynchronous import AsyncClient, chunks
from flk.impl.client.deliveries import Pause, Round, pause
from flk.impl.client.receipts import Receipt, Summary, Told
from flk.impl.client.signing import Keys
from flk.impl.http.trust import File
from flk.model.flow.outbox import DeadLetter, Unfinished
from flk.model.flow.submission import StoredOutcome, Submission
from flk.model.programs.outbox import POLICY
from flk.model.record.canonical import Profile
from flk.model.record.record import Pcs
from flk.spec.constants import CONSTANTS
from flk.spec.constants import Outbox as Policy

if TYPE_CHECKING:  # needs an extra
    from flk.model.personal.records import Screening

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Client:
    """Signs records and delivers them to a service, each at least once, through an outbox on disk. Threads may share it.

    Options, names and errors are those of `AsyncClient`; its methods wait. The callback `told` is called in the client's thread.

    >>> import tempfile
    >>> with Client("http://127.0.0.1:8080", keys=HmacKey(b"secret"), outbox=tempfile.mkdtemp()) as client:
    ...     client.pending
    0
    """

    def __init__(
        self,
        url: str,
        tenant: str = CONSTANTS.node.default_tenant,
        *,
        keys: Keys | None = None,
        outbox: str | PathLike[str],
        ca: File | None = None,
        certificate: tuple[File, File] | None = None,
        token: str | None = None,
        traceparent: str | None = None,
        batches: bool = True,
        connections: int = WORKERS,
        profile: Profile = Profile.JUDGED,
        screening: "Screening | None" = None,
        policy: Policy = POLICY,
        sleep: Pause = pause,
    ) -> None:
        self._client = AsyncClient(
            url,
            tenant,
            keys=keys,
            outbox=outbox,
            ca=ca,
            certificate=certificate,
            token=token,
            traceparent=traceparent,
            batches=batches,
            connections=connections,
            profile=profile,
            screening=screening,
            policy=policy,
            sleep=sleep,
        )
        self._open = ExitStack()
        self._portal: BlockingPortal

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._portal = opening.enter_context(start_blocking_portal())
            opening.enter_context(self._portal.wrap_async_context_manager(self._client))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _call(self, ask: Callable[[*Ts], Awaitable[R]], *args: *Ts) -> R:
        """What a coroutine comes to. Whoever is interrupted, even while they ask, leaves nothing that closing would wait for."""
        scopes: list[CancelScope] = []
        interrupted = threading.Event()

        async def asked() -> R:
            with CancelScope() as scope:
                scopes.append(scope)
                if interrupted.is_set():
                    scope.cancel()
                return await ask(*args)
            raise CancelledError  # which nobody waits for any more

        try:
            return self._portal.start_task_soon(asked).result()
        except BaseException:
            interrupted.set()  # before the scope is looked for: one of both threads sees the other
            for scope in scopes:
                self._portal.start_task_soon(scope.cancel)
            raise

    @contextmanager
    def _round(self, told: Told | None) -> Iterator[Round]:
        """The block of a round, of which the end can be interrupted, too."""
        round_ = self._client.round(told)
        try:
            yield round_
        except BaseException as error:
            self._call(round_.__aexit__, type(error), error, error.__traceback__)
            raise
        self._call(round_.__aexit__, None, None, None)

    @property
    def pending(self) -> int:
        """How many submissions wait in the outbox, or are being delivered."""
        return self._client.pending

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """What the service refused for good, each with its answer, until it is sent again or discarded."""
        return self._client.dead_letters

    @property
    def unfinished(self) -> tuple[Unfinished, ...]:
        """The sources that earlier processes did not queue to their ends: send them again (OUT-7)."""
        return self._client.unfinished

    def damage(self) -> list[str]:
        """What of the outbox is corrupt, a sentence each: what was queued there is lost (OUT-7)."""
        return self._call(self._client.damage)

    def submit(self, record: Pcs | Submission) -> Receipt:
        """Sign a record, queue it durably, and deliver it now; what became of it. Threads that submit at once share requests."""
        return self._call(self._client.submit, record)

    def send(self, records: Iterable[Pcs | Submission], told: Told | None = None, *, source: str = "") -> Summary:
        """Sign and queue many records and deliver them, after what waits already; how they ended.

        The records are taken in the caller's thread, while those before are being delivered.
        """
        client, call = self._client, self._call
        with self._round(told) as round_:
            call(client.flush_into, round_)
            call(client.begin, source)
            for chunk in chunks(records):
                call(client.queue_into, round_, chunk)
            call(client.end, source)
        return round_.summary

    def flush(self, told: Told | None = None) -> Summary:
        """Deliver what waits. What a key has signed that is not live any more is signed anew before."""
        return self._call(self._client.flush, told)

    def retry(self, letters: Iterable[DeadLetter] | None = None, told: Told | None = None) -> Summary:
        """Send dead letters again, all by default, when what they were refused for is mended."""
        return self._call(self._client.retry, letters, told)

    def discard(self, letters: Iterable[DeadLetter] | None = None) -> None:
        """Forget dead letters, all by default: somebody has looked at them."""
        self._call(self._client.discard, letters)

    def outcome(self, pcs_id: str) -> StoredOutcome | None:
        """The outcome that the service has stored under a record's id, None if there is none. Shows the client's token."""
        return self._call(self._client.outcome, pcs_id)
