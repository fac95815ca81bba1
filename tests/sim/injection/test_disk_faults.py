"""Faults of disks and of the object store: stalls, slowness, failed synchronisations, rot, throttles; and full segments."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.sim.drills import BRISK, REGIONS, drill, records, rehearse, verdicts
from tests.support.sim.lines import Line, followed

from flk.model.effects import (
    INBOX,
    ListObjects,
    Mark,
    Marked,
    Program,
    PutObject,
    ReadSegment,
    Salvage,
    Seal,
    Segments,
)
from flk.model.log.frames import scan, sealed_frames
from flk.model.programs.ship import PREFIX
from flk.sim.checkers.convergence import Agreement
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.engine import Simulator
from flk.sim.kernel.programs import MODEL
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    BitRot,
    DiskStall,
    Fault,
    FsyncFailure,
    NodeFault,
    ObjectStoreOutage,
    ObjectStoreThrottle,
    ProcessCrash,
    RegionCrash,
    SlowDisk,
    SlowStore,
    StoreOutage,
    TornWrite,
)
from flk.sim.scenarios.faults import Disk as Fate
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.validation import validation_errors
from flk.sim.world.disks import DiskHealth
from flk.sim.world.events import Rotted, Rotten
from flk.sim.world.observer import Observer
from flk.sim.world.token_bucket import Throttles
from flk.sim.world.watched import WatchedDisk, WatchedObjects
from flk.spec.constants import CONSTANTS
from flk.spec.verdict import Verdict

Timed = dict[str, Any]
ILL: Timed = {"id": "ill", "region": "us", "start": Seconds(20), "duration": Seconds(20)}
MOST = CONSTANTS.scenario.max_number  # what no rate is above
SLUGGISH = msgspec.structs.replace(BRISK, fsync=Seconds(0.05))


def appended(lines: Sequence[Line], region: str) -> list[Line]:
    """What became of the frames that a region was to log."""
    return [line for line in lines if line.node == region and line.effect == "Append"]


def test_a_hanging_disk_completes_nothing_until_it_goes_on() -> None:
    """No frame becomes durable during the stall; what waited is durable soon after, and everything is acknowledged at last."""
    run, lines = followed(drill(DiskStall(**ILL), rate=6.0), records(400))
    assert not verdicts(run)
    times = [line.t for line in appended(lines, "us")]
    assert not [at for at in times if 20 <= at < 40]
    assert len([at for at in times if 40 <= at < 40.1]) > 10
    assert [line.t for line in appended(lines, "eu") if 20 <= line.t < 40]
    assert run.measures.counts.acknowledged == run.measures.counts.offered


def test_work_that_a_stall_interrupts_is_not_done_twice() -> None:
    """With synchronisations of 2 s that overlap the stall, what was done before it counts."""
    slow = msgspec.structs.replace(BRISK, fsync=Seconds(2))
    run, lines = followed(drill(DiskStall(**ILL), rate=6.0, policy=slow, duration=300), records(400))
    assert not verdicts(run)
    first = min(line.t for line in appended(lines, "us") if line.t >= 40)
    calm = min(
        line.t for line in appended(followed(drill(rate=6.0, policy=slow), records(400))[1], "us") if line.t >= 20
    )
    assert first - 40 == pytest.approx(calm - 20)


def test_a_slow_disk_takes_so_many_times_as_long() -> None:
    """Acknowledgements wait for the disk: twenty times 50 ms, and nobody else's does."""
    slow = SlowDisk(factor=20, id="ill", region="us", start=Seconds(0), duration=Seconds(70))
    run, lines = followed(drill(slow, policy=SLUGGISH))
    _, calm = followed(drill(policy=SLUGGISH))
    assert not verdicts(run)
    waits = {region: [_waits(each, region) for each in (lines, calm)] for region in REGIONS}
    assert waits["us"][0] > 10 * waits["us"][1]
    assert waits["eu"][0] < 2 * waits["eu"][1]


def _waits(lines: Sequence[Line], region: str) -> float:
    """The mean time from a request's admission to its frame."""
    begun: dict[str, float] = {}
    waited = []
    for line in lines:
        if line.node == region and line.program.startswith("ingest"):
            if line.effect == "Admit":
                begun[line.program] = line.t
            elif line.effect == "Append":
                waited.append(line.t - begun[line.program])
    return sum(waited) / len(waited)


def test_a_failed_synchronisation_is_503_and_ends_the_process() -> None:
    """While every synchronisation fails nothing becomes durable and nothing is acknowledged; then the log goes on."""
    run, lines = followed(drill(FsyncFailure(**ILL), rate=6.0), records(400))
    assert not verdicts(run)
    failed = [line for line in lines if line.effect.startswith("a synchronisation failed")]
    met = [line for line in lines if line.node == "us" and failed[0].t < line.t < 40]
    during = [line.result for line in met if line.effect in {"Admit", "Append"}]
    assert set(during) == {"503 ORD-4"}
    assert len(failed) >= 15  # the process tries again once a second
    assert all(20 <= line.t < 41 for line in failed)
    assert run.measures.statuses[503] >= len(during)
    assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert [line for line in appended(lines, "us") if line.t > 42 and "503" not in line.result]


def test_a_process_whose_log_failed_answers_what_it_has_taken_in() -> None:
    """Requests that wait for a slow store when a synchronisation fails are not cut off: the process ends after the last answer."""
    slow = SlowStore(factor=60, **{**ILL, "id": "slow"})
    run = rehearse(drill(FsyncFailure(share=0.3, **ILL), slow, rate=6.0, policy=SLUGGISH), records(400))
    assert not verdicts(run)
    assert set(run.measures.statuses) == {200, 503}


@pytest.mark.slow
def test_of_a_failed_batch_some_first_part_may_be_on_the_disk() -> None:
    """Refused frames come to light at the restart in some of the runs, and so do torn ones (WAL-7 promises neither)."""
    slow = msgspec.structs.replace(BRISK, fsync=Seconds(0.3))
    said = []
    for seed in range(4):
        fault = FsyncFailure(share=0.5, **ILL)
        run, lines = followed(drill(fault, rate=12.0, policy=slow, duration=200), records(800), seed=seed)
        failed = {line.t for line in lines if line.effect == "a synchronisation failed: batch"}
        refused = [line.result for line in appended(lines, "us") if line.t in failed]
        assert len(refused) >= len(failed) > 0
        assert set(refused) == {"503 ORD-4"}
        assert not verdicts(run)
        said += [moment.what for moment in run.timeline if "of its log replayed" in moment.what and moment.at < 45]
    assert any("torn bytes cut off" in what for what in said)


def test_a_log_that_failed_gets_no_more_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame is written to a segment after one of its synchronisations failed (WAL-7)."""
    closed: list[bytearray] = []
    close, append = WatchedDisk.close, WatchedDisk.append

    def closing(self: WatchedDisk, log: str) -> None:
        close(self, log)
        closed.extend(self.segments[name] for name in self.names(log))

    def appending(self: WatchedDisk, *what: Any) -> None:
        before = [len(segment) for segment in closed]
        append(self, *what)
        assert [len(segment) for segment in closed] == before

    monkeypatch.setattr(WatchedDisk, "close", closing)
    monkeypatch.setattr(WatchedDisk, "append", appending)
    faults = (
        FsyncFailure(share=0.4, **ILL),
        BitRot(id="rot", region="us", start=Seconds(10), duration=Seconds(40), flips=20),
    )
    run = rehearse(drill(*faults, rate=6.0, policy=SLUGGISH), records(400))
    assert closed
    assert not verdicts(run)


def test_failures_are_drawn_for_each_synchronisation() -> None:
    """Which ones a fault takes does not depend on other faults, and its share of them is taken."""
    names = [str(number) for number in range(2000)]
    one, other = (FsyncFailure(share=share, **{**ILL, "id": name}) for name, share in (("a", 0.25), ("b", 0.5)))
    taken = []
    for faults in ((one,), (one, other), (other,)):
        health = DiskHealth("us", Simulator(), seed=1)
        for fault in faults:
            health.begin(fault)
        taken.append({name for name in names if health.fails(name)})
    assert taken[1] == taken[0] | taken[2]
    assert len(taken[0]) / len(names) == pytest.approx(0.25, abs=0.03)


@pytest.fixture
def rotten(monkeypatch: pytest.MonkeyPatch) -> list[Rotten]:
    """All frames that rotted before they were shipped."""
    lost: list[Rotten] = []
    observe = Agreement.observe

    def noting(self: Agreement, observer: Observer) -> None:
        observe(self, observer)
        observer.handle(Rotted, lambda event: lost.extend(event.lost))

    monkeypatch.setattr(Agreement, "observe", noting)
    return lost


def test_rot_takes_the_records_it_hits_and_no_others(rotten: list[Rotten]) -> None:
    """What rotted before it was shipped stays in the region that took it in, and everything else arrives everywhere (WAL-4)."""
    rot = BitRot(flips=15, **ILL)
    run = rehearse(drill(rot, rate=6.0, duplicates=0.0), records(400))
    assert not verdicts(run)
    lost = {claim.key for claim, _ in rotten}
    assert 3 < len(lost) <= 15
    assert run.entries["us"].keys() - run.entries["eu"].keys() == lost
    assert run.entries["eu"] == run.entries["ap"]
    assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert run.measures.counts.lost == 0


def test_rot_in_what_waits_for_the_object_store_is_salvaged(rotten: list[Rotten]) -> None:
    """Sealed segments pile up and rot while nothing ships: later all that can be read is shipped, in sequence."""
    away = ObjectStoreOutage(id="away", start=Seconds(5), duration=Seconds(50))
    run, lines = followed(drill(away, BitRot(flips=40, **ILL), rate=6.0, duplicates=0.0), records(400))
    assert not verdicts(run)
    assert [line for line in lines if line.node == "us" and line.effect.startswith("Salvage")]
    lost = {claim.key for claim, _ in rotten}
    assert run.entries["us"].keys() - run.entries["eu"].keys() == lost
    assert len(run.entries["eu"]) == run.measures.counts.offered - len(lost)


def test_rot_before_a_restart_is_judged_fairly(rotten: list[Rotten]) -> None:
    """A region that rots while its store is away, and then restarts, claims what it can still read."""
    store = StoreOutage(id="store", region="us", start=Seconds(15), duration=Seconds(30))
    crash = ProcessCrash(id="crash", region="us", start=Seconds(41), duration=Seconds(6))
    run = rehearse(drill(store, crash, BitRot(flips=30, **ILL), rate=6.0), records(400))
    assert not verdicts(run)
    assert rotten


def test_a_salvage_that_drops_what_can_be_read_is_seen_in_spite_of_rot() -> None:
    """A shipper that gives a damaged segment up: the records beside the rotten ones are missed."""

    def wasteful() -> Program[tuple[str, ...]]:
        yield from Seal(INBOX)
        names = yield from Segments(INBOX, after=(yield from Marked("shipped")), sealed=True)
        for name in names:
            found = scan((yield from ReadSegment(name)))
            if found.damage or not found.sealed:
                yield from Salvage(INBOX, name, ())
            yield from PutObject(PREFIX + name, (yield from ReadSegment(name)))
            yield from Mark("shipped", name)
        return names

    swift = msgspec.structs.replace(drill().slo, convergence=Seconds(60))
    rot = BitRot(flips=10, **ILL)
    run = rehearse(drill(rot, rate=6.0, slo=swift), records(400), programs=MODEL._replace(ship=wasteful))
    assert verdicts(run)[Invariant.CONVERGENCE] is Verdict.VIOLATED
    honest = rehearse(drill(rot, rate=6.0, slo=swift), records(400))
    assert not verdicts(honest)


@pytest.mark.slow
def test_only_recovery_rewrites_a_log_that_the_node_is_behind() -> None:
    """A shipper that is still at it when the store fails may not salvage: recovery has the log to itself."""

    def busy() -> Program[tuple[str, ...]]:
        while True:
            yield from ListObjects(PREFIX)  # takes a while
            yield from Seal(INBOX)
            for name in (yield from Segments(INBOX, after=""))[-1:]:
                yield from ListObjects(PREFIX)
                yield from Salvage(INBOX, name, scan((yield from ReadSegment(name))).frames)

    outages = [
        StoreOutage(id=f"{region}{at}", region=region, start=Seconds(at), duration=Seconds(2))
        for region in REGIONS
        for at in (10, 20, 30)
    ]
    programs = MODEL._replace(ship=busy)
    _, lines = followed(drill(*outages, rate=20.0, until=35, duration=40), records(800), programs=programs)
    salvages = Counter(line.result for line in lines if line.effect.startswith("Salvage"))
    assert salvages[""] > 20
    assert salvages["503 ORD-4"] > 0


@given(st.floats(0.1, 20), st.lists(st.floats(0, 3), min_size=1, max_size=80))
def test_a_throttle_is_a_token_bucket(rate: float, gaps: list[float]) -> None:
    """In no window does it serve more than its rate and one bucket more; and after the time of one request it serves one."""
    throttles = Throttles()
    throttles.begin(ObjectStoreThrottle(id="t", rate=rate, start=Seconds(0), duration=Seconds(1)), 0.0)
    now, served, asked = 0.0, [], []
    for gap in gaps:
        now += gap
        asked.append((now, throttles.serve(now)))
        if asked[-1][1]:
            served.append(now)
        elif served:
            assert now - served[-1] < 1 / rate + 1e-9
    for first in range(len(served)):
        for last in range(first, len(served)):
            assert last - first + 1 <= max(1, rate) + rate * (served[last] - served[first]) + 1e-6


def test_of_two_throttles_the_stricter_counts() -> None:
    """A request that either refuses is refused and uses up nothing of the other; with infinite rates none is."""
    strict, lax = (
        ObjectStoreThrottle(id=name, rate=rate, start=Seconds(0), duration=Seconds(1))
        for name, rate in (("strict", 1), ("lax", 3))
    )
    throttles = Throttles()
    throttles.begin(lax, 0.0)
    throttles.begin(strict, 0.0)
    assert [throttles.serve(at) for at in (0.0, 0.1, 0.2, 1.0, 1.1)] == [True, False, False, True, False]
    throttles.end(strict)
    assert [throttles.serve(1.1) for _ in range(4)] == [True, True, False, False]
    throttles.end(lax)
    throttles.begin(msgspec.structs.replace(lax, rate=lax.harmless), 2.0)
    assert all(throttles.serve(2.0) for _ in range(1000))


def test_a_throttled_object_store_delays_replication() -> None:
    """At one request in ten seconds nothing much gets through; afterwards all of it does."""
    throttle = ObjectStoreThrottle(id="t", rate=0.1, start=Seconds(10), duration=Seconds(60))
    run, lines = followed(drill(throttle))
    assert not verdicts(run)
    served = Counter(
        "503" in line.result
        for line in lines
        if 10 < line.t < 70 and line.effect.split()[0] in {"PutObject", "ListObjects"}
    )
    assert served[True] > served[False] > 3
    assert max(lag.summary.most for lag in run.measures.lags) > 30


@pytest.mark.slow
def test_a_full_segment_is_sealed_and_takes_no_more_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """With segments of four kilobytes many are shipped, none much larger than that; the rest is as with large ones."""
    sizes: list[int] = []
    put = WatchedObjects.put

    def weighed(self: WatchedObjects, name: str, content: bytes) -> bool:
        assert sealed_frames(name.removeprefix(PREFIX), content)
        sizes.append(len(content))
        return put(self, name, content)

    monkeypatch.setattr(WatchedObjects, "put", weighed)
    small = msgspec.structs.replace(BRISK, segment_bytes=4000, ship_interval=Seconds(30))
    run, lines = followed(drill(rate=10.0, policy=small), records(700))
    assert not verdicts(run)
    assert len(sizes) > 60
    assert max(sizes) < 5500
    assert sorted(sizes)[len(sizes) // 2] > 4000
    assert len([line for line in lines if line.program.startswith("rotate") and line.effect == "Seal"]) > 60
    plain, lines = followed(drill())
    assert not [line for line in lines if line.program.startswith("rotate")]
    assert followed(drill(policy=msgspec.structs.replace(BRISK, segment_bytes=2**40)))[0].entries == plain.entries


@pytest.mark.slow
def test_segments_of_any_size_hold_every_invariant() -> None:
    """Down to a segment for each frame, with requests in flight all the time."""
    for size in (1, 700, 2000):
        small = Policy(ship_interval=Seconds(5), replay_interval=Seconds(5), segment_bytes=size, service=Seconds(0.05))
        assert not verdicts(rehearse(drill(rate=8.0, until=30, duration=100, policy=small), records(400)))


HARMLESS: tuple[Fault, ...] = tuple(
    msgspec.structs.replace(fault, **{fault.severity: type(getattr(fault, fault.severity))(min(fault.harmless, MOST))})
    for fault in (
        SlowDisk(factor=9.0, **ILL),
        FsyncFailure(**ILL),
        BitRot(**ILL),
        ObjectStoreThrottle(id="ill", rate=1.0, start=Seconds(20), duration=Seconds(20)),
    )
)


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: fault.kind)
def test_a_harmless_fault_does_nothing(fault: Fault) -> None:
    """With its severity at `harmless` the run is the same as without it."""
    run, calm = rehearse(drill(fault)), rehearse(drill())
    assert run.deliveries == calm.deliveries
    assert run.entries == calm.entries


@pytest.mark.parametrize(
    "fault", [DiskStall(**ILL), SlowDisk(factor=50, **ILL), FsyncFailure(**ILL), BitRot(flips=9, **ILL)]
)
def test_the_other_regions_have_the_same_luck(fault: NodeFault) -> None:
    """What is sent near them, and how long their disks take, is the same as without the fault."""
    _, calm = followed(drill(duplicates=0.0))
    _, lines = followed(drill(fault, duplicates=0.0))

    def posted(each: Sequence[Line]) -> list[tuple[float, str]]:
        return [
            (line.t, line.program) for line in each if line.node == "agent.eu.1" and line.program.startswith("queue")
        ]

    assert posted(lines) == posted(calm)
    before = [[line for line in each if line.t < 20] for each in (lines, calm)]
    assert before[0][1:] == before[1][1:]


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Fault, ...]:
    """Some faults of disks and of the object store, and some others that bring out what these have done."""
    faults: list[Fault] = []
    for index in range(draw(st.integers(1, 5))):
        timed: Timed = {
            "id": f"f{index}",
            "start": Seconds(draw(st.floats(0, 60))),
            "duration": Seconds(draw(st.floats(0.1, 40))),
        }
        there: Timed = {"region": draw(st.sampled_from(REGIONS)), **timed}
        share = draw(st.floats(0, 1))
        kinds: list[Fault] = [
            DiskStall(**there),
            SlowDisk(factor=draw(st.floats(0.1, 100)), **there),
            FsyncFailure(share=share, **there),
            BitRot(flips=draw(st.integers(1, 30)), **there),
            BitRot(flips=draw(st.integers(1, 30)), **there),
            ObjectStoreThrottle(rate=draw(st.floats(0.05, 10)), **timed),
            ObjectStoreOutage(**timed),
            StoreOutage(**there),
            ProcessCrash(**there),
            TornWrite(share=share, **there),
            RegionCrash(disk=draw(st.sampled_from(Fate)), **there),
        ]
        faults.append(draw(st.sampled_from(kinds)))
    return tuple(faults)


@pytest.mark.slow
@given(schedules(), st.integers(0, 1000), st.sampled_from([BRISK, SLUGGISH]), st.sampled_from([3000, 2**26]))
@settings(max_examples=few(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_disk_breaks_an_invariant(faults: tuple[Fault, ...], seed: int, policy: Policy, segment_bytes: int) -> None:
    """Whatever disks and object store do, and whenever: no invariant is violated."""
    scenario = drill(*faults, duration=250, policy=msgspec.structs.replace(policy, segment_bytes=segment_bytes))
    assume(not any(validation_errors(scenario)))
    run: Run = rehearse(scenario, records(120), seed=seed)
    assert not [row.examples for row in run.results if row.verdict is Verdict.VIOLATED]
