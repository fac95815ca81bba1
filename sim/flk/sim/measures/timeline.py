"""A run as a list of moments, for people."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from flk.sim.scenarios.faults import Fault

GATHER = 30.0  # moves between the same regions that are closer than this, in seconds, make one line


class Moment(msgspec.Struct, frozen=True):
    """Something a reader of the timeline wants to know."""

    at: float
    where: str
    what: str


class Move(NamedTuple):
    """An agent left a region for another."""

    at: float
    agent: str
    region: str
    to: str


def timeline(
    faults: Iterable[Fault], moments: Iterable[Moment], moves: Sequence[Move], caught_up: Iterable[tuple[float, str]]
) -> tuple[Moment, ...]:
    """Everything of note, in order of time."""
    marks = chain.from_iterable(
        (Moment(fault.start, fault.id, f"begins: {fault.effect}"), Moment(fault.end, fault.id, "ends"))
        for fault in faults
    )
    level = (Moment(at, region, "caught up with the other regions") for at, region in caught_up)
    return tuple(sorted(chain(marks, moments, _gathered(moves), level), key=lambda moment: moment.at))


def _gathered(moves: Sequence[Move]) -> list[Moment]:
    """Moves between the same two regions soon after one another, as one line."""
    groups: dict[tuple[str, str], list[list[Move]]] = {}
    for move in moves:
        runs = groups.setdefault((move.region, move.to), [])
        if runs and move.at - runs[-1][-1].at < GATHER:
            runs[-1].append(move)
        else:
            runs.append([move])
    return [
        Moment(run[-1].at, region, f"{len(run)} agent{'s' * (len(run) > 1)} moved to {to}")
        for (region, to), runs in groups.items()
        for run in runs
    ]
