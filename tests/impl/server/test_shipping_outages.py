"""Object stores that are away or lose what was shipped, and nodes that start or stop meanwhile (CRR-10, CRR-11, OBS-3).

Every test runs real `flk serve` processes.
"""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

import obstore
import pytest
from tests.support.impl.client import Client, Reply, keys_of, sample
from tests.support.impl.object_stores import Directory, place, s3
from tests.support.impl.processes import listens, running
from tests.support.impl.regions import (
    PATIENCE,
    RECORDS,
    RIVALS,
    all_to,
    at_least,
    errors,
    eventually,
    frames_in,
    has_shipped,
    region,
    shipped,
)

from flk.impl.server.process import ServerProcess, serve_command
from flk.impl.storage.objects import open_objects
from flk.model.flow.submission import Submission
from flk.model.log.frames import Head, data, opening, scan, seal


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_what_is_deleted_or_damaged_of_ones_own_is_put_back(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three objects one is deleted, one cut, and one replaced by a whole one of other content: the first two are put back while
    the node serves, and counted; the third is reported and stays (CRR-9, CRR-10).
    """
    with ExitStack() as stack:
        objects = stack.enter_context(place(kind, tmp_path, monkeypatch))
        checking = region("eu", tmp_path, objects.url, options=["--check-every", "0.1"])
        _, eu = stack.enter_context(checking)
        for number, item in enumerate(RECORDS[:3], start=1):
            eu.submit(item)
            eventually(partial(at_least, number, eu, "flk_segments_shipped_total"))
        there = open_objects(objects.url)
        names = there.names("crr/eu.000001/", "")
        before = [there.get(name) or b"" for name in names]
        rival = b"".join(_resealed(before[2]))
        obstore.delete(there._store, names[0])
        obstore.put(there._store, names[1], before[1][:-1])
        obstore.put(there._store, names[2], rival)
        eventually(lambda: [there.get(name) for name in names[:2]] == before[:2])
        for found in ("missing", "damaged"):
            eventually(partial(at_least, 1, eu, f'flk_objects_restored_total{{found="{found}"}}'))
        eventually(lambda: errors(eu, "restore", "eu"))
        assert there.get(names[2]) == rival
        eventually(lambda: b"CRR-9" in eu.request("GET", "/ready").body)
        assert len(there.names("crr-damaged/eu.000001/", "")) == 1


def _resealed(content: bytes) -> Iterator[bytes]:
    """A segment of the same name and frames, that another wrote: its region is not the same."""
    found = scan(content)
    name = Head("ex", "eu.000001", 3)
    begun = opening(name, found.clock) + b"".join(map(data, found.frames))
    yield begun
    yield seal(begun)


@pytest.mark.slow
def test_told_to_stop_a_node_ships_what_it_has(tmp_path: Path) -> None:
    """Long before the next pass is due, SIGTERM seals and ships; what cannot be shipped is said in one line, and shipped at the
    next start (CRR-11).
    """
    objects = Directory(tmp_path / "objects")
    command = [*serve_command(tmp_path / "eu", keys_of(tmp_path)), "--region", "eu", "--objects", objects.url]

    def life(away: bool, item: Submission) -> str:
        with listens(command) as server:
            with closing(Client(server)) as client:
                eventually(lambda: not sample(client, "flk_crr_lag_seconds"))
                assert client.submit(item).status == 200
            if away:
                objects.go()
            server.process.terminate()
            said, _ = server.process.communicate(timeout=PATIENCE)
        if away:
            objects.come_back()
        return said

    assert "not shipped" not in life(False, RECORDS[0])
    assert len(frames_in(objects)) == 1
    assert "not shipped yet: 1 segments, from eu.000001/000000000002 on" in life(True, RECORDS[1])
    assert len(frames_in(objects)) == 1
    assert "not shipped" not in life(False, RECORDS[2])
    assert len(frames_in(objects)) == 3


def test_health_is_told_from_the_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new disk waits for an object store that takes connections and never answers: `/health` is 200 and tells what is being done,
    `/ready` and submissions get 503, `/metrics` says so, and SIGTERM ends the wait (OBS-3).
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        socket.create_server(("127.0.0.1", 0)) as free,
        ExitStack() as stack,
    ):
        for name, value in (("ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}"), ("REGION", "us-east-1")):
            monkeypatch.setenv(f"AWS_{name}", value)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "key")
        port = free.getsockname()[1]
        free.close()
        command = [*serve_command(tmp_path / "eu", keys_of(tmp_path)), "--port", str(port), "--objects", "s3://bucket"]
        process = stack.enter_context(running(command))

        def asked(path: str) -> Reply | None:
            with closing(Client(ServerProcess(process, f"http://127.0.0.1:{port}", ()))) as client, suppress(OSError):
                return client.submit(RECORDS[0]) if path == "submit" else client.request("GET", path)
            return None

        eventually(lambda: asked("/health"))
        health, ready, submitted, metrics = map(asked, ("/health", "/ready", "submit", "/metrics"))
        assert health
        assert ready
        assert submitted
        assert metrics
        assert (health.status, health.body) == (200, b"ok\nthe log and the store are being opened\n")
        assert (ready.status, submitted.status, metrics.status) == (503, 503, 200)
        assert "retry-after" in submitted.headers
        assert b"\nflk_ready 0.0\n" in metrics.body
        process.terminate()
        assert process.wait(timeout=PATIENCE) == -signal.SIGTERM


@pytest.mark.slow
def test_a_node_whose_log_is_whole_serves_while_the_object_store_is_away(tmp_path: Path) -> None:
    """Its store is lost, too: it rebuilds that from its log, is ready, answers as before, and says that replication is behind.
    What its log does not have keeps a later disk waiting (WAL-5, CRR-11).
    """
    objects = Directory(tmp_path / "objects")
    with region("eu", tmp_path, objects.url) as (_, eu):
        before = [answer.body for answer in all_to(eu, RECORDS[:3])]
        eventually(lambda: has_shipped(eu))

    def lose_store() -> None:
        for path in (tmp_path / "eu").glob("entries.sqlite*"):
            path.unlink()

    lose_store()
    objects.go()
    with region("eu", tmp_path, objects.url) as (_, eu):
        ready = eu.request("GET", "/ready")
        assert ready.status == 200
        assert [answer.body for answer in all_to(eu, RECORDS[:3])] == before
        eventually(lambda: b"replication is behind: ship eu" in eu.request("GET", "/ready").body)
    objects.come_back()
    shutil.rmtree(tmp_path / "eu")
    with region("eu", tmp_path, objects.url) as (_, eu):
        assert eu.submit(RECORDS[3]).status == 200
    lose_store()
    objects.go()
    with region("eu", tmp_path, objects.url) as (_, eu):
        assert eu.request("GET", "/ready").status == 503
        objects.come_back()
        eventually(lambda: eu.request("GET", "/ready").status == 200)
        assert [answer.body for answer in all_to(eu, RECORDS[:3])] == before


@pytest.mark.slow
def test_a_new_disk_waits_for_what_its_region_shipped_and_is_not_ready_before(tmp_path: Path) -> None:
    """What its region shipped from a disk before is corrupt: the server runs, says why it is not ready, admits nothing; when the
    object is repaired it catches up by itself, and answers as before (WAL-5).
    """
    objects = Directory(tmp_path / "objects")
    (segment,) = shipped("eu", tmp_path, objects, RECORDS[:1])
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-1])
    shutil.rmtree(tmp_path / "eu")
    with region("eu", tmp_path, objects.url) as (server, eu):
        assert any(line.startswith("not recovered yet") for line in server.said)
        assert eu.request("GET", "/ready").status == 503
        assert eu.submit(RIVALS[0]).status == 503
        segment.write_bytes(whole)
        eventually(lambda: eu.request("GET", "/ready").status == 200)
        assert eu.submit(RIVALS[0]).status == 409


@pytest.mark.slow
def test_while_the_object_store_is_away_a_node_starts_but_a_new_disk_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk in use has its name: its node starts, and is ready. A new one could take a name that another has shipped under: the
    command ends with 2, and one message.
    """
    with s3(monkeypatch) as objects:
        with region("eu", tmp_path, objects.url) as (_, eu):
            before = eu.submit(RECORDS[0]).body
        objects.go()
        with region("eu", tmp_path, objects.url) as (_, eu):
            assert eu.request("GET", "/ready").status == 200
            assert eu.submit(RECORDS[0]).body == before
            eventually(lambda: errors(eu, "ship", "eu"))
        command = [*serve_command(tmp_path / "us", keys_of(tmp_path)), "--region", "us", "--objects", objects.url]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
        assert "the object store does not answer" in ended.stderr
        assert "try again later" in ended.stderr
        objects.come_back()
