"""A node that shares its region's store with others: it asks it over the network and follows the region's clock (HLC-7, DUP-10)."""

from collections.abc import Callable
from functools import partial

from flk.model.effects import Effect, Inherit, Rotten, Store, Watermark, Watermarks
from flk.model.entries.entry import Entry
from flk.model.flow.admission import require_level
from flk.model.log.hlc import Timestamp
from flk.model.refusal import Refused, Unavailable
from flk.sim.kernel.runtime import Activity
from flk.sim.nodes.connection import Connection
from flk.sim.nodes.node import Node, Reply
from flk.sim.nodes.region import Place
from flk.sim.world.shards import Lines
from flk.sim.world.watched import SharedEntries


class SharingNode(Node):
    """Its log is its own. What it asks of the store takes place when it arrives there, whatever has become of the node by then."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, self._follow_region)
        self.memory.store_down = False  # that the store is away shows when it is asked
        self.schedulers |= dict.fromkeys((Watermarks, Rotten), self._use_store)
        self.handlers[Watermarks] = self._watermarks
        self.lines = Lines(place.region.shards, self.simulator.after)
        self._connection = Connection(place)
        self._followed = 0

    def beat(self, reply: Callable[[bool], None]) -> None:
        """Tell whether a submission would be acknowledged now, which it is not without the store."""
        if self._connection.is_cut:
            reply(False)  # noqa: FBT003 - the answer
        else:
            super().beat(reply)

    def inspect(self, activity: Activity, effect: Effect[object], reply: Reply) -> None:
        """Tell another region what this one stores."""
        self._ask_store(activity, effect, reply)

    def _use_store(self, activity: Activity, effect: Effect[object]) -> None:
        try:
            if isinstance(effect, Store):
                require_level(behind=self.memory.behind)
        except Refused as refusal:
            self.trace.effect(self.simulator.now, self.name, activity.name, effect, refusal, activity.number)
            self.resume(activity, refusal)
        else:
            self._ask_store(activity, effect, partial(self.resume, activity))

    def _ask_store(self, activity: Activity, effect: Effect[object], reply: Reply) -> None:
        """From the first claim that the store does not answer, the node is behind (ORD-4)."""
        began, seconds = self.simulator.now, self._seconds(activity, effect)

        def serve(done: Reply) -> None:
            self._visit(effect, seconds, lambda silent: done(self._done_by_store(silent, activity, effect)))

        def answered(result: object) -> None:
            if not self.alive:
                return
            if isinstance(effect, Store) and isinstance(result, Unavailable):
                self.fall_behind()
            self._note_use(effect, began)
            self.trace.effect(self.simulator.now, self.name, activity.name, effect, result, activity.number)
            reply(result)

        self._connection.ask(f"{activity.name}.{activity.step}", serve, answered, effect)

    def _done_by_store(self, silent: str, activity: Activity, effect: Effect[object]) -> object:
        """What an effect comes to at the store, which does not ask what has become of the node since it was sent."""
        if silent:
            return self._met_silence(silent)
        handler = self.handlers.get(type(effect))
        try:
            return self.memory.perform(effect) if handler is None else handler(activity, effect)
        except Refused as refusal:
            return refusal

    def _claimed(self, activity: Activity, effect: Store) -> Entry:
        """A claim that has reached the store takes place there, even if its node has fallen behind meanwhile."""
        del activity
        return self.memory.entries.insert_or_get(effect.claim)

    def _watermarks(self, activity: Activity, effect: Watermarks) -> tuple[Watermark, ...]:
        del activity, effect
        shared = self._region.entries
        assert isinstance(shared, SharedEntries)
        return shared.watermarks

    def _follow_region(self, followed: Callable[[Refused | None], None]) -> None:
        """Let the clock go on from all that was stored in the region before now (HLC-7)."""
        shared = self._region.entries
        assert isinstance(shared, SharedEntries)
        self._followed += 1
        name = f"clock {self._place.starts}.{self._followed}"
        seconds = self._policy.service * self.random_stream.exponential(f"service {name}")

        def serve(done: Reply) -> None:
            self.lines.visit_one(
                self._region.shards.first,
                seconds,
                lambda silent: done(self._met_silence(silent) if silent else shared.latest),
            )

        def answered(result: object) -> None:
            if not self.alive:
                return
            assert isinstance(result, Refused | int)
            latest = result if isinstance(result, Refused) else Timestamp(result)
            self.trace.told_latest(self.name, latest)
            if isinstance(latest, Refused):
                followed(latest)
            else:
                self.memory.perform(Inherit((latest,)))
                followed(None)

        self._connection.ask(name, serve, answered)


def node_of(place: Place) -> Node:
    """What runs in a place: a node with the store to itself, or one of several."""
    return SharingNode(place) if place.region.is_shared else Node(place)
