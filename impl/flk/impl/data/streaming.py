"""A stream of an audit log to a SIEM: the receiver over HTTP, and on disk how far the stream is (SIEM-*).

STATE               the log and the receiver, and how many leaves are behind the stream: JSON
STATE.refused       events that the receiver does not take, a line for each refusal: JSON
"""

import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from flk.impl.data.transparency import Log
from flk.impl.http.patience import retry_after
from flk.impl.http.trust import Trust
from flk.impl.storage.record import replace_whole
from flk.impl.storage.trouble import usable
from flk.model.effects import Draw, Effect, Sleep
from flk.model.effects.siem import Behind, MoveOn, NoteRefused, Tell
from flk.model.flow.submission import Response
from flk.model.programs.stream import Streamed, stream
from flk.model.refusal import Unavailable
from flk.model.siem.targets import Target, request
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

_MOST_BYTES = 1 << 20  # of an answer; it is about a hundred events


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    log: str
    receiver: str
    behind: int = 0


class State:
    """How far a stream is, durably. One stream at a time has it open. Raises UnusableInput for a file of another stream."""

    def __init__(self, path: Path, log: str, receiver: str) -> None:
        self._path = path
        self._refused = path.with_name(f"{path.name}.refused")
        self._state = _State(log, receiver)
        if path.exists():
            try:
                there = msgspec.json.decode(path.read_bytes(), type=_State)
            except msgspec.DecodeError as error:
                raise UnusableInput(f"{path}: it is not what a stream has kept: {error}; name another file") from None
            if (there.log, there.receiver) != (log, receiver):
                raise UnusableInput(
                    f"{path}: it is of the stream of {there.log} to {there.receiver}; name another file, or begin anew without it"
                )
            self._state = there

    @property
    def behind(self) -> int:
        """How many leaves are behind the stream."""
        return self._state.behind

    def move_on(self, leaves: int) -> None:
        """Let so many be behind it, durably."""
        self._state = msgspec.structs.replace(self._state, behind=leaves)
        with usable(self._path):
            replace_whole(self._path, msgspec.json.encode(self._state))

    def note(self, effect: NoteRefused) -> None:
        """Note refusals, durably, one to a line: a line that a crash tore is the last one."""
        lines = [
            msgspec.json.encode(
                {
                    "log": refusal.events[0].log,
                    "first": refusal.events[0].sequence,
                    "last": refusal.events[-1].sequence,
                    "refused": refusal.many,
                    "reason": refusal.reason,
                }
            )
            for refusal in effect.refused
        ]
        with usable(self._refused):
            fd = os.open(self._refused, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(fd, b"".join(line + b"\n" for line in lines))
                os.fsync(fd)
            finally:
                os.close(fd)


@contextmanager
def kept_in(path: Path, log: str, receiver: str) -> Iterator[State]:
    """The state of a stream, which nobody else has. Raises UnusableInput."""
    with usable(path):
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnusableInput(f"{path}: another process streams from here; stop it, or name another file") from None
        with usable(path):
            yield State(path, log, receiver)
    finally:
        os.close(lock)


class Receiver:
    """A SIEM at an endpoint. Raises UnusableInput unless that is a URL of HTTP.

    Messages name its host alone: some receivers know their senders by a path, which is a secret then.
    """

    def __init__(self, target: Target, endpoint: str, secret: str, trust: Trust) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise UnusableInput(
                f"--endpoint: {endpoint!r} is no URL of HTTP; it is like https://siem.example:8088/services/collector"
            )
        try:
            parts = httpx.URL(endpoint)
        except httpx.InvalidURL as error:
            raise UnusableInput(f"--endpoint: not a URL of HTTP ({error}); fix: https://siem.example:8088/…") from None
        self._host = f"{parts.scheme}://{parts.netloc.decode()}"
        self._trouble = ""
        self._target = target
        self._endpoint = endpoint.rstrip("/")
        self._secret = secret
        self._http = httpx.Client(
            verify=trust.context(),
            timeout=CONSTANTS.siem.timeout_seconds,
            trust_env=False,  # neither a proxy nor a name and password from files that nobody named
            follow_redirects=False,
        )

    def tell(self, effect: Tell) -> Response | None:
        """Send events; None if no answer came."""
        sent = request(self._target, effect.events, self._secret)
        self._trouble = ""
        try:
            with self._http.stream(
                "POST", self._endpoint + sent.path, headers=sent.headers, content=sent.body
            ) as answer:
                body = b""
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        self._trouble = f"an answer of more than {_MOST_BYTES:,} bytes"
                        return None
        except httpx.HTTPError as error:
            self._trouble = str(error) or type(error).__name__
            return None
        return Response(answer.status_code, body, retry_after(answer.headers.get("retry-after"), time.time()))

    def _named(self, streamed: Streamed) -> Streamed:
        """With the host that takes nothing, and what came in the place of an answer."""
        if not streamed.waits:
            return streamed
        why = f" ({self._trouble})" if self._trouble else ""
        return streamed._replace(waits=f"{self._host}: {streamed.waits}{why}")

    def passes(self, log: Log, state: State, every: float | None) -> Iterator[Streamed]:
        """A pass over the log, or one every so many seconds until somebody interrupts. Raises BadLog, BadNote, UnusableInput; a
        single one also Unavailable.
        """
        own: dict[type[Effect[Any]], Callable[[Any], Any]] = {
            Tell: self.tell,
            Behind: lambda _: state.behind,
            MoveOn: lambda effect: state.move_on(effect.leaves),
            NoteRefused: state.note,
            Draw: lambda _: random.random(),
            Sleep: lambda effect: time.sleep(effect.seconds),
        }
        with self._http:
            while True:
                try:
                    checkpoint, _ = log.checkpoint()
                    yield self._named(log.run(stream("", checkpoint, self._target), own))
                except Unavailable as away:
                    if every is None:
                        raise
                    yield Streamed(state.behind, 0, 0, away.detail)
                if every is None:
                    return
                time.sleep(every)


def secret_in(path: Path) -> str:
    """The only line of a file. Raises UnusableInput."""
    with usable(path):
        secret = path.read_text().strip()
    if not secret or not secret.isprintable():
        raise UnusableInput(f"{path}: it has no secret, or more than one line; fix: the token alone")
    return secret
