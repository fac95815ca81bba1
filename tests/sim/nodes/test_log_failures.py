"""A node's log of which a synchronisation fails (WAL-7): what is refused, what is not done, and when its process ends."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from unittest.mock import Mock

import pytest
from tests.support.sim.journals import SMALL, WHEN, Bench, fail, loop_of

from flk.model.effects import INBOX, Append, Effect, Inspect, Program, ReadSegment, Seal
from flk.model.refusal import Refused, unavailable
from flk.sim.nodes.background import Rounds
from flk.sim.scenarios.faults import FsyncFailure


def test_the_log_fails_once() -> None:
    """With the batch all that waits is refused, and not written; what comes later is not done, and fails nothing (WAL-7)."""
    bench = Bench()
    bench.request("request", SMALL)
    bench.request("waiting", SMALL)
    fail(bench)
    assert bench.memory.behind
    assert not bench.journal.writing
    bench.request("later", SMALL)
    bench.go_on(9.0)
    assert bench.failures == ["eu"]
    assert list(bench.ended) == bench.refused == ["request", "waiting"]
    disk = bench.place.disk
    assert len(disk.names(INBOX)) == 1  # what is there of the batch is where it was to be
    disk.begin_segment(bench.memory.clock)
    assert len(disk.names(INBOX)) == 2


def test_each_synchronisation_fails_by_a_draw_of_its_own() -> None:
    """A disk that fails one synchronisation in ten fails a log early or late, not always at once or never."""
    survived = Counter[int]()
    loop = loop_of()
    for number in range(40):
        bench = Bench(loop=loop)
        bench.place.health.begin(FsyncFailure(id=f"ill {number}", share=0.1, **WHEN))
        for each in range(40):
            bench.request(str(each), SMALL)
            bench.go_on(bench.simulator.now + 1.0)
        survived[len(bench.logged)] += 1
    assert len(survived) > 10


def test_what_a_failed_log_refused_is_not_refused_again() -> None:
    """An answer about the clock comes too late for a batch that failed with the log: who had a frame in it may have gone on."""
    waiting: list[Callable[[Refused | None], None]] = []
    bench = Bench(waiting.append)

    def persistent() -> Program[None]:
        with suppress(Refused):
            yield from Append(INBOX, SMALL)
        yield from Inspect(INBOX)

    bench.run("persistent", persistent())
    bench.run("inspection", iter(Inspect(INBOX)))
    fail(bench)
    assert bench.failures == ["eu"]
    waiting[0](unavailable("the store does not answer"))
    assert not bench.ended


def restarts_of(bench: Bench) -> list[float]:
    """When the process is ended for another to start, as far as it has come."""
    restarts: list[float] = []
    bench.place.rounds = Mock(spec=Rounds, restart=lambda: restarts.append(bench.simulator.now))
    return restarts


def test_a_process_whose_log_failed_ends_when_all_is_answered() -> None:
    """Not while a request still waits for its store (WAL-7)."""
    bench = Bench()
    restarts = restarts_of(bench)
    bench.memory.in_flight += 1
    bench.request("request", SMALL)
    fail(bench)
    assert (bench.refused, restarts) == (["request"], [])
    bench.go_on(5.0)
    bench.memory.in_flight -= 1
    bench.journal.settled()
    assert restarts == [5.0]


@pytest.mark.parametrize("effect", [Append(INBOX, SMALL), Inspect(INBOX), Seal(INBOX)], ids=["frame", "use", "seal"])
def test_whatever_fails_the_log_ends_the_process_once(effect: Effect[object]) -> None:
    """At once, if nothing else is to be answered: a frame, another use of the disk, or a seal, which seals nothing then."""
    bench = Bench()
    restarts = restarts_of(bench)
    bench.request("earlier", SMALL)
    bench.go_on(1.5)
    if isinstance(effect, Append):
        bench.request("request", effect.payload)
    else:
        bench.run("program", iter(effect))
    fail(bench)
    assert restarts == [2.5]
    assert bench.failures == ["eu"]
    assert not bench.place.disk.names(INBOX, sealed=True)
    assert "program" not in bench.ended


def test_reading_synchronises_nothing() -> None:
    """A disk whose synchronisations fail can be read, until another use of it has failed the log."""
    bench = Bench()
    bench.request("request", SMALL)
    bench.go_on(2.0)
    (name,) = bench.place.disk.names(INBOX)
    bench.run("first reading", iter(ReadSegment(name)))
    fail(bench)
    assert bench.ended == {"request": 1.0, "first reading": 3.0}
    bench.run("inspection", iter(Inspect(INBOX)))
    bench.run("second reading", iter(ReadSegment(name)))
    bench.go_on(9.0)
    assert bench.failures == ["eu"]
    assert list(bench.ended) == ["request", "first reading"]
