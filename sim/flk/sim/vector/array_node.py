"""A node whose requests are arrays: everything else that it does goes on event by event, by the message tier's own code."""

from collections.abc import Callable, Mapping
from math import inf
from typing import TypeVarTuple

from flk.model.effects import (
    CaughtUp,
    Effect,
    GetObject,
    Inspect,
    Merge,
    Noted,
    PutObject,
    ReadSegment,
    Release,
    RemoveSegment,
    Restore,
    Salvage,
    Seal,
    Truncate,
)
from flk.model.flow.submission import Submission
from flk.model.log.frames import Frame, data
from flk.model.log.hlc import tick
from flk.model.programs.ship import PREFIX
from flk.sim.kernel.runtime import Activity, Handler
from flk.sim.nodes.log_device import Journal
from flk.sim.nodes.node import Node
from flk.sim.nodes.region import Place
from flk.sim.vector.bookkeeping import Bookkeeping
from flk.sim.vector.request_arrays import ArrivalDealer, RequestArrays
from flk.sim.world.shards import Lines
from flk.spec.constants import CONSTANTS

Ts = TypeVarTuple("Ts")
NOTHING = Submission(CONSTANTS.node.default_tenant, b"").payload()
"""The payload of the one frame that a segment has here: a body without a record claims nothing."""


class ArrayLines(Lines):
    """The line before a store, in which the requests of the arrays stand too."""

    def __init__(self, node: "ArrayNode", place: Place) -> None:
        super().__init__(place.region.shards, node.after)
        self._node = node
        self._region = place.region

    def visit(self, seconds: Mapping[str, float], served: Callable[[str, *Ts], None], *args: *Ts) -> None:
        """Wait in line behind all requests that came before."""
        node, now = self._node, self._node.simulator.now
        over = node.arrays_now().visit(now, sum(seconds.values()) * self._region.shards.factor)
        node.after(over - now, served, "", *args)

    def visit_one(self, shard: str, seconds: float, served: Callable[[str, *Ts], None], *args: *Ts) -> None:
        """The same at the one shard that there is."""
        self.visit({shard: seconds}, served, *args)


class ArrayLog(Journal):
    """A log that the requests of the arrays are written to."""

    def __init__(self, node: "ArrayNode", place: Place, use: Callable[[Activity], float]) -> None:
        super().__init__(node, place, node.random_stream, _no_batch, use)
        self._node = node

    def seal(self, activity: Activity, effect: Seal) -> None:
        """Hold the disk, and seal when everything that was logged is settled."""
        self._node.arrays_now().hold()
        super().seal(activity, effect)

    def settled(self) -> None:
        """Seal when the batch under way and all claims are over; look again when that may be so."""
        if not self._seals or self._sealing:
            return
        arrays, now = self._node.arrays_now(), self._node.simulator.now
        settled = arrays.synchronised if arrays.synchronising else arrays.last_claim
        if settled > now:
            if settled < inf:
                self._node.after(settled - now, self.settled)
        else:
            super().settled()

    def _finish_seals(self) -> None:
        super()._finish_seals()
        if not self._seals:
            self._node.arrays_now().release(self._node.simulator.now)


def _no_batch() -> float:
    raise AssertionError("frames of request arrays are not written one by one")


class ArrayNode(Node):
    """A node that recovers, ships, replays and compares as every node does, while its requests are in arrays.

    A segment that it seals has one frame, which claims nothing, and the bookkeeping knows how many it stands for; so the
    programs that ship and replay are the model's.
    """

    def __init__(self, place: Place, arrays: RequestArrays, dealer: ArrivalDealer, bookkeeping: Bookkeeping) -> None:
        super().__init__(place)
        self._arrays = arrays
        self._dealer = dealer
        self._bookkeeping = bookkeeping
        self._fetched: dict[str, str] = {}
        self._frames = 0
        self.lines = ArrayLines(self, place)
        self._journal = ArrayLog(self, place, self._fsync)
        self.schedulers |= {
            Seal: self._journal.seal,
            **dict.fromkeys(
                (Inspect, ReadSegment, Truncate, Salvage, Restore, Noted, Release, RemoveSegment), self._journal.use
            ),
        }
        mine: dict[type[Effect[object]], Handler] = {
            CaughtUp: self._caught_up,
            Seal: self._sealed,
            PutObject: self._put,
            GetObject: self._got,
            Merge: self._merged,
        }
        self.handlers |= mine

    def arrays_now(self) -> RequestArrays:
        """The request arrays, advanced to the present."""
        self._dealer.reach(self._arrays, self.simulator.now, self.simulator.now)
        return self._arrays

    def refresh(self) -> None:
        """The disk or the store works at another pace from now on."""
        arrays = self.arrays_now()
        arrays.set_pace(self.simulator.now, self._place.health.pace.rate)
        arrays.set_slowness(self._region.shards.factor)
        self._journal.settled()

    def _merged_frames(self, effect: Merge) -> int:
        del effect
        return self._frames

    def _use_store(self, activity: Activity, effect: Effect[object]) -> None:
        fetched = self._fetched.get(activity.name, "") if isinstance(effect, Merge) else ""
        self._frames = self._bookkeeping.frames(fetched)
        super()._use_store(activity, effect)

    def _caught_up(self, activity: Activity, effect: CaughtUp) -> None:
        del activity
        self.arrays_now().level = True
        self.memory.perform(effect)

    def _sealed(self, activity: Activity, effect: Seal) -> None:
        """Seal a segment in place of the frames that were logged since the last seal."""
        del activity
        arrays, disk, now = self.arrays_now(), self._place.disk, self.simulator.now
        content = arrays.cut()
        if content is not None:
            clock = tick(self.memory.clock, self._place.wall())
            name = disk.begin_segment(clock)
            disk.segments[name] += data(Frame(clock, NOTHING), disk.salt(name))
            self._bookkeeping.seal(self.name, name, content, now, arrays.last_claim)
        self.memory.perform(effect)

    def _put(self, activity: Activity, effect: PutObject) -> object:
        created = self._stored_away(activity, effect)
        self._bookkeeping.upload(effect.name.removeprefix(PREFIX), self.simulator.now)
        return created

    def _got(self, activity: Activity, effect: GetObject) -> object:
        content = self._stored_away(activity, effect)
        self._fetched[activity.name] = effect.name.removeprefix(PREFIX)
        return content

    def _merged(self, activity: Activity, effect: Merge) -> object:
        name = self._fetched.pop(activity.name, "")
        if name:
            self._bookkeeping.apply(name, self.name, self.simulator.now)
        return self.memory.perform(effect)
