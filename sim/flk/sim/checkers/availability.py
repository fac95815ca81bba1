"""The invariants of who is turned away, and of nodes that come back: checked at every answer, and at the end."""

from collections.abc import Mapping

from flk.model.refusal import Overloaded, TooLarge
from flk.sim.checkers.invariants import Checks, Invariant, Together
from flk.sim.nodes.region import Place
from flk.sim.scenarios.scenario import Scenario
from flk.sim.world.clocks import calm
from flk.sim.world.events import Replied
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

LONGEST = 120.0
"""Seconds that a node may take to recover, where regions may take longer still to converge."""
NOT_TURNED_AWAY = Together(Invariant.TURNED_AWAY)
LARGEST = CONSTANTS.node.max_body_bytes


class AvailabilityRules:
    """Checks that nobody is turned away without a reason, and that a node which nothing keeps from it serves again."""

    def __init__(self, scenario: Scenario, places: Mapping[str, Place], checks: Checks) -> None:
        policy = scenario.policy
        least = policy.max_in_flight if policy.pressure is None else min(policy.max_in_flight, policy.pressure.floor)
        self._fewest = int(least)
        self._scenario = scenario
        self._places = places
        self._checks = checks

    def observe(self, observer: Observer) -> None:
        """Check every answer."""
        observer.handle(Replied, self._check_replied)

    def finish(self) -> None:
        """Some time after the last fault every node is ready; in a run that ends earlier it is too early to ask."""
        end, bound = self._scenario.duration, min(LONGEST, float(self._scenario.slo.convergence))
        if end - calm(self._scenario.faults) < bound:
            return
        for name, place in self._places.items():
            ready = place.node is not None and place.node.ready
            self._checks.require(
                Invariant.READY, ready, name, "end", lambda: f"it is not ready, {bound:g} s after the last fault"
            )

    def _check_replied(self, event: Replied) -> None:
        status = event.response.status
        if status == TooLarge.status:
            size = len(event.request.body)
            self._checks.require(
                Invariant.TURNED_AWAY,
                size > LARGEST,
                event.node,
                "reply",
                lambda: f"413 was answered to {size} bytes, and {LARGEST} are allowed",
            )
        elif status == Overloaded.status:
            node = self._places[event.node].node
            busy = 0 if node is None else node.memory.in_flight
            self._checks.require(
                Invariant.TURNED_AWAY,
                busy >= self._fewest,
                event.node,
                "reply",
                lambda: f"429 was answered with {busy} requests in flight, of at least {self._fewest} that may be",
            )
        else:
            self._checks.hold(NOT_TURNED_AWAY)
