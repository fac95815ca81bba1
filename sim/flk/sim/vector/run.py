"""A run of the vector tier."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from math import ceil, nan
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flk.model.record.signing import Keyring
from flk.sim.clients.records import Records
from flk.sim.kernel.programs import MODEL
from flk.sim.kernel.trace import Trace
from flk.sim.measures.measures import GRID
from flk.sim.measures.series import Reading, quantiles, staleness
from flk.sim.measures.slo import Figures, Objective, objectives
from flk.sim.nodes.node import Node
from flk.sim.nodes.region import Place
from flk.sim.run_loop import OnProgress, RunLoop, contents_of
from flk.sim.scenarios.faults import DiskStall, SlowDisk, SlowStore
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.sim.vector import columns
from flk.sim.vector.array_node import ArrayNode
from flk.sim.vector.bookkeeping import Bookkeeping, Checked
from flk.sim.vector.plan import Column, NotExact, require_exact
from flk.sim.vector.request_arrays import ArrivalDealer, RequestArrays
from flk.sim.vector.streams import STREAM, Stream, stream_names, streams, used_up
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict, worst

SIZE = 4096
"""Bytes that a logged record has at most, unless more is known."""


class Latency(NamedTuple):
    """The latency of what was answered, in seconds. Mean and maximum are exact; a quantile is within `columns.ACCURACY` (0.4 %) of
    the one that the message tier computes, for latencies from half a microsecond to some two thousand seconds.
    """

    answers: int
    mean: float
    p50: float
    p95: float
    p99: float
    most: float


class Lag(NamedTuple):
    """How old the oldest record of `source` was that `target` did not have, at each moment of the grid, in seconds."""

    source: str
    target: str
    seconds: Column


class Exposure(NamedTuple):
    """What the loss of a region would lose, at each moment of the grid: the age in seconds of the oldest record in its log that was
    answered and is not in the object store, and how many there are.
    """

    region: str
    seconds: Column
    records: NDArray[np.int64]


class Requests(NamedTuple):
    """What became of each request, in order of its region's log: its name, and when it was sent, logged, claimed and answered."""

    names: tuple[str, ...]
    sent: Column
    logged: Column
    claimed: Column
    answered: Column


class VectorRun(NamedTuple):
    """A run of the vector tier. Of `requests` only what was answered by the end of the run counts as answered.

    `goodput` are answers in each second; `grid` are the moments of `lags` and `exposures`. `digest` names all control events.
    """

    scenario: Scenario
    seed: int
    digest: str
    events: int
    offered: int
    logged: int
    answered: int
    synchronisations: int
    segments: int
    latency: Latency
    goodput: NDArray[np.int64]
    grid: Column
    lags: tuple[Lag, ...]
    exposures: tuple[Exposure, ...]
    checks: tuple[Checked, ...]
    escalation: float
    requests: Mapping[str, Requests]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any invariant or objective."""
        return worst([*(row.verdict for row in self.checks), *(row.verdict for row in self.objectives)])

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives of the scenario, by the rules of the message tier. No request fails in what this tier computes. Where the
        target of a latency lies within the error of its quantile, it is undecided.
        """
        slo, lags = self.scenario.slo, [quantiles(lag.seconds).p95 for lag in self.lags]
        return objectives(
            slo,
            Figures(
                latency_p95=_within_error(self.latency.p95, slo.latency_p95),
                escalation=Reading(self.escalation),
                errors=Reading(0.0 if self.answered else nan),
                lag_p95=Reading(max(lags)) if lags else None,
            ),
        )


def run(
    scenario: Scenario,
    seed: int | None = None,
    *,
    records: int | None = None,
    requests: int | None = None,
    size: int = SIZE,
    escalation: float = 0.0,
    keep: bool = False,
    trace: BinaryIO | None = None,
    on_progress: OnProgress | None = None,
) -> VectorRun:
    """Run a scenario, to the same moments as the message tier and within its rounding errors.

    `records` is how many records there are to give out, each of at most `size` bytes (None: as many as are asked for), `requests` a
    limit to everyday arrivals; `escalation` is the share of them that is escalated (NaN if not known). With `keep` the result tells
    of every request; `trace` is written the control events. Raises UnusableInput for a scenario that cannot be meant, and NotExact
    for one that this tier cannot compute.
    """
    for error in validation_errors(scenario):
        raise UnusableInput(f"scenario {scenario.name!r}: {error.field}: {error.message}")
    require_exact(scenario)
    seed = scenario.seed if seed is None else seed
    cut = np.inf if records is None else used_up(streams(scenario, seed, requests), records)
    tier = ArrayTier(scenario, seed, streams(scenario, seed, requests), cut, Trace(trace), keep=keep)
    with closing(tier):
        tier.play(on_progress)
    return tier.outcome(size, escalation)


class ArrayTier:
    """Requests as arrays: a run under way, in the loop that the message tier has, too."""

    def __init__(
        self, scenario: Scenario, seed: int, found: Sequence[Stream], cut: float, trace: Trace, *, keep: bool
    ) -> None:
        records = Records(scenario, (), Keyring({}), None, seed)
        self._loop = RunLoop(scenario, records, seed=seed, trace=trace, programs=MODEL)
        self._scenario = scenario
        self._keep = keep
        self._arrays = {name: RequestArrays(name, scenario, seed, keep=keep) for name in scenario.regions}
        self._dealer = ArrivalDealer(scenario, tuple(self._arrays.values()), found, cut)
        self._bookkeeping = Bookkeeping(scenario.regions)

    def new_node(self, place: Place) -> Node:
        """A node whose requests are arrays."""
        return ArrayNode(place, self._arrays[place.name], self._dealer, self._bookkeeping)

    def play(self, on_progress: OnProgress | None) -> None:
        """From the first event to the last."""
        self._loop.play(self, contents_of(()), on_progress)
        for arrays in self._arrays.values():
            self._dealer.reach(arrays, self._scenario.duration, self._scenario.duration)

    def close(self) -> None:
        """Draw no more arrivals."""
        self._dealer.close()

    def feed(self) -> None:
        """Requests come by themselves. What changes the pace of a region changes its request arrays right after the region."""
        for fault in self._scenario.faults:
            if isinstance(fault, DiskStall | SlowDisk | SlowStore):
                for at in (fault.start, fault.end):
                    self._loop.simulator.after(at, self._refresh, fault.region)

    def attempts(self) -> int:
        """How many requests have been logged."""
        return sum(int(arrays.state["logged"]) for arrays in self._arrays.values())

    def _refresh(self, region: str) -> None:
        node = self._loop.places[region].node
        assert isinstance(node, ArrayNode)
        node.refresh()

    def outcome(self, size: int, escalation: float) -> VectorRun:
        """What the run amounts to. Raises NotExact if a request met what this tier cannot follow."""
        self._screen(size)
        all_arrays = self._arrays.values()
        grid = np.arange(0.0, self._scenario.duration + GRID / 2, GRID)
        states = [arrays.state for arrays in all_arrays]
        return VectorRun(
            scenario=self._scenario,
            seed=self._loop.seed,
            digest=self._loop.world.trace.digest(),
            events=self._loop.simulator.events,
            offered=self._dealer.offered,
            logged=sum(int(state["logged"]) for state in states),
            answered=sum(int(state["answered"]) for state in states),
            synchronisations=sum(arrays.synchronisations for arrays in all_arrays),
            segments=sum(map(len, self._bookkeeping.logs.values())),
            latency=_latency(list(all_arrays)),
            goodput=np.sum([arrays.answers for arrays in all_arrays], axis=0),
            grid=grid,
            lags=tuple(self._lag(a, b, grid) for a in self._arrays for b in self._arrays if a != b),
            exposures=tuple(self._exposure(region, grid) for region in self._arrays),
            checks=self._checked(),
            escalation=escalation,
            requests={name: self._requests(arrays) for name, arrays in self._arrays.items()} if self._keep else {},
        )

    def _screen(self, size: int) -> None:
        policy, end = self._scenario.policy, self._scenario.duration
        for name, arrays in self._arrays.items():
            slowest, full = max(float(arrays.state["slowest"]), end - arrays.pending), float(arrays.state["full"])
            if slowest > policy.retry.timeout_seconds:
                raise NotExact(
                    f"an answer of {name} took {slowest:.1f} s, and its agent would have sent the request again"
                )
            if full < np.inf:
                raise NotExact(f"{name} would turn a request away at {full:.3f} s; raise policy.max_in_flight")
            frames = max([int(arrays.state["segment"]), *(one.content.frames for one in self._bookkeeping.logs[name])])
            if frames * size > policy.segment_bytes:
                raise NotExact(f"a segment of {name} may be full with {frames} frames; raise policy.segment_bytes")
        if self._loop.observers.recorder.moves:
            move = self._loop.observers.recorder.moves[0]
            raise NotExact(
                f"{move.agent} leaves {move.region} at {move.at:.3f} s, since its probes were not answered in time"
            )

    def _lag(self, source: str, target: str, grid: Column) -> Lag:
        segments = self._bookkeeping.logs[source]
        logged = [one.content.logged for one in segments]
        applied = [one.applied.get(target, np.inf) for one in segments]
        return Lag(source, target, self._age(source, logged, applied, grid, "segment_logged"))

    def _exposure(self, region: str, grid: Column) -> Exposure:
        segments = self._bookkeeping.logs[region]
        uploaded = np.array([np.inf if one.uploaded is None else one.uploaded for one in segments])
        claimed = [one.content.claimed for one in segments]
        safe = np.cumsum([0, *(one.content.frames for one in segments)])
        answered = np.concatenate([[0], np.cumsum(self._arrays[region].claimed)])[: grid.size]
        records = answered - safe[np.searchsorted(np.maximum.accumulate(uploaded), grid, side="right")]
        return Exposure(region, self._age(region, claimed, uploaded.tolist(), grid, "segment_claimed"), records)

    def _age(self, region: str, began: Sequence[float], over: Sequence[float], grid: Column, opened: str) -> Column:
        """The age of the oldest thing that had begun and was not over; the open segment is not."""
        state = self._arrays[region].state
        open_ = [float(state[opened])] if state["segment"] else []
        return staleness(np.array([*began, *open_]), np.array([*over, *(np.inf for _ in open_)]), grid)

    def _checked(self) -> tuple[Checked, ...]:
        states = [arrays.state for arrays in self._arrays.values()]
        logged = sum(int(state["logged"]) for state in states)
        waiting = sum(int(state["known"] - state["first"]) for state in states)
        kept = sum(one.content.frames for log in self._bookkeeping.logs.values() for one in log)
        open_ = sum(int(state["segment"]) for state in states)
        rows = (
            (
                "durable-after-arrival",
                "a frame is durable after it has arrived, claimed after that (WAL-1)",
                "undurable",
            ),
            ("claims-in-log-order", "claims reach the store in the order of their frames (DUP-6)", "unordered"),
            ("answered-after-claim", "a request is answered after it was claimed (DUP-2)", "unclaimed"),
        )
        broken = [Checked(name, text, logged, sum(int(state[count]) for state in states)) for name, text, count in rows]
        lost = int(self._dealer.offered != logged + waiting) + int(logged != kept + open_)
        whole = Checked(
            "none-lost", "every request waits or is in one segment, every frame once", self._dealer.offered, lost
        )
        opened = {
            name: float(arrays.state["segment_claimed"])
            for name, arrays in self._arrays.items()
            if arrays.state["segment"]
        }
        return (*broken, whole, *self._bookkeeping.checked(), self._bookkeeping.convergence(self._scenario, opened))

    def _requests(self, arrays: RequestArrays) -> Requests:
        rows = np.concatenate([np.empty((columns.COLUMNS, 0)), *arrays.done], axis=1)
        begins = stream_names(self._scenario)
        streams_, numbers = np.divmod(rows[columns.DONE_NAME], STREAM)
        pairs = zip(streams_.astype(int).tolist(), numbers.astype(int).tolist(), strict=True)
        return Requests(tuple(f"{begins[stream]}{number}" for stream, number in pairs), *rows[1:])


def _latency(all_arrays: Sequence[RequestArrays]) -> Latency:
    counts = np.sum([arrays.latencies for arrays in all_arrays], axis=0)
    total = int(counts.sum())
    if not total:
        return Latency(0, *[float("nan")] * 5)
    mean = sum(float(arrays.state["total"]) for arrays in all_arrays) / total
    p50, p95, p99 = (_quantile(np.cumsum(counts), share) for share in (0.5, 0.95, 0.99))
    return Latency(total, mean, p50, p95, p99, max(float(arrays.state["slowest"]) for arrays in all_arrays))


def _quantile(below: NDArray[np.int64], share: float) -> float:
    """A quantile of latencies that are counted in bins, between two values as NumPy's; `below` counts up to each bin."""
    place = (int(below[-1]) - 1) * share
    before, after = (
        columns.bin_middle(int(np.searchsorted(below, at, side="right"))) for at in (int(place), ceil(place))
    )
    return before + (place - int(place)) * (after - before)


def _within_error(measured: float, target: float) -> Reading:
    """A quantile of bins, not decided where its error reaches the target."""
    close = abs(measured - target) <= columns.ACCURACY * max(measured, target)
    return Reading(min(measured, target), censored=True) if close else Reading(measured)
