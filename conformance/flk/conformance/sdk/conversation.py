"""One question after another to a subject that may die: what generated cases and their shrinking need."""

import asyncio
from types import TracebackType
from typing import Self

from flk.conformance.sdk.declining import Declining
from flk.conformance.sdk.protocol import Crash, Run
from flk.conformance.sdk.session import Answer, Ended, Launch, Session
from flk.spec import __version__
from flk.spec.profiles import Profile

MAX_RESTARTS = 5
"""Times that a subject which died or fell silent is started again; after them nothing new is asked."""


class Conversation:
    """A running subject, started again when it dies or falls silent; the question that was with it then has crashed it.

    `remarks` are breaches of the protocol. Raises UnusableInput if it cannot be started or gives no hello.
    """

    def __init__(self, launch: Launch, deadline: float, required: Profile | None = None) -> None:
        self._launch = launch
        self._deadline = deadline
        self._required = required
        self._runner = asyncio.Runner()
        self._session: Session | None = None
        self._fatal: dict[tuple[str, bytes], str] = {}
        self.remarks: list[str] = []

    def __enter__(self) -> Self:
        self.declining = self._runner.run(self._begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._end())
        finally:
            self._runner.close()

    @property
    def is_over(self) -> bool:
        """Whether it died so often that nothing new is asked."""
        return len(self._fatal) > MAX_RESTARTS

    def ask(self, run: Run) -> Answer | None:
        """The answer; None to a new question if the conversation is over."""
        question = run.operation, bytes(run.input)
        if question not in self._fatal:
            return None if self.is_over else self._runner.run(self._put(run))
        return Crash(run.run, self._fatal[question])

    async def _begin(self) -> Declining:
        self._session = await Session(self._launch, self._deadline, self._remark).__aenter__()
        return Declining(await self._session.greet(f"flk-lab {__version__}"), self._required)

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.__aexit__()
            self._session = None

    async def _put(self, run: Run) -> Answer:
        found: list[Answer] = []
        if self._session is None:
            await self._begin()
        assert self._session is not None
        try:
            await self._session.ask([run], 1, lambda _, answer: found.append(answer))
        except Ended as ended:
            await self._end()
            self._fatal[run.operation, bytes(run.input)] = f"the subject {ended.detail}"
            return Crash(run.run, f"the subject {ended.detail}")
        return found[0]

    def _remark(self, remark: str) -> None:
        if remark not in self.remarks:
            self.remarks.append(remark)
