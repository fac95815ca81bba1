"""What the traces of servers that ship tell (`flk serve --trace`)."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.impl.object_stores import Directory
from tests.support.impl.regions import (
    all_to,
    eventually,
    region,
)
from tests.support.model.world import STORY


def lines_of(trace: Path) -> list[dict[str, Any]]:
    """A trace, line by line, as far as whole lines are written."""
    return [json.loads(line) for line in trace.read_text().splitlines(keepends=True) if line.endswith("\n")]


def claimed(trace: Path) -> list[Any]:
    """The claims that a server's own requests made, in order."""
    return [line["claim"] for line in lines_of(trace) if line["effect"] == "Store"]


def merged(trace: Path) -> list[Any]:
    """The claims that a server took over from another, in order."""
    merges = (line for line in lines_of(trace) if line["effect"] == "Merge" and line["kind"] == "read_on")
    return [claim for line in merges for claim in line["claims"]]


@pytest.mark.slow
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
        assert {"recover", "ship", "read_on", "rotate"} <= {line["kind"] for line in lines}
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


@pytest.mark.slow
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
