"""Back-pressure and circuit breakers of a real node: the model's rules, on its queue and its object store (ORD-6, CRR-12)."""

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.object_stores import Directory
from tests.support.impl.processes import listens
from tests.support.impl.regions import PATIENCE, RECORDS, eventually, frames_in
from tests.support.impl.rig import MANY, Rig

from flk.impl.server.breaker import CircuitBreaker
from flk.impl.server.pressure import MOST, Gate
from flk.impl.server.process import serve_command
from flk.impl.server.runtime import Runtime
from flk.model.flow.pressure import Limit, adapted, seen
from flk.model.refusal import Unavailable, unavailable
from flk.spec.constants import Breaker, Pressure

POLICY = Pressure(target_queue=4, increase=8.0, decrease=0.5, floor=2, interval_seconds=1.0)


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(0, 20)), max_size=30))
def test_the_limit_is_the_models_at_every_moment(asks: list[tuple[float, int]]) -> None:
    """Whenever somebody asks, one adaptation counts for each interval that is over, with the longest queue that was seen in it."""
    now, queue = 0.0, 0
    gate = Gate(POLICY, lambda: queue, lambda: now)
    expected, intervals = Limit(float(MOST)), 0
    for wait, queue in asks:
        now += wait
        while intervals < int(now):
            expected, intervals = adapted(expected, MOST, POLICY), intervals + 1
        expected = seen(expected, queue)
        assert gate.admits() == expected.admits


def test_a_long_calm_costs_nothing() -> None:
    """After years in which nobody came, the first ask adapts at once: the limit is at its most long before."""
    now = 0.0
    gate = Gate(POLICY, lambda: 0, lambda: now)
    now = 1e12
    assert gate.admits() == MOST


def test_without_a_policy_the_limit_is_the_most() -> None:
    """Whatever waits."""
    assert Gate(None, lambda: 10**6).admits() == MOST


def test_the_limit_of_a_server_follows_its_queue(tmp_path: Path) -> None:
    """While a batch is synchronised others wait for the next: with more than the target the limit falls to its floor, what is
    beyond it gets 429 and is not logged, and once the queue is short the limit rises again. By how much it moves is the gate's
    own test: here as many intervals pass between two looks as the machine likes.
    """
    policy = Pressure(target_queue=0, increase=0.25, decrease=0.5, floor=4, interval_seconds=0.02)
    with closing(Rig(tmp_path)) as rig:
        rig.runtime = Runtime(rig.node, rig.runtime._recover, pressure=policy)

        async def story(rig: Rig) -> None:
            while rig.node.limit() > policy.floor:
                await rig.submit_all(MANY)
            before = len(rig.logged())
            statuses = [response.status for response in await rig.submit_all(MANY[:20])]
            assert 429 in statuses
            assert len(rig.logged()) == before + statuses.count(200)
            while rig.node.limit() <= policy.floor:
                await asyncio.sleep(policy.interval_seconds)

        rig.serve(story)


class Place:
    """Something to ask, which counts how often it was, and answers or fails."""

    def __init__(self) -> None:
        self.asked = 0
        self.outcome: Callable[[], int] = lambda: 7

    def __call__(self) -> int:
        self.asked += 1
        return self.outcome()


def _fails() -> int:
    raise unavailable("away")


def _refuses() -> int:
    raise ValueError("an answer, though not a good one")


@pytest.fixture
def breaker_rig() -> tuple[CircuitBreaker, Place, list[float]]:
    """A breaker before a place, and the clock of both."""
    now = [0.0]
    return CircuitBreaker(Breaker(failures=3, open_seconds=10.0), "the place", lambda: now[0]), Place(), now


def test_an_object_store_that_failed_too_often_is_left_alone_for_a_while(
    breaker_rig: tuple[CircuitBreaker, Place, list[float]],
) -> None:
    """After three failures in a row nobody asks it, until its time is over: then one does, and that decides (CRR-12)."""
    breaker, place, now = breaker_rig
    place.outcome = _fails
    for _ in range(10):
        with pytest.raises(Unavailable):
            breaker(place)
    assert (place.asked, breaker.open) == (3, True)
    now[0] = 10.0
    for _ in range(5):
        with pytest.raises(Unavailable):
            breaker(place)
    assert place.asked == 4
    now[0] = 20.0
    place.outcome = lambda: 8
    assert [breaker(place) for _ in range(3)] == [8, 8, 8]
    assert not breaker.open


def test_an_answer_that_is_an_error_is_an_answer(breaker_rig: tuple[CircuitBreaker, Place, list[float]]) -> None:
    """Only silence opens a breaker."""
    breaker, place, _ = breaker_rig
    place.outcome = _refuses
    for _ in range(10):
        with suppress(ValueError):
            breaker(place)
    assert (place.asked, breaker.open) == (10, False)


@pytest.mark.slow
def test_told_to_stop_a_node_asks_a_store_that_it_left_alone(tmp_path: Path) -> None:
    """A breaker that would stay open for an hour does not keep the last records from being shipped (CRR-11, CRR-12)."""
    objects = Directory(tmp_path / "objects")
    options = ["--breaker", "--limit", "breaker.failures=1", "--limit", "breaker.open_seconds=3600"]
    command = [*serve_command(tmp_path / "eu", keys_of(tmp_path)), "--region", "eu", "--objects", objects.url]
    with listens([*command, "--ship-every", "0.05", *options]) as server:
        with closing(Client(server)) as client:
            objects.go()
            assert client.submit(RECORDS[0]).status == 200
            eventually(lambda: sample(client, 'flk_breaker_open{place="objects"}') == 1)
            objects.come_back()
            assert frames_in(objects) == []
        server.process.terminate()
        said, _ = server.process.communicate(timeout=PATIENCE)
    assert "not shipped" not in said
    assert len(frames_in(objects)) == 1
