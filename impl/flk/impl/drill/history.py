"""What the stores and logs of a drill's nodes went through, from the nodes' own traces: who stored what when, lag, and likeness."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Column: TypeAlias = NDArray[np.float64]
Key: TypeAlias = tuple[str, str]
"""Tenant and id."""

_line = msgspec.json.Decoder(dict[str, Any]).decode


class Rank(NamedTuple):
    """What decides between entries of a key: the lower one counts (CRR-1)."""

    timestamp: str
    region: str


class Stored(NamedTuple):
    """A region joined a claim into its store."""

    at: float
    region: str
    key: Key
    rank: Rank
    digest: str


class StoreLost(NamedTuple):
    """A region's disk is gone, with store and log; `kept` are the timestamps of its records that the object store had."""

    at: float
    region: str
    kept: frozenset[str]


class Histories(NamedTuple):
    """What traces tell, in order of time: claims joined into stores, when records were durable, and when recoveries were over."""

    stored: tuple[Stored, ...]
    logged: Mapping[Rank, float]
    recovered: tuple[tuple[float, str], ...]


def read(traces: Mapping[str, Sequence[Path]], origin: float) -> Histories:
    """The histories of regions, from the traces of each; moments are seconds since `origin`, a wall time in seconds."""
    stored: list[Stored] = []
    logged: dict[Rank, float] = {}
    recovered: list[tuple[float, str]] = []
    for region, paths in traces.items():
        for line in _lines(paths):
            at, result = line["ended"] / 1e9 - origin, line["result"]
            if isinstance(result, dict) and ("refused" in result or "error" in result):
                continue
            match line["effect"]:
                case "Append" if line["kind"] == "ingest":
                    logged[Rank(result, region)] = at
                case "Store":
                    stored.append(_claim(at, region, line["claim"]))
                case "Merge":
                    stored += [_claim(at, region, claim) for claim in line["claims"]]
                case "End" if line["kind"] == "recover":
                    recovered.append((at, region))
    return Histories(tuple(sorted(stored)), logged, tuple(sorted(recovered)))


def until(histories: Histories, moment: float) -> Histories:
    """What they tell of the time before a moment."""
    return Histories(
        tuple(each for each in histories.stored if each.at < moment),
        {rank: at for rank, at in histories.logged.items() if at < moment},
        tuple(each for each in histories.recovered if each[0] < moment),
    )


class Likeness:
    """Which keys the regions do not store alike, over time: `spells` are the times in which a key differed, to infinity if
    it does at the end.

    `differing` are those that differ at the end, `stores` what each region has by then.
    """

    def __init__(self, regions: Sequence[str], histories: Histories, losses: Iterable[StoreLost]) -> None:
        self.stores: dict[str, dict[Key, tuple[Rank, str]]] = {region: {} for region in regions}
        self._since: dict[Key, float] = {}
        self.spells: list[tuple[float, float]] = []
        events: list[Stored | StoreLost] = [*histories.stored, *losses]
        for event in sorted(events, key=lambda each: each.at):
            if isinstance(event, StoreLost):
                keys = list(self.stores[event.region])
                self.stores[event.region].clear()
                for key in keys:
                    self._look(key, event.at)
                continue
            store = self.stores[event.region]
            held = store.get(event.key)
            if held is None or event.rank < held[0]:
                store[event.key] = event.rank, event.digest
                self._look(event.key, event.at)
        self.differing = len(self._since)
        self.spells += [(since, inf) for since in self._since.values()]

    def healed(self, moment: float) -> float:
        """The longest that a key which differed at a moment went on to; infinite if one never became alike."""
        return max((until - moment for since, until in self.spells if since <= moment < until), default=0.0)

    def _look(self, key: Key, at: float) -> None:
        found = {store.get(key, (None, ""))[0] for store in self.stores.values()}
        if len(found) > 1:
            self._since.setdefault(key, at)
        elif key in self._since:
            self.spells.append((self._since.pop(key), at))


def holders(histories: Histories, losses: Iterable[StoreLost], at: float) -> dict[Key, dict[str, str]]:
    """Which regions stored what of each key at a moment: the digest by region."""
    found: dict[Key, dict[str, str]] = {}
    gone = {loss.region: loss.at for loss in losses if loss.at <= at}
    ranks: dict[tuple[Key, str], Rank] = {}
    for event in histories.stored:
        if event.at > at or event.at < gone.get(event.region, -inf):
            continue
        if event.rank <= ranks.get((event.key, event.region), event.rank):
            ranks[event.key, event.region] = event.rank
            found.setdefault(event.key, {})[event.region] = event.digest
    return found


def lags(regions: Sequence[str], histories: Histories, losses: Sequence[StoreLost], grid: Column) -> dict[str, Column]:
    """The age in seconds of the oldest record of any log that each region's store lacks, at each moment of a grid.

    A store that was lost lacks everything, its own log too, until it is merged again; but not what only its own disk had.
    """
    applied: dict[tuple[str, Rank], list[float]] = {}
    for event in histories.stored:
        applied.setdefault((event.region, event.rank), []).append(event.at)
    claimed = {rank: at for rank, at in histories.logged.items() if any((each, rank) in applied for each in regions)}
    found = {}
    for target in regions:
        lost = sorted(loss.at for loss in losses if loss.region == target)
        missing = sorted(
            span
            for rank, at in claimed.items()
            for span in _missing(at, applied.get((target, rank), ()), lost, _given_up(rank, at, losses))
        )
        age = np.zeros_like(grid)
        free = np.ones(grid.size, dtype=bool)
        for since, logged, until in ((since, logged, until) for logged, since, until in missing):
            inside = free & (grid >= since) & (grid < until)
            age[inside] = grid[inside] - logged
            free &= ~inside
        found[target] = age
    return found


def _missing(
    logged: float, applied: Sequence[float], lost: Sequence[float], given_up: float
) -> Iterator[tuple[float, float, float]]:
    """When a store lacked a record: when it was logged, since when and until when it was missing there."""
    for since, end in zip([logged, *lost], [*lost, inf], strict=True):
        if end <= logged:
            continue
        begun = max(since, logged)
        until = min((at for at in applied if since <= at < end), default=end)
        if (stop := min(until, given_up)) > begun:
            yield logged, begun, stop


def _given_up(rank: Rank, at: float, losses: Iterable[StoreLost]) -> float:
    """When a record was lost with the disk that alone had it; never, if the object store had it."""
    own = (loss.at for loss in losses if loss.region == rank.region and loss.at >= at)
    first = min(own, default=inf)
    kept = any(loss.at == first and rank.timestamp in loss.kept for loss in losses)
    return inf if kept else first


def _lines(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The whole lines of traces; the last one of a process that was killed may not be."""
    for path in paths:
        if path.exists():
            for text in path.read_bytes().splitlines(keepends=True):
                if text.endswith(b"\n"):
                    yield _line(text)


def _claim(at: float, region: str, told: Mapping[str, str]) -> Stored:
    return Stored(at, region, (told["tenant"], told["pcs_id"]), Rank(told["timestamp"], told["region"]), told["digest"])
