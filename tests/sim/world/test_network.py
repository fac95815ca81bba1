"""Messages and the faults that befall them."""

from functools import partial

import pytest

from flk.sim.kernel.engine import Simulator
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Direction, Latency, LinkFault, Loss, Partition
from flk.sim.scenarios.topology import Link, Network, Path
from flk.sim.world.network import Net

START, LASTING = Seconds(0), Seconds(10)
MESSAGES = 2000


def arrivals(network: Network, pair: tuple[str, str], *faults: LinkFault, lifted: bool = False) -> list[float]:
    """When many messages, all sent at 0, arrive while the faults hold."""
    simulator = Simulator()
    net = Net(simulator, network, ("eu", "us"), seed=1)
    for fault in faults:
        for wire in net.wires(fault):
            wire.begin(fault)
    if lifted:
        for fault in faults:
            for wire in net.wires(fault):
                wire.end(fault)
    found: list[float] = []
    for number in range(MESSAGES):
        net.send(*pair, str(number), lambda: found.append(simulator.now))
    simulator.run_until(1000.0, 10**6, lambda: None)
    return found


def test_delay_and_jitter() -> None:
    """A message takes the delay and, on average, the jitter on top."""
    found = arrivals(Network(default=Path(delay=Seconds(1), jitter=Seconds(0.5))), ("eu", "us"))
    assert len(found) == MESSAGES
    assert min(found) >= 1
    assert sum(found) / MESSAGES == pytest.approx(1.5, abs=0.05)


def test_loss_and_duplication() -> None:
    """A share of the messages is lost, a share of the rest arrives twice."""
    found = arrivals(Network(default=Path(loss=0.2, duplication=0.5)), ("eu", "us"))
    assert len(found) / MESSAGES == pytest.approx(0.8 * 1.5, abs=0.05)


def test_a_link_says_otherwise_than_the_default() -> None:
    """A link replaces the default on its pair, in its direction only; of two the later counts."""
    one_way = Link(between=("eu", "us"), direction=Direction.FORWARD, delay=Seconds(5))
    network = Network(default=Path(delay=Seconds(1)), links=(Link(between=("us", "eu"), delay=Seconds(3)), one_way))
    assert set(arrivals(network, ("eu", "us"))) == {5.0}
    assert set(arrivals(network, ("us", "eu"))) == {3.0}
    assert set(arrivals(network, ("eu", "objects"))) == {1.0}


@pytest.mark.parametrize(
    ("direction", "there", "back"),
    [(Direction.BOTH, 0, 0), (Direction.FORWARD, 0, MESSAGES), (Direction.BACKWARD, MESSAGES, 0)],
)
def test_a_partition_cuts_its_directions(direction: Direction, there: int, back: int) -> None:
    """Between the sides nothing passes in the direction that is cut; other places are not concerned."""
    cut = Partition(id="cut", sides=(("eu",), ("us", "clients")), direction=direction, start=START, duration=LASTING)
    network = Network()
    assert len(arrivals(network, ("eu", "us"), cut)) == there
    assert len(arrivals(network, ("us", "eu"), cut)) == back
    assert len(arrivals(network, ("eu", "clients.us"), cut)) == there
    assert len(arrivals(network, ("eu", "objects"), cut)) == MESSAGES
    assert len(arrivals(network, ("us", "clients.us"), cut)) == MESSAGES


def test_faults_add_up_and_go() -> None:
    """Two latencies add, two losses multiply, and a fault that is over leaves nothing behind."""
    sides = (("eu",), ("us",))
    slow = [
        Latency(id=name, sides=sides, extra=Seconds(extra), start=START, duration=LASTING)
        for name, extra in (("a", 0.1), ("b", 0.3))
    ]
    lossy = [Loss(id=name, sides=sides, share=0.5, start=START, duration=LASTING) for name in ("c", "d")]
    plain = Network(default=Path(delay=Seconds(1)))
    found = arrivals(plain, ("us", "eu"), *slow, *lossy)
    assert set(found) == {1.4}
    assert len(found) / MESSAGES == pytest.approx(0.25, abs=0.04)
    assert arrivals(plain, ("us", "eu"), *slow, *lossy, lifted=True) == arrivals(plain, ("us", "eu"))


def test_luck_belongs_to_the_message() -> None:
    """Which messages a loss takes does not depend on what else is sent, so a variant meets the same random numbers."""
    network = Network(default=Path(loss=0.5))
    simulator = Simulator()
    taken: list[set[int]] = []
    for numbers in (range(100), range(99, -1, -3)):
        net = Net(simulator, network, ("eu", "us"), seed=9)
        taken.append(set())
        for number in numbers:
            net.send("eu", "us", str(number), partial(taken[-1].add, number))
        simulator.run_until(simulator.now + 10, 10**6, lambda: None)
    assert taken[1] == taken[0] & set(range(99, -1, -3))
