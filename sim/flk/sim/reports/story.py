"""What of a run led to its first violation: the frames that it is about, whatever handled them, and since when."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from flk.model.log.hlc import Timestamp, text
from flk.sim.checkers.invariants import Violation
from flk.sim.kernel.trace import Line
from flk.sim.reports.recording import Recording
from flk.sim.scenarios.topology import OBJECTS
from flk.sim.world.network import Message

AFTER = 1.0
"""Seconds after the violation that are shown."""
_FRAME = re.compile(r"\b[0-9a-f]{16}\b")
_SEGMENT = re.compile(r"[\w-]+\.\d{6}/\d{12}")
_ON_OBJECTS = ("PutObject", "GetObject", "ListObjects")
_FRAMES_NAMED = 1  # of a segment, on an arrow

Program = tuple[str, str]


class Story(NamedTuple):
    """From when to when, in seconds, and the programs that take part, each by its node and its name: None for all of them."""

    start: float
    end: float
    programs: frozenset[Program] | None = None

    def tells(self, message: Message) -> bool:
        """Whether a message belongs to it."""
        return self.programs is None or any(program in self.programs for program in _programs_of(message))


def first_violation(recording: Recording) -> Violation | None:
    """The violation that came first, if there is one."""
    found = [example for result in recording.run.results for example in result.examples]
    return min(found, key=lambda violation: violation.at, default=None)


def story(recording: Recording) -> Story:
    """What led to the first violation: from the first event that concerns what it is about, or from the fault that was in force or
    had been the last, if that began before. The whole run if nothing is violated.
    """
    duration = float(recording.run.scenario.duration)
    violation = first_violation(recording)
    if violation is None:
        return Story(0.0, duration)
    names = _subjects(recording, violation)
    at_once = {(line.node, line.program) for line in recording.lines if line.t == violation.at}
    programs = at_once | {
        (line.node, line.program) for line in recording.lines if line.t <= violation.at and names & _named(line)
    }
    begun = [line.t for line in recording.lines if (line.node, line.program) in programs]
    tale = Story(0.0, duration, frozenset(programs))
    begun += [message.sent for message in recording.deliveries if tale.tells(message)]
    start = min((moment for moment in begun if moment <= violation.at), default=violation.at)
    before = [fault for fault in recording.run.scenario.faults if fault.start <= violation.at]
    in_force = [fault.start for fault in before if fault.end >= violation.at]
    last = [max(fault.start for fault in before)] if before else []
    return tale._replace(start=min([start, *(in_force or last)]), end=min(duration, violation.at + AFTER))


def labels(recording: Recording) -> dict[Message, str]:
    """What messages carry: the frames of a submission or of a segment, a status, the objects that are asked for."""
    frames = _frames_of_segments(recording.lines)
    logged, posted = _logged(recording.lines), _posted(recording.lines)
    objects: defaultdict[Program, list[Line]] = defaultdict(list)
    for line in recording.lines:
        if line.effect.startswith(_ON_OBJECTS):
            objects[line.node, line.program].append(line)
    told: dict[Message, str] = {}
    for message in recording.deliveries:
        if message.name.startswith("agent."):
            answers = message.receiver.startswith("clients")
            told[message] = posted.get(message.name, "") if answers else logged.get(message.name, "")
        elif OBJECTS in {message.sender, message.receiver}:
            done = [line for program in _programs_of(message) for line in objects[program]]
            at = bisect_left(done, message.sent, key=lambda line: line.t)
            told[message] = _about(done[at], frames, asks=message.receiver == OBJECTS) if at < len(done) else ""
    return told


def _about(line: Line, frames: Mapping[str, Sequence[str]], *, asks: bool) -> str:
    """What a request of an object store carries, or its answer."""
    kind, _, name = line.effect.partition(" ")
    segment = name.removeprefix("crr/")
    carried = [*frames.get(segment, ())]
    more = f" and {len(carried) - _FRAMES_NAMED} more" if len(carried) > _FRAMES_NAMED else ""
    full = f"{short(segment)}: {', '.join(carried[:_FRAMES_NAMED])}{more}" if carried else short(segment)
    told = {
        ("PutObject", True): f"puts {full}",
        ("PutObject", False): "put" if line.result == "True" else "refused",
        ("GetObject", True): f"asks for {short(segment)}",
        ("GetObject", False): full if line.result.endswith("bytes") else "nothing",
        ("ListObjects", True): "lists",
    }
    return told.get((kind, asks), line.result)


def short(segment: str) -> str:
    """A segment's name for people: `eu 1` of the first disk, `eu.2 1` of the second."""
    log, _, number = segment.rpartition("/")
    region, _, disk = log.rpartition(".")
    return (
        f"{region}{'' if int(disk) == 1 else f'.{int(disk)}'} {int(number)}" if _SEGMENT.fullmatch(segment) else segment
    )


def _programs_of(message: Message) -> list[Program]:
    """The programs, by node and name, that a message may belong to: it is named after the effect of one."""
    if message.name.startswith("agent."):
        agent, _, number = message.name.partition("-")
        region = message.sender if message.receiver.startswith("clients") else message.receiver
        return [(region, f"ingest {message.name}"), (agent, f"deliver {number}")]
    program = message.name.rpartition(".")[0]
    return [(message.sender, program), (message.receiver, program)]


def _subjects(recording: Recording, violation: Violation) -> set[str]:
    """The frames and segments that a violation names, or else those of the programs that were at work; and what holds them."""
    names = _names(f"{violation.event} {violation.sentence}")
    if not names:
        here = {line.program for line in recording.lines if (line.t, line.node) == (violation.at, violation.node)}
        names = set[str]().union(
            *(_named(line) for line in recording.lines if line.node == violation.node and line.program in here)
        )
    segments = _frames_of_segments(recording.lines)
    frames = {name for name in names if _FRAME.fullmatch(name)}
    if not frames:
        frames = {frame for name in names for frame in segments.get(name, ())}
    return names | frames | {name for name, held in segments.items() if frames & {*held}}


def _names(told: str) -> set[str]:
    return {*_FRAME.findall(told), *_SEGMENT.findall(told)}


def _named(line: Line) -> set[str]:
    """The frames and segments that an event is about."""
    frame = _frame(line)
    return _names(f"{line.effect} {line.result}") | ({frame} if frame else set())


def _frame(line: Line) -> str:
    """The frame that an event logged in a region; empty if it is another."""
    logs = line.effect.startswith("Append") and line.result.isdecimal() and not line.node.startswith("agent.")
    return text(Timestamp(int(line.result))) if logs else ""


def _frames_of_segments(lines: Iterable[Line]) -> dict[str, tuple[str, ...]]:
    """The frames of each segment that was sealed: those that were logged before, as the name that is marked or put next tells."""
    held: dict[str, tuple[str, ...]] = {}
    opened: defaultdict[str, list[str]] = defaultdict(list)
    sealed: dict[str, list[str]] = {}
    for line in lines:
        if frame := _frame(line):
            opened[line.node].append(frame)
        elif line.effect == "Seal" and opened[line.node]:
            sealed[line.node] = opened.pop(line.node)
        elif line.effect.startswith(("Mark applied=", "PutObject")):
            for name in _SEGMENT.findall(line.effect):
                if name not in held and line.node in sealed:
                    held[name] = tuple(sealed.pop(line.node))
    return held


def _logged(lines: Iterable[Line]) -> dict[str, str]:
    """The frame that each submission became, by the name of its messages."""
    return {line.program.removeprefix("ingest "): frame for line in lines if (frame := _frame(line))}


def _posted(lines: Iterable[Line]) -> dict[str, str]:
    """The status that each submission got, by the name of its messages."""
    return {
        f"{line.node}-{line.program.removeprefix('deliver ')}": line.result for line in lines if line.effect == "Post"
    }
