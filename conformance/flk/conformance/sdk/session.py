"""One process of a subject: greet it, keep a window of cases with it, notice when it dies or falls silent."""

import asyncio
import os
import shlex
import signal
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, NoReturn, Self, TypeAlias

from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk.protocol import (
    VERSION,
    Bye,
    Crash,
    Error,
    Kit,
    KitHello,
    Message,
    NotAMessage,
    Reply,
    Run,
    Skip,
    Subject,
    SubjectHello,
    Value,
    read_reply,
    write,
)
from flk.spec.errors import UnusableInput

Answer: TypeAlias = Value | Error | Skip | Crash

MAX_LINE = 1 << 24
STDERR_KEPT = 2000
START_SECONDS = 60.0
"""How long a command may take to start and say hello: some build or compile first."""

GRACE_SECONDS = 2.0
"""How long a process that closed its output may take to exit."""
LOOK_SECONDS = 0.2
"""How often it is looked whether a process is still there, and how long its output may outlive it."""


class Ended(Exception):
    """The process is of no more use: it died or fell silent. `suspects` were with it."""

    def __init__(self, status: CaseStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.suspects: tuple[Run, ...] = ()


class Launch(NamedTuple):
    """How a subject is started: the command, the directory it runs in, and what its environment has besides the kit's own."""

    words: tuple[str, ...]
    directory: Path | None = None
    environment: Mapping[str, str] = MappingProxyType({})

    def __str__(self) -> str:
        return shlex.join(self.words)


class Session:
    """A running subject, from `async with` until its end, when it is killed along with its children.

    `deadline` is how many seconds it may go without an answer; `remark` is called with breaches of the protocol.
    """

    def __init__(self, launch: Launch, deadline: float, remark: Callable[[str], None]) -> None:
        self._launch = launch
        self._deadline = deadline
        self._remark = remark
        self._stderr = b""

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._launch.words,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                limit=MAX_LINE,
                start_new_session=True,
                cwd=self._launch.directory,
                env={**os.environ, **self._launch.environment},
            )
        except OSError as error:
            raise UnusableInput(f"{self._launch}: cannot be started: {error.strerror}") from None
        self._listening = asyncio.create_task(self._keep_stderr())
        self._watching = asyncio.create_task(self._end_with_the_process())
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._watching.cancel()
        await self._exit()
        # A child that left the group may hold the pipes for ever, and asyncio has no public way to let go of them.
        self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
        await self._process.wait()
        await self._listening

    async def greet(self, kit: str) -> Subject:
        """The subject's introduction. Raises Ended if it gives none, UnusableInput if something else comes first."""
        self._send(KitHello(Kit(VERSION, kit)))
        reply = await self._receive(self._not_a_hello, START_SECONDS)
        if not isinstance(reply, SubjectHello) or reply.hello.protocol != VERSION:
            self._not_a_hello(_shown(write(reply)))
        return reply.hello

    def _not_a_hello(self, came: str) -> NoReturn:
        raise UnusableInput(
            f"{self._launch}: the first line must be a hello of protocol {VERSION}, see conformance/PROTOCOL.md;"
            f" there came {came}"
        )

    async def ask(self, cases: Iterable[Run], window: int, answered: Callable[[int, Answer], None]) -> None:
        """Put the cases to the subject, at most `window` at a time, and hand each answer to `answered`. Raises Ended."""
        waiting = deque(cases)
        asked: dict[int, Run] = {}
        done: dict[int, Run] = {}
        while waiting or asked:
            while waiting and len(asked) < window:
                case = waiting.popleft()
                asked[case.run] = case
                self._send(case)
            try:
                reply = await self._receive(self._remark, self._deadline)
            except Ended as end:
                end.suspects = tuple(asked.values())
                raise
            if isinstance(reply, Answer) and reply.seq in asked:
                done[reply.seq] = asked.pop(reply.seq)
                answered(reply.seq, reply)
            elif isinstance(reply, Answer) and reply.seq in done:
                operation = done[reply.seq].operation
                self._remark(f"a second answer to case {reply.seq} ({operation}): {_shown(write(reply))}")
            else:
                self._remark(f"a message that nothing asked for: {_shown(write(reply))}")

    async def part(self) -> None:
        """Say goodbye; a subject that does not answer may have kept answers to itself."""
        self._send(Bye({}))
        try:
            reply = await self._receive(self._remark, self._deadline)
        except Ended as end:
            self._remark(f"no bye came back: it {end.detail}")
        else:
            if not isinstance(reply, Bye):
                self._remark(f"something else than bye came last: {_shown(write(reply))}")

    def _send(self, message: Message) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(write(message))

    async def _receive(self, stray: Callable[[str], None], deadline: float) -> Reply:
        """The next message. `stray` is called with lines that are none; they do not extend the deadline. Raises Ended."""
        try:
            async with asyncio.timeout(deadline):
                while line := await self._line():
                    try:
                        return read_reply(line)
                    except NotAMessage as error:
                        stray(f"a line on stdout that is no message ({error}): {_shown(line)}")
        except TimeoutError:
            raise Ended(CaseStatus.SILENT, f"gave no answer for {deadline:g} s") from None
        raise Ended(CaseStatus.CRASHED, await self._epitaph())

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.readline()
        except ValueError:
            raise Ended(CaseStatus.CRASHED, f"wrote a line of more than {MAX_LINE} bytes") from None

    async def _epitaph(self) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await asyncio.shield(self._listening)
                await self._exit()
        status = self._process.returncode
        if status is None:
            how = "closed its output"
        elif status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        else:
            how = f"exited with status {status}"
        said = self._stderr.decode(errors="replace").strip()
        return f"{how}; stderr: {said}" if said else how

    async def _exit(self) -> None:
        """Wait for the process alone; asyncio's own `wait` waits for all that hold its pipes, too."""
        while self._process.returncode is None:
            await asyncio.sleep(LOOK_SECONDS / 20)

    async def _end_with_the_process(self) -> None:
        """End the output when the process has: one of its children may live on and hold the pipe."""
        await self._exit()
        await asyncio.sleep(LOOK_SECONDS)  # what it wrote last is in the pipe
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None and not stream.at_eof():
                stream.feed_eof()

    async def _keep_stderr(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(STDERR_KEPT):
            self._stderr = (self._stderr + chunk)[-STDERR_KEPT:]


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    return text if len(text) <= 160 else text[:160] + " ..."
