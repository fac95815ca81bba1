"""A shard leaves a ring of real stores: its keys move under traffic, and whoever dies where, no answer is forgotten."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import chain, count
from pathlib import Path

import msgspec
import pytest
from tests.support.impl import store_servers
from tests.support.impl.moved import OK, RATE, Killed, Region, mortal, once, quiet

from flk.impl.migration import planning, steps
from flk.impl.migration.performing import Paused
from flk.impl.storage.layout import Layout, Move, Record, text_of
from flk.impl.storage.opening import open_ring
from flk.impl.storage.postgres import PostgresStore
from flk.impl.storage.redis_store import RedisStore
from flk.impl.storage.rotten import Left
from flk.impl.storage.shards import Shards
from flk.impl.storage.shared import Moved
from flk.model.entries.entry import Claim, Entry, Key, precedence
from flk.model.entries.migration import Phase
from flk.model.log.hlc import Timestamp
from flk.model.programs.migration import PAGE
from flk.model.refusal import Unavailable
from flk.spec.errors import UnusableInput

NUMBERS = count()
NAMES = tuple(f"key-{number}" for number in range(24))
OTHER = pytest.param("of postgres", marks=pytest.mark.thorough)
BOTH = pytest.mark.parametrize("region", ["of redis", OTHER], indirect=True)
Command = Callable[[Shards], object]


@pytest.fixture
def region(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Region]:
    """A ring of three, of either kind, of which the last is to leave."""
    own = store_servers.redis().url("")
    urls = {name: store_servers.postgres().url(f"left{next(NUMBERS)}") for name in "abc"}
    urls["a" if getattr(request, "param", "") == "of postgres" else "c"] = own
    with closing(Region(tmp_path, urls, *urls)) as made:
        made.submit(*NAMES)
        yield made


def planned(region: Region) -> None:
    """The removal of shard c is on record."""
    with steps.migrating(region.url, "eu") as shards:
        found = planning.plan_removal(shards, "c", quiet)
    assert found.keys["c"] == found.entries["c"] > 2
    assert sum(found.keys.values()) == found.keys["c"]


COMMANDS: tuple[tuple[Phase, Command], ...] = (
    (Phase.VERIFIED, lambda shards: steps.start(shards, RATE, quiet)),
    (Phase.CUT_OVER, lambda shards: steps.cut_over(shards, 0, quiet)),
    (Phase.CLEANED, lambda shards: steps.clean_up(shards, RATE, 0, quiet)),
)


def removed(region: Region, *, until: Phase = Phase.CLEANED) -> None:
    """Shard c leaves, or is on its way to, in this phase."""
    planned(region)
    for phase, command in COMMANDS:
        once(region, command)
        if phase is until:
            return


@pytest.mark.parametrize("region", ["of redis", "of postgres"], indirect=True)
def test_a_shard_leaves_with_nothing_in_it_and_every_answer_stands(region: Region) -> None:
    """Its keys are in the shards that the smaller ring gives them, for nodes that went along and one that slept (MIG-9, RNG-2)."""
    idle = region.node(3)
    planned(region)
    for number, (_, command) in enumerate(COMMANDS):
        once(region, command)
        region.submit("key-0", "key-1", *(f"new-{number}-{n}" for n in range(4)))
        region.check()
    region.check_placed("a", "b")
    with closing(open_ring(region.url, "eu")) as whole:
        assert whole.shards.opened("c").count() == 0
    region.write_file("a", "b")
    assert dict(zip(region.told, idle.fetch([*region.told]), strict=True)) == region.told
    region.nodes.append(region.node(4))
    region.submit("key-2", "late")
    region.check_placed("a", "b")


def test_a_node_that_slept_wakes_up_when_the_server_that_left_is_gone(tmp_path: Path) -> None:
    """It asks the shard that is not there any more, and then whether the ring is still the one it knew (RNG-4)."""
    redis = store_servers.Redis()
    urls = {"a": store_servers.postgres().url(f"left{next(NUMBERS)}"), "c": redis.url("")}
    with closing(Region(tmp_path, urls, *urls)) as made:
        made.submit(*NAMES)
        reader, writer = made.node(3), made.node(4)
        removed(made)
        made.write_file("a")
        redis.kill()
        assert reader.latest() == max(entry.timestamp for entry in made.told.values())
        made.nodes.append(writer)
        made.submit("key-0", "late-1", "late-2")
        made.check_placed("a")


EVERY = [pytest.param(first, 6, marks=pytest.mark.thorough) for first in range(6)]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "stride"), [(1, 29), *EVERY])
def test_a_migrator_killed_at_its_effects_goes_on_and_every_answer_stands(
    region: Region, first: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each life ends so many moments after the last: with six, the cases end one before and after every effect (MIG-6, MIG-9)."""
    spare, names = mortal(monkeypatch), count(100)
    planned(region)
    for _, command in COMMANDS:
        for life in count(first, stride):
            spare(life)
            region.submit(f"key-{life % 24}", *([f"key-{next(names)}"] if life % 10 == 3 else []))
            with suppress(Killed):
                once(region, command)
                break
    region.submit("key-0", "key-15", "key-100")
    region.check_placed("a", "b")


@pytest.mark.slow
@pytest.mark.parametrize("until", [pytest.param(Phase.VERIFIED, marks=pytest.mark.thorough), Phase.CUT_OVER])
def test_taking_a_removal_back_leaves_no_copy_wherever_that_is_cut_off(
    region: Region, until: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shards hold what the old ring gives them and nothing else, and the shard may be removed once more (MIG-4, MIG-9)."""
    removed(region, until=until)
    region.submit(*(f"key-{number}" for number in range(30)))
    with monkeypatch.context() as patched:
        spare = mortal(patched)
        for life in count(1, 5):
            spare(life)
            region.submit(f"key-{life}")
            region.check()
            with suppress(Killed):
                once(region, lambda shards: steps.go_back(shards, RATE, quiet))
                break
            with steps.migrating(region.url, "eu") as shards:
                if steps.status(shards).phase is Phase.ROLLED_BACK:
                    for command in (
                        lambda: planning.plan_removal(shards, "c", quiet),
                        lambda: steps.start(shards, RATE, quiet),
                    ):
                        with pytest.raises(UnusableInput, match="flk migrate rollback"):
                            command()
    region.check_placed("a", "b", "c")
    removed(region)
    region.submit(*(f"key-{number}" for number in range(34)))
    region.check_placed("a", "b")


GO_BACK: Command = lambda shards: steps.go_back(shards, RATE, quiet)  # noqa: E731
OF_A_REMOVAL = tuple(command for _, command in COMMANDS)
CHANGES: dict[str, tuple[tuple[Command, ...], Phase | None]] = {
    "dual": (OF_A_REMOVAL, Phase.DUAL),
    "verified": (OF_A_REMOVAL, Phase.VERIFIED),
    "cut over": (OF_A_REMOVAL, Phase.CUT_OVER),
    "cleaned": (OF_A_REMOVAL, Phase.CLEANED),
    "gone": (OF_A_REMOVAL, None),
    "rolled back": ((*OF_A_REMOVAL[:2], GO_BACK), Phase.ROLLED_BACK),
    "taken back": ((*OF_A_REMOVAL[:2], GO_BACK), None),
}
"""Every change of the layout on the way of a removal: the commands that come to it, and the phase that it begins; None: none."""
TRIED = {("gone", 3), ("cut over", 4), ("taken back", 5)}
CUT_OFF = [
    pytest.param(change, writes, marks=[] if (change, writes) in TRIED else [pytest.mark.thorough])
    for change in CHANGES
    for writes in range(8)
]


@pytest.mark.parametrize(("change", "writes"), CUT_OFF)
def test_a_change_that_was_cut_off_is_completed_by_the_nodes(
    region: Region, change: str, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migrator dies after any of the writes of any change of the layout: claims are answered, and what is begun again ends as
    if nobody had died (MIG-7).
    """
    commands, phase = CHANGES[change]
    left = writes
    go_on = Shards.go_on

    def dying(write: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object) -> object:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return write(*arguments)

        return step

    def killing(shards: Shards, to: Layout) -> Layout:
        if (to.move.phase if to.move is not None else None) is not phase:
            return go_on(shards, to)
        with monkeypatch.context() as patched:
            for kind in (PostgresStore, RedisStore):
                for name in ("note", "raise_fence"):
                    patched.setattr(kind, name, dying(getattr(kind, name)))
            return go_on(shards, to)

    planned(region)
    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr(Shards, "go_on", killing)
        for command in commands:
            once(region, command)
    assert left == 0
    region.submit(*(f"key-{number}" for number in range(30)))
    region.check()
    for command in commands:
        with suppress(UnusableInput):  # it is behind this step, or over already
            once(region, command)
    region.submit("key-40")
    region.check_placed(*("abc" if GO_BACK in commands else "ab"))


@pytest.mark.slow
@BOTH
def test_in_a_race_of_two_nodes_with_the_removal_the_least_claim_prevails(region: Region) -> None:
    """Both claim the same keys at once, in other orders and under other timestamps, through all phases: what is stored at the end
    is the least claim of each key, and every answer was no later than its claim. What gave way is told alike by all (DUP-10).
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
            removed(region)
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
    gave_way = region.nodes[0].superseded()
    assert len({(key, loser) for key, loser, _ in gave_way}) > 40
    assert region.node(5).superseded() == gave_way


@BOTH
def test_what_gave_way_in_the_shard_is_listed_as_before(region: Region) -> None:
    """As many as before at every moment, each once, in any pages: the audit log looks by their number whether there are more."""
    keys = [Key("default", f"late-{number}") for number in range(40)]
    for at in (900, 800, 700, 600):
        region.nodes[0].merge([Claim(key, Entry(Timestamp(at), "us", f"{at}", OK)) for key in keys])
    before = region.nodes[0].superseded()
    assert len(before) == 120
    region.told |= dict(zip(keys, region.nodes[0].fetch(keys), strict=True))  # type: ignore[arg-type]
    planned(region)
    counts = []
    for _, command in COMMANDS:
        once(region, command)
        counts.append(len(region.nodes[1].superseded()))
    assert counts == [120] * 3
    after = region.node(5).superseded()
    assert Counter(after) == Counter(before)
    assert [row for row in after if row[0] == keys[0]] == [row for row in before if row[0] == keys[0]]
    for limit in (1, 7, 50, 101):
        pages = (region.nodes[0].superseded(start, limit) for start in range(0, 130, limit))
        assert [*chain(*pages)] == after


@BOTH
def test_what_gave_way_is_told_wherever_the_end_is_cut_off(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages of it, kept and told while one migrator after another dies: as many at every moment, and in the end the same
    (MIG-6, MIG-9).
    """
    keys = [Key("default", f"late-{number}") for number in range(30)]
    for at in range(930, 900, -1):
        region.nodes[0].merge([Claim(key, Entry(Timestamp(at), "us", f"{at}", OK)) for key in keys])
    before = region.nodes[0].superseded()
    region.told |= dict(zip(keys, region.nodes[0].fetch(keys), strict=True))  # type: ignore[arg-type]
    removed(region, until=Phase.CUT_OVER)
    assert region.nodes[0].shards.by_name["c"].store.superseded_count() > 2 * PAGE
    assert PAGE == 100  # notes of that many rows are on record in rings
    with monkeypatch.context() as patched:
        spare = mortal(patched)
        for life in count(5, 7):
            spare(life)
            with suppress(Killed):
                once(region, COMMANDS[-1][1])
                break
            assert len(region.nodes[life % 2].superseded()) == len(before)
    assert Counter(region.nodes[0].superseded()) == Counter(before)
    assert region.nodes[1].superseded() == region.node(5).superseded()
    assert region.nodes[0].shards.layout.move is None


@BOTH
def test_a_store_that_has_left_takes_nothing(region: Region) -> None:
    """No write of a node that knows nothing lands there, and its store serves under no other name (MIG-8, RNG-5)."""
    stale = region.node(3)
    shard = stale.shards.by_name["c"].store
    removed(region)
    late = Claim(Key("default", "late"), Entry(Timestamp(1), "eu", "d", OK))
    for write in (lambda: shard.insert_or_get([late]), lambda: shard.merge([late]), lambda: shard.forget(late.key)):
        with pytest.raises(Moved):
            write()
    assert shard.fetch([late.key]) == (None,)
    region.write_file("a", "b")
    region.urls = {**region.urls, "d": region.urls["c"]}
    region.write_file("a", "b", "d")
    with pytest.raises(UnusableInput, match="is shard c of its ring; name it so"):
        open_ring(region.url, "eu")


@pytest.mark.slow
@BOTH
def test_a_shard_that_left_may_join_again_in_its_store_or_in_another(region: Region) -> None:
    """Nodes that were there all the while look it up anew."""
    removed(region)
    region.submit("key-50")
    for store in (region.urls["c"], store_servers.postgres().url(f"left{next(NUMBERS)}")):
        region.urls = {**region.urls, "c": store}
        region.write_file("a", "b", "c")
        once(region, lambda shards: planning.plan(shards, "c", quiet))
        for _, command in COMMANDS:
            once(region, command)
            region.submit("key-0", "key-51")
        region.check_placed("a", "b", "c")
        removed(region)
        region.submit("key-0", "key-52")
        region.check_placed("a", "b")


def test_a_shard_that_cannot_leave_is_refused_with_the_mend(region: Region) -> None:
    """The registrar, the last one, one that the ring has not, a second one, and one whose keys are not only its own."""
    with steps.migrating(region.url, "eu") as shards:
        for name, said in (
            ("a", "is the registrar.*promote a standby"),
            ("z", "has the shards a, b, c, and none called z"),
        ):
            with pytest.raises(UnusableInput, match=said):
                planning.plan_removal(shards, name, quiet)
        assert planning.plan_removal(shards, "c", quiet, dry_run=True).shard == "c"
        assert steps.status(shards).phase is None
        planning.plan_removal(shards, "b", quiet)
        planning.plan_removal(shards, "c", quiet)  # nothing has moved yet, so another may be planned in its place
        found = steps.status(shards)
        assert (found.removes, found.adds, found.phase) == ("c", "", Phase.PLANNED)
        steps.start(shards, RATE, quiet)
        for another in (planning.plan_removal, planning.plan):
            with pytest.raises(UnusableInput, match="shard c is being removed, and shards join and leave one by one"):
                another(shards, "b", quiet)
        steps.go_back(shards, RATE, quiet)
        shards.registrar.store.insert_or_get(
            [
                Claim(key, entry)
                for key, entry in zip(region.told, shards.by_name["c"].store.fetch([*region.told]), strict=True)
                if entry
            ]
        )
        with pytest.raises(UnusableInput, match=r"shard a has \d+ entries that the ring gives to another"):
            planning.plan_removal(shards, "c", quiet)


def test_the_last_shard_stays(tmp_path: Path) -> None:
    """A ring of none would be none."""
    url = store_servers.redis().url("")
    with closing(Region(tmp_path, {"a": url}, "a")) as alone, steps.migrating(alone.url, "eu") as shards:
        refused = pytest.raises(UnusableInput, match=r"is the last one.*--add")
        with refused:
            planning.plan_removal(shards, "a", quiet)


def test_a_removal_is_paused_and_goes_on(region: Region) -> None:
    """While copying, while deleting, and while a removal is taken back."""
    planned(region)
    with steps.migrating(region.url, "eu") as shards, steps.migrating(region.url, "eu") as other:

        def paused_in(phase: Phase) -> Callable[[object], None]:
            def told(_: object) -> None:
                if steps.status(other).phase is phase and not steps.status(other).paused:
                    steps.pause(other)

            return told

        with pytest.raises(Paused):
            steps.start(shards, 2.0, paused_in(Phase.DUAL))
        assert steps.status(other).paused
        steps.start(shards, RATE, quiet)
        steps.cut_over(shards, 0, quiet)
        with pytest.raises(Paused):
            steps.clean_up(shards, 2.0, 0, paused_in(Phase.CLEANED))
        with pytest.raises(UnusableInput, match="no way back"):
            steps.go_back(shards, RATE, quiet)
        steps.clean_up(shards, RATE, 0, quiet)
    region.submit("key-0", "key-60")
    region.check_placed("a", "b")


def test_a_removal_that_was_paused_is_taken_back(region: Region) -> None:
    """The pause was for the copying: it does not stop the way back, from which nothing else would lead on."""
    planned(region)
    with steps.migrating(region.url, "eu") as shards, steps.migrating(region.url, "eu") as other:

        def told(_: object) -> None:
            if steps.status(other).phase is Phase.DUAL and not steps.status(other).paused:
                steps.pause(other)

        with pytest.raises(Paused):
            steps.start(shards, 2.0, told)
        steps.go_back(shards, RATE, quiet)
        assert steps.status(other).phase is None
    region.submit("key-0", "key-60")
    region.check_placed("a", "b", "c")


def test_rows_that_rotted_in_the_shard_are_waited_for(region: Region) -> None:
    """What was set aside of them is durable and decides nothing yet: it must not go with the shard (DUP-8)."""
    removed(region, until=Phase.CUT_OVER)
    store = region.nodes[0].shards.by_name["c"].store
    ((noted, _),) = store.export(None, 1)
    store._set_aside([(Claim(noted, region.told[noted]), Left(b""))])
    with pytest.raises(Unavailable, match="1 rows that rotted"):
        once(region, COMMANDS[-1][1])
    region.nodes[0].rejoin({noted})
    once(region, COMMANDS[-1][1])
    region.check_placed("a", "b")


def test_the_record_is_as_it_was_for_rings_that_no_shard_has_left() -> None:
    """Nodes of the version before go on beside those of this one, byte for byte; a removal they cannot read at all."""
    before = (
        '{"next":null,"now":{"move":{"keys":3,"name":"n","phase":"dual","shard":"c","store":"s"},"number":2,"shards":{"a":"x"},'
        '"vnodes":128}}'
    )
    assert text_of(msgspec.json.decode(before, type=Record)) == before
    leaving = Record(Layout({"a": "x", "c": "s"}, 128, 2, Move("n", Phase.DUAL, 3, leaves="c")))
    assert "shard" not in msgspec.json.decode(text_of(leaving))["now"]["move"]
