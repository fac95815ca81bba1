"""Trying one mutant: a forked process that runs checks, bounded in memory and in time, and what its parent makes of its end."""

import faulthandler
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from time import monotonic

import msgspec

from flk.formal.mutation.check import Check, Finding, Outcome, killed
from flk.formal.mutation.mutant import Mutant


@dataclass(frozen=True)
class Limits:
    """What one check of one mutant may use.

    `memory` is bytes of address space. A check may take `factor` times what it takes of the original, and `least` seconds at least:
    of the processor, and `patience` times as many on the clock. What takes longer hangs.
    """

    memory: int = 6 * 2**30
    factor: float = 10.0
    least: float = 20.0
    patience: float = 15.0

    def seconds(self, original: float) -> float:
        """The seconds of the processor for a check that takes so many of the original."""
        return max(self.least, self.factor * original)


class Began(msgspec.Struct, frozen=True):
    """A process tells its parent which check it begins."""

    check: int


Message = Began | tuple[int, Finding]
OnFinding = Callable[[int, Finding], None]


class Trial:
    """A process that runs `checks` on the mutant in turn until one kills it, or all (`every`).

    Findings are handed to `on_finding` as they come, with the check's position.
    """

    def __init__(
        self,
        mutant: Mutant,
        checks: Sequence[Check],
        allowed: Mapping[str, float],
        limits: Limits,
        on_finding: OnFinding,
        *,
        every: bool = False,
    ) -> None:
        self.mutant, self.checks = mutant, checks
        self._allowed, self._limits, self._on_finding, self._every = allowed, limits, on_finding, every
        self._deadline, self._late = monotonic(), False
        self._start(0)

    def _start(self, first: int) -> None:
        context = get_context("fork")
        self.connection, theirs = context.Pipe(duplex=False)
        self._at, self._ended = first, False
        self._begin(first)
        arguments = (theirs, self.mutant, self.checks, first, self._seconds, self._limits.memory, self._every)
        self._process: ForkProcess = context.Process(target=_run, args=arguments)
        self._process.start()
        theirs.close()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended

    def receive(self) -> None:
        """Take what the process said, or see how it ended. Call it when the connection is ready."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError):
            self._die()
            return
        if isinstance(message, Began):
            self._begin(message.check)
        else:
            position, finding = message
            self._tell(position, finding)

    def overdue(self) -> bool:
        """Whether the clock has run out; the process is stopped then, which `receive` will see."""
        if monotonic() < self._deadline:
            return False
        self._late = True
        self.stop()
        return True

    def stop(self) -> None:
        """Kill the process and all that it started."""
        if self._process.pid is not None and self._process.is_alive():
            for end in (os.killpg, os.kill):
                try:
                    end(self._process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def _begin(self, check: int) -> None:
        self._at, self._late = check, False
        self._deadline = monotonic() + self._limits.patience * self._seconds(self.checks[check].name)

    def _seconds(self, check: str) -> float:
        return self._limits.seconds(self._allowed.get(check, 0.0))

    def _tell(self, position: int, finding: Finding) -> None:
        self._on_finding(position, finding)
        last = position + 1 == len(self.checks) or (finding.outcome is Outcome.KILLED and not self._every)
        if last:
            self._close()
        else:
            self._at = position + 1

    def _die(self) -> None:
        """The process ended without an answer: that is one. If all checks were asked for, the rest get another process."""
        position = self._at
        self._close()
        self._on_finding(position, killed(self._epitaph()))
        if self._every and position + 1 < len(self.checks):
            self._start(position + 1)

    def _close(self) -> None:
        self.stop() if self._late else None
        self._process.join(5)
        self.stop()
        self._process.join()
        self.connection.close()
        self._ended = True

    def _epitaph(self) -> str:
        code, allowed = self._process.exitcode or 0, self._seconds(self.checks[self._at].name)
        if self._late:
            return f"timeout: it waits for more than {self._limits.patience * allowed:.0f} s"
        if code == -signal.SIGXCPU:
            return f"timeout: it takes more than {allowed:.0f} s of the processor"
        if code < 0:
            return f"the process dies of {signal.Signals(-code).name}"
        return f"the process ends itself with exit code {code}"


def _run(
    connection: Connection,
    mutant: Mutant,
    checks: Sequence[Check],
    first: int,
    seconds: Callable[[str], float],
    memory: int,
    every: bool,  # noqa: FBT001 (an argument of a process)
) -> None:
    """What the forked process does."""
    os.setpgid(0, 0)
    gc.freeze()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    _be_silent()
    for position in range(first, len(checks)):
        connection.send(Began(position))
        began = _used()
        _allow(seconds(checks[position].name))
        finding = _tried(checks[position], mutant)
        used = round(finding.seconds + _used() - began, 3)
        connection.send((position, msgspec.structs.replace(finding, seconds=used)))
        if finding.outcome is Outcome.KILLED and not every:
            return


def _tried(check: Check, mutant: Mutant) -> Finding:
    try:
        return check(mutant)
    except MemoryError:
        return killed("it takes more memory than it may")
    except BaseException as error:  # noqa: BLE001 (whatever a mutant raises, and even the end of the process)
        told = " ".join(str(error).split())
        return killed(f"raises {type(error).__name__}{': ' if told else ''}{told[:160]}")


def _be_silent() -> None:
    """Nothing that code under test prints gets among the output."""
    faulthandler.disable()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123 (for the life of the process)


def _allow(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, hard))


def _used() -> float:
    """Seconds of the processor, of this process and of those it waited for."""
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)
