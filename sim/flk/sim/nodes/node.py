"""A node of a region: the model's programs, with a disk, a store and a network that take their time."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TypeAlias, TypeVarTuple

from flk.model.effects import (
    INBOX,
    Admit,
    Append,
    CaughtUp,
    CountEntries,
    DeleteObject,
    Effect,
    Export,
    Fetch,
    GetBeginning,
    GetObject,
    Inspect,
    ListObjects,
    Mark,
    Marked,
    Merge,
    Noted,
    Observe,
    Program,
    PutObject,
    ReadSegment,
    Recall,
    Release,
    RemoveSegment,
    ReplaceObject,
    Restore,
    Salvage,
    SampleKeys,
    Seal,
    StatePolicies,
    Store,
    Supersessions,
    Truncate,
)
from flk.model.entries.entry import Entry, Key
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.programs.examine import Here
from flk.model.refusal import Overloaded, Refused, unavailable
from flk.sim.kernel.engine import Deadlines
from flk.sim.kernel.random_streams import FSYNC, SERVICE, Column, Draws, RandomStream, exponential
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.activities import Replaying
from flk.sim.nodes.admission import Gate
from flk.sim.nodes.audit_logs import AuditLogKeeping
from flk.sim.nodes.breakers import Breakers
from flk.sim.nodes.log_device import Follow, Journal
from flk.sim.nodes.region import Place
from flk.sim.scenarios.faults import Stop
from flk.sim.scenarios.topology import OBJECTS
from flk.sim.world.events import (
    Admitted,
    Arrived,
    ClockObserved,
    FellBehind,
    HeldBack,
    Levelled,
    ObjectAsked,
    ObjectFetched,
    Replied,
    ShardSilent,
    StoreUsed,
    WatermarkSet,
)
from flk.sim.world.events import (
    Marked as CoverageMarked,
)
from flk.sim.world.shards import Lines

Reply: TypeAlias = Callable[[object], None]
Ts = TypeVarTuple("Ts")

_ON_OBJECTS = (PutObject, ReplaceObject, GetObject, GetBeginning, ListObjects, DeleteObject)


class Request(Activity):
    """An `ingest` under way: its draws, the timestamp of its frame once there is one, and whether it counts as in flight."""

    __slots__ = ("admitted", "draws", "logged")

    def __init__(
        self, name: str, program: Program[Response], ended: Callable[[Response], None], draws: Draws | None
    ) -> None:
        self.name = name  # as its parent does, without the call: these come by the request
        self.program = program
        self.ended = ended
        self.step = self.number = 0
        self.draws = draws
        self.admitted = False
        self.logged: Timestamp | None = None


class Node(Host):
    """A node of a region, from its start to its crash.

    Frames wait for the disk, claims and all else about the store for the store, each in the order they came; so claims reach
    the store in log order (DUP-6). A seal holds the disk until whatever was logged has been settled (WAL-6).
    """

    def __init__(self, place: Place, follow: Follow | None = None) -> None:
        """`follow` is what has to be done before each batch of frames, if anything has."""
        world, region = place.world, place.region
        peers = {region.name: place.entries}
        memory = MemoryNode(place.disk, place.entries, region.objects, place.wall, peers=peers, time=place.time)
        super().__init__(place.name, world.simulator, world.trace, memory)
        memory.behind = True
        memory.store_down = region.outages > 0
        world.trace.started(place.name, place.disk.log(INBOX), place.disk.salt)
        self._place = place
        self._region = region
        self._world = world
        self._policy = world.policy
        self.random_stream = RandomStream(world.seed, f"node/{place.name}/{place.starts}")
        self._synchronisations = 0
        self._fsyncs = Column(RandomStream(world.seed, f"{FSYNC}/{place.name}/{place.starts}"))
        self._journal = Journal(self, place, self.random_stream, self._synchronisation, self._fsync, follow)
        self.lines = Lines(region.shards, world.simulator.after, self)
        self._no_answer = unavailable("no answer in time")
        self._waits = Deadlines[object](world.simulator, world.policy.timeout, self._no_answer)
        self._breakers = Breakers(world.policy.breaker, world)
        self._on_store_used = world.observer.handler(StoreUsed)
        self._on_admitted = world.observer.handler(Admitted)
        self._on_arrived = world.observer.handler(Arrived)
        self._gate = Gate(memory, world.policy, self.every, self._queue)
        self._examine = Here(world.examine, partial(place.disk.stated_at, INBOX))
        self.schedulers = {
            Append: self._journal.append,
            Seal: self._journal.seal,
            **dict.fromkeys(
                (Inspect, ReadSegment, Truncate, Salvage, Restore, Noted, Release, RemoveSegment, StatePolicies),
                self._journal.use,
            ),
            **dict.fromkeys((Store, Recall, Merge, Mark, Marked, Export, Supersessions), self._use_store),
            **dict.fromkeys(_ON_OBJECTS, self._ask_objects),
            **dict.fromkeys((CountEntries, SampleKeys, Fetch), self._ask_region),
        }
        self.handlers = {
            Admit: self._admitted,
            Append: self._logged,
            Salvage: self._journal.salvage,
            Store: self._claimed,
            Mark: self._marked,
            Observe: self._observed,
            CaughtUp: self._levelled,
            SampleKeys: self._sampled,
            **dict.fromkeys((CountEntries, Fetch), self._inspected),
            **dict.fromkeys(_ON_OBJECTS, self._stored_away),
        }
        if world.layout.audit_log is not None:
            keeping = AuditLogKeeping(self, place, self._journal.use)
            self.schedulers |= keeping.schedulers
            self.handlers |= keeping.handlers

    @property
    def level(self) -> bool:
        """Whether the store has all that the log has, and answers."""
        return not self.memory.behind and not self.memory.store_down

    @property
    def ready(self) -> bool:
        """Whether the health probe finds the node ready (OBS-3)."""
        return self.level and not self.memory.why_not_timely()

    def serve(
        self, name: str, submission: Submission, reply: Callable[[Response], None], draws: Draws | None = None
    ) -> None:
        """Answer a submission that has arrived."""
        began = self.simulator.now
        if self._on_arrived is not None:
            self._on_arrived(Arrived(self.name, submission, began))

        def ended(response: Response) -> None:
            self._world.observer.on(Replied(self.name, submission, request.logged, response, began))
            self.memory.in_flight -= request.admitted
            self._journal.settled()
            reply(response)

        program = self._world.programs.ingest(submission, self._region.name, self._examine)
        request = Request(name, program, ended, draws)
        self.start(request)

    def beat(self, reply: Callable[[bool], None]) -> None:
        """Tell whether a submission would be acknowledged now: the node is ready and has room, the disk moves, and every shard of
        the store answers when it is the heartbeat's turn. It takes no time of anybody's, and writes nothing.
        """
        open_ = self.ready and self.memory.in_flight < self.memory.limit and self._place.health.pace.rate > 0
        if not open_:
            reply(open_)
        else:
            shards = dict.fromkeys(self._region.shards.ring.shards, 0.0)
            self.lines.visit(shards, lambda silent: reply(not silent and self.ready))

    def inspect(self, activity: Activity, effect: Effect[object], reply: Reply) -> None:
        """Tell another region what this one stores."""
        self._visit(effect, self._service(activity), self._inspected_now, activity, effect, reply)

    def _inspected_now(self, silent: str, activity: Activity, effect: Effect[object], reply: Reply) -> None:
        reply(self.asked(silent, activity, effect))

    @property
    def writing(self) -> bool:
        """Whether frames of its log are being written."""
        return self._journal.writing

    def crash(self, fault: Stop) -> None:
        """Stop in the middle of whatever it does."""
        self.alive = False
        self._journal.cut(fault)

    # Schedulers: when an effect is performed.

    def _use_store(self, activity: Activity, effect: Effect[object]) -> None:
        self._visit(effect, self._seconds(activity, effect), self._store_served, activity, effect, self.simulator.now)

    def _store_served(self, silent: str, activity: Activity, effect: Effect[object], began: float) -> None:
        self._note_use(effect, began)
        self.resume(activity, self.asked(silent, activity, effect))

    def _note_use(self, effect: Effect[object], began: float) -> None:
        if self._on_store_used is not None and isinstance(effect, Store | Merge):
            self._on_store_used(StoreUsed(self.name, "claim" if isinstance(effect, Store) else "merge", began))

    def served(self, silent: str, activity: Activity, effect: Effect[object]) -> None:
        """The shards concerned have had their time: go on with the program."""
        self.resume(activity, self.asked(silent, activity, effect))

    def _visit(self, effect: Effect[object], seconds: float, served: Callable[[str, *Ts], None], *args: *Ts) -> None:
        """Let an effect wait for the store, and have it served: `seconds` in all, or for each claim that it is to merge."""
        shards = self._region.shards
        if shards.is_one:
            work = self._merged_frames(effect) * seconds if isinstance(effect, Merge) else seconds
            self.lines.visit_one(shards.first, work, served, *args)
        else:
            self.lines.visit(self._parts(effect, seconds), served, *args)

    def _merged_frames(self, effect: Merge) -> int:
        """How many claims a merge stands for."""
        return len(effect.claims)

    def _parts(self, effect: Effect[object], seconds: float) -> dict[str, float]:
        """How long each shard is busy with an effect: `seconds` in all, or for each claim that it is to merge."""
        shards = self._region.shards
        match effect:
            case Recall(key):
                return {shards.owner(key): seconds}
            case Store(claim):
                return {shards.owner(claim.key): seconds}
            case Merge(claims) if claims:
                numbers = Counter(shards.owner(claim.key) for claim in claims)
                return {shard: number * seconds for shard, number in numbers.items()}
            case Fetch(keys=keys) if keys:
                return dict.fromkeys((shards.owner(key) for key in keys), seconds)
            case _:
                return {shards.first: 0.0 if isinstance(effect, Merge) else seconds}

    def asked(self, silent: str, activity: Activity, effect: Effect[object]) -> object:
        """What an effect comes to now that the shards concerned have had their time; `silent` is one that did not answer."""
        if not silent:
            return self.perform(activity, effect)
        if isinstance(effect, Store):
            self.fall_behind()
        refusal = self._met_silence(silent)
        self.trace.effect(self.simulator.now, self.name, activity.name, effect, refusal, activity.number)
        return refusal

    def _met_silence(self, shard: str) -> Refused:
        self._world.observer.on(ShardSilent(self.name, shard))
        return unavailable(f"{shard} of {self._region.name} does not answer")

    def _ask_objects(self, activity: Activity, effect: Effect[object]) -> None:
        generation = self._breakers.ask(OBJECTS)
        if generation is None:
            refusal = unavailable("the object store has failed too often, and is left alone for a while")
            self.trace.effect(self.simulator.now, self.name, activity.name, effect, refusal, activity.number)
            self._world.observer.on(HeldBack(self.name, OBJECTS))
            self.resume(activity, refusal)
            return

        step = activity.step

        def perform(reply: Reply) -> None:
            changes = isinstance(effect, PutObject | ReplaceObject | DeleteObject)
            reply(self.perform(activity, effect, awaited=changes or activity.step == step))

        def serve(reply: Reply) -> None:
            seconds = (
                self._policy.object_service
                * self._place.slowness
                * self.random_stream.exponential(f"objects/{activity.name}.{activity.step}")
            )
            self.simulator.after(seconds, perform, reply)

        def answered(result: object) -> None:
            self._breakers.settle(OBJECTS, generation, answered=not isinstance(result, Refused))

        self._ask(OBJECTS, activity, effect, serve, answered)

    def _ask_region(self, activity: Activity, effect: CountEntries | SampleKeys | Fetch) -> None:
        def serve(reply: Reply) -> None:
            node = there.node
            if node is not None:
                node.inspect(activity, effect, reply)

        is_own = effect.region == self._region.name
        there = self._place if is_own else self._region.peers[effect.region].in_turn(self._place.number - 1)
        if there is self._place:
            serve(lambda result: self.resume(activity, result))
        else:
            self._ask(there.name, activity, effect, serve)

    def _ask(
        self,
        place: str,
        activity: Activity,
        effect: Effect[object],
        serve: Callable[[Reply], None],
        noted: Reply | None = None,
    ) -> None:
        """Send a request to another place, which serves it whether or not this node still lives; give up after the timeout.

        `noted` gets the result before the program does.
        """
        message = f"{activity.name}.{activity.step}"
        send = self._world.net.send

        def answered(result: object) -> None:
            if result is self._no_answer:
                self.trace.effect(self.simulator.now, self.name, activity.name, effect, result)
            if noted is not None:
                noted(result)
            self.resume(activity, result)

        wait = self._waits.begin(answered)
        send(
            self.name,
            place,
            message,
            serve,
            lambda result: send(place, self.name, message, wait.end, result, content=result),
            content=effect,
        )

    # Handlers: what is done beside what the memory node does.

    def _admitted(self, request: Request, effect: Admit) -> None:
        self._gate.look()
        try:
            self.memory.performers[Admit](effect)
        except Overloaded:
            self._world.observer.on(CoverageMarked("shed"))
            raise
        self.memory.in_flight += 1
        request.admitted = True
        if self._on_admitted is not None:
            self._on_admitted(Admitted(self.name))

    def _logged(self, request: Request, effect: Append) -> Timestamp:
        request.logged = timestamp = self.memory.perform(effect)
        self._journal.rotate_if_full()
        return timestamp

    def _claimed(self, activity: Activity, effect: Store) -> Entry:
        del activity
        if self.memory.store_down:
            self.fall_behind()
        return self.memory.perform(effect)

    def fall_behind(self) -> None:
        """From the first claim that the store does not answer, the log has to be replayed first (ORD-4)."""
        if not self.memory.behind:
            self.memory.behind = True
            self._world.observer.on(FellBehind(self.name))

    def _marked(self, activity: Activity, effect: Mark) -> None:
        del activity
        is_set = self.memory.perform(effect)
        is_of_this_log = (
            self.memory.entries is self._place.entries
        )  # not of one that was lost while this was on its way
        if is_set and is_of_this_log:
            self._world.observer.on(WatermarkSet(self.name, effect.name, effect.value))

    def _levelled(self, activity: Activity, effect: CaughtUp) -> None:
        del activity
        self.memory.perform(effect)
        self._world.observer.on(Levelled(self.name))

    def _observed(self, activity: Activity, effect: Observe) -> None:
        """A replay, or what begins with a snapshot of any region or joins in what was lost, shows the clock what is stored now."""
        self.memory.perform(effect)
        source = activity.peer if isinstance(activity, Replaying) else ""
        self._world.observer.on(ClockObserved(self.name, source, effect.timestamps))

    def _sampled(self, activity: Activity, effect: SampleKeys) -> tuple[Key, ...]:
        self._require_store()
        generator = self.random_stream.generator(f"sample/{activity.name}.{activity.step}")
        return self._region.entries.sample(effect.size, generator)

    def _inspected(self, activity: Activity, effect: Effect[object]) -> object:
        del activity
        self._require_store()
        return self.memory.perform(effect)

    def _require_store(self) -> None:
        """To be counted and compared, a store has to answer with all its tiers."""
        tiered = self.memory.tiered
        _require(not self.memory.store_down and not (tiered and tiered.cold_down), f"the store of {self.name}")

    def _stored_away(self, activity: Activity, effect: Effect[object]) -> object:
        del activity
        self._world.observer.on(ObjectAsked(self.name))
        _require(self._world.objects.serves(self.simulator.now), "the object store")
        result = self.memory.perform(effect)
        if isinstance(result, bytes):
            self._world.observer.on(ObjectFetched(self.name, len(result)))
        return result

    def _queue(self) -> int:
        """How many requests wait for the store: all in flight but those at the disk."""
        return self.memory.in_flight - self._journal.unsettled

    # Durations.

    def _synchronisation(self) -> float:
        """The seconds of the next synchronisation of the log: half of the mean is fixed, half exponential."""
        uniform = self._fsyncs.at(self._synchronisations)
        self._synchronisations += 1
        return self._policy.fsync * (1 + exponential(uniform)) / 2

    def _fsync(self, activity: Activity) -> float:
        """The seconds of another use of the disk."""
        return self._policy.fsync * (1 + self.random_stream.exponential(f"fsync {activity.name}.{activity.step}")) / 2

    def _seconds(self, activity: Activity, effect: Effect[object]) -> float:
        """The seconds that a store takes for an effect, or for each claim that it is to merge."""
        return self._policy.merge if isinstance(effect, Merge) else self._service(activity)

    def _service(self, activity: Activity) -> float:
        if isinstance(activity, Request) and activity.draws:
            return self._policy.service * exponential(activity.draws.uniform(SERVICE))
        return self._policy.service * self.random_stream.exponential(f"service {activity.name}.{activity.step}")


def _require(answers: bool, who: str) -> None:  # noqa: FBT001 - it reads as the condition it is
    if not answers:
        raise unavailable(f"{who} does not answer")
