"""A node's log on its disk: what a seal waits for, when a full segment is sealed, and what a stop leaves of a write."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from tests.support.sim.journals import PAYLOADS, SMALL, WHEN, Bench, cut, fail, loop_of

from flk.model.effects import INBOX, Inspect, Program, Salvage, Seal
from flk.model.log.frames import OVERHEAD, scan
from flk.model.refusal import Refused, unavailable
from flk.sim.kernel.runtime import Activity
from flk.sim.nodes.activities import Recovering
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ClockSkew, ProcessCrash, RegionCrash, TornWrite


def test_a_request_that_ends_while_the_log_is_sealed_begins_no_second_seal() -> None:
    """A seal that is asked for later waits until what was logged before it is settled (WAL-6)."""
    bench = Bench()
    bench.run("first seal", iter(Seal(INBOX)))
    bench.go_on(0.5)
    bench.journal.settled()  # a request was answered that logged nothing
    bench.go_on(1.2)
    bench.request("request", PAYLOADS[0])
    bench.run("second seal", iter(Seal(INBOX)))
    bench.go_on(9.0)
    assert bench.ended == {"first seal": 1.0, "request": 2.2, "second seal": 3.2}


def test_while_a_node_is_behind_its_log_a_full_segment_holds_up_nothing() -> None:
    """A seal would be refused (ORD-4), so the disk is not held for one: what recovery writes is durable after one write."""
    bench = Bench(loop=loop_of(segment_bytes=1))
    bench.request("request", PAYLOADS[0])
    bench.journal.settled()
    bench.memory.behind = True
    bench.go_on(1.5)
    bench.request("recovery", PAYLOADS[1])
    bench.go_on(9.0)
    assert bench.ended == {"request": 1.0, "recovery": 2.5}
    assert not bench.marks


def test_a_full_segment_is_sealed_once() -> None:
    """However many frames of a batch find it full, one rotation follows (WAL-2): here of a batch of one, then of two."""
    bench = Bench(loop=loop_of(segment_bytes=1))
    for number, payload in enumerate(PAYLOADS):
        bench.request(f"request {number}", payload)
    bench.go_on(9.0)
    assert bench.marks == ["sealed-by-size"] * 2
    assert len(set(bench.used)) == 2  # each draws its own times


def test_what_is_written_under_a_clock_that_is_known_at_once_may_be_there_after_a_stop() -> None:
    """A batch is being written as soon as the region's clock is followed, however soon that is: a torn write keeps its share."""
    bench = Bench(lambda followed: followed(None))
    bench.request("request", PAYLOADS[0])
    assert bench.journal.writing
    assert not Bench().journal.writing  # there is nothing to write
    cut(bench, TornWrite(id="cut", share=1.0, **WHEN))
    assert bench.logged == PAYLOADS[:1]


def kept(end: Callable[[Bench], None]) -> Counter[int]:
    """How many bytes of a frame are there that was being written when something happened, by how often, in a thousand runs."""
    loop, found = loop_of(), Counter[int]()
    for seed in range(1000):
        bench = Bench(loop=loop, seed=seed)
        bench.request("request", SMALL)
        end(bench)
        found[sum(map(len, map(bench.place.disk.read, bench.place.disk.names(INBOX))))] += 1
    nothing = min(found)  # what a segment begins with
    return Counter({size - nothing: number for size, number in found.items()})


@pytest.mark.parametrize(
    "end", [partial(cut, fault=RegionCrash(id="power", **WHEN)), fail], ids=["power cut", "failure"]
)
def test_of_a_write_that_is_cut_any_first_part_may_be_there(end: Callable[[Bench], None]) -> None:
    """From nothing to the whole frame, the last byte included: when the power goes, and when a synchronisation fails (WAL-7)."""
    assert set(kept(end)) == set(range(OVERHEAD + len(SMALL) + 1))


def test_a_write_is_whole_or_was_not_begun_when_a_process_dies() -> None:
    """The machine goes on, so nothing is torn; the one is as likely as the other."""
    found = kept(partial(cut, fault=ProcessCrash(id="crash", **WHEN)))
    assert set(found) == {0, OVERHEAD + len(SMALL)}
    assert min(found.values()) > 400


def test_what_strikes_a_write_strikes_before_it_is_over() -> None:
    """A torn write is one that was begun: whoever waits for the next one is called as it begins."""
    bench, struck = Bench(), []
    bench.place.on_write = lambda: struck.append(bench.simulator.now)
    bench.request("request", SMALL)
    bench.go_on(0.5)
    assert struck == [0.0]


def test_a_seal_that_follows_another_holds_the_disk_on() -> None:
    """What waits for the disk waits for both, since no frame may get into a segment that is being sealed (WAL-6)."""
    bench = Bench()

    def twice() -> Program[None]:
        yield from Seal(INBOX)
        yield from Seal(INBOX)

    bench.run("seals", twice())
    bench.request("request", SMALL)
    bench.go_on(9.0)
    assert bench.ended == {"seals": 2.0, "request": 3.0}


def test_a_rotation_that_is_refused_seals_nothing_by_size() -> None:
    """A node that falls behind while its full segment is being sealed is refused that (ORD-4), and rotates it later."""
    bench = Bench(loop=loop_of(segment_bytes=1))
    bench.request("request", SMALL)
    bench.go_on(1.5)
    bench.memory.behind = True
    bench.go_on(3.0)
    assert not bench.marks
    bench.memory.behind = False
    bench.journal.rotate_if_full()
    bench.go_on(9.0)
    assert bench.marks == ["sealed-by-size"]


def test_what_waits_for_the_clock_is_not_being_written() -> None:
    """Until the region's clock is followed nothing of a batch is on the disk, nor what a wrong clock would stamp (HLC-5, HLC-7)."""
    bench = Bench(lambda _: None)
    bench.request("request", SMALL)
    assert not bench.journal.writing
    cut(bench, TornWrite(id="cut", share=1.0, **WHEN))
    assert not bench.logged


def test_a_batch_whose_clock_is_not_known_is_refused() -> None:
    """Nothing of it is written, and the next batch is, once the clock is known (HLC-7)."""
    answers: list[Refused | None] = [unavailable("the store does not answer"), None]
    bench = Bench(lambda followed: followed(answers.pop(0)))
    bench.request("early", PAYLOADS[0])
    bench.request("late", PAYLOADS[1])
    bench.go_on(9.0)
    assert bench.refused == ["early"]
    assert bench.ended == {"early": 0.0, "late": 1.0}
    assert bench.logged == PAYLOADS[1:2]


def test_seals_that_are_asked_for_together_end_together() -> None:
    """One use of the disk is enough for all; what is inspected meanwhile takes its own."""
    bench = Bench()
    for name in ("one", "another"):
        bench.run(name, iter(Seal(INBOX)))
    bench.run("inspection", iter(Inspect(INBOX)))
    bench.go_on(9.0)
    assert bench.ended == {"one": 1.0, "another": 1.0, "inspection": 1.0}


def test_only_recovery_rewrites_a_segment_while_a_node_is_behind_its_log() -> None:
    """Others leave it to their next round: recovery has the log to itself (ORD-4)."""
    bench = Bench()
    bench.request("request", SMALL)
    bench.go_on(2.0)
    (name,) = bench.place.disk.names(INBOX)
    salvage = Salvage(INBOX, name, scan(bench.place.disk.read(name)).frames)
    other, recovering = Activity("ship", iter(salvage)), Recovering("recover", iter(salvage))
    bench.memory.behind = True
    with pytest.raises(Refused):
        bench.journal.salvage(other, salvage)
    assert not bench.marks
    bench.journal.salvage(recovering, salvage)
    bench.memory.behind = False
    bench.journal.salvage(other, salvage)
    bench.journal.salvage(recovering, salvage)
    assert bench.marks == ["salvaged"] * 3
    assert set(bench.place.disk.damaged) == {name}


def test_what_is_not_settled_is_what_is_written_or_waits() -> None:
    """Frames of the batch under way, and those that wait for the next; a segment that is not full is left open."""
    bench = Bench()
    for number, payload in enumerate(PAYLOADS):
        bench.request(str(number), payload)
    assert bench.journal.unsettled == len(PAYLOADS)
    bench.go_on(9.0)
    assert (bench.journal.unsettled, bench.used) == (0, [])


@pytest.mark.parametrize(("off", "kept"), [(0, 3), (3600, 1)], ids=["right clock", "wrong clock"])
def test_a_stop_leaves_of_a_batch_only_what_a_right_clock_stamped(off: float, kept: int) -> None:
    """All frames of a batch that is whole are there; under a clock that has made a step none is (HLC-5)."""
    bench = Bench()
    for number, payload in enumerate(PAYLOADS):
        bench.request(str(number), payload)
    bench.go_on(1.5)
    bench.place.move_clock(ClockSkew(id="skew", offset=Seconds(off), **WHEN))
    cut(bench, TornWrite(id="cut", share=1.0, **WHEN))
    assert bench.logged == PAYLOADS[:kept]
