"""The sender that is judged, as a subject of the kit: asked for one round after another, killed, and started anew."""

import asyncio
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from flk.conformance.delivery.judge import Round
from flk.conformance.delivery.script import Script
from flk.conformance.drafts.mutations import Fields
from flk.conformance.operations.delivery import NAME as OPERATION
from flk.conformance.operations.delivery import Told
from flk.conformance.sdk.driver import KIT
from flk.conformance.sdk.protocol import Run, Subject, Value, write
from flk.conformance.sdk.session import Answer, Ended, Launch, Session
from flk.model.record.canonical import Profile
from flk.spec.errors import UnusableInput

TIMEOUT_SECONDS = 3.0
"""Of one request, as the sender is asked to have it."""
NO_VALUE = "a round ends with a value of acknowledged, dead, postponed and letters"
SECRET = b"of the scripted server"
TENANT = "default"
PROFILE = Profile.JUDGED


class NoRound(Exception):
    """The sender answered, and not with what a round comes to."""


class Sender:
    """A command, and the process of it that is asked now. A round may take `deadline` seconds."""

    def __init__(self, launch: Launch, deadline: float) -> None:
        self.launch = launch
        self.subject: Subject | None = None
        """What it says of itself, from the first round on."""
        self.remarks: list[str] = []
        self._deadline = deadline
        self._session: Session | None = None
        self._asked = 0
        self._told: Told | str | None = None

    async def round(self, script: Script, directory: Path, records: Sequence[Fields]) -> Round:
        """One round, of these records and what the outbox holds. The script may have the sender killed. Raises Ended, NoRound."""
        before = len(script.events)
        session = await self._running()
        self._asked += 1
        self._told = None
        question = {
            "url": script.url,
            "clock": f"{script.url}/clock",
            "outbox": str(directory / "outbox"),
            "tenant": TENANT,
            "key": {"algorithm": "hmac-sha256", "secret": SECRET},
            "profile": PROFILE,
            "timeout": TIMEOUT_SECONDS,
            "records": records,
        }
        run = Run(self._asked, OPERATION, msgspec.Raw(msgspec.json.encode(question)))
        script.killing.clear()
        asking = asyncio.create_task(session.ask([run], 1, self._answered))
        killing = asyncio.create_task(script.killing.wait())
        await asyncio.wait([asking, killing], return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            asking.cancel()
            await self.kill()
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        if isinstance(self._told, str):
            raise NoRound(self._told)
        return Round(tuple(script.events[before:]), self._told)

    def _answered(self, _: int, answer: Answer) -> None:
        try:
            self._told = msgspec.json.decode(answer.value, type=Told) if isinstance(answer, Value) else NO_VALUE
        except msgspec.ValidationError as error:
            self._told = f"{NO_VALUE} ({error})"
        if isinstance(self._told, str):
            self._told += f"; there came {write(answer).decode().strip()}"

    async def _running(self) -> Session:
        """The process that is asked, a new one if there is none. Raises UnusableInput if it cannot be talked to."""
        if self._session is None:
            self._session = await Session(self.launch, self._deadline, self.remark).__aenter__()
            try:
                subject = await self._session.greet(KIT)
            except Ended as end:
                if self.subject is not None:
                    raise
                raise UnusableInput(
                    f"{shlex.join(self.launch.words)}: no hello came back: the command {end.detail}"
                ) from None
            if OPERATION not in subject.operations:
                raise UnusableInput(
                    f"{shlex.join(self.launch.words)}: does not offer the operation {OPERATION}; see conformance/PROTOCOL.md"
                )
            self.subject = subject
        return self._session

    async def part(self) -> None:
        """Take leave of the process, if there is one."""
        if self._session is not None:
            await self._session.part()

    async def kill(self) -> None:
        """Kill the process that is asked, as a machine that fails does."""
        session, self._session = self._session, None
        if session is not None:
            await session.__aexit__(None, None, None)

    def remark(self, remark: str) -> None:
        """Note what the report tells beside results, once."""
        if remark not in self.remarks:
            self.remarks.append(remark)
