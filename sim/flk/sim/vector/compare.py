"""Both tiers on the same scenario: every moment of every request, and every control event, side by side."""

import re
from collections.abc import Sequence
from io import RawIOBase
from math import inf
from typing import BinaryIO, NamedTuple, cast

import msgspec
import numpy as np

from flk.model.flow.submission import Submission
from flk.model.record.signing import Keyring
from flk.sim.measures.measures import Lag
from flk.sim.outcome import Run
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate
from flk.sim.vector.run import VectorRun, run

_INGEST = re.compile(r"ingest agent\.[^.]+\.\d+-(.+)\.1$")
_DELIVER = re.compile(r"deliver (.+)\.1$")
_OF_AGENTS = ("ingest ", "deliver ", "queue ")
_STAGES = {"Append": 0, "Store": 1, "Post": 2}


class Line(msgspec.Struct, frozen=True):
    """A line of a trace; its result is left out."""

    t: float
    node: str
    program: str
    effect: str


class TraceReader(RawIOBase):
    """A trace file that keeps, of each request, when it was logged, claimed and answered, and all control events."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: dict[str, list[float]] = {}
        self.events: list[Line] = []
        self._decoder = msgspec.json.Decoder(Line)

    def write(self, block: object) -> int:
        """Take some lines."""
        lines = cast("bytes", block)
        for line in self._decoder.decode_lines(lines) if lines else ():
            if not line.program.startswith(_OF_AGENTS):
                self.events.append(line)
            elif line.effect in _STAGES:
                self._note(line)
        return len(lines)

    def _note(self, line: Line) -> None:
        found = (_DELIVER if line.effect == "Post" else _INGEST).match(line.program)
        if found is not None:
            self.requests.setdefault(found[1], [inf, inf, inf])[_STAGES[line.effect]] = line.t


class Difference(NamedTuple):
    """How far the two tiers lie apart, in seconds at the most: over the moments of all requests, over the control events, and over
    the replication lag on the grid. Infinite if one tier tells of something that the other does not know.
    """

    requests: float
    events: float
    lags: float
    moments: int

    @property
    def most(self) -> float:
        """The greatest of them."""
        return max(self.requests, self.events, self.lags)


def compare(scenario: Scenario, submissions: Sequence[Submission], keyring: Keyring, seed: int) -> Difference:
    """Run both tiers. Raises what `run` raises."""
    here, there = TraceReader(), TraceReader()
    computed = run(scenario, seed, records=len(submissions), trace=cast("BinaryIO", here), keep=True)
    simulated = simulate(scenario, submissions, keyring, seed=seed, trace=cast("BinaryIO", there))
    moments = sum(len(requests.names) for requests in computed.requests.values()) * len(_STAGES)
    same = simulated.measures.counts.offered == computed.offered
    requests = _of_requests(computed, there, scenario.duration) if same else inf
    return Difference(requests, _of_events(here.events, there.events), _of_lags(computed, simulated), moments)


def _of_requests(computed: VectorRun, other: TraceReader, end: float) -> float:
    """What happens after the end of the run only the vector tier knows."""
    known = dict(other.requests)
    worst = 0.0
    for requests in computed.requests.values():
        stages = np.array([requests.logged, requests.claimed, requests.answered])
        for name, mine in zip(requests.names, stages.T.tolist(), strict=True):
            theirs = known.pop(name, [inf] * len(_STAGES))
            apart = (abs(a - b) if a <= end or b <= end else 0.0 for a, b in zip(mine, theirs, strict=True))
            worst = max(worst, *apart)
    return inf if known else worst


def _of_events(mine: Sequence[Line], theirs: Sequence[Line]) -> float:
    """Program by program: what takes no time may come in either order in two programs."""
    here, there = _by_program(mine), _by_program(theirs)
    if _effects(here) != _effects(there):
        return inf
    apart = (abs(a.t - b.t) for key, lines in here.items() for a, b in zip(lines, there[key], strict=True))
    return max(apart, default=0.0)


def _by_program(lines: Sequence[Line]) -> dict[tuple[str, str], list[Line]]:
    found: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        found.setdefault((line.node, line.program), []).append(line)
    return found


def _effects(programs: dict[tuple[str, str], list[Line]]) -> dict[tuple[str, str], list[str]]:
    return {program: [line.effect for line in lines] for program, lines in programs.items()}


def _of_lags(computed: VectorRun, simulated: Run) -> float:
    theirs: dict[tuple[str, str], Lag] = {(lag.source, lag.target): lag for lag in simulated.measures.lags}
    apart = [np.abs(lag.seconds - theirs[lag.source, lag.target].age).max() for lag in computed.lags]
    return float(max(apart, default=0.0))
