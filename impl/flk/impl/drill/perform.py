"""A drill performed: the processes are started, the schedule is kept, the end is judged."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from heapq import merge
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from flk.impl.drill.asking import Held, ask_all, keys_in, timestamps_in
from flk.impl.drill.clients import Book, Clients
from flk.impl.drill.history import Histories, Key, Likeness, StoreLost, read, until
from flk.impl.drill.members import Members
from flk.impl.drill.nodes import Node, ready
from flk.impl.drill.object_store import BUCKET, ObjectStore, Spoiling
from flk.impl.drill.plan import (
    OBJECTS,
    Action,
    Arrival,
    Between,
    Kill,
    LoseStore,
    Plan,
    Resume,
    SpoilObjects,
    Stall,
    Start,
    described,
)
from flk.impl.drill.proxy import Proxies
from flk.impl.keys import load_keys
from flk.impl.server.process import key_file
from flk.model.flow.submission import Submission
from flk.model.programs.examine import examine
from flk.spec.constants import CONSTANTS, Pressure
from flk.spec.errors import UnusableInput

LOOK = 0.1  # seconds from one look for new objects to spoil to the next
TENANT = CONSTANTS.node.default_tenant


class Killed(NamedTuple):
    """A process was killed: when, who used its region, and the timestamps of the region's records in the object store then."""

    action: Kill
    at: float
    users: list[int]
    shipped: frozenset[str]


class Drilled(NamedTuple):
    """What happened, with times in seconds from the start, which was at the wall time `origin`, but for the verdicts on it.

    `held` is what each region answered at the end, `in_objects` are the keys that objects claimed by then, and `once` those that
    were in an object which the drill then spoilt. `ended` names processes that ended by themselves, or not in order. `likely` is
    whether the stores were alike before anybody asked. `traces` are those of every region, one for each disk.
    """

    plan: Plan
    origin: float
    book: Book
    kills: tuple[Killed, ...]
    starts: tuple[tuple[float, str], ...]
    histories: Histories
    over: float
    held: Mapping[str, Mapping[Key, Held]]
    in_objects: frozenset[Key]
    once: frozenset[Key]
    spoilt: int
    ended: tuple[str, ...]
    notes: tuple[tuple[float, str], ...]
    traces: Mapping[str, tuple[Path, ...]]

    @property
    def losses(self) -> list[StoreLost]:
        """The disks that were lost."""
        return [StoreLost(kill.at, kill.action.region, kill.shipped) for kill in self.kills if kill.action.loses]


def perform(
    plan: Plan,
    home: Path,
    tell: Callable[[float, str], None] | None = None,
    draw: Callable[[str], float] | None = None,
) -> Drilled:
    """Perform a drill in an empty directory, which keeps disks, traces and logs of the nodes. `tell` hears what happens when, and
    `draw` gives the chances of objects by name, from 0 to 1.

    Raises UnusableInput if a process cannot be started.
    """
    with ExitStack() as stack:
        return _Drill(plan, home, stack, tell or _silent, draw or partial(_draw, plan.seed)).run()


class _Drill:
    def __init__(
        self,
        plan: Plan,
        home: Path,
        stack: ExitStack,
        tell: Callable[[float, str], None],
        draw: Callable[[str], float],
    ) -> None:
        self._plan = plan
        self._tell = tell
        self._draw = draw
        self._notes: list[tuple[float, str]] = []
        self._kills: list[tuple[Kill, float, list[int], Future[frozenset[str]]]] = []
        self._starts: list[tuple[float, str]] = []
        self._wounded: dict[str, str] = {}
        self._once: set[Key] = set()
        self._ended: list[str] = []
        self._background = stack.enter_context(ThreadPoolExecutor(8, "drill"))
        self._store = ObjectStore()
        stack.callback(self._store.close)
        keys = key_file(home, plan.secret, TENANT)
        self._examine = partial(examine, load_keys(keys))
        self._nodes: dict[str, Node | Members] = {}
        self._proxies = Proxies(self._targets(), Random(f"{plan.seed}/wires"))
        stack.callback(self._proxies.close)
        for way in plan.ways:
            self._proxies.set(way.pair, way.there, way.back, refuse=way.refuse)
        for region in plan.regions:
            environment = self._store.environment(self._proxies.port((region, OBJECTS)))
            options = _options(plan, region, keys)
            self._nodes[region] = (
                Members(region, home, options, environment, plan.nodes, plan.store)
                if plan.store
                else Node(region, home, options, environment)
            )
            stack.callback(self._nodes[region].close)
        self._agents_home = home / "agents"
        self._agents_home.mkdir()
        self._over = threading.Event()
        stack.callback(self._over.set)
        self._began, self._origin = 0.0, 0.0

    def run(self) -> Drilled:
        """All of it."""
        for node in self._nodes.values():
            node.start()
        for node in self._nodes.values():
            node.await_ready()
        self._began, self._origin = time.monotonic(), time.time()
        clients = Clients(
            self._plan, lambda place, region: self._proxies.port((place, region)), self._agents_home, self._now
        )
        self._clients = clients
        try:
            self._keep_to_schedule()
        finally:
            clients.close()
        clients.check()
        self._note("the clients stop; the regions have until then to be alike")
        self._take_back()
        over = self._settle()
        self._over.set()
        spoilt = sum(future.result() for future in self._spoiling)
        found = self._store.objects()  # before anybody is asked, who would log anew, and ship, what is lost
        held = ask_all(self._acknowledged(), {region: node.port for region, node in self._nodes.items()})
        for region, node in self._nodes.items():
            if node.ended is not None:
                self._ended.append(f"{region}: exit code {node.ended}, {'; '.join(node.said[-1:])}")
            elif code := node.stop():
                self._ended.append(f"{region}: exit code {code} when it was told to stop")
        traces = {region: tuple(node.traces) for region, node in self._nodes.items()}
        return Drilled(
            plan=self._plan,
            origin=self._origin,
            book=clients.book,
            kills=tuple(Killed(kill, at, users, shipped.result()) for kill, at, users, shipped in self._kills),
            starts=tuple(self._starts),
            histories=until(read(traces, self._origin), over),
            over=over,
            held=held,
            in_objects=frozenset(keys_in(found, self._examine)),
            once=frozenset(self._once),
            spoilt=spoilt,
            ended=tuple(self._ended),
            notes=tuple(self._notes),
            traces=traces,
        )

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _note(self, what: str) -> None:
        self._notes.append((self._now(), what))
        self._tell(self._now(), what)

    def _keep_to_schedule(self) -> None:
        self._spoiling: list[Future[int]] = []
        plan = self._plan
        due_next: Iterator[tuple[float, int, Arrival | Action]] = merge(
            ((action.at, -1, action) for action in sorted(plan.actions, key=attrgetter("at"))),
            ((arrival.at, number, arrival) for number, arrival in enumerate(plan.arrivals)),
            key=lambda each: each[0],
        )
        for at, number, due in due_next:
            if at >= plan.duration:
                break
            time.sleep(max(0.0, at - self._now()))
            if isinstance(due, Arrival):
                self._clients.give(number, due)
            else:
                self._act(due)
        time.sleep(max(0.0, plan.duration - self._now()))

    def _act(self, action: Action) -> None:
        match action:
            case Kill():
                self._kill(action)
            case Start():
                self._start(action)
            case Stall(region=region):
                self._nodes[region].stall()
                self._note(described(action))
            case Resume(region=region):
                self._nodes[region].resume()
                self._note(described(action))
            case Between(pair=pair):
                self._proxies.set(pair, action.there, action.back, refuse=action.refuse)
                self._note(described(action))
            case LoseStore(region=region):
                node = self._nodes[region]
                assert isinstance(node, Members)  # a plan has this only for regions that share a store
                node.lose_store()
                self._note(described(action))
            case SpoilObjects():
                self._spoiling.append(self._background.submit(self._spoil, action))

    def _kill(self, action: Kill) -> None:
        node = self._nodes[action.region]
        if node.ended is not None:
            self._ended.append(f"{action.region}: exit code {node.ended} before it was to be killed")
        users = self._clients.lose(action.region)
        if action.region_lost:
            node.kill()
        else:
            node.kill_process()
        at = self._now()  # whatever it logged or answered was before
        if action.loses:
            node.lose_disk()
        if action.wound is not None:
            self._wounded[action.region] = node.wound(action.wound, action.which, action.where)
        shipped = self._background.submit(lambda: timestamps_in(self._store.objects(action.region)))
        self._kills.append((action, at, users, shipped))
        wound = f": {self._wounded[action.region]}" if self._wounded.get(action.region) else ""
        self._note(f"{described(action)}{wound}")

    def _start(self, action: Start) -> None:
        if not self._nodes[action.region].is_down:
            return  # another fault has ended before
        for kill, _, _, shipped in self._kills:
            if kill.region == action.region:
                shipped.result()  # what it had shipped when it was lost is known before it ships more
        self._starts.append((self._now(), action.region))
        self._nodes[action.region].start()
        self._note(described(action))
        if segment := self._wounded.pop(action.region, ""):
            self._background.submit(self._accept, action, segment)

    def _accept(self, action: Start, segment: str) -> None:
        """What an operator does who has looked for a segment in vain."""
        if self._over.wait(action.accepts):
            return
        node = self._nodes[action.region]
        if not node.is_down and not ready(node.port):
            node.kill()
            node.start(accept=[segment])
            self._note(f"{action.region} is started again, with the loss of {segment} accepted")

    def _spoil(self, action: SpoilObjects) -> int:
        """Runs until the fault is over; how many objects it spoilt."""

        def seen(objects: Mapping[str, bytes]) -> None:
            self._once |= keys_in(objects, self._examine)

        spoiling = Spoiling(action, self._store, self._draw, seen)
        while self._now() < min(action.end, self._plan.duration):
            spoiling.look()
            if self._over.wait(LOOK):
                break
        spoiling.end()
        became = "for good" if action.for_good else "until now"
        self._note(f"{spoiling.number} objects of {action.region} were {action.spoil} {became}")
        return spoiling.number

    def _take_back(self) -> None:
        """Whatever still holds is over: what is down is started, what is cut is joined again."""
        for way in self._plan.ways:
            self._proxies.set(way.pair, way.there, way.back, refuse=way.refuse)
        for action in self._plan.actions:
            if action.at >= self._plan.duration and isinstance(action, Start | Resume):
                self._act(action)
        for region, node in self._nodes.items():
            try:
                node.await_ready()
            except UnusableInput as error:
                self._ended.append(f"{region}: {error}")

    def _settle(self) -> float:
        """When the stores were seen to be alike, or when the time granted for it was over."""
        until = self._plan.duration + self._plan.settle
        while self._now() < until:
            traces = {region: tuple(node.traces) for region, node in self._nodes.items()}
            losses = [StoreLost(at, kill.region, frozenset()) for kill, at, _, _ in self._kills if kill.loses]
            if not Likeness(self._plan.regions, read(traces, self._origin), losses).differing:
                break
            time.sleep(LOOK * 5)
        return self._now()

    def _acknowledged(self) -> dict[Key, Submission]:
        """What was acknowledged, of what counts: each key once."""
        arrivals = self._plan.arrivals
        return {
            (each.tenant, each.stated.pcs_id): arrivals[each.arrival].submission
            for each in self._clients.book.acknowledged
            if arrivals[each.arrival].counted
        }

    def _targets(self) -> dict[tuple[str, str], Callable[[], int]]:
        """Where every proxy leads."""
        plan = self._plan
        targets: dict[tuple[str, str], Callable[[], int]] = {
            (region, OBJECTS): lambda: self._store.port for region in plan.regions
        }
        for place in dict.fromkeys(agent.place for agent in plan.agents):
            for region in plan.regions:
                targets[place, region] = partial(self._port, region)
        return targets

    def _port(self, region: str) -> int:
        return self._nodes[region].port


def _silent(_at: float, _what: str) -> None:
    """Nobody listens."""


def _draw(seed: int, name: str) -> float:
    return Random(f"{seed}/{name}").random()


def _options(plan: Plan, region: str, keys: Path) -> list[str]:
    """What `flk serve` is told beside data, trace, region and port."""
    every = (
        ("--ship-every", plan.ship_every),
        ("--replay-every", plan.replay_every),
        ("--check-every", plan.check_every),
    )
    options = ["--keys", str(keys), "--objects", f"s3://{BUCKET}", "--log-level", "warning"]
    options += [word for name, seconds in every for word in (name, f"{seconds:g}")]
    options += [f"--peer={other}" for other in plan.regions if other != region]
    for flag, policy in (("--back-pressure", plan.pressure), ("--breaker", plan.breaker)):
        if policy is not None:
            table = "pressure" if isinstance(policy, Pressure) else "breaker"
            numbers: dict[str, float] = msgspec.structs.asdict(policy)
            options += [flag, *(f"--limit={table}.{name}={value}" for name, value in numbers.items())]
    return options
