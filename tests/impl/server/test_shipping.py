"""Servers that ship: regions that share an object store, the outages in between, a disk that is lost, objects that were changed.

Every test runs real `flk serve` processes. What is waited for is asked for again and again; how long it takes is not judged.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest
from tests.support.impl.client import Client, Reply, keys_of, sample
from tests.support.impl.object_stores import Directory, place, s3
from tests.support.model.world import STORY, pcs, submission

from flk.impl.server.process import ServerProcess, serve_command, server_process
from flk.model.flow.submission import Submission
from flk.model.log.frames import Frame, scan

PATIENCE = 60.0  # seconds after which what does not come to pass never will
EVERY = ("--ship-every", "0.1", "--replay-every", "0.1")
RECORDS = [submission(pcs(epoch=epoch)) for epoch in range(12)]
RIVALS = [submission(pcs(epoch=epoch, r=0.6, budget=0.37)) for epoch in range(12)]  # of the same ids


def eventually(holds: Callable[[], object]) -> None:
    """Return as soon as it holds."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.02)


@contextmanager
def region(
    name: str, directory: Path, url: str | None, peers: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[tuple[ServerProcess, Client]]:
    """A server of that region, with its data in a directory of that name, and a client of it."""
    keys = directory / f"keys-{name}"
    keys.mkdir(exist_ok=True)
    shipping = () if url is None else ("--objects", url, *EVERY)
    arguments = ["--region", name, *shipping, *(f"--peer={peer}" for peer in peers), *options]
    with server_process(directory / name, keys_of(keys), arguments) as server, closing(Client(server)) as client:
        yield server, client


def at_least(number: float, client: Client, metric: str) -> bool:
    """Whether a metric has come so far."""
    return sample(client, metric) >= number


def has_shipped(client: Client) -> bool:
    """Whether nothing of the region waits to be shipped, once some has been; nor to be replayed there."""
    return at_least(1, client, "flk_segments_shipped_total") and not sample(client, "flk_crr_lag_seconds")


def errors(client: Client, stage: str, source: str) -> float:
    """The passes that failed."""
    return sample(client, f'flk_crr_errors_total{{source="{source}",stage="{stage}"}}')


def replayed(client: Client, source: str) -> float:
    """The segments of another region that are in the store."""
    return sample(client, f'flk_segments_replayed_total{{source="{source}"}}')


def stored(reply: Reply) -> tuple[str, str, str]:
    """Which entry an answer tells of."""
    told: dict[str, Any] = reply.json()
    return told["timestamp"], told["region"], told["digest"]


def all_to(client: Client, sent: Sequence[Submission]) -> list[Reply]:
    """The answers, in order."""
    return [client.submit(item) for item in sent]


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


def frames_in(objects: Directory) -> list[Frame]:
    """What was shipped by all."""
    return [frame for path in objects.path.glob("crr/*/*") for frame in scan(path.read_bytes()).frames]


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


def shipped(name: str, directory: Path, objects: Directory, sent: Sequence[Submission]) -> list[Path]:
    """The objects of a region that took these and stopped: one for each."""
    with region(name, directory, objects.url) as (_, client):
        for number, item in enumerate(sent, start=1):
            client.submit(item)
            eventually(partial(at_least, number, client, "flk_segments_shipped_total"))
    return sorted(objects.path.glob(f"crr/{name}.*/*"))


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
        eventually(lambda: replayed(eu, "eu") == 1)
        assert eu.submit(RECORDS[1]).body == before[1]
        assert eu.submit(RIVALS[1]).status == 409


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


def lines_of(trace: Path) -> list[dict[str, Any]]:
    """A trace, line by line, as far as whole lines are written."""
    return [json.loads(line) for line in trace.read_text().splitlines(keepends=True) if line.endswith("\n")]


def claimed(trace: Path) -> list[Any]:
    """The claims that a server's own requests made, in order."""
    return [line["claim"] for line in lines_of(trace) if line["effect"] == "Store"]


def merged(trace: Path) -> list[Any]:
    """The claims that a server took over from another, in order."""
    merges = (line for line in lines_of(trace) if line["effect"] == "Merge" and line["kind"] == "replay")
    return [claim for line in merges for claim in line["claims"]]


def test_the_traces_of_two_servers_tell_how_a_record_came_from_one_to_the_other(tmp_path: Path) -> None:
    """Every line says node, run, program and when; runs end with what they returned; what one put before the other got it is the
    segment that holds the record's timestamp, and the claim merged there is the one stored here (OBS-2).
    """
    objects = Directory(tmp_path / "objects")
    traces = {name: tmp_path / f"{name}.jsonl" for name in ("eu", "us")}
    with ExitStack() as stack:
        _, eu = stack.enter_context(region("eu", tmp_path, objects.url, ["us"], ["--trace", str(traces["eu"])]))
        stack.enter_context(region("us", tmp_path, objects.url, ["eu"], ["--trace", str(traces["us"])]))
        all_to(eu, STORY)
        eventually(lambda: len(merged(traces["us"])) == len(claimed(traces["eu"])) > 0)
    with region("us", tmp_path, objects.url, ["eu"], ["--trace", str(traces["us"])]):
        pass
    eus, uss = lines_of(traces["eu"]), lines_of(traces["us"])
    for name, lines in (("eu", eus), ("us", uss)):
        assert {line["node"] for line in lines} == {f"{name}.000001"}
        assert {"recover", "ship", "replay", "rotate"} <= {line["kind"] for line in lines}
        assert all(line["began"] <= line["ended"] for line in lines)
    assert sum(line["effect"] == "Start" for line in uss) == 2
    runs: dict[int, list[dict[str, Any]]] = {}
    for line in eus:
        runs.setdefault(line["program"], []).append(line)
    kinds = {number: {line["kind"] for line in run} for number, run in runs.items()}
    assert all(len(kind) == 1 for kind in kinds.values())
    ingested = [run for number, run in runs.items() if kinds[number] == {"ingest"}]
    assert [run[-1]["effect"] for run in ingested] == ["End"] * len(STORY)
    assert {tuple(line["effect"] for line in run) for run in ingested if run[-1]["result"]["status"] == 200} == {
        ("Admit", "Append", "Store", "End")
    }
    (put, *_) = [line for line in eus if line["effect"] == "PutObject"]
    (got, *_) = [line for line in uss if line["effect"] == "GetObject" and line["name"] == put["name"]]
    assert (put["kind"], put["result"], put["name"]) == ("ship", True, "crr/eu.000001/000000000001")
    assert put["began"] <= got["ended"]
    assert put["content"] == got["result"]
    assert merged(traces["us"]) == claimed(traces["eu"])
    assert '"sig"' not in traces["eu"].read_text() + traces["us"].read_text()


def test_the_trace_of_a_killed_server_has_every_answer_that_it_gave(tmp_path: Path) -> None:
    """Nothing of it waits in memory; the next life begins with a line of its own."""
    trace = tmp_path / "trace.jsonl"
    with region("eu", tmp_path, None, options=["--trace", str(trace)]) as (server, eu):
        statuses = [answer.status for answer in all_to(eu, STORY)]
        server.process.kill()
        server.process.wait()
    lines = lines_of(trace)
    assert [
        line["result"]["status"] for line in lines if (line["kind"], line["effect"]) == ("ingest", "End")
    ] == statuses
    signed = [line["payload"]["signed"] for line in lines if line["effect"] == "Append"]
    assert signed == [status not in {400, 401} for status in statuses]
    with region("eu", tmp_path, None, options=["--trace", str(trace)]):
        pass
    later = lines_of(trace)[len(lines) :]
    assert (later[0]["effect"], later[1]["kind"]) == ("Start", "recover")
