"""A recovery that reports anything but what is wrong with the log is seen (WAL-3, WAL-4, WAL-9)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.sim.planted.recovery import in_log_order, recovery
from tests.support.sim.drills import drill, records, rehearse

from flk.model.effects import Program
from flk.model.programs.examine import Examine
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.repair import Repair
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import BitRot, LogLoss, ObjectStoreOutage, RegionCrash
from flk.sim.scenarios.policy import Policy

CRASH = RegionCrash(id="crash", start=Seconds(30), duration=Seconds(40), region="us")
ROT = BitRot(id="rot", start=Seconds(35), duration=Seconds(10), region="us", flips=4)
SLOW_DISK = Policy(ship_interval=Seconds(50), replay_interval=Seconds(5), fsync=Seconds(0.2))


def keeps_silent(told: Recovery) -> Recovery:
    """Nothing was wrong."""
    return replace(told, repairs=(), gaps=())


def takes_all_for_a_tail(told: Recovery) -> Recovery:
    """What is wrong is a write that was cut short."""
    return replace(told, repairs=tuple(Repair(repair.name, 1, ()) for repair in told.repairs))


def cries_wolf(told: Recovery) -> Recovery:
    """Something is wrong with a segment that is whole."""
    return replace(told, repairs=(*told.repairs, Repair("us.000001/000000000000", 1, ())))


LIES = (None, keeps_silent, takes_all_for_a_tail, cries_wolf)


@pytest.mark.parametrize("lie", LIES)
def test_recovery_reports_what_is_wrong_with_the_log(lie: Callable[[Recovery], Recovery] | None) -> None:
    """The power goes while a disk writes, bits rot while it is off: the model's report is right, and each other one is seen."""

    def told(region: str, examine: Examine) -> Program[Recovery]:
        found = yield from recover(region, examine)
        return lie(found) if lie else found

    run = rehearse(drill(CRASH, ROT, rate=8.0, policy=SLOW_DISK), records(500), programs=MODEL._replace(recover=told))
    result = next(row for row in run.results if row.invariant == Invariant.REPAIRED)
    assert result.checks
    assert bool(result.violations) == bool(lie)


@pytest.mark.parametrize("wrong", [False, True])
def test_a_tail_that_something_is_appended_behind_is_seen(wrong: bool) -> None:
    """A byte rots in a sealed segment, and the open one ends in a torn write: who salvages the one before he cuts the other off
    takes the tail for damage (WAL-3).
    """
    faults = (CRASH, replace(ROT, flips=1), ObjectStoreOutage(id="objects", start=Seconds(2), duration=Seconds(60)))
    programs = MODEL._replace(recover=recovery(repaired=in_log_order)) if wrong else MODEL
    scenario = drill(*faults, duration=90, rate=8.0, policy=replace(SLOW_DISK, ship_interval=Seconds(20)))
    run = rehearse(scenario, records(500), programs=programs)
    result = next(row for row in run.results if row.invariant == Invariant.REPAIRED)
    assert result.checks
    assert bool(result.violations) == wrong


GONE = (LogLoss.MISSING, LogLoss.COPIED, LogLoss.CUT)


@pytest.mark.parametrize(
    ("loss", "lie"), [*((loss, None) for loss in (*GONE, LogLoss.ZEROED)), *((loss, keeps_silent) for loss in GONE)]
)
def test_recovery_reports_what_of_the_log_is_gone(loss: LogLoss, lie: Callable[[Recovery], Recovery] | None) -> None:
    """While a region is down, with segments that were not shipped, one of them is lost: the node says so and keeps every invariant;
    one that keeps silent is seen, from what was logged and sealed (WAL-9).
    """

    def told(region: str, examine: Examine) -> Program[Recovery]:
        found = yield from recover(region, examine)
        return lie(found) if lie else found

    faults = (replace(CRASH, log=loss), ObjectStoreOutage(id="objects", start=Seconds(2), duration=Seconds(80)))
    scenario = drill(*faults, duration=150, rate=4.0, until=50, policy=replace(SLOW_DISK, segment_bytes=4000))
    run = rehearse(scenario, programs=MODEL._replace(recover=told))
    result = next(row for row in run.results if row.invariant == Invariant.REPAIRED)
    assert result.checks
    assert [row.invariant for row in run.results if row.violations] == ([Invariant.REPAIRED] if lie else [])


@pytest.mark.parametrize("loss", GONE)
def test_what_was_shipped_is_lost_nowhere(loss: LogLoss) -> None:
    """A segment of a log that was shipped is gone: the node puts it back from its object, and nothing is missing (WAL-9)."""
    scenario = drill(
        replace(CRASH, log=loss), rate=4.0, until=25, duration=120, policy=replace(SLOW_DISK, ship_interval=Seconds(2))
    )
    run = rehearse(scenario)
    assert not [row for row in run.results if row.violations]
