"""`flk agent`, as a user runs it: what it prints and how it exits."""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.impl.agent_peer import Answer, Seen, serving
from tests.support.model.world import pcs, submission

from flk.impl.agent.outbox import Outbox
from flk.impl.command import main
from flk.model.programs.outbox import begin_source, queue
from flk.model.record.record import decode
from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.model.runtime import run as run_program

KEYS = '[[key]]\ntenant = "acme"\nid = "a"\nalgorithm = "hmac-sha256"\nsecret = "testsecret"\n'
KEYRING = Keyring({"acme": [LiveKey(HmacKey(b"testsecret"))]})


class Run(NamedTuple):
    """What a command left behind."""

    code: int
    output: str
    errors: str


class Desk:
    """A directory with a source of ten records, a key file, and the command."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.chdir(directory)
        Path("keys.toml").write_text(KEYS)
        Path("track.csv").write_text("x,y\n" + "".join(f"{row},{row * row % 7}\n" for row in range(40)))

    def agent(self, *arguments: str) -> Run:
        """`flk agent …`."""
        self._monkeypatch.setattr(sys, "argv", ["flk", "agent", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = self._capsys.readouterr()
        return Run(int(ended.value.code or 0), output, errors)

    def send(self, url: str, *options: str) -> Run:
        """`flk agent send` of the source."""
        needed = ["--window", "4", "--keys", "keys.toml", "--tenant", "acme", "--outbox", "box", "--to", url]
        return self.agent("send", "track.csv", *needed, *options)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """A desk of one's own."""
    return Desk(tmp_path, monkeypatch, capsys)


def refuse_epoch_3(post: Seen, _before: int) -> Answer:
    """A service that takes everything but one record for good."""
    return Answer(409 if decode(post.body).epoch == 3 else 200)


def test_send_delivers_every_window_signed_and_says_so(desk: Desk) -> None:
    """Ten records of four rows, each with the tenant's signature, named after the file; exit code 0."""
    with serving(lambda post, _: Answer(202 if decode(post.body).epoch % 2 else 200)) as peer:
        run = desk.send(peer.url, "--json")
    assert run.code == 0, run
    report = json.loads(run.output)
    assert report["acknowledged"] == {"200": 5, "202": 5}
    assert (report["queued"], report["dead"], report["pending"], report["retries"]) == (10, 0, 0, 0)
    sent = {(record := decode(post.body)).epoch: record for post in peer.seen}
    assert sorted(sent) == list(range(10))
    for record in sent.values():
        assert record.shard_id == "track"
        KEYRING.authenticate("acme", record, record.sig, at=0.0)


def test_a_refusal_for_good_exits_with_1_and_is_listed_by_dead(desk: Desk) -> None:
    """The table counts it; `flk agent dead` shows status, answer and body, and exits with 1 as long as there are any."""
    with serving(refuse_epoch_3) as peer:
        run = desk.send(peer.url)
    assert run.code == 1
    assert "acknowledged with 200" in run.output
    assert "refused for good" in run.output
    listed = desk.agent("dead", "--outbox", "box", "--json")
    (letter,) = map(json.loads, listed.output.splitlines())
    assert (listed.code, letter["status"], letter["tenant"]) == (1, 409, "acme")
    assert json.loads(letter["body"])["epoch"] == 3
    assert json.loads(letter["answer"])["requirement"] == "DUP-3"
    assert "another content" in desk.agent("dead", "--outbox", "box").output


def test_an_outbox_without_dead_letters_says_so(desk: Desk) -> None:
    """Exit code 0."""
    with serving(lambda *_: Answer(200)) as peer:
        desk.send(peer.url)
    assert desk.agent("dead", "--outbox", "box") == Run(0, "box: no dead letters\n", "")


def test_resume_with_nothing_pending_is_done_at_once(desk: Desk) -> None:
    """Exit code 0 and no post."""
    with serving(lambda *_: Answer(200)) as peer:
        desk.send(peer.url)
        posts = len(peer.seen)
        assert desk.agent("resume", "--outbox", "box", "--to", peer.url).code == 0
        assert len(peer.seen) == posts


def test_records_writes_what_send_would_send(desk: Desk) -> None:
    """One valid record to a line, chosen columns and windows, signed if there is a key."""
    options = ["track.csv", "--columns", "y", "--window", "10", "--stride", "5", "--shard", "eu/1", "--seed", "7"]
    unsigned = [decode(line.encode()) for line in desk.agent("records", *options).output.splitlines()]
    assert [(record.epoch, record.shard_id, record.seed, record.sig) for record in unsigned] == [
        (epoch, "eu/1", 7, "") for epoch in range(7)
    ]
    key = ["--keys", "keys.toml", "--tenant", "acme", "--sent-at", "2026-01-01T00:00:00Z"]
    first, second = (desk.agent("records", *options, *key).output for _ in range(2))
    assert first == second
    for line in first.splitlines():
        record = decode(line.encode())
        KEYRING.authenticate("acme", record, record.sig, at=0.0)


def test_a_data_set_is_a_source(desk: Desk) -> None:
    """`dataset:goog-prices` needs no file."""
    lines = desk.agent("records", "dataset:goog-prices").output.splitlines()
    assert len(lines) == 198
    assert decode(lines[5].encode()).shard_id == "goog-prices"


TO = ["--to", "http://127.0.0.1:1"]
SEND = ["--keys", "keys.toml", "--tenant", "acme", "--outbox", "box", *TO]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["send", "none.csv", *SEND], "none.csv: cannot be read"),
        (["send", "track.csv", "--columns", "x,w", *SEND], "there is no column 'w'; --columns takes some of: x, y"),
        (["send", "track.csv", "--window", "3", "--stride", "4", *SEND], "--window 3 --stride 4: a stride is from 1"),
        (["send", "track.csv", "--shard", "a|b", *SEND], "window 0 of shard 'a|b'"),
        (["send", "track.csv", *SEND, "--to", "nowhere"], "nowhere: not the address of a service"),
        (["send", "track.csv", *SEND, "--tenant", "other"], "keys.toml: tenant 'other' has no key"),
        (["send", "track.csv", *SEND, "--keys", "none.toml"], "none.toml: the key file cannot be read"),
        (["records", "dataset:moon"], "no data set 'moon'; there are: jacksboro-fault, goog-prices"),
        (["records", "dataset:goog-prices", "--window", "3"], "a data set has its own columns and windows"),
        (["records", "track.csv", "--sent-at", "today"], "sent_at"),
        (["resume", "--outbox", "none", *TO], "none: is no outbox; `flk agent send` makes one"),
        (["dead", "--outbox", "none"], "none: is no outbox; `flk agent send` makes one"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unusable_input_exits_with_2_and_one_message(desk: Desk, arguments: list[str], message: str) -> None:
    """It names the input and the fix, on standard error, in one line."""
    run = desk.agent(*arguments)
    assert (run.code, run.output) == (2, "")
    assert run.errors.startswith("flk: ")
    assert message in run.errors
    assert run.errors.count("\n") == 1


def test_a_damaged_outbox_is_told_until_its_copy_is_removed(desk: Desk) -> None:
    """One bit of a queued record: every run says where, and exits with 1; what is whole is delivered (OUT-7)."""
    with Outbox(desk.directory / "box") as outbox:
        for epoch in range(10):
            run_program(queue(submission(pcs(epoch=epoch), tenant="acme")), outbox.perform)
    (segment,) = (desk.directory / "box").glob("*/*.wal")
    content = bytearray(segment.read_bytes())
    content[content.index(b'"epoch":4') + 8] ^= 1
    segment.write_bytes(content)
    with serving(lambda *_: Answer(200)) as peer:
        first = desk.agent("resume", "--outbox", "box", "--to", peer.url)
        second = desk.agent("resume", "--outbox", "box", "--to", peer.url, "--json")
    assert len(peer.seen) == 9
    copy = segment.with_suffix(".damaged").relative_to(desk.directory)
    for run in (first, second, desk.agent("dead", "--outbox", "box")):
        assert run.code == 1
        assert f"{copy}: " in run.errors
        assert "send its source again" in run.errors
    assert len(json.loads(second.output)["damage"]) == 1
    segment.with_suffix(".damaged").unlink()
    with serving(lambda *_: Answer(200)) as peer:
        assert desk.agent("resume", "--outbox", "box", "--to", peer.url).code == 0


def test_a_source_that_was_not_queued_to_its_end_is_told_until_it_is_sent_again(desk: Desk) -> None:
    """The note of its end is missing, as after kill -9: exit code 2 and the command that sends it again (OUT-7)."""
    with Outbox(desk.directory / "box") as outbox:
        run_program(begin_source("track.csv --window 4 --tenant acme"), outbox.perform)
    with serving(lambda *_: Answer(200)) as peer:
        resumed = desk.agent("resume", "--outbox", "box", "--to", peer.url)
        assert resumed.code == 2
        assert (
            "only 0 records of it; send it again: flk agent send track.csv --window 4 --tenant acme" in resumed.errors
        )
        assert desk.send(peer.url).code == 0
        assert desk.agent("resume", "--outbox", "box", "--to", peer.url).code == 0
