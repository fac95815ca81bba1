"""What a node measures of shipping and replay: lags, and timestamps of clocks that run ahead."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.support.impl.object_stores import Directory
from tests.support.impl.rig import Rig
from tests.support.model.world import EXAMINE, HONEST, STORY

from flk.impl.server.metrics import Metrics
from flk.impl.server.passes import ReplayPasses, ShippingPasses
from flk.impl.server.replicator import Every, Replicator
from flk.impl.storage.objects import open_objects
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX, Effect, Mark, Marked, Observe
from flk.model.flow.timekeeping import Timekeeper
from flk.model.log.frames import Frame
from flk.model.log.hlc import ZERO, at
from flk.model.programs.ingest import ingest
from flk.model.programs.restore import restore
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import ship
from flk.model.refusal import Unavailable
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS

HOUR = 3600.0
SLOW = [0.0]
"""How far behind the clocks of a node are."""


def exposed(metrics: Metrics, name: str) -> float:
    """One sample, as a scraper reads it."""
    (line,) = (line for line in metrics.exposition().decode().splitlines() if line.startswith(name))
    return float(line.split()[-1])


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A node that runs two hours behind, so that the age of what it logs is known."""
    behind = Timekeeper(lambda: time.time() - SLOW[0], lambda: time.time() - SLOW[0])
    SLOW[0] = 2 * HOUR
    with closing(Rig(tmp_path, timekeeper=behind)) as made:
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
    SLOW[0] = HOUR
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
    stage = ReplayPasses("eu", "us", EXAMINE, metrics)
    stage.passed(began=time.monotonic() - HOUR)
    assert stage.lag() == 0
    stage.failed("away")
    stage.failed("away")
    assert stage.lag() == pytest.approx(HOUR, abs=HOUR / 2)
    stage.passed(began=time.monotonic())
    assert stage.lag() == 0
    assert exposed(metrics, 'flk_crr_errors_total{source="us",stage="replay"}') == 2


def test_segments_are_counted_when_they_are_merged(tmp_path: Path) -> None:
    """Of two disks of a region, two and one: that the log of the first is kept as far as it was read is no segment (CRR-7)."""
    objects = open_objects(Directory(tmp_path / "objects").url)
    with closing(Rig(tmp_path / "eu", objects=objects)) as eu:
        eu.recover()
        stage = ReplayPasses("eu", "us", EXAMINE, eu.node.metrics)
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
    stage = ReplayPasses("eu", "us", EXAMINE, metrics)
    for offsets in ((-HOUR, 0.0), (CONSTANTS.clock.max_ahead_seconds / 2, HOUR, 2 * HOUR), (HOUR,)):
        stage.seen(Observe(tuple(at(time.time() + ahead) for ahead in offsets)), None)
    assert exposed(metrics, 'flk_clock_ahead_total{source="us"}') == 3


def test_a_pass_that_did_something_leaves_a_line(tmp_path: Path) -> None:
    """How many segments were shipped or replayed, their bytes and claims; a pass that did nothing is silent (OBS-6)."""
    objects = open_objects(Directory(tmp_path / "objects").url)

    async def story(rig: Rig, peers: tuple[str, ...], name: str) -> None:
        passes = Replicator(rig.runtime, EXAMINE, peers, Every(0.01, 0.01)).run()
        if not peers:
            await rig.submit_all([HONEST, *STORY[3:5]])
        replicating = asyncio.create_task(passes)
        while exposed(rig.node.metrics, name) < 1:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        replicating.cancel()

    with capture_logs() as said:
        for region, peers, name in (
            ("eu", (), "flk_segments_shipped_total"),
            ("us", ("eu",), 'flk_segments_replayed_total{source="eu"}'),
        ):
            with closing(Rig(tmp_path / region, region=region, objects=objects)) as rig:
                rig.serve(partial(story, peers=peers, name=name))
    shipped, replayed = (line for line in said if line["event"] == "replication.done")
    assert (shipped["stage"], shipped["source"], shipped["segments"]) == ("ship", "eu", 1)
    assert (replayed["stage"], replayed["source"], replayed["segments"], replayed["claims"]) == ("replay", "eu", 1, 3)
    assert shipped["bytes"] == replayed["bytes"] > 1000
    assert shipped["seconds"] > 0


def test_a_node_that_shipped_once_and_is_alone_now_says_which_option_it_lacks(tmp_path: Path) -> None:
    """Its pass that looks for objects is refused with the fix, and is no defect (CRR-10)."""
    objects = open_objects(Directory(tmp_path / "objects").url)
    with closing(Rig(tmp_path / "eu", objects=objects)) as shipping:
        shipping.recover()
        shipping.runtime.perform(ingest(HONEST, "eu", EXAMINE))
        shipping.runtime.perform(ship())
    with closing(Rig(tmp_path / "eu")) as alone:
        alone.recover()
        with pytest.raises(Unavailable, match="--objects"):
            alone.runtime.perform(restore(1.0))
