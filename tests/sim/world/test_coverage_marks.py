"""Marks say what of note a run came to, and the numbers of a run are what they say."""

from collections.abc import Callable
from itertools import pairwise
from math import inf, isnan, nan

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sim.nodes.test_audit import QUICK, audited
from tests.sim.nodes.test_migration import PLAN, growing
from tests.support.model.world import pcs, submission
from tests.support.sim.audit_logs import logged
from tests.support.sim.drills import BRISK, drill, records, rehearse
from tests.support.sim.tiered import OUTAGE, tiered
from tests.support.sim.upkeep import kept_up

from flk.model.flow.submission import Submission
from flk.sim.kernel.engine import Simulator
from flk.sim.kernel.programs import MODEL
from flk.sim.measures.metrics import Span, metric
from flk.sim.nodes.designs import DESIGNS
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    AgentCrash,
    BitRot,
    Burst,
    Disk,
    Fault,
    LogFork,
    ObjectLoss,
    ObjectStoreOutage,
    Outside,
    OutsideOutage,
    Partition,
    PolicyChange,
    RegionCrash,
    RowLoss,
    ShardCrash,
    StoreOutage,
    TornWrite,
)
from flk.sim.scenarios.layout import Audit, AuditLog, Layout, Policies, Tiers
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.vocabulary import COVERAGE_MARKS, METRICS
from flk.sim.world.coverage_marks import CoverageMarks, held
from flk.spec.constants import Breaker


def at(kind: Callable[..., Fault], *about: object, start: float = 20, duration: float = 20, **fields: object) -> Fault:
    """A fault of some kind."""
    return kind(*about, id="f", start=Seconds(start), duration=Seconds(duration), **fields)


def policy(**fields: object) -> Policy:
    """The policy of a drill, with changes."""
    return msgspec.structs.replace(BRISK, **fields)


def stating(fault: Fault) -> Scenario:
    """A drill whose logs state policies."""
    plain = drill(fault)
    return msgspec.structs.replace(plain, layout=msgspec.structs.replace(plain.layout, policies=Policies()))


CUT = at(Partition, sides=(("eu",), ("us", "ap", "objects", "clients")))
RIVALS = [submission(pcs(epoch=e, r=r, budget=b)) for e in range(100) for r, b in ((0.5, 0.4), (0.6, 0.37))]
MADE_BY: dict[str, tuple[Scenario, list[Submission]]] = {
    "region-lost": (drill(at(RegionCrash, "eu", Disk.KEPT)), []),
    "node-lost": (
        msgspec.structs.replace(drill(at(RegionCrash, "eu", Disk.KEPT, node=1)), layout=Layout(nodes=2)),
        [],
    ),
    "recovered": (drill(), []),
    "fell-behind": (drill(at(StoreOutage, "eu")), []),
    "failover": (drill(at(RegionCrash, "eu", Disk.KEPT, duration=60)), []),
    "duplicate": (drill(duplicates=0.5), []),
    "equivocation": (drill(rate=6), RIVALS),
    "supersession": (drill(at(StoreOutage, "us", duration=1), rate=6, duplicates=0.5), []),
    "torn-tail": (drill(at(TornWrite, "eu", share=0.3), rate=20), records(600)),
    "salvaged": (drill(at(BitRot, "eu", flips=4), rate=20), records(600)),
    "gap-waited": (drill(at(ObjectStoreOutage), rate=6), []),
    "pass-failed": (drill(at(ObjectStoreOutage)), []),
    "snapshot": (kept_up(), records(120)),
    "removed": (kept_up(), records(120)),
    "row-mended": (kept_up(at(RowLoss, "us", share=0.1, start=50)), records(120)),
    "policy-changed": (stating(at(PolicyChange, region="eu")), []),
    "log-published": (logged(), records(30)),
    "log-refused": (logged(at(LogFork, "eu", shown_to="us")), records(30)),
    "anchored": (logged(), records(30)),
    "siem-behind": (
        msgspec.structs.replace(
            logged(at(OutsideOutage, service=Outside.SIEM, start=10, duration=210)), duration=Seconds(230)
        ),
        records(30),
    ),
    "object-put-back": (drill(at(ObjectLoss, "eu"), policy=policy(check_interval=Seconds(5))), []),
    "sealed-by-size": (drill(rate=10, policy=policy(segment_bytes=4000)), []),
    "shed": (drill(at(Burst, factor=20), policy=policy(max_in_flight=2, service=Seconds(0.2))), records(900)),
    "breaker-open": (drill(CUT, policy=policy(breaker=Breaker(failures=3, open_seconds=5.0))), []),
    "shard-silent": (drill(at(ShardCrash, "eu", 0, duration=10), rate=6), []),
    "turned-away": (tiered(OUTAGE, rate=3), []),
    "found-cold": (tiered(rate=3), []),
    "tier-left": (tiered(rate=3), []),
    "cut-over": (growing(), records(200)),
    "rolled-back": (growing(plan=msgspec.structs.replace(PLAN, roll_back=True)), records(200)),
    "outbox-reopened": (drill(at(AgentCrash)), []),
    "task-buried": (audited(audit=msgspec.structs.replace(QUICK, failure=0.9, attempts=1)), []),
}
# The model ships in sequence, so its replay meets no gap; it does where another region ships the newest segment first.
OUT_OF_SEQUENCE = MODEL._replace(ship=DESIGNS["stepped-over-gap"].ship)


def test_every_mark_has_a_run() -> None:
    """The table of marks and the runs that come to them are the same list."""
    assert MADE_BY.keys() == COVERAGE_MARKS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("mark", MADE_BY)
def test_a_run_comes_to_its_mark(mark: str) -> None:
    """Each mark is noted where what it means has happened."""
    scenario, sent = MADE_BY[mark]
    assert rehearse(scenario, sent, programs=OUT_OF_SEQUENCE if mark == "gap-waited" else MODEL).marks[mark]


@pytest.fixture(scope="module")
def calm() -> Run:
    """A run in which nothing goes wrong."""
    return rehearse(drill())


def test_a_calm_run_comes_to_little(calm: Run) -> None:
    """Starting, duplicates that agents send, and what these do to stores: nothing else is of note."""
    came = {mark for mark in COVERAGE_MARKS if calm.marks[mark]}
    assert came <= {"recovered", "duplicate", "supersession"}
    assert [begin for begin, _ in calm.marks["recovered"]] == pytest.approx([0, 0, 0], abs=1)
    assert len(calm.marks["status 200"]) == calm.measures.counts.attempts


def test_a_mark_that_is_not_in_the_table_is_a_mistake_of_ours() -> None:
    """A part that notes something unknown fails at once."""
    with pytest.raises(KeyError):
        CoverageMarks(Simulator()).note("fail-over")


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.data())
def test_regions_have_converged_while_no_key_differs(levels: list[int], data: st.DataObject) -> None:
    """The intervals are exactly the moments at which the number is 0, joined where they touch."""
    steps = data.draw(st.lists(st.integers(0, 3), min_size=len(levels) - 1, max_size=len(levels) - 1))
    moments = np.concatenate([[0], np.cumsum(steps)]).astype(float)
    intervals = held(list(zip(moments.tolist(), levels, strict=True)))
    assert all(a < b for a, b in intervals)
    assert all(one[1] < other[0] for one, other in pairwise(intervals))
    for moment in np.arange(0.5, moments[-1] + 2):
        level = levels[int(np.searchsorted(moments, moment, side="right")) - 1]
        assert (level == 0) == any(a <= moment < b for a, b in intervals)
    assert levels[-1] != 0 or intervals[-1][1] == inf


# Numbers.


def test_over_the_whole_run_numbers_are_the_measures(calm: Run) -> None:
    """What the report prints and what a hypothesis bounds are one number."""
    run = rehearse(drill(at(RegionCrash, "eu", Disk.LOST, duration=60)))
    for one in (calm, run):
        measures, whole = one.measures, Span(0.0, one.scenario.duration)
        expected = {
            "latency_p95": measures.latency["acknowledged"].p95,
            "latency_max": measures.latency["acknowledged"].most,
            "attempts": measures.counts.attempts,
            "delivered": measures.counts.acknowledged / measures.counts.offered,
            "delivery_p95": measures.delivery.p95,
            "lag_max": max(lag.summary.most for lag in measures.lags),
            "goodput": len(measures.attempts.status) / 180 if one is calm else None,
            "rpo": max((loss.seconds for loss in measures.losses), default=nan),
            "rto": max((recovery.rto for recovery in measures.recoveries), default=nan),
            "lost": measures.counts.lost,
            "differing_max": measures.divergence.level.max(),
        }
        for name, value in expected.items():
            assert value is None or metric(name, measures, whole).value == pytest.approx(value, nan_ok=True), name


@pytest.mark.parametrize("span", [Span(20, 40), Span(60, 61), Span(0, 5), Span(170, 180)], ids=str)
def test_metrics_of_a_span_are_of_what_was_sent_then(span: Span) -> None:
    """Each is what counting by hand over the attempts in the span comes to."""
    measures = rehearse(drill(at(StoreOutage, "eu"), rate=5)).measures
    rows = [row for row in zip(*measures.attempts, strict=True) if span.start <= row[0] <= span.end]
    answered = [status for _, _, status in rows if status]
    good = [over - sent for sent, over, status in rows if status in {200, 202}]
    came = [over for at_, over in zip(*measures.given, strict=True) if span.start <= at_ <= span.end]
    expected = {
        "attempts": len(rows),
        "errors": sum(status >= 500 for status in answered) / len(answered) if answered else nan,
        "unanswered": (len(rows) - len(answered)) / len(rows) if rows else nan,
        "latency_max": max(good, default=nan),
        "delivered": sum(not isnan(over) for over in came) / len(came) if came else nan,
    }
    for name, value in expected.items():
        assert metric(name, measures, span).value == pytest.approx(value, nan_ok=True), name


def test_every_metric_can_be_measured_somewhere(calm: Run) -> None:
    """With a lost region, a queue, tiers and an audit log each metric has a value; without, those that need them have none."""
    log = AuditLog(anchor_interval=Seconds(5), stream_interval=Seconds(5))
    lost, whole = drill(at(RegionCrash, "eu", Disk.LOST, duration=60)), Span(0.0, 180.0)
    layouts = Layout(audit=Audit(), tiers=Tiers()), Layout(audit_log=log)
    rich = [rehearse(msgspec.structs.replace(lost, layout=layout)).measures for layout in layouts]
    assert not [name for name in METRICS if all(isnan(metric(name, each, whole).value) for each in rich)]
    none = {name for name in METRICS if isnan(metric(name, calm.measures, whole).value)}
    assert none == {
        "rpo",
        "rto",
        "audit_backlog_max",
        "audit_uncovered",
        "owed_max",
        "refused_near",
        "audit_log_lag",
        "anchor_lag",
        "siem_lag",
    }
