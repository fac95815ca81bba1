"""The tiers of a real node: what memory, SQLite and objects answer is what the model's tiers answer."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from tests.support.impl.tiers import BEGINNING, TERMS, Shelf, entry, named
from tests.support.model.world import Crash

from flk.impl.storage.cold_index import NAME, ColdIndex, fingerprint
from flk.model.effects import Aged, Copy, Delete, Effect, Look, Owe, Owed, Program, Settled
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.tiers import Term, Terms, Tier, Tiers
from flk.model.memory.parts import Entries
from flk.model.memory.tiered import TieredStore
from flk.model.programs.tiering import Moved, apply_deferred, ask, claim, merge, move
from flk.model.refusal import OutOfReach, Unavailable
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
                assert {c for c in result if c.key not in self.raised} == {c for c in expected if c.key not in self.raised}
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


@settings(max_examples=60, deadline=None)
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
