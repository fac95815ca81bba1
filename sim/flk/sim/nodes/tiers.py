"""The tiers of a region's store in simulated time: claims that look from tier to tier, what they owe, and the mover.

The hot tier is in the shards, and serves one request after another; the warm and the cold one are services behind them, and serve
any number at once.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from functools import partial

from flk.model.effects import Aged, Copy, Delete, Effect, Insert, Join, Look, Merge, Owe, Program, Store
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.tiers import Tier
from flk.model.flow.admission import require_level
from flk.model.refusal import OutOfReach, Refused, Unavailable
from flk.sim.kernel.engine import Call
from flk.sim.kernel.runtime import Activity
from flk.sim.nodes.node import Node
from flk.sim.nodes.region import Place, Region
from flk.sim.scenarios.layout import Tiers
from flk.sim.world.events import ClaimDeferred, ClaimSearched, StoreUsed, TierAsked
from flk.spec.constants import CONSTANTS

RETRY_AFTER = CONSTANTS.node.unavailable_retry_after_seconds


class Turn:
    """Somebody who waits for all before it in the lines of several keys."""

    __slots__ = ("ahead", "begin")

    def __init__(self, begin: Call) -> None:
        self.begin = begin
        self.ahead = 0


class KeyLines:
    """One line for each key that is asked for: who is about the same key comes one after another (DUP-1, DUP-6)."""

    def __init__(self) -> None:
        self._lines: dict[Key, deque[Turn]] = {}

    def enter(self, keys: Iterable[Key], begin: Callable[[Call], None]) -> None:
        """Call `begin` when all who came earlier for one of the keys have left; it is given what to call to leave."""
        distinct = tuple(dict.fromkeys(keys))
        turn = Turn(lambda: begin(partial(self._leave, distinct)))
        for key in distinct:
            line = self._lines.setdefault(key, deque())
            turn.ahead += bool(line)
            line.append(turn)
        if not turn.ahead:
            turn.begin()

    def _leave(self, keys: tuple[Key, ...]) -> None:
        free = []
        for key in keys:
            line = self._lines[key]
            line.popleft()
            if not line:
                del self._lines[key]
                continue
            line[0].ahead -= 1
            if not line[0].ahead:
                free.append(line[0])
        for turn in free:
            turn.begin()


class Search(Activity):
    """A program about keys in tiers, a claim or another one. `tier` is the last that had something."""

    __slots__ = ("claiming", "tier")

    def __init__(self, name: str, program: Program[object], *, claiming: bool = False) -> None:
        super().__init__(name, program)
        self.claiming = claiming
        self.tier: Tier | None = None


class TieredStore:
    """Performs `Store` and `Merge` of a node as programs of their own, and lets their effects take their time."""

    def __init__(self, node: Node, region: Region, layout: Tiers) -> None:
        self._node = node
        self._region = region
        self._world = region.world
        self._mean = {Tier.HOT: layout.hot, Tier.WARM: layout.warm, Tier.COLD: layout.cold}
        self._keys = KeyLines()
        node.schedulers |= {
            Store: self._store,
            Merge: self._merge,
            Look: lambda activity, effect: self._visit(activity, effect, effect.tier, effect.keys),
            Insert: self._insert,
            Join: self._join,
            Copy: lambda activity, effect: self._visit(activity, effect, effect.to, _keys(effect.claims)),
            Delete: lambda activity, effect: self._visit(activity, effect, effect.tier, _keys(effect.claims)),
            Aged: lambda activity, effect: self._visit(activity, effect, effect.tier, ()),
        }
        node.handlers |= {Look: self._looked, Owe: self._owed}

    def settle(self, number: str, ended: Callable[[object], None]) -> None:
        """Try to apply what is owed."""
        tiered = self._node.memory.tiered
        keys = _keys(tiered.deferred) if tiered else ()
        self._run(Search(f"settle {number}", self._world.programs.apply_deferred(keys)), keys, ended)

    # Schedulers of the effects that are programs here.

    def _store(self, activity: Activity, effect: Store) -> None:
        began = self._node.simulator.now

        def ended(result: object) -> None:
            if isinstance(result, Unavailable) and not isinstance(result, OutOfReach):
                self._node.fall_behind()
            self._world.observer.on(ClaimSearched(self._region.name, effect.claim, search.tier, began, result))
            self._over("claim", began, activity, effect, result)

        search = Search(f"claim {activity.name}", self._world.programs.claim(effect.claim), claiming=True)
        self._run(search, (effect.claim.key,), ended)

    def _merge(self, activity: Activity, effect: Merge) -> None:
        began = self._node.simulator.now
        search = Search(f"merge {activity.name}.{activity.step}", self._world.programs.merge(effect.claims))
        self._run(search, _keys(effect.claims), partial(self._over, "merge", began, activity, effect))

    def _over(self, what: str, began: float, activity: Activity, effect: Effect[object], result: object) -> None:
        node = self._node
        self._world.observer.on(StoreUsed(node.name, what, began))
        node.trace.effect(node.simulator.now, node.name, activity.name, effect, result, activity.number)
        node.resume(activity, result)

    def _run(self, search: Search, keys: Iterable[Key], ended: Callable[[object], None]) -> None:
        """Run a program when nobody who came earlier is about its keys; a claim only if the node is level with its log."""

        def begin(leave: Call) -> None:
            def over(result: object) -> None:
                ended(result)
                leave()

            try:
                if search.claiming:
                    require_level(behind=self._node.memory.behind)
            except Refused as refusal:
                over(refusal)
            else:
                search.ended = over
                self._node.start(search)

        self._keys.enter(keys, begin)

    # Schedulers of the steps of these programs.

    def _insert(self, activity: Activity, effect: Insert) -> None:
        changed = _changed((effect.claim,), (effect.known,))
        self._change(activity, effect, changed)

    def _join(self, activity: Activity, effect: Join) -> None:
        self._change(activity, effect, _changed(effect.claims, effect.known))

    def _change(self, activity: Activity, effect: Effect[object], keys: tuple[Key, ...]) -> None:
        """What changes nothing is an answer that is known already, and takes no time."""
        if keys:
            self._visit(activity, effect, Tier.HOT, keys)
        else:
            self._node.complete(activity, effect)

    def _visit(self, activity: Activity, effect: Effect[object], tier: Tier, keys: tuple[Key, ...]) -> None:
        """A tier takes its time for the first key, and for each further one that of a merge."""
        node, shards = self._node, self._region.shards
        first = self._mean[tier] * node.random_stream.exponential(f"service {activity.name}.{activity.step}")

        def seconds(number: int) -> float:
            return first + (number - 1) * self._world.policy.merge

        if tier is Tier.HOT:
            numbers = Counter(map(shards.owner, keys)) or {shards.first: 1}
            parts = {shard: seconds(number) for shard, number in numbers.items()}
            node.lines.visit(parts, node.served, activity, effect)
        else:
            node.simulator.after(seconds(max(1, len(keys))) * shards.factor, node.complete, activity, effect)

    # Handlers.

    def _looked(self, activity: Activity, effect: Look) -> tuple[Entry | None, ...]:
        entries: tuple[Entry | None, ...] = self._node.memory.perform(effect)
        if isinstance(activity, Search) and any(entries):
            activity.tier = effect.tier
        self._world.observer.on(TierAsked(self._region.name, effect.tier, effect.keys))
        return entries

    def _owed(self, activity: Activity, effect: Owe) -> None:
        del activity
        self._node.memory.perform(effect)
        self._world.observer.on(ClaimDeferred(self._region.name, effect.claim))


class Mover:
    """What a node does for its tiers by itself: it moves entries as they age, and applies what is owed."""

    def __init__(self, place: Place, node: Node, store: TieredStore, interval: float) -> None:
        self._world = place.world
        self._node = node
        self._store = store
        self._interval = interval
        self._running: set[str] = set()
        self._life = place.starts
        node.every(interval, interval, self._move)
        node.every(RETRY_AFTER, RETRY_AFTER, self._settle)

    def _move(self, number: int) -> None:
        if not self._node.memory.behind:
            name = f"move {self._life}.{number}"
            self._once("move", lambda over: self._node.start(Activity(name, self._world.programs.move(), over)))

    def _settle(self, number: int) -> None:
        tiered = self._node.memory.tiered
        if tiered and tiered.deferred and not self._node.memory.behind:
            self._once("settle", lambda over: self._store.settle(f"{self._life}.{number}", over))

    def _once(self, kind: str, start: Callable[[Callable[[object], None]], None]) -> None:
        """Start a round unless the last still runs. What it was refused, the next one does."""
        if kind not in self._running:
            self._running.add(kind)
            start(lambda _: self._running.remove(kind))


def begin(place: Place, node: Node) -> None:
    """A region's node has started: if its store has tiers, give it what works on them."""
    region = place.region
    layout, tiered = region.world.layout.tiers, node.memory.tiered
    if layout is not None and tiered is not None:
        tiered.cold_down = region.cold_outages > 0
        Mover(place, node, TieredStore(node, region, layout), layout.move_interval)


def _keys(claims: Iterable[Claim]) -> tuple[Key, ...]:
    return tuple(claim.key for claim in claims)


def _changed(claims: Iterable[Claim], known: Iterable[Entry | None]) -> tuple[Key, ...]:
    """The keys under which something is written: new ones, and those whose entry gives way."""
    pairs = zip(claims, known, strict=True)
    return tuple(claim.key for claim, entry in pairs if entry is None or join(entry, claim.entry) != entry)
