"""Real nodes with tiers: what they acknowledged is answered alike from whichever tier, and while the cold one is away, damaged or
back.
"""

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from tests.support.impl.client import Client, sample
from tests.support.impl.object_stores import Directory, s3
from tests.support.impl.regions import RECORDS, RIVALS, all_to, at_least, eventually, has_shipped, region, stored
from tests.support.model.world import EXAMINE, pcs, submission

from flk.impl.data.backup import back_up
from flk.impl.data.check import check
from flk.impl.drill.proxy import Proxies, Way
from flk.impl.server.lifecycle import open_node
from flk.impl.server.process import ServerProcess
from flk.impl.server.settings import Settings
from flk.impl.server.tiering import Tiering, check_tiers
from flk.impl.storage.cold_index import NAME
from flk.model.log.hlc import ZERO, at
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

PAIR = ("eu", "cold")
OPEN, CUT = Way(), Way(cut=True)
NEW = [submission(pcs(epoch=epoch)) for epoch in range(200, 206)]
PACE = ("--hot-seconds", "0.1", "--warm-seconds", "0.2", "--move-every", "0.05", "--limit", "mover.probe_seconds=0.1")


def tiers(url: str) -> tuple[str, ...]:
    """The options of a node whose entries are old at once."""
    return ("--cold", url, *PACE, "--limit", "mover.pause_seconds=0")


def killed(server: ServerProcess) -> None:
    """The node stops in the middle of whatever it does."""
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def demoted(client: Client, number: int) -> bool:
    """Whether so many entries have gone to the cold tier."""
    return at_least(number, client, 'flk_tier_moves_total{move="demoted",tier="warm"}')


@pytest.fixture
def cold(tmp_path: Path) -> Directory:
    """A cold tier in a directory."""
    return Directory(tmp_path / "cold")


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Proxies, str]]:
    """A server of the S3 protocol behind a proxy, and the URL of a cold tier in it."""
    with s3(monkeypatch) as server:
        port = urlsplit(server.endpoint).port or 0
        with closing(Proxies({PAIR: lambda: port}, Random(1))) as made:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port(PAIR)}")
            yield made, server.url


@pytest.mark.slow
def test_answers_are_alike_from_every_tier_and_an_outage_concerns_old_keys_only(
    proxies: tuple[Proxies, str], tmp_path: Path
) -> None:
    """While entries go to an S3 server and come back, each answer is the first one. Started while that is away, the node answers
    what is new and defers what is old (503), even after a kill; when it is back, the log is applied, in order, and ships.
    """
    proxy, url = proxies
    objects = Directory(tmp_path / "objects").url
    with region("eu", tmp_path, objects, options=(*tiers(url), "--snapshot-every", "0.05")) as (server, client):
        first = [stored(answer) for answer in all_to(client, RECORDS)]
        for _ in range(8):
            assert [stored(answer) for answer in all_to(client, RECORDS)] == first
        eventually(partial(demoted, client, len(RECORDS)))
        assert [stored(answer) for answer in all_to(client, RECORDS)] == first
        assert {answer.status for answer in all_to(client, RIVALS)} == {409}
        assert sample(client, 'flk_tier_hits_total{tier="cold"}') > 0
        eventually(partial(has_shipped, client))
        assert "no snapshots are written" in " ".join(server.said)
        assert not (tmp_path / "objects" / "snap").exists()
    assert not check(tmp_path / "eu", EXAMINE).findings
    proxy.set(PAIR, CUT, CUT, refuse=True)
    with region("eu", tmp_path, objects, options=tiers(url)) as (server, client):
        eventually(lambda: client.request("GET", "/ready").status == 200)
        assert [answer.status for answer in all_to(client, NEW)] == [200] * len(NEW)
        refused = all_to(client, RIVALS[:1] + RECORDS[:1])
        assert [(answer.status, answer.headers["retry-after"]) for answer in refused] == [(503, "1")] * 2
        assert sample(client, "flk_tier_deferred") == 1
        assert sample(client, "flk_cold_available") == 0
        killed(server)
    with region("eu", tmp_path, objects, options=tiers(url)) as (_, client):
        assert client.request("GET", "/ready").status == 503  # its log has claims that only the cold tier can decide
        proxy.set(PAIR, OPEN, OPEN)
        eventually(lambda: client.request("GET", "/ready").status == 200)
        assert [stored(answer) for answer in all_to(client, RECORDS)] == first
        assert sample(client, "flk_tier_deferred") == 0
        eventually(partial(has_shipped, client))


@pytest.mark.slow
def test_an_outage_ends_without_a_restart_and_damage_is_mended_from_the_log(tmp_path: Path, cold: Directory) -> None:
    """Claims that waited are applied once the directory is back. Objects that rot are noticed when they are asked for, counted,
    never taken for missing entries, and put together again from the log, byte for byte (TIR-3, TIR-6).
    """
    data = tmp_path / "eu"
    with region("eu", tmp_path, None, options=tiers(cold.url)) as (_, client):
        first = [stored(answer) for answer in all_to(client, RECORDS)]
        eventually(partial(demoted, client, len(RECORDS)))
    with region("eu", tmp_path, None, options=tiers(cold.url)) as (_, client):  # it has read no object
        cold.go()
        assert [answer.status for answer in all_to(client, RECORDS[:2])] == [503, 503]
        assert [answer.status for answer in all_to(client, NEW)] == [200] * len(NEW)
        cold.come_back()
        eventually(lambda: not sample(client, "flk_tier_deferred") and sample(client, "flk_cold_available"))
        assert [stored(answer) for answer in all_to(client, RECORDS)] == first
        eventually(partial(demoted, client, len(NEW)))
    objects = {path: path.read_bytes() for path in (cold.path / "cold" / "eu").iterdir()}
    for number, (path, content) in enumerate(objects.items()):
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(content[:50] + bytes([content[50] ^ 4]) + content[51:])
    with region("eu", tmp_path, None, options=tiers(cold.url)) as (_, client):
        eventually(lambda: all(answer.status == 200 for answer in all_to(client, [*RECORDS, *NEW])))
        assert [stored(answer) for answer in all_to(client, RECORDS)] == first
        assert sample(client, "flk_cold_damage_total") >= 1
        assert not sample(client, "flk_tier_deferred")
        eventually(lambda: {path: path.read_bytes() for path in objects if path.exists()}.items() <= objects.items())
    assert not check(data, EXAMINE).findings


@pytest.mark.slow
def test_a_store_that_is_damaged_is_rebuilt_beside_the_cold_tier(tmp_path: Path, cold: Directory) -> None:
    """Store and index are both lost: the index comes back from the objects, the entries from the log, and no answer changes."""
    with region("eu", tmp_path, None, options=tiers(cold.url)) as (server, client):
        first = [stored(answer) for answer in all_to(client, RECORDS)]
        eventually(partial(demoted, client, len(RECORDS)))
        killed(server)
    (tmp_path / "eu" / NAME).unlink()
    path = tmp_path / "eu" / "entries.sqlite"
    path.write_bytes(b"rotten" + path.read_bytes()[6:])
    with region("eu", tmp_path, None, options=tiers(cold.url)) as (server, client):
        assert [stored(answer) for answer in all_to(client, RECORDS)] == first
        assert {answer.status for answer in all_to(client, RIVALS)} == {409}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a node that has stopped, with every entry in the cold tier."""
    place = tmp_path_factory.mktemp("stopped")
    with region("eu", place, None, options=tiers(Directory(place / "cold").url)) as (_, client):
        all_to(client, RECORDS)
        eventually(partial(demoted, client, len(RECORDS)))
        assert not check(place / "eu", EXAMINE).findings
    return place / "eu"


@pytest.fixture
def data(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(stopped, tmp_path / "eu")
    return tmp_path / "eu"


@pytest.mark.slow
def test_a_node_never_forgets_that_it_has_a_cold_tier(data: Path) -> None:
    """Without --cold it does not start: it would judge old keys as new. Nor does a copy of its directory count as a backup."""
    out = data.with_name("out")
    with pytest.raises(UnusableInput, match="in the cold tier"):
        back_up(data, out)
    assert not out.exists()
    for lost in (None, data / NAME):
        if lost is not None:
            lost.unlink()
        with pytest.raises(UnusableInput, match="name it with --cold"):
            open_node(Settings(data=data, keys=data))


def test_a_damaged_index_is_found_by_the_check(data: Path) -> None:
    """`flk data check` verifies each row of it, and takes its word for what has left the store (SNAP-8)."""
    found = check(data, EXAMINE)
    assert not found.findings
    assert (found.entries, found.claims) == (0, len(RECORDS))
    assert len(found.notes) == 1
    content = (data / NAME).read_bytes()
    place = content.index(b"cold/eu/")
    (data / NAME).write_bytes(content[:place] + b"C" + content[place + 1 :])
    assert {finding.where for finding in check(data, EXAMINE).findings} == {NAME}
    (data / NAME).unlink()
    assert len(check(data, EXAMINE).findings) == len(RECORDS)


def test_options_that_make_no_sense_are_refused() -> None:
    """Tiers have one owner, and terms in their order."""
    check_tiers(None, "postgresql://somewhere")
    check_tiers(Tiering("file:///somewhere"), None)
    with pytest.raises(UnusableInput, match="--store"):
        check_tiers(Tiering("file:///somewhere"), "postgresql://somewhere")
    with pytest.raises(UnusableInput, match="--retain"):
        check_tiers(Tiering("file:///somewhere"), None, retain=60.0)
    for hot, warm in ((20.0, 10.0), (1.0, 1e9)):
        with pytest.raises(UnusableInput, match="in this order"):
            check_tiers(Tiering("file:///somewhere", hot, warm), None)
    with pytest.raises(UnusableInput, match="three slashes"):
        check_tiers(Tiering("file://somewhere/else"), None)


def test_only_a_region_by_itself_lets_entries_expire() -> None:
    """Those that replicate keep theirs, however old they are (decision 0044)."""
    alone, replicated = Tiering("file:///somewhere"), Tiering("file:///somewhere", expires=False)
    assert alone.terms.window == CONSTANTS.dedup.ttl_seconds
    assert replicated.terms.window > 1000 * CONSTANTS.dedup.ttl_seconds
    assert at(time.time() - replicated.terms.window) < ZERO  # no entry is so old
