"""The recovery from the loss of a region: RTO, phase by phase."""

from collections.abc import Iterable, Mapping
from math import isnan, nan
from typing import NamedTuple

from flk.model.flow.answers import ACKNOWLEDGED
from flk.sim.checkers.convergence import Agreement
from flk.sim.measures.recorder import Recorder
from flk.sim.measures.series import Reading
from flk.sim.measures.timeline import Move
from flk.sim.scenarios.faults import Stop


class RegionRecovery(NamedTuple):
    """The phases after a region loss, in seconds, as `measures.toml` defines them; NaN for one that there was no occasion for, as
    where no agent used the region, or none had to move.

    `censored` names those that had not come to pass when the run ended; their value is the time until then, a lower bound.
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
    censored: tuple[str, ...] = ()

    def reading(self, phase: str) -> Reading:
        """A phase, and whether it is a lower bound."""
        return Reading(getattr(self, phase), phase in self.censored)


def recoveries(
    recorder: Recorder, agreement: Agreement, homes: Mapping[str, str], end: float
) -> tuple[RegionRecovery, ...]:
    """The recovery from each region loss of a run that ended at a moment. To those who use it a region without its process is lost,
    too.
    """
    return tuple(_recovery(start, crash, recorder, agreement, homes, end) for start, crash in recorder.stops)


def worst(readings: Iterable[Reading]) -> Reading:
    """The greatest, censored if any of them is: that one may be the greatest in truth. NaN if there is none."""
    found = [reading for reading in readings if not isnan(reading.value)]
    if not found:
        return Reading(nan)
    return Reading(max(reading.value for reading in found), any(reading.censored for reading in found))


def _recovery(
    start: float, crash: Stop, recorder: Recorder, agreement: Agreement, homes: Mapping[str, str], end: float
) -> RegionRecovery:
    users = {agent for agent, region in _located(homes, recorder.moves, start).items() if region == crash.region}
    numbers = [number for number, agent in enumerate(homes) if agent in users]
    left = [_first(move.at for move in recorder.moves if move.agent == agent and move.at > start) for agent in users]
    moved = max((at for at in left if at < crash.end), default=nan)
    resent, served = [], []
    for number in numbers:
        tries = [row for row in recorder.attempts if row.agent == number and row.sent > start]
        beats = [row for row in recorder.beats if row.agent == number and row.sent >= start]
        sent = [(row.sent, row.region) for row in tries] + [(row.sent, row.region) for row in beats]
        resent.append(_first(at for at, region in sent if region != crash.region))
        acknowledged = [row.over for row in tries if row.status in ACKNOWLEDGED]
        served.append(_first([*acknowledged, *(row.over for row in beats if row.served)]))
    redirected = max((at for at in resent if at >= 0), default=nan)
    answered = end if any(map(isnan, served)) else max(served, default=nan)
    recovered = _first(at for at, region in recorder.recovered_at if region == crash.region and at >= crash.end)
    level = _first(at for at, region in agreement.caught_up if region == crash.region and at >= crash.end)
    caught_up = max(level, recovered)
    open_ = {
        "rto": any(map(isnan, served)),
        "answer": any(map(isnan, served)) and not isnan(redirected),
        "recover": isnan(recovered),
        "catch_up": isnan(caught_up),
    }
    over = end if isnan(recovered) else recovered
    return RegionRecovery(
        fault=crash.id,
        region=crash.region,
        agents=len(users),
        detect=moved - start,
        redirect=redirected - moved,
        answer=answered - redirected,
        rto=answered - start,
        recover=over - crash.end,
        catch_up=(end if isnan(caught_up) else caught_up) - over,
        censored=tuple(name for name, is_open in open_.items() if is_open),
    )


def _located(homes: Mapping[str, str], moves: Iterable[Move], at: float) -> dict[str, str]:
    """Which region each agent uses at a moment."""
    located = dict(homes)
    located |= {move.agent: move.to for move in moves if move.at <= at}
    return located


def _first(moments: Iterable[float]) -> float:
    return min(moments, default=nan)
