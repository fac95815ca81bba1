"""A run for the Perfetto viewer (ui.perfetto.dev), in the trace event format that it reads.

A track for each place: the programs that ran there as slices, from their first effect to their last, with the effects as marks on
them; an arrow for every message; the faults as slices of a track of their own; lag, divergence and entries as counters.
Source: "Trace Event Format", Google, 2016.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TypeAlias

import msgspec

from flk.sim.reports.recording import Recording
from flk.sim.scenarios.topology import clients_of, places
from flk.spec.errors import writing

Event: TypeAlias = dict[str, object]
_FAULTS = 1


def events(recording: Recording) -> Iterator[Event]:
    """The trace events, each track introduced before its first event."""
    scenario = recording.run.scenario
    tracks = {p: number for number, p in enumerate(places(scenario.regions, scenario.layout.nodes), _FAULTS + 1)}
    yield _named(_FAULTS, "faults")
    for place, number in tracks.items():
        yield _named(number, place)
    yield from _faults(recording)
    yield from _programs(recording, tracks)
    yield from _messages(recording, tracks)
    yield from _counters(recording)


def write(recording: Recording, path: str | Path) -> None:
    """Write the file. Raises UnusableInput if that cannot be."""
    content = msgspec.json.encode({"displayTimeUnit": "ms", "traceEvents": list(events(recording))})
    with writing(path, "the trace"):
        Path(path).write_bytes(content)


def _named(process: int, name: str) -> Event:
    return {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": name}}


def _faults(recording: Recording) -> Iterator[Event]:
    for row, fault in enumerate(recording.run.scenario.faults, 1):
        yield {"ph": "M", "name": "thread_name", "pid": _FAULTS, "tid": row, "args": {"name": fault.id}}
        yield {
            "ph": "X",
            "name": fault.effect,
            "cat": fault.kind,
            "pid": _FAULTS,
            "tid": row,
            "ts": _micro(fault.start),
            "dur": _micro(fault.duration),
        }


def _programs(recording: Recording, tracks: dict[str, int]) -> Iterator[Event]:
    """Each program as a slice of a thread of its own, its effects as instants on it."""
    spans: dict[tuple[str, str], list[float]] = {}
    for line in recording.lines:
        place = _place(line.node, tracks)
        if place is not None:
            spans.setdefault((place, line.program), []).append(line.t)
    threads = {span: number for number, span in enumerate(spans, 1)}
    for (place, program), moments in spans.items():
        where = {"pid": tracks[place], "tid": threads[place, program]}
        yield {"ph": "M", "name": "thread_name", **where, "args": {"name": program}}
        yield {
            "ph": "X",
            "name": program,
            "cat": "program",
            **where,
            "ts": _micro(moments[0]),
            "dur": max(1.0, _micro(moments[-1] - moments[0])),
        }
    for line in recording.lines:
        place = _place(line.node, tracks)
        if place is not None:
            where = {"pid": tracks[place], "tid": threads[place, line.program]}
            args = {"result": line.result}
            yield {
                "ph": "i",
                "s": "t",
                "name": line.effect,
                "cat": "effect",
                **where,
                "ts": _micro(line.t),
                "args": args,
            }


def _messages(recording: Recording, tracks: dict[str, int]) -> Iterator[Event]:
    numbers = count(1)
    for message in recording.deliveries:
        sent = {"pid": tracks[message.sender], "tid": 0, "ts": _micro(message.sent)}
        name = message.name if message.arrives else f"{message.name} (lost)"
        yield {"ph": "X", "name": f"send {name}", "cat": "message", "dur": 1, **sent}
        for arrival in message.arrives:
            number = next(numbers)
            there = {"pid": tracks[message.receiver], "tid": 0, "ts": _micro(arrival)}
            yield {"ph": "X", "name": f"receive {name}", "cat": "message", "dur": 1, **there}
            yield {"ph": "s", "id": number, "name": "message", "cat": "message", **sent}
            yield {"ph": "f", "bp": "e", "id": number, "name": "message", "cat": "message", **there}


def _counters(recording: Recording) -> Iterator[Event]:
    measures = recording.run.measures
    for lag in measures.lags:
        name = f"lag {lag.source} to {lag.target}, s"
        for moment, age in zip(measures.grid.tolist(), lag.age.tolist(), strict=True):
            yield _counter(name, moment, age)
    for moment, level in zip(measures.divergence.at.tolist(), measures.divergence.level.tolist(), strict=True):
        yield _counter("keys that differ", moment, level)


def _counter(name: str, moment: float, value: float) -> Event:
    return {"ph": "C", "name": name, "pid": _FAULTS, "tid": 0, "ts": _micro(moment), "args": {"value": value}}


def _place(node: str, tracks: dict[str, int]) -> str | None:
    """The track of a line: a region is its own, an agent's is that of the clients near its region."""
    if node in tracks:
        return node
    kind, _, rest = node.partition(".")
    place = clients_of(rest.rpartition(".")[0]) if kind == "agent" else ""
    return place if place in tracks else None


def _micro(seconds: float) -> float:
    return round(seconds * 1e6, 3)
