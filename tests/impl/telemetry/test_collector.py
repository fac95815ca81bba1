"""A node beside OpenTelemetry's own collector, which is built of its modules."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support import ROOT
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.deployed import TOOLS
from tests.support.model.world import STORY

from flk.impl.server.process import server_process

SOURCE = ROOT / "tests" / "support" / "impl" / "otelcol"
BINARY = TOOLS / "otelcol" / "otelcol"


def built() -> Path:
    """The collector, which is built once."""
    if not BINARY.is_file():
        flags = {**os.environ, "GOFLAGS": "-buildvcs=false"}
        subprocess.run(["go", "build", "-o", BINARY, "."], cwd=SOURCE, env=flags, check=True)
    return BINARY


def told(path: Path, *names: str) -> Iterator[dict[str, Any]]:
    """What the collector wrote: the innermost objects under these names."""
    for line in path.read_text().splitlines():
        found = [json.loads(line)]
        for name in names:
            found = [inner for outer in found for inner in outer.get(name, [])]
        yield from found


@pytest.mark.thorough
def test_a_collector_takes_what_a_node_tells(tmp_path: Path) -> None:
    """Spans and log records pass through the pipelines of a real one, none refused, all that were ended (OBS-9)."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    traces, logs = tmp_path / "traces.jsonl", tmp_path / "logs.jsonl"
    (tmp_path / "collector.yaml").write_text(
        json.dumps(
            {
                "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
                "exporters": {
                    "file/traces": {"path": str(traces), "flush_interval": "100ms"},
                    "file/logs": {"path": str(logs), "flush_interval": "100ms"},
                },
                "service": {
                    "telemetry": {"metrics": {"level": "none"}},
                    "pipelines": {
                        "traces": {"receivers": ["otlp"], "exporters": ["file/traces"]},
                        "logs": {"receivers": ["otlp"], "exporters": ["file/logs"]},
                    },
                },
            }
        )
    )
    collector = subprocess.Popen([built(), "--config", tmp_path / "collector.yaml"], stderr=subprocess.DEVNULL)
    try:
        options = ["--otlp", f"http://127.0.0.1:{port}", "--otlp-sample", "1", "--log-level", "info"]
        with (
            server_process(tmp_path / "data", keys_of(tmp_path), options) as server,
            closing(Client(server)) as client,
        ):
            for sent in STORY:
                client.submit(sent)
            until = time.monotonic() + 60
            while sample(client, "flk_otlp_exported_total") < 4 * len(STORY):
                assert time.monotonic() < until, "the collector took too little"
                time.sleep(0.1)
            assert sample(client, 'flk_otlp_dropped_total{reason="refused",signal="traces"}') == 0
    finally:
        collector.terminate()
        collector.wait()
    spans = [span["name"] for span in told(traces, "resourceSpans", "scopeSpans", "spans")]
    assert spans.count("POST /v1/pcs/submit") == spans.count("log") == len(STORY)
    lines = list(told(logs, "resourceLogs", "scopeLogs", "logRecords"))
    (equivocation,) = [line for line in lines if line["body"]["stringValue"] == "equivocation"]
    assert equivocation["traceId"]
    assert "recovery.began" in {line["body"]["stringValue"] for line in lines}
