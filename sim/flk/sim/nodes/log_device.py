"""A node's log on the disk of its place: frames in batches, seals once what was logged is settled, full segments rotated.

A synchronisation that fails is the last one of its process (WAL-7): what it was to make durable is refused, and so is all that
waits for the next. When every request is answered the process ends, and another starts, which reads what the disk really holds.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVarTuple

from flk.model.effects import INBOX, Append, Effect, ReadSegment, Salvage, Seal
from flk.model.log.frames import OVERHEAD, Frame
from flk.model.log.hlc import tick
from flk.model.refusal import Refused, unavailable
from flk.sim.kernel.engine import Call, GroupCommit
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.activities import Recovering
from flk.sim.nodes.region import Place
from flk.sim.scenarios.faults import ProcessCrash, Stop, TornWrite
from flk.sim.world.events import LogFailed, Marked

Ts = TypeVarTuple("Ts")
Follow: TypeAlias = Callable[[Callable[[Refused | None], None]], None]
"""Lets the node's clock go on from its region's, and then calls what it is given: with a refusal, if that cannot be known."""
Step: TypeAlias = tuple[Activity, Any]  # an activity and the effect it waits for


class Journal:
    """Performs a node's effects on its log. `synchronisation` gives the seconds of the next batch, `use` of another effect. Before
    each batch a node that is not alone has to `follow` its region's clock (HLC-7); if it cannot, the batch is refused.
    """

    def __init__(
        self,
        host: Host,
        place: Place,
        random_stream: RandomStream,
        synchronisation: Callable[[], float],
        use: Callable[[Activity], float],
        follow: Follow | None = None,
    ) -> None:
        self._host = host
        self._place = place
        self._random = random_stream
        self._synchronisation = synchronisation
        self._seconds = use
        self._frames = GroupCommit[Activity, Append](
            self._after,
            self._begin,
            host.complete,
            lambda: not self._fails("batch"),
            None if follow is None else self._prepare,
        )
        self._follow = follow
        self._following = False
        self._synchronised = 0
        self._seals: list[Step] = []
        self._sealing = False
        self._rotations = 0
        self._rotating = False
        self._failed = False

    @property
    def unsettled(self) -> int:
        """How many frames are being written or wait for it."""
        return len(self._frames.waiting) + len(self._frames.batch)

    @property
    def writing(self) -> bool:
        """Whether frames are being written."""
        return bool(self._frames.batch) and not self._following

    # What a program asks for.

    def append(self, activity: Activity, effect: Append) -> None:
        """Write a frame, with the others of its batch."""
        self._frames.write(activity, effect)

    def seal(self, activity: Activity, effect: Seal) -> None:
        """Hold the disk, and seal when everything that was logged is settled (WAL-6)."""
        self._seals.append((activity, effect))
        self._frames.hold()
        self.settled()

    def use(self, activity: Activity, effect: Effect[object]) -> None:
        """Read a segment, or rewrite one."""
        self._after(self._seconds(activity), self._complete, activity, effect)

    def salvage(self, activity: Activity, effect: Salvage) -> None:
        """Rewrite a damaged segment. While the node is behind its log only recovery may; others leave it to their next round."""
        memory = self._host.memory
        if memory.behind and not isinstance(activity, Recovering):
            raise unavailable("the log is being recovered")
        memory.perform(effect)
        self._place.world.observer.on(Marked("salvaged"))

    # What happens meanwhile.

    def settled(self) -> None:
        """A request was answered: go on with what waited for that."""
        in_flight = self._host.memory.in_flight
        if self._failed:
            if not in_flight and self._place.rounds is not None:
                self._place.rounds.restart()
        elif self._seals and not self._sealing and in_flight == len(self._frames.waiting):  # all held back by the disk
            self._sealing = True
            self._after(self._seconds(self._seals[0][0]), self._finish_seals)

    def rotate_if_full(self) -> None:
        """A frame was logged: if its segment is full, seal it (WAL-2)."""
        if self._rotating or not self._place.disk.is_full(INBOX) or self._host.memory.behind:
            return
        self._rotating = True
        self._rotations += 1

        def over(result: object) -> None:
            self._rotating = False
            if not isinstance(result, Exception):  # one that was refused leaves its work to the next seal
                self._place.world.observer.on(Marked("sealed-by-size"))

        name = f"rotate {self._place.starts}.{self._rotations}"
        self._host.start(Activity(name, self._place.world.programs.rotate(), over))

    def cut(self, fault: Stop) -> None:
        """The node stops. Of what was being written, whole frames and a part of the next may have reached the disk.

        A process takes only what it had not begun to write with it: a write is whole or was not begun.
        """
        frames = self._being_written()
        written = sum(OVERHEAD + len(frame.payload) for frame in frames)
        draw = self._random.uniform("torn")
        match fault:
            case TornWrite(share=share):
                size = int(share * written)
            case ProcessCrash():
                size = written if draw < 0.5 else 0
            case _:
                size = int(draw * (written + 1))
        self._place.disk.tear(frames, size)

    def _prepare(self, begin: Call) -> None:
        assert self._follow is not None, "it is asked only then"

        def followed(refusal: Refused | None) -> None:
            self._following = False
            if refusal is None:
                begin()
            elif not self._failed:
                self._refuse(self._frames.give_up(), refusal)

        self._following = True
        self._follow(followed)

    def _begin(self) -> float:
        if self._place.on_write is not None:
            self._host.after(0.0, self._place.on_write)
        return self._synchronisation()

    def _after(self, seconds: float, call: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call when the disk has worked so long, if the node still lives then."""
        self._place.health.pace.after(seconds, self._host.if_alive, call, args)

    def _complete(self, activity: Activity, effect: Effect[object]) -> None:
        if isinstance(effect, ReadSegment):
            if not self._failed:
                self._host.complete(activity, effect)
        elif not self._fails(activity.name):
            self._host.complete(activity, effect)

    def _finish_seals(self) -> None:
        if self._fails("seal"):
            return
        seals, self._seals, self._sealing = self._seals, [], False
        for activity, effect in seals:
            self._host.complete(activity, effect)
        if not self._seals:
            self._frames.release()

    def _fails(self, what: str) -> bool:
        """Whether a synchronisation that is over has failed, now or with one before it. The first failure ends the log."""
        self._synchronised += 1
        if not self._failed and self._place.health.fails(f"{self._place.starts}/{self._synchronised}"):
            self._failed = True
            self._fail(what)
        return self._failed

    def _fail(self, what: str) -> None:
        """Nothing counts as durable that was being written, although some of it may be; what waits is not even written."""
        host, place = self._host, self._place
        host.trace.event(host.simulator.now, host.name, "log", f"a synchronisation failed: {what}")
        frames = self._being_written()
        written = sum(OVERHEAD + len(frame.payload) for frame in frames)
        place.disk.tear(frames, int(self._random.uniform("failed") * (written + 1)))
        place.disk.close(INBOX)
        host.memory.behind = True
        place.world.observer.on(LogFailed(place.name))
        refused = [*self._frames.batch, *self._frames.waiting]
        self._frames.waiting = []
        self._refuse(refused, unavailable("the log cannot be written"))
        if not refused:
            self.settled()

    def _refuse(self, refused: Sequence[tuple[Activity, Append]], refusal: Refused) -> None:
        host = self._host
        for activity, effect in refused:
            host.trace.effect(host.simulator.now, host.name, activity.name, effect, refusal, activity.number)
            host.resume(activity, refusal)

    def _being_written(self) -> list[Frame]:
        frames: list[Frame] = []
        clock = self._host.memory.clock
        if self._following or self._host.memory.why_not_timely():
            return frames  # what was not written before the clock went wrong is not written (HLC-5)
        for _, append in self._frames.batch:
            clock = tick(clock, self._place.wall())
            frames.append(Frame(clock, append.payload, self._place.disk.stated_at(append.log)))
        return frames
