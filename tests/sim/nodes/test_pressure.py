"""Back-pressure at the nodes, and circuit breakers at agents and nodes."""

from collections import Counter
from functools import cache
from typing import Any

import msgspec
import pytest
from tests.support.model.world import KEYRING
from tests.support.sim.drills import BRISK, drill, records, verdicts

from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Burst, Fault, ObjectStoreOutage, Partition, RegionCrash, RetryStorm, StoreOutage
from flk.sim.scenarios.policy import Policy
from flk.sim.simulate import simulate
from flk.sim.world.coverage_marks import CoverageMarks
from flk.sim.world.network import Net
from flk.spec.constants import CONSTANTS, Breaker, Pressure

SLOW = msgspec.structs.replace(BRISK, service=Seconds(0.05), merge=Seconds(0.001))
PRESSED = msgspec.structs.replace(
    SLOW,
    max_in_flight=64,
    pressure=Pressure(target_queue=10, increase=2.0, decrease=0.5, floor=4, interval_seconds=1.0),
)
SMALL = msgspec.structs.replace(SLOW, max_in_flight=20)
PATIENT = msgspec.structs.replace(CONSTANTS.failover, probe_failures=1000)
QUICK_RETRY = msgspec.structs.replace(CONSTANTS.outbox, timeout_seconds=2.0, max_delay_seconds=4.0)
UNGUARDED = msgspec.structs.replace(BRISK, failover=PATIENT, retry=QUICK_RETRY)
GUARDED = msgspec.structs.replace(UNGUARDED, breaker=Breaker(failures=3, open_seconds=10.0))
CUT = Partition(id="cut", start=Seconds(20), duration=Seconds(60), sides=(("eu",), ("clients",)))


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each mark is noted from now on."""
    found: Counter[str] = Counter()
    monkeypatch.setattr(CoverageMarks, "note", lambda self, mark: found.update([mark]))
    return found


@cache
def burst(length: float, policy: Policy) -> Run:
    """Two records a second near each region, whose store claims twenty; then ten times as many for a while."""
    rush = Burst(id="rush", start=Seconds(20), duration=Seconds(length), factor=10)
    scenario = drill(rush, rate=6.0, until=20 + length, duration=120 + length, duplicates=0.0, policy=policy)
    return simulate(scenario, records(2000), KEYRING)


@pytest.mark.slow
def test_without_pressure_latency_grows_with_the_burst() -> None:
    """Whoever is let in waits for all before: the longer a tenfold burst, the longer the wait."""
    short, long = (burst(length, SLOW).measures.latency["acknowledged"] for length in (8, 24))
    assert long.most > 1.5 * short.most
    assert 429 not in burst(24, SLOW).measures.statuses


@pytest.mark.slow
@pytest.mark.parametrize("policy", [PRESSED, SMALL], ids=["pressure", "limit"])
def test_with_pressure_latency_is_bounded_however_long_the_burst(policy: Policy) -> None:
    """With a limit that adapts, or a small one, a burst three times as long makes nobody wait longer; 429 turns the rest away."""
    short, long = (burst(length, policy).measures for length in (8, 24))
    assert long.latency["acknowledged"].most < 1.5 * short.latency["acknowledged"].most
    assert long.latency["acknowledged"].p95 < burst(24, SLOW).measures.latency["acknowledged"].p95 / 2
    assert long.statuses[429] > short.statuses[429] > 0


@pytest.mark.parametrize("policy", [SLOW, PRESSED, SMALL], ids=["none", "pressure", "limit"])
def test_what_is_turned_away_is_delivered_later(policy: Policy) -> None:
    """Nobody's record is lost to back-pressure, and no invariant either."""
    run = burst(24, policy)
    assert not verdicts(run)
    assert run.measures.counts.acknowledged == run.measures.counts.offered


def test_the_store_is_kept_busy_by_those_let_in() -> None:
    """While the burst lasts, goodput with back-pressure stays near what the stores can do."""
    pressed, free = (burst(24, policy).measures.goodput[5:8].mean() for policy in (PRESSED, SLOW))
    assert pressed > 0.8 * free


@pytest.mark.slow
def test_what_is_shed_is_marked(noted: Counter[str]) -> None:
    """A node that turns somebody away notes it, once for each 429."""
    scenario = drill(
        Burst(id="rush", start=Seconds(20), duration=Seconds(10), factor=10), rate=6.0, until=30, policy=SMALL
    )
    run = simulate(scenario, records(1000), KEYRING)
    assert 0 < run.measures.statuses[429] == noted["shed"]


@pytest.mark.slow
def test_a_retry_storm_against_a_limit_does_not_drown_the_store() -> None:
    """Agents that never pause get 429 again and again, and those let in are answered as fast as without the storm."""
    rush = Burst(id="rush", start=Seconds(20), duration=Seconds(8), factor=10)
    storm = RetryStorm(id="storm", start=Seconds(20), duration=Seconds(15))
    run = simulate(drill(rush, storm, rate=6.0, until=28, duration=120, policy=SMALL), records(1000), KEYRING)
    assert not verdicts(run)
    assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert run.measures.statuses[429] > 10 * burst(8, SMALL).measures.statuses[429]
    assert run.measures.latency["acknowledged"].most < 1.5 * burst(8, SMALL).measures.latency["acknowledged"].most


@cache
def rehearse(policy: Policy, *faults: Fault) -> Run:
    """A drill that goes on for long enough that everybody is done."""
    return simulate(drill(*faults, policy=policy, until=100, duration=300, rate=3.0), records(400), KEYRING)


@pytest.mark.slow
def test_with_a_breaker_fewer_posts_are_in_vain() -> None:
    """Agents that cannot leave their region stop asking it while it is cut off; afterwards everything is delivered."""
    plain, guarded = rehearse(UNGUARDED, CUT), rehearse(GUARDED, CUT)
    for run in (plain, guarded):
        assert not verdicts(run)
        assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert guarded.measures.statuses[0] < plain.measures.statuses[0] / 3
    assert guarded.measures.counts.withheld > 50
    assert plain.measures.counts.withheld == 0


@pytest.mark.slow
def test_a_breaker_that_opens_is_marked(noted: Counter[str]) -> None:
    """Each time, and only then."""
    rehearse.__wrapped__(GUARDED, CUT)
    assert 2 < noted["breaker-open"] < 40
    noted.clear()
    rehearse.__wrapped__(GUARDED)
    assert not noted["breaker-open"]


@pytest.mark.slow
def test_a_503_counts_as_a_failure_and_a_429_does_not() -> None:
    """A breaker opens on a store that is away; a node that is busy is not asked less than it allows."""
    away = StoreOutage(id="away", start=Seconds(20), duration=Seconds(40), region="eu")
    assert rehearse(GUARDED, away).measures.statuses[503] < rehearse(UNGUARDED, away).measures.statuses[503] / 2
    crowded = msgspec.structs.replace(GUARDED, service=Seconds(0.1), max_in_flight=1)
    busy = rehearse(crowded)
    assert busy.measures.statuses[429] > 20
    assert busy.measures.counts.withheld == 0


@pytest.mark.slow
def test_a_storm_goes_through_every_breaker() -> None:
    """An agent that does not pause for anybody does not hold back either."""
    away = StoreOutage(id="away", start=Seconds(20), duration=Seconds(20), region="eu")
    storm = RetryStorm(id="storm", start=Seconds(10), duration=Seconds(40))
    assert rehearse(GUARDED, away, storm).measures.counts.withheld == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        ObjectStoreOutage(id="away", start=Seconds(20), duration=Seconds(60)),
        Partition(id="cut", start=Seconds(20), duration=Seconds(60), sides=(("objects",), ("eu", "us", "ap"))),
    ],
    ids=["outage", "partition"],
)
def test_nodes_leave_an_object_store_alone_that_does_not_answer(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a breaker fewer requests are sent to it while it is away, and replication goes on soon after."""
    sent: Counter[str] = Counter()
    send = Net.send

    def counted(self: Net, sender: str, receiver: str, *rest: Any, **more: Any) -> None:
        sent[receiver] += 1
        send(self, sender, receiver, *rest, **more)

    monkeypatch.setattr(Net, "send", counted)
    often = msgspec.structs.replace(UNGUARDED, ship_interval=Seconds(1), replay_interval=Seconds(1), timeout=Seconds(1))
    guarded = msgspec.structs.replace(often, breaker=Breaker(failures=3, open_seconds=10.0))
    counts = []
    for policy, happening in ((often, [fault]), (guarded, [fault]), (often, []), (guarded, [])):
        sent.clear()
        run = simulate(drill(*happening, policy=policy, until=70, duration=200), records(200), KEYRING)
        assert not verdicts(run)
        assert (run.measures.counts.withheld > 50) == (policy is guarded and happening == [fault])
        counts.append(sent["objects"])
    plain, held, calm, calm_too = counts
    assert held < plain
    assert calm == calm_too


def test_a_node_that_starts_again_has_closed_breakers() -> None:
    """What a node held against the object store is forgotten with the node."""
    outage = ObjectStoreOutage(id="away", start=Seconds(20), duration=Seconds(30))
    crash = RegionCrash(id="crash", start=Seconds(40), duration=Seconds(15), region="eu")
    run = rehearse(GUARDED, outage, crash)
    assert not verdicts(run)
    assert run.entries["eu"] == run.entries["us"]
