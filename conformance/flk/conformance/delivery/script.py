"""The scripted server: it plays a scenario's answers to whoever posts, and notes what comes. It keeps the simulated clock, too."""

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

from flk.conformance.delivery.answers import ANOTHER_ID, HONEST, Answer, Manner
from flk.conformance.delivery.scenarios import Scenario
from flk.model.flow.answers import BATCH_PATH, SUBMIT_PATH
from flk.model.record.record import Pcs, decode
from flk.model.refusal import Refused

MOST_HEAD = 1 << 16
MOST_BODY = 1 << 21
MOST_ENDLESS = 1 << 26
"""Bytes of an answer without end: by then whoever has not gone is held to read on for ever."""
MOST_ATTEMPTS = 40
"""Of one record in a scenario. No script needs as many."""
FOR_PAGES = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Expose-Headers", "Retry-After"),
)
"""Fields by which browsers let pages ask the script and read its answers, as a node's operator may have it (HTTP-11)."""


class Attempt(NamedTuple):
    """A post: whose record it was, how it came, what was answered, and the moments at which it came and was answered."""

    pcs_id: str
    tenant: str
    body: bytes
    answer: Answer
    came: float
    answered: float


class Pause(NamedTuple):
    """A pause that the sender took on the simulated clock, and before which record's next attempt, if it says so."""

    seconds: float
    pcs_id: str = ""


Event: TypeAlias = Attempt | Pause


class Script:
    """A server that plays one scenario, from `async with` on. `events` are what came, in order."""

    def __init__(self, scenario: Scenario, records: Iterable[Pcs]) -> None:
        self._scenario = scenario
        self._records = tuple(records)
        self.events: list[Event] = []
        self.malformed: list[Refused] = []
        """Why bodies that came are no records."""
        self.remarks: list[str] = []
        self.killing = asyncio.Event()
        """Set when the sender is to be killed: the script says so, or it will not stop by itself."""
        self.runs_away = False
        self._attempts: Counter[str] = Counter()
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MOST_HEAD)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._serving.values():
            writer.transport.abort()
        await asyncio.gather(*self._serving)

    def play(self, scenario: Scenario) -> None:
        """Play that from here on, from its first answers."""
        self._scenario = scenario
        self._attempts.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                while await self._one(reader, writer):
                    pass
        finally:
            writer.close()
            del self._serving[task]

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request. Whether another may come."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.rstrip().split("\r\n")
        method, target, _ = request.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _body(reader, headers)
        parts = urlsplit(target)
        if method == "OPTIONS":  # a browser asks whether a page may post
            writer.write(_written(200, b""))
            return True
        if method == "POST" and parts.path == SUBMIT_PATH:
            return await self._submitted(reader, writer, headers.get("x-tenant-id", ""), body)
        if method == "POST" and parts.path == BATCH_PATH:
            return await self._submitted_together(reader, writer, headers.get("x-tenant-id", ""), body)
        if parts.path == "/clock":
            return self._paused(writer, parse_qs(parts.query))
        writer.write(_written(404, b"<p>Nothing is here."))
        return True

    def _paused(self, writer: asyncio.StreamWriter, query: Mapping[str, Sequence[str]]) -> bool:
        text, pcs_id = (query.get(name, [""])[0] for name in ("seconds", "pcs_id"))
        try:
            self.events.append(Pause(float(text.replace(" ", "+")), pcs_id))  # of an exponent that was not escaped
        except ValueError:
            self.remarks.append(f"the clock was asked for a pause of {text[:80]!r} seconds")
        writer.write(_written(200, b"{}"))
        return True

    async def _submitted(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tenant: str, body: bytes
    ) -> bool:
        came = monotonic()
        try:
            record = decode(body)
        except Refused as refusal:
            self.malformed.append(refusal)
            writer.write(
                _written(400, json.dumps({"error": str(refusal), "requirement": refusal.requirement}).encode())
            )
            return True
        answer = self._next(record)
        status, said = answer.make(record)
        attempt = Attempt(record.pcs_id, tenant, body, answer, came, came)
        return await self._answered(reader, writer, answer.manner, _written(status, said, answer.headers()), [attempt])

    async def _submitted_together(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tenant: str, body: bytes
    ) -> bool:
        """A batch: the answer of each record on a line of its own, or that of one for all, if it is none that a line can give."""
        came = monotonic()
        bodies = body.removesuffix(b"\n").split(b"\n")
        records = [decode(each) for each in bodies]
        answers = [self._next(record) for record in records]
        whole = next(((a, r) for a, r in zip(answers, records, strict=True) if not _fits_line(a)), None)
        if whole is None:
            lines = b"".join(map(_line, answers, records))
            manner, written = Manner.WHOLE, _written(200, lines)
        else:
            (answer, of), answers = whole, [whole[0]] * len(records)
            manner, written = answer.manner, _written(*answer.make(of), answer.headers())
        given = zip(records, bodies, answers, strict=True)
        attempts = [Attempt(record.pcs_id, tenant, each, answer, came, came) for record, each, answer in given]
        return await self._answered(reader, writer, manner, written, attempts)

    async def _answered(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        manner: Manner,
        written: bytes,
        attempts: Sequence[Attempt],
    ) -> bool:
        """Note the attempts of a request while it is answered. Whether another may come over the connection."""
        place = len(self.events)
        self.events += attempts
        keeps = await self._give(manner, reader, writer, written)
        with suppress(ConnectionError):
            await writer.drain()
        answered = monotonic()
        self.events[place : place + len(attempts)] = [attempt._replace(answered=answered) for attempt in attempts]
        return keeps

    def _next(self, record: Pcs) -> Answer:
        """The answer to the next attempt of a record."""
        number = self._attempts[record.pcs_id]
        self._attempts[record.pcs_id] += 1
        if number >= MOST_ATTEMPTS:
            self.runs_away = True
            self.killing.set()
        if self._scenario.exchanged and number == 0:
            other = next((one for one in self._records if one.pcs_id != record.pcs_id), record)
            return ANOTHER_ID._replace(make=lambda _: HONEST.make(other))
        answers = self._scenario.answers
        return answers[number] if number < len(answers) else HONEST

    async def _give(
        self, manner: Manner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, written: bytes
    ) -> bool:
        """Answer in a manner. Whether another request may come over the connection."""
        match manner:
            case Manner.WHOLE:
                writer.write(written)
                return True
            case Manner.CUT:
                writer.write(written[: (len(written) + written.index(b"\r\n\r\n")) // 2])
            case Manner.ENDLESS:
                await _endless(writer, written)
            case Manner.SILENT:
                await reader.read(1)  # until the sender goes
            case Manner.KILLS:
                self.killing.set()
                await reader.read(1)
            case Manner.RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            case Manner.HUNG_UP:
                pass
        return False


def _fits_line(answer: Answer) -> bool:
    """Whether a line of a batch's answer can say it: one that arrives, and that asks to wait for seconds if at all."""
    return answer.manner is Manner.WHOLE and all(value.isdigit() for _, value in answer.headers())


def _line(answer: Answer, record: Pcs) -> bytes:
    """What a line of a batch's answer says to a record; a page is text."""
    status, said = answer.make(record)
    body = said if said[:1] == b"{" else json.dumps(said.decode("latin-1")).encode()
    asked = "".join(f',"retry_after":{value}' for _, value in answer.headers())
    return b'{"status":%d,"body":%b%b}\n' % (status, body, asked.encode())


async def _endless(writer: asyncio.StreamWriter, written: bytes) -> None:
    """A body of no announced length that does not end."""
    head, _, body = written.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    writer.write(b"\r\n".join([*lines, b"Connection: close", b"", body]))
    for _ in range(MOST_ENDLESS // MOST_HEAD):
        writer.write(b" " * MOST_HEAD)
        await writer.drain()


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """The body of a request, announced or chunked. Raises ValueError for one that is too large or not to be read."""
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.readexactly(min(int(headers.get("content-length", "0")), MOST_BODY))
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        if len(body) + size > MOST_BODY:
            raise ValueError
        body += await reader.readexactly(size)
        await reader.readline()
    while (await reader.readline()).strip():
        pass
    return body


def _written(status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """An answer as it goes over the wire."""
    kind = "application/json" if body[:1] == b"{" else "text/html"
    fields = [("Content-Type", kind), ("Content-Length", str(len(body))), *headers, *FOR_PAGES]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode("latin-1") + body
