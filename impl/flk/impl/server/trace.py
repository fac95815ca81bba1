"""A node's trace: one JSON line for each effect that a program asked for, with its result. It names keys and digests, never
payloads (OBS-2).

    {"line": 31, "node": "eu.000001", "program": 7, "kind": "ingest", "effect": "Store", "began": 1767225600000000000,
     "ended": 1767225600000200000, "claim": {"tenant": …, "pcs_id": …, "digest": …, "timestamp": …, "region": …},
     "result": {"digest": …, "timestamp": …, "region": …}}

line      number of the line, from 1 in each life of the process: a line that is missing, or stands elsewhere, shows.
node      region and disk: `eu.000001` is the first disk of region eu, and the name of its inbox.
program   number of the program's run, from 1 in each life of the process: its lines between two `Start` lines are one run.
kind      name of the program: ingest, ship, replay, recover, rotate (what they call is part of them).
effect    name of the effect (`flk.model.effects`); its fields follow by their names. Beside those there are:
          `Start`, of program 0 and kind `node`: a process began to write, so what ran before it was cut off, perhaps in mid-effect;
          its field `format` is 2 (a trace without one is of format 1, which numbers no lines and says nothing of payloads);
          `End`, whose result is what the program returned, or why it ended otherwise.
began     before the effect was performed, and
ended     after it: nanoseconds of wall time. On one machine they compare between nodes.
result    of the effect.

Lines on log and store (all effects but Admit and those on objects) stand in the order in which the effects took place, since these
exclude each other; a group commit is one line for each program in it. Effects on objects (PutObject, GetObject, ListObjects) run
beside them and took place at some moment between `began` and `ended`: only what these say orders the lines of two nodes. A Merge of
many claims may be performed in parts, each of them a line.

Values: timestamps are sixteen hexadecimal digits, whose text order is clock order; bytes are {"bytes": how many}; the payload of an
Append is {"bytes": how many, "says": {"tenant": …, "pcs_id": …, "digest": …}, "signed": true}, where `says` is null if no record
can be read in it, and `signed` false if no key of its tenant signed it: the writer of the trace finds both for itself; frames are
{"timestamp": …, "bytes": …}; keys are {"tenant": …, "pcs_id": …}; claims and entries are as above, without their outcome; a
response is {"status": …}; a refusal is {"refused": requirement, "status": …}; an exception that is no refusal, and ended a program,
is {"error": its class}; tuples are lists, and other structures objects, of these.

Each line is written at once, whole: a process that is killed leaves every effect that it knew to be over.

`flk validate` says whether the protocols `ingest` and `replication` allow what a trace tells.
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
from flk.model.refusal import Refused
from flk.model.runtime import Perform
from flk.spec.errors import UnusableInput


class Run(NamedTuple):
    """One run of a program: its number, and the program's name."""

    number: int
    kind: str


NODE = Run(0, "node")
INGEST = "ingest"
FORMAT = 2


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

    def around(self, perform: Perform, run: Run) -> Perform:
        """`perform`, with every effect and its result or refusal recorded."""
        del run
        return perform

    def close(self) -> None:
        """Release the file, if there is one."""


class Trace(Untraced):
    """Writes to a file, which it extends if it exists. Raises UnusableInput if that cannot be opened.

    With `examine` it is told of each submission that is logged whether it is signed. Any thread may record: a line is one write at
    the file's end.
    """

    def __init__(self, path: Path, node: str, examine: Examine | None = None) -> None:
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise UnusableInput(f"{path}: the trace cannot be written: {error.strerror}; name another file") from None
        self._node = node
        self._examine = examine
        self._lines = 0
        self._writing = threading.Lock()
        self._write(NODE, "Start", time.time_ns(), {"format": FORMAT}, None)

    def record(self, run: Run, effect: Effect[object], began: int, result: object) -> None:
        """One effect, as a line."""
        fields = summary.fields(effect)
        if self._examine and run.kind == INGEST and isinstance(effect, Append) and isinstance(result, int):
            signed = _is_signed(self._examine, effect, Timestamp(result), self._node)
            fields["payload"] = {**summary.payload(effect.payload), "signed": signed}
        self._write(run, type(effect).__name__, began, fields, summary.result(effect, result))

    def end(self, run: Run, result: object) -> None:
        """The end of a program, as a line."""
        self._write(run, "End", time.time_ns(), {}, summary.summarised(result))

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
