"""What nodes did with their logs and each other's, as events of the protocol `replication`.

    Store, or Merge of a frame     write           under the stamp of timestamp and region
      that no Store was seen for
    Merge of its own log           recover         while the node rebuilds its store
    Merge of another's segment     merge           for each claim
    Seal of what was open          seal
    Begin                          seal            of what was open, as for StatePolicies
    StatePolicies                  seal            of what was open, at the first write behind it or the next Seal
    PutObject, but to put back     upload
    GetObject of what was put,     upload          of a segment whose PutObject a crash cut off
      or its name in a listing
    Mark of a watermark            mark_shipped, mark_replayed
      of a snapshot that is read   merge, before it, of all claims up to there; of another region's log once the node serves, since
                                   what it has so early is seen by nobody. The snapshot itself is no step. Nor is a removal: what
                                   is removed is in a snapshot, and in the protocol stays (RET-1)
    Marked, past what was marked   the same        a crash cut that Mark off
    ListObjects, before it serves  find            of each segment in another log of its region
    CaughtUp                       serve           for the first time; find of all there is, if the node did not ask
    Salvage, Truncate              rot             of each claim that was not valid when it was read last, if no object has it;
      or whose loss was accepted                   of each that is not logged again
    Salvage                        salvage         and which claims are in the open segment then

A log is that of a node: one for each disk. What a lost disk held and nobody else has is written, and nothing more comes of it.

A store of several servers may apply claims of different keys in another order than that of the log. Nobody can tell the orders
apart before the segment is sealed, so writes become events in log order: one that overtook waits for those before it.

A process that is killed may have done one thing more than it noted: another node sees the upload, and its own next life the
watermark.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flk.model.log.frames import log_of, region_of, sequence_of
from flk.model.protocol_events.observation import (
    BEGIN,
    END,
    START,
    FromElsewhere,
    ObservedEffect,
    ProtocolEvent,
    event,
    key,
)
from flk.model.protocol_events.uploads import PREFIX, Uploads
from flk.model.refusal import Unavailable
from flk.spec.constants import CONSTANTS

SHIPPED, REPLAYED = "shipped", "replayed/"
SNAPSHOTS = CONSTANTS.snapshot.object_prefix
NOBODYS = "?"
"""The record of a frame that is in a log and was never appended to it."""


def stamp(entry: Mapping[str, Any]) -> str:
    """A point in the order of entries: text order is that of timestamps, then regions."""
    return f"{entry['timestamp']}.{entry['region']}"


def replication_events(records: Callable[[], Iterable[ObservedEffect]]) -> Iterator[ProtocolEvent]:
    """The events of all nodes; `records` gives all records in order."""
    return _Events().of(records())


def _segment(sequence: int) -> str:
    """The name of a segment in the protocol; text order is that of numbers."""
    return f"{sequence:012d}"


@dataclass
class _Node:
    """A node: the segment of its log that is open or will be next, and what tells which steps a record stands for."""

    sequence: int = 1
    open: bool = False
    tells: bool = False  # when it begins a segment
    outgrown: list[int] = field(default_factory=list)  # segments before the open one that are not sealed yet
    since: dict[int, str] = field(default_factory=dict)  # the first timestamp in each, as far as that was told
    level: bool = False
    asked: bool = False
    marked: dict[str, str] = field(default_factory=dict)
    written: dict[str, tuple[str, int]] = field(default_factory=dict)
    appended: dict[Hashable, tuple[str, int]] = field(default_factory=dict)
    reading: dict[Hashable, str] = field(default_factory=dict)
    valid: dict[str, frozenset[str]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    pending: dict[str, None] = field(default_factory=dict)
    overtaken: dict[str, Iterable[ProtocolEvent]] = field(default_factory=dict)
    replayed: dict[str, int] = field(default_factory=dict)
    taken_over: list[tuple[ObservedEffect, str, str]] = field(default_factory=list)

    def in_log_order(self, stamped: str, told: Iterable[ProtocolEvent]) -> Iterator[ProtocolEvent]:
        """A frame is applied or refused, which these events state, drawn only then: at once, or after the frames before it."""
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

    def all_due(self) -> Iterator[ProtocolEvent]:
        """Everything, since what is not applied now never will be."""
        self.pending.clear()
        yield from self.due()

    def begin(self, sequence: int, since: str = "") -> None:
        """Open a segment, unless it is the one that is open."""
        if self.open and sequence > self.sequence:
            self.outgrown.append(self.sequence)
        self.sequence, self.open = max(sequence, self.sequence), True
        self.since[sequence] = since

    def segment_at(self, timestamp: str) -> int:
        """The segment of a frame that is not sealed yet."""
        newest_first = (self.sequence, *reversed(self.outgrown))
        return next((each for each in newest_first if self.since.get(each, "") <= timestamp), newest_first[-1])

    def written_in(self, sequence: int) -> dict[str, str]:
        """The claims that a segment holds, if nothing befell it: the record of each by its stamp."""
        return {stamped: record for stamped, (record, at) in self.written.items() if at == sequence}


class _Events:
    def __init__(self) -> None:
        self._source = FromElsewhere()
        self._uploads = Uploads()
        self._nodes: dict[str, _Node] = {}
        self._homes: set[str] = set()

    def of(self, records: Iterable[ObservedEffect]) -> Iterator[ProtocolEvent]:
        """The events that records stand for."""
        steps: dict[str, Callable[[ObservedEffect, _Node], Iterator[ProtocolEvent]]] = {
            BEGIN: self._begin,
            "Append": self._append,
            "Store": self._store,
            "Merge": self._merge,
            "Seal": self._seal,
            "StatePolicies": self._state,
            "ReadSegment": self._read,
            "Inspect": self._inspect,
            "Salvage": self._salvage,
            "Truncate": self._truncate,
            "ListObjects": self._list,
            "GetObject": self._get,
            "PutObject": self._put,
            "Mark": self._mark,
            "Marked": self._marked,
            "CaughtUp": self._caught_up,
            END: self._end,
        }
        for record in records:
            self._source.see(record)
            self._uploads.see(record)
            if record.effect == START:
                self._start(record)
            elif record.effect in steps and not record.refused:
                for told in steps[record.effect](record, self._nodes[record.node]):
                    yield self._at_home(told)

    def _at_home(self, told: ProtocolEvent) -> ProtocolEvent:
        """The event; the first that names a log also tells its region."""
        logs = {told["arguments"][each] for each in ("n", "p") if each in told["arguments"]} - self._homes
        if not logs:
            return told
        self._homes |= logs
        return told | {"before": {"home": {log: region_of(f"{log}/") for log in sorted(logs)}}}

    def _start(self, record: ObservedEffect) -> None:
        """What ran before is cut off."""
        node = self._nodes.setdefault(record.node, _Node())
        node.appended.clear()
        node.reading.clear()
        node.asked = False
        node.taken_over.clear()

    def _begin(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """The segment before is full, or was under other policies: it takes no more than is on its way, and is sealed later."""
        node.tells = True
        node.begin(sequence_of(record.fields["segment"]), record.fields["since"])
        yield from ()

    def _append(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        node.open = True
        if record.kind == "ingest":
            node.appended[record.run] = record.result, node.segment_at(record.result)
            node.pending[f"{record.result}.{record.region}"] = None
        yield from ()

    def _store(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        _, sequence = node.appended.get(record.run, ("", node.sequence))
        claim = record.fields["claim"]
        told: ProtocolEvent = {"stored": {record.node: {key(claim): stamp(record.result)}}}
        known = next(iter(node.pending), None) == stamp(claim)
        yield from self._write(record, node, claim, sequence, told if known else None)

    def _write(
        self,
        record: ObservedEffect,
        node: _Node,
        claim: Mapping[str, Any],
        sequence: int,
        told: ProtocolEvent | None = None,
    ) -> Iterator[ProtocolEvent]:
        node.written[stamp(claim)] = key(claim), sequence
        written = event(record, "write", told, n=record.node, g=_segment(sequence), k=key(claim), s=stamp(claim))
        yield from node.in_log_order(stamp(claim), self._behind_seals(record, node, sequence, written))

    def _behind_seals(
        self, record: ObservedEffect, node: _Node, sequence: int, written: ProtocolEvent
    ) -> Iterator[ProtocolEvent]:
        """The first write into a segment comes behind the seals of those before it."""
        yield from self._seal_before(record, node, sequence)
        yield written

    def _seal_before(self, record: ObservedEffect, node: _Node, sequence: int) -> Iterator[ProtocolEvent]:
        """What comes into a segment comes behind the seals of those that were outgrown before it."""
        while node.outgrown and node.outgrown[0] < sequence:
            yield event(record, "seal", n=record.node, g=_segment(node.outgrown.pop(0)))

    def _merge(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """Of its own log a node takes in what it has not applied, from an object too; of others' all, as often as it reads it."""
        name = node.reading.get(record.run, "")
        if name.startswith(SNAPSHOTS):
            for claim in record.fields["claims"]:
                if stamp(claim) in node.written and not node.level:
                    _, sequence = node.written[stamp(claim)]
                    yield event(record, "recover", n=record.node, g=_segment(sequence), k=key(claim), s=stamp(claim))
            return
        own = not self._source.of(record)
        for claim in record.fields["claims"]:
            if own and (record.kind == "ingest" or stamp(claim) not in node.written):
                yield from self._write(record, node, claim, sequence_of(name) if name else node.sequence)
                continue
            g, k, s = _segment(sequence_of(name)), key(claim), stamp(claim)
            if not own and log_of(name) != record.node:
                yield event(record, "merge", n=record.node, p=log_of(name), g=g, k=k, s=s)
            elif not node.level:
                yield event(record, "recover", n=record.node, g=g, k=k, s=s)

    def _seal(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        yield from node.all_due()
        for sequence in (*node.outgrown, *((node.sequence,) if node.open else ())):
            yield event(record, "seal", n=record.node, g=_segment(sequence))
        node.outgrown.clear()
        node.since.clear()
        node.sequence += node.open
        node.open = False

    def _state(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """A change of policies begins a segment, which a trace of an earlier format does not tell."""
        del record
        if not node.tells:
            node.begin(node.sequence + node.open)
        yield from ()

    def _read(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """Recovery may find a segment that was begun and not seen; and what is read may not be what was written."""
        name = record.fields["name"]
        node.reading[record.run] = name
        if record.kind == "recover" and sequence_of(name) >= node.sequence:
            node.begin(sequence_of(name))
        if "frames" in record.result:
            valid = frozenset(f"{timestamp}.{record.region}" for timestamp in record.result["frames"])
            node.valid[name] = valid
        yield from ()

    def _inspect(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """Of a segment whose loss was accepted, what can be read is logged again."""
        node.accepted.update(record.result.get("accepted", ()))
        yield from ()

    def _rotten(self, record: ObservedEffect, node: _Node, name: str, valid: frozenset[str]) -> Iterator[ProtocolEvent]:
        """Nothing but these frames is left of a segment."""
        for stamped, about in node.written_in(sequence_of(name)).items():
            if stamped not in valid and not self._uploads.has(name):
                yield from node.all_due()
                del node.written[stamped]
                yield event(record, "rot", n=record.node, g=_segment(sequence_of(name)), k=about, s=stamped)

    def _salvage(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """The frames that were valid, no others, are in the open segment then; of claims, this is told of each."""
        name, sequence = record.fields["name"], sequence_of(record.fields["name"])
        frames = {f"{frame['timestamp']}.{record.region}" for frame in record.fields["frames"]}
        valid = node.valid.get(name, frozenset(frames))
        if name in node.valid or name in node.accepted:
            yield from self._rotten(record, node, name, valid)
        if sequence == node.sequence:
            node.sequence, node.open = sequence + 1, False
        node.outgrown = [each for each in node.outgrown if each != sequence]
        told: dict[str, dict[str, bool]] = {}
        for stamped, about in node.written_in(sequence).items():
            if stamped in valid:
                told.setdefault(about, {})[stamped] = stamped in frames
                node.written[stamped] = about, node.sequence
        for stamped in frames - valid:
            told.setdefault(NOBODYS, {})[stamped] = True
        node.open |= bool(frames)
        yield from self._seal_before(record, node, node.sequence)
        state = {"logged": {record.node: {_segment(node.sequence): told}}} if told else None
        yield event(record, "salvage", state, n=record.node, g=_segment(sequence), h=_segment(node.sequence))

    def _truncate(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """What was not valid behind the last valid frame is cut off."""
        name = record.fields["name"]
        if name in node.valid:
            yield from self._rotten(record, node, name, node.valid[name])

    def _list(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """A node that does not serve yet, and asks for what its region shipped, is to take in what it is shown."""
        names = [full.removeprefix(PREFIX) for full in record.result if full.startswith(PREFIX)]
        for name in filter(self._uploads.was_cut_off, names):
            yield from self._uploaded(record, name)
        if (
            record.kind == "recover"
            and not node.level
            and record.fields["prefix"].startswith(f"{PREFIX}{record.region}.")
        ):
            node.asked = True
            shipped = filter(self._uploads.has, names)  # the others are somebody else's objects
            yield from self._found(record, node, shipped)

    def _found(self, record: ObservedEffect, node: _Node, names: Iterable[str]) -> Iterator[ProtocolEvent]:
        for name in names:
            if log_of(name) != record.node and sequence_of(name) > node.replayed.get(log_of(name), 0):
                yield event(record, "find", n=record.node, p=log_of(name), g=_segment(sequence_of(name)))

    def _get(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        node.reading[record.run] = name = record.fields["name"].removeprefix(PREFIX)
        if record.result is not None and record.fields["name"].startswith(PREFIX) and self._uploads.was_cut_off(name):
            yield from self._uploaded(record, name)

    def _put(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """In the protocol what was shipped stays: to put it back is no step. Nor is what is kept aside, a snapshot, or what met an
        object of somebody else.
        """
        if not record.fields["name"].startswith(PREFIX):
            return
        name = record.fields["name"].removeprefix(PREFIX)
        if not record.result and not self._uploads.was_cut_off(name):
            return
        if name > node.marked.get(SHIPPED, "") or not self._uploads.has(name):
            yield from self._uploaded(record, name)

    def _uploaded(self, record: ObservedEffect, name: str) -> Iterator[ProtocolEvent]:
        self._uploads.told(name)
        yield event(record, "upload", n=log_of(name), g=_segment(sequence_of(name)))

    def _mark(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        if record.result is not False:  # else it stood further on
            yield from self._moved(record, node, record.fields["name"], record.fields["value"])

    def _marked(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """A watermark that is further than was seen was moved by a process that ended before it could tell."""
        mark, segment = record.fields["name"], record.result
        if segment > node.marked.get(mark, ""):
            yield from self._moved(record, node, mark, segment)

    def _moved(self, record: ObservedEffect, node: _Node, mark: str, segment: str) -> Iterator[ProtocolEvent]:
        node.marked[mark] = segment
        if region_of(segment) != record.region and not node.level:
            node.taken_over.append((record, mark, segment))
            return
        if mark == SHIPPED:
            yield event(record, "mark_shipped", n=record.node, g=_segment(sequence_of(segment)))
        elif mark.startswith(REPLAYED) and (log := log_of(segment)) != record.node:
            if record.kind == "recover" or node.reading.get(record.run, "").startswith(SNAPSHOTS):
                yield from self._covered(record, node, log, sequence_of(segment))
            node.replayed[log] = max(node.replayed.get(log, 0), sequence_of(segment))
            yield event(record, "mark_replayed", n=record.node, p=log, g=_segment(sequence_of(segment)))

    def _covered(self, record: ObservedEffect, node: _Node, log: str, last: int) -> Iterator[ProtocolEvent]:
        """A snapshot stands for the replay of a log up to its `last` segment, of which this is all but the end."""
        written = self._nodes[log].written if log in self._nodes else {}
        for sequence in range(node.replayed.get(log, 0) + 1, last + 1):
            for stamped, (about, at) in written.items():
                if at == sequence:
                    yield event(record, "merge", n=record.node, p=log, g=_segment(sequence), k=about, s=stamped)
            if sequence < last:
                yield event(record, "mark_replayed", n=record.node, p=log, g=_segment(sequence))

    def _caught_up(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        """A node that did not ask what its region shipped is to have all of it."""
        yield from node.all_due()
        if not node.level:
            if not node.asked:
                yield from self._found(record, node, self._uploads.of_region(record.region))
            node.level = True
            yield event(record, "serve", n=record.node)
            for marked, mark, segment in node.taken_over:
                yield from self._moved(marked, node, mark, segment)
            node.taken_over.clear()

    def _end(self, record: ObservedEffect, node: _Node) -> Iterator[ProtocolEvent]:
        node.reading.pop(record.run, None)
        timestamp, _ = node.appended.pop(record.run, ("", 0))
        if timestamp and record.status != Unavailable.status:
            yield from node.in_log_order(f"{timestamp}.{record.region}", ())
