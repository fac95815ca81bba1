"""The tiers of a real node: what memory, SQLite and objects answer is what the model's tiers answer."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from tests.support.impl.tier_kills import AGAIN, FILLED
from tests.support.impl.tiers import BEGINNING, TERMS, Shelf, entry, named

from flk.impl.storage.cold_index import NAME, fingerprint
from flk.model.effects import Aged, Copy, Delete, Effect, Look, Owed, Program, Settled
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.tiers import Terms, Tier, Tiers
from flk.model.memory.parts import Entries
from flk.model.memory.tiered import TieredStore
from flk.model.programs.tiering import Moved, apply_deferred, ask, claim, merge, move
from flk.model.refusal import OutOfReach, Unavailable, untimely
from flk.model.runtime import run

NAMES = ["a", "b", "c"]
Step = tuple[str, Any]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Empty tiers."""
    with closing(Shelf(tmp_path)) as made:
        yield made


def kept(shelf: Shelf, name: str, seconds: float = 0.0) -> Claim:
    """A claim that is stored."""
    made = Claim(named(name), entry(seconds))
    assert shelf.tiered.claim([made]) == [made.entry]
    return made


def aged(shelf: Shelf, seconds: float) -> Moved:
    """Time passes, and the mover with it."""
    shelf.now += seconds
    moved: Moved = run(move(), shelf.tiered.perform)
    return moved


def damage(path: Path, at: int = 40) -> None:
    """Flip a bit of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


# The performers against the model's.


class Both:
    """Performs each effect on the real tiers and on the model's, and compares what they answer.

    They may differ in three ways. The real index says what is in no object while the objects are away. An entry that gives way
    while only the cold tier has it, is replaced in the warm one: `raised` has such keys. And objects expire whole.
    """

    def __init__(self, directory: Path, terms: Terms, hot_entries: int) -> None:
        self.shelf = Shelf(directory, terms, hot_entries)
        self.tiers = Tiers(terms)
        self.entries = Entries(tiers=self.tiers)
        self.raised: set[Key] = set()
        self.start()

    def start(self) -> None:
        """The model's node begins anew, and forgets what it deferred."""
        self.model = TieredStore(self.tiers, lambda: self.entries, lambda: self.shelf.now)
        self.model.cold_down = self.shelf.bucket.down

    def restart(self) -> None:
        """A stop in order: all that is hot is warm, then."""
        self.shelf.close()
        self.shelf.open()
        hot = [Claim(*item) for item in self.tiers.held[Tier.HOT].items()]
        self.let_go(hot)
        self.start()

    def let_go(self, hot: list[Claim]) -> None:
        """Entries leave memory for the warm tier."""
        for key, found in hot:
            below = self.tiers.held[Tier.WARM].get(key)
            self.tiers.put(Tier.WARM, key, join(found, below) if below else found)
            self.tiers.drop(Tier.HOT, key)

    def away(self, *, down: bool) -> None:
        """The cold tier goes, or comes back."""
        self.shelf.away(down=down)
        self.shelf.cold._kept.clear()  # what is still in memory would be answered
        self.model.cold_down = down

    def run(self, program: Program[Any]) -> Any:
        """A program's result, each of its effects compared."""
        return run(program, self.perform)

    def perform(self, effect: Effect[Any]) -> Any:
        """One effect on both."""
        expected, refused = self._expected(effect)
        try:
            result = self.shelf.tiered.perform(effect)
        except OutOfReach:
            assert refused
            raise
        self._compare(effect, result, expected, refused=refused)
        memory = self.tiers.held[Tier.HOT]
        self.let_go([Claim(key, memory[key]) for key in list(memory) if key not in self.shelf.tiered.hot])
        return result

    def _expected(self, effect: Effect[Any]) -> tuple[Any, bool]:
        if isinstance(effect, Aged) and effect.tier is Tier.COLD and not self.model.cold_down:
            return self.tiers.aged(Tier.COLD, effect.term, effect.limit, self.shelf.now), False
        try:
            return self.model.performers[type(effect)](effect), False
        except OutOfReach:
            return None, True

    def _compare(self, effect: Effect[Any], result: Any, expected: Any, *, refused: bool) -> None:
        match effect:
            case Look(tier, keys):
                held = self.tiers.held[tier]
                known = [(key, found) for key, found in zip(keys, result, strict=True) if key not in self.raised]
                assert [found for _, found in known] == [held.get(key) for key, _ in known]
            case Aged(Tier.COLD):
                assert set(result) <= set(expected)
            case Aged():
                assert {c for c in result if c.key not in self.raised} == {
                    c for c in expected if c.key not in self.raised
                }
            case Copy() | Delete():
                assert not refused
                assert set(result) - self.raised == set(expected) - self.raised
            case Owed():
                assert {c.key for c in result} == {c.key for c in expected}
                assert [least(result, key) for key, _ in result] == [least(expected, key) for key, _ in result]
            case Settled(claims):
                done = {made.key for made in claims}
                self.model.deferred = [made for made in self.model.deferred if made.key not in done]
            case _:
                assert refused is False
                assert result == expected


def least(claims: tuple[Claim, ...], key: Key) -> Entry:
    """The earliest entry of a key."""
    found, *more = (made.entry for made in claims if made.key == key)
    for other in more:
        found = join(found, other)
    return found


def steps() -> SearchStrategy[list[Step]]:
    """What may happen to a store of tiers."""
    name = st.sampled_from(NAMES)
    return st.lists(
        st.one_of(
            st.tuples(st.just("claim"), name),
            st.tuples(st.just("merge"), st.lists(st.tuples(name, st.integers(-20, 5)), min_size=1, max_size=4)),
            st.tuples(st.just("age"), st.floats(0.1, 40)),
            st.tuples(st.just("cold"), st.booleans()),
            st.tuples(st.just("settle"), st.just(None)),
            st.tuples(st.just("restart"), st.just(None)),
        ),
        max_size=25,
    )


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(steps(), st.sampled_from([1, 2, 1000]), st.sampled_from([100.0, 1e9]))
def test_real_tiers_answer_as_the_model_does(
    tmp_path_factory: pytest.TempPathFactory, history: list[Step], hot_entries: int, window: float
) -> None:
    """The same programs, effect for effect, with the same results; and what is stored under a key is the same in the end."""
    both = Both(tmp_path_factory.mktemp("tiers"), Terms(10.0, 30.0, window), hot_entries)
    with closing(both.shelf):
        for what, value in history:
            try:
                _step(both, what, value)
            except OutOfReach:
                assert both.shelf.bucket.down
        if both.shelf.bucket.down:
            both.away(down=False)
        for key in map(named, NAMES):
            (found,) = run(ask((key,)), both.shelf.tiered.perform)
            assert (found and found.entry) == both.entries.entries.get(key)


def _step(both: Both, what: str, value: Any) -> None:
    now = both.shelf.now - BEGINNING
    match what:
        case "claim":
            both.shelf.now += 1
            both.run(claim(Claim(named(value), entry(now + 1, f"{now}"))))
        case "merge":
            made = tuple(Claim(named(name), entry(now + offset, f"{name}{offset}", "us")) for name, offset in value)
            for key in {c.key for c in made}:
                if key in both.tiers.held[Tier.COLD] and key not in both.tiers.held[Tier.HOT]:
                    both.raised |= {key} if key not in both.tiers.held[Tier.WARM] else set()
            both.run(merge(made))
        case "age":
            both.shelf.now += value
            both.run(move())
        case "cold":
            both.away(down=value)
        case "settle":
            both.run(apply_deferred(both.shelf.tiered.deferred_keys()))
        case "restart":
            both.restart()


# Kills.


@pytest.mark.slow
def test_a_kill_at_any_step_forgets_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    """A process is killed before every effect, request and transaction of claims, promotions, demotions and expiry. What was in the
    log is applied again, and every key within its window has its entry; in the end no row and no object is left.
    """
    subprocess.run([sys.executable, "-m", "tests.support.impl.tier_kills", str(tmp_path)], check=True)
    killed = [path for path in tmp_path.iterdir() if path.name.isdecimal()]
    assert len(killed) > 50
    for place in killed:
        with closing(Shelf(place)) as shelf:
            shelf.now = BEGINNING + 80
            logged = [*FILLED, *AGAIN, Claim(named("besides"), entry(30))]  # the last one: no batch is what it was
            shelf.tiered.merge(logged)
            expected = {made.key: made.entry for made in reversed(logged)}
            for _ in range(2):
                assert dict(zip(expected, shelf.tiered.fetch(list(expected)), strict=True)) == expected
                run(move(), shelf.tiered.perform)
            shelf.now = BEGINNING + 200
            run(move(), shelf.tiered.perform)
            assert (shelf.warm.count(), shelf.cold.index.count(), shelf.objects()) == (0, (0, 0), [])


# The index.


def in_the_cold(shelf: Shelf, *names: str) -> list[Claim]:
    """Entries that are in the cold tier alone, in one object."""
    made = [kept(shelf, name) for name in names]
    aged(shelf, 31)
    assert shelf.warm.count() == 0
    return made


def test_a_new_key_costs_no_request_and_is_judged_while_the_objects_are_away(shelf: Shelf) -> None:
    """The index says that no object has it, and that is certain (TIR-5); an old key is deferred, and applied later (TIR-3)."""
    (old,) = in_the_cold(shelf, "old")
    before = shelf.bucket.gets
    kept(shelf, "new", 31)
    assert shelf.bucket.gets == before
    shelf.away(down=True)
    kept(shelf, "newer", 32)
    again = Claim(old.key, entry(33, "other"))
    (refused,) = shelf.tiered.claim([again])
    assert isinstance(refused, OutOfReach)
    assert (int(refused.status), refused.retry_after) == (503, 1)
    with pytest.raises(Unavailable, match="1 claims of the log wait"):
        shelf.tiered.require_none_deferred()
    shelf.away(down=False)
    assert run(apply_deferred(shelf.tiered.deferred_keys()), shelf.tiered.perform) == 1
    shelf.tiered.require_none_deferred()
    assert shelf.tiered.claim([again]) == [old.entry]


def test_one_request_that_fails_is_enough(shelf: Shelf) -> None:
    """The objects are not asked again before they have been met, however many claims need them (TIR-3)."""
    old = in_the_cold(shelf, "a", "b", "c")
    shelf.close()
    shelf.open()
    shelf.bucket.down = True
    asked = shelf.bucket.asked
    assert all(isinstance(answer, OutOfReach) for answer in shelf.tiered.claim(old))
    assert shelf.bucket.asked == asked + 1
    shelf.bucket.down = False
    assert all(isinstance(answer, OutOfReach) for answer in shelf.tiered.claim(old))
    shelf.cold.greet()
    assert shelf.tiered.claim(old) == [made.entry for made in old]


def test_what_waits_for_the_cold_tier_takes_bounded_memory(shelf: Shelf) -> None:
    """A sender who tries again and again adds one claim; an earlier one of another region counts."""
    (old,) = in_the_cold(shelf, "old")
    shelf.away(down=True)
    for second in (40, 41, 42):
        shelf.tiered.claim([Claim(old.key, entry(second, "other"))])
    assert shelf.tiered.deferred == 1
    shelf.tiered.claim([Claim(old.key, entry(39, "other", "us"))])
    assert shelf.tiered.deferred == 2


@pytest.mark.parametrize("how", ["gone", "cut", "flipped"])
def test_an_index_that_is_lost_or_damaged_is_made_anew_from_the_objects(shelf: Shelf, how: str) -> None:
    """Before it is whole again, nobody is told that a key is new (TIR-5)."""
    old = in_the_cold(shelf, "a", "b")
    shelf.close()
    path = shelf.directory / NAME
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        place = path.read_bytes().index(fingerprint(named("a")).to_bytes(8, "big", signed=True))
        damage(path, place)
    shelf.bucket.down = True
    shelf.open()
    assert not shelf.cold.index.whole
    assert isinstance(shelf.tiered.claim([Claim(named("new"), entry(40))])[0], OutOfReach)
    shelf.bucket.down = False
    shelf.cold.greet()
    assert shelf.tiered.fetch([made.key for made in old]) == tuple(made.entry for made in old)
    assert shelf.tiered.fetch([named("none")]) == (None,)


def test_every_bit_of_an_index_that_flips_is_noticed_or_harmless(shelf: Shelf) -> None:
    """Whatever bit it is, no key of an object is ever said to be new (TIR-5). Bits of each page are tried in turn."""
    old = in_the_cold(shelf, *(f"k{number}" for number in range(40)))
    shelf.close()
    path = shelf.directory / NAME
    whole = path.read_bytes()
    for at in range(18, len(whole), max(1, len(whole) // 80)):
        path.write_bytes(whole)
        damage(path, at)
        shelf.bucket.down = True
        shelf.open()
        shelf.bucket.down = False
        if shelf.cold.index.whole:
            assert shelf.cold.possible([made.key for made in old]) == {made.key for made in old}
        shelf.close()
        for left in shelf.directory.glob(f"{NAME}*"):
            left.unlink()
    path.write_bytes(whole)
    shelf.open()


def test_another_cold_tier_is_refused(shelf: Shelf) -> None:
    """An empty bucket, or that of another node, does not say that keys are new: it is not asked, until the right one is back."""
    (old,) = in_the_cold(shelf, "old")
    token = shelf.directory / "objects" / "cold" / "eu.place"
    was = token.read_bytes()
    for other in (b"another", None):
        token.write_bytes(other) if other else token.unlink()
        with pytest.raises(Unavailable, match="this is not the cold tier"):
            shelf.cold.greet()
        shelf.cold._kept.clear()
        assert isinstance(shelf.tiered.claim([old])[0], OutOfReach)
    token.write_bytes(was)
    shelf.cold.greet()
    assert shelf.tiered.claim([old]) == [old.entry]


# Objects.


@pytest.mark.parametrize("how", ["gone", "cut", "flipped", "head", "swapped"])
def test_a_damaged_object_is_never_not_there(shelf: Shelf, how: str) -> None:
    """Its keys are out of reach, all others are answered; it is counted once, and mended from the log alone as it was (TIR-6)."""
    old = in_the_cold(shelf, "a", "b")
    (path,) = shelf.objects()
    whole = path.read_bytes()
    kept(shelf, "c", 31)
    aged(shelf, 31)
    (other,) = (found for found in shelf.objects() if found != path)
    if how == "gone":
        path.unlink()
    else:
        content = {
            "cut": whole[:-7],
            "flipped": whole[:60] + bytes([whole[60] ^ 1]) + whole[61:],
            "head": b"FLKCOLD1 zstd\n" + whole,
            "swapped": other.read_bytes(),
        }[how]
        path.write_bytes(content)
    shelf.cold._kept.clear()
    assert all(isinstance(answer, OutOfReach) for answer in shelf.tiered.claim(old))
    assert shelf.tiered.fetch([named("c"), named("none")])[1] is None
    assert shelf.seen.count("damaged") == 1
    (name,) = shelf.cold.damaged
    later = [Claim(made.key, entry(3, "later")) for made in old]
    found = path.read_bytes() if path.exists() else None
    assert not shelf.cold.mend(name, later)
    assert not shelf.cold.mend(name, old[:1])
    assert (path.read_bytes() if path.exists() else None) == found
    assert shelf.cold.mend(name, [*later, *old, Claim(named("z"), entry(0))])
    assert path.read_bytes() == whole
    assert run(apply_deferred(shelf.tiered.deferred_keys()), shelf.tiered.perform) == 2
    assert shelf.tiered.claim(later) == [made.entry for made in old]


def test_a_damaged_object_past_its_window_goes(shelf: Shelf) -> None:
    """What expires need not be read."""
    in_the_cold(shelf, "a")
    (path,) = shelf.objects()
    damage(path)
    shelf.cold._kept.clear()
    aged(shelf, 100)
    assert shelf.objects() == []
    kept(shelf, "a", 131)


def test_a_format_that_is_not_known_is_no_damage_to_be_mended(shelf: Shelf) -> None:
    """A later version wrote it: the message says so."""
    (old,) = in_the_cold(shelf, "a")
    (path,) = shelf.objects()
    path.write_bytes(path.read_bytes().replace(b"FLKCOLD1", b"FLKCOLD2"))
    shelf.cold._kept.clear()
    (refused,) = shelf.tiered.claim([old])
    assert isinstance(refused, OutOfReach)
    assert "format 2" in refused.detail


def test_what_gave_way_does_not_come_back_when_its_successor_expires(shelf: Shelf) -> None:
    """An earlier entry of another region takes a cold one's place, and the later one it replaced ends with it, not after it."""
    (old,) = in_the_cold(shelf, "a")
    earlier = Claim(old.key, entry(-20, "e", "us"))
    assert shelf.tiered.merge([earlier]) == 1
    assert shelf.tiered.fetch([old.key]) == (earlier.entry,)
    aged(shelf, 1)
    assert shelf.warm.count() == 0
    assert len(shelf.objects()) == 2
    shelf.now = BEGINNING + 85
    aged(shelf, 0)
    assert shelf.tiered.fetch([old.key]) == (earlier.entry,)
    aged(shelf, 20)
    assert shelf.tiered.fetch([old.key]) == (None,)
    assert shelf.objects() == []


def test_a_log_that_is_read_again_brings_back_nothing_that_has_expired(shelf: Shelf) -> None:
    """A key that was new again keeps its later entry, though the log still has the earlier one (TIR-1)."""
    first = kept(shelf, "a")
    aged(shelf, 101)
    second = kept(shelf, "a", 101)
    shelf.tiered.merge([first, second])
    assert shelf.tiered.fetch([first.key]) == (second.entry,)


def test_while_the_time_is_in_doubt_nothing_expires(shelf: Shelf) -> None:
    """A clock that jumps ahead by weeks would end every window at once (HLC-5)."""
    made = kept(shelf, "a")

    def doubtful() -> float:
        raise untimely("wall time has made a step")

    shelf.tiered.now = doubtful
    with pytest.raises(Unavailable):
        run(move(), shelf.tiered.perform)
    assert shelf.tiered.fetch([made.key]) == (made.entry,)


def test_the_hot_tier_is_bounded(tmp_path: Path) -> None:
    """What was used longest ago is in the warm tier alone."""
    with closing(Shelf(tmp_path, TERMS, hot_entries=3)) as shelf:
        made = [kept(shelf, f"k{number}") for number in range(10)]
        assert list(shelf.tiered.hot) == [claim.key for claim in made[-3:]]
        assert shelf.tiered.claim(made) == [claim.entry for claim in made]
