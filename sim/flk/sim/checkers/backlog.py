"""How long what came while a fault held keeps others waiting, after the fault is over."""

from collections.abc import Sequence

from flk.sim.kernel.engine import Simulator
from flk.sim.scenarios.faults import Fault
from flk.sim.world.events import Replied
from flk.sim.world.observer import Observer


class Backlog:
    """The line that formed while a fault held. `until` is when the last request was answered that waited in it.

    What came while a fault held waits for its end, and what comes then waits for that. If answers come later than senders
    wait for them (`patience`, in seconds), each request is sent again while it stands in the line, so that the line may
    outlive its cause for long, and whoever comes meanwhile stands in it, too. No requirement forbids that; a limit that
    follows the queue (ORD-6) prevents it. Source: Bronson et al., "Metastable failures in distributed systems", HotOS 2021.
    """

    def __init__(self, faults: Sequence[Fault], patience: float, simulator: Simulator) -> None:
        self.until = 0.0
        self._faults = faults
        self._patience = patience
        self._simulator = simulator

    def observe(self, observer: Observer) -> None:
        """Follow all answers."""
        observer.handle(Replied, self._note)

    def _note(self, event: Replied) -> None:
        now, began = self._simulator.now, event.began
        behind = began <= self.until and now - began > self._patience
        if behind or any(fault.start <= began <= fault.end for fault in self._faults):
            self.until = now
