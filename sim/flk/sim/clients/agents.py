"""Agents: what of one survives the death of its process, and whoever gives it work."""

from collections.abc import Iterable

from flk.model.effects import OUTBOX
from flk.model.flow.outbox import Contents
from flk.model.log.frames import OVERHEAD, Frame, data
from flk.model.log.hlc import Timestamp
from flk.model.memory.parts import Disk
from flk.model.programs.outbox import Delivery
from flk.sim.clients.agent_process import AgentProcess
from flk.sim.clients.items import Item
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.nodes.region import ORIGIN, Region, World
from flk.sim.scenarios.faults import AgentCrash, RetryStorm, SlowAgent
from flk.sim.world.events import (
    AgentCrashed,
    AgentHurried,
    AgentMoved,
    AgentRestarted,
    AgentSlowed,
    Given,
    Marked,
    OutboxWritten,
)
from flk.sim.world.observer import Observer


class OutboxDisk(Disk):
    """The disk of an agent, on which every frame that becomes durable is an event. Frames are put into bytes when the log is read:
    few outboxes ever are.
    """

    def __init__(self, name: str, agent: int, observer: Observer, segment_bytes: int) -> None:
        super().__init__(name, max_segment_bytes=segment_bytes)
        self._agent = agent
        self._observer = observer
        self._unread: list[tuple[str, Frame, Timestamp]] = []

    def append(self, log: str, frame: Frame, clock: Timestamp) -> None:
        """A frame is durable."""
        self._unread.append((log, frame, clock))
        self._observer.on(OutboxWritten(self._agent, frame))

    def names(self, log: str, after: str = "", *, sealed: bool = False) -> tuple[str, ...]:
        """Segment names of a log after `after`, in order."""
        unread, self._unread = self._unread, []
        for where, frame, clock in unread:
            super().append(where, frame, clock)
        return super().names(log, after, sealed=sealed)

    def tear(self, frames: Iterable[Frame], size: int) -> list[Frame]:
        """Keep the first `size` bytes of what was being written when the power went: whole frames, and a part of the next.

        The whole frames.
        """
        whole: list[Frame] = []
        for frame in frames:
            length = OVERHEAD + len(frame.payload)
            if size < length:
                self.names(OUTBOX)
                segment = self._open(OUTBOX, frame.timestamp)
                segment.extend(data(frame, self.salt(self.names(OUTBOX)[-1]))[:size])
                break
            self.append(OUTBOX, frame, frame.timestamp)
            whole.append(frame)
            size -= length
        return whole


class Agent:
    """One agent: its outbox, which lies on a disk of its own, its clock, and its process, None while it is dead.

    What it is given stays with the giver until it is queued: a giver whose agent dies gives it again.
    """

    def __init__(self, number: int, name: str, home: str, regions: dict[str, Region], world: World) -> None:
        self.number = number
        self.name = name
        self.home = home
        self.regions = regions
        self.world = world
        self.disk = OutboxDisk(name, number, world.observer, world.policy.segment_bytes)
        self.starts = 0
        self.storms = 0
        self.lag = 0.0
        self._offset = 0.0
        self._unqueued: dict[Item, None] = {}
        self._queued: dict[Timestamp, Item] = {}
        self._restarts_with = ""
        self._process: AgentProcess | None = AgentProcess(self)

    @property
    def region(self) -> str:
        """The region that the agent uses, its home while it is dead."""
        return self.home if self._process is None else self._process.region

    def wall(self) -> float:
        """What the agent takes for the time."""
        now: float = self.world.simulator.now
        return ORIGIN + now + self._offset

    def outbox(self) -> list[bytes]:
        """The segments of the outbox, as they lie on the disk."""
        return [bytes(self.disk.segments[name]) for name in self.disk.names(OUTBOX)]

    def give(self, item: Item) -> None:
        """Take a submission, at once or when the process is there again."""
        self.world.observer.on(Given(self.number, item.number, item.submission))
        self._unqueued[item] = None
        if self._process is not None and self._process.ready:
            self._process.queue(item)

    def note_queued(self, item: Item, identity: Timestamp) -> None:
        """What was given is durable in the outbox, if it was not before."""
        if item in self._unqueued:
            del self._unqueued[item]
            self._queued[identity] = item

    def shift_storms(self, by: int, storm: RetryStorm) -> None:
        """Let a retry storm begin (1) or end (-1), if this agent is among those that it takes."""
        if self._is_hit("storm", storm.id, storm.share):
            self.storms += by
            self.world.observer.on(AgentHurried(self.number, self.storms > 0))
            if self._process is not None and self.storms:
                self._process.wait_no_more()

    def shift_lag(self, by: int, fault: SlowAgent) -> None:
        """Let the agent be slow (1) or no longer (-1), if it is among those that the fault takes."""
        if self._is_hit("slow", fault.id, fault.share):
            self.lag = max(0.0, self.lag + by * fault.extra)
            self.world.observer.on(AgentSlowed(self.number, self.lag))

    def crash(self, fault: AgentCrash) -> None:
        """The process dies in the middle of whatever it does, if this agent is among those that the fault takes."""
        if self._process is None or not self._is_hit("crash", fault.id, fault.share):
            return
        if self._process.region != self.home:  # which one it uses is lost with the rest of its memory
            self.world.observer.on(AgentMoved(self.name, self._process.region, self.home))
        written, frames = self._process.crash()
        draw = RandomStream(self.world.seed, f"torn/{fault.id}").uniform(self.name)
        whole = self.disk.tear(frames, int(draw * (sum(OVERHEAD + len(frame.payload) for frame in frames) + 1)))
        for item, frame in zip(written, whole, strict=False):
            self.note_queued(item, frame.timestamp)
        self._process = None
        self._restarts_with = fault.id
        self._offset = fault.offset
        self.world.trace.event(self.world.simulator.now, self.name, "process", "dies")
        self.world.observer.on(AgentCrashed(self.number))

    def restart(self, fault: AgentCrash) -> None:
        """The process is there again, if this fault killed it: it reads its outbox and goes on."""
        if self._process is not None or self._restarts_with != fault.id:
            return
        self.world.trace.event(self.world.simulator.now, self.name, "process", "starts")
        self.world.observer.on(AgentRestarted(self.number))
        self._process = AgentProcess(self)
        self._process.open()

    def opened(self, process: AgentProcess, found: Contents) -> None:
        """The outbox is read: what waits there is delivered, and what was not queued is given again."""
        self.world.observer.on(Marked("outbox-reopened"))
        pending = {queued.id: queued for queued in found.pending}
        dead = {letter.id for letter in found.dead}
        for identity, item in self._queued.items():
            if identity not in pending and item.delivery is None:
                item.delivery = Delivery.DEAD if identity in dead else Delivery.ACKNOWLEDGED
                item.over = self.world.simulator.now
        for identity, queued in pending.items():
            if identity in self._queued:
                process.deliver(self._queued[identity], queued)
        for item in list(self._unqueued):
            process.queue(item)

    def _is_hit(self, what: str, fault: str, share: float) -> bool:
        """Whether this agent is among the share that a fault takes."""
        return RandomStream(self.world.seed, f"{what}/{fault}").uniform(self.name) < share
