"""Nodes of a region at one store, in small: what they note of it, whatever order chance gives to their steps.

Every step at the store is atomic, and none of it is taken from the code under test: an entry is a pair, the lesser one stays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from flk.model.protocol_events.observation import END, LATEST, START, ObservedEffect

Entry: TypeAlias = tuple[str, str]
"""A timestamp and a digest."""


@dataclass
class Frame:
    """What is durable in a log: a key, an entry, and whether its node knows that it is claimed."""

    key: str
    entry: Entry
    run: int
    applied: bool = False


@dataclass
class Node:
    """A node: what is in its log, what waits to be logged, which claims are on their way, and which answers."""

    name: str
    skew: int
    records: list[ObservedEffect] = field(default_factory=list)
    clock: int = 0
    runs: int = 0
    up: bool = False
    level: bool = True
    log: list[Frame] = field(default_factory=list)
    admitted: list[tuple[int, str, str]] = field(default_factory=list)
    sent: list[Frame] = field(default_factory=list)
    answered: list[tuple[Frame, Entry]] = field(default_factory=list)
    joining: list[Frame] | None = None
    joined: list[Frame] = field(default_factory=list)

    def note(self, effect: str, result: Any = None, run: int = 0, kind: str = "ingest", **fields: Any) -> None:
        """One record."""
        said = f"{effect} {len(self.records)} of {self.name}"
        self.records.append(ObservedEffect(self.name, run, kind, effect, fields, result, said))


class SharedRegion:
    """A region in which so many steps happen by chance."""

    def __init__(self, random: Random, nodes: int = 2, keys: int = 2, steps: int = 40) -> None:
        self._random = random
        self._keys = [f"k{number}" for number in range(keys)]
        self.nodes = [Node(f"eu.00000{number}", random.randrange(3)) for number in range(1, nodes + 1)]
        self.stored: dict[str, Entry] = {}
        self._latest = 0
        self._late: list[Frame] = []
        self._time = 1
        for node in self.nodes:
            self._start(node)
        doings = (self._admit, self._admit, self._commit, self._land, self._land, self._hear, self._hear)
        rare = (self._lose, self._kill, self._start, self._join, self._join, self._be_late)
        for _ in range(steps):
            self._time += random.randrange(2)
            random.choice((*doings, *doings, *rare))(random.choice(self.nodes))
        for node in self.nodes:  # what was logged in no line is known when its node has recovered
            self._start(node)
            while node.joining is not None:
                self._join(node)

    @property
    def records(self) -> list[ObservedEffect]:
        """Those of one node behind those of another."""
        return [record for node in self.nodes for record in node.records]

    def _store(self, frame: Frame) -> Entry:
        """Insert or get, or take the place of what is later."""
        stored = self.stored.get(frame.key)
        if stored is None or frame.entry < stored:
            self.stored[frame.key] = frame.entry
            self._latest = max(self._latest, int(frame.entry[0], 16))
        elif self._random.random() < 0.2:  # in one step with others that got a place
            self._latest = max(self._latest, int(frame.entry[0], 16))
        return self.stored[frame.key]

    def _admit(self, node: Node) -> None:
        if node.up and node.level:
            node.runs += 1
            node.note("Admit", run=node.runs)
            node.admitted.append((node.runs, self._random.choice(self._keys), self._random.choice("ab")))

    def _commit(self, node: Node) -> None:
        if not (node.up and node.level and node.admitted):
            return
        node.note(LATEST, f"{self._latest:016x}", kind="node")
        node.clock = max(node.clock, self._latest, self._time + node.skew)
        waiting, node.admitted = node.admitted, []
        noted = self._random.randrange(len(waiting) + 1) if self._random.random() < 0.1 else len(waiting)
        for number, (run, key, digest) in enumerate(waiting):
            node.clock += 1
            frame = Frame(key, (f"{node.clock:016x}", digest), run)
            node.log.append(frame)
            node.sent.append(frame)
            if number < noted:
                says = {"tenant": "t", "pcs_id": key, "digest": digest}
                node.note("Append", frame.entry[0], run, payload={"says": says, "signed": True})
        if noted < len(waiting):
            node.sent = [frame for frame in node.sent if frame not in node.log[-len(waiting) :]]
            self._die(node)

    def _land(self, node: Node) -> None:
        """A claim reaches the store, behind those of its key that were sent before."""
        if node.sent:
            frame = self._random.choice(node.sent)
            frame = next(each for each in node.sent if each.key == frame.key)
            node.sent.remove(frame)
            node.answered.append((frame, self._store(frame)))

    def _hear(self, node: Node) -> None:
        if node.up and node.level and node.answered:
            frame, stored = node.answered.pop(0)
            frame.applied = True
            node.note("Store", _entry(stored), frame.run, claim=_claim(frame))
            node.note(END, {"status": 200 if stored[1] == frame.entry[1] else 409}, frame.run)

    def _lose(self, node: Node) -> None:
        """The store does not answer: who waits for it is refused, and the node is behind its log."""
        if node.up and node.level and (node.sent or node.answered) and self._random.random() < 0.3:
            for frame in [*node.sent, *(frame for frame, _ in node.answered)]:
                node.note("Store", {"refused": "ORD-4", "status": 503}, frame.run, claim=_claim(frame))
                node.note(END, {"status": 503}, frame.run)
            self._cut_off(node)
            node.level, node.joining = False, self._due(node)

    def _kill(self, node: Node) -> None:
        if node.up and self._random.random() < 0.3:
            self._die(node)

    def _die(self, node: Node) -> None:
        node.up, node.level, node.admitted, node.joining = False, False, [], None
        self._cut_off(node)

    def _cut_off(self, node: Node) -> None:
        """What is on its way may still arrive, up to some point."""
        self._late += node.sent[: self._random.randrange(len(node.sent) + 1)]
        node.sent, node.answered = [], []

    def _be_late(self, _: Node) -> None:
        if self._late:
            self._store(self._late.pop(0))

    def _start(self, node: Node) -> None:
        if not node.up:
            node.note(START, kind="node")
            node.up, node.runs = True, 0
            node.joining, node.joined = self._due(node), []

    def _due(self, node: Node) -> list[Frame]:
        """What recovery claims: from somewhere before the first frame that is not known to be claimed."""
        first = next((number for number, frame in enumerate(node.log) if not frame.applied), len(node.log))
        node.joined = []
        return node.log[self._random.randrange(first + 1) :]

    def _join(self, node: Node) -> None:
        """Recovery goes on by one claim, and is over behind the last."""
        if not node.up or node.joining is None:
            return
        if node.joining:
            self._store(node.joining[0])
            node.joined.append(node.joining.pop(0))
            return
        for frame in node.joined:
            frame.applied = True
        node.note("ReadSegment", {"bytes": 1}, -1, "recover", name="eu.000001-1")
        node.note("Merge", 0, -1, "recover", claims=[_claim(frame) for frame in node.joined])
        node.note("CaughtUp", None, -1, "recover")
        node.level, node.joining = True, None


def _entry(entry: Entry) -> dict[str, str]:
    return {"timestamp": entry[0], "digest": entry[1], "region": "eu"}


def _claim(frame: Frame) -> dict[str, str]:
    return {"tenant": "t", "pcs_id": frame.key, **_entry(frame.entry)}


Attack: TypeAlias = Callable[[list[ObservedEffect], Random], list[ObservedEffect]]


def dropped(records: Sequence[ObservedEffect], random: Random) -> list[ObservedEffect]:
    """Without one record."""
    at = random.randrange(len(records))
    return [*records[:at], *records[at + 1 :]]


def swapped(records: Sequence[ObservedEffect], random: Random) -> list[ObservedEffect]:
    """With two neighbours of one node in each other's place."""
    at = random.randrange(max(1, len(records) - 1))
    first, second = records[at : at + 2] if len(records) > 1 else (records[0], records[0])
    if first.node != second.node:
        return list(records)
    return [*records[:at], second, first, *records[at + 2 :]]


def altered(records: Sequence[ObservedEffect], random: Random) -> list[ObservedEffect]:
    """With another timestamp, digest or status somewhere."""
    at = random.choice([at for at, record in enumerate(records) if record.result is not None] or [0])
    record = records[at]
    match record.effect, record.result:
        case "Store", {"timestamp": str()}:
            which = random.choice(("timestamp", "digest"))
            told = record.result | {which: _other(record.result[which], random)}
        case _, {"status": int()}:
            told = {"status": random.choice((200, 409, 503, 401))}
        case _, str() as text:
            told = _other(text, random)
        case _:
            told = record.result
    return [*records[:at], record._replace(result=told), *records[at + 1 :]]


def _other(text: str, random: Random) -> str:
    if len(text) < 16:
        return random.choice("ab")
    return f"{max(0, int(text, 16) + random.choice((-3, -2, -1, 1, 2, 3))):016x}"


ATTACKS: Sequence[Attack] = (dropped, swapped, altered)
