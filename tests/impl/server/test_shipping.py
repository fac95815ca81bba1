"""Servers that ship: regions that share an object store, the outages in between, a disk that is lost, objects that were changed.

Every test runs real `flk serve` processes. What is waited for is asked for again and again; how long it takes is not judged.
"""

import shutil
import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.object_stores import Directory, place
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
    replayed,
    shipped,
    stored,
)
from tests.support.model.world import STORY

from flk.impl.server.process import serve_command


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_two_regions_that_took_rival_contents_come_to_store_the_earlier(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the object store is away, each region takes twelve records, of the same ids, other contents, in turns: all are
    acknowledged, both stay ready, and failed passes are counted. When it is back, both answer everything alike, with the least
    (timestamp, region) of each id, and every local winner that gave way is counted (CRR-1, CRR-2, CRR-3, CRR-4).
    """
    with place(kind, tmp_path, monkeypatch) as objects, ExitStack() as stack:
        _, eu = stack.enter_context(region("eu", tmp_path, objects.url, ["us"]))
        _, us = stack.enter_context(region("us", tmp_path, objects.url, ["eu"]))
        objects.go()
        turns = [(eu, RECORDS), (us, RIVALS)]
        first: dict[Client, list[tuple[str, str, str]]] = {eu: [], us: []}
        for number in range(len(RECORDS)):
            for client, sent in turns if number % 3 else reversed(turns):
                answer = client.submit(sent[number])
                assert answer.status == 200
                first[client].append(stored(answer))
        for client, name, other in ((eu, "eu", "us"), (us, "us", "eu")):
            for stage, source in (("ship", name), ("replay", other)):
                eventually(partial(errors, client, stage, source))
            assert sample(client, f'flk_crr_lag_seconds{{source="{name}",stage="ship"}}') > 0
            assert sample(client, f'flk_crr_lag_seconds{{source="{other}",stage="replay"}}') > 0
            assert client.request("GET", "/ready").status == 200
        objects.come_back()
        expected = [min(pair) for pair in zip(first[eu], first[us], strict=True)]
        gave_way = [sum(one != kept for one, kept in zip(first[client], expected, strict=True)) for client in (eu, us)]
        eventually(lambda: [sample(client, "flk_supersessions_total") for client in (eu, us)] == gave_way)
        for sent in (RECORDS, RIVALS):
            answers = all_to(eu, sent)
            assert [stored(answer) for answer in answers] == expected
            assert [answer.body for answer in answers] == [answer.body for answer in all_to(us, sent)]
        assert [sample(client, "flk_supersessions_total") for client in (eu, us)] == gave_way
        assert min(gave_way) > 0
        for client, name, other in ((eu, "eu", "us"), (us, "us", "eu")):
            eventually(partial(has_shipped, client))
            assert sample(client, "flk_segments_shipped_total") >= replayed(us if client is eu else eu, name) >= 1
            assert sample(client, f'flk_clock_ahead_total{{source="{other}"}}') == 0


@pytest.mark.slow
def test_regions_that_ship_while_they_serve_come_to_store_the_same(tmp_path: Path) -> None:
    """Two clients at once, each with records, repeats and rivals in an order of its own, while passes run ten times a second: both
    regions end with the least (timestamp, region) that either acknowledged for each id.
    """
    objects = Directory(tmp_path / "objects")
    acknowledged: dict[str, set[tuple[str, str, str]]] = {}

    def work(client: Client, seed: int) -> None:
        sent = [*RECORDS, *RIVALS, *STORY] * 4
        Random(seed).shuffle(sent)
        for item in sent:
            answer = client.submit(item)
            if answer.status in {200, 202, 409}:
                told: dict[str, Any] = answer.json()
                acknowledged.setdefault(f"{item.tenant} {told['pcs_id']}", set()).add(stored(answer))

    with ExitStack() as stack:
        _, eu = stack.enter_context(region("eu", tmp_path, objects.url, ["us"]))
        _, us = stack.enter_context(region("us", tmp_path, objects.url, ["eu"]))
        threads = [Thread(target=work, args=pair) for pair in ((eu, 1), (us, 2))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for client, other in ((eu, us), (us, eu)):
            eventually(partial(has_shipped, client))
            before = sample(client, "flk_segments_shipped_total")
            eventually(partial(at_least, before, other, "flk_segments_replayed_total"))
        for sent in (*RECORDS, *RIVALS, *STORY):
            answers = [client.submit(sent) for client in (eu, us)]
            assert answers[0].body == answers[1].body
            if answers[0].status in {200, 202, 409}:
                told: dict[str, Any] = answers[0].json()
                assert stored(answers[0]) == min(acknowledged[f"{sent.tenant} {told['pcs_id']}"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_a_region_that_lost_its_disk_answers_again_what_it_had_shipped(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, its data directory removed, started again by the same command: every answer is, byte for byte, what it was; what it
    takes from then on goes into a log of a new name, and reaches the other region (CRR-5, CRR-6).
    """
    with place(kind, tmp_path, monkeypatch) as objects:
        with region("eu", tmp_path, objects.url) as (server, eu):
            before = [answer.body for answer in all_to(eu, STORY)]
            eventually(lambda: has_shipped(eu))
            segments = sample(eu, "flk_segments_shipped_total")
            server.process.kill()
            server.process.wait()
        shutil.rmtree(tmp_path / "eu")
        with region("eu", tmp_path, objects.url) as (_, eu), region("us", tmp_path, objects.url, ["eu"]) as (_, us):
            again = all_to(eu, STORY)
            assert [answer.body for answer in again] == before
            assert [path.name for path in (tmp_path / "eu").glob("eu.*")] == ["eu.000002"]
            later = eu.submit(RECORDS[5]).body
            eventually(lambda: has_shipped(eu))
            segments += sample(eu, "flk_segments_shipped_total")
            eventually(lambda: replayed(us, "eu") == segments)
            assert [answer.body for answer in all_to(us, (*STORY, RECORDS[5]))] == [*before, later]


@pytest.mark.slow
def test_a_server_killed_again_and_again_ships_every_record_once(tmp_path: Path) -> None:
    """Killed while it ships, and started again: the other region ends with every answer that was given, and no segment is refused
    for having been put before (CRR-4, CRR-9).
    """
    objects = Directory(tmp_path / "objects")
    given: list[bytes] = []
    for life in range(6):
        with region("eu", tmp_path, objects.url) as (server, eu):
            given += [answer.body for answer in all_to(eu, RECORDS[2 * life : 2 * life + 2])]
            if life % 2:
                eventually(partial(at_least, 1, eu, "flk_segments_shipped_total"))
            assert errors(eu, "ship", "eu") == 0
            server.process.kill()
            server.process.wait()
    with region("eu", tmp_path, objects.url) as (_, eu), region("us", tmp_path, objects.url, ["eu"]) as (_, us):
        eventually(lambda: len(frames_in(objects)) == len(given))
        eventually(lambda: replayed(us, "eu") == len(list(objects.path.glob("crr/*/*"))))
        assert [answer.body for answer in all_to(us, RECORDS)] == given
        assert errors(us, "replay", "eu") == 0


@pytest.mark.slow
def test_a_corrupt_segment_stops_its_region_alone_until_it_is_mended(tmp_path: Path) -> None:
    """One byte of one object changed: nothing of that segment or after it is merged, the error is counted and logged, the other
    peer's log and all requests go on; repaired, it is replayed (CRR-5, CRR-6).
    """
    objects = Directory(tmp_path / "objects")
    first, second = shipped("eu", tmp_path, objects, RECORDS[:2])
    shipped("asia", tmp_path, objects, RECORDS[2:3])
    whole = second.read_bytes()
    second.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with region("us", tmp_path, objects.url, ["eu", "asia"]) as (_, us):
        eventually(lambda: errors(us, "replay", "eu") > 1 and replayed(us, "asia"))
        assert replayed(us, "eu") == 1
        assert errors(us, "replay", "asia") == 0
        assert sample(us, 'flk_crr_lag_seconds{source="eu",stage="replay"}') > 0
        assert us.request("GET", "/ready").status == 200
        mine: dict[str, Any] = us.submit(RIVALS[1]).json()
        assert mine["region"] == "us"
        second.write_bytes(whole)
        eventually(lambda: replayed(us, "eu") == 2)
        answer = us.submit(RIVALS[1])
        assert (answer.status, stored(answer)[1]) == (409, "eu")
        assert sample(us, "flk_supersessions_total") == 1
    assert first.exists()


@pytest.mark.slow
def test_a_missing_segment_is_waited_for(tmp_path: Path) -> None:
    """The first of two is not there: the second is not replayed, and the pass counts as failed; when it comes, both are (CRR-5)."""
    objects = Directory(tmp_path / "objects")
    first, second = shipped("eu", tmp_path, objects, RECORDS[:2])
    away = tmp_path / "away"
    first.rename(away)
    with region("us", tmp_path, objects.url, ["eu"]) as (_, us):
        eventually(lambda: errors(us, "replay", "eu") > 1)
        assert replayed(us, "eu") == 0
        away.rename(first)
        eventually(lambda: replayed(us, "eu") == 2)
        assert stored(us.submit(RECORDS[1]))[1] == "eu"
    assert second.exists()


@pytest.mark.slow
def test_a_new_disk_takes_over_what_comes_to_light_after_its_recovery(tmp_path: Path) -> None:
    """A listing left out the newest segment of the disk before, and nothing told: when it shows it, its records are answered as
    they were (CRR-5, WAL-5).
    """
    objects = Directory(tmp_path / "objects")
    with region("eu", tmp_path, objects.url) as (_, eu):
        before = []
        for number, item in enumerate(RECORDS[:2], start=1):
            before.append(eu.submit(item).body)
            eventually(partial(at_least, number, eu, "flk_segments_shipped_total"))
    shutil.rmtree(tmp_path / "eu")
    _, late = sorted(objects.path.glob("crr/eu.*/*"))
    hidden = late.rename(tmp_path / "hidden")
    with region("eu", tmp_path, objects.url) as (_, eu):
        assert eu.submit(RECORDS[0]).body == before[0]
        hidden.rename(late)
        eventually(lambda: replayed(eu, "eu") == 2)  # and what it has shipped itself since, in whichever order
        assert eu.submit(RECORDS[1]).body == before[1]
        assert eu.submit(RIVALS[1]).status == 409


@pytest.mark.slow
def test_two_disks_that_claim_to_be_one_log_are_found_out(tmp_path: Path) -> None:
    """The second began without the object store, which would have told it of the first: what it ships is refused, counted, and not
    overwritten; it serves on (CRR-9).
    """
    objects = Directory(tmp_path / "objects")
    (theirs,) = shipped("eu", tmp_path, objects, RECORDS[:1])
    content = theirs.read_bytes()
    shutil.rmtree(tmp_path / "eu")
    with region("eu", tmp_path, None) as (_, eu):
        eu.submit(RIVALS[0])
    with region("eu", tmp_path, objects.url) as (_, eu):
        eventually(lambda: errors(eu, "ship", "eu") > 1)
        assert sample(eu, "flk_segments_shipped_total") == 0
        assert theirs.read_bytes() == content
        assert eu.submit(RECORDS[3]).status == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--peer", "us"], "name it with --objects"),
        (["--objects", "{objects}", "--peer", "eu"], "not the node's own"),
        (["--objects", "{objects}", "--peer", "us", "--peer", "us"], "name each other region once"),
        (["--objects", "{objects}", "--peer", "u.s"], "a name of letters, digits"),
        (["--objects", "{objects}", "--region", "a/b"], "a name of letters, digits"),
        (["--objects", "{objects}/none"], "make it, or mount it"),
        (["--objects", "ftp://host/path"], "s3://bucket/prefix"),
        (["--objects", "{objects}", "--ship-every", "0"], "ship-every"),
    ],
)
def test_regions_and_stores_that_cannot_be_used_end_with_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Before anything is opened, and with the fix."""
    objects = Directory(tmp_path / "objects")
    given = [argument.format(objects=objects.url) for argument in arguments]
    command = [*serve_command(tmp_path / "data", keys_of(tmp_path)), *given]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert not (tmp_path / "data").exists()
