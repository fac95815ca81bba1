"""Alerts that no scenario brings about: real nodes, or what a real node exports, scraped and judged by the rules of the table."""

import errno
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.support.impl import failing_disk
from tests.support.impl.client import Client, keys_of
from tests.support.impl.processes import listens
from tests.support.impl.rig import MANY, Rig
from tests.support.impl.scraper import Scraper
from tests.support.model.world import EXAMINE, HONEST, pcs, submission

from flk.impl.server.metrics import Metrics
from flk.impl.server.process import serve_command, server_process
from flk.impl.server.tenancy import Tenancy
from flk.model.entries.entry import Key
from flk.model.flow.submission import Response
from flk.model.flow.tenants import Tenants
from flk.model.flow.timekeeping import Timekeeper
from flk.model.log.hlc import Timestamp
from flk.spec.constants import CONSTANTS


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
        scraper = Scraper(rig.node.metrics.exposition)

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


@pytest.mark.slow
def test_a_failed_log_is_told_before_the_node_ends(tmp_path: Path) -> None:
    """A node whose log cannot be synchronised acknowledges nothing more and is not ready, and is there to be asked: FLKWALFailing
    fires, and nothing else. When it is told to stop it ends with 1, and the next start has what was acknowledged (OBS-8, WAL-7).
    """
    data, keys, sign = tmp_path / "data", keys_of(tmp_path), tmp_path / "the disk fails"
    with listens(failing_disk.command(sign, 60, serve_command(data, keys)[3:])) as server:
        with closing(Client(server)) as client:
            scraper = Scraper(lambda: client.request("GET", "/metrics").body)
            before = client.submit(HONEST)
            scraper.scrape(4)
            sign.touch()
            answers = [client.submit(sent) for sent in MANY[1:4]]
            sign.unlink()
            answers += [client.submit(sent) for sent in (HONEST, *MANY[4:8])]
            scraper.scrape(4)
            assert (before.status, {answer.status for answer in answers}) == (200, {503})
            ready = client.request("GET", "/ready")
            assert (ready.status, "bad disk" in ready.body.decode()) == (503, True)
            assert client.request("GET", "/health").status == 200
        assert scraper.fired() == {"FLKWALFailing"}
        assert server.process.poll() is None
        server.process.terminate()
        assert server.process.wait(20) == 1
    with server_process(data, keys) as again, closing(Client(again)) as client:
        assert client.submit(HONEST).body == before.body


@pytest.mark.slow
@pytest.mark.parametrize(("repeated", "fires"), [(0.0, True), (0.04, True), (0.06, False), (0.2, False)])
def test_the_duplicates_of_a_tenant_are_judged_by_what_is_expected_of_it(
    repeated: float, tmp_path: Path, *, fires: bool
) -> None:
    """Of a fifth of its records it is said that it repeats them: fewer than a quarter of those are told, however the other tenant,
    of which nothing is expected, makes up for them in the sum of both.
    """
    metrics = healthy()
    path = tmp_path / "tenants.toml"
    path.write_text('[[tenant]]\nid = "a"\nexpected_dedup_ratio = 0.2\n[[tenant]]\nid = "b"\n')
    Tenancy(path, Tenants(), metrics, Timekeeper(float, float))
    scraper = Scraper(metrics.exposition)
    scraper.scrape(2)
    for _ in range(120):
        answer(metrics, "a", 100, round(100 * repeated))
        answer(metrics, "b", 100, 40)
        scraper.scrape()
    assert scraper.fired() == ({"FLKDedupAnomalyLow"} if fires else set())


def answer(metrics: Metrics, tenant: str, times: int, repeated: int) -> None:
    """So many records of a tenant are stored, some of which were before."""
    claim = EXAMINE(submission(pcs(), tenant="other"), Timestamp(1 << 16), "eu")
    claim = claim._replace(key=Key(tenant, claim.key.pcs_id))
    before = msgspec.structs.replace(claim.entry)
    metrics.ingest.inc(times)
    metrics.claimed([claim] * times, [before] * repeated + [claim.entry] * (times - repeated))
    for _ in range(times):
        metrics.by_tenant.answered(tenant, 200)


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
    "FLKAuditFork": lambda metrics: metrics.audit_forks.inc(),
    "FLKColdTierDamaged": lambda metrics: metrics.cold("damaged"),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_not_simulated_is_told_of_what_a_node_exports(name: str) -> None:
    """Quiet while nothing is wrong; once a node counts or measures it, the alert fires after its time, and no other does."""
    metrics = healthy()
    scraper = Scraper(metrics.exposition)
    scraper.scrape(24)
    assert not scraper.fired()
    TOLD[name](metrics)
    scraper.scrape(24)
    assert scraper.fired() == {name}
