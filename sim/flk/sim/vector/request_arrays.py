"""The requests of each region, advanced as arrays to any moment that a control event asks for."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flk.sim.kernel.random_streams import FSYNC, RandomStream
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import clients_of
from flk.sim.scenarios.workload import agent_homes
from flk.sim.vector import columns
from flk.sim.vector.kernels import chosen
from flk.sim.vector.plan import Column, NotExact, wire_table
from flk.sim.vector.streams import Stream

_SYNCHRONISATIONS = 4096  # numbers drawn ahead
_ROOM = 1024  # requests that the arrays have room for at first


class Segment(NamedTuple):
    """A sealed segment: how many frames, when the first of them was durable and when its claim was answered."""

    frames: int
    logged: float
    claimed: float


class RequestArrays:
    """The requests of one region, from the wire to the answer. `state` is a record of `columns.STATE`."""

    def __init__(self, region: str, scenario: Scenario, seed: int, *, keep: bool) -> None:
        policy = scenario.policy
        seconds = int(scenario.duration) + 1
        self.region = region
        self._kernels = chosen()
        self._states: NDArray[np.void] = np.zeros(1, dtype=columns.STATE)
        self.state = self._states[0]
        self.state["pace"] = 1.0
        self.state["fsync"] = policy.fsync
        self.state["service"] = policy.service
        self.state["full"] = self.state["pending"] = np.inf
        self.level = False
        self.columns: Column = np.empty((columns.COLUMNS, _ROOM))
        self.latencies: NDArray[np.int64] = np.zeros(columns.BINS, dtype=np.int64)
        self.answers: NDArray[np.int64] = np.zeros(seconds, dtype=np.int64)
        self.claimed: NDArray[np.int64] = np.zeros(seconds, dtype=np.int64)
        self.done: list[Column] = []
        self._service = float(policy.service)
        self._end = float(scenario.duration)
        self._keep = keep
        self._row = np.empty((columns.COLUMNS, 0))
        self._claims = np.full(policy.max_in_flight, -np.inf)
        self._wire = wire_table(scenario, region, clients_of(region))
        self._numbers = RandomStream(seed, f"{FSYNC}/{region}/1").numbers()
        self._ahead: Column = np.empty(0)
        self._used = 0

    def run(self, until: float) -> None:
        """Let happen what happens by a moment. All requests that arrive by then must be in the columns."""
        state = self.state
        if not self.level:
            return
        first = int(state["first"])
        while self._advance(until) == columns.STARVED:
            self._used += self._ahead.size
            self._ahead = self._numbers.random(_SYNCHRONISATIONS)
            self._kernels.exponentials(self._ahead)
            state["draws"] = 0
        if self._keep and state["first"] > first:
            self.done.append(self._row[:, first : int(state["first"])].copy())

    def _advance(self, until: float) -> int:
        wire = self._wire
        return self._kernels.advance(
            self._states,
            until,
            self._end,
            self.columns,
            self._ahead,
            wire.turns,
            wire.delays,
            wire.jitter,
            self._claims,
            self.latencies,
            self.answers,
            self.claimed,
            self._row,
        )

    @property
    def earliest(self) -> float:
        """When the first request arrives that is not logged; infinite if none is known of."""
        state = self.state
        return float(self.columns[columns.ARRIVED, state["first"]]) if state["first"] < state["known"] else np.inf

    @property
    def pending(self) -> float:
        """When the first request was sent that was not answered by the end of the run; infinite if all were."""
        state = self.state
        waiting = self.columns[columns.SENT, state["first"] : state["known"]]
        return min(float(state["pending"]), float(waiting.min(initial=np.inf)))

    @property
    def synchronised(self) -> float:
        """When the synchronisation under way is over; infinite if there is none, or the disk hangs."""
        state = self.state
        if state["batch"] == state["first"] or not state["pace"]:
            return np.inf
        return float(state["since"] + state["left"] / state["pace"])

    @property
    def synchronising(self) -> bool:
        """Whether a synchronisation is under way."""
        return bool(self.state["batch"] > self.state["first"])

    @property
    def synchronisations(self) -> int:
        """How many synchronisations there were."""
        return self._used + int(self.state["draws"])

    @property
    def last_claim(self) -> float:
        """When the last claim of a logged request is over."""
        return float(self.state["last_claim"])

    def hold(self) -> None:
        """Begin no further synchronisation."""
        self.state["held"] = 1

    def release(self, now: float) -> None:
        """Go on."""
        self.state["held"] = 0
        self.state["disk_free"] = max(self.state["disk_free"], now)

    def visit(self, now: float, seconds: float) -> float:
        """Stand in line before the store for something else; when it is done with."""
        state = self.state
        state["store_free"] = max(now, float(state["store_free"])) + seconds
        return float(state["store_free"])

    def set_pace(self, now: float, pace: float) -> None:
        """The disk works at another pace from now on."""
        state = self.state
        if self.synchronising:
            state["left"] = max(0.0, state["left"] - (now - state["since"]) * state["pace"])
            state["since"] = now
        state["pace"] = pace

    def set_slowness(self, factor: float) -> None:
        """Claims that come to the store from now on take so many times as long as usual."""
        self.state["service"] = self._service * factor

    def cut(self) -> Segment | None:
        """End the open segment, if it has frames."""
        state = self.state
        if not state["segment"]:
            return None
        segment = Segment(int(state["segment"]), float(state["segment_logged"]), float(state["segment_claimed"]))
        state["segment"] = 0
        return segment

    def receive(self, rows: Column, size: int) -> None:
        """Take the first `size` rows, those that are in the columns already among them, in the order of arrival."""
        order = np.argsort(rows[columns.ARRIVED, :size])
        if self.columns.shape[1] < size:
            self.columns = np.empty((columns.COLUMNS, rows.shape[1]))
        self._kernels.gather(order, rows, self.columns)
        state = self.state
        state["batch"] -= state["first"]
        state["first"] = 0
        state["known"] = size
        if self._keep and self._row.shape[1] < size:
            self._row = np.empty((columns.COLUMNS, self.columns.shape[1]))


class ArrivalDealer:
    """Deals the streams of arrivals to the regions' request arrays. Before `horizon` every region knows of all that arrives."""

    def __init__(
        self, scenario: Scenario, receivers: Sequence[RequestArrays], streams: Sequence[Stream], cut: float
    ) -> None:
        names = [receiver.region for receiver in receivers]
        self._kernels = chosen()
        self._receivers = receivers
        self._streams = streams
        self._cut = cut
        self._homes = np.array([names.index(home) for home in agent_homes(scenario.workload.agents)], dtype=np.int64)
        tables = [wire_table(scenario, clients_of(name), name) for name in names]
        room = max(len(table.turns) for table in tables)
        self._turns = np.array([np.pad(table.turns, (0, room - len(table.turns)), mode="edge") for table in tables])
        self._delays = np.array([np.pad(table.delays, (0, room - len(table.turns)), mode="edge") for table in tables])
        self._jitters = np.array([table.jitter for table in tables])
        self._least = float(self._delays.min())
        self._rows = np.empty((len(receivers), columns.COLUMNS, _ROOM))
        self.offered = 0
        self.horizon = 0.0
        self._cursors = [stream.cursor for stream in streams]
        self._drawing = ThreadPoolExecutor(max_workers=1)
        self._blocks = [self._drawing.submit(stream.block) for stream in streams]
        self._look()

    def close(self) -> None:
        """Draw nothing more."""
        self._drawing.shutdown(cancel_futures=True)

    def reach(self, receiver: RequestArrays, until: float, now: float) -> None:
        """Advance one region to a moment; `now` is the present, to which every region may be advanced."""
        while self.horizon < until:
            for each in self._receivers:
                each.run(min(now, self.horizon))
            self._more()
        if not receiver.level:
            if receiver.earliest <= until:
                raise NotExact(
                    f"a request reaches {receiver.region} at {receiver.earliest:.3f} s, before its node has recovered, "
                    "and is refused; let the workload begin later by a turn of workload.curve with factor 0"
                )
            return
        receiver.run(until)

    def _more(self) -> None:
        """Take a block of the stream that is farthest behind, and have its next one drawn meanwhile."""
        behind = int(np.argmin(self._cursors))
        block = self._blocks[behind].result()
        self._cursors[behind] = block.until
        self._blocks[behind] = self._drawing.submit(self._streams[behind].block)
        sizes = np.array([int(receiver.state["known"] - receiver.state["first"]) for receiver in self._receivers])
        if sizes.max() + block.at.size > self._rows.shape[2]:
            room = int(1.25 * (sizes.max() + block.at.size))
            self._rows = np.empty((len(self._receivers), columns.COLUMNS, room))
        for row, receiver, size in zip(self._rows, self._receivers, sizes.tolist(), strict=True):
            first = int(receiver.state["first"])
            row[:, :size] = receiver.columns[:, first : first + size]
        before = int(sizes.sum())
        self._kernels.deal(
            *block[:5],
            block.kept & (block.at < self._cut),
            block.name,
            self._homes,
            self._turns,
            self._delays,
            self._jitters,
            self._rows,
            sizes,
        )
        self.offered += int(sizes.sum()) - before
        for row, receiver, size in zip(self._rows, self._receivers, sizes.tolist(), strict=True):
            receiver.receive(row, size)
        self._look()

    def _look(self) -> None:
        cursor = min(self._cursors)
        self.horizon = np.inf if cursor >= self._cut else cursor + self._least
