"""What nodes did with their logs and each other's, as events of the protocol `replication`.

    Store, or Merge of a frame     write           under the stamp of timestamp and region
      that no Store was seen for
    Merge of its own log           recover         while the node rebuilds its store
    Merge of another's segment     merge           for each claim
    Seal of what was open          seal
    PutObject                      upload
    GetObject of what was put      upload          of a segment whose PutObject a crash cut off
      and no PutObject told
    Mark of a watermark            mark_shipped, mark_replayed
    Marked, past what was marked   the same        a crash cut that Mark off
    Start on a new disk            lose_store
    CaughtUp                       serve           if it was not level

    Merge of a late segment        merge           of its own lost disk's, once the node is level
    Mark of a late segment         mark_replayed

A store of several servers may apply claims of different keys in another order than that of the log. Nobody can tell the orders
apart before the segment is sealed, so writes become events in log order: one that overtook waits for those before it.

Segments are numbered by region, through all its disks. What a lost disk held and nobody else has, is as if it had never been
written: therefore the records are read twice. What it uploaded and no listing showed to its successor, which asked, before that
served, is late: the lost disk counts as a region of its own for it, from which all others take it in, the successor like the rest.
A process that is killed may have done one thing more than it noted: another node sees the upload, and its own next life the
watermark.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flk.model.log.frames import log_of, region_of, sequence_of
from flk.model.protocol_events.observation import END, START, FromElsewhere, ObservedEffect, ProtocolEvent, event, key
from flk.model.protocol_events.replicated_logs import PREFIX, Logs, Place, survey
from flk.model.refusal import Unavailable

SHIPPED, REPLAYED = "shipped", "replayed/"
MARK_REPLAYED = "mark_replayed"


def stamp(entry: Mapping[str, Any]) -> str:
    """A point in the order of entries: text order is that of timestamps, then regions."""
    return f"{entry['timestamp']}.{entry['region']}"


def replication_events(records: Callable[[], Iterable[ObservedEffect]]) -> Iterator[ProtocolEvent]:
    """The events of all nodes; `records` gives all records in order, each time it is called."""
    return _Events(survey(records())).of(records())


@dataclass
class _Node:
    """A region's node: its disk, the segment that is open or will be next, and what tells which steps a record stands for."""

    disk: str
    sequence: int = 1
    open: bool = False
    level: bool = True
    unmarked: set[Place] = field(default_factory=set)
    marked: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    appended: dict[Hashable, tuple[str, int]] = field(default_factory=dict)
    reading: dict[Hashable, str] = field(default_factory=dict)
    pending: dict[str, None] = field(default_factory=dict)
    overtaken: dict[str, Sequence[ProtocolEvent]] = field(default_factory=dict)
    replayed: dict[str, int] = field(default_factory=dict)
    early: dict[str, dict[int, list[ProtocolEvent]]] = field(default_factory=dict)
    until_level: list[ProtocolEvent] = field(default_factory=list)

    def in_log_order(self, stamped: str, told: Sequence[ProtocolEvent]) -> Iterator[ProtocolEvent]:
        """A frame is applied or refused, which these events state: at once, or after the frames before it."""
        if stamped in self.pending or told:
            self.pending.pop(stamped, None)
            self.overtaken[stamped] = told
            yield from self.due()

    def due(self) -> Iterator[ProtocolEvent]:
        """What no frame stands before any more."""
        first = next(iter(self.pending), None)
        for stamped in sorted(self.overtaken):
            if first is None or stamped < first:
                yield from self.overtaken.pop(stamped)

    def in_sequence(self, place: Place, told: ProtocolEvent, *, last: bool) -> Iterator[ProtocolEvent]:
        """An event about a segment of a peer, and if it is the `last`, those that waited for it.

        The log of the next disk may be read before the end of the one before is there: such events wait. What comes again is told
        once; and what steps over a gap of its log is told as it is.
        """
        done = self.replayed.get(place.owner, 0)
        waiting = self.early.setdefault(place.owner, {})
        begun = place.begins or place.number - 1 in waiting
        if place.number > done + 1 and begun:
            waiting.setdefault(place.number, []).append(told)
        elif place.number > done or not last:
            yield told
            while last:
                self.replayed[place.owner] = done = max(done + 1, place.number)
                next_ = waiting.pop(done + 1, [])
                yield from next_
                last = any(each["action"] == MARK_REPLAYED for each in next_)

    def all_due(self) -> Iterator[ProtocolEvent]:
        """Everything, since what is not applied now never will be."""
        self.pending.clear()
        yield from self.due()


class _Events:
    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._source = FromElsewhere()
        self._nodes: dict[str, _Node] = {}
        self._cut_off = logs.cut_off.copy()

    def of(self, records: Iterable[ObservedEffect]) -> Iterator[ProtocolEvent]:
        """The events that records stand for."""
        steps: dict[str, Callable[[ObservedEffect, _Node], Iterator[ProtocolEvent]]] = {
            "Append": self._append,
            "Store": self._store,
            "Merge": self._merge,
            "Seal": self._seal,
            "ReadSegment": self._read,
            "GetObject": self._get,
            "PutObject": self._put,
            "Mark": self._mark,
            "Marked": self._marked,
            "CaughtUp": self._caught_up,
            END: self._end,
        }
        for record in records:
            self._source.see(record)
            if record.effect == START:
                yield from self._start(record)
            elif record.effect in steps and not record.refused:
                yield from steps[record.effect](record, self._nodes[record.region])

    def _start(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        """On a new disk the store is new, too; what is in the object store of the old one, is shipped."""
        node = self._nodes.get(record.region)
        if node is None:
            self._nodes[record.region] = _Node(record.node)
            return
        node.appended.clear()
        node.reading.clear()
        if node.disk != record.node:
            yield from node.all_due()
            for segment in sorted(node.unmarked):
                yield event(record, "mark_shipped", r=segment.owner, g=segment.segment)
            yield event(record, "lose_store", r=record.region)
            self._nodes[record.region] = _Node(record.node, level=False, written=node.written)

    def _append(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        node.open = True
        if record.kind == "ingest":
            node.appended[record.run] = record.result, node.sequence
            node.pending[f"{record.result}.{record.region}"] = None
        yield from ()

    def _store(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        _, sequence = node.appended.get(record.run, ("", node.sequence))
        claim = record.fields["claim"]
        first = next(iter(node.pending), None)
        told: ProtocolEvent = {"stored": {record.region: {key(claim): stamp(record.result)}}}
        known = first == stamp(claim) and not any(node.early.values())
        yield from self._write(record, node, claim, sequence, told if known else None)

    def _write(
        self,
        record: ObservedEffect,
        node: _Node,
        claim: Mapping[str, Any],
        sequence: int,
        told: ProtocolEvent | None = None,
    ) -> Iterator[ProtocolEvent]:
        node.written.add(stamp(claim))
        events = []
        if self._logs.keeps(node.disk, sequence):
            place = self._logs.place(node.disk, sequence)
            seen = told if place.owner == record.region else None
            events = [event(record, "write", seen, r=place.owner, g=place.segment, k=key(claim), s=stamp(claim))]
        yield from node.in_log_order(stamp(claim), events)

    def _merge(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        name = node.reading.get(record.run, "")
        for claim in record.fields["claims"]:
            if self._source.of(record):
                yield from self._replayed(record, node, name, claim)
            elif record.kind == "ingest" or stamp(claim) not in node.written:
                sequence = sequence_of(name) if name else node.sequence
                yield from self._write(record, node, claim, sequence)
            elif not node.level:
                place = self._place(name)
                yield event(record, "recover", r=place.owner, g=place.segment, k=key(claim), s=stamp(claim))

    def _replayed(
        self, record: ObservedEffect, node: _Node, name: str, claim: Mapping[str, Any]
    ) -> Iterator[ProtocolEvent]:
        """A node that is level has all that its region shipped, and takes nothing more from it."""
        place = self._place(name)
        if place.owner != record.region:
            merged = event(
                record, "merge", r=record.region, p=place.owner, g=place.segment, k=key(claim), s=stamp(claim)
            )
            yield from self._taken_in(record, node, name, node.in_sequence(place, merged, last=False))
        elif not node.level:
            yield event(record, "recover", r=place.owner, g=place.segment, k=key(claim), s=stamp(claim))

    def _taken_in(
        self, record: ObservedEffect, node: _Node, name: str, told: Iterator[ProtocolEvent]
    ) -> Iterator[ProtocolEvent]:
        """Steps of replay. Of its region's own, a node may find before it is level what was late to one before it."""
        if node.level or region_of(name) != record.region:
            yield from told
        else:
            node.until_level += told

    def _seal(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        yield from node.all_due()
        if node.open and self._logs.keeps(node.disk, node.sequence):
            place = self._logs.place(node.disk, node.sequence)
            yield event(record, "seal", r=place.owner, g=place.segment)
        node.sequence += node.open
        node.open = False

    def _read(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """Recovery may find a segment that was begun and not seen."""
        name = record.fields["name"]
        node.reading[record.run] = name
        if record.kind == "recover" and sequence_of(name) >= node.sequence:
            node.sequence, node.open = sequence_of(name), True
        yield from ()

    def _get(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        node.reading[record.run] = name = record.fields["name"].removeprefix(PREFIX)
        if name in self._cut_off and record.result is not None:
            yield from self._uploaded(record, name)

    def _put(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        del node
        yield from self._uploaded(record, record.fields["name"].removeprefix(PREFIX))

    def _uploaded(self, record: ObservedEffect, name: str) -> Iterator[ProtocolEvent]:
        self._cut_off.discard(name)
        place = self._place(name)
        self._nodes[region_of(name)].unmarked.add(place)
        yield event(record, "upload", r=place.owner, g=place.segment)

    def _mark(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        yield from self._moved(record, node, record.fields["name"], record.fields["value"])

    def _marked(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """A watermark that is further than was seen was moved by a process that ended before it could tell."""
        mark, segment = record.fields["name"], record.result
        if segment > node.marked.get(mark, ""):
            yield from self._moved(record, node, mark, segment)

    def _moved(self, record: ObservedEffect, node: _Node, mark: str, segment: str) -> Iterator[ProtocolEvent]:
        node.marked[mark] = segment
        if mark == SHIPPED:
            place = self._place(segment)
            node.unmarked.discard(place)
            yield event(record, "mark_shipped", r=place.owner, g=place.segment)
        elif mark.startswith(REPLAYED) and (place := self._place(segment)).owner != record.region:
            marked = event(record, MARK_REPLAYED, r=record.region, p=place.owner, g=place.segment)
            yield from self._taken_in(record, node, segment, node.in_sequence(place, marked, last=True))

    def _caught_up(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        yield from node.all_due()
        if not node.level:
            node.level = True
            yield event(record, "serve", r=record.region)
            yield from node.until_level
            node.until_level.clear()

    def _end(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        node.reading.pop(record.run, None)
        timestamp, _ = node.appended.pop(record.run, ("", 0))
        if timestamp and record.status != Unavailable.status:
            yield from node.in_log_order(f"{timestamp}.{record.region}", ())

    def _place(self, name: str) -> Place:
        return self._logs.place(log_of(name), sequence_of(name))
