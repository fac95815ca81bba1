"""Signed records through the client's outbox to a real `flk serve`, in a process of its own."""

from collections import Counter
from pathlib import Path

import pytest

from flk.client import Client, Receipt, Summary
from flk.impl.agent.outbox import Outbox
from flk.impl.server.process import key_file, server_process
from flk.model.record.signing import HmacKey
from flk.model.samples.datasets import submissions
from flk.spec.constants import Outbox as Policy

pytestmark = pytest.mark.slow

SECRET = "testsecret"
PROMPT = Policy(max_attempts=3, base_delay_seconds=0.001, max_delay_seconds=0.004, timeout_seconds=10.0)
RECORDS = submissions("goog-prices", HmacKey(SECRET.encode()))
FORGED = submissions("goog-prices", HmacKey(b"another secret"))


def client(url: str, directory: Path, *, batches: bool = True) -> Client:
    """One that signs nothing, and hardly waits."""
    return Client(url, outbox=directory / "box", policy=PROMPT, batches=batches)


def test_a_server_acknowledges_every_record_however_often_it_is_sent(tmp_path: Path) -> None:
    """Two runs over the same real data: each record is accepted, and accepted again with its stored outcome."""
    with server_process(tmp_path / "data", key_file(tmp_path, SECRET)) as server, client(server.url, tmp_path) as agent:
        for _ in range(2):
            assert agent.send(RECORDS) == Summary(queued=len(RECORDS), acknowledged=Counter({200: len(RECORDS)}))


def test_a_server_buries_what_another_key_has_signed(tmp_path: Path) -> None:
    """401 for each, none of it in the way of an honest record of the same identity."""
    with server_process(tmp_path / "data", key_file(tmp_path, SECRET)) as server, client(server.url, tmp_path) as agent:
        assert agent.send((*FORGED, *RECORDS)).acknowledged == {200: len(RECORDS)}
    with Outbox(tmp_path / "box") as outbox:
        assert [letter.response.status for letter in outbox.dead] == [401] * len(FORGED)


def test_a_server_killed_in_mid_delivery_gets_the_rest_when_it_is_back(tmp_path: Path) -> None:
    """Kill -9 after the twentieth answer, another server on the same data, another run on the same outbox: all are in."""
    keys, settled = key_file(tmp_path, SECRET), list[Receipt]()

    with server_process(tmp_path / "data", keys) as server, client(server.url, tmp_path, batches=False) as agent:

        def told(receipt: Receipt) -> None:
            settled.append(receipt)
            if len(settled) == 20:
                server.process.kill()
                server.process.wait()

        agent.send(RECORDS, told)
        left = agent.pending
    with server_process(tmp_path / "data", keys) as server, client(server.url, tmp_path) as agent:
        assert agent.pending == left > 0
        assert agent.flush().acknowledged == {200: left}
    with Outbox(tmp_path / "box") as outbox:
        assert (outbox.pending, outbox.dead) == ((), ())
