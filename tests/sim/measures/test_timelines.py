"""RPO, RTO and lag against timelines that are computed by hand.

Two regions, `eu` and `us`, with one agent each that never moves. Every message takes 0.1 s, everything else no time. So a record
that is submitted at 10 s is durable at 10.1 s and acknowledged by the node in the same moment; what is shipped at 20 s lies in the
object store at 20.1 s; a replay at 30 s asks for the list (0.2 s) and for the object (0.2 s), and has merged it at 30.4 s. A node
that starts asks the object store for the list of its own segments (0.2 s) before it serves: the heartbeat that is sent when it
starts arrives 0.1 s later, too soon. Lag is looked at every second.
"""

from collections.abc import Sequence

import msgspec
import pytest
from tests.support.model.world import KEYRING
from tests.support.sim.drills import EASY, records

from flk.sim.experiments.rows import row
from flk.sim.measures.measures import Lag
from flk.sim.measures.series import Reading
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, Partition, ProcessCrash, RegionCrash
from flk.sim.scenarios.policy import Objectives, Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Act, Replay, Ship, Submit
from flk.sim.scenarios.topology import Network, Path
from flk.sim.scenarios.workload import Workload
from flk.sim.simulate import simulate
from flk.spec.constants import CONSTANTS
from flk.spec.verdict import Verdict

NOTHING = Seconds(0)
STAY = msgspec.structs.replace(CONSTANTS.failover, probe_failures=1_000_000)
SUBMITTED, SHIPPED, REPLAYED = (
    Submit(at=Seconds(10), region="eu"),
    Ship(at=Seconds(20), region="eu"),
    Replay(at=Seconds(30), region="us", peer="eu"),
)


def crash(region: str, start: float, end: float, disk: Disk = Disk.KEPT) -> RegionCrash:
    """A region is gone for a time."""
    return RegionCrash(
        id=f"{region}-gone", start=Seconds(start), duration=Seconds(end - start), region=region, disk=disk
    )


def played(script: Sequence[Act], *faults: Fault, duration: float = 100, slo: Objectives = EASY) -> Run:
    """A scripted run in which only messages take time."""
    idle = Ship(at=Seconds(duration - 0.5), region="us")  # a script has an act, if only one that does nothing
    scenario = Scenario(
        name="timeline",
        description="",
        duration=Seconds(duration),
        regions=("eu", "us"),
        workload=Workload(records="", agents={"eu": 1, "us": 1}),
        network=Network(default=Path(delay=Seconds(0.1))),
        policy=Policy(
            fsync=NOTHING, agent_fsync=NOTHING, service=NOTHING, merge=NOTHING, object_service=NOTHING, failover=STAY
        ),
        slo=slo,
        faults=faults,
        script=(*script, idle),
    )
    return simulate(scenario, records(3), KEYRING, seed=1)


def ages(found: Sequence[Lag], source: str, target: str, *moments: int) -> list[float]:
    """What a target was behind a source at whole seconds."""
    lag = next(lag for lag in found if (lag.source, lag.target) == (source, target))
    return [round(float(lag.age[moment]), 6) for moment in moments]


def test_lag_is_the_age_of_what_is_missing() -> None:
    """Durable at 10.1, merged at 30.4: at 11 s the record is 0.9 s old, at 30 s 19.9 s, from 31 s on nothing is missing."""
    lags = played([SUBMITTED, SHIPPED, REPLAYED]).measures.lags
    assert ages(lags, "eu", "us", 10, 11, 30, 31, 99) == [0, 0.9, 19.9, 0, 0]
    assert ages(lags, "us", "eu", 10, 50) == [0, 0]


def test_a_region_that_lost_its_store_is_behind_until_it_has_everything_again() -> None:
    """Us loses its store at 50 s, with a record durable since 10.1 s: 39.9 s behind at once, 69.9 s at 80 s, when it replays."""
    again = Replay(at=Seconds(80), region="us", peer="eu")
    run = played([SUBMITTED, SHIPPED, REPLAYED, again], crash("us", 50, 60, Disk.LOST))
    lags = run.measures.lags
    assert ages(lags, "eu", "us", 49, 50, 60, 80, 81) == [0, 39.9, 49.9, 69.9, 0]
    assert row(run).lag_max == pytest.approx(69.9)
    assert run.measures.losses[0][3:] == (0, 0, 0)  # nothing rested on the log of us


def test_a_lost_store_is_behind_its_own_log_too() -> None:
    """What eu has shipped it lacks itself when it loses its disk at 40 s: 29.9 s behind, until it has recovered after 60 s."""
    run = played([SUBMITTED, SHIPPED], crash("eu", 40, 60, Disk.LOST))
    own = ages(run.measures.lags, "eu", "eu", 39, 40, 60, 62)
    assert own == [0, 29.9, 49.9, 0]


def test_a_kept_store_is_behind_only_what_came_since() -> None:
    """Us is down from 50 s to 60 s with its store: the record it had is not missing, the one of 55.1 s is, until 80.4 s."""
    script: list[Act] = [
        SUBMITTED,
        SHIPPED,
        REPLAYED,
        Submit(at=Seconds(55), region="eu", record=1),
        Ship(at=Seconds(70), region="eu"),
    ]
    lags = played([*script, Replay(at=Seconds(80), region="us", peer="eu")], crash("us", 50, 60)).measures.lags
    assert ages(lags, "eu", "us", 50, 55, 60, 80, 81) == [0, 0, 4.9, 24.9, 0]


def test_rpo_is_the_age_of_what_only_the_lost_region_had() -> None:
    """Acknowledged at 10.1 s, not shipped, lost at 25 s: 14.9 s, one record."""
    run = played([SUBMITTED], crash("eu", 25, 60, Disk.LOST))
    loss = run.measures.losses[0]
    assert loss.seconds == pytest.approx(14.9)
    assert loss.records == 1
    assert loss.size == len(records(1)[0].body)
    assert run.measures.counts.lost == 1


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ([SUBMITTED, SHIPPED], "it was shipped at 20.1 s"),
        (
            [SUBMITTED, Ship(at=Seconds(24.95), region="eu")],
            "it was on its way to the object store, where it arrives at 25.05 s",
        ),
        ([SUBMITTED, Submit(at=Seconds(12), region="us")], "the same record was stored by us, which shipped nothing"),
    ],
)
def test_rpo_counts_nothing_that_is_elsewhere(script: list[Act], what: str) -> None:
    """The same loss at 25 s of a record that something outside the region has: nothing is lost, RPO 0."""
    run = played(script, crash("eu", 25, 60, Disk.LOST))
    assert run.measures.losses[0][3:] == (0, 0, 0), what
    assert run.measures.counts.lost == 0


def test_rto_is_seen_without_traffic() -> None:
    """Eu is gone from 20 s to 40 s, and nobody sends anything: the heartbeat of 41 s is answered at 41.2 s. RTO 21.2 s."""
    run = played([], crash("eu", 20, 40))
    recovery = run.measures.recoveries[0]
    assert [recovery.rto, recovery.recover] == [pytest.approx(21.2), pytest.approx(0.2)]
    assert not recovery.censored
    assert run.measures.costs.heartbeats == 22  # at 20, 21, …, 41 s
    assert not run.measures.attempts.sent.size


def test_rto_does_not_count_idleness() -> None:
    """The first record after the same loss comes at 90 s: RTO is 21.2 s, not 70.2 s."""
    run = played([SUBMITTED, Submit(at=Seconds(90), region="eu", record=1)], crash("eu", 20, 40))
    assert run.measures.recoveries[0].rto == pytest.approx(21.2)


def test_traffic_can_be_sooner_than_a_heartbeat() -> None:
    """A process is dead from 20 s to 40.3 s and serves from 40.5 s on: the record that is sent at 40.6 s is acknowledged at 40.8 s,
    before the heartbeat of 41 s is sent. RTO 20.8 s.
    """
    gone = ProcessCrash(id="gone", start=Seconds(20), duration=Seconds(20.3), region="eu")
    run = played([Submit(at=Seconds(40.6), region="eu")], gone)
    assert run.measures.recoveries[0].rto == pytest.approx(20.8)


def test_a_fault_at_the_very_start() -> None:
    """Eu is gone from 0 s to 10 s: the heartbeat of 11 s is answered at 11.2 s."""
    run = played([], crash("eu", 0, 10))
    assert run.measures.recoveries[0].rto == pytest.approx(11.2)
    assert run.measures.losses[0][3:] == (0, 0, 0)


@pytest.mark.parametrize(
    ("target", "verdict"), [(15, Verdict.VIOLATED), (20, Verdict.UNDECIDED), (600, Verdict.UNDECIDED)]
)
def test_a_fault_to_the_very_end(target: float, verdict: Verdict) -> None:
    """Eu is gone from 80 s to 100 s, the end: RTO is at least 20 s, which misses 15 s and leaves longer targets open."""
    run = played([], crash("eu", 80, 100), slo=msgspec.structs.replace(EASY, rto=Seconds(target)))
    assert run.measures.recoveries[0].reading("rto") == Reading(20.0, censored=True)
    found = next(one for one in run.objectives if one.name == "RTO")
    assert (found.verdict, found.censored) == (verdict, True)
    assert "rto" in row(run).censored.split()


def test_two_faults_that_overlap() -> None:
    """Eu is gone from 20 s to 40 s, and its agent cut off from 30 s to 50 s: served again at 50.2 s, 30.2 s after the loss."""
    cut = Partition(id="cut", start=Seconds(30), duration=Seconds(20), sides=(("clients.eu",), ("eu", "us")))
    assert played([], crash("eu", 20, 40), cut).measures.recoveries[0].rto == pytest.approx(30.2)


def test_two_regions_lost_at_once() -> None:
    """Eu from 20 s to 40 s and us from 30 s to 60 s, a record of each unshipped: RTO 21.2 s and 31.2 s, RPO 9.9 s and 17.9 s."""
    script = [SUBMITTED, Submit(at=Seconds(12), region="us", record=1)]
    run = played(script, crash("eu", 20, 40, Disk.LOST), crash("us", 30, 60, Disk.LOST))
    assert [one.rto for one in run.measures.recoveries] == [pytest.approx(21.2), pytest.approx(31.2)]
    assert [one.seconds for one in run.measures.losses] == [pytest.approx(9.9), pytest.approx(17.9)]
    assert row(run).rto == pytest.approx(31.2)
    assert row(run).rpo == pytest.approx(17.9)


def test_an_idle_cut_shows_in_what_is_known() -> None:
    """Us replayed at 30 s what eu shipped from 20 s on, and nothing since: at 99 s it is known to have eu up to 20 s."""
    run = played([SHIPPED, REPLAYED])
    assert ages(run.measures.syncs, "eu", "us", 30, 31, 99) == [30, 11, 79]
    assert row(run).lag_max == 0
    assert row(run).sync_max == 100  # us → eu: nothing was ever replayed


def test_heartbeats_disturb_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as many of them, and the run is the same to its digest."""
    script: list[Act] = [SUBMITTED, SHIPPED, Submit(at=Seconds(33), region="eu", record=1), REPLAYED]
    usual = played(script, crash("eu", 20.05, 40))
    often = msgspec.structs.replace(CONSTANTS.heartbeat, interval_seconds=0.1)
    monkeypatch.setattr("flk.sim.clients.heartbeats.CONSTANTS", msgspec.structs.replace(CONSTANTS, heartbeat=often))
    more = played(script, crash("eu", 20.05, 40))
    assert more.measures.costs.heartbeats > 5 * usual.measures.costs.heartbeats
    assert (more.digest, more.measures.counts) == (usual.digest, usual.measures.counts)
    assert [one.statement for one in more.results] == [one.statement for one in usual.results]
