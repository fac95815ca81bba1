"""A node whose wall clock goes wrong logs nothing, and there is a way back (HLC-5, HLC-6)."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.rig import MANY, Rig
from tests.support.model.world import EXAMINE, HONEST, STORY

from flk.impl.server.process import server_process
from flk.impl.storage.known_time import KnownTime, steady
from flk.model.flow.submission import Response
from flk.model.flow.timekeeping import Moment, Timekeeper
from flk.model.log.hlc import wall_seconds
from flk.model.programs.ingest import ingest

NOW = 1767225600.0
DAY = 86_400.0


class Clocks:
    """The clocks of a machine: one is set by whoever likes, the other by nobody."""

    def __init__(self) -> None:
        self.wall, self.steady = NOW, 5000.0

    def go_on(self, seconds: float, *, jump: float = 0.0) -> None:
        self.wall += seconds + jump
        self.steady += seconds


def machine(
    directory: Path, clocks: Clocks, known: Moment | None = None, keep: Callable[[Moment], None] = lambda _: None
) -> Rig:
    """A node on a machine with these clocks."""
    now = Timekeeper(lambda: clocks.wall, lambda: clocks.steady, known, keep=keep)
    return Rig(directory, now=lambda: clocks.wall, timekeeper=now)


@pytest.mark.parametrize("jump", [DAY, 61.0, -61.0, -DAY])
def test_a_jump_is_seen_before_anything_is_logged_by_it(tmp_path: Path, jump: float) -> None:
    """Forward or back, before a request or between its admission and the log: 503, nothing logged, not ready, and a metric."""
    clocks = Clocks()
    with closing(machine(tmp_path, clocks)) as rig:

        async def story(rig: Rig) -> list[Response]:
            answers = [await rig.submit(HONEST)]
            waiting = [ingest(item, rig.region, EXAMINE) for item in MANY[1:4]]
            begun = [rig.runtime.start(program) for program in waiting]  # admitted, and not yet in the log
            clocks.go_on(10, jump=jump)
            answers += [await future for future in begun]
            answers.append(await rig.submit(MANY[5]))
            return answers

        first, *rest = rig.serve(story)
        assert first.status == 200
        for answer in rest:
            assert (answer.status, answer.json()["requirement"]) == (503, "HLC-5")
            assert answer.retry_after
        assert rig.logged() == [HONEST.payload()]
        assert "step of" in rig.node.why_not_ready()
        assert b"flk_clock_trusted 0.0" in rig.node.metrics.exposition()
        assert b"flk_wal_errors_total 0.0" in rig.node.metrics.exposition()


def test_a_node_goes_on_by_itself_once_wall_time_is_right(tmp_path: Path) -> None:
    """It says once that it doubts and once that it believes again, and nothing is left of the jump."""
    clocks = Clocks()
    with closing(machine(tmp_path, clocks)) as rig, capture_logs() as said:

        async def story(rig: Rig) -> list[Response]:
            answers = []
            for jump in (0.0, DAY, 0.0, -DAY):
                clocks.go_on(10, jump=jump)
                rig.node.look_at_time()
                answers.append(await rig.submit(HONEST))
            return answers

        assert [answer.status for answer in rig.serve(story)] == [200, 503, 503, 200]
        assert [line["event"] for line in said] == ["clock.doubtful", "clock.believed"]
        assert wall_seconds(rig.node.clock) < clocks.wall + 1
        assert rig.node.why_not_ready() == ""


def test_a_restart_of_the_process_does_not_make_a_wrong_clock_right(tmp_path: Path) -> None:
    """What was known is kept for this start of the machine: whoever restarts a node that doubts gets one that doubts."""
    clocks = Clocks()
    kept = KnownTime(tmp_path, boot="this start")
    with closing(machine(tmp_path / "data", clocks, kept.load(), kept.save)):
        clocks.go_on(10, jump=DAY)
    for boot, doubts in (("this start", True), ("the next start", False), ("", False)):
        with closing(machine(tmp_path / "data", clocks, KnownTime(tmp_path, boot).load())) as rig:
            rig.recover()
            assert bool(rig.node.why_not_ready()) == doubts
    (tmp_path / "clock.json").write_text("{")
    with capture_logs() as said:
        assert KnownTime(tmp_path, "this start").load() is None
    assert [line["event"] for line in said] == ["clock.unknown"]


# A real server, whose wall time is that of the machine.


@contextmanager
def served(data: Path, keys: Path, *options: str) -> Iterator[Client]:
    """A server, and a client of it."""
    with server_process(data, keys, options) as server, closing(Client(server)) as client:
        yield client


def doubts(client: Client, why: str) -> None:
    """The server answers, and logs nothing."""
    ready, sent = client.request("GET", "/ready"), client.submit(MANY[7])
    assert ready.status == sent.status == 503
    assert why in ready.body.decode()
    assert (sent.json()["requirement"], sent.headers["retry-after"]) == ("HLC-5", "10")
    assert sample(client, "flk_clock_trusted") == sample(client, "flk_ready") == sample(client, "flk_ingest_total") == 0


@pytest.mark.slow
def test_an_operator_says_that_wall_time_is_right(tmp_path: Path) -> None:
    """The process before knew another time, until wall time was set right by an hour. One start with the option, and it is well."""
    data, keys = tmp_path / "data", keys_of(tmp_path)
    with served(data, keys) as client:
        assert client.submit(HONEST).status == 200
    saved = json.loads((data / "clock.json").read_text())
    (data / "clock.json").write_text(json.dumps({**saved, "wall": saved["wall"] - 3600}))
    with served(data, keys) as client:
        doubts(client, "step of +3600 s")
        assert 3599 < sample(client, 'flk_clock_off_seconds{against="steady"}') < 3601
    with served(data, keys, "--trust-wall-time") as client:
        assert client.request("GET", "/ready").status == client.submit(MANY[7]).status == 200
    with served(data, keys) as client:
        assert client.submit(HONEST).status == 200


@pytest.mark.slow
def test_the_way_back_from_a_log_that_is_days_ahead(tmp_path: Path) -> None:
    """The node refuses, and ships what it has; a new disk with the option has every record of the old one, and logs the next by
    wall time. The guide of the clock has these steps.
    """
    old, new, keys = tmp_path / "old", tmp_path / "new", keys_of(tmp_path)
    (tmp_path / "objects").mkdir()
    objects = ("--objects", f"file://{tmp_path / 'objects'}", "--ship-every", "0.05", "--replay-every", "0.05")
    ahead = Timekeeper(lambda: time.time() + 10 * DAY, steady)
    with closing(Rig(old, now=lambda: time.time() + 10 * DAY, timekeeper=ahead)) as rig:

        async def story(rig: Rig) -> list[Response]:
            return await rig.submit_all(MANY[:5])

        assert {answer.status for answer in rig.serve(story)} == {200}
    with served(old, keys, *objects) as client:
        doubts(client, "ahead of wall time")
        assert sample(client, 'flk_clock_off_seconds{against="log"}') > 9 * DAY
        while sample(client, "flk_segments_shipped_total") < 1:
            time.sleep(0.02)
    with served(old, keys, "--trust-wall-time") as client:
        doubts(client, "ahead of wall time")  # its own log still counts
    with served(new, keys, *objects) as client:
        doubts(client, "ahead of wall time")
    with served(new, keys, *objects, "--trust-wall-time") as client:
        assert client.request("GET", "/ready").status == 200
        again, fresh = client.submit(MANY[0]), client.submit(MANY[7])
        assert again.status == fresh.status == 200
        for answer in (again, fresh):
            assert abs(wall_seconds(int(str(answer.json()["timestamp"]), 16)) - time.time()) < 60
        assert sample(client, "flk_supersessions_total") + sample(client, "flk_dedup_hits_total") <= 1
    with served(new, keys, *objects) as client:
        assert [client.submit(item).status for item in MANY[:5]] == [200] * 5
        assert client.submit(STORY[2]).status == 200
