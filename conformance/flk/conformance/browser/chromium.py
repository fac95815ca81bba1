"""A headless Chromium of our own, asked in its DevTools protocol through two pipes. Nothing of it outlives us, however we end, but
what pages store in a profile that is to be kept.

Chromium ends when the pipe of commands closes, which the system does for a process that is killed. A shell in a process group of
its own, which whoever kills our group does not reach, waits for that and removes its directory. Until then it holds the lock of a
profile that is kept: the next browser with that profile starts when the last one is gone.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from fcntl import F_DUPFD_CLOEXEC, LOCK_EX, fcntl, flock
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Raw

from flk.spec.errors import UnusableInput

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge")
"""How the command is called, in the order in which it is looked for."""
OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
)
JANITOR = '"$@"; for n in 1 2 3 4 5 6 7 8 9; do rm -rf "$0" 2>/dev/null && break; sleep 0.5; done'
"""Its children may write a moment longer than it lives."""
PREFIX = "flk-chromium-"
FOLDERS = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""Where it would leave files, but for us."""
LONGEST = 36
"""Characters of a folder in which its sockets still have names that the system takes."""
LOG_SHOWN = 2000


class Failure(msgspec.Struct, frozen=True):
    """Why a command could not be carried out."""

    message: str


class Message(msgspec.Struct, frozen=True):
    """The result of the command `id`, or an event, which has a `method` instead."""

    id: int = 0
    method: str = ""
    params: Raw = Raw(b"{}")
    result: Raw = Raw(b"{}")
    error: Failure | None = None


class Lost(Exception):
    """Chromium ended, or did not do what it was told. Says why."""


def executable(name: str = "") -> str:
    """The path of a browser: of the one that is called so, or of the first that there is. Raises UnusableInput if there is none."""
    names = (name,) if name else NAMES
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise UnusableInput(
            f"there is no command {', '.join(names)}: install Chromium (Debian's package chromium), or name yours with --browser"
        )
    return found


class Chromium:
    """A running browser, from `with` until its end. What its pages store is kept in the folder `profile`, if there is one."""

    def __init__(self, command: str, profile: Path | None = None) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        self._asked = 0
        folder = tempfile.gettempdir()
        own = tempfile.mkdtemp(prefix=PREFIX, dir=folder if len(folder) <= LONGEST else "/tmp")  # noqa: S108
        sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium refuses to run as root with one
        words = (command, *OPTIONS, *sandbox, f"--user-data-dir={profile or own}", "about:blank")
        (its_commands, commands), (replies, its_replies) = os.pipe(), os.pipe()
        above = [fcntl(fd, F_DUPFD_CLOEXEC, 10) for fd in (its_commands, its_replies, self._log.fileno())]
        nothing = os.open(os.devnull, os.O_RDONLY)
        places = [(nothing, 0), (above[2], 1), (above[2], 2), (above[0], 3), (above[1], 4)]
        if profile is not None:
            above.append(_locked(profile))
            places.append((above[3], 5))
        self._janitor = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", JANITOR, own, *words],
            {**os.environ, **dict.fromkeys(FOLDERS, own)},
            file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for source, target in places],
            setpgroup=0,
        )
        for fd in (its_commands, its_replies, nothing, *above):
            os.close(fd)
        self._commands = os.fdopen(commands, "wb")
        self._replies = replies
        self.messages = self._said()
        """What it says, until its end; one iterator, which keeps what was read and not yet asked for."""

    def send(self, method: str, params: Mapping[str, object], session: str = "") -> int:
        """Give a command, to the browser or to the page of a session, and return its number. Raises Lost."""
        self._asked += 1
        command = {"id": self._asked, "method": method, "params": params, **({"sessionId": session} if session else {})}
        try:
            self._commands.write(msgspec.json.encode(command) + b"\0")
            self._commands.flush()
        except (OSError, ValueError):
            raise Lost(self.epitaph()) from None
        return self._asked

    def _said(self) -> Iterator[Message]:
        parts: list[bytes] = []
        while chunk := os.read(self._replies, 1 << 16):
            first, *others = chunk.split(b"\0")
            parts.append(first)
            for other in others:
                yield msgspec.json.decode(b"".join(parts), type=Message)
                parts = [other]

    def call(
        self, method: str, params: Mapping[str, object], event: Callable[[Message], None], session: str = ""
    ) -> Raw:
        """Give a command and wait for its result; `event` gets what happens meanwhile. Raises Lost."""
        number = self.send(method, params, session)
        for message in self.messages:
            if message.id == number:
                if message.error is not None:
                    raise Lost(f"{method}: {message.error.message}")
                return message.result
            event(message)
        raise Lost(self.epitaph())

    def hang_up(self) -> None:
        """Close the pipe of commands: the browser ends."""
        self._commands.close()

    def epitaph(self) -> str:
        """What is said of a browser that ended by itself."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - LOG_SHOWN))
        said = self._log.read().decode(errors="replace").strip()
        return f"the browser ended: {said}" if said else "the browser ended"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        os.close(self._replies)
        os.waitpid(self._janitor, 0)
        self._log.close()


def _locked(profile: Path) -> int:
    """A descriptor that holds the lock of a profile, once nobody else does. Raises UnusableInput if it cannot be had."""
    try:
        profile.mkdir(parents=True, exist_ok=True)
        lock = os.open(profile / "flk.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnusableInput(f"{profile}: {error.strerror}; name a folder of your own with --profile") from None
    flock(lock, LOCK_EX)
    above = fcntl(lock, F_DUPFD_CLOEXEC, 10)
    os.close(lock)
    return above
