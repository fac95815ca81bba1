"""A node's log on the disk of its place, and nothing else of a node."""

from collections.abc import Callable
from typing import Any

import msgspec
from tests.support.sim.drills import BRISK, drill, prepared, records

from flk.model.effects import INBOX, Append, Inspect, Program, ReadSegment, Seal
from flk.model.flow.submission import Submission
from flk.model.log.frames import scan
from flk.model.memory.memory import MemoryNode
from flk.model.refusal import Refused
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.log_device import Follow, Journal
from flk.sim.nodes.region import Place
from flk.sim.run_loop import RunLoop
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import FsyncFailure, Stop
from flk.sim.world.events import LogFailed, Marked

PAYLOADS = [submission.payload() for submission in records(3)]
SMALL = Submission("t", b"").payload()
WHEN: dict[str, Any] = {"region": "eu", "start": Seconds(0), "duration": Seconds(60)}


def loop_of(segment_bytes: int = BRISK.segment_bytes) -> RunLoop:
    """A run that is about to begin, with segments of some size."""
    return prepared(drill(policy=msgspec.structs.replace(BRISK, segment_bytes=segment_bytes)))


class Bench:
    """A journal on a new disk of which every use takes a second. `ended` says which programs are over, in this order, and when;
    `refused`, which of them ended so; `used`, which asked how long a use takes.
    """

    def __init__(self, follow: Follow | None = None, *, loop: RunLoop | None = None, seed: int = 1) -> None:
        loop = loop or loop_of()
        self.simulator = loop.simulator
        self.place = loop.places["eu"] = Place("eu", 1, loop.regions["eu"])
        self.marks: list[str] = []
        loop.world.observer.handle(Marked, lambda event: self.marks.append(event.mark))
        place = self.place
        self.memory = MemoryNode(place.disk, place.entries, place.region.objects, place.wall, time=place.time)
        self.host = Host(place.name, loop.simulator, loop.world.trace, self.memory)
        self.journal = Journal(self.host, place, RandomStream(seed, "log"), lambda: 1.0, self._seconds, follow)
        self.host.schedulers = {
            Append: self.journal.append,
            Seal: self.journal.seal,
            ReadSegment: self.journal.use,
            Inspect: self.journal.use,
        }
        self.host.handlers = {Append: self._logged}
        self.ended: dict[str, float] = {}
        self.refused: list[str] = []
        self.failures: list[str] = []
        loop.world.observer.handle(LogFailed, lambda event: self.failures.append(event.node))
        self.used: list[str] = []

    def run(self, name: str, program: Program[object], ended: Callable[[], None] = lambda: None) -> None:
        """Begin a program."""

        def over(result: object) -> None:
            self.ended[name] = self.simulator.now
            if isinstance(result, Refused):
                self.refused.append(name)
            ended()

        self.host.start(Activity(name, program, over))

    def request(self, name: str, payload: bytes) -> None:
        """Log a frame, as a request does, which is in flight until then."""

        def answered() -> None:
            self.memory.in_flight -= 1
            self.journal.settled()

        self.memory.in_flight += 1
        self.run(name, iter(Append(INBOX, payload)), answered)

    def go_on(self, until: float) -> None:
        """Let happen what is due by then."""
        self.simulator.run_until(until, 1000, lambda: None)

    def _seconds(self, activity: Activity) -> float:
        self.used.append(activity.name)
        return 1.0

    def _logged(self, _: Activity, effect: Append) -> object:
        timestamp = self.memory.perform(effect)
        self.journal.rotate_if_full()
        return timestamp

    @property
    def logged(self) -> list[bytes]:
        """The payloads that are on the disk."""
        disk = self.place.disk
        return [frame.payload for name in disk.names(INBOX) for frame in scan(disk.read(name)).frames]


def cut(bench: Bench, fault: Stop) -> None:
    """The node stops."""
    bench.journal.cut(fault)


def fail(bench: Bench) -> None:
    """The synchronisation under way fails."""
    bench.place.health.begin(FsyncFailure(id="ill", **WHEN))
    bench.go_on(bench.simulator.now + 1.0)
