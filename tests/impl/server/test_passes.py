"""What a node measures of shipping and replay: lags, and timestamps of clocks that run ahead."""

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.impl.object_stores import Directory
from tests.support.impl.rig import Rig
from tests.support.model.world import EXAMINE, HONEST, STORY

from flk.impl.server.metrics import Metrics
from flk.impl.server.passes import ReplayPasses, ShippingPasses
from flk.impl.storage.objects import open_objects
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX, Effect, Mark, Marked, Observe
from flk.model.log.frames import Frame
from flk.model.log.hlc import ZERO, at
from flk.model.programs.ingest import ingest
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import ship
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS

HOUR = 3600.0


def exposed(metrics: Metrics, name: str) -> float:
    """One sample, as a scraper reads it."""
    (line,) = (line for line in metrics.exposition().decode().splitlines() if line.startswith(name))
    return float(line.split()[-1])


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A node whose clock is two hours slow: so the age of what it logs is known."""
    with closing(Rig(tmp_path, now=lambda: time.time() - 2 * HOUR)) as made:
        made.recover()
        yield made


def test_shipping_lags_by_the_age_of_the_oldest_record_that_is_not_shipped(rig: Rig) -> None:
    """0 until the watermark is known, then the age of the first frame after it, sealed or not, or 0 if there is none (CRR-4)."""
    stage = ShippingPasses(rig.node.disk, rig.node.metrics)
    run(ingest(HONEST, "eu", EXAMINE), rig.node.perform)
    assert stage.lag() == 0
    stage.seen(Marked("applied"), "eu.000001/000000000009")
    assert stage.lag() == 0
    stage.seen(Marked("shipped"), "")
    assert stage.lag() == pytest.approx(2 * HOUR, abs=HOUR / 2)
    run(rotate(), rig.node.perform)
    rig.node.clock = at(time.time() - HOUR)
    run(ingest(STORY[3], "eu", EXAMINE), rig.node.perform)
    assert stage.lag() == pytest.approx(2 * HOUR, abs=HOUR / 2)
    first, second = rig.node.disk.names(INBOX)
    stage.seen(Mark("shipped", first), None)
    assert stage.lag() == pytest.approx(HOUR, abs=HOUR / 2)
    name = 'flk_crr_lag_seconds{source="eu",stage="ship"}'
    assert exposed(rig.node.metrics, name) == pytest.approx(HOUR, abs=HOUR / 2)
    stage.seen(Mark("shipped", second), None)
    assert stage.lag() == 0
    assert exposed(rig.node.metrics, "flk_segments_shipped_total") == 2


def test_a_segment_begins_with_its_first_frame_however_large(tmp_path: Path) -> None:
    """One that stands for a damaged segment has none."""
    with closing(FileDisk(tmp_path, "eu")) as disk:
        for payload in (b"a", bytes(CONSTANTS.wal.max_frame_bytes - 9)):
            disk.append(INBOX, Frame(at(7.0), payload), ZERO)
            disk.append(INBOX, Frame(at(8.0), b"later"), ZERO)
            disk.seal(INBOX)
        names = disk.names(INBOX)
        assert [disk.begins(name) for name in names] == [at(7.0)] * 2
        disk.salvage(INBOX, names[0], (), ZERO)
        assert disk.begins(names[0]) is None


def test_replay_lags_from_the_last_whole_pass_while_passes_fail() -> None:
    """0 as soon as one goes to the end again; each that failed is counted (CRR-5)."""
    metrics = Metrics()
    stage = ReplayPasses("us", EXAMINE, metrics)
    stage.passed(began=time.monotonic() - HOUR)
    assert stage.lag() == 0
    stage.failed()
    stage.failed()
    assert stage.lag() == pytest.approx(HOUR, abs=HOUR / 2)
    stage.passed(began=time.monotonic())
    assert stage.lag() == 0
    assert exposed(metrics, 'flk_crr_errors_total{source="us",stage="replay"}') == 2


def test_segments_are_counted_when_they_are_merged(tmp_path: Path) -> None:
    """Of two disks of a region, two and one: that the log of the first is kept as far as it was read is no segment (CRR-7)."""
    objects = open_objects(Directory(tmp_path / "objects").url)
    with closing(Rig(tmp_path / "eu", objects=objects)) as eu:
        eu.recover()
        stage = ReplayPasses("us", EXAMINE, eu.node.metrics)
        for disk, sent, expected in ((1, STORY[2:4], 2), (2, STORY[7:8], 3)):
            with closing(Rig(tmp_path / f"us{disk}", region="us", identity=disk, objects=objects)) as us:
                us.recover()
                for item in sent:
                    us.runtime.perform(ingest(item, "us", EXAMINE))
                    us.runtime.perform(ship())
            for _ in range(2):
                run(stage.program(), partial(_seen, eu, stage))
                assert exposed(eu.node.metrics, 'flk_segments_replayed_total{source="us"}') == expected


def _seen(rig: Rig, stage: ReplayPasses, effect: Effect[Any]) -> Any:
    """The result of an effect, which the stage sees."""
    result = rig.node.perform(effect)
    stage.seen(effect, result)
    return result


def test_a_clock_that_runs_too_far_ahead_is_counted_under_its_region() -> None:
    """One within what is allowed is not; each that is not counts, however many come together (HLC-3)."""
    metrics = Metrics()
    stage = ReplayPasses("us", EXAMINE, metrics)
    for offsets in ((-HOUR, 0.0), (CONSTANTS.clock.max_ahead_seconds / 2, HOUR, 2 * HOUR), (HOUR,)):
        stage.seen(Observe(tuple(at(time.time() + ahead) for ahead in offsets)), None)
    assert exposed(metrics, 'flk_clock_ahead_total{source="us"}') == 3
