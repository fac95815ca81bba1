"""Outcomes by id on real parts: beside submissions, from whichever tier, and never a guess."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from tests.support.impl.rig import MANY, Rig
from tests.support.impl.rot import flip
from tests.support.impl.tiers import Shelf, entry
from tests.support.model.world import EXAMINE, HONEST

from flk.impl.server import reading as module
from flk.impl.server import runtime as runtime_module
from flk.impl.server.node import RealNode
from flk.impl.server.reading import Reading
from flk.impl.server.runtime import Runtime
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.entries.entry import Claim, Key
from flk.model.flow.submission import Response, Submission, refuse
from flk.model.programs.recall import recall
from flk.model.programs.recover import recover
from flk.model.refusal import Overloaded


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A node on real parts."""
    with closing(Rig(tmp_path)) as made:
        yield made


def key_of(sent: Submission) -> Key:
    """What a submission is stored under."""
    return Key(sent.tenant, json.loads(sent.body)["pcs_id"])


def told(reading: Reading, sent: Submission) -> "asyncio.Future[Response]":
    """What is told of a record, when it is."""
    return of(reading, key_of(sent))


def of(reading: Reading, key: Key) -> "asyncio.Future[Response]":
    """What is told of a key."""
    future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    try:
        reading.begin(recall(key), future.set_result, future.set_exception)
    except Overloaded as refusal:
        future.set_result(refuse(refusal))
    return future


def test_what_was_just_answered_is_told_at_once_and_alike(rig: Rig) -> None:
    """Pending entries are found, and nothing is written for it; what never came is a 404 (API-2, API-5)."""

    async def story(rig: Rig) -> None:
        reading = Reading(rig.node, rig.runtime.background)
        sent = MANY[:20]
        answers = await rig.submit_all(sent)
        with pytest.MonkeyPatch.context() as patch:
            patch.delattr(SqliteStore, "flush")
            found = await asyncio.gather(*(told(reading, each) for each in MANY))
        assert found[:20] == answers
        assert {each.status for each in found[20:]} == {404}
        rig.store.flush()
        assert list(await asyncio.gather(*(told(reading, each) for each in sent))) == answers

    rig.serve(story)


def test_who_asks_while_others_submit_gets_what_is_stored_then(rig: Rig) -> None:
    """Each is told nothing yet, or the very outcome that the sender got (API-2)."""

    async def story(rig: Rig) -> None:
        reading = Reading(rig.node, rig.runtime.background)
        sending = [asyncio.create_task(rig.submit(each)) for each in MANY]
        seen = [await asyncio.gather(*(told(reading, each) for each in MANY)) for _ in range(20)]
        answers = await asyncio.gather(*sending)
        seen.append(await asyncio.gather(*(told(reading, each) for each in MANY)))
        for earlier, later, of in zip(seen[0], seen[-1], answers, strict=True):
            assert earlier.status == 404 or earlier == of
            assert later == of

    rig.serve(story)


def test_a_bounded_number_of_questions_is_on_its_way(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many gets 429, and there is room again when the others are answered; groups have their turns (API-5)."""
    monkeypatch.setattr(module, "MOST", 30)
    monkeypatch.setattr(module, "GROUP", 7)

    async def story(rig: Rig) -> None:
        reading = Reading(rig.node, rig.runtime.background)
        await rig.submit(HONEST)
        for _ in range(2):
            found = await asyncio.gather(*(told(reading, HONEST) for _ in range(31)))
            assert [each.status for each in found] == [200] * 30 + [429]
            assert found[-1].retry_after == 1

    rig.serve(story)


def test_while_the_store_cannot_tell_nobody_is_told(rig: Rig) -> None:
    """503 while it is behind the log, when the log has failed, and when it is damaged (API-4)."""

    async def story() -> None:
        reading = Reading(rig.node, rig.runtime.background)
        assert (await told(reading, HONEST)).status == 503
        rig.runtime.recover()
        batches = asyncio.create_task(rig.runtime.serve())
        answer = await rig.submit(HONEST)
        assert await told(reading, HONEST) == answer
        rig.failing = True
        await rig.submit(MANY[1])
        found = await told(reading, HONEST)
        assert (found.status, found.retry_after) == (503, 1)
        await asyncio.wait([batches])
        assert batches.exception() is not None

    asyncio.run(story())


def test_a_row_that_rotted_is_not_an_outcome(tmp_path: Path) -> None:
    """It is told as it was, or not at all until the store is rebuilt from the log (API-4, DUP-8)."""
    with closing(Rig(tmp_path)) as rig:
        answers = rig.serve(lambda rig: rig.submit_all(MANY))
    path = tmp_path / "entries.sqlite"
    at = path.read_bytes().index(json.loads(answers[3].body)["digest"].encode())
    flip(path, 8 * at)
    with closing(Rig(tmp_path)) as rig, pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime_module, "CHORE_SECONDS", 0.01)

        async def story(rig: Rig) -> None:
            reading = Reading(rig.node, rig.runtime.background)
            while (found := await told(reading, MANY[3])).status == 503:
                await asyncio.sleep(0.01)
            assert found == answers[3]
            assert rig.store.begun == 1

        rig.serve(story)


def test_what_only_the_cold_tier_knows_is_asked_of_it_beside_the_rest(tmp_path: Path) -> None:
    """While that is away, what it has is a 503, and the rest is told as ever: what is nearer, and that nobody has it (API-4)."""
    with closing(Shelf(tmp_path)) as shelf:
        near, far, never = (Key("default", name * 64) for name in "abc")
        shelf.tiered.claim([Claim(near, entry(0))])
        shelf.cold.write([Claim(far, entry(1))])
        with closing(FileDisk(tmp_path / "log", "eu", 1)) as disk:
            node = RealNode(disk, shelf.warm, tiers=shelf.tiered)
            node.behind = False
            runtime = Runtime(node, partial(recover, "eu", EXAMINE))

            async def statuses() -> list[int]:
                reading = Reading(node, runtime.background)
                return [
                    found.status for found in await asyncio.gather(*(of(reading, key) for key in (near, far, never)))
                ]

            shelf.away(down=True)
            assert asyncio.run(statuses()) == [200, 503, 404]
            shelf.away(down=False)
            assert asyncio.run(statuses()) == [200, 200, 404]
            assert shelf.warm.held([far]) == {}
