"""The scenarios that come with the lab do what they promise."""

from functools import cache

import pytest
from tests.sim.drills import records, rehearse

from flk.sim import scenario
from flk.sim.faults import Burst, Disk, Partition, RegionCrash
from flk.sim.invariants import Verdict
from flk.sim.simulate import Run


@cache
def played(name: str) -> Run:
    """A scenario of the library, on as many records as the data set it names has."""
    return rehearse(scenario.find(name), records(1968))


@pytest.mark.parametrize("name", sorted(scenario.library()))
def test_a_library_scenario_holds(name: str) -> None:
    """All invariants hold, all objectives are met, every record is sent, and what comes is delivered."""
    run = played(name)
    assert run.verdict is Verdict.HOLDS, [row.examples for row in run.results] + [row.label for row in run.objectives]
    counts = run.measures.counts
    assert counts.offered - counts.repeated == run.submissions
    assert counts.acknowledged == counts.offered
    assert counts.duplicates >= counts.repeated - counts.lost - counts.supersessions


def test_the_main_job_shows_what_it_promises() -> None:
    """Three regions, a tenfold burst, a partition of two minutes, a region lost and recovered, and nothing lost for good."""
    run = played("three-regions")
    _, partition, crash = run.scenario.faults
    assert isinstance(partition, Partition)
    assert partition.duration == pytest.approx(120)
    assert isinstance(crash, RegionCrash)
    assert crash.disk is Disk.KEPT
    assert [fault.factor for fault in run.scenario.faults if isinstance(fault, Burst)] == [10]
    assert len(run.entries) == 3
    assert run.measures.losses[0].records > 0
    assert run.measures.counts.lost == 0
    assert run.measures.counts.supersessions > 0
    assert all(row.checks for row in run.results)


def test_a_lost_disk_costs_records_and_the_report_says_so() -> None:
    """The fire loses most of what was at risk for good; the rest had been sent elsewhere too."""
    run = played("lost-disk")
    assert 0 < run.measures.counts.lost <= run.measures.losses[0].records
    assert len(run.entries["eu"]) == run.submissions - run.measures.counts.lost
