"""The processes of a drill's regions: started, killed, stopped and continued; and what becomes of their disks meanwhile."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep

from flk.impl.drill.plan import Wound
from flk.impl.http.patience import retry_after
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import data, salt_of, scan
from flk.spec.errors import UnusableInput

PROBE = 2.0  # seconds that a question for readiness may take
PAGE = 512  # bytes of a page of zeros: fewer than a file system's, as the segments of drills are small
STARTS = 60.0
_LISTENING = "listening on http://127.0.0.1:"


def ready(port: int, timeout: float = PROBE) -> bool:
    """Whether a node behind a port of loopback says that it takes records (OBS-3)."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def posted(port: int, submission: Submission, timeout: float) -> Response | None:
    """What the node behind a port of loopback answers to a submission, over a connection of its own; None if there is no answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    headers = {"Content-Type": "application/json", "X-Tenant-Id": submission.tenant}
    try:
        connection.request("POST", SUBMIT_PATH, submission.body, headers)
        answer = connection.getresponse()
        return Response(answer.status, answer.read(), retry_after(answer.getheader("Retry-After"), time.time()))
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


class Node:
    """The node of one region: a directory, and a process, None while it is down. `port` is where it listens, 0 while it
    does not.

    Each disk of the region has a trace of its own; `traces` are all of them. `said` is what the last process printed. Files are
    named by `name`, which is the region's unless that has several nodes. `options` count from the next start on.
    """

    def __init__(
        self, region: str, home: Path, options: Sequence[str], environment: Mapping[str, str], name: str = ""
    ) -> None:
        self.region = region
        self.options = options
        self.port = 0
        self.traces: list[Path] = []
        self.said: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._home = home
        self._name = name or region
        self._environment = dict(environment)
        self._log = (home / f"{self._name}.log").open("ab")
        self._disk = 1
        self._reader: threading.Thread | None = None

    @property
    def data(self) -> Path:
        """The data directory of the region's disk."""
        return self._home / f"{self._name}-{self._disk}"

    @property
    def ended(self) -> int | None:
        """The exit code of a process that ended by itself; None if it runs, or was killed."""
        return None if self.process is None else self.process.poll()

    @property
    def is_down(self) -> bool:
        """Whether there is no process."""
        return self.process is None

    def start(self, accept: Sequence[str] = ()) -> None:
        """Start a process on the disk; `ready` says when it takes records."""
        trace = self._home / f"{self._name}-{self._disk}.jsonl"
        if trace not in self.traces:
            self.traces.append(trace)
        accepted = [word for segment in accept for word in ("--accept-loss", segment)]
        command = [sys.executable, "-m", "flk.impl.command", "serve", "--data", str(self.data), "--trace", str(trace)]
        self.process = subprocess.Popen(  # noqa: S603 - the command is our own
            [*command, "--region", self.region, "--port", "0", *self.options, *accepted],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._environment,
            text=True,
            start_new_session=True,
        )
        self.said = []
        self._reader = threading.Thread(target=self._read, args=(self.process, self.said), daemon=True)
        self._reader.start()

    def await_ready(self, seconds: float = STARTS) -> None:
        """Return when the node takes records for the first time. Raises UnusableInput if it ends before, or takes too long."""
        until = monotonic() + seconds
        while not (self.port and ready(self.port)):
            if self.ended is not None or monotonic() > until:
                said = "; ".join(self.said) or f"see {self._log.name}"
                raise UnusableInput(f"the node of {self.region} did not start: {said}")
            sleep(0.02)

    def kill(self) -> None:
        """End the process at once (SIGKILL), and return when it has ended."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._join()
            self.process, self.port = None, 0

    def kill_process(self) -> None:
        """As `kill`: there is no other."""
        self.kill()

    def lose_disk(self) -> None:
        """Remove the data directory of a node that is down; the next start is on a new disk."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._disk += 1

    def stall(self) -> None:
        """Stop the process where it is."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a process that was stopped go on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def stop(self, seconds: float = STARTS) -> int:
        """End the process in order (SIGTERM), and return its exit code; that of SIGKILL if it takes too long."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._join()
        self.process = None
        return code

    def close(self) -> None:
        """Leave no process and no open file behind, whatever happened."""
        self.kill()
        self._log.close()

    def wound(self, wound: Wound, which: float, where: float) -> str:
        """Do that to one segment of the log that holds frames, while the node is down; its name, or nothing if there is none."""
        paths = sorted(self.data.glob(f"{self.region}.*/*.wal"))
        held = [path for path in paths if scan(path.read_bytes()).frames]
        if not held:
            return ""
        place = int(which * len(held))
        path, other = held[place], held[place - 1]
        content = path.read_bytes()
        if wound is Wound.MISSING or (wound is Wound.COPIED and other == path):
            path.unlink()
        elif wound is Wound.COPIED:
            path.write_bytes(other.read_bytes())
        elif wound is Wound.CUT:
            salt = salt_of(content)
            starts = [content.index(data(frame, salt)) for frame in scan(content).frames]
            path.write_bytes(content[: starts[int(where * len(starts))]])
        else:
            page = int(where * len(content)) // PAGE * PAGE
            path.write_bytes(content[:page] + bytes(len(content[page : page + PAGE])) + content[page + PAGE :])
        return f"{path.parent.name}/{path.stem}"

    def _read(self, process: "subprocess.Popen[str]", said: list[str]) -> None:
        """Take down what a process prints until it ends: a pipe that nobody reads would stop it."""
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                said.append(line.rstrip())
                if line.startswith(_LISTENING):
                    self.port = int(line.removeprefix(_LISTENING))

    def _join(self) -> None:
        if self._reader is not None:
            self._reader.join()
