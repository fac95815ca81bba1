"""When records come.

Everyday traffic is one stream of arrivals and each burst adds a stream of its own, so a burst that is taken away moves no other
arrival. Everyday traffic takes the records from the first on, bursts from the last one back; it is over when they meet.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flk.sim.kernel.random_streams import RandomStream, exponentials
from flk.sim.scenarios.faults import Burst, Fault
from flk.sim.scenarios.workload import Workload, agent_homes, agent_tenants
from flk.spec.errors import UnusableInput, writing

Column: TypeAlias = NDArray[np.float64]


class Arrival(NamedTuple):
    """A submission that an agent is given; `fresh` unless it repeats an earlier one. `name` tells it apart in every run of the
    scenario: `17` in everyday traffic, `rush.3` in the burst of that id.
    """

    at: float
    name: str
    submission: int
    agent: int
    fresh: bool


class _Draft(NamedTuple):
    """An arrival that has no record yet."""

    at: float
    name: str
    agent: int
    fresh: bool
    back: float
    burst: bool


def arrivals(
    workload: Workload, faults: Sequence[Fault], duration: float, submissions: int, seed: int
) -> Iterator[Arrival]:
    """All arrivals of a run, in order of time. Raises UnusableInput for a recorded log that cannot be used."""
    if workload.recorded:
        yield from recorded(workload, duration, submissions)
        return
    bursts = [fault for fault in faults if isinstance(fault, Burst)]
    calm = [burst for burst in bursts if burst.factor < 1]
    streams = [_everyday(workload, calm, duration, seed)]
    streams += [_extra(workload, burst, duration, seed) for burst in bursts if burst.factor > 1]
    yield from _with_records(merge(*streams), workload, submissions)


def rate_at(workload: Workload, bursts: Sequence[Burst], moment: float) -> float:
    """Expected arrivals per second at a moment. Each burst adds to everyday traffic, or takes from it."""
    everyday = workload.rate * float(np.interp(moment, *_curve(workload)))
    holding = [burst.factor for burst in bursts if burst.start <= moment < burst.end]
    quieter = float(np.prod([factor for factor in holding if factor < 1]))
    return everyday * (quieter + sum(factor - 1 for factor in holding if factor > 1))


def poisson_bound(expected: float) -> int:
    """How many arrivals of a Poisson process to draw so that there are enough: ten standard deviations more than expected."""
    return int(expected + 10 * expected**0.5 + 100)


def poisson(workload: Workload, start: float, end: float, scale: float, random_stream: RandomStream) -> Column:
    """The moments of a Poisson process that follows `scale` times the workload's rate from `start` to `end`."""
    times, load = cumulative_load(workload, start, end, scale)
    expected = float(load[-1])
    moments: Column = exponentials(random_stream.column(poisson_bound(expected))).cumsum()
    return np.interp(moments[moments < expected], load, times)


def _everyday(workload: Workload, calm: Sequence[Burst], duration: float, seed: int) -> Iterator[_Draft]:
    end = duration if workload.until is None else min(duration, workload.until)
    at = poisson(workload, 0.0, end, 1.0, RandomStream(seed, "arrival"))
    kept = np.ones(at.size, dtype=bool)
    for burst in calm:
        during = (burst.start <= at) & (at < burst.end)
        kept &= ~during | (RandomStream(seed, f"calm/{burst.id}").column(at.size) < burst.factor)
    for draft, keep in zip(_drafts(workload, at, "", seed), kept.tolist(), strict=True):
        if keep:
            yield draft


def _extra(workload: Workload, burst: Burst, duration: float, seed: int) -> Iterator[_Draft]:
    end = min(duration, burst.end, workload.until or duration)
    at = poisson(workload, min(burst.start, end), end, burst.factor - 1, RandomStream(seed, f"arrival/{burst.id}"))
    return _drafts(workload, at, burst.id, seed)


def _drafts(workload: Workload, at: Column, burst: str, seed: int) -> Iterator[_Draft]:
    """The arrivals of one stream, each with its agent and whether it repeats something."""
    stream = f"/{burst}" if burst else ""
    fresh = RandomStream(seed, f"repeat{stream}").column(at.size) >= workload.duplicates
    back = RandomStream(seed, f"which{stream}").column(at.size)
    agents = (RandomStream(seed, f"agent{stream}").column(at.size) * sum(workload.agents.values())).astype(np.int64)
    rows = zip(at.tolist(), agents.tolist(), fresh.tolist(), back.tolist(), strict=True)
    for number, (moment, agent, new, which) in enumerate(rows):
        yield _Draft(moment, f"{burst}.{number}" if burst else str(number), agent, new, which, bool(burst))


def _with_records(drafts: Iterator[_Draft], workload: Workload, submissions: int) -> Iterator[Arrival]:
    """Give each arrival a record: the next one, or one of the latest again."""
    latest: list[int] = []
    first, last = 0, submissions - 1
    for draft in drafts:
        if draft.fresh or not latest:
            if first > last:
                return
            record, first, last = (last, first, last - 1) if draft.burst else (first, first + 1, last)
            latest.append(record)
            yield Arrival(draft.at, draft.name, record, draft.agent, fresh=True)
        else:
            back = rank(draft.back, min(len(latest), workload.duplicate_window), workload.skew)
            yield Arrival(draft.at, draft.name, latest[-1 - back], draft.agent, fresh=False)


def rank(uniform: float, size: int, skew: float) -> int:
    """A rank below `size`: rank k has a probability in proportion to (k + 1)^-skew. `uniform` decides, a number in [0, 1)."""
    if not skew:
        return int(uniform * size)
    reached, total = _weights(size, skew)
    return min(int(np.searchsorted(reached, uniform * total, side="right")), size - 1)


@lru_cache(maxsize=16)
def _weights(size: int, skew: float) -> tuple[Column, float]:
    """The weights of so many ranks, each with those before it; and of all. Repeats ask for the same again and again."""
    weights = np.array([place**-skew for place in range(1, size + 1)])
    return weights.cumsum(), float(weights.sum())


def recorded(workload: Workload, duration: float, submissions: int) -> Iterator[Arrival]:
    """The arrivals of a recorded log, up to the end of the run. A region's agents, or a tenant's among them, take turns.

    A record that came before is a repeat. Raises UnusableInput, which names the file, the line and the fix.
    """
    file = workload.recorded
    homes, tenants = agent_homes(workload.agents), agent_tenants(workload)
    turns: dict[tuple[str, str], int] = {}
    seen: set[int] = set()
    before = 0.0
    for line, row in _rows(file):
        where = f"{file}, line {line}"
        at, record = _number(row, "at", where), _number(row, "record", where)
        if at < before:
            than = "the line before; sort the file by time" if before else "the run, which begins at 0"
            raise UnusableInput(f"{where}: at: {at} is earlier than {than}")
        if record < 0 or record % 1:
            raise UnusableInput(f"{where}: record: {row['record']} is no number of a record; they are 0, 1, 2, ...")
        before = at
        asked = row["region"], row.get("tenant") or ""
        able = [agent for agent, home in enumerate(homes) if home == asked[0] and asked[1] in {"", tenants[agent]}]
        if not able:
            who = f"agent of tenant {asked[1]!r}" if asked[1] else "agent"
            raise UnusableInput(f"{where}: no {who} is near {asked[0]!r}; add one under workload.agents")
        turns[asked] = turns.get(asked, -1) + 1
        if at >= min(duration, workload.until or duration):
            return
        chosen = int(record) % submissions
        yield Arrival(at, str(line - 2), chosen, able[turns[asked] % len(able)], fresh=chosen not in seen)
        seen.add(chosen)


def write(path: str | Path, coming: Iterable[Arrival], workload: Workload) -> None:
    """Write arrivals as a log that `Workload.recorded` reads back: the same records at the same moments near the same regions,
    and for the same tenants if there are several. Raises UnusableInput if the file cannot be written.
    """
    homes, tenants = agent_homes(workload.agents), agent_tenants(workload)
    several = len(workload.tenants) > 1
    columns = ["at", "record", "region", *(["tenant"] if several else [])]
    with writing(path, "the arrivals"), Path(path).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns)
        for arrival in coming:
            row = repr(float(arrival.at)), arrival.submission, homes[arrival.agent], tenants[arrival.agent]
            rows.writerow(row[: len(columns)])


def _rows(file: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their lines."""
    try:
        with Path(file).open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in ("at", "record", "region") if name not in (reader.fieldnames or ())]
            if missing:
                raise UnusableInput(
                    f"{file}, line 1: the column {missing[0]!r} is missing; the first line names the columns"
                )
            yield from ((reader.line_num, row) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput(f"{file}: cannot be read as a log of arrivals: {error}") from None


def _number(row: dict[str, str], field: str, where: str) -> float:
    try:
        value = float(row[field] or "")
    except ValueError:
        raise UnusableInput(f"{where}: {field}: {row[field]!r} is not a number; write one") from None
    if not np.isfinite(value):
        raise UnusableInput(f"{where}: {field}: {row[field]!r} is not a finite number; write one")
    return value


def _curve(workload: Workload) -> tuple[list[float], list[float]]:
    turns = workload.curve
    return ([float(turn.at) for turn in turns] or [0.0], [turn.factor for turn in turns] or [1.0])


def cumulative_load(workload: Workload, start: float, end: float, scale: float) -> tuple[Column, Column]:
    """The moments between which the cumulative load is taken to be straight, and the number of arrivals expected by each.

    Along a slope of the curve the load is a parabola; a hundred chords to each slope follow it closely.
    """
    turns, _ = _curve(workload)
    corners = sorted({start, end, *(at for at in turns if start < at < end)})
    chords = 100 if len(turns) > 1 else 1
    pieces = [np.linspace(a, b, chords + 1) for a, b in pairwise(corners)]
    times = np.unique(np.concatenate([[start], *pieces]))
    rates = workload.rate * scale * np.interp(times, *_curve(workload))
    load = np.concatenate(([0.0], ((rates[1:] + rates[:-1]) / 2 * np.diff(times)).cumsum()))
    return times, load
