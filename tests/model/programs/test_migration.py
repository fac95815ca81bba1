"""Keys move to another shard under traffic: whatever stops where, no answer is forgotten and none changes."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.crash_points import crash_points
from tests.support.model.world import STORY, World, pcs, submission

from flk.model.effects import Advance, Effect, Forget, GaveWay, InsertOrGet, Part, Program, Replace, Store
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason, Supersession
from flk.model.entries.migration import MigratingKeys, Page, Phase, Side, follower, ruler
from flk.model.flow.submission import Response, Submission
from flk.model.log.hlc import Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.migration import claim, copy, merge, migrate, roll_back
from flk.model.refusal import Refused, Unavailable
from flk.model.runtime import run

OK = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
KEYS = tuple(Key("default", f"{number}") for number in range(3))
ANSWERED = {200, 202, 409}


def everything(key: Key) -> bool:
    """Every key moves."""
    del key
    return True


def of_even_hash(key: Key) -> bool:
    """Half of the keys move."""
    return int(key.pcs_id[0], 16) % 2 == 0


def wanted(key: Key, at: int, region: str = "eu") -> Claim:
    """A claim, logged at a moment."""
    return Claim(key, Entry(Timestamp(at), region, f"{at:08x}", OK))


def store() -> tuple[MigratingKeys, Callable[[Effect[Any]], Any]]:
    """A store all of whose keys move, and a node that performs effects on it."""
    moving = MigratingKeys(everything)
    return moving, MemoryNode(Disk("eu"), Entries(migrating=moving), Objects(), lambda: 0.0).perform


def upto(phase: Phase, perform: Callable[[Effect[Any]], Any]) -> None:
    """Bring the phase on record to this one, with nothing to copy."""
    for since, to in zip(Phase, list(Phase)[1:], strict=False):
        if since is phase:
            return
        perform(Advance(since, to))


def brought_to(phase: Phase, perform: Callable[[Effect[Any]], Any]) -> None:
    """Bring the phase on record to any, that of a migration which was taken back among them."""
    if phase is Phase.ROLLED_BACK:
        perform(Advance(Phase.PLANNED, Phase.DUAL))
        run(roll_back(), perform)
    else:
        upto(phase, perform)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5), st.booleans(), st.booleans())), st.data())
def test_what_is_stored_is_what_the_ruling_shard_has(
    steps: list[tuple[int, int, bool, bool]], data: st.DataObject
) -> None:
    """Whatever reaches both shards or one of them only, at every moment and through every switch, back again too (MIG-2, MIG-4)."""
    moving = MigratingKeys(everything)
    entries = Entries(migrating=moving)
    perform = MemoryNode(Disk("eu"), entries, Objects(), lambda: 0.0).perform
    for number, at, both, goes_on in steps:
        phase, new = moving.phase, wanted(KEYS[number], at)
        perform(InsertOrGet(ruler(phase), new, phase, False))
        other = follower(phase)
        if both and other is not None:
            seen, entry = moving.held[other].get(new.key), moving.held[ruler(phase)][new.key]
            perform(Replace(other, new.key, seen, entry, phase))
        if goes_on:
            to = data.draw(st.sampled_from([*Phase]))
            perform(Advance(phase, to))
        assert entries.entries == moving.ruling


@pytest.mark.parametrize("phase", Phase)
def test_a_claim_is_answered_in_every_phase_and_both_sides_have_it_while_they_must(phase: Phase) -> None:
    """The ruling side decides; from dual writes to cleanup the other has the same when the claim is answered."""
    moving, perform = store()
    brought_to(phase, perform)
    first, second = wanted(KEYS[0], 1), wanted(KEYS[0], 2)
    assert run(claim(first), perform) == first.entry
    assert run(claim(second), perform) == first.entry
    sides = {side for side in Side if KEYS[0] in moving.held[side]}
    assert sides == {ruler(phase), follower(phase) or ruler(phase)}


@pytest.mark.parametrize("phase", Phase)
def test_a_node_stores_what_moves_on_the_sides_of_the_phase_and_the_rest_where_it_was(phase: Phase) -> None:
    """As the program has it, by the effect that `ingest` performs."""
    moving = MigratingKeys(lambda key: key == KEYS[0])
    entries = Entries(migrating=moving)
    perform = MemoryNode(Disk("eu"), entries, Objects(), lambda: 0.0).perform
    brought_to(phase, perform)
    for key in KEYS[:2]:
        assert perform(Store(wanted(key, 1))) == wanted(key, 1).entry
    assert {side for side in Side if KEYS[0] in moving.held[side]} == {ruler(phase), follower(phase) or ruler(phase)}
    assert not any(KEYS[1] in moving.held[side] for side in Side)
    assert entries.entries[KEYS[1]] == wanted(KEYS[1], 1).entry


def test_what_the_following_side_has_left_over_is_overwritten() -> None:
    """A node died between its two writes: what only the new shard has by now is nobody's outcome."""
    moving, perform = store()
    upto(Phase.DUAL, perform)
    moving.held[Side.NEW][KEYS[0]] = wanted(KEYS[0], 1).entry
    later = wanted(KEYS[0], 2)
    assert run(claim(later), perform) == later.entry
    assert moving.held[Side.NEW][KEYS[0]] == later.entry


def test_a_claim_that_spans_two_phases_is_refused() -> None:
    """It began in one phase and would write in the next."""
    moving, perform = store()
    upto(Phase.DUAL, perform)

    def overtaken(effect: Effect[Any]) -> Any:
        if isinstance(effect, Replace):
            moving.phase = Phase.CUT_OVER
        return perform(effect)

    with pytest.raises(Unavailable, match="went on from dual to cut_over"):
        run(claim(wanted(KEYS[0], 1)), overtaken)
    assert KEYS[0] not in moving.held[Side.NEW]


def test_a_claim_that_is_the_same_on_both_sides_writes_once() -> None:
    """Recovery repeats claims by the thousand; one that is in place needs no second write."""
    _, perform = store()
    upto(Phase.DUAL, perform)
    run(claim(wanted(KEYS[0], 1)), perform)

    def once(effect: Effect[Any]) -> Any:
        assert not isinstance(effect, Replace)
        return perform(effect)

    run(claim(wanted(KEYS[0], 1)), once)


def test_a_copy_does_not_overtake_a_claim() -> None:
    """The copier has read both sides when an earlier entry is merged into both: it looks again."""
    moving, perform = store()
    run(claim(wanted(KEYS[0], 5)), perform)
    upto(Phase.DUAL, perform)
    earlier = wanted(KEYS[0], 3, "us")
    merged = 0

    def overtaken(effect: Effect[Any]) -> Any:
        nonlocal merged
        if isinstance(effect, Replace) and not merged:
            merged = run(merge((earlier,)), perform)
        return perform(effect)

    run(copy(KEYS[0]), overtaken)
    assert merged == 1
    assert moving.held[Side.NEW][KEYS[0]] == moving.held[Side.OLD][KEYS[0]] == earlier.entry


def test_a_late_second_write_does_not_bring_back_what_gave_way() -> None:
    """Between the two writes of a claim an earlier entry is merged into both sides: the claim is answered with that one."""
    moving, perform = store()
    upto(Phase.DUAL, perform)
    earlier = wanted(KEYS[0], 3, "us")

    def overtaken(effect: Effect[Any]) -> Any:
        if isinstance(effect, Replace) and moving.held[Side.OLD][KEYS[0]] != earlier.entry:
            run(merge((earlier,)), perform)
        return perform(effect)

    assert run(claim(wanted(KEYS[0], 5)), overtaken) == earlier.entry
    assert moving.held[Side.NEW][KEYS[0]] == moving.held[Side.OLD][KEYS[0]] == earlier.entry


def test_a_replacement_of_something_else_changes_nothing() -> None:
    """Only what was seen is overwritten."""
    moving, perform = store()
    first, second = wanted(KEYS[0], 1).entry, wanted(KEYS[0], 2).entry
    moving.held[Side.NEW][KEYS[0]] = first
    assert not perform(Replace(Side.NEW, KEYS[0], None, second, Phase.PLANNED))
    assert not perform(Replace(Side.NEW, KEYS[0], second, second, Phase.PLANNED))
    assert moving.held[Side.NEW][KEYS[0]] == first
    assert perform(Replace(Side.NEW, KEYS[0], first, second, Phase.PLANNED))


def test_pages_miss_nothing_that_comes_while_they_are_read() -> None:
    """New keys come on later pages; deleted ones are left out."""
    moving = MigratingKeys(everything)
    for number in range(5):
        moving.insert_or_get(Side.OLD, wanted(Key("default", f"{number}"), number), Phase.PLANNED)
    first = moving.page(Side.OLD, 0, 3)
    assert first.end == 5
    assert [key.pcs_id for key in first.keys] == ["0", "1", "2"]
    moving.insert_or_get(Side.OLD, wanted(Key("default", "5"), 5), Phase.PLANNED)
    moving.forget(Side.OLD, Key("default", "4"), Phase.PLANNED)
    second = moving.page(Side.OLD, first.next, 3)
    assert [key.pcs_id for key in second.keys] == ["3", "5"]
    assert moving.page(Side.OLD, second.next, 3) == Page((), second.next, 6)


# Crash points.


class Client:
    """Sends submissions over and over, and holds the service to what it first said."""

    def __init__(self) -> None:
        self.told: dict[str, object] = {}
        self.refused = 0
        self.sent = 0

    def send(self, world: World, sent: Submission) -> None:
        """One submission; its answer must be the first that was ever given."""
        response = world.ingest("eu", sent)
        self.sent += 1
        if response.status in ANSWERED:
            said = stated(response)
            assert self.told.setdefault(str(said["pcs_id"]), said) == said
        else:
            self.refused += response.status == 503

    def send_next(self, world: World) -> None:
        """The next of a story that never ends: new records and old ones."""
        number = self.sent
        self.send(world, submission(pcs(epoch=number if number % 3 else number // 2)))


def stated(response: Response) -> dict[str, object]:
    """What an answer says of the stored entry, of whichever content."""
    body = msgspec.json.decode(response.body, type=dict[str, Any])
    return {name: body[name] for name in ("pcs_id", "timestamp", "region", "stored_digest") if name in body}


def with_traffic(world: World, client: Client, program: Program[Phase]) -> Phase:
    """Run the migrator; between any two of its effects a client sends something."""

    def between(effect: Effect[Any]) -> Any:
        client.send_next(world)
        return world.perform("eu", effect)

    return run(program, between)


def finished(world: World, client: Client, *, back: bool, stays: bool) -> None:
    """After a crash: recover, let the migration go on, and ask for everything again."""
    world.recover("eu")
    phase = with_traffic(world, client, migrate(back=back, stays=stays))
    assert phase is (Phase.ROLLED_BACK if back else Phase.CLEANED)
    for number in range(client.sent):
        client.send(world, submission(pcs(epoch=number if number % 3 else number // 2)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("back", "stays"),
    [(False, False), (True, False), (False, True), (True, True)],
    ids=["through", "back", "removed", "taken-back"],
)
def test_a_migration_stopped_anywhere_goes_on_and_no_answer_changes(back: bool, stays: bool) -> None:
    """Node and migrator die at each effect of each, under traffic: afterwards the migration ends, and every answer is the first.
    What stays in the ring is left with no copy when a removal is taken back (MIG-9).
    """
    client = Client()

    def script(world: World) -> None:
        client.__init__()  # type: ignore[misc]  # the same client object, begun anew for each world
        for _ in range(4):
            client.send_next(world)
        with_traffic(world, client, migrate(back=back, stays=stays))

    crashes = 0
    for world in crash_points(lambda: World("eu", moves=of_even_hash), script):
        crashes += 1
        finished(world, client, back=back, stays=stays)
        moving = world.moving("eu")
        entries = {key: entry for key, entry in world.entries["eu"].entries.items() if of_even_hash(key)}
        assert moving.held[Side.OLD if back else Side.NEW] == entries
        assert back or not moving.held[Side.OLD]
        assert not (stays and back) or not moving.held[Side.NEW]
        assert moving.parted == (stays and not back)
        assert not client.refused
    assert crashes > 150


def test_what_gave_way_in_a_shard_is_told_when_it_is_gone() -> None:
    """Whatever the migrator dies at, and whichever page is kept twice: at every moment as much is told as before, each as often
    (MIG-9).
    """
    keys = tuple(Key("default", f"{number}") for number in range(40))

    def gave_way(lives: Iterator[int]) -> list[tuple[Counter[Supersession], MigratingKeys]]:
        moving = MigratingKeys(everything)
        entries = Entries(migrating=moving)
        perform = MemoryNode(Disk("eu"), entries, Objects(), lambda: 0.0).perform
        for at in range(9, 1, -1):  # seven times each, some before the shard leaves and some while it does
            if at == 3:
                upto(Phase.DUAL, perform)
            run(merge(tuple(wanted(key, at, "us") for key in keys)), perform)
        seen = [(Counter(entries.superseded), moving)]
        for left in lives:
            try:
                run(migrate(stays=True), dying(perform, left))
                break
            except Dead:
                seen.append((Counter(entries.superseded), moving))
        return [*seen, (Counter(entries.superseded), moving)]

    for step in (1, 3, 10_000):
        seen = gave_way(count(1, step) if step < 10_000 else iter([step]))
        assert {rows.total() for rows, _ in seen} == {280}
        assert all(rows == seen[0][0] for rows, _ in seen)
        moving = seen[-1][1]
        assert moving.parted
        assert not moving.held[Side.OLD]
        assert sorted(moving.kept) == [0, 100, 200]


class Dead(Exception):
    """A migrator is."""


def dying(perform: Callable[[Effect[Any]], Any], left: int) -> Callable[[Effect[Any]], Any]:
    """Perform so many effects, then no more."""
    numbers = count()

    def performed(effect: Effect[Any]) -> Any:
        if next(numbers) >= left:
            raise Dead
        return perform(effect)

    return performed


def test_a_shard_that_is_not_empty_keeps_what_gave_way() -> None:
    """More may give way there, so it is not told yet; and in no phase but the last a shard goes."""
    moving, perform = store()
    upto(Phase.CUT_OVER, perform)
    with pytest.raises(Unavailable, match="went on from cleaned to cut_over"):
        perform(Part(0))
    perform(Advance(Phase.CUT_OVER, Phase.CLEANED))
    moving.held[Side.OLD][KEYS[0]] = wanted(KEYS[0], 1).entry
    with pytest.raises(Unavailable, match="has 1 entries yet"):
        perform(GaveWay(0, 1))
    perform(Forget(Side.OLD, KEYS[0], Phase.CLEANED))
    assert perform(GaveWay(0, 1)) == ()


def test_an_equivocation_is_told_the_same_in_every_phase() -> None:
    """The story of eight submissions, told again after each step of the migrator, gets the same answers each time."""
    world = World("eu", moves=everything)
    first = [stated_or_status(world.ingest("eu", sent)) for sent in STORY]

    def again(effect: Effect[Any]) -> Any:
        result = world.perform("eu", effect)
        assert [stated_or_status(world.ingest("eu", sent)) for sent in STORY][2:] == [*first[4:5], *first[3:]]
        return result

    assert run(migrate(), again) is Phase.CLEANED


def stated_or_status(response: Response) -> object:
    """What is compared of an answer."""
    return stated(response) if response.status in ANSWERED else response.status


# Any interleaving.


@dataclass
class Stage:
    """Programs that take turns, one effect at a time, on a store whose second writes may fail."""

    perform: Callable[[Effect[Any]], Any]
    running: dict[str, tuple[Program[Any], object]] = field(default_factory=dict)

    def start(self, name: str, program: Program[Any]) -> None:
        """One more program."""
        self.running[name] = program, None

    def step(self, name: str, *, fails: bool = False) -> object | None:
        """One effect of a program; what it returned, or the refusal it met, if that ended it."""
        program, result = self.running.pop(name)
        try:
            effect = program.throw(result) if isinstance(result, Refused) else program.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        except Refused as refusal:
            return refusal
        try:
            if fails and isinstance(effect, Replace | InsertOrGet):
                raise Unavailable("ORD-4", "the shard does not answer")
            self.running[name] = program, self.perform(effect)
        except Refused as refusal:
            self.running[name] = program, refusal
        return None


STEPS = st.lists(
    st.tuples(st.sampled_from(["claim", "step", "step", "step", "fail", "kill", "migrate", "back"]), st.integers(0, 9)),
    min_size=30,
    max_size=200,
)


@pytest.mark.slow
@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_in_any_interleaving_an_answer_stands(steps: list[tuple[str, int]]) -> None:
    """Claims of different keys, the migrator and a rollback take turns, die, are refused and come again: what a client was told
    is what the ruling side holds from then on, and what later claims are told.
    """
    moving, perform = store()
    stage = Stage(perform)
    told: dict[Key, Entry] = {}
    for at, (what, choice) in enumerate(steps, 1):
        key = KEYS[choice % len(KEYS)]
        started = {"claim": key.pcs_id, "migrate": "migrator", "back": "back" if choice == 0 else ""}.get(what)
        running = sorted(stage.running)
        if started and started not in running:
            begun: dict[str, Callable[[], Program[Any]]] = {
                "claim": partial(claim, wanted(key, at)),
                "migrate": migrate,
                "back": roll_back,
            }
            stage.start(started, begun[what]())
        elif started is None and running:
            name = running[choice % len(running)]
            ended = stage.running.pop(name) if what == "kill" else stage.step(name, fails=what == "fail")
            if isinstance(ended, Entry):
                assert told.setdefault(Key("default", name), ended) == ended
        for key, entry in told.items():
            assert moving.held[ruler(moving.phase)][key] == entry
            assert moving.phase is Phase.CLEANED or moving.held[Side.OLD][key] == entry


def phases(moving: MigratingKeys, perform: Callable[[Effect[Any]], Any], program: Program[Phase]) -> Iterator[Phase]:
    """The phases that a migrator goes through."""

    def seen(effect: Effect[Any], found: list[Phase]) -> Any:
        result = perform(effect)
        found.append(moving.phase)
        return result

    found: list[Phase] = []
    run(program, partial(seen, found=found))
    yield from dict.fromkeys(found)


def test_the_migrator_goes_through_the_phases_in_their_order() -> None:
    """And back, if so told."""
    moving, perform = store()
    for number in range(250):
        run(claim(wanted(Key("default", f"{number}"), number + 1)), perform)
    assert list(phases(moving, perform, migrate())) == [Phase.DUAL, Phase.VERIFIED, Phase.CUT_OVER, Phase.CLEANED]
    assert len(moving.held[Side.NEW]) == 250
    moving, perform = store()
    assert list(phases(moving, perform, migrate(back=True)))[-1] is Phase.ROLLED_BACK
    assert run(migrate(), perform) is Phase.ROLLED_BACK


@pytest.mark.parametrize("mine", [False, True])
def test_what_only_the_side_before_was_given_is_not_stored_after_cutover(mine: bool) -> None:
    """A merge reached one side, the other was away, and nobody was told. Then the other side rules: it has what it had, and the
    entry comes again with the next round, as from any region.
    """
    entries = Entries(migrating=MigratingKeys(everything))
    perform = MemoryNode(Disk("eu"), entries, Objects(), lambda: 0.0).perform
    upto(Phase.VERIFIED, perform)
    own, earlier = wanted(KEYS[0], 5), wanted(KEYS[0], 3, "us")
    if mine:
        run(claim(own), perform)
    perform(InsertOrGet(Side.OLD, earlier, Phase.VERIFIED, merged=True))  # and the second write is refused
    assert entries.entries[KEYS[0]] == earlier.entry
    perform(Advance(Phase.VERIFIED, Phase.CUT_OVER))
    assert entries.entries.get(KEYS[0]) == (own.entry if mine else None)
    later = wanted(KEYS[0], 6)
    assert run(claim(later), perform) == entries.entries[KEYS[0]] == (own.entry if mine else later.entry)
    assert run(merge((earlier,)), perform) == 1
    assert entries.entries[KEYS[0]] == earlier.entry


@pytest.mark.parametrize("phase", [Phase.DUAL, Phase.VERIFIED, Phase.CUT_OVER])
def test_the_old_side_serves_alone_again_from_any_phase_before_cleanup(phase: Phase) -> None:
    """And what was stored meanwhile is there (MIG-4)."""
    moving, perform = store()
    upto(phase, perform)
    stored = run(claim(wanted(KEYS[0], 1)), perform)
    assert run(roll_back(), perform) is Phase.ROLLED_BACK
    assert moving.phase is Phase.ROLLED_BACK
    assert run(claim(wanted(KEYS[0], 2)), perform) == stored


@pytest.mark.parametrize("phase", [Phase.PLANNED, Phase.DUAL, Phase.VERIFIED, Phase.CUT_OVER])
def test_only_what_was_stored_gives_way(phase: Phase) -> None:
    """An entry that is joined in where there was none took nobody's place (CRR-1)."""
    _, perform = store()
    upto(phase, perform)
    assert run(merge((wanted(KEYS[0], 5), wanted(KEYS[1], 5))), perform) == 0
    assert run(merge((wanted(KEYS[0], 4), wanted(KEYS[1], 6))), perform) == 1
