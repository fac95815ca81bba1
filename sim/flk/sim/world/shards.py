"""The dedup store of a region: shards on the consistent-hash ring, each a server with a line of its own and with replicas.

What the shards hold is one linearizable map, since replicas are synchronous: to lose one loses no entry. It costs time: until
another takes over, the shard does not answer.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import TypeVarTuple

from flk.model.entries.entry import Key
from flk.model.entries.ring import Ring, ring_text
from flk.sim.kernel.engine import After, Living, Station
from flk.sim.scenarios.faults import ShardCrash, SlowNode, SlowStore
from flk.sim.scenarios.layout import Layout

Ts = TypeVarTuple("Ts")


def shard_name(number: int) -> str:
    """The name of a shard on the ring."""
    return f"shard-{number}"


class Shard:
    """One server of a store: whether it answers now."""

    def __init__(self, replicas: int, takeover: float, after: After) -> None:
        self.answers = True
        self._replicas = replicas
        self._takeover = takeover
        self._after = after
        self._gone: dict[str, int] = {}
        self._losses = 0

    def lose(self, fault: str, replicas: int) -> None:
        """So many replicas are gone, the acting one among them; another takes over in a while, if there is one."""
        self._gone[fault] = replicas
        self._losses += 1
        self.answers = False
        if self._is_left:
            self._after(self._takeover, self._take_over, self._losses)

    def regain(self, fault: str) -> None:
        """What a fault had taken is back, with what it held."""
        del self._gone[fault]
        self.answers = self._is_left

    @property
    def _is_left(self) -> bool:
        return sum(self._gone.values()) < self._replicas

    def _take_over(self, losses: int) -> None:
        if losses == self._losses:
            self.answers = self._is_left


class Shards:
    """The shards of one region's store, by name. They outlive its node.

    The keys of a shard are those that the ring gives it; all that is not about a key (watermarks, counts, samples) is asked of the
    `first` shard.
    """

    def __init__(self, layout: Layout, after: After) -> None:
        self.layout = layout
        self.by_name: dict[str, Shard] = {}
        self._after = after
        self.factor: float = 1  # how many times as long as usual everything takes
        self._factors: dict[str, float] = {}
        for number in range(layout.shards):
            self.add(shard_name(number))
        self.ring = Ring(self.by_name)

    @property
    def first(self) -> str:
        """The shard of everything that has no key."""
        return self.ring.shards[0]

    @property
    def is_one(self) -> bool:
        """Whether a single shard has all keys."""
        return len(self.ring.shards) == 1

    def add(self, name: str) -> None:
        """Start one more server. It gets keys only when `ring` names it."""
        self.by_name[name] = Shard(self.layout.replicas, self.layout.takeover, self._after)

    def owner(self, key: Key) -> str:
        """The shard of a key (RNG-1)."""
        if self.is_one:
            return self.first
        return self.ring.owner(ring_text(key))

    def order(self, key: Key) -> Key | None:
        """What claims keep their order for (DUP-6): all of them (None) at one server, those of a key at several, or in tiers."""
        alone = len(self.by_name) == 1 and self.layout.tiers is None
        return None if alone else key

    def lose(self, fault: ShardCrash) -> None:
        """A replica of a shard is gone, or all of them."""
        gone = self.layout.replicas if fault.all_replicas else 1
        self.by_name[shard_name(fault.shard)].lose(fault.id, gone)

    def regain(self, fault: ShardCrash) -> None:
        """It is back."""
        self.by_name[shard_name(fault.shard)].regain(fault.id)

    def slow(self, fault: SlowStore | SlowNode) -> None:
        """Let everything take so many times as long."""
        self._factors[fault.id] = fault.factor
        self.factor = prod(self._factors.values())

    def quicken(self, fault: SlowStore | SlowNode) -> None:
        """Let that go."""
        del self._factors[fault.id]
        self.factor = prod(self._factors.values())


class Visit:
    """A request that is at several shards: at how many it still is, and the first that did not answer."""

    __slots__ = ("args", "served", "silent", "waiting")

    def __init__(self, shards: int, served: Callable[..., None], args: tuple[object, ...]) -> None:
        self.waiting = shards
        self.silent = ""
        self.served = served
        self.args = args


class Lines:
    """The lines in which the requests of one node, or of another `host`, wait before the shards; they end with it."""

    def __init__(self, shards: Shards, after: After, host: Living | None = None) -> None:
        self._shards = shards
        self._after = after
        self._host = host
        self._stations: dict[str, Station] = {}

    def visit(self, seconds: Mapping[str, float], served: Callable[[str, *Ts], None], *args: *Ts) -> None:
        """Wait in line at each of the shards and be served for so long there, side by side; `served` after the last.

        It gets the name of a shard that did not answer, empty if all did, and `args`.
        """
        visit = Visit(len(seconds), served, args)
        for shard, time in seconds.items():
            self._station(shard).enter(time * self._shards.factor, self._done, shard, visit)

    def visit_one(self, shard: str, seconds: float, served: Callable[[str, *Ts], None], *args: *Ts) -> None:
        """The same at one shard, where most requests go."""
        self._station(shard).enter(seconds * self._shards.factor, self._one_done, shard, served, args)

    def _one_done(self, shard: str, served: Callable[..., None], args: tuple[object, ...]) -> None:
        served("" if self._shards.by_name[shard].answers else shard, *args)

    def _done(self, shard: str, visit: "Visit") -> None:
        visit.waiting -= 1
        if not self._shards.by_name[shard].answers:
            visit.silent = visit.silent or shard
        if not visit.waiting:
            visit.served(visit.silent, *visit.args)

    def _station(self, shard: str) -> Station:
        station = self._stations.get(shard)
        if station is None:
            station = self._stations[shard] = Station(self._after, self._host)
        return station
