"""A node's trace: one JSON line for each effect that a program asked for, with its result. It names keys and digests, never
payloads (OBS-2). The page `guides/traces.md` of the documentation is its format; `flk validate` follows it through a protocol.

Each line is written at once, whole: a process that is killed leaves every effect that it knew to be over.
"""

import itertools
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from flk.model.effects import Append, Effect, Program
from flk.model.flow.submission import from_payload
from flk.model.log.frames import region_of
from flk.model.log.hlc import Timestamp
from flk.model.programs.examine import Examine
from flk.model.protocol_events import summary
from flk.model.protocol_events.observation import BEGIN, LATEST, as_begun, as_told
from flk.model.refusal import Refused, Unavailable
from flk.model.runtime import Perform
from flk.spec.errors import UnusableInput


class Run(NamedTuple):
    """One run of a program: its number, and the program's name."""

    number: int
    kind: str


NODE = Run(0, "node")
INGEST = "ingest"
FORMAT = 3


class Runs:
    """Numbers the runs of one process."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def begin(self, program: Program[object]) -> Run:
        """The next run, of this program."""
        return Run(next(self._numbers), getattr(program, "__name__", type(program).__name__))


class Untraced:
    """Records nothing."""

    def record(self, run: Run, effect: Effect[object], began: int, result: object) -> None:
        """One effect, begun at `began` (wall time in nanoseconds) and over now, and its result or the refusal it met."""

    def end(self, run: Run, result: object) -> None:
        """A program returned a result, or was ended by an exception."""

    def told_latest(self, began: int, latest: Timestamp | Unavailable) -> None:
        """The store of the region told the latest timestamp that it knows, or did not answer."""

    def begin_segment(self, segment: str, since: Timestamp) -> None:
        """The node opened a segment, for the frames from a timestamp on."""

    def around(self, perform: Perform, run: Run) -> Perform:
        """`perform`, with every effect and its result or refusal recorded."""
        del run
        return perform

    def close(self) -> None:
        """Release the file, if there is one."""


class Trace(Untraced):
    """Writes to a file, which it extends if it exists. Raises UnusableInput if that cannot be opened.

    With `examine` it is told of each submission that is logged whether it is signed; with `salt_of`, which frames are valid in a
    segment whose beginning is damaged. Any thread may record: a line is one write at the file's end.
    """

    def __init__(
        self,
        path: Path,
        node: str,
        examine: Examine | None = None,
        salt_of: summary.SaltOf = summary.no_salt,
    ) -> None:
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise UnusableInput(f"{path}: the trace cannot be written: {error.strerror}; name another file") from None
        self._node = node
        self._examine = examine
        self._lines = 0
        self._salt_of = salt_of
        self._writing = threading.Lock()
        self._write(NODE, "Start", time.time_ns(), {"format": FORMAT}, None)

    def record(self, run: Run, effect: Effect[object], began: int, result: object) -> None:
        """One effect, as a line."""
        fields = summary.fields(effect)
        if self._examine and run.kind == INGEST and isinstance(effect, Append) and isinstance(result, int):
            signed = _is_signed(self._examine, effect, Timestamp(result), self._node)
            fields["payload"] = {**summary.payload(effect.payload), "signed": signed}
        self._write(run, type(effect).__name__, began, fields, summary.result(effect, result, self._salt_of))

    def end(self, run: Run, result: object) -> None:
        """The end of a program, as a line."""
        self._write(run, "End", time.time_ns(), {}, summary.summarised(result))

    def told_latest(self, began: int, latest: Timestamp | Unavailable) -> None:
        """That, as a line of the node's own."""
        self._write(NODE, LATEST, began, {}, as_told(latest))

    def begin_segment(self, segment: str, since: Timestamp) -> None:
        """That, as a line of the node's own."""
        self._write(NODE, BEGIN, time.time_ns(), as_begun(segment, since), None)

    def around(self, perform: Perform, run: Run) -> Perform:
        """`perform`, with a line written for every effect."""

        def traced(effect: Effect[object]) -> Any:
            began = time.time_ns()
            try:
                result = perform(effect)
            except Refused as refusal:
                self.record(run, effect, began, refusal)
                raise
            self.record(run, effect, began, result)
            return result

        return traced

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _write(self, run: Run, effect: str, began: int, fields: dict[str, object], result: object) -> None:
        line = {"node": self._node, "program": run.number, "kind": run.kind, "effect": effect, "began": began}
        told = line | {"ended": time.time_ns()} | fields | {"result": result}
        with self._writing:
            self._lines += 1
            self._file.write(msgspec.json.encode({"line": self._lines} | told) + b"\n")


def _is_signed(examine: Examine, effect: Append, timestamp: Timestamp, log: str) -> bool:
    """Whether a key signed what was logged then; what cannot be read, nobody did."""
    try:
        examine(from_payload(effect.payload), timestamp, region_of(f"{log}/"))
    except Refused:
        return False
    return True
