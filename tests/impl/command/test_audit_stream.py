"""`flk audit stream`: receivers that keep to their vendors' contracts are told of a log, over HTTP, kills or not (SIEM-*)."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from socket import socket

import pytest
from tests.support.impl.audited import stored
from tests.support.impl.command import flk
from tests.support.impl.siem import receiving
from tests.support.model.siem import SECRET, Mood, audit_leaves
from tests.support.model.transparency import LOG

from flk.model.siem.targets import Kind

KEY = str(LOG.verifier)


def command(home: Path, url: str, kind: Kind, endpoint: str) -> list[str]:
    """The arguments of a stream whose files are in a directory."""
    home.mkdir(exist_ok=True)
    (home / "secret").write_text(f"{SECRET}\n")
    options = {
        "--key": KEY,
        "--to": kind,
        "--endpoint": endpoint,
        "--state": home / "state",
        "--secret": home / "secret",
    }
    return ["audit", "stream", url, *(str(part) for option in options.items() for part in option)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", Kind)
def test_every_leaf_is_told_and_then_only_new_ones(tmp_path: Path, kind: Kind) -> None:
    """With answers that never come, and one event that the receiver never takes; and again when the log has grown."""
    url = stored(tmp_path / "log", audit_leaves(130, (120,)))
    with receiving(kind, [Mood.SILENT]) as (endpoint, collector):
        stream = command(tmp_path / "home", url, kind, endpoint)
        done = flk(*stream)
        assert done.returncode == 0, done.stderr
        assert "130 leaves are told, 129 of them now, 1 refused" in done.stdout
        assert {sequence for _, sequence in collector.kept} == set(range(130)) - {120}
        (line,) = (tmp_path / "home/state.refused").read_text().splitlines()
        noted = json.loads(line)
        assert (noted["log"], noted["refused"]) == (LOG.name, 1)
        assert noted["first"] <= 120 <= noted["last"]
        collector.kept.clear()
        stored(tmp_path / "log", audit_leaves(140, (120,)))
        assert json.loads(flk(*stream, "--json").stdout) == {"behind": 140, "taken": 10, "refused": 0, "waits": ""}
        assert [sequence for _, sequence in collector.kept] == list(range(130, 140))


@pytest.mark.slow
def test_a_stream_that_is_killed_skips_nothing(tmp_path: Path) -> None:
    """Three kills -9 while a slow receiver takes leaves: at the end it has all of them, some twice."""
    url = stored(tmp_path / "log", audit_leaves(600))
    with receiving(Kind.SPLUNK, seconds=0.02) as (endpoint, collector):
        stream = command(tmp_path / "home", url, Kind.SPLUNK, endpoint)
        kills = 0
        for _ in range(3):
            before = len(collector.kept)
            process = subprocess.Popen([sys.executable, "-m", "flk.impl.command", *stream], stdout=subprocess.DEVNULL)
            while process.poll() is None and len(collector.kept) == before:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        assert kills
        assert flk(*stream).returncode == 0
        first = list(dict.fromkeys(sequence for _, sequence in collector.kept))
        assert first == list(range(600))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (lambda home: (home / "state").write_text("{}"), 2, "not what a stream has kept"),
        (lambda home: (home / "state").write_text('{"log":"a","receiver":"b"}'), 2, "of the stream of a to b"),
        (lambda home: (home / "secret").write_text(""), 2, "no secret"),
        (lambda home: (home / "secret").unlink(), 2, "secret"),
        (lambda home: (home.parent / "log/tile/0/000.p/9").write_bytes(b"x" * 288), 1, "TLOG-4"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_sent(tmp_path: Path, spoil: object, code: int, said: str) -> None:
    """Files of another stream, secrets that are none, and a log that is not what it has signed."""
    url = stored(tmp_path / "log", audit_leaves(9))
    with receiving(Kind.SUMO) as (endpoint, collector):
        stream = command(tmp_path / "home", url, Kind.SUMO, endpoint)
        spoil(tmp_path / "home")  # type: ignore[operator]  # a function
        done = flk(*stream)
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr
        assert not collector.kept


@pytest.mark.slow
def test_an_endpoint_is_a_url(tmp_path: Path) -> None:
    """Otherwise it says what one looks like."""
    done = flk(*command(tmp_path / "home", stored(tmp_path / "log", audit_leaves(9)), Kind.OTLP, "siem.example"))
    assert done.returncode == 2
    assert "is no URL of HTTP" in done.stderr
    done = flk(*command(tmp_path / "home", (tmp_path / "log").as_uri(), Kind.OTLP, "http://siem.example:x/"))
    assert (done.returncode, "--endpoint: not a URL of HTTP" in done.stderr) == (2, True)


@pytest.mark.slow
def test_who_does_not_answer_is_named_without_what_it_knows_us_by(tmp_path: Path) -> None:
    """User, password and path are secrets of some receivers; why there is no answer is told."""
    url = stored(tmp_path / "log", audit_leaves(9))
    with socket() as bound:  # to a port where nobody listens
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        done = flk(*command(tmp_path / "home", url, Kind.SUMO, f"http://me:hush@{host}/receiver/token?key=hidden"))
    assert done.returncode == 1
    assert f"0 leaves are told, and no more: http://{host}: no answer (" in done.stderr
    assert "refused" in done.stderr
    assert not [secret for secret in ("me:", "hush", "token", "hidden") if secret in done.stderr]
