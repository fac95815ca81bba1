"""`AsyncClient`: the client on an event loop."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import msgspec

from flk.impl.agent import WORKERS
from flk.impl.client.deliveries import Deliveries, Pause, Round, pause
from flk.impl.client.journal import Journal
from flk.impl.client.posting import Posting
from flk.impl.client.receipts import Receipt, Summary, Told
from flk.impl.client.signing import Keys, Signing
from flk.impl.http.following import given
from flk.impl.http.trust import File, trust_of
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.flow.outbox import DeadLetter, Unfinished
from flk.model.flow.submission import Problem, StoredOutcome, Submission
from flk.model.programs.outbox import POLICY, begin_source, discard, end_source
from flk.model.record.canonical import Profile
from flk.model.record.record import Pcs
from flk.spec.constants import CONSTANTS
from flk.spec.constants import Outbox as Policy

if TYPE_CHECKING:  # needs an extra
    from flk.model.personal.records import Screening

CHUNK = 256  # records that are signed and queued at once
CHUNK_SECONDS = 0.5  # of a slow source: what came within them is

R = TypeVar("R")


class NoAnswer(Exception):
    """The service did not answer a question, or not as it answers: ask again."""


class Denied(Exception):
    """The service does not answer this question to who asked: `problem` says why."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(f"{status}: {problem.error} ({problem.requirement})")
        self.status = status
        self.problem = problem


class AsyncClient:
    """Signs records and delivers them to a service, each at least once, through an outbox on disk. For one event loop.

    `url` is where the service is, `tenant` whose records they are, `keys` a key file, whose newest live key signs, or a key.
    What is signed already, a `Submission`, is sent as it is; without keys nothing else can be. `outbox` is a directory, which
    is made if it is missing and which one process at a time may use. Over https `ca` is a file of certificates to trust in the
    place of the system's, `certificate` the files of the client's own and of its key. `token` is what `outcome` shows. Requests
    say which span of OpenTelemetry they are part of: that in which the caller is, or else `traceparent`. `connections` may be
    busy at once; with `batches` whatever waits for a free one shares a request, if the service takes batches. `screening` says
    what is done about personal data in records before they are signed. `policy` says how often attempts are made, `sleep` waits
    so many seconds for the next of a submission.

    What is queued when the process dies is `pending` when a client opens the outbox again; `flush` delivers it. Raises
    UnusableInput for a file or a URL that cannot be used, and for an outbox that another process has open.

    >>> import asyncio, tempfile
    >>> async def main() -> int:
    ...     async with AsyncClient("http://127.0.0.1:8080", keys=HmacKey(b"secret"), outbox=tempfile.mkdtemp()) as client:
    ...         return client.pending
    >>> asyncio.run(main())
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
        self._signing = Signing(keys, tenant, profile, screening)
        self._posting = Posting(
            url,
            policy.timeout_seconds,
            connections,
            trust_of(ca, certificate),
            token,
            batches=batches,
            followed=given(traceparent),
        )
        self._journal = Journal()
        self._directory = Path(outbox)
        self._connections = connections
        self._policy = policy
        self._sleep = sleep
        self._deliveries: Deliveries

    async def __aenter__(self) -> Self:
        await self._journal.open(self._directory)
        self._deliveries = Deliveries(self._journal, self._posting, self._policy, self._sleep)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._posting.close()
        finally:
            await self._journal.close()

    @property
    def pending(self) -> int:
        """How many submissions wait in the outbox, or are being delivered."""
        return len(self._deliveries.waiting)

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """What the service refused for good, each with its answer, until it is sent again or discarded."""
        return tuple(self._deliveries.dead.values())

    @property
    def unfinished(self) -> tuple[Unfinished, ...]:
        """The sources that earlier processes did not queue to their ends: send them again (OUT-7)."""
        return self._journal.outbox.unfinished

    async def damage(self) -> list[str]:
        """What of the outbox is corrupt, a sentence each: what was queued there is lost. Send it again, then remove the file that
        the sentence names (OUT-7).
        """
        return await self._journal.damage()

    async def submit(self, record: Pcs | Submission) -> Receipt:
        """Sign a record, queue it durably, and deliver it now; what became of it.

        Submissions of many tasks at once share requests. Raises Unavailable or LogFailed if the outbox cannot be written, and
        PersonalData if the record is not to be signed for what it holds.
        """
        (item,) = await self._deliveries.queue([self._signing.submission(record)])
        self._deliveries.claim(item)
        return await self._deliveries.deliver(item)

    async def send(
        self,
        records: Iterable[Pcs | Submission] | AsyncIterable[Pcs | Submission],
        told: Told | None = None,
        *,
        source: str = "",
    ) -> Summary:
        """Sign and queue many records and deliver them, after what waits already; how they ended. `told` hears of each.

        With `source`, the outbox notes that the records of this source are being queued, and `unfinished` names it if the process
        dies before they all are (OUT-7). An exception from `records` leaves queued what was queued.
        """
        async with self.round(told) as round_:
            await self.flush_into(round_)
            await self.begin(source)
            async for chunk in _chunks(records):
                await self.queue_into(round_, chunk)
            await self.end(source)
        return round_.summary

    async def flush(self, told: Told | None = None) -> Summary:
        """Deliver what waits. What a key has signed that is not live any more is signed anew before."""
        async with self.round(told) as round_:
            await self.flush_into(round_)
        return round_.summary

    async def retry(self, letters: Iterable[DeadLetter] | None = None, told: Told | None = None) -> Summary:
        """Send dead letters again, all by default, when what they were refused for is mended. One whose key has ended is signed
        anew.
        """
        async with self.round(told) as round_:
            for letter in self.dead_letters if letters is None else letters:
                await round_.hand(
                    [await self._deliveries.send_again(letter.id, self._signing.renewed(letter.submission))]
                )
        return round_.summary

    async def discard(self, letters: Iterable[DeadLetter] | None = None) -> None:
        """Forget dead letters, all by default: somebody has looked at them."""
        for letter in self.dead_letters if letters is None else tuple(letters):
            await self._deliveries.note(discard(letter.id))
            self._deliveries.dead.pop(letter.id, None)

    async def outcome(self, pcs_id: str) -> StoredOutcome | None:
        """The outcome that the service has stored under a record's id, None if there is none. Shows the client's token.

        Raises Denied if the service refuses to say, and NoAnswer if it says nothing that can be understood.
        """
        response = await self._posting.outcome(pcs_id)
        if response is None:
            raise NoAnswer(f"no answer about {pcs_id}")
        try:
            if response.status in ACKNOWLEDGED:
                return msgspec.json.decode(response.body, type=StoredOutcome)
            problem = msgspec.json.decode(response.body, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NoAnswer(f"{response.status} that is no answer about {pcs_id}") from None
        if response.status == 404:
            return None
        raise Denied(response.status, problem)

    # The steps of `send`, which the client for threads takes one by one

    def round(self, told: Told | None = None) -> Round:
        """Deliveries to be handed over in its block."""
        return Round(self._deliveries, self._connections, told)

    async def flush_into(self, round_: Round) -> None:
        """Hand over what waits, the oldest first."""
        for _, item in sorted(self._deliveries.waiting.items()):
            renewed = self._signing.renewed(item.submission)
            if renewed is item.submission:
                await round_.hand([item])
            elif self._deliveries.claim(item):
                await round_.hand([await self._deliveries.send_again(item.id, renewed)])

    async def queue_into(self, round_: Round, records: Sequence[Pcs | Submission]) -> None:
        """Sign, queue and hand over records."""
        await round_.hand(await self._deliveries.queue([self._signing.submission(each) for each in records]))

    async def begin(self, source: str) -> None:
        """Note that a source is being queued, if it has a name."""
        if source:
            await self._deliveries.note(begin_source(source))

    async def end(self, source: str) -> None:
        """Note that it is queued to its end."""
        if source:
            await self._deliveries.note(end_source(source))


class _Chunk(Generic[R]):
    """Items that are gathered, until there are so many, or for a while."""

    def __init__(self) -> None:
        self.items: list[R] = []
        self._due = monotonic() + CHUNK_SECONDS

    def is_full(self, item: R) -> bool:
        """Whether it is complete with this item."""
        self.items.append(item)
        return len(self.items) == CHUNK or monotonic() >= self._due


def chunks(items: Iterable[R]) -> Iterator[list[R]]:
    """The items, so many at a time, or as many as came within a while."""
    chunk = _Chunk[R]()
    for item in items:
        if chunk.is_full(item):
            yield chunk.items
            chunk = _Chunk[R]()
    if chunk.items:
        yield chunk.items


async def _chunks(items: Iterable[R] | AsyncIterable[R]) -> AsyncIterator[list[R]]:
    if not isinstance(items, AsyncIterable):
        for some in chunks(items):
            yield some
        return
    chunk = _Chunk[R]()
    async for item in items:
        if chunk.is_full(item):
            yield chunk.items
            chunk = _Chunk[R]()
    if chunk.items:
        yield chunk.items
