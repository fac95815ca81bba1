"""The node's side of the process that adds to its region's audit log (TLOG-14): starts it, and runs its passes as programs."""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from flk.impl.server.integrating import Asked, Keys, Pass, Place, Raised, Told, command_of, pack
from flk.model.effects import Fetch, Program
from flk.model.programs.integrate import Added
from flk.model.refusal import Refused, unavailable
from flk.model.transparency.leaves import Fact

WAIT_SECONDS = 10.0


class Integrator:
    """A process that is started by the first pass, and anew by the next one if it ended, or if it `hurries` other than before."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._hurries = False
        self._busy = False

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return None if self._process is None else self._process.pid

    def integrate(self, keys: Keys, facts: Sequence[Fact], *, hurries: bool = False) -> Program[Added]:
        """`integrate`, in that process: what it asks of log and store is what this asks for. A pass that is left before its end
        ends the process, as a crash would. Raises as `integrate` does; Unavailable if the process ended.
        """
        if self._busy or hurries != self._hurries or (self._process is not None and self._process.poll() is not None):
            self.close()
        try:
            connection = self._connected(hurries=hurries)
            self._busy = True
            connection.send(Pass(keys, tuple(facts)))
            while isinstance(said := connection.recv(), Asked):
                connection.send((yield from self._performed(said)))
        except (EOFError, OSError) as error:
            self.close()
            raise unavailable(f"the process that writes the audit log has ended ({type(error).__name__})") from None
        self._busy = False
        if isinstance(said, Raised):
            raise said.error
        added: Added = said.result
        return added

    def close(self) -> None:
        """End the process. What it was about is done by the next."""
        if (process := self._process) is not None:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(WAIT_SECONDS)
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
        self._process = self._connection = None
        self._busy = False

    def _performed(self, asked: Asked) -> Program[Told | Raised]:
        try:
            result = yield asked.effect
        except Refused as refusal:
            return Raised(refusal)
        return Told(pack(result)) if isinstance(asked.effect, Fetch) else Told(result)

    def _connected(self, *, hurries: bool) -> "Connection[Any, Any]":
        if self._connection is not None:
            return self._connection
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  (our own)
                command_of(theirs.fileno(), hurries=hurries),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._connection, self._hurries = ours, hurries
        ours.send(self._place)
        return ours
