"""`flk bench hostile`: what strangers try on a live server, what they get for it, and what it costs everybody else.

The strangers come from one address. Meanwhile a probe asks for `/health` from another, over a new connection each time, and after
each attempt an honest record from there must be accepted.
"""

import http.client
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import msgspec

from flk.impl.bench.attempts import ATTEMPTS, Attempt
from flk.impl.bench.records import distinct, submission
from flk.impl.bench.turns import SECRET, Bar, processor_seconds
from flk.impl.server.process import ServerProcess, key_file, server_process
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.flow.submission import Submission
from flk.model.record.signing import HmacKey
from flk.spec.verdict import Verdict

HONEST = "127.0.0.2"  # an address of loopback, and not the strangers'
STALL_BAR, MEMORY_BAR = 0.5, 128e6  # seconds, and bytes beside those that the server has before


class Row(msgspec.Struct, frozen=True):
    """An attempt: bytes sent, answers by status; of the server its processor's seconds, its memory's peak beside what it had
    before, what the log took, in bytes, the longest wait for /health in seconds, the most that its event loop worked during one
    (which a busy machine does not lengthen), how many of these waits were in vain, and whether an honest record was accepted
    afterwards.
    """

    name: str
    sent: int
    answers: dict[str, int]
    processor: float
    memory: int
    logged: int
    stall: float
    work: float
    unanswered: int
    served: bool

    @property
    def verdict(self) -> Verdict:
        """Whether the others were served."""
        return Verdict.HOLDS if self.served and not self.unanswered else Verdict.VIOLATED


def measure(
    scale: float = 1.0,
    attempts: Sequence[Attempt] = ATTEMPTS,
    on_progress: Callable[[str], None] = lambda _: None,
    options: Sequence[str] = (),
) -> Iterator[Row]:
    """A row for each attempt. Attempts for which the server may open equally many files share a server."""
    records = distinct()
    for nofile, group in groupby(attempts, lambda attempt: attempt.nofile):
        with TemporaryDirectory() as directory, ExitStack() as stack:
            home = Path(directory)
            server = stack.enter_context(server_process(home / "data", key_file(home, SECRET), options, nofile=nofile))
            for attempt in group:
                on_progress(attempt.name)
                yield measured(
                    attempt, scale, server, home / "data", lambda: submission(next(records), HmacKey(SECRET.encode()))
                )


def bars(rows: Sequence[Row]) -> tuple[Bar, ...]:
    """What all attempts together must keep to."""
    stall = max(row.stall for row in rows)
    memory = max(row.memory for row in rows)
    lost = sum(not row.served for row in rows)
    return (
        Bar("an honest record accepted after each attempt", f"{len(rows) - lost} of {len(rows)}", not lost),
        Bar(f"/health within {STALL_BAR:g} s, always", f"{stall:.2f} s", stall <= STALL_BAR),
        Bar(f"at most {MEMORY_BAR / 1e6:g} MB of memory for it", f"{memory / 1e6:.0f} MB", memory <= MEMORY_BAR),
    )


def fresh() -> Submission:
    """An honest submission, under a key file of this benchmark."""
    return submission(next(distinct()), HmacKey(SECRET.encode()))


def measured(
    attempt: Attempt, scale: float, server: ServerProcess, data: Path, record: Callable[[], Submission] = fresh
) -> Row:
    """An attempt on a running server, whose log is in `data`."""
    port, pid = urlsplit(server.url).port or 0, server.process.pid
    _forget_peak(pid)
    memory, processor, logged = memory_of(pid), processor_seconds(pid), _log_bytes(data)
    with _probed(port, pid) as result:
        made = attempt.run(port, scale)
    stall, work, unanswered, _ = result()
    gone = server.process.poll() is not None
    return Row(
        attempt.name,
        made.sent,
        dict(sorted(made.answers.items())),
        0.0 if gone else processor_seconds(pid) - processor,
        0 if gone else memory_of(pid, "VmHWM") - memory,
        _log_bytes(data) - logged,
        stall,
        work,
        unanswered,
        not gone and _accepted(port, record()),
    )


@contextmanager
def _probed(port: int, pid: int) -> Iterator[Callable[[], tuple[float, float, int, int]]]:
    """A probe asks meanwhile; call the result afterwards for the longest wait, the most work of the server's loop during one, and
    how many of how many were in vain.
    """
    probe = subprocess.Popen(  # noqa: S603 - the command is our own
        [sys.executable, "-m", "flk.impl.bench.probe", str(port), HONEST, str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert probe.stdout is not None
    probe.stdout.readline()

    def result() -> tuple[float, float, int, int]:
        longest, most, unanswered, asked = probe.communicate()[0].split()
        return float(longest), float(most), int(unanswered), int(asked)

    try:
        yield result
    finally:
        if probe.stdin is not None and not probe.stdin.closed:
            probe.stdin.flush()


def _accepted(port: int, sent: Submission) -> bool:
    """Whether the server stores an honest record of another address."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(HONEST, 0))
    try:
        connection.request("POST", SUBMIT_PATH, sent.body, {"X-Tenant-Id": sent.tenant})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def memory_of(pid: int, which: str = "VmRSS") -> int:
    """Bytes of a process: `VmRSS` now, `VmHWM` at its peak (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == which:
            return int(value.split()[0]) * 1024
    return 0


def _forget_peak(pid: int) -> None:
    """Let the peak begin anew (Linux, proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _log_bytes(data: Path) -> int:
    """What the log takes on the disk."""
    return sum(path.stat().st_size for path in data.glob("*/*.wal"))
