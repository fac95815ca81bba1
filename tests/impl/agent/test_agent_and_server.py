"""The agent against a real `flk serve`, in a process of its own."""

from collections import Counter
from pathlib import Path

import pytest

from flk.impl.agent.delivery import Settled, Tally, deliver_all
from flk.impl.agent.outbox import Outbox
from flk.impl.agent.service import Service
from flk.impl.server.process import key_file, server_process
from flk.model.record.signing import HmacKey
from flk.model.samples.datasets import submissions
from flk.spec.constants import Outbox as Policy

pytestmark = pytest.mark.slow

SECRET = "testsecret"
PROMPT = Policy(max_attempts=3, base_delay_seconds=0.001, max_delay_seconds=0.004, timeout_seconds=10.0)
RECORDS = submissions("goog-prices", HmacKey(SECRET.encode()))
FORGED = submissions("goog-prices", HmacKey(b"another secret"))


def test_a_server_acknowledges_every_record_however_often_it_is_sent(tmp_path: Path) -> None:
    """Two runs over the same real data: each record is accepted, and accepted again with its stored outcome."""
    with server_process(tmp_path / "data", key_file(tmp_path, SECRET)) as server, Outbox(tmp_path / "box") as outbox:
        for _ in range(2):
            tally = Tally()
            for event in deliver_all(outbox, Service(server.url), RECORDS, policy=PROMPT):
                tally.add(event)
            assert tally == Tally(queued=len(RECORDS), acknowledged=Counter({200: len(RECORDS)}))


def test_a_server_buries_what_another_key_has_signed(tmp_path: Path) -> None:
    """401 for each, none of it in the way of an honest record of the same identity."""
    with server_process(tmp_path / "data", key_file(tmp_path, SECRET)) as server, Outbox(tmp_path / "box") as outbox:
        tally = Tally()
        for event in deliver_all(outbox, Service(server.url), (*FORGED, *RECORDS), policy=PROMPT):
            tally.add(event)
    assert tally.acknowledged == {200: len(RECORDS)}
    with Outbox(tmp_path / "box") as outbox:
        assert [letter.response.status for letter in outbox.dead] == [401] * len(FORGED)


def test_a_server_killed_in_mid_delivery_gets_the_rest_when_it_is_back(tmp_path: Path) -> None:
    """Kill -9 after the twentieth answer, another server on the same data, another run on the same outbox: all are in."""
    keys, settled = key_file(tmp_path, SECRET), 0
    with server_process(tmp_path / "data", keys) as server, Outbox(tmp_path / "box") as outbox:
        for event in deliver_all(outbox, Service(server.url), RECORDS, policy=PROMPT):
            settled += isinstance(event, Settled)
            if settled == 20:
                server.process.kill()
    with server_process(tmp_path / "data", keys) as server, Outbox(tmp_path / "box") as outbox:
        assert 0 < len(outbox.pending) < len(RECORDS)
        list(deliver_all(outbox, Service(server.url), policy=PROMPT))
    with Outbox(tmp_path / "box") as outbox:
        assert (outbox.pending, outbox.dead) == ((), ())
