"""Faults during which a region has no node: its process dies, its power fails in the middle of a write."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.sim.drills import BRISK, REGIONS, drill, records, rehearse, verdicts
from tests.support.sim.lines import followed

from flk.model.log.frames import OVERHEAD, Frame
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, FsyncFailure, ProcessCrash, RegionCrash, SlowDisk, Stop, TornWrite
from flk.sim.scenarios.validation import validation_errors
from flk.sim.world.watched import WatchedDisk
from flk.spec.verdict import Verdict

Timed = dict[str, Any]
DOWN: Timed = {"id": "down", "region": "us", "start": Seconds(30), "duration": Seconds(20)}
SLOW = msgspec.structs.replace(BRISK, fsync=Seconds(0.5), service=Seconds(0.05))


@pytest.fixture
def torn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each write that was cut off: how many bytes it has, and how many of them reached the disk."""
    cuts: list[tuple[int, int]] = []
    tear = WatchedDisk.tear

    def written_down(self: WatchedDisk, frames: Sequence[Frame], size: int) -> None:
        cuts.append((sum(OVERHEAD + len(frame.payload) for frame in frames), size))
        tear(self, frames, size)

    monkeypatch.setattr(WatchedDisk, "tear", written_down)
    return cuts


def busy(fault: Stop, seed: int = 1) -> Run:
    """A run in which the disk of a region is always writing."""
    run = rehearse(
        drill(fault, rate=20.0, duplicates=0.0, policy=SLOW, until=32, duration=110), records(700), seed=seed
    )
    assert not verdicts(run)
    return run


def replayed(run: Run) -> str:
    """What the timeline says of the recovery of the region that was down."""
    return next(moment.what for moment in run.timeline if moment.at > 50 and "of its log replayed" in moment.what)


@pytest.mark.slow
def test_what_a_dead_process_was_writing_is_there_whole_or_not_at_all(torn: list[tuple[int, int]]) -> None:
    """Of eight seeds none leaves a part of a write; some leave all of it, and some nothing."""
    for seed in range(8):
        assert "torn" not in replayed(busy(ProcessCrash(**DOWN), seed))
    assert all(size in {0, written} for written, size in torn)
    assert {size > 0 for written, size in torn if written} == {True, False}


@pytest.mark.parametrize("share", [TornWrite.harmless, 0.3, 0.45, 1.0])
def test_a_torn_write_leaves_just_that_share_of_it(torn: list[tuple[int, int]], share: float) -> None:
    """What is left of a frame is cut off at the restart; with a share of nothing or of all there is no such frame."""
    run = busy(TornWrite(share=share, **DOWN), seed=2)
    ((written, size),) = torn
    assert size == int(share * written)
    assert written > 1000
    assert ("torn bytes cut off" in replayed(run)) == (0 < share < 1)


def test_power_fails_in_the_middle_of_the_next_write() -> None:
    """If nothing is being written at the start, the power fails at the next write, and not at all if none comes."""
    run, lines = followed(drill(TornWrite(share=0.5, **DOWN)))
    down = next(moment.at for moment in run.timeline if moment.where == "us" and moment.what.startswith("down"))
    assert 30 < down < 40
    later = [line.t for line in lines if line.node == "us" and line.effect == "Append" and 30 <= line.t < 50]
    assert not later
    assert run.measures.recoveries[0].recover > 0
    idle = rehearse(drill(TornWrite(id="idle", region="us", start=Seconds(100), duration=Seconds(20))))
    assert idle.entries == rehearse(drill()).entries
    assert not idle.measures.recoveries
    assert [row.verdict for row in idle.objectives if row.name in {"RPO", "RTO"}] == [Verdict.UNDECIDED] * 2


@pytest.mark.parametrize(
    ("fault", "asked"),
    [(ProcessCrash(**DOWN), {"RTO"}), (TornWrite(**DOWN), {"RPO", "RTO"}), (RegionCrash(**DOWN), {"RPO", "RTO"})],
    ids=lambda value: value.kind if isinstance(value, ProcessCrash | TornWrite | RegionCrash) else "",
)
def test_every_stop_is_a_loss_for_those_who_use_the_region(fault: Stop, asked: set[str]) -> None:
    """All have an RTO; what a dead process had on its disk was never out of reach, so it has no RPO."""
    run = rehearse(drill(fault, rate=6.0), records(400))
    assert not verdicts(run)
    assert {row.name for row in run.objectives} & {"RPO", "RTO"} == asked
    assert len(run.measures.losses) == len(asked) - 1
    (recovery,) = run.measures.recoveries
    assert (recovery.agents, recovery.region) == (2, "us")
    assert 10 < recovery.rto < 60
    assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert run.measures.counts.moves >= 2 or recovery.rto < 30


def test_stops_of_one_region_may_not_overlap() -> None:
    """Whatever their kinds: a region that is down cannot stop again. Those of two regions may."""
    kinds: list[Any] = [RegionCrash, ProcessCrash, TornWrite]
    for one, other in product(kinds, kinds):
        first = one(**DOWN)
        inside = other(id="inside", region="us", start=Seconds(35), duration=Seconds(5))
        found = [mistake.field for mistake in validation_errors(drill(inside, first))]
        assert found == ["faults[0].start"]
        assert not list(validation_errors(drill(msgspec.structs.replace(inside, region="eu"), first)))


def test_other_agents_have_the_same_luck() -> None:
    """What agents near other regions send, when, and what becomes of it is the same as without the fault."""
    _, calm = followed(drill(duplicates=0.0))
    for fault in (ProcessCrash(**DOWN), TornWrite(**DOWN)):
        run, lines = followed(drill(fault, duplicates=0.0))
        assert not verdicts(run)
        for name in ("agent.eu.1", "agent.eu.2", "agent.ap.1"):
            queued = [[(line.t, line.program) for line in each if line.node == name] for each in (lines, calm)]
            assert [program for _, program in queued[0]] == [program for _, program in queued[1]]
            assert all(abs(one - other) < 0.1 for (one, _), (other, _) in zip(*queued, strict=True))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Fault, ...]:
    """Stops of every kind, one after another in each region, on disks that may be slow or fail."""
    faults: list[Fault] = []
    for region in REGIONS:
        start = draw(st.floats(0, 30))
        for number in range(draw(st.integers(0, 2))):
            timed: Timed = {
                "id": f"{region}{number}",
                "region": region,
                "start": Seconds(start),
                "duration": Seconds(draw(st.floats(0.5, 20))),
            }
            stops: list[Stop] = [
                RegionCrash(**timed),
                RegionCrash(disk=Disk.LOST, **timed),
                ProcessCrash(**timed),
                TornWrite(share=draw(st.floats(0, 1)), **timed),
            ]
            faults.append(draw(st.sampled_from(stops)))
            start = faults[-1].end + draw(st.floats(0.001, 20))
    timed = {"id": "disk", "region": draw(st.sampled_from(REGIONS)), "start": Seconds(10), "duration": Seconds(50)}
    ills: list[Fault] = [SlowDisk(factor=20, **timed), FsyncFailure(share=0.3, **timed)]
    return (*faults, draw(st.sampled_from(ills)))


@pytest.mark.slow
@given(schedules(), st.integers(0, 1000), st.sampled_from([BRISK, SLOW]))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_stop_breaks_an_invariant(faults: tuple[Fault, ...], seed: int, policy: Any) -> None:
    """However often nodes stop, and in the middle of whatever: no invariant is violated."""
    run = rehearse(drill(*faults, policy=policy, duration=220), records(120), seed=seed)
    assert not [row.examples for row in run.results if row.verdict is Verdict.VIOLATED]
