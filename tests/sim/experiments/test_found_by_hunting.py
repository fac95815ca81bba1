"""Schedules that hunts once found, shrunk: the defects they showed are mended, in the programs or in who judges them."""

import pytest

from flk.sim.experiments.rows import violated
from flk.sim.experiments.run_inputs import Task, execute, synthetic_inputs
from flk.sim.scenarios import files as scenario_files

OWED_AND_ROTTEN = """\
name = "owed-and-rotten"
description = "A claim is owed while the cold tier is away, its frame rots, and the log is replayed without it: it is overtaken."
duration = 15.8
regions = ["eu"]
seed = 10405

[workload]
records = "synthetic:60"
agents = { eu = 1 }
rate = 1.22
until = 6.75
duplicate_window = 10

[network]
default = { delay = 0.0244, jitter = 0.00467 }

[policy]
ship_interval = 1.06
replay_interval = 3.87
divergence_interval = 9.97
fsync = 0.00187
service = 0.0155
merge = 0.00243
timeout = 3.27
retry = { max_attempts = 6, base_delay_seconds = 0.84, max_delay_seconds = 4.0, timeout_seconds = 1.55 }
failover = { probe_interval_seconds = 4.87, probe_timeout_seconds = 1.0, probe_failures = 2 }

[layout]
tiers = { hot_term = 3.04, warm_term = 10.88, move_interval = 2.0 }

[[faults]]
id = "away"
kind = "cold_outage"
region = "eu"
start = 6.418
duration = 5.81

[[faults]]
id = "rot"
kind = "bit_rot"
region = "eu"
flips = 2
start = 6.776
duration = 0.0825

[[faults]]
id = "again"
kind = "store_outage"
region = "eu"
start = 12.58
duration = 0.0975
"""

HALF_MERGED = """\
name = "half-merged"
description = "A merge reaches one shard and not the other, the other takes over, and goes back: what was message stays."
duration = 18.0
regions = ["eu", "us"]
seed = 10013

[workload]
records = "synthetic:60"
agents = { eu = 1, us = 1 }
rate = 0.54
until = 8.0
duplicate_window = 8

[network]
default = { delay = 0.113, jitter = 0.0168 }

[policy]
ship_interval = 2.18
replay_interval = 4.74
divergence_interval = 11.54
fsync = 0.0241
service = 0.0135
merge = 0.000175
object_service = 0.0484
timeout = 2.65
retry = { max_attempts = 3, base_delay_seconds = 0.46, max_delay_seconds = 4.0, timeout_seconds = 2.07 }
failover = { probe_interval_seconds = 2.98, probe_timeout_seconds = 1.0, probe_failures = 2 }

[layout]
migration = { start = 11.81, rate = 16.6, settle = 2.76, roll_back = true }

[[faults]]
id = "f1"
kind = "replay_attack"
rate = 0.608
start = 15.365
duration = 1.46

[[faults]]
id = "f2"
kind = "dual_write_failure"
region = "eu"
share = 0.397
start = 5.961
duration = 7.452
"""


@pytest.mark.parametrize("schedule", [OWED_AND_ROTTEN, HALF_MERGED])
def test_what_was_found_is_mended(schedule: str) -> None:
    """No invariant is violated any more."""
    found = scenario_files.parse(schedule, "found.toml")
    assert violated(execute(synthetic_inputs(60), Task(found, found.seed))) == ()
