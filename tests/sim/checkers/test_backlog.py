"""Until when the line that formed while a fault held keeps others waiting."""

from collections.abc import Sequence

import pytest

from flk.model.flow.submission import Response, Submission
from flk.sim.checkers.backlog import Backlog
from flk.sim.kernel.engine import Simulator
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Fault, StoreOutage
from flk.sim.world.events import Replied
from flk.sim.world.observer import Observer

FAULT = StoreOutage(id="away", start=Seconds(10), duration=Seconds(5), region="eu")


def until(faults: Sequence[Fault], *requests: tuple[float, float]) -> float:
    """The end of the line after requests, each with when it came and when it was answered, in the order of the answers."""
    simulator, observer = Simulator(), Observer()
    backlog = Backlog(faults, 2.0, simulator)
    backlog.observe(observer)

    def reply(began: float) -> None:
        observer.on(Replied("eu", Submission("a", b""), None, Response(200, b""), began))

    for began, answered in requests:
        simulator.after(answered, reply, began)
    simulator.run_until(100.0, 1000, lambda: None)
    return backlog.until


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([(1.0, 9.0)], 0.0),  # before the fault, however slow
        ([(11.0, 20.0)], 20.0),
        ([(11.0, 20.0), (16.0, 22.5)], 22.5),  # behind it, and its sender has given up
        ([(11.0, 20.0), (19.0, 20.9)], 20.0),  # behind it, and its sender still waits: the line is short again
        ([(11.0, 20.0), (21.0, 30.0)], 20.0),  # when the line was gone
        ([(11.0, 20.0), (19.0, 25.0), (24.0, 30.0)], 30.0),
    ],
)
def test_a_line_lasts_while_whoever_stands_in_it_is_answered_too_late(
    requests: list[tuple[float, float]], expected: float
) -> None:
    """What came under the fault, and what came behind it while senders gave up; slowness without a cause is none."""
    assert until([FAULT], *requests) == expected
    assert until([], *requests) == 0.0
