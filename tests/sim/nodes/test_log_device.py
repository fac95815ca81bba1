"""A node's log on its disk: what a seal waits for, when a full segment is sealed, and what a stop leaves of a write."""

from collections.abc import Callable

import msgspec
from tests.support.sim.drills import BRISK, drill, prepared, records

from flk.model.effects import INBOX, Append, Program, Seal
from flk.model.log.frames import scan
from flk.model.memory.memory import MemoryNode
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.log_device import Follow, Journal
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import TornWrite
from flk.sim.world.events import Marked

PAYLOADS = [submission.payload() for submission in records(3)]


class Bench:
    """A journal on a disk of which every use takes a second. `ended` says which programs are over, in this order, and when."""

    def __init__(self, follow: Follow | None = None, *, segment_bytes: int = BRISK.segment_bytes) -> None:
        loop = prepared(drill(policy=msgspec.structs.replace(BRISK, segment_bytes=segment_bytes)))
        self.simulator, self.place = loop.simulator, loop.places["eu"]
        self.marks: list[str] = []
        loop.world.observer.handle(Marked, lambda event: self.marks.append(event.mark))
        place = self.place
        self.memory = MemoryNode(place.disk, place.entries, place.region.objects, place.wall, time=place.time)
        self.host = Host(place.name, loop.simulator, loop.world.trace, self.memory)
        stream = RandomStream(1, "log")
        self.journal = Journal(self.host, place, stream, lambda: 1.0, lambda _: 1.0, follow)
        self.host.schedulers = {Append: self.journal.append, Seal: self.journal.seal}
        self.host.handlers = {Append: self._logged}
        self.ended: dict[str, float] = {}

    def run(self, name: str, program: Program[object], ended: Callable[[], None] = lambda: None) -> None:
        """Begin a program."""

        def over(_: object) -> None:
            self.ended[name] = self.simulator.now
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

    def _logged(self, _: Activity, effect: Append) -> object:
        timestamp = self.memory.perform(effect)
        self.journal.rotate_if_full()
        return timestamp

    @property
    def logged(self) -> list[bytes]:
        """The payloads that are on the disk."""
        disk = self.place.disk
        return [frame.payload for name in disk.names(INBOX) for frame in scan(disk.read(name)).frames]


def test_a_request_that_ends_while_the_log_is_sealed_begins_no_second_seal() -> None:
    """A seal that is asked for later waits until what was logged before it is settled (WAL-6)."""
    bench = Bench()
    bench.run("first seal", iter(Seal(INBOX)))
    bench.go_on(0.5)
    bench.journal.settled()  # a request was answered that logged nothing
    bench.go_on(1.2)
    bench.request("request", PAYLOADS[0])
    bench.run("second seal", iter(Seal(INBOX)))
    bench.go_on(9.0)
    assert bench.ended == {"first seal": 1.0, "request": 2.2, "second seal": 3.2}


def test_while_a_node_is_behind_its_log_a_full_segment_holds_up_nothing() -> None:
    """A seal would be refused (ORD-4), so the disk is not held for one: what recovery writes is durable after one write."""
    bench = Bench(segment_bytes=1)
    bench.request("request", PAYLOADS[0])
    bench.journal.settled()
    bench.memory.behind = True
    bench.go_on(1.5)
    bench.request("recovery", PAYLOADS[1])
    bench.go_on(9.0)
    assert bench.ended == {"request": 1.0, "recovery": 2.5}
    assert not bench.marks


def test_a_full_segment_is_sealed_once() -> None:
    """However many frames of a batch find it full, one rotation follows (WAL-2): here of a batch of one, then of two."""
    bench = Bench(segment_bytes=1)
    for number, payload in enumerate(PAYLOADS):
        bench.request(f"request {number}", payload)
    bench.go_on(9.0)
    assert bench.marks == ["sealed-by-size"] * 2


def test_what_is_written_under_a_clock_that_is_known_at_once_may_be_there_after_a_stop() -> None:
    """A batch is being written as soon as the region's clock is followed, however soon that is: a torn write keeps its share."""
    bench = Bench(lambda followed: followed(None))
    bench.request("request", PAYLOADS[0])
    assert bench.journal.writing
    bench.journal.cut(TornWrite(id="cut", region="eu", start=Seconds(0), duration=Seconds(1), share=1.0))
    assert bench.logged == PAYLOADS[:1]
