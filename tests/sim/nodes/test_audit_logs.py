"""Simulated nodes that write audit logs, regions that cosign and monitor them, an authority and a SIEM (TLOG-*, ANC-2, SIEM-1)."""

from math import isnan
from typing import Any

import msgspec
import pytest
from tests.support.model.world import KEYRING
from tests.support.sim.audit_logs import LOG, logged
from tests.support.sim.drills import drill, records, rehearse, verdicts

from flk.sim.checkers.invariants import OF_AUDIT_LOGS, Invariant
from flk.sim.experiments.hunt import SearchSpace, hunt
from flk.sim.experiments.run_inputs import RunInputs, Task, execute, synthetic_inputs
from flk.sim.experiments.worlds import RECORDS, Worlds
from flk.sim.protocol_traces import ACCEPTED, validated
from flk.sim.scenarios import files as scenario_files
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    Disk,
    Fault,
    LogFork,
    ObjectLoss,
    ObjectStoreOutage,
    Outside,
    OutsideOutage,
    RegionCrash,
)
from flk.sim.scenarios.layout import Layout, Migration, Tiers
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.spec.verdict import Verdict

HALF = Seconds(15)
CRASH = RegionCrash(id="crash", region="us", disk=Disk.LOST, start=HALF, duration=HALF)
MISSING = ObjectLoss(id="missing", region="eu", share=0.5, start=HALF, duration=HALF)
AWAY = ObjectStoreOutage(id="away", start=HALF, duration=HALF)
FORK = LogFork(id="fork", region="eu", shown_to="ap", start=HALF, duration=HALF)


@pytest.mark.parametrize("faults", [(), (CRASH,), (MISSING, AWAY)], ids=["calm", "disk lost", "objects away"])
def test_every_outcome_is_a_leaf_and_the_trace_is_a_path(faults: tuple[Fault, ...]) -> None:
    """Nothing that an invariant speaks of breaks, each is exercised, and `replication` accepts what nodes do besides."""
    run = validated(logged(*faults), records(60), KEYRING)
    assert not verdicts(run)
    checks = {row.invariant: row.checks for row in run.results}
    assert all(checks[i] for i in OF_AUDIT_LOGS - {Invariant.LOG_REFUSED})
    assert checks[ACCEPTED]
    assert all(log.leaves > 10 and log.anchored and log.told for log in run.measures.audit_logs.values())


@pytest.mark.slow
def test_nodes_that_share_a_store_write_one_log() -> None:
    """Three nodes of each region add to one log, and one of them dies."""
    crash = msgspec.structs.replace(CRASH, disk=Disk.KEPT, node=2)
    run = rehearse(logged(crash, nodes=3), records(60))
    assert not verdicts(run)
    assert run.marks["log-published"]


def test_a_fork_that_rewrites_what_was_published_is_refused_by_who_has_kept_that() -> None:
    """Even where no witness is asked for."""
    unwitnessed = msgspec.structs.replace(LOG, witnesses=0)
    run = rehearse(logged(msgspec.structs.replace(FORK, rewritten=3), log=unwitnessed), records(60))
    assert not verdicts(run)
    assert run.marks["log-refused"]


def test_a_fork_that_goes_on_from_what_was_published_is_refused_for_want_of_a_witness() -> None:
    """A monitor alone cannot tell it from growth; without a witness it keeps what only it was shown."""
    run = rehearse(logged(FORK), records(60))
    assert not verdicts(run)
    assert run.marks["log-refused"]
    unwitnessed = rehearse(logged(FORK, log=msgspec.structs.replace(LOG, witnesses=0)), records(60))
    assert Invariant.LOG_HISTORY in verdicts(unwitnessed)


def test_what_is_late_counts_until_the_end() -> None:
    """A SIEM that never comes back has not been told, and so the lag is what has passed."""
    away = OutsideOutage(id="siem", start=Seconds(1), duration=Seconds(89), service=Outside.SIEM)
    late = logged(away)
    late = msgspec.structs.replace(late, slo=msgspec.structs.replace(late.slo, siem_lag=Seconds(40)))
    run = rehearse(late, records(60))
    (objective,) = (row for row in run.objectives if row.name == "SIEM lag")
    assert objective.verdict is Verdict.VIOLATED
    assert 40 < objective.measured < 90
    quiet = rehearse(logged(log=msgspec.structs.replace(LOG, anchor_interval=None, stream_interval=None)), records(60))
    assert {row.name for row in quiet.objectives} & {"audit log lag", "anchor lag", "SIEM lag"} == {"audit log lag"}
    assert not any(isnan(row.measured) for row in quiet.objectives if row.name == "audit log lag")


def worse(name: str) -> Scenario:
    """A scenario of the library, with the policy that it is a warning of."""
    found = scenario_files.find(name)
    log = found.layout.audit_log
    assert log is not None
    changes: dict[str, dict[str, Any]] = {
        "forked-log": {"witnesses": 0},
        "authority-away": {"authorities": 1},
        "siem-away": {"stream_interval": Seconds(30 * 60)},
    }
    return msgspec.structs.replace(found, layout=Layout(audit_log=msgspec.structs.replace(log, **changes[name])))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "broken"),
    [("forked-log", Invariant.LOG_HISTORY), ("authority-away", "anchor lag"), ("siem-away", "SIEM lag")],
)
def test_under_another_policy_a_scenario_does_not_hold(name: str, broken: str) -> None:
    """Without witnesses; with one authority; with a stream that looks every half hour."""
    scenario = worse(name)
    run = execute(scenario_inputs(scenario), Task(scenario, scenario.seed))
    missed = {row.name for row in run.objectives if row.verdict is Verdict.VIOLATED}
    assert run.verdict is Verdict.VIOLATED
    assert broken in missed | {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}


def scenario_inputs(scenario: Scenario) -> RunInputs:
    """Its records."""
    return synthetic_inputs(int(scenario.workload.records.removeprefix("synthetic:")))


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_hunts_find_nothing_in_nodes_with_audit_logs(nodes: int) -> None:
    """A few drawn worlds, of one node to a region and of two."""
    found = hunt(SearchSpace(synthetic_inputs(RECORDS), worlds=Worlds(nodes, audit_log=True)), range(1, 6), workers=1)
    assert found.verdict is Verdict.HOLDS


def test_an_audit_log_needs_a_store_that_tells_what_it_never_had() -> None:
    """And a fork somebody whom it is shown to."""
    base = logged()
    for part in (Layout(tiers=Tiers()), Layout(migration=Migration(start=Seconds(1)))):
        both = msgspec.structs.replace(base, layout=msgspec.structs.replace(part, audit_log=LOG))
        assert "layout.audit_log" in [error.field for error in validation_errors(both)]
    own = msgspec.structs.replace(FORK, shown_to="eu")
    assert [error.field for error in validation_errors(logged(own))] == ["faults[0].shown_to"]
    (error,) = validation_errors(drill(FORK))
    assert "layout.audit_log" in error.message
