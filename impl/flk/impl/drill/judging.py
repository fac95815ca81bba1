"""What a drill came to: its measures, as `measures.toml` defines them, and what was lost that must not be."""

from collections.abc import Iterable, Mapping
from math import inf, isinf, isnan, nan

import msgspec
import numpy as np

from flk.impl.drill.asking import unlike
from flk.impl.drill.clients import Acknowledgement
from flk.impl.drill.history import Column, Key, Likeness, Rank, holders, lags
from flk.impl.drill.perform import Drilled, Killed
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.log.hlc import at, text
from flk.model.programs.outbox import Delivery

_MILLISECOND = 0.001  # which is what timestamps count
STEPS = 600  # moments at which lag is followed


class Figure(msgspec.Struct, frozen=True):
    """A measured number, NaN if there was no occasion; `censored` if it had not come to pass by the end: the truth is not less."""

    value: float
    censored: bool = False


class Report(msgspec.Struct, frozen=True):
    """What a drill came to.

    `figures` are by the names of `measures.toml`. `lost` are acknowledged keys that no region had at the end and no object claims;
    `inexcusable` of these had been outside the region that acknowledged them, in an object or another store; the others were on a
    lost disk alone, which is what RPO bounds (CRR-4). `replaced` are acknowledged keys of which the regions hold a later entry
    only, although the acknowledged one was not lost with a disk. `unlike` are keys that regions answered differently for.
    `silent` are questions without an answer.
    """

    figures: Mapping[str, Figure]
    lost: tuple[Key, ...]
    inexcusable: tuple[Key, ...]
    replaced: tuple[Key, ...]
    unlike: tuple[Key, ...]
    silent: int
    grid: tuple[float, ...]
    lag: Mapping[str, tuple[float, ...]]
    acknowledged_at: tuple[float, ...]


def judged(drilled: Drilled) -> Report:
    """The measures of a drill and the verdicts on each key."""
    plan, likeness = drilled.plan, Likeness(drilled.plan.regions, drilled.histories, drilled.losses)
    grid = np.linspace(0.0, plan.duration, STEPS + 1)
    counted = [number for number, arrival in enumerate(plan.arrivals) if arrival.counted]
    promises = _promises(drilled)
    rested = [(kill, _rested(drilled, kill)) for kill in drilled.kills if kill.action.region_lost]
    exposures = [(kill, _exposed(drilled, kill, found)) for kill, found in rested]
    on_lost_disks = {what for kill, found in rested if kill.action.loses for what in found}
    had = {key: [held[key].rank for held in drilled.held.values() if key in held] for key in promises}
    lost = tuple(
        sorted(
            key
            for key, ranks in had.items()
            if not any(ranks) and key not in drilled.in_objects and _answered(drilled, key)
        )
    )
    ever = {event.key for event in drilled.histories.stored if event.region != event.rank.region} | drilled.once
    outside = ever | {key for key, ranks in promises.items() if any((key, rank) not in on_lost_disks for rank in ranks)}
    replaced = tuple(
        sorted(
            key
            for key, ranks in had.items()
            if any(ranks)
            and any(
                all(rank is None or rank > promise for rank in ranks) and (key, promise) not in on_lost_disks
                for promise in promises[key]
            )
        )
    )
    ended = {number: how for number, (_, how) in drilled.book.ended.items()}
    acknowledged_at = sorted(
        at
        for number, (at, how) in drilled.book.ended.items()
        if how is Delivery.ACKNOWLEDGED and plan.arrivals[number].counted
    )
    figures = {
        "rpo": Figure(max((_age(kill, found) for kill, found in exposures), default=nan)),
        "rpo_records": Figure(max((float(len(found)) for _, found in exposures), default=nan)),
        "rto": _worst(_rto(drilled, kill) for kill in drilled.kills),
        "rto_recover": _worst(_recovery(drilled, at, region) for at, region in drilled.starts),
        "heal": _heal(drilled, likeness),
        "lost": Figure(float(len(lost))),
        "lag_max": Figure(0.0),
        "offered": Figure(float(len(counted))),
        "acknowledged": Figure(float(len(acknowledged_at))),
        "dead": Figure(float(sum(ended.get(number) is Delivery.DEAD for number in counted))),
        "undelivered": Figure(float(sum(number not in ended for number in counted))),
        "attempts": Figure(float(sum(plan.arrivals[row.arrival].counted for row in drilled.book.attempts))),
        "moves": Figure(float(len(drilled.book.moves))),
    }
    behind = lags(plan.regions, drilled.histories, drilled.losses, grid)
    figures["lag_max"] = Figure(max((float(column.max()) for column in behind.values()), default=0.0))
    return Report(
        figures=figures,
        lost=lost,
        inexcusable=tuple(key for key in lost if key in outside),
        replaced=replaced,
        unlike=tuple(sorted(unlike(drilled.held, promises))),
        silent=sum(key not in found for found in drilled.held.values() for key in promises),
        grid=tuple(grid.tolist()),
        lag={region: _listed(column) for region, column in behind.items()},
        acknowledged_at=tuple(acknowledged_at),
    )


def _listed(column: Column) -> tuple[float, ...]:
    return tuple(column.tolist())


def _answered(drilled: Drilled, key: Key) -> bool:
    """Whether every region said what it has of a key; one that said nothing may have it."""
    return all(key in held for held in drilled.held.values())


def _promises(drilled: Drilled) -> dict[Key, set[Rank]]:
    """What was acknowledged of each key, of what counts."""
    found: dict[Key, set[Rank]] = {}
    for each in drilled.book.acknowledged:
        if drilled.plan.arrivals[each.arrival].counted:
            found.setdefault(_key(each), set()).add(Rank(each.stated.timestamp, each.stated.region))
    return found


def _key(each: Acknowledgement) -> Key:
    return each.tenant, each.stated.pcs_id


def _rested(drilled: Drilled, kill: Killed) -> dict[tuple[Key, Rank], Acknowledgement]:
    """The entries whose frames only a region's log had when it was lost, not the object store, with their first acknowledgement.

    What was logged before and answered just then may have been acknowledged later. Another region may have the same content by an
    entry of its own.
    """
    region = kill.action.region
    earlier = [loss.at for loss in drilled.losses if loss.region == region and loss.at < kill.at]
    first, last = (text(at(drilled.origin + moment)) for moment in (max(earlier, default=0.0), kill.at + _MILLISECOND))
    found: dict[tuple[Key, Rank], Acknowledgement] = {}
    for each in drilled.book.acknowledged:
        stated = each.stated
        counted = drilled.plan.arrivals[each.arrival].counted and stated.region == region
        if counted and first <= stated.timestamp <= last and stated.timestamp not in kill.shipped:
            found.setdefault((_key(each), Rank(stated.timestamp, stated.region)), each)
    return found


def _exposed(
    drilled: Drilled, kill: Killed, rested: Mapping[tuple[Key, Rank], Acknowledgement]
) -> dict[tuple[Key, Rank], float]:
    """Which of these were acknowledged when the region was lost, and whose content no other region stored; and since when."""
    stores = holders(drilled.histories, drilled.losses, kill.at)
    found = {}
    for what, each in rested.items():
        others = {digest for other, digest in stores.get(what[0], {}).items() if other != kill.action.region}
        if each.at <= kill.at and each.stated.digest not in others:
            found[what] = each.at
    return found


def _age(kill: Killed, found: Mapping[tuple[Key, Rank], float]) -> float:
    return kill.at - min(found.values(), default=kill.at)


def _rto(drilled: Drilled, kill: Killed) -> Figure:
    """Until the last of those who used a region was served again."""
    served = []
    for agent in kill.users:
        tries = (
            row.over
            for row in drilled.book.attempts
            if row.agent == agent and row.sent > kill.at and row.status in ACKNOWLEDGED
        )
        beats = (row.over for row in drilled.book.beats if row.agent == agent and row.sent >= kill.at and row.served)
        served.append(min([*tries, *beats], default=inf))
    last = max(served, default=nan)
    return Figure(drilled.plan.duration - kill.at, censored=True) if isinf(last) else Figure(last - kill.at)


def _recovery(drilled: Drilled, started: float, region: str) -> Figure:
    """From the start of a region's process until its recovery was over."""
    over = min((at for at, where in drilled.histories.recovered if where == region and at >= started), default=inf)
    return Figure(drilled.over - started, censored=True) if isinf(over) else Figure(over - started)


def _heal(drilled: Drilled, likeness: Likeness) -> Figure:
    last = drilled.plan.last_fault
    if isinf(last):
        return Figure(nan)
    seconds = likeness.healed(last)
    return Figure(drilled.over - last, censored=True) if isinf(seconds) else Figure(seconds)


def _worst(found: Iterable[Figure]) -> Figure:
    known = [figure for figure in found if not isnan(figure.value)]
    if not known:
        return Figure(nan)
    return Figure(max(figure.value for figure in known), any(figure.censored for figure in known))
