"""The invariants of nodes whose wall clock goes wrong (HLC-5), judged by the time of the simulator, which no fault moves.

How far a clock is off is known here, so a step is what it is off now against what it was off when it last counted as right. A node
cannot know it better than its clocks drift: by so much, since then, its judgement may differ either way.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from flk.model.effects import INBOX
from flk.model.flow.submission import Problem
from flk.sim.checkers.invariants import Checks, Invariant, Together
from flk.sim.kernel.engine import Simulator
from flk.sim.nodes.region import ORIGIN, Place
from flk.sim.oracle import clocks, frames
from flk.sim.world.events import Logged, Replied, TimeTrusted
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.clock
A_MILLISECOND = 0.001
A_FRAME = Together(Invariant.TIMELY)
UNAVAILABLE = 503
THE_TIME = b'"HLC-5"'


class Trusted(NamedTuple):
    """When a clock last counted as right, and by how much it was off."""

    at: float
    off: float


class TimeRules:
    """Checks every frame that is logged, and every refusal for the time."""

    def __init__(self, places: Mapping[str, Place], simulator: Simulator, checks: Checks) -> None:
        self._places = places
        self._simulator = simulator
        self._checks = checks
        self._trusted: dict[str, Trusted] = {}
        self._logged: dict[str, int] = {}

    def observe(self, observer: Observer) -> None:
        """Follow what is logged and what is refused."""
        observer.handle(TimeTrusted, self._trust)
        observer.handle(Logged, self._check_logged)
        observer.handle(Replied, self._check_replied)

    def _trust(self, event: TimeTrusted) -> None:
        self._trusted[event.node] = Trusted(self._simulator.now, self._off(event.node))

    def _off(self, node: str) -> float:
        """By how many seconds a node's wall clock is ahead of the simulator's time."""
        return self._places[node].wall() - ORIGIN - self._simulator.now

    def _step(self, node: str) -> float:
        return abs(self._off(node) - self._trusted[node].off)

    def _drift(self, node: str) -> float:
        return A_MILLISECOND + LIMITS.max_drift * (self._simulator.now - self._trusted[node].at)

    def _check_logged(self, event: Logged) -> None:
        """A frame that is salvaged keeps the timestamp it has, which is not the latest; any other is logged now."""
        node, timestamp = event.node, event.frame.timestamp
        if timestamp <= self._logged.get(node, 0):
            return
        self._logged[node] = timestamp
        lead = clocks.stamp(timestamp).wall - self._places[node].wall()
        step, most = self._step(node), LIMITS.max_step_seconds + self._drift(node)
        if step <= most and lead <= LIMITS.max_lead_seconds + A_MILLISECOND:
            self._checks.hold(A_FRAME)
        else:
            sentence = f"a frame was logged {lead:.3f} s ahead of wall time, which has made a step of {step:.3f} s"
            self._checks.deny(Invariant.TIMELY, node, "Append", lambda: sentence)

    def _check_replied(self, event: Replied) -> None:
        """A node's clock is no further ahead than some log is, a segment's head included."""
        response, node = event.response, event.node
        if response.status != UNAVAILABLE or THE_TIME not in response.body:
            return
        if msgspec.json.decode(response.body, type=Problem).requirement != "HLC-5":
            return
        step, least = self._step(node), LIMITS.max_step_seconds - self._drift(node)
        latest = max(self._logged.values(), default=0)
        if step < least:  # a segment says when it was begun, though the frame after that may be torn (HLC-4)
            disk = self._places[node].disk
            heads = (frames.begun(disk.segments[name], disk.salt(name)) for name in disk.names(INBOX))
            latest = max([latest, *heads])
        lead = clocks.stamp(latest).wall - self._places[node].wall()
        self._checks.require(
            Invariant.DOUBTED,
            step >= least or lead > LIMITS.max_lead_seconds - A_MILLISECOND,
            node,
            "reply",
            lambda: f"the time was doubted after a step of {step:.3f} s, with no log more than {lead:.3f} s ahead",
        )
