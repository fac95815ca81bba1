"""A store of tiers: claims look everywhere, moves forget nothing, and what only an absent tier could tell is owed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from tests.support.model.world import EQUIVOCATING, EXAMINE, HONEST, STORY, Crash, Stop, pcs, submission

from flk.model.effects import INBOX, Aged, Effect, Look, Merge, Program, Seal, Store
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason, join, precedence
from flk.model.entries.tiers import Term, Terms, Tier, Tiers
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp, at, wall_seconds
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.ingest import ingest
from flk.model.programs.recall import recall
from flk.model.programs.recover import recover
from flk.model.programs.ship import ship
from flk.model.programs.tiering import BATCH, Moved, apply_deferred, demote, expire, move
from flk.model.refusal import OutOfReach, Unavailable
from flk.model.runtime import run

BEGINNING = 1_767_225_600.0
TERMS = Terms(hot=10.0, warm=30.0, window=100.0)


class Stopping(MemoryNode):
    """A node in memory that can stop at any effect, those of the programs that perform others included."""

    effects = 0
    crash_at: int | None = None
    stop = Stop.BEFORE

    def perform(self, effect: Effect[Any]) -> Any:
        """The effect's result, unless the node is to stop here."""
        index, self.effects = self.effects, self.effects + 1
        if index != self.crash_at:
            return super().perform(effect)
        if self.stop is Stop.AFTER:
            super().perform(effect)
        raise Crash(f"{self.stop} effect {index}: {type(effect).__name__}")


class Place:
    """A region whose disk and store outlive its node, with a clock that is set by hand."""

    def __init__(self, terms: Terms = TERMS) -> None:
        self.now = BEGINNING
        self.disk, self.objects = Disk("eu"), Objects()
        self.tiers = Tiers(terms)
        self.entries = Entries(tiers=self.tiers)
        self.node = self.start()

    def start(self) -> Stopping:
        """A new node on what is there."""
        self.node = Stopping(self.disk, self.entries, self.objects, self._tick)
        return self.node

    def run(self, program: Program[Any]) -> Any:
        """Run a program on the node of the moment."""
        return run(program, self.node.perform)

    def ingest(self, sent: Submission) -> Response:
        """One submission answered."""
        response: Response = self.run(ingest(sent, "eu", EXAMINE))
        return response

    def claim(self, claim: Claim) -> Entry:
        """A Store by itself."""
        stored: Entry = self.node.perform(Store(claim))
        return stored

    def cold(self, *, down: bool) -> None:
        """Let the cold tier go away, or come back."""
        assert self.node.tiered is not None
        self.node.tiered.cold_down = down

    @property
    def deferred(self) -> list[Claim]:
        """What the node owes."""
        assert self.node.tiered is not None
        return self.node.tiered.deferred

    def where(self, key: Key) -> list[Tier]:
        """The tiers that hold a key."""
        return [tier for tier in Tier if key in self.tiers.held[tier]]

    def age(self, seconds: float) -> None:
        """Let time pass, and the mover with it."""
        self.now += seconds
        self.run(move())

    def _tick(self) -> float:
        self.now += 0.001
        return self.now


def entry(seconds: float, digest: str = "d", region: str = "eu") -> Entry:
    """An entry of that moment."""
    outcome = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.0)
    return Entry(at(BEGINNING + seconds), region, digest, outcome)


def named(name: str) -> Key:
    """A key."""
    return Key("default", name)


HONEST_KEY = Key("default", pcs().pcs_id)


def test_an_entry_goes_from_hot_to_warm_to_cold_and_is_found_all_the_while() -> None:
    """With age it moves down, each time it is asked for it is copied one tier up, and past the window it is new again (TIR-1)."""
    place = Place()
    first = place.ingest(HONEST)
    assert place.where(HONEST_KEY) == [Tier.HOT]
    place.age(11)
    assert place.where(HONEST_KEY) == [Tier.WARM]
    place.age(20)
    assert place.where(HONEST_KEY) == [Tier.COLD]
    assert place.run(recall(HONEST_KEY)).json() == first.json()
    assert place.where(HONEST_KEY) == [Tier.COLD]  # who only looks moves nothing
    assert place.ingest(HONEST) == first
    assert place.where(HONEST_KEY) == [Tier.WARM, Tier.COLD]
    assert place.ingest(HONEST) == first
    assert place.where(HONEST_KEY) == list(Tier)
    place.age(1)
    assert place.where(HONEST_KEY) == [Tier.COLD]
    place.age(70)
    assert place.where(HONEST_KEY) == []
    again = place.ingest(HONEST)
    assert again.status == first.status
    assert again.body != first.body


def test_the_mover_counts_what_it_did() -> None:
    """Demoted are entries, expired are copies."""
    place = Place()
    place.ingest(HONEST)
    place.now += 40
    assert place.run(move()) == Moved(demoted=2, expired=0)
    place.ingest(HONEST)
    place.now += 70
    assert place.run(move()) == Moved(demoted=0, expired=2)
    assert place.run(move()) == Moved(0, 0)


def test_a_batch_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """More entries than one effect moves are moved all the same, in several."""
    monkeypatch.setattr("flk.model.programs.tiering.BATCH", 3)
    place = Place()
    for number in range(10):
        place.claim(Claim(named(f"k{number}"), entry(0)))
    place.now += 11
    assert place.run(move()) == Moved(demoted=10, expired=0)
    place.now += 100
    assert place.run(move()) == Moved(demoted=0, expired=10)


def test_without_the_cold_tier_only_cold_keys_are_turned_away() -> None:
    """Hot and warm entries are found as ever; what only the cold tier could tell gets 503, and the node is not behind (TIR-3)."""
    place = Place()
    hot, warm, cold = (submission(pcs(epoch=epoch)) for epoch in (11, 12, 13))
    answers = [place.ingest(cold)]
    place.age(31)
    answers.append(place.ingest(warm))
    place.age(11)
    answers.append(place.ingest(hot))
    place.cold(down=True)
    assert [place.ingest(sent) for sent in (warm, hot)] == [answers[1], answers[2]]
    keys = [Key("default", pcs(epoch=epoch).pcs_id) for epoch in (11, 12, 13)]
    assert [place.run(recall(key)).status for key in keys] == [200, 200, 503]
    for sent in (cold, submission(pcs(epoch=14))):
        response = place.ingest(sent)
        assert response.status == 503
        assert response.retry_after == 1
    assert not place.node.behind
    assert len(place.deferred) == 2
    place.cold(down=False)
    assert place.ingest(cold) == answers[0]
    assert len(place.deferred) == 1


def test_what_is_owed_comes_before_later_claims_of_its_key() -> None:
    """The claim that was logged first wins although it could not be applied first (DUP-6)."""
    place = Place()
    place.cold(down=True)
    assert [place.ingest(sent).status for sent in (HONEST, EQUIVOCATING)] == [503, 503]
    place.cold(down=False)
    assert place.ingest(EQUIVOCATING).status == 409
    assert place.ingest(HONEST).status == 200
    assert not place.deferred


def test_nothing_is_sealed_while_claims_are_owed() -> None:
    """A sealed segment has every frame applied or refused (WAL-6); once the debt is settled it ships."""
    place = Place()
    place.cold(down=True)
    place.ingest(HONEST)
    with pytest.raises(Unavailable):
        place.run(ship())
    with pytest.raises(OutOfReach):
        place.run(apply_deferred((HONEST_KEY,)))
    place.cold(down=False)
    assert place.run(apply_deferred((HONEST_KEY,))) == 1
    assert place.run(apply_deferred((HONEST_KEY,))) == 0
    assert len(place.run(ship())) == 1
    assert place.where(HONEST_KEY) == [Tier.HOT]


def test_a_crash_forgets_what_is_owed_and_recovery_finds_it() -> None:
    """The frames are in the log. While the cold tier is away recovery cannot go on, and afterwards it applies them."""
    place = Place()
    place.cold(down=True)
    place.ingest(HONEST)
    place.ingest(EQUIVOCATING)
    place.start()
    place.cold(down=True)
    with pytest.raises(OutOfReach):
        place.run(recover("eu", EXAMINE))
    place.cold(down=False)
    assert place.run(recover("eu", EXAMINE)).claims == 2
    assert place.ingest(HONEST).status == 200


def test_a_store_that_does_not_answer_at_all_is_another_matter() -> None:
    """Then the node is behind its log, as without tiers (ORD-4), and recovery settles what was owed before, too."""
    place = Place()
    place.cold(down=True)
    place.ingest(HONEST)
    place.cold(down=False)
    place.node.store_down = True
    assert place.ingest(STORY[3]).status == 503
    assert place.node.behind
    place.node.store_down = False
    place.run(recover("eu", EXAMINE))
    assert not place.deferred
    assert [place.ingest(sent).status for sent in (HONEST, STORY[3])] == [200, 202]


def test_a_merge_changes_nothing_while_a_tier_that_it_needs_is_away() -> None:
    """One key of many that only the cold tier knows refuses the whole; repeated later it is applied once."""
    place = Place()
    place.claim(Claim(named("near"), entry(5)))
    claims = (Claim(named("near"), entry(1, "e", "us")), Claim(named("far"), entry(2, "f", "us")))
    place.cold(down=True)
    with pytest.raises(OutOfReach):
        place.node.perform(Merge(claims))
    assert place.entries.entries[named("near")] == entry(5)
    place.cold(down=False)
    assert place.node.perform(Merge(claims)) == 1
    assert place.node.perform(Merge(claims)) == 0
    assert [place.entries.entries[claim.key] for claim in claims] == [claim.entry for claim in claims]
    assert len(place.entries.superseded) == 1


def test_an_entry_that_gives_way_is_replaced_where_it_is() -> None:
    """Copies in slower tiers that were left behind never come back: the first tier counts, and a move joins (CRR-1)."""
    place = Place()
    key = named("k")
    place.claim(Claim(key, entry(20)))
    place.age(31)
    assert place.where(key) == [Tier.WARM]
    place.claim(Claim(key, entry(21)))
    assert place.where(key) == [Tier.HOT, Tier.WARM]
    assert place.node.perform(Merge((Claim(key, entry(3, "e", "us")),))) == 1
    assert place.where(key) == [Tier.HOT, Tier.WARM]
    place.age(2)
    assert place.where(key) == [Tier.COLD]
    assert place.entries.entries[key] == entry(3, "e", "us")


def test_claims_of_one_key_in_one_merge_come_one_after_another() -> None:
    """The earlier of two wins over a stored entry that is later than both, whichever stands first."""
    later = Claim(named("k"), entry(2, "f", "us"))
    earlier = Claim(named("k"), entry(1, "e", "us"))
    for claims in ((earlier, later), (later, earlier)):
        place = Place()
        place.claim(Claim(named("k"), entry(3)))
        place.now += 15
        place.run(move())
        place.node.perform(Merge(claims))
        assert place.entries.entries[named("k")] == earlier.entry


def test_only_tiers_that_are_needed_are_asked() -> None:
    """A key that a faster tier has is not looked for in the others."""
    place = Place()
    place.claim(Claim(named("k"), entry(0)))
    asked: list[Tier] = []
    perform = MemoryNode.perform

    class Listening(Stopping):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Look):
                asked.append(effect.tier)
            return perform(self, effect)

    node = Listening(place.disk, place.entries, place.objects, place._tick)
    node.perform(Store(Claim(named("k"), entry(1))))
    assert asked == [Tier.HOT]
    node.perform(Store(Claim(named("new"), entry(1))))
    assert asked == [Tier.HOT, *Tier]


# Any order of claims, merges, moves, crashes and outages.

NAMES = ["a", "b", "c"]
Step = tuple[str, Any]


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
            st.tuples(st.just("crash"), st.integers(0, 8)),
        ),
        max_size=40,
    )


@pytest.mark.slow
@given(steps())
@settings(max_examples=300, deadline=None)
def test_whatever_happens_a_store_of_tiers_is_a_store(history: list[Step]) -> None:
    """Every key holds the least of all that was claimed or merged for it and not turned away, whatever moved and whatever stopped,
    and the first tier that has the key says so. Nothing within the window is forgotten.
    """
    place = Place(Terms(hot=10.0, warm=30.0, window=1e9))
    expected: dict[Key, Entry] = {}
    logged: list[Claim] = []

    def note(claims: tuple[Claim, ...]) -> None:
        for claim in claims:
            known = expected.get(claim.key)
            expected[claim.key] = claim.entry if known is None else join(known, claim.entry)

    for what, value in history:
        try:
            _step(place, what, value, logged, note)
        except Crash:
            down = place.node.tiered is not None and place.node.tiered.cold_down
            place.start()
            place.cold(down=False)
            place.node.perform(Merge(tuple(logged)))
            note(tuple(logged))
            place.cold(down=down)
        except OutOfReach:
            assert place.node.tiered is not None
            assert place.node.tiered.cold_down
        owed = {claim.key for claim in place.deferred}
        for key, stored in expected.items():
            held = [place.tiers.held[tier][key] for tier in place.where(key)]
            assert held
            assert held == sorted(held, key=precedence)
            if key not in owed:
                assert place.entries.entries[key] == stored


def _step(place: Place, what: str, value: Any, logged: list[Claim], note: Callable[[tuple[Claim, ...]], None]) -> None:
    match what:
        case "claim":
            place.now += 1
            made = Claim(named(value), entry(place.now - BEGINNING, f"{place.now}"))
            before = list(place.deferred)
            logged.append(made)
            stored = place.claim(made)
            note((*(claim for claim in before if claim.key == made.key), made))
            assert stored == place.entries.entries[made.key]
        case "merge":
            claims = tuple(
                Claim(named(name), entry(place.now - BEGINNING + offset, f"{name}{offset}", "us"))
                for name, offset in value
            )
            place.node.perform(Merge(claims))
            note(claims)
        case "age":
            place.age(value)
        case "cold":
            place.cold(down=value)
        case "settle":
            owed = tuple(place.deferred)
            place.run(apply_deferred(tuple(claim.key for claim in owed)))
            note(owed)
        case "crash":
            place.node.crash_at = place.node.effects + value


# Every program, stopped at every effect.


def stops(new: Callable[[], Place], script: Callable[[Place], object]) -> Iterator[Place]:
    """For each effect of the script, before and after it: a place where the script stopped just there, with a new node."""
    whole = new()
    start = whole.node.effects
    script(whole)
    for index in range(start, whole.node.effects):
        for stop in (Stop.BEFORE, Stop.AFTER):
            place = new()
            place.node.crash_at, place.node.stop = index, stop
            with pytest.raises(Crash):
                script(place)
            place.start()
            yield place


def filled() -> Place:
    """Entries in every tier, some in two, and one owed."""
    place = Place()
    for number, seconds in enumerate((0.0, 0.0, 20.0, 35.0)):
        place.claim(Claim(named(f"k{number}"), entry(seconds)))
    place.age(36)
    place.claim(Claim(named("k0"), entry(36)))  # promoted
    place.now += 12
    place.cold(down=True)
    with pytest.raises(OutOfReach):
        place.claim(Claim(named("k9"), entry(47)))
    place.cold(down=False)
    return place


def test_moves_stopped_anywhere_forget_nothing() -> None:
    """Every key stays in some tier, and the next pass of the mover ends as an undisturbed one does."""
    calm = filled()
    before = dict(calm.entries.entries)
    calm.run(move())
    points = 0
    for place in stops(filled, lambda place: place.run(move())):
        points += 1
        assert dict(place.entries.entries) == before
        place.run(move())
        assert place.tiers.held == calm.tiers.held
    assert points > 10


def test_claims_stopped_anywhere_are_finished_by_the_next() -> None:
    """A claim for a key in any tier, and one for a new key, may stop anywhere: asked again, each gets what it would have got."""

    def script(place: Place) -> list[Entry]:
        return [place.claim(Claim(named(name), entry(50, "other"))) for name in ("k0", "k1", "k2", "k3", "new")]

    calm = script(filled())
    for place in stops(filled, script):
        assert script(place) == calm
        assert set(place.entries.entries) == {named(name) for name in ("k0", "k1", "k2", "k3", "new")}


def test_settling_stopped_anywhere_applies_what_is_owed_in_the_end() -> None:
    """A node that stops forgets the debt; its log, merged again, has it."""
    owed = Claim(named("k9"), entry(47))
    for place in stops(filled, lambda place: place.run(apply_deferred((owed.key,)))):
        place.node.perform(Merge((owed,)))
        assert place.entries.entries[owed.key] == owed.entry


@pytest.mark.slow
def test_ingest_and_recovery_stopped_anywhere_keep_what_was_answered() -> None:
    """With tiers below, a story of submissions may stop at every effect, then recover: no answer changes."""

    def script(place: Place) -> list[int]:
        statuses = []
        for sent in STORY:
            statuses.append(place.ingest(sent).status)
            place.age(9)
        return statuses

    def fresh() -> Place:
        return Place(Terms(10.0, 30.0, 1e6))

    calm = fresh()
    statuses = script(calm)
    for place in stops(fresh, script):
        kept = dict(place.entries.entries)
        place.run(recover("eu", EXAMINE))
        assert kept.items() <= place.entries.entries.items()
        assert [status for status in script(place) if status in {400, 401}] == [s for s in statuses if s in {400, 401}]
        assert {key: found.digest for key, found in place.entries.entries.items()} == {
            key: found.digest for key, found in calm.entries.entries.items()
        }


# The parts.


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 200))), st.floats(0, 200), st.sampled_from(Term))
def test_what_has_aged_is_what_is_older_than_the_term(held: list[tuple[str, float]], now: float, term: Term) -> None:
    """By the wall time of the timestamp, whichever tier it is in."""
    tiers = Tiers(TERMS)
    for name, seconds in held:
        tiers.put(Tier.WARM, named(name), entry(seconds))
    found = {claim.key for claim in tiers.aged(Tier.WARM, term, 100, BEGINNING + now)}
    assert found == {
        key
        for key, one in tiers.held[Tier.WARM].items()
        if BEGINNING + now - wall_seconds(one.timestamp) >= TERMS.of(term)
    }


def test_what_changed_meanwhile_is_neither_copied_nor_deleted() -> None:
    """A move acts on the entries it was told of: one that gave way since stays, for the next pass."""
    tiers = Tiers(TERMS)
    key = named("k")
    tiers.put(Tier.HOT, key, entry(5))
    told = (Claim(key, entry(5)),)
    tiers.place(key, entry(1))
    assert tiers.copy(Tier.HOT, Tier.WARM, told, BEGINNING) == ()
    assert tiers.delete(Tier.HOT, told) == ()
    assert tiers.first[key] == entry(1)


def test_a_copy_joins_and_ends_with_the_window() -> None:
    """An older copy below gives way to the earlier entry above; what is past its window is left where it is, to expire."""
    tiers = Tiers(TERMS)
    key = named("k")
    tiers.put(Tier.WARM, key, entry(5))
    tiers.put(Tier.HOT, key, entry(1))
    assert tiers.copy(Tier.HOT, Tier.WARM, (Claim(key, entry(1)),), BEGINNING) == (key,)
    assert tiers.held[Tier.WARM][key] == entry(1)
    tiers.drop(Tier.HOT, key)
    assert tiers.copy(Tier.WARM, Tier.HOT, (Claim(key, entry(1)),), BEGINNING + 102) == ()
    assert tiers.copy(Tier.WARM, Tier.HOT, (Claim(key, entry(1)),), BEGINNING + 99) == (key,)


def test_sealing_is_refused_by_the_node_itself() -> None:
    """The rule is the runtime's, not that of one program."""
    place = Place()
    place.cold(down=True)
    place.ingest(HONEST)
    with pytest.raises(Unavailable, match="1 claims of the log wait"):
        place.node.perform(Seal(INBOX))
    assert Timestamp(0) < place.deferred[0].entry.timestamp


def test_what_expires_between_two_looks_is_not_moved() -> None:
    """An entry whose window ends after the expiry of its tier was looked for is not carried on, and the mover comes to an end."""
    place = Place(Terms(hot=10.0, warm=10.0, window=10.0))
    for number in range(5):
        place.claim(Claim(named(f"k{number}"), entry(0)))
    place.now += 11
    assert place.run(demote(Tier.HOT)) == 0
    assert place.run(expire(Tier.HOT)) == 5


def test_a_mover_ends_where_nothing_can_be_copied() -> None:
    """A whole batch has aged, and the slower tier takes none of it now (TIR-3): the next round tries again."""
    claims = tuple(Claim(named(f"{number}"), entry(1.0)) for number in range(BATCH))
    asked: list[str] = []

    def perform(effect: Effect[Any]) -> Any:
        asked.append(type(effect).__name__)
        assert len(asked) < 10, "it goes on for ever"
        return claims if isinstance(effect, Aged) else ()

    assert run(demote(Tier.HOT), perform) == 0
    assert asked[:2] == ["Aged", "Copy"]
