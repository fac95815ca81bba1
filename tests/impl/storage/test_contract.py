"""Every store does what the memory store does, for one process and for several, through what servers do to their clients."""

import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import chain, count, takewhile
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.effort import few, sample
from tests.support.impl import store_servers
from tests.support.impl.store_servers import Postgres, StoreServer
from tests.support.model.strategies import outcomes

from flk.impl.storage.address import address
from flk.impl.storage.opening import open_region
from flk.impl.storage.rows import Damaged
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.store import EntryStore, RegionStore
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason, join, precedence
from flk.model.log.hlc import LAST, ZERO, Timestamp, at
from flk.model.memory.parts import Entries
from flk.model.refusal import OutOfReach, Unavailable
from flk.spec.errors import UnusableInput

SERVERS: dict[str, Callable[[], StoreServer]] = {
    "postgres": store_servers.postgres,
    "redis": store_servers.redis,
    "cluster": store_servers.redis_cluster,
    "ring": store_servers.ring,
}
NUMBERS = count()
FINE = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)

keys = st.builds(Key, st.sampled_from(["default", "other", 'te"nant']), st.sampled_from(["a", "b", "c", "d", "é"]))
stamps = st.integers(1, 6).map(Timestamp) | st.just(LAST)
entries = st.builds(Entry, stamps, st.sampled_from(["eu", "us"]), st.sampled_from("xy"), outcomes)
some = st.lists(st.builds(Claim, keys, entries), max_size=6)
CLAIM, MERGE, MARK, FLUSH, REOPEN = "claim", "merge", "mark", "flush", "reopen"
Batches: TypeAlias = list[tuple[bool, int, list[Claim]]]
"""What nodes do: whether they merge or claim, which one, and what."""
steps = st.tuples(st.sampled_from([CLAIM, CLAIM, MERGE, MARK, FLUSH, REOPEN]), st.integers(0, 1), some)


def claim(pcs_id: str, number: int = 1, region: str = "eu", digest: str = "d") -> Claim:
    """A claim that differs only in what is given."""
    return Claim(Key("default", pcs_id), Entry(Timestamp(number), region, digest, FINE))


def by_key(superseded: Sequence[tuple[Key, Entry, Entry]]) -> dict[Key, list[tuple[Entry, Entry]]]:
    """What gave way under each key, in order."""
    return {key: [(lost, won) for k, lost, won in superseded if k == key] for key, _, _ in superseded}


class Place:
    """Where stores of one kind are opened: two nodes' of one region, of which SQLite has but one."""

    def __init__(self, kind: str) -> None:
        self.server = SERVERS[kind]()
        self.url = self.server.url(f"contract{next(NUMBERS)}")

    def open(self, node: int = 1, *, now: float = 0.0) -> RegionStore:
        """The store as node `node` has it."""
        store = open_region(self.url, "eu", lambda: now)
        store.enlist(f"token{node}", node)
        return store


@pytest.fixture(params=SERVERS)
def place(request: pytest.FixtureRequest) -> Place:
    """A new store, in each kind of server in turn."""
    return Place(request.param)


def run(
    script: Sequence[tuple[str, int, list[Claim]]], stores: list[EntryStore], open_: Callable[[int], EntryStore]
) -> None:
    """Perform a script on the stores of two nodes and on the memory store, and compare each answer and all that is kept."""
    memory = Entries()
    for number, (operation, node, batch) in enumerate(script):
        store = stores[node % len(stores)]
        name = f"{node % len(stores)}/applied"
        if operation == CLAIM:
            assert store.insert_or_get(batch) == list(map(memory.insert_or_get, batch))
        elif operation == MERGE:
            assert store.merge(batch) == sum(map(memory.merge, batch))
        elif operation == MARK:
            store.mark("applied", str(number))
            memory.marks[name] = str(number)
        elif operation == REOPEN:
            store.close()
            stores[node % len(stores)] = open_(node)
        else:
            store.flush_behind()
            store.flush()
        assert stores[node % len(stores)].marked("applied") == memory.marks.get(name, "")
    wanted = [Key("default", "a"), *memory.entries, Key("other", "nothing")]
    for store in stores:
        assert store.fetch(wanted) == tuple(map(memory.entries.get, wanted))
        assert store.count() == len(memory.entries)
        assert sorted(store.sample(100)) == sorted(memory.entries)
        assert by_key(store.superseded()) == by_key(memory.superseded)
        for limit in (1, 2, 100):
            claims = list(exported(store, limit))
            assert dict(claims) == memory.entries
            assert len(claims) == len(memory.entries)
            paged = takewhile(bool, (store.superseded(after, limit) for after in count(0, limit)))
            assert list(chain(*paged)) == store.superseded()


def exported(store: EntryStore, limit: int) -> Iterator[Claim]:
    """All entries, asked for piece by piece, each once."""
    after = None
    while piece := store.export(after, limit):
        assert len(piece) <= limit
        yield from piece
        after = piece[-1].key


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", *SERVERS])
def test_it_stores_what_the_memory_store_stores(kind: str) -> None:
    """Any claims, merges and marks of two nodes, through reopening."""
    place = None if kind == "sqlite" else Place(kind)

    @settings(max_examples=few(12), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, max_size=10))
    def holds(script: list[tuple[str, int, list[Claim]]]) -> None:
        with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
            if place is None:
                stores: list[EntryStore] = [SqliteStore(Path(directory) / "entries.sqlite")]
                run(script, stores, lambda _: SqliteStore(Path(directory) / "entries.sqlite"))
            else:
                place.server.clean()
                stores = [place.open(1), place.open(2)]
                run(script, stores, lambda node: place.open(node + 1))
            for store in stores:
                stack.callback(store.close)

    holds()


@pytest.mark.slow
def test_of_racing_claims_the_least_prevails_and_answers_only_get_earlier(place: Place) -> None:
    """Six nodes claim the same keys at once: at the end the least entry is stored, each that gave way is recorded once, in a chain
    from the first stored to the last, and every answer is an entry of the chain that is no later than the claim's own (DUP-10).
    """
    nodes, rounds = 6, 8
    wanted = [f"k{number}" for number in range(12)]

    gave_way: list[int] = []

    def submit(node: int) -> list[tuple[Claim, Entry]]:
        with closing(place.open(node + 1)) as store:
            together.wait()
            answered = []
            for turn in range(rounds):
                shift = (node + turn) % len(wanted)
                batch = [
                    claim(pcs_id, 1 + (7 * node + 5 * turn + 3 * at_) % 40, digest=f"{node}.{turn}")
                    for at_, pcs_id in enumerate(wanted[shift:] + wanted[:shift])
                ]
                answered += list(zip(batch, store.insert_or_get(batch), strict=True))
            gave_way.append(store.gave_way)
            return answered

    together = threading.Barrier(nodes)
    with ThreadPoolExecutor(nodes) as threads:
        answered = [pair for pairs in threads.map(submit, range(nodes)) for pair in pairs]
    with closing(place.open(1)) as store:
        chains = by_key(store.superseded())
        assert sum(gave_way) == sum(map(len, chains.values()))
        assert store.count() == len(wanted)
        for pcs_id in wanted:
            key = Key("default", pcs_id)
            mine = [(asked.entry, answer) for asked, answer in answered if asked.key == key]
            (stored,) = store.fetch([key])
            assert stored == min((asked for asked, _ in mine), key=precedence)
            chain = chains.get(key, [])
            links = [lost for lost, _ in chain] + [stored]
            assert [won for _, won in chain] == links[1:]
            assert all(join(asked, answer) == answer and answer in links for asked, answer in mine)


def test_one_content_has_one_answer_for_ever(place: Place) -> None:
    """Two nodes that claim one content at once are both told the outcome that is stored ever after (DUP-10)."""
    with closing(place.open(1)) as one, closing(place.open(2)) as two, ThreadPoolExecutor(2) as threads:
        for number in range(30):
            first = threads.submit(one.insert_or_get, [claim(f"{number}", 2)])
            second = threads.submit(two.insert_or_get, [claim(f"{number}", 1)])
            told = {answer.digest for future in (first, second) for answer in future.result()}
            assert told == {"d"}
            assert one.fetch([Key("default", f"{number}")])[0] == claim(f"{number}", 1).entry


@pytest.mark.slow
def test_nothing_answered_is_lost_when_the_server_is_killed(place: Place) -> None:
    """Claims go on while the server is killed and comes back: what was answered is stored; clients connect again by themselves."""
    answered: list[tuple[Claim, Entry]] = []
    refused = 0
    enough, ended = threading.Event(), threading.Event()

    def submit() -> None:
        nonlocal refused
        with closing(place.open(2)) as store:
            for number in count():
                batch = [claim(f"{number}-{part}", number + 1) for part in range(3)]
                try:
                    answered.extend(zip(batch, store.insert_or_get(batch), strict=True))
                except Unavailable:
                    refused += 1
                if len(answered) > 60:
                    enough.set()
                if ended.is_set():
                    return

    with closing(place.open(1)) as other, ThreadPoolExecutor(1) as threads:
        other.mark("applied", "7")
        submitting = threads.submit(submit)
        assert enough.wait(60)
        place.server.kill()
        with pytest.raises(Unavailable):
            other.count()
        place.server.start()
        before = len(answered)
        while len(answered) < before + 30 and not submitting.done():
            ended.wait(0.01)
        ended.set()
        submitting.result()
        assert refused
        assert other.fetch([asked.key for asked, _ in answered]) == tuple(answer for _, answer in answered)
        assert other.marked("applied") == "7"
        assert other.count() >= len(answered)


def test_what_rotted_is_never_answered_from_nor_replaced(place: Place) -> None:
    """An entry whose checksum fails is told to nobody, and no earlier claim takes its place; other keys are answered, in the same
    batch, too (DUP-8).
    """
    with closing(place.open(1)) as store:
        store.insert_or_get([claim("rotten", 5), claim("sound", 5)])
        place.server.damage("rotten")
        for ask in (
            lambda: store.insert_or_get([claim("rotten", 9)]),
            lambda: store.insert_or_get([claim("rotten", 1)]),
            lambda: store.fetch([Key("default", "rotten")]),
            lambda: store.sample(2),
            lambda: store.export(None, 2),
        ):
            with pytest.raises(Damaged):
                ask()
        assert store.merge([claim("rotten", 1)]) == 0
        refused, answer = store.claim([claim("rotten", 1), claim("sound", 9)])
        assert isinstance(refused, OutOfReach)
        assert answer == claim("sound", 5).entry
        assert store.superseded() == []
        assert [row.key.pcs_id for row in store.rotten()] == ["rotten"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_rows_that_rot_are_put_back_as_if_they_had_not(kind: str) -> None:
    """Whatever two nodes claim and merge, before and after any bits of rows rot: given what they claimed before, in any order, the
    store puts each row back as it was. In the end it has what a store has of which nothing rots (DUP-8, DUP-1).
    """
    place, examples = Place(kind), count()
    names = st.sampled_from("abc")
    made = st.builds(claim, names, st.integers(1, 9), st.sampled_from(["eu", "us"]), st.sampled_from("xy"))
    batches = st.lists(st.tuples(st.booleans(), st.integers(0, 1), st.lists(made, min_size=1, max_size=4)), max_size=4)
    rots = st.lists(st.tuples(names, st.integers(0, 2**16)), min_size=1, max_size=3, unique_by=lambda rot: rot[0])

    @settings(max_examples=few(10), deadline=None, suppress_health_check=list(HealthCheck))
    @given(batches, rots, batches, st.randoms(use_true_random=False))
    def holds(before: Batches, rots: list[tuple[str, int]], after: Batches, random: Random) -> None:
        memory, turn = Entries(), f"turn{next(examples)}"

        def perform(batches: Batches, rotten: Collection[Key] = ()) -> list[Claim]:
            renamed = []
            for merged, node, drawn in batches:
                batch = [Claim(Key("default", turn + key.pcs_id), entry) for key, entry in drawn]
                if merged:
                    stores[node].merge(batch)
                else:
                    refused = [isinstance(answer, OutOfReach) for answer in stores[node].claim(batch)]
                    assert refused == [each.key in rotten for each in batch]
                renamed += batch
            for each in renamed:
                memory.merge(each)
            return renamed

        with closing(place.open(1)) as one, closing(place.open(2)) as two:
            stores = one, two
            logged = perform(before)
            keys = [Key("default", f"{turn}{pcs_id}") for pcs_id, _ in rots]
            for key, (_, bit) in zip(keys, rots, strict=True):
                place.server.flip(key.pcs_id, bit)
            rotten = memory.entries.keys() & {*keys}
            perform(after, rotten)
            for key in rotten:
                with pytest.raises(Damaged):
                    two.fetch([key])
            assert {row.key for row in one.rotten()} == rotten
            random.shuffle(logged)
            for node, half in ((one, logged[::2]), (two, logged[1::2])):
                node.rejoin(node.put_back(half))
            assert two.rotten() == ()
            assert two.fetch([*memory.entries]) == (*memory.entries.values(),)
            assert one.count() >= len(memory.entries)
            for key, chain in by_key(two.superseded()).items():
                assert all(precedence(won) < precedence(lost) for lost, won in chain), key

    holds()


@pytest.mark.slow
def test_a_row_is_put_back_from_no_claim_but_its_own(place: Place) -> None:
    """Other claims of the key, earlier and later, of the same content and of another, do not take the place of what rotted."""
    with closing(place.open(1)) as store:
        store.insert_or_get([claim("rotten", 5)])
        others = [claim("rotten", 4), claim("rotten", 6), claim("rotten", 5, "us"), claim("rotten", 5, digest="e")]
        for bit in sample(range(0, 400, 7)):
            place.server.flip("rotten", bit)
            with pytest.raises(Damaged):
                store.fetch([claim("rotten").key])
            assert store.put_back(others) == ()
            assert store.put_back([*others, claim("rotten", 5)]) == (claim("rotten").key,)
            store.rejoin([claim("rotten").key])
            assert store.fetch([claim("rotten").key]) == (claim("rotten", 5).entry,)
        assert store.superseded() == []


def test_what_was_claimed_of_a_rotten_row_is_not_lost_when_it_is_put_back(place: Place) -> None:
    """The least of what was set aside is joined in, also what comes between: then it is stored, and the row gave way once."""
    with closing(place.open(1)) as one, closing(place.open(2)) as two:
        one.insert_or_get([claim("rotten", 5)])
        place.server.damage("rotten")
        one.claim([claim("rotten", 4, digest="e")])
        two.merge([claim("rotten", 3, "us", digest="f")])
        one.claim([claim("rotten", 9, digest="g")])
        key = claim("rotten").key
        before = one.rotten()
        assert two.put_back([claim("rotten", 5)]) == (key,)
        assert two.claim([claim("rotten", 8)]) == [claim("rotten", 5).entry], "it is sound again"
        two.rejoin([key])
        assert one.fetch([key]) == (claim("rotten", 3, "us", digest="f").entry,)
        assert one.superseded() == [(key, claim("rotten", 5).entry, claim("rotten", 3, "us", digest="f").entry)]
        assert before
        assert one.rotten() == ()


def test_marks_belong_to_a_node(place: Place) -> None:
    """Two nodes' marks of one name are two, and outlive their connections."""
    with closing(place.open(1)) as one, closing(place.open(2)) as two:
        one.mark("shipped", "eu.000001-1")
        assert two.marked("shipped") == ""
        two.mark("shipped", "eu.000002-9")
    with closing(place.open(1)) as one, closing(place.open(2)) as two:
        assert (one.marked("shipped"), two.marked("shipped")) == ("eu.000001-1", "eu.000002-9")


def test_the_clock_covers_what_any_node_stored(place: Place) -> None:
    """The latest timestamp is that of every node's claims, and of merged ones but for clocks that are far ahead (HLC-3, HLC-7)."""
    now = 1000.0
    with closing(place.open(1, now=now)) as one, closing(place.open(2, now=now)) as two:
        assert one.latest() == ZERO
        one.insert_or_get([claim("a", 7), claim("b", 9)])
        assert two.latest() == 9
        two.insert_or_get([claim("a", 20)])
        assert one.latest() == 9, "nothing was stored"
        two.merge([claim("c", at(now + 10), region="us"), claim("d", at(now + 1000), region="us")])
        assert one.latest() == at(now + 10)
        one.insert_or_get([claim("e", 11)])
        assert two.latest() == at(now + 10), "it never goes back"
        two.merge([claim("g", at(now + 100))])
        assert one.latest() == at(now + 100), "the region's own are believed"
    with closing(place.open(1, now=now)) as one:
        one.insert_or_get([claim("f", 12)])
        assert one.latest() == at(now + 100)


def test_every_node_has_a_number_of_its_own(place: Place) -> None:
    """Nodes that begin at once get different numbers, each the same ever after; nobody gets another's."""
    together = threading.Barrier(5)

    def enlist(token: int) -> int:
        with closing(open_region(place.url, "eu")) as store:
            together.wait()
            return store.enlist(f"new{token}", None, 3)

    with ThreadPoolExecutor(5) as threads:
        numbers = list(threads.map(enlist, range(5)))
    assert sorted(numbers) == [3, 4, 5, 6, 7]
    with closing(open_region(place.url, "eu")) as store:
        assert store.enlist("new2", None) == numbers[2]
        with pytest.raises(UnusableInput, match="another node"):
            store.enlist("somebody", 4)
        assert store.enlist("somebody", None) == 8


def test_a_store_is_one_regions(place: Place) -> None:
    """Another region's node is told to use a store of its own."""
    with closing(place.open(1)), pytest.raises(UnusableInput, match="region 'eu'"):
        open_region(place.url, "us")


def test_a_store_that_was_emptied_is_not_taken_for_a_new_one(place: Place) -> None:
    """A node never gives a first write away because somebody emptied the store under it (DUP-7)."""
    with closing(place.open(1)) as store:
        store.insert_or_get([claim("a", 1)])
        place.server.clean()
        with pytest.raises(Unavailable):
            store.insert_or_get([claim("a", 2)])
        with pytest.raises(Unavailable):
            store.count()


def test_a_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PostgreSQL whose processes are stopped is Unavailable within the bound, and answers again once they run."""
    place = Place("postgres")
    server = place.server
    assert isinstance(server, Postgres)
    monkeypatch.setattr("flk.impl.storage.postgres_server.ANSWER_SECONDS", 1)
    with closing(place.open(1)) as store:
        server.stop_answering()
        try:
            with pytest.raises(Unavailable):
                store.insert_or_get([claim("a", 1)])
        finally:
            server.go_on()
        assert store.insert_or_get([claim("a", 1)]) == [claim("a", 1).entry]


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:hunter2@127.0.0.1:1/db", "redis://:hunter2@127.0.0.1:1", "redis+cluster://u:hunter2@127.0.0.1:1"],
)
def test_no_message_tells_a_password(url: str) -> None:
    """Of a server that is not there the message shows where it should be, and no credentials."""
    with pytest.raises(Unavailable) as refusal:
        open_region(url, "eu")
    assert "hunter2" not in f"{refusal.value!r} {refusal.value.detail}"
    assert "127.0.0.1:1" in refusal.value.detail
    assert "hunter2" not in repr(address(url))


def test_a_password_is_taken_out_of_whatever_a_library_says() -> None:
    """As it stands in the URL, as it is meant, and in the URL as a whole; host and database may be told."""
    where = address("postgresql://me:p%40ss@db.example:5432/flk?sslpassword=other")
    said = where.scrub(
        "no p@ss, no p%40ss, no other;\n and not postgresql://me:p%40ss@db.example:5432/flk?sslpassword=other"
    )
    assert said == "no …, no …, no …; and not …"
    assert where.shown == "postgresql://db.example:5432/flk"
