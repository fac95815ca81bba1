"""Reading traces: of events as they are, of nodes as the events of a protocol (see `flk.model.protocol_events.observation`)."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from flk.model.effects import Effect
from flk.model.protocol_events.ingest import ingest_events
from flk.model.protocol_events.observation import BEGIN, END, LATEST, START, ObservedEffect, ProtocolEvent, nodes_of
from flk.model.protocol_events.replication import replication_events
from flk.model.protocol_events.shared_store import shared_store_events
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

_line = msgspec.json.Decoder(dict[str, Any]).decode
_OWN = frozenset({"line", "format", "node", "program", "kind", "effect", "began", "ended", "result"})
_EFFECTS = frozenset({START, END, LATEST, BEGIN, *(kind.__name__ for kind in Effect.__subclasses__())})


def is_of_nodes(path: Path) -> bool:
    """Whether a file is the trace of a node, as `flk serve --trace` writes it. Raises UnusableInput if it cannot be read."""
    try:
        with path.open("rb") as file:
            first = msgspec.json.decode(file.readline() or b"{}")
    except OSError as error:
        raise UnusableInput(f"{path}: the trace cannot be read: {error.strerror}") from None
    except msgspec.DecodeError:
        return False
    return isinstance(first, dict) and "effect" in first


def unseen(path: Path) -> str:
    """What a node's trace of an earlier format cannot show; nothing, if it is of this one."""
    with path.open("rb") as file:
        first = _line(file.readline())
    if "line" in first:
        return ""
    return f"{path}: a trace of format 1 cannot show that a line is missing, nor that a Store has another key than its Append"


def events_of(paths: Sequence[Path], protocol: str) -> Iterator[ProtocolEvent]:
    """The events of a protocol that traces of nodes tell: of one node for `ingest`, of all that share a store for `shared-store`,
    of all regions together for `replication`.

    Raises UnusableInput for another protocol, more nodes than it is about, and for a line that is not one of such a trace.
    """
    if protocol == "shared-store":
        return shared_store_events(_of_one_region(paths))
    if protocol == "replication":
        in_order = sorted_records(paths)
        return replication_events(lambda: in_order)
    if protocol != "ingest":
        raise UnusableInput(
            f"traces of nodes are validated against ingest, shared-store or replication, not {protocol}"
        )
    nodes = nodes_of(_records(paths))
    if len(nodes) != 1:
        raise UnusableInput(
            f"{', '.join(map(str, paths))}: of {len(nodes)} nodes ({', '.join(nodes)}); give the traces of one node"
        )
    return ingest_events(nodes[0], lambda: _records(paths))


def encoded(events: Iterable[ProtocolEvent]) -> Iterator[bytes]:
    """Events as the lines of a trace."""
    return map(msgspec.json.encode, events)


def sorted_records(paths: Sequence[Path]) -> list[ObservedEffect]:
    """What several nodes did, in an order that can have been: each node's lines as they stand, but for an upload.

    That took place at some moment between its beginning and its end, which another node may have seen: so it counts from the first.
    """
    traces = [sorted(_timed(path), key=_time) for path in paths]
    return [record for _, _, record in heapq.merge(*traces, key=_time)]


def _time(timed: tuple[int, int, ObservedEffect]) -> tuple[int, int]:
    return timed[:2]


def _of_one_region(paths: Sequence[Path]) -> Iterator[ObservedEffect]:
    """All records. Raises UnusableInput where they are of another region than those before."""
    region = ""
    for path in paths:
        for _, _, record in _timed(path):
            if record.region != (region := region or record.region):
                raise UnusableInput(
                    f"{path}: of region {record.region}, and before it {region}; give the traces of one region"
                )
            yield record


def _records(paths: Sequence[Path]) -> Iterator[ObservedEffect]:
    for path in paths:
        for _, _, record in _timed(path):
            yield record


def _timed(path: Path) -> Iterator[tuple[int, int, ObservedEffect]]:
    """The lines of a trace, each with its moment and its number. A last line that is not whole is left out.

    Raises UnusableInput where a line is none, names an unknown effect, or is not the next of its life.
    """
    due = 1
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            try:
                line = _line(text)
                record = _observed(line, f"{path.name}:{number}")
                moment = line["began"] if record.effect == "PutObject" else line["ended"]
            except (msgspec.DecodeError, KeyError) as error:
                if not text.endswith(b"\n"):
                    return
                what = f"a field {error} is missing" if isinstance(error, KeyError) else error
                raise UnusableInput(
                    f"{path}:{number}: this is not a line of a node's trace: {what}; give what flk serve --trace wrote"
                ) from None
            if record.effect not in _EFFECTS:
                raise UnusableInput(
                    f"{path}:{number}: no effect is called {record.effect}: {nearest(record.effect, _EFFECTS)}"
                )
            due = 1 if record.effect == START else due
            if line.get("line", due) != due:
                raise UnusableInput(
                    f"{path}:{number}: line {line['line']} of this life stands where {due} is due: lines are missing, doubled or "
                    "moved; give the whole trace, as it was written"
                )
            due += 1
            yield moment, number, record


def _observed(line: dict[str, Any], note: str) -> ObservedEffect:
    fields = {name: value for name, value in line.items() if name not in _OWN}
    note = f"{note}, {line['effect']} of {line['kind']} {line['program']}"
    return ObservedEffect(line["node"], line["program"], line["kind"], line["effect"], fields, line["result"], note)
