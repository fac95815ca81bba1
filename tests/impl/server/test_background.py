"""Programs beside the batches: neither a slow object store nor a long replay keeps a request waiting, or gets in its way."""

import asyncio
import json
import os
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from tests.support.impl.rig import MANY, Rig
from tests.support.model.world import EXAMINE, HONEST, pcs, submission

from flk.impl.server import background as background_module
from flk.impl.server.trace import Trace
from flk.impl.storage.objects import LocalObjects
from flk.impl.storage.segment_file import LogFailed
from flk.model.effects import INBOX
from flk.model.flow.submission import Response
from flk.model.log.frames import scan
from flk.model.programs.replay import replay
from flk.model.programs.ship import ship
from flk.model.runtime import run


class Slow(LocalObjects):
    """An object store that does not answer before it is let."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.asked = Event()
        self.answers = Event()

    def put(self, name: str, content: bytes) -> bool:
        self.asked.set()
        assert self.answers.wait(60)
        return super().put(name, content)


def test_an_object_store_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    """While an upload hangs, submissions are answered and claims go on in log order; then it ships what was sealed before."""
    objects = Slow(tmp_path)
    with closing(Rig(tmp_path / "data", objects=objects)) as rig:

        async def story(rig: Rig) -> tuple[str, ...]:
            await rig.submit(HONEST)
            shipping = asyncio.create_task(rig.background(ship()))
            while not objects.asked.is_set():
                await asyncio.sleep(0)
            assert {answer.status for answer in await rig.submit_all(MANY)} == {200}
            assert not shipping.done()
            objects.answers.set()
            return await shipping

        assert rig.serve(story) == ("eu.000001/000000000001",)
        content = objects.get("crr/eu.000001/000000000001")
        assert content is not None
        assert [frame.payload for frame in scan(content).frames] == [HONEST.payload()]
        claims = [claim.entry.timestamp for batch in rig.store.claimed for claim in batch]
        assert claims == sorted(claims)


def test_who_is_cancelled_in_the_middle_of_an_upload_is_stopped_as_by_a_crash(tmp_path: Path) -> None:
    """The node stops without waiting for the upload; the next one ships the segment, which may by then be there (CRR-9)."""
    objects = Slow(tmp_path)
    with closing(Rig(tmp_path / "data", objects=objects)) as rig:

        async def story(rig: Rig) -> None:
            await rig.submit(HONEST)
            shipping = asyncio.create_task(rig.background(ship()))
            while not objects.asked.is_set():
                await asyncio.sleep(0)
            shipping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await shipping

        rig.serve(story)
        assert rig.store.marked("shipped") == ""
    objects.answers.set()
    with closing(Rig(tmp_path / "data", objects=LocalObjects(tmp_path))) as rig:
        assert rig.serve(lambda rig: rig.background(ship())) == ("eu.000001/000000000001",)


def test_who_is_cancelled_in_a_turn_does_not_leave_it_half_done(tmp_path: Path) -> None:
    """While the disk is slow to seal, shipping is cancelled and a record comes: its frame is not written before the seal is."""
    sealing, go_on = Event(), Event()

    def slow(fd: int) -> None:
        sealing.set()
        assert go_on.wait(60)
        os.fdatasync(fd)

    with closing(Rig(tmp_path / "data", in_thread=False, objects=LocalObjects(tmp_path))) as rig:

        async def story(rig: Rig) -> int:
            await rig.submit(HONEST)
            rig.synchronise = slow
            shipping = asyncio.create_task(rig.background(ship()))
            while not sealing.is_set():
                await asyncio.sleep(0)
            shipping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await shipping
            rig.synchronise = os.fdatasync
            submitted = asyncio.create_task(rig.submit(MANY[0]))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not submitted.done()
            go_on.set()
            return (await submitted).status

        assert rig.serve(story) == 200
        first, second = map(rig.node.disk.read, rig.node.disk.names(INBOX))
        assert scan(first).sealed
        assert [frame.payload for frame in scan(second).frames] == [MANY[0].payload()]


def test_what_runs_aside_takes_turns_with_the_batches(tmp_path: Path) -> None:
    """Rivals of all that is submitted are replayed meanwhile, in parts: nothing is lost, and of what both
    regions wrote the earlier is stored.
    """
    objects = LocalObjects(tmp_path)
    rivals = [submission(pcs(epoch=epoch, r=0.6, budget=0.37)) for epoch in range(len(MANY))]
    trace = Trace(tmp_path / "trace.jsonl", "eu.000001")
    with closing(Rig(tmp_path / "us", region="us", objects=objects)) as us:
        us.serve(lambda rig: rig.submit_all(rivals))
        run(ship(), us.node.perform)
        expected = us.entries()
    with (
        closing(trace),
        closing(Rig(tmp_path / "eu", objects=objects, trace=trace)) as eu,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(background_module, "MERGE_CLAIMS", 3)

        async def story(rig: Rig) -> list[Response]:
            replaying = asyncio.create_task(rig.background(replay("us", EXAMINE)))
            answers = [await rig.submit(item) for item in MANY]
            assert (await replaying).claims == len(MANY)
            return answers

        answers = eu.serve(story)
        assert {answer.status for answer in answers} <= {200, 409}
        assert eu.entries() == expected
        assert len(eu.store.superseded()) == sum(answer.status == 200 for answer in answers)
    lines = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    merges = [len(line["claims"]) for line in lines if line["effect"] == "Merge" and line["kind"] == "replay"]
    assert merges == [3] * (len(MANY) // 3) + [len(MANY) % 3]
    seen: dict[str, str] = {}
    for line in lines:  # as if the lines on the store were all there is: every result follows from those before it
        if line["effect"] == "Merge":
            seen |= {claim["pcs_id"]: claim["digest"] for claim in line["claims"]}
        elif line["effect"] == "Store":
            assert line["result"]["digest"] == seen.setdefault(line["claim"]["pcs_id"], line["claim"]["digest"])


def test_a_log_that_fails_in_a_seal_aside_ends_the_runtime(tmp_path: Path) -> None:
    """And refuses whoever comes after (WAL-7)."""

    async def story() -> None:
        rig.recover()
        batches = asyncio.create_task(rig.runtime.serve())
        await rig.submit(HONEST)
        rig.failing = True
        with pytest.raises(LogFailed):
            await rig.background(ship())
        with pytest.raises(LogFailed):
            await batches
        assert (await rig.submit(HONEST)).status == 503
        with pytest.raises(LogFailed):
            await rig.background(ship())

    with closing(Rig(tmp_path)) as rig:
        asyncio.run(story())
