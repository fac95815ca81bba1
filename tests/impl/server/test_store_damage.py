"""A node whose store has rotted: it answers as its log has it, and says what it did (DUP-8)."""

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.page_sums import NEEDS_SUMS
from tests.support.impl.rig import Rig, lose
from tests.support.impl.rot import copy, flip
from tests.support.model.world import pcs, submission

from flk.impl.server.lifecycle import open_node
from flk.impl.server.process import server_process
from flk.impl.server.settings import Settings
from flk.model.flow.submission import Submission
from flk.spec.errors import UnusableInput

SENT = [submission(pcs(epoch=epoch)) for epoch in range(30)]
FIRST_FORMAT = """
create table entries(
  tenant text not null, pcs_id text not null, timestamp integer not null, region text not null, digest text not null,
  outcome text not null, primary key(pcs_id, tenant));
create table marks(name text primary key, value text not null) without rowid;
create table superseded(
  sequence integer primary key, tenant text not null, pcs_id text not null, loser text not null, winner text not null);
"""


def answers(rig: Rig) -> list[tuple[int, bytes]]:
    """What a node on the parts answers to all that was sent."""

    async def story(rig: Rig) -> list[tuple[int, bytes]]:
        return [(reply.status, reply.body) for reply in await rig.submit_all(SENT)]

    return rig.serve(story)


@pytest.mark.parametrize("closed", [True, False])
def test_whichever_bit_of_the_store_rots_the_node_answers_as_its_log_has_it(tmp_path: Path, *, closed: bool) -> None:
    """Every repetition gets the answer of the first time, byte for byte: none gets 409, none is judged as new."""
    rig = Rig(tmp_path)
    before = answers(rig)
    rig.store.flush()
    (rig.close if closed else lambda: lose(rig))()
    kept = tmp_path / "kept"
    kept.mkdir()
    for path in tmp_path.glob("entries.sqlite*"):
        copy(path, kept / path.name)
    drawn = random.Random(7)
    for _ in range(10):
        for path in tmp_path.glob("entries.sqlite*"):
            path.unlink()
        for path in kept.iterdir():
            copy(path, tmp_path / path.name)
        files = [path for path in sorted(kept.iterdir()) if path.stat().st_size and not path.name.endswith("-shm")]
        rotten = drawn.choice(files)
        flip(tmp_path / rotten.name, drawn.randrange(8 * rotten.stat().st_size))
        again = Rig(tmp_path)
        assert answers(again) == before
        again.close()


def wait_until_ready(client: Client) -> None:
    """Return once the node takes records."""
    while client.request("GET", "/ready").status != 200:
        time.sleep(0.05)


@pytest.mark.slow
def test_a_row_that_rots_under_a_node_is_not_answered_from(tmp_path: Path) -> None:
    """Its submission gets 503 and the process lives; the store is rebuilt, kept, counted, and every answer is what it was."""
    data, keys = tmp_path / "data", keys_of(tmp_path)
    with server_process(data, keys) as server, closing(Client(server)) as client:
        before = [client.submit(sent).body for sent in SENT]
    with server_process(data, keys) as server, closing(Client(server)) as client:
        store = data / "entries.sqlite"
        flip(store, 8 * store.read_bytes().index(b'"accepted":true') + 8 * 11)
        statuses = {client.submit(sent).status for sent in SENT}
        assert 503 in statuses
        assert statuses <= {200, 503}
        wait_until_ready(client)
        assert [client.submit(sent).body for sent in SENT] == before
        assert sample(client, "flk_store_damage_total") == 1
        assert server.process.poll() is None
    assert (data / "entries.sqlite.aside").exists()


@pytest.mark.slow
@NEEDS_SUMS
def test_a_page_that_rots_under_a_node_is_found_though_nothing_reads_it(tmp_path: Path) -> None:
    """The node compares all pages as it serves; what it answers then is what it answered before, and it goes on comparing."""
    data, keys = tmp_path / "data", keys_of(tmp_path)
    with server_process(data, keys) as server, closing(Client(server)) as client:
        before = [client.submit(sent).body for sent in SENT]
    with server_process(data, keys) as server, closing(Client(server)) as client:
        store = data / "entries.sqlite"
        while not sample(client, "flk_store_pages_compared_total"):
            time.sleep(0.05)
        flip(store, 8 * store.stat().st_size - 9)
        while not sample(client, "flk_store_damage_total"):
            time.sleep(0.05)
        wait_until_ready(client)
        assert [client.submit(sent).body for sent in SENT] == before
        compared = sample(client, "flk_store_pages_compared_total")
        while sample(client, "flk_store_pages_compared_total") == compared:
            time.sleep(0.05)
        assert sample(client, "flk_store_damage_total") == 1
    assert (data / "entries.sqlite.aside").exists()


@pytest.mark.slow
def test_a_damaged_store_is_rebuilt_at_start_and_said_so(tmp_path: Path) -> None:
    """One line, with where the old one is; nobody but the owner can read what is in the directory."""
    data, keys = tmp_path / "data", keys_of(tmp_path)
    with server_process(data, keys) as server, closing(Client(server)) as client:
        before = [client.submit(sent).body for sent in SENT]
    (data / "entries.sqlite").write_bytes((data / "entries.sqlite").read_bytes()[:-4096])
    with server_process(data, keys) as server, closing(Client(server)) as client:
        assert server.said[0].endswith(f"it is kept as {data / 'entries.sqlite.aside'}, and rebuilt from the log")
        assert [client.submit(sent).body for sent in SENT] == before
        files = [path for path in (data, *data.rglob("*")) if path.stat().st_mode & 0o077]
        assert not files


def test_a_store_of_the_first_format_is_rebuilt(tmp_path: Path) -> None:
    """Its rows have no checksums."""
    rig = Rig(tmp_path)
    before = answers(rig)
    rig.close()
    (tmp_path / "entries.sqlite").unlink()
    with closing(sqlite3.connect(tmp_path / "entries.sqlite")) as old:
        old.execute("pragma journal_mode = wal")
        old.executescript(FIRST_FORMAT)
    again = Rig(tmp_path)
    assert "no checksums" in again.store.damage
    assert answers(again) == before
    again.close()


def test_a_damaged_store_that_the_log_cannot_rebuild_keeps_the_node_from_starting(tmp_path: Path) -> None:
    """What the missing segment held is perhaps in the store and nowhere else: exit code 2, and what to do."""
    for _ in range(2):  # a segment for each start
        rig = Rig(tmp_path)
        answers(rig)
        rig.close()
    first, *_ = sorted(tmp_path.glob("eu.000001/*.wal"))
    first.rename(tmp_path / "elsewhere")
    flip(tmp_path / "entries.sqlite", 3)
    with pytest.raises(UnusableInput, match=f"put {first} back; or .* mv {tmp_path}"):
        open_node(Settings(tmp_path, keys_of(tmp_path.parent)))
    (tmp_path / "elsewhere").rename(first)
    open_node(Settings(tmp_path, keys_of(tmp_path.parent))).close()


def test_what_is_sent_while_the_store_is_rebuilt_is_kept(tmp_path: Path) -> None:
    """It is in the log, and the rebuilt store has it."""
    rig = Rig(tmp_path)

    async def story(rig: Rig) -> int:
        await rig.submit_all(SENT[:20])
        rig.store.damage = "said by the test"
        refused = await rig.submit(Submission(SENT[20].tenant, SENT[20].body))
        return refused.status

    assert rig.serve(story) == 503
    rig.runtime.recover()
    assert len(rig.entries()) == 21
    rig.close()
