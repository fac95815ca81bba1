"""The same scenario, records and seed give the same run, to the last event."""

import os
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest
from tests.support import ROOT
from tests.support.model.world import KEYRING
from tests.support.sim.drills import drill, records, rehearse

from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, Fault, Loss, ObjectStoreOutage, Partition, RegionCrash
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import Network
from flk.sim.scenarios.topology import Path as Link
from flk.sim.simulate import simulate

pytestmark = pytest.mark.slow

LOSSY = Network(default=Link(delay=Seconds(0.02), jitter=Seconds(0.05), loss=0.05, duplication=0.05))
FAULTS: tuple[Fault, ...] = (
    Partition(id="cut", start=Seconds(10), duration=Seconds(20), sides=(("eu",), ("us", "objects"))),
    RegionCrash(id="crash", start=Seconds(40), duration=Seconds(20), region="us"),
    RegionCrash(id="burnt", start=Seconds(70), duration=Seconds(10), region="ap", disk=Disk.LOST),
    ObjectStoreOutage(id="objects", start=Seconds(90), duration=Seconds(5)),
)
ELSEWHERE = """
from tests.sim.kernel.test_determinism import story
from tests.support.sim.drills import rehearse
print(rehearse(story()).digest)
"""


def story() -> Scenario:
    """A drill in which much goes wrong."""
    return drill(*FAULTS, network=LOSSY)


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_a_fresh_process_repeats_the_run(hash_seed: str) -> None:
    """Another process, with another seed for Python's hashes, comes to the same digest."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ELSEWHERE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == rehearse(story()).digest


def test_every_seed_is_another_run() -> None:
    """Twenty seeds give twenty digests."""
    assert len({rehearse(drill(), records(20), seed=seed).digest for seed in range(20)}) == 20


def test_everything_about_the_scenario_counts() -> None:
    """A change of scenario or of records changes the digest."""
    digests = {
        rehearse(drill()).digest,
        rehearse(drill(rate=2.1)).digest,
        rehearse(drill(*FAULTS)).digest,
        rehearse(drill(*FAULTS[1:])).digest,
        rehearse(drill(), records(100)).digest,
        rehearse(drill(), records(200)[::-1]).digest,
    }
    assert len(digests) == 6


def test_the_trace_is_what_the_digest_is_of(tmp_path: Path) -> None:
    """The trace file is JSON lines, and BLAKE2b of its bytes is the digest."""
    file = tmp_path / "trace.jsonl"
    with file.open("wb") as trace:
        run = simulate(story(), records(200), KEYRING, trace=trace)
    content = file.read_bytes()
    assert blake2b(content, digest_size=16).hexdigest() == run.digest
    lines = [msgspec.json.decode(line) for line in content.splitlines()]
    assert all(line.keys() == {"t", "node", "program", "effect", "result"} for line in lines)
    times = [line["t"] for line in lines]
    assert times == sorted(times)
    assert {"Append", "Store", "Post", "Seal"} <= {line["effect"] for line in lines}


def test_a_fault_that_touches_nobody_changes_nothing_else() -> None:
    """Common random numbers: an added fault that meets no message leaves every other event as it was."""
    idle = Loss(id="idle", start=Seconds(20), duration=Seconds(30), sides=(("clients.eu",), ("clients.us",)), share=1.0)
    plain, touched = rehearse(story()), rehearse(drill(*FAULTS, idle, network=LOSSY))
    assert touched.entries == plain.entries
    assert touched.deliveries == plain.deliveries
    assert touched.events == plain.events + 2
    assert touched.digest != plain.digest
