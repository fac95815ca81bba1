"""The recovery from the loss of a region: RTO, phase by phase."""

from collections.abc import Iterable, Mapping
from math import nan
from typing import NamedTuple

from flk.model.flow.answers import ACKNOWLEDGED
from flk.sim.checkers.convergence import Agreement
from flk.sim.measures.recorder import Recorder
from flk.sim.measures.timeline import Move
from flk.sim.scenarios.faults import Stop


class RegionRecovery(NamedTuple):
    """The phases after a region loss, in seconds; NaN for one that did not come to pass in the run.

    For the agents that used the region: until the last of them noticed (`detect`), until the last sent elsewhere (`redirect`),
    until the last had an acknowledgement again (`answer`); `rto` is their sum, or simply the time to the last
    acknowledgement where no agent had to move. For the region: from its restart until it was level with its log (`recover`), and
    until it stored whatever others did at its restart (`catch_up`).
    """

    fault: str
    region: str
    agents: int
    detect: float
    redirect: float
    answer: float
    rto: float
    recover: float
    catch_up: float


def recoveries(recorder: Recorder, agreement: Agreement, homes: Mapping[str, str]) -> tuple[RegionRecovery, ...]:
    """The recovery from each region loss of a run. To those who use it a region without its process is lost, too."""
    return tuple(_recovery(start, crash, recorder, agreement, homes) for start, crash in recorder.stops)


def _recovery(
    start: float, crash: Stop, recorder: Recorder, agreement: Agreement, homes: Mapping[str, str]
) -> RegionRecovery:
    users = {agent for agent, region in _located(homes, recorder.moves, start).items() if region == crash.region}
    numbers = [number for number, agent in enumerate(homes) if agent in users]
    left = [_first(move.at for move in recorder.moves if move.agent == agent and move.at > start) for agent in users]
    moved = max((at for at in left if at < crash.end), default=nan)
    resent, succeeded = [], []
    for number in numbers:
        later = [row for row in recorder.attempts if row.agent == number and row.sent > start]
        resent.append(_first(row.sent for row in later if row.region != crash.region))
        succeeded.append(_first(row.over for row in later if row.status in ACKNOWLEDGED))
    redirected = max((at for at in resent if at >= 0), default=nan)
    answered = max(succeeded, default=nan)
    recovered = _first(at for at, region in recorder.recovered_at if region == crash.region and at >= crash.end)
    level = _first(at for at, region in agreement.caught_up if region == crash.region and at >= crash.end)
    return RegionRecovery(
        fault=crash.id,
        region=crash.region,
        agents=len(users),
        detect=moved - start,
        redirect=redirected - moved,
        answer=answered - redirected,
        rto=answered - start,
        recover=recovered - crash.end,
        catch_up=max(level, recovered) - recovered,
    )


def _located(homes: Mapping[str, str], moves: Iterable[Move], at: float) -> dict[str, str]:
    """Which region each agent uses at a moment."""
    located = dict(homes)
    located |= {move.agent: move.to for move in moves if move.at <= at}
    return located


def _first(moments: Iterable[float]) -> float:
    return min(moments, default=nan)
