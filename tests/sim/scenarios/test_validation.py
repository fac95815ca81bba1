"""An invalid scenario is refused with the field and the fix."""

import pytest
from tests.sim.scenarios.test_builder import begun

from flk.sim.scenarios.builder import Draft
from flk.spec.errors import UnusableInput

START = {"start": "2m30s", "duration": "10s"}


def overlapping() -> Draft:
    """The process of eu dies while the whole region is down."""
    draft = begun().fault("region_crash", "a", region="eu", **START)
    return draft.fault("process_crash", "b", region="eu", start="2m35s", duration="10s")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            overlapping(),
            "faults[2].start: fault 'a' keeps eu down until 160.0 s; start this one later",
        ),
        (
            begun().fault("key_rotation", "a", **START).fault("key_rotation", "b", **START),
            "faults[2].start: fault 'a' accepts the old key until",
        ),
        (
            begun().fault("latency", "a", sides=[["eu"], ["us"]], extra=-1, **START),
            "faults[1].extra: extra must be >= 0 s",
        ),
        (
            begun().fault("reorder", "a", sides=[["eu"], ["us"]], share=0.1, by=0, **START),
            "faults[1].by: by must be > 0 s",
        ),
        (
            begun().fault("clock_jump", "a", region="eu", offset="20s", **START),
            "faults[1].duration: must be > 20.0 s: a clock is slewed by less than a second per second",
        ),
        (
            begun().fault("shard_crash", "a", region="eu", shard=1, **START),
            "faults[1].shard: there is no shard 1; the last is 0 (layout.shards)",
        ),
        (begun().fault("worker_crash", "a", region="eu", **START), "worker_crash needs layout.audit; add a table"),
        (begun().fault("migrator_crash", "a", region="eu", **START), "migrator_crash needs layout.migration"),
        (begun().fault("slow_disk", "a", region="uk", factor=3, **START), "'uk' is not a region of this scenario"),
        (begun().fault("slow_disk", "a", region="eu", factor=0, **START), "faults[1].factor: expected `float` > 0.0"),
        (begun().workload(tenants={}), "workload.tenants: must name at least one tenant"),
        (begun().workload(tenants={"a b": 1}), "workload.tenants: 'a b' cannot name a tenant"),
        (
            begun().workload(curve=[{"at": "2m", "factor": 1}, {"at": "1m", "factor": 2}]),
            "workload.curve[1].at: must be later than the point before",
        ),
        (begun().workload(curve=[{"at": 0, "factor": 0}]), "workload.curve: the rate is 0 throughout"),
        (
            begun().layout(tiers={"hot_term": "2h", "warm_term": "1h"}),
            "layout.tiers: must be hot_term <= warm_term <= window",
        ),
        (begun().layout(tiers={"move_interval": 0}), "layout.tiers.move_interval: must be > 0 s, and is 0.0 s"),
        (begun().layout(migration={"start": "9m"}), "layout.migration.start: must be < 300.0 s"),
        (begun().layout(shards=0), "layout.shards: expected `int` >= 1"),
        (begun().layout(tier={}), "layout.tier: unknown key; did you mean tiers?"),
        (begun().policy(timeout=0), "policy.timeout: must be > 0 s, and is 0.0 s"),
        (begun().policy(pressure={"target_queue": 3}), "policy.pressure: required key 'increase' is missing; add it"),
    ],
)
def test_an_error_names_the_field_and_the_fix(wrong: Draft, message: str) -> None:
    """Nothing that makes no sense is run."""
    with pytest.raises(UnusableInput) as error:
        wrong.build()
    assert message in str(error.value)


def test_what_takes_no_time_may() -> None:
    """Speeds may be endless, intervals and limits may not be nothing."""
    built = begun().policy(fsync=0, agent_fsync=0, service=0, merge=0, object_service=0).build()
    assert built.policy.fsync == 0.0
