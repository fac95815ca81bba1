"""Alerts that no scenario brings about: real nodes, or what a real node exports, scraped and judged by the rules of the table."""

import errno
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.impl.rig import MANY, Rig

from flk.impl.server.metrics import Metrics
from flk.model.flow.submission import Response
from flk.sim.alerts.alerts import EVERY, evaluated
from flk.sim.alerts.series import Database, labels
from flk.spec.constants import CONSTANTS


class Scraper:
    """Asks a node for its metrics at intervals, in a time of its own."""

    def __init__(self, metrics: Metrics, database: Database | None = None, now: float = EVERY / 2) -> None:
        self.metrics = metrics
        self.database = database or Database()
        self.now = now

    def scrape(self, times: int = 1) -> None:
        """Ask so many times."""
        for _ in range(times):
            for family in text_string_to_metric_families(self.metrics.exposition().decode()):
                for sample in family.samples:
                    pairs = {**sample.labels, "job": "flk", "instance": "eu"}
                    self.database.series(labels(sample.name, pairs.items())).append(self.now, sample.value)
            self.now += EVERY

    def fired(self) -> set[str]:
        """The alerts that have fired by now."""
        return {alert.name for alert in evaluated(self.database, (), self.now) if alert.firings}


def no_room(*_: int) -> None:
    """What the system says of a disk that is full."""
    raise OSError(errno.ENOSPC, "no space left on device")


def age(seconds: float) -> Callable[[], float]:
    """A gauge that says so."""
    return lambda: seconds


def healthy() -> Metrics:
    """What a node exports while nothing is wrong."""
    metrics = Metrics()
    metrics.watch(age(0), age(100), age(1))
    metrics.watch_clock(age(1))
    metrics.watch_shard("a", age(1))
    return metrics


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose disk is full refuses, counts it, and goes on when there is room; FLKWALFailing fires, and nothing else."""
    with closing(Rig(tmp_path)) as rig:
        scraper = Scraper(rig.node.metrics)

        async def story(rig: Rig) -> list[Response]:
            scraper.scrape(4)
            answers = [await rig.submit(MANY[0])]
            with monkeypatch.context() as full:
                full.setattr(os, "posix_fallocate", no_room)
                answers += [await rig.submit(each) for each in MANY[1:]]
                scraper.scrape(4)
            answers.append(await rig.submit(MANY[-1]))
            return answers

        first, *refused, last = rig.serve(story)
        assert (first.status, last.status) == (200, 200)
        assert 503 in {answer.status for answer in refused}
        assert scraper.fired() == {"FLKWALFailing"}


def test_a_failed_disk_is_told_by_the_restarts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose log failed ends before anybody reads its count, and the next one counts from 0: FLKWALFailing is silent, and
    FLKRestarting fires once it has happened three times in ten minutes.
    """
    database, now, fired = Database(), EVERY / 2, list[set[str]]()
    for number in range(4):
        monkeypatch.setattr(
            "prometheus_client.process_collector.ProcessCollector._boot_time", lambda _, at=1 + number: at
        )
        scraper = Scraper(healthy(), database, now)
        scraper.scrape(3)
        scraper.metrics.wal_errors.inc()
        now = scraper.now
        fired.append(scraper.fired())
    assert fired == [set(), set(), set(), {"FLKRestarting"}]


def rotten(metrics: Metrics) -> None:
    """Rows of a shared store have rotted, and stay."""
    metrics.rows_rotten.set(2)


TOLD: dict[str, Callable[[Metrics], None]] = {
    "FLKStoreDamage": lambda metrics: metrics.store_damage.inc(),
    "FLKRowsRotten": rotten,
    "FLKStoreTakenOver": lambda metrics: metrics.takeovers.inc(),
    "FLKStoreAwaitsNodes": lambda metrics: metrics.watch_takeovers(age(1)),
    "FLKShardAway": lambda metrics: metrics.watch_shard("b", age(0)),
    "FLKSnapshotStale": lambda metrics: metrics.watch_snapshots(age(CONSTANTS.snapshot.stale_seconds + 1)),
    "FLKRetentionStalled": lambda metrics: metrics.watch_retention(age(CONSTANTS.retention.stale_seconds + 1)),
    "FLKCertificateExpires": lambda metrics: metrics.watch_certificate(
        "public", age(CONSTANTS.tls.expires_soon_seconds - 1)
    ),
    "FLKColdTierDamaged": lambda metrics: metrics.cold("damaged"),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_not_simulated_is_told_of_what_a_node_exports(name: str) -> None:
    """Quiet while nothing is wrong; once a node counts or measures it, the alert fires after its time, and no other does."""
    metrics = healthy()
    scraper = Scraper(metrics)
    scraper.scrape(24)
    assert not scraper.fired()
    TOLD[name](metrics)
    scraper.scrape(24)
    assert scraper.fired() == {name}
