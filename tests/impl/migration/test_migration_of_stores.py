"""Keys move to a shard that is added to a ring of real stores: whoever dies where, no answer is forgotten and none changes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest
from tests.support.impl import store_servers
from tests.support.impl.moved import OK, RATE, Killed, Region, mortal, once, quiet

from flk.impl.migration import planning, steps
from flk.impl.migration.performing import Paused
from flk.impl.storage.address import address
from flk.impl.storage.opening import open_ring
from flk.impl.storage.postgres import _FENCE, _FENCE_LOCK, _MARK, PostgresStore
from flk.impl.storage.redis_store import RedisStore
from flk.impl.storage.rows import mark_row
from flk.impl.storage.shards import Shards
from flk.impl.storage.shared import Moved
from flk.model.entries.entry import Claim, Entry, Key, precedence
from flk.model.entries.migration import Phase
from flk.model.log.hlc import Timestamp
from flk.model.refusal import Unavailable
from flk.spec.errors import UnusableInput

NUMBERS = count()


BOTH = pytest.mark.parametrize("region", ["postgres to redis", "redis to postgres"], indirect=True)


@pytest.fixture
def region(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Region]:
    """A region in a PostgreSQL that gets a Redis, or the other way."""
    urls = [store_servers.postgres().url(f"move{next(NUMBERS)}"), store_servers.redis().url("")]
    if getattr(request, "param", "") == "redis to postgres":
        urls.reverse()
    with closing(Region(tmp_path, {"a": urls[0], "c": urls[1]}, "a")) as made:
        made.submit(*(f"key-{number}" for number in range(16)))
        yield made


def all_steps(
    region: Region, step: Callable[[Callable[[Shards], object]], None], *, until: Phase | None = None
) -> None:
    """A migration by its commands, each given by `step`."""
    with steps.migrating(region.url, "eu") as shards:
        found = planning.plan(shards, "c", quiet)
    assert 2 < found.keys["a"] < found.entries["a"] - 2
    given: list[tuple[Phase, Callable[[Shards], object]]] = [
        (Phase.VERIFIED, lambda shards: steps.start(shards, RATE, quiet)),
        (Phase.CUT_OVER, lambda shards: steps.cut_over(shards, 0, quiet)),
        (Phase.CLEANED, lambda shards: steps.clean_up(shards, RATE, 0, quiet)),
    ]
    for phase, command in given:
        step(command)
        if phase is until:
            return


@pytest.mark.slow
def test_a_migrator_killed_at_every_effect_goes_on_and_every_answer_stands(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first life ends before its first effect, its second after that, its third before the second, and so on, in each step;
    in between nodes are asked for old keys and new ones (MIG-6, MIG-7).
    """
    names, spare = count(100), mortal(monkeypatch)

    def step(command: Callable[[Shards], object]) -> None:
        for life in count():
            spare(life)
            region.submit(f"key-{life % 16}", *([f"key-{next(names)}"] if life % 10 == 3 else []))
            with suppress(Killed):
                once(region, command)
                return

    all_steps(region, step)
    region.submit("key-0", "key-15", "key-100")
    region.check_placed("a", "c")


@pytest.mark.parametrize("writes", range(6))
def test_a_change_of_phase_that_was_cut_off_is_completed_by_the_nodes(
    region: Region, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migrator dies after any of the writes that turn dual writes on: claims for every key are answered all the same, and it
    goes on (MIG-7).
    """
    left = writes

    def dying(write: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object) -> object:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return write(*arguments)

        return step

    with steps.migrating(region.url, "eu") as shards:
        planning.plan(shards, "c", quiet)
        move = shards.layout.move
        assert move is not None
        with monkeypatch.context() as patched:
            for kind in (PostgresStore, RedisStore):
                for name in ("note", "raise_fence"):
                    patched.setattr(kind, name, dying(getattr(kind, name)))
            with suppress(Killed):
                shards.go_on(shards.layout.in_phase(Phase.DUAL))
    region.submit(*(f"key-{number}" for number in range(20)))
    region.check()
    once(region, lambda shards: steps.start(shards, RATE, quiet))
    region.submit(*(f"key-{number}" for number in range(24)))
    region.check()


@pytest.mark.parametrize("writes", range(7))
def test_stores_are_never_open_in_two_phases_whoever_overtakes_whom(
    region: Region, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any write that turns dual writes on, whoever makes it falls asleep; another completes the change and the next one, and
    then the first goes on. After every write the stores that are open are open for one layout (MIG-8).
    """
    left = writes
    with ExitStack() as stack:
        first, other, seen = (stack.enter_context(steps.migrating(region.url, "eu")) for _ in range(3))
        planning.plan(first, "c", quiet)
        stores = [seen.opened("a"), seen.opened("c")]

        def watched(write: Callable[..., object]) -> Callable[..., object]:
            def step(*arguments: object) -> object:
                nonlocal left
                left -= 1
                if left == -1:
                    layout = other.follow()
                    assert layout.move is not None
                    to = Phase.DUAL if layout.move.phase is Phase.PLANNED else Phase.VERIFIED
                    other.go_on(layout.in_phase(to))
                    other.go_on(other.layout.in_phase(Phase.VERIFIED))
                result = write(*arguments)
                fences = [store.fenced() for store in stores]
                assert len({fence for fence in fences if fence and fence % 2 == 0}) <= 1, fences
                return result

            return step

        with monkeypatch.context() as patched:
            for kind in (PostgresStore, RedisStore):
                for name in ("note", "raise_fence"):
                    patched.setattr(kind, name, watched(getattr(kind, name)))
            first.go_on(first.layout.in_phase(Phase.DUAL))
        assert first.follow() == other.follow()
        assert [store.fenced() for store in stores] == [first.layout.open] * 2


@BOTH
@pytest.mark.parametrize("until", [Phase.VERIFIED, Phase.CUT_OVER])
def test_rolling_back_loses_nothing(region: Region, until: Phase) -> None:
    """After it the old shard serves alone, with every answer; the new one has to be emptied before it is planned again (MIG-4)."""
    all_steps(region, lambda command: once(region, command), until=until)
    region.submit(*(f"key-{number}" for number in range(24)))
    region.check()
    once(region, lambda shards: steps.go_back(shards, RATE, quiet))
    region.submit(*(f"key-{number}" for number in range(28)))
    region.check()
    with steps.migrating(region.url, "eu") as shards:
        assert steps.status(shards).phase is Phase.ROLLED_BACK
        with pytest.raises(UnusableInput, match="empty its store"):
            planning.plan(shards, "c", quiet)
        with pytest.raises(UnusableInput, match="no migration"):
            steps.start(shards, RATE, quiet)


@BOTH
def test_in_a_race_of_two_nodes_with_the_migrator_the_least_claim_prevails(region: Region) -> None:
    """Both claim the same keys at once, in other orders and under other timestamps, through all phases: what is stored at the end
    is the least claim of each key, and every answer was no later than its claim (DUP-10, MIG-2).
    """
    over = threading.Event()
    asked: list[list[tuple[Claim, Entry]]] = [[], []]

    def submit(number: int) -> None:
        for turn in count():
            wanted = [f"race-{(turn * 3 + part * (7 + number)) % 40}" for part in range(6)]
            batch = [
                Claim(Key("default", name), Entry(Timestamp(10_000 - 7 * turn - 3 * part + number), "eu", "d", OK))
                for part, name in enumerate(wanted)
            ]
            asked[number] += zip(batch, region.nodes[number].insert_or_get(batch), strict=True)
            if over.is_set():
                return

    with ThreadPoolExecutor(2) as threads:
        racing = [threads.submit(submit, number) for number in (0, 1)]
        try:
            all_steps(region, lambda command: once(region, command))
        finally:
            over.set()
        for future in racing:
            future.result()
    least: dict[Key, Entry] = {}
    for claimed, answer in asked[0] + asked[1]:
        assert precedence(answer) <= precedence(claimed.entry)
        least[claimed.key] = min(least.get(claimed.key, claimed.entry), claimed.entry, key=precedence)
    assert len(least) == 40
    assert dict(zip(least, region.nodes[0].fetch([*least]), strict=True)) == least
    assert region.nodes[1].count() == len(least) + len(region.told)


@BOTH
def test_a_write_of_a_layout_that_is_over_is_refused_by_every_store(region: Region) -> None:
    """No write lands in a phase that it was not decided in, even if who decided it knows nothing (MIG-2)."""
    stale = region.node(3)
    all_steps(region, lambda command: once(region, command), until=Phase.VERIFIED)
    new = Claim(Key("default", "late"), Entry(Timestamp(1), "eu", "d", OK))
    old = stale.shards.by_name["a"].store
    for write in (
        lambda: old.insert_or_get([new]),
        lambda: old.merge([new]),
        lambda: old.forget(Key("default", "key-0")),
    ):
        with pytest.raises(Moved):
            write()
    assert region.nodes[0].fetch([new.key]) == (None,)
    assert stale.insert_or_get([new]) == [new.entry]
    assert region.nodes[0].fetch([new.key]) == (new.entry,)
    region.told[new.key] = new.entry
    region.check()


def test_a_node_that_stalls_in_the_middle_of_a_write_holds_nobody_up(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of phase waits for writes that have begun. The server ends one that stalls, and what it would write then is refused
    (MIG-7, MIG-8).
    """
    monkeypatch.setattr("flk.impl.storage.postgres.STALLED_SECONDS", 1)
    store = region.node(3).shards.by_name["a"].store
    assert isinstance(store, PostgresStore)
    with pytest.raises(Unavailable, match="idle-in-transaction"), store._writing() as connection:  # noqa: PT012
        all_steps(region, lambda command: once(region, command), until=Phase.VERIFIED)
        connection.execute("insert into flk.entries values ('default', 'late', 1, 'eu', 'd', '{}', 0)")
    region.submit("key-0", "key-70")
    assert region.nodes[0].fetch([Key("default", "late")]) == (None,)
    region.check()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_write_that_waited_while_the_fence_was_raised_is_refused(isolation: str) -> None:
    """Even in a database whose transactions see, unless they say otherwise, what was committed when they began to wait (MIG-8)."""
    server, name = store_servers.postgres(), f"move{next(NUMBERS)}"
    url = server.url(name)
    server.query("postgres", f"alter database {name} set default_transaction_isolation = '{isolation}'")
    late = Claim(Key("default", "late"), Entry(Timestamp(1), "eu", "d", OK))
    with closing(PostgresStore(address(url), "eu")) as store, psycopg.connect(url, autocommit=True) as other:
        store.enlist("token", 1)
        store.raise_fence(2)
        store.fence = 2
        with ThreadPoolExecutor(1) as threads:
            with other.transaction():
                other.execute("select pg_advisory_xact_lock(%s)", (_FENCE_LOCK,))
                writing = threads.submit(store.insert_or_get, [late])
                while not other.execute("select from pg_locks where locktype = 'advisory' and not granted").fetchall():
                    assert not writing.done()
                other.execute(_MARK, mark_row(_FENCE, "3"))
            with pytest.raises(Moved):
                writing.result()
        assert store.fetch([late.key]) == (None,)


def test_a_node_that_heard_of_nothing_knows_the_latest_timestamp_and_reads_what_is_there(region: Region) -> None:
    """What only the new shard has by now is in its clock (HLC-7), and no key is missing where it was (DUP-7)."""
    idle = region.node(3)
    page = idle.export(None, 5)
    assert len(page) == 5
    all_steps(region, lambda command: once(region, command))
    late = [Claim(Key("default", f"late-{n}"), Entry(Timestamp(5000 + n), "eu", "d", OK)) for n in range(8)]
    region.nodes[0].insert_or_get(late)
    assert idle.latest() == 5007
    region.told |= dict(late)
    with pytest.raises(Unavailable, match="list them from the first"):
        idle.export(page[-1].key, 5)
    assert {claim.key for claim in idle.export(None, 100)} == {*region.told}
    keys = [*region.told]
    other = region.node(4)
    for node in (idle, other):
        assert dict(zip(keys, node.fetch(keys), strict=True)) == region.told
        assert {*node.sample(100)} == {*region.told}


def test_a_node_whose_file_lacks_the_new_shard_says_so_and_reads_it_when_it_is_there(region: Region) -> None:
    """It answers nothing meanwhile, rather than from one side alone; nobody has to start it again (MIG-1)."""
    all_steps(region, lambda command: once(region, command), until=Phase.VERIFIED)
    region.write_file("a")
    with pytest.raises(Unavailable, match="shard c"):
        region.submit("key-0")
    with pytest.raises(UnusableInput, match="shard c"):
        open_ring(region.url, "eu")
    region.write_file("a", "c")
    region.submit("key-0", "key-50")
    region.check()


def test_a_pause_stops_the_migrator_and_the_next_start_goes_on(region: Region) -> None:
    """It ends where it is, with the reason; nodes go on."""
    with steps.migrating(region.url, "eu") as shards, steps.migrating(region.url, "eu") as other:
        planning.plan(shards, "c", quiet)
        steps.pause(other)
        assert steps.status(other).paused

        def told(progress: object) -> None:
            if steps.status(other).phase is Phase.DUAL:
                steps.pause(other)

        with pytest.raises(Paused):
            steps.start(shards, 2.0, told)
        found = steps.status(other)
        assert (found.phase, found.paused) == (Phase.DUAL, True)
    region.submit("key-1", "key-60")
    once(region, lambda shards: steps.start(shards, RATE, quiet))
    with steps.migrating(region.url, "eu") as shards:
        found = steps.status(shards)
        assert (found.phase, found.paused, found.done) == (Phase.VERIFIED, False, found.keys)
    region.check()


def test_steps_out_of_their_order_are_refused_and_say_which_comes_first(region: Region) -> None:
    """Nothing is changed by them (MIG-3, MIG-5)."""
    with steps.migrating(region.url, "eu") as shards:
        for command, named in (
            (lambda: steps.start(shards, RATE, quiet), "no migration"),
            (lambda: steps.go_back(shards, RATE, quiet), "no migration"),
            (lambda: planning.plan(shards, "a", quiet), "is in the ring"),
            (lambda: planning.plan(shards, "z", quiet), "names no shard z"),
        ):
            with pytest.raises(UnusableInput, match=named):
                command()
        assert planning.plan(shards, "c", quiet, dry_run=True).entries == {"a": 16}
        assert steps.status(shards).phase is None
        planning.plan(shards, "c", quiet)
        with pytest.raises(UnusableInput, match="verify first"):
            steps.cut_over(shards, 0, quiet)
        steps.start(shards, RATE, quiet)
        with pytest.raises(UnusableInput, match="cut over first"):
            steps.clean_up(shards, RATE, 0, quiet)
        with pytest.raises(UnusableInput, match="is being added"):
            planning.plan(shards, "c", quiet)
        steps.cut_over(shards, 0, quiet)
        steps.clean_up(shards, RATE, 0, quiet)
        with pytest.raises(UnusableInput, match="no migration"):
            steps.go_back(shards, RATE, quiet)
    region.check_placed("a", "c")
