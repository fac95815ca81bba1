"""Keys that rotate while a node is under load: no honest record is refused (SIGN-8)."""

import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.support.impl.client import Client

from flk.impl.bench.load import Load, drive, encode_request
from flk.impl.bench.records import submissions
from flk.impl.server.process import ServerProcess, server_process
from flk.model.flow.submission import Submission
from flk.model.record.signing import HmacKey

RECORDS = 600  # of each phase, which keep a node busy for some tenths of a second
RELOADS = 12


class Signed(NamedTuple):
    """A key's name, and what it has signed: records for a load, and one to ask with."""

    name: str
    load: Sequence[Submission]
    probe: Submission

    def stands(self, ends: str = "") -> str:
        """Its entry in a key file."""
        entry = f'[[key]]\ntenant = "default"\nid = "{self.name}"\nalgorithm = "hmac-sha256"\nsecret = "{self.name}"\n'
        return entry + (f"not_after = {ends}\n" if ends else "")


def signed_by(name: str) -> Signed:
    """Everything that a key will sign."""
    made = submissions(HmacKey(name.encode()))
    return Signed(name, tuple(islice(made, RECORDS)), next(made))


def under_load(server: ServerProcess, sent: Sequence[Submission], work: Callable[[], None]) -> Load:
    """The load, with work beside it that is begun before it and ends before it does, or else shortly after."""
    url = urlsplit(server.url)
    requests = [encode_request(one, "127.0.0.1") for one in sent]
    with ThreadPoolExecutor(1) as beside:
        working = beside.submit(work)
        load = drive(str(url.hostname), url.port or 0, requests, connections=8)
        working.result()
    return load


@pytest.mark.slow
def test_keys_rotate_under_load_without_one_honest_record_refused(tmp_path: Path) -> None:
    """The new key comes into the file while agents sign with the old one; then both sign; then the old one has its end, in an
    hour, and at last now, while agents sign with the new one alone. In each phase the file is read again, many times.
    """
    keys, old, new = tmp_path / "keys.toml", signed_by("old"), signed_by("new")
    keys.touch(mode=0o600)

    def write(*entries: str) -> None:
        made = keys.with_suffix(".made")
        made.write_text("".join(entries))
        made.replace(keys)

    write(old.stands())
    with server_process(tmp_path / "data", keys) as server, closing(Client(server)) as client:

        def reloads(*entries: str) -> Callable[[], None]:
            def work() -> None:
                write(*entries)
                for _ in range(RELOADS):
                    server.process.send_signal(signal.SIGHUP)
                    time.sleep(0.02)

            return work

        def until(sent: Submission, status: int) -> None:
            while client.submit(sent).status != status:
                time.sleep(0.02)

        later = moment(timedelta(hours=1))
        until(new.probe, 401)
        phases = [under_load(server, old.load, reloads(old.stands(), new.stands()))]
        until(new.probe, 200)
        both = [one for pair in zip(old.load, new.load, strict=True) for one in pair]
        phases.append(under_load(server, both, reloads(old.stands(later), new.stands())))
        phases.append(under_load(server, new.load, reloads(old.stands(moment(timedelta(seconds=-1))), new.stands())))
        until(old.probe, 401)
    assert [dict(load.statuses) for load in phases] == [{200: RECORDS}, {200: 2 * RECORDS}, {200: RECORDS}]


def moment(ahead: timedelta) -> str:
    """A moment as a key file has it."""
    return (datetime.now(UTC) + ahead).isoformat(timespec="seconds")
