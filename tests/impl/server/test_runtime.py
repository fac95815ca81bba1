"""The real runtime: one write for all who wait, claims in log order, and nothing acknowledged that is not kept."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.support.impl.rig import MANY, Rig, Stopping, lose
from tests.support.model.world import EQUIVOCATING, EXAMINE, HONEST, STORY, Crash, World

from flk.impl.server import runtime as module
from flk.impl.server.trace import Trace
from flk.impl.storage.objects import LocalObjects
from flk.impl.storage.segment_file import LogFailed
from flk.model.effects import INBOX, Effect, Program, Seal, Store
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import CorruptSegment, scan
from flk.model.programs.batch import ingest_batch
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import recover
from flk.model.programs.replay import replay
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import ship
from flk.model.refusal import Unavailable
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS


@pytest.fixture(params=[True, False], ids=["thread", "loop"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A node that synchronises in either way."""
    with closing(Rig(tmp_path, in_thread=request.param)) as made:
        yield made


def test_all_who_wait_share_one_synchronisation(rig: Rig) -> None:
    """Forty submissions at once: one batch, one write, one call of the store, forty answers (WAL-7)."""

    async def story(rig: Rig) -> list[Response]:
        await rig.submit(HONEST)
        rig.synchronised = 0
        rig.store.claimed.clear()
        return await rig.submit_all(MANY)

    assert {answer.status for answer in rig.serve(story)} == {200}
    assert rig.synchronised == 1
    assert len(rig.store.claimed) == 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([*STORY, EQUIVOCATING, *MANY[:4]]), min_size=1, max_size=30), st.integers(1, 7))
def test_claims_reach_the_store_in_log_order(
    tmp_path_factory: pytest.TempPathFactory, sent: list[Submission], at_most: int
) -> None:
    """Whatever is sent, in batches of any size: the claims are those of the log's frames, in their order (DUP-6)."""
    with (
        closing(Rig(tmp_path_factory.mktemp("rig"))) as rig,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(module, "MAX_BATCH", at_most)
        rig.serve(lambda rig: rig.submit_all(sent))
        claims = [claim for batch in rig.store.claimed for claim in batch]
        assert [claim.entry.timestamp for claim in claims] == sorted(claim.entry.timestamp for claim in claims)
        assert rig.logged() == [item.payload() for item in sent]
        assert max(map(len, rig.store.claimed), default=0) <= at_most


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([*STORY[:6], *MANY[:8]]), min_size=1, max_size=9), max_size=6), st.integers(1, 7)
)
def test_batches_and_single_submissions_claim_in_log_order(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[Submission]], at_most: int
) -> None:
    """However large: a group commit takes as many submissions as it may, a larger batch alone, and all that is in flight is over
    in the end (DUP-6, ORD-6).
    """

    async def story(rig: Rig) -> list[list[int]]:
        loop = asyncio.get_running_loop()
        ended: list[asyncio.Future[Any]] = []
        for group in groups:
            program = ingest_batch("default", [sent.body for sent in group], "eu", EXAMINE)
            one: asyncio.Future[list[Response]] = loop.create_future()
            rig.runtime.begin(program, one.set_result, one.set_exception, submissions=len(group))
            ended += [one, asyncio.ensure_future(rig.runtime.start(ingest(group[0], "eu", EXAMINE)))]
        assert rig.node.in_flight == sum(map(len, groups)) + len(groups)
        answers = [found if isinstance(found, list) else [found] for found in await asyncio.gather(*ended)]
        assert rig.node.in_flight == 0
        return [[answer.status for answer in found] for found in answers]

    with (
        closing(Rig(tmp_path_factory.mktemp("rig"))) as rig,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(module, "MAX_BATCH", at_most)
        found = rig.serve(story)
        sent = [one for group in groups for one in (*group, group[0])]
        claims = [claim for batch in rig.store.claimed for claim in batch]
        assert [claim.entry.timestamp for claim in claims] == sorted(claim.entry.timestamp for claim in claims)
        assert rig.logged() == [one.payload() for one in sent]
        assert max(map(len, rig.store.claimed), default=0) <= max(at_most, *map(len, groups), 1)
        world = World("eu")
        assert [status for statuses in found for status in statuses] == [world.ingest("eu", one).status for one in sent]


def test_while_the_store_is_down_the_log_keeps_and_nothing_is_acknowledged(rig: Rig) -> None:
    """Those in flight get 503 and later ones are not admitted; when the store answers again the log is replayed first, and
    whoever tries again learns what was stored from it (ORD-4).
    """

    async def story(rig: Rig) -> None:
        assert (await rig.submit(HONEST)).status == 200
        rig.store.down = True
        answers = await rig.submit_all(MANY)
        assert {(answer.status, answer.retry_after) for answer in answers} == {(503, 1)}
        assert rig.logged() == [item.payload() for item in (HONEST, *MANY)]
        assert (await rig.submit(EQUIVOCATING)).status == 503
        assert len(rig.logged()) == 1 + len(MANY)
        assert rig.node.why_not_ready()
        rig.store.down = False
        while rig.node.why_not_ready():
            await asyncio.sleep(0)
        before = len(rig.store.claimed)
        answers = await rig.submit_all(MANY)
        assert {answer.status for answer in answers} == {200}
        claims = [claim for batch in rig.store.claimed[before:] for claim in batch]
        assert all(
            json.loads(a.body)["timestamp"] < f"{c.entry.timestamp:016x}" for a, c in zip(answers, claims, strict=True)
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHORE_SECONDS", 0.001)
        rig.serve(story)


def test_a_failed_log_refuses_all_who_wait_and_ends_the_runtime(rig: Rig) -> None:
    """None of them was told that it is stored (WAL-7)."""

    async def story() -> None:
        rig.recover()
        batches = asyncio.create_task(rig.runtime.serve())
        await rig.submit(HONEST)
        rig.failing = True
        answers = asyncio.gather(*map(rig.submit, MANY))
        with pytest.raises(LogFailed):
            await batches
        assert {answer.status for answer in await answers} == {503}
        assert (await rig.submit(HONEST)).status == 503

    asyncio.run(story())
    assert rig.store.count() == 1


def test_a_node_with_enough_in_flight_says_so(rig: Rig) -> None:
    """429 with Retry-After, and nothing logged; one answer later there is room (ORD-6)."""

    async def story(rig: Rig) -> None:
        rig.node.in_flight = CONSTANTS.node.max_in_flight
        answer = await rig.submit(HONEST)
        assert (answer.status, answer.retry_after) == (429, CONSTANTS.node.retry_after_seconds)
        rig.node.in_flight -= 1
        assert (await rig.submit(HONEST)).status == 200
        rig.node.in_flight -= CONSTANTS.node.max_in_flight - 1

    rig.serve(story)
    assert rig.node.in_flight == 0
    assert rig.logged() == [HONEST.payload()]


def test_a_full_segment_is_sealed_between_batches_and_need_not_be_read_again(tmp_path: Path) -> None:
    """After a restart recovery reads the last segment only; no entry is missing (WAL-2, WAL-6)."""
    with closing(Rig(tmp_path, max_segment_bytes=2000)) as rig:

        async def story(rig: Rig) -> None:
            for item in MANY:
                await rig.submit(item)

        rig.serve(story)
        names = rig.node.disk.names(INBOX)
        assert len(names) > 5
        assert set(names[:-1]) <= set(rig.node.disk.names(INBOX, sealed=True))
    with closing(Rig(tmp_path)) as rig:
        assert rig.recover().segments <= 2
        assert rig.store.count() == len(MANY)


def test_an_error_in_one_program_is_told_to_who_began_it_and_to_nobody_else(rig: Rig) -> None:
    """The batch goes on (a program that fails is a defect, not a reason to stop)."""

    def broken() -> Program[None]:
        yield from ingest(HONEST, "eu", EXAMINE)
        raise ZeroDivisionError

    async def story(rig: Rig) -> list[Response | BaseException | None]:
        around = (rig.submit(MANY[0]), rig.runtime.start(broken()), rig.submit(MANY[1]))
        return list(await asyncio.gather(*around, return_exceptions=True))

    first, error, last = rig.serve(story)
    assert isinstance(error, ZeroDivisionError)
    assert isinstance(first, Response)
    assert isinstance(last, Response)
    assert (first.status, last.status, rig.node.in_flight) == (200, 200, 0)


def test_the_trace_tells_every_effect_in_order_and_no_payload(tmp_path: Path) -> None:
    """Timestamps in it rise, and each claim follows the append it came from."""
    trace = Trace(tmp_path / "trace.jsonl", "eu.000001")
    with closing(trace), closing(Rig(tmp_path / "data", trace=trace)) as rig:
        rig.serve(lambda rig: rig.submit_all(STORY))
    text = (tmp_path / "trace.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    appends = [line["result"] for line in lines if line["effect"] == "Append"]
    stores = [line for line in lines if line["effect"] == "Store"]
    assert len(appends) == len(STORY)
    assert appends == sorted(appends)
    assert [line["claim"]["timestamp"] for line in stores] == sorted(line["claim"]["timestamp"] for line in stores)
    assert {line["node"] for line in lines} == {"eu.000001"}
    assert '"sig"' not in text
    assert "merkle_root" not in text


@pytest.mark.slow
def test_ingest_on_real_parts_stopped_at_any_effect_keeps_what_it_acknowledged(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Crash before and after each effect of a story, on files and SQLite; restart, go on: the answers are those of a run
    in memory that nothing disturbed.
    """
    world = World("eu")
    expected = [world.ingest("eu", sent).status for sent in STORY]
    crash_at, finished = 0, False
    while not finished:
        for after in (False, True):
            directory = tmp_path_factory.mktemp("crash")
            answers: list[Response] = []
            rig = Rig(directory)
            rig.recover()
            perform = Stopping(crash_at, after=after).on(rig)
            try:
                answers.extend(run(ingest(sent, "eu", EXAMINE), perform) for sent in STORY)
                finished = True
            except Crash:
                pass
            lose(rig)
            with closing(Rig(directory)) as again:
                again.recover()
                repeated = [run(ingest(sent, "eu", EXAMINE), again.node.perform) for sent in STORY]
            assert repeated[: len(answers)] == answers
            assert [answer.status for answer in repeated] == expected
        crash_at += 1
    assert crash_at > 2 * len(STORY)


@pytest.mark.slow
def test_recovery_on_real_parts_stopped_at_any_effect_is_finished_by_the_next(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """An empty store beside a log with a torn tail: however often recovery is cut short, it ends with every frame applied."""
    world = World("eu")
    for sent in STORY:
        world.ingest("eu", sent)
    expected = world.entries["eu"].entries
    crash_at, finished = 0, False
    while not finished:
        directory = tmp_path_factory.mktemp("crash")
        rig = Rig(directory)
        rig.serve(lambda rig: rig.submit_all(STORY))
        lose(rig)
        (name,) = rig.node.disk.names(INBOX)
        path = rig.node.disk.path(name)
        path.write_bytes(path.read_bytes()[: scan(path.read_bytes()).end] + b"torn")
        for file in directory.glob("entries.sqlite*"):
            file.unlink()
        rig = Rig(directory)
        try:
            run(recover("eu", EXAMINE), Stopping(crash_at, after=True).on(rig))
            finished = True
        except Crash:
            pass
        lose(rig)
        with closing(Rig(directory)) as again:
            again.recover()
            keys = tuple(expected)
            assert again.store.count() == len(keys)
            assert [entry.digest for entry in again.store.fetch(keys) if entry] == [
                expected[key].digest for key in keys
            ]
        crash_at += 1
    assert crash_at > 8


Pair = dict[str, Rig]


def opened(directory: Path) -> Pair:
    """Two regions and the object store between them, in whatever state they are."""
    (directory / "objects").mkdir(exist_ok=True)
    objects = LocalObjects(directory / "objects")
    pair = {name: Rig(directory / name, region=name, objects=objects) for name in ("eu", "us")}
    for rig in pair.values():
        rig.recover()
    return pair


def exchange(pair: Pair, perform: Callable[[Rig], Callable[[Effect[Any]], Any]]) -> None:
    """Both regions ship and replay each other, one pass."""
    for rig in pair.values():
        run(ship(), perform(rig))
    run(replay("us", EXAMINE), perform(pair["eu"]))
    run(replay("eu", EXAMINE), perform(pair["us"]))


@pytest.mark.slow
def test_shipping_and_replay_on_real_parts_stopped_at_any_effect_converge(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Files, SQLite and a directory of objects, with a rival content in each region: stopped before or after any effect, an upload
    and its mark among them, both restart, pass once more, and store the same, each entry as in memory; the winner that gave way is
    on record once (CRR-2, CRR-3, CRR-4).
    """
    world = World("eu", "us")
    world.ingest("us", EQUIVOCATING)
    for sent in STORY:
        world.ingest("eu", sent)
    world.run("us", ship())
    world.run("eu", replay("us", EXAMINE))
    expected = {key: (entry.digest, entry.region) for key, entry in world.entries["eu"].entries.items()}
    crash_at, finished = 0, False
    while not finished:
        for after in (False, True):
            directory = tmp_path_factory.mktemp("crash")
            pair = opened(directory)
            run(ingest(EQUIVOCATING, "us", EXAMINE), pair["us"].node.perform)
            for sent in STORY:
                run(ingest(sent, "eu", EXAMINE), pair["eu"].node.perform)
            stopping = Stopping(crash_at, after=after)
            try:
                exchange(pair, stopping.on)
                finished = True
            except Crash:
                pass
            for rig in pair.values():
                lose(rig)
            again = opened(directory)
            exchange(again, lambda rig: rig.node.perform)
            stores = [rig.entries() for rig in again.values()]
            assert stores[0] == stores[1]
            assert {key: (entry.digest, entry.region) for key, entry in stores[0].items()} == expected
            assert [len(rig.store.superseded()) for rig in again.values()] == [1, 0]
            for rig in again.values():
                rig.close()
        crash_at += 1
    assert crash_at > 25


def test_a_node_is_not_ready_before_it_has_recovered(tmp_path: Path) -> None:
    """It admits nothing, and claims nothing, until its log is in its store (WAL-5)."""
    with closing(Rig(tmp_path)) as rig:
        assert run(ingest(HONEST, "eu", EXAMINE), rig.node.perform).status == 503
        with pytest.raises(Unavailable):
            rig.node.perform(Store(Claim.__new__(Claim, ("default", "a"), None)))  # type: ignore[arg-type]  # not looked at
        rig.recover()
        assert run(ingest(HONEST, "eu", EXAMINE), rig.node.perform).status == 200


def test_a_new_disk_tries_again_until_what_its_region_shipped_is_whole(tmp_path: Path) -> None:
    """A corrupt object is reported, and the node stays behind and goes on; repaired, it is replayed, and answers are as before."""
    objects = LocalObjects(tmp_path)
    with closing(Rig(tmp_path / "lost", objects=objects)) as rig:
        rig.recover()
        before = run(ingest(HONEST, "eu", EXAMINE), rig.node.perform)
        run(ship(), rig.node.perform)
    (segment,) = tmp_path.glob("crr/*/*")
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-1])

    async def story(rig: Rig) -> Response:
        batches = asyncio.create_task(rig.runtime.serve())
        while [entry["event"] for entry in logged].count("recovery.corrupt_segment") < 3:
            assert not batches.done()
            await asyncio.sleep(0)
        assert rig.node.why_not_ready()
        segment.write_bytes(whole)
        while rig.node.why_not_ready():
            await asyncio.sleep(0)
        answer = await rig.submit(HONEST)
        rig.runtime.stop()
        await batches
        return answer

    with (
        closing(Rig(tmp_path / "new", objects=objects)) as rig,
        pytest.MonkeyPatch.context() as patch,
        capture_logs() as logged,
    ):
        patch.setattr(module, "CHORE_SECONDS", 0.001)
        with pytest.raises(CorruptSegment):
            rig.runtime.recover()
        assert asyncio.run(story(rig)) == before


def test_the_clock_goes_on_after_a_restart_whatever_wall_time_says(tmp_path: Path) -> None:
    """A clock set back by a minute or two between two lives: what is logged later still has the later timestamp (HLC-4)."""
    logged: list[str] = []
    for wall in (1_767_225_600.0, 1_767_225_500.0, 1_767_225_500.0):
        with closing(Rig(tmp_path, now=lambda wall=wall: wall)) as rig:  # type: ignore[misc]  # bound at once
            rig.recover()
            answer = run(ingest(MANY[len(logged)], "eu", EXAMINE), rig.node.perform)
            logged.append(json.loads(answer.body)["timestamp"])
    assert logged == sorted(set(logged))


@pytest.mark.parametrize("lives", [1, 3])
def test_a_node_that_stopped_in_order_reads_no_segment_when_it_starts(tmp_path: Path, lives: int) -> None:
    """Its clock is in the manifest, also of segments that earlier processes left open (HLC-4, WAL-9)."""
    latest = 0
    for life in range(lives):
        with closing(Rig(tmp_path)) as rig:
            rig.recover()
            run(ingest(MANY[life], "eu", EXAMINE), rig.node.perform)
            latest = rig.node.clock
            if life == lives - 1:
                run(rotate(), rig.node.perform)
    with closing(Rig(tmp_path, now=lambda: 1_767_225_500.0)) as rig:
        assert rig.recover().segments == 0
        assert rig.node.clock >= latest


def test_a_recovery_tells_how_far_it_has_come(tmp_path: Path) -> None:
    """After each effect, the segments that are read of all that there are; nothing once the node is level with its log (OBS-3)."""
    with closing(Rig(tmp_path / "one")) as rig:
        rig.recover()
        for sent in MANY[:3]:
            run(ingest(sent, "eu", EXAMINE), rig.node.perform)
            rig.node.perform(Seal(INBOX))
    with closing(Rig(tmp_path / "one")) as rig:
        told: list[str] = []
        before = rig.node.why_not_ready()
        counted = rig.node.progress.around(rig.node.perform)

        def perform(effect: Effect[Any]) -> Any:
            result = counted(effect)
            told.append(str(rig.node.progress))
            return result

        run(recover("eu", EXAMINE), perform)
        done = [line for line in dict.fromkeys(told) if "claims" in line]
        assert before == "the log and the store are being opened"
        assert "1 of 3 segments, 0 claims" in done[1]
        assert "3 of 3 segments, 3 claims" in done[-1]
        assert told[-1] == rig.node.why_not_ready() == ""
