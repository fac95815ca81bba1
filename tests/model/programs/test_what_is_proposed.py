"""What is proposed of what a store lost: all of it, once, and each segment for itself (DIV-3 to DIV-5)."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.divergence import (
    INTERVAL,
    PEERS,
    a_key,
    a_later,
    after_rounds,
    agreeing,
    forged,
    looked,
    objects_of,
    overwrite,
    replayed,
    sent,
    small,
)
from tests.support.model.effects_seen import interrupted, performed
from tests.support.model.world import EXAMINE, World

from flk.model.effects import Effect, GetBeginning, Mark
from flk.model.entries.compared import claim_of, written
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.proposals import (
    Action,
    Proposal,
    Result,
    State,
    outcomes_of,
    proposals_of,
    read_proposal,
)
from flk.model.log.frames import scan
from flk.model.log.hlc import Timestamp
from flk.model.programs import propose
from flk.model.programs.behind import read_on
from flk.model.programs.compare import Comparison, Sides
from flk.model.programs.evidence import Evidence, Standing
from flk.model.programs.examine import claims_of
from flk.model.programs.propose import UNPROVEN, _Sorted, _standing, look, open_proposals
from flk.model.programs.retain import retain
from flk.model.programs.snapshot import snapshot

pytestmark = pytest.mark.usefixtures("few_ranges")
LIMITS = "flk.model.programs.propose.LIMITS"


def segments(world: World) -> dict[str, list[Claim]]:
    """What each segment has."""
    found = {}
    for region in PEERS:
        for name in world.disks[region].names("inbox"):
            frames = scan(bytes(world.disks[region].segments[name])).frames
            found[name] = list(claims_of(frames, region, EXAMINE))
    return found


def found_at_once(world: World, rounds: int = 3, **limits: float) -> list[Proposal]:
    """What `us` proposes in one pass, once both regions have published for some rounds how they differ."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LIMITS, small(max_open=0))
        after_rounds(world, rounds)
        patch.setattr(LIMITS, small(**limits))
        found = looked(world, "us")
    assert found.open == len(objects_of(world, proposals_of("us")))
    return proposals(world, (id_ for id_, _ in found.proposed))


def proposals(world: World, ids: Iterable[str]) -> list[Proposal]:
    """The proposals to `us` of these ids."""
    return [read_proposal("us", id_, world.objects.objects[proposals_of("us") + id_]) for id_ in ids]


def lose(world: World, keys: Iterable[Key]) -> None:
    """The store of `us` has nothing there."""
    for key in keys:
        del world.entries["us"].entries[key]


def replace(world: World, keys: Iterable[Key]) -> None:
    """The store of `us` has a later entry there."""
    held = world.entries["us"].entries
    for key in keys:
        held[key] = a_later(held[key])


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 59), min_size=1, max_size=8, unique=True), st.integers(0, 8), st.integers(1, 9))
def test_each_segment_that_has_what_was_lost_is_proposed_at_once(lost: list[int], later: int, read: int) -> None:
    """In the order of the segments, first for what is missing, and with all that the segment has of it in the order of the keys:
    whoever looks again makes the same proposals, under the same names (DIV-5).
    """
    world = agreeing(60)
    keys = sorted(world.entries["us"].entries)
    missing, replaced = ({keys[number] for number in some} for some in (lost[later:], lost[:later]))
    wanted = []
    for action, some in ((Action.REPLAY_MISSING, missing), (Action.CHOOSE_FIRST, replaced)):
        for name, claims in sorted(segments(world).items()):
            if having := sorted((claim for claim in claims if claim.key in some), key=lambda claim: claim.key):
                wanted.append((action, name, having))
    lose(world, missing)
    replace(world, replaced)
    found = found_at_once(world, read_entries=read)
    assert [(each.action, each.evidence, list(map(claim_of, each.claims))) for each in found] == wanted


def of_one_segment(world: World, number: int = 0) -> list[Key]:
    """Keys of what stands together in a segment of `eu`."""
    return [claim.key for claim in sorted(segments(world).items())[number][1]]


def test_what_waits_speaks_for_its_whole_segment() -> None:
    """Once it is replayed, the store has all that the segment has: nothing else is proposed of it while it waits, whatever else of
    it was lost. That goes for each segment of which a replay waits, and for nothing else (DIV-5).
    """
    world = agreeing(60)
    first, second = of_one_segment(world), of_one_segment(world, 1)
    lose(world, (first[0], second[0]))
    assert [each.action for each in found_at_once(world)] == [Action.REPLAY_MISSING] * 2
    lose(world, (first[1], second[1]))
    assert found_at_once(world) == []
    replace(world, first[2:3])
    assert [each.action for each in found_at_once(world)] == [Action.CHOOSE_FIRST]


def test_a_segment_of_which_a_choice_waits_is_replayed_for_what_is_missing() -> None:
    """To choose the first joins what the proposal names, and no more (DIV-5)."""
    world = agreeing(60)
    first = of_one_segment(world)
    replace(world, first[:1])
    assert [each.action for each in found_at_once(world)] == [Action.CHOOSE_FIRST]
    lose(world, first[1:2])
    (found,) = found_at_once(world)
    assert (found.action, [claim_of(each).key for each in found.claims]) == (Action.REPLAY_MISSING, first[1:2])


def test_a_proposal_names_no_more_claims_than_the_limit() -> None:
    """The first ones by their keys; it speaks for the rest of its segment (DIV-5)."""
    world = agreeing(60)
    keys = sorted(of_one_segment(world))[:3]
    lose(world, keys)
    (found,) = found_at_once(world, max_claims=2)
    assert [claim_of(each).key for each in found.claims] == keys[:2]


def test_a_proposal_says_how_much_was_lost() -> None:
    """In per cent, with three digits (DIV-5)."""
    world = agreeing(60)
    lose(world, of_one_segment(world)[:1])
    (found,) = found_at_once(world)
    assert found.percent == 1.667


def test_a_review_names_all_that_was_lost() -> None:
    """What is missing, and what has a later entry in its place (DIV-5)."""
    world = agreeing()
    keys = sorted(world.entries["us"].entries)
    lose(world, keys[:6])
    replace(world, keys[6:12])
    (found,) = found_at_once(world)
    assert found.action is Action.MANUAL_REVIEW
    assert [claim_of(each).key for each in found.claims] == keys[:12]


def test_what_peers_have_is_proposed_once() -> None:
    """What both say that this region lacks once, and also what only the second of them has (DIV-5)."""
    world, regions = World("eu", "us", "ap"), ("eu", "us", "ap")
    (first, *_), (second, *_) = sent(world, *range(15)), sent(world, *range(15, 30))
    for region in ("us", "ap"):
        world.run(region, read_on(region, "eu", EXAMINE))
    lose(world, (first, second))
    del world.entries["eu"].entries[second]
    for _ in range(3):
        world.pass_time(INTERVAL)
        for region in regions:
            world.run(region, look(region, [each for each in regions if each != region], EXAMINE, INTERVAL))
    found = proposals(world, (name.removeprefix(proposals_of("us")) for name in objects_of(world, proposals_of("us"))))
    assert sorted((each.peer, claim_of(claim).key) for each in found for claim in each.claims) == [
        ("ap", second),
        ("eu", first),
    ]


def test_what_a_snapshot_has_of_two_regions_is_proposed_apart() -> None:
    """Of its own region's entries it is evidence, of another's only that region's word (DIV-6)."""
    world = agreeing(60)
    lost = [a_key(world, "us", of_region="us")]
    lose(world, lost)
    for epoch in (200, 202):
        for number, region in enumerate(PEERS):
            sent(world, epoch + number, region=region)
        replayed(world)
        for region, peers in PEERS.items():
            world.run(region, snapshot(region, peers))
    for region in PEERS:
        assert world.run(region, retain(region, 0.0)).objects
    other = [a_key(world, "us", of_region="eu")]
    lose(world, other)
    found = found_at_once(world)
    assert len({each.evidence for each in found}) == 1
    assert [[claim_of(claim).key for claim in each.claims] for each in found] == [other, lost]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(["open", "settled", "spoilt", "removed"]), max_size=6))
def test_all_proposals_that_wait_are_found(states: list[str]) -> None:
    """Whatever is done with before them, is none, or is removed while it is looked for (DIV-5, DIV-6)."""
    world = agreeing(6)
    for number in range(len(states)):
        forged(world, because=str(number))
    names = objects_of(world, proposals_of("us"))
    by_state: defaultdict[str, list[str]] = defaultdict(list)
    for name, state in zip(names, states, strict=True):
        id_ = name.removeprefix(proposals_of("us"))
        by_state[state].append(id_)
        if state == "settled":
            world.objects.put(outcomes_of("us") + id_, written(Result("us", id_, State.REJECTED)))
        elif state == "spoilt":
            overwrite(world, name, b"spoilt")

    def removed(effect: Effect[object]) -> None:
        for id_ in by_state["removed"]:
            if isinstance(effect, GetBeginning) and effect.name == proposals_of("us") + id_:
                del world.objects.objects[effect.name]

    refused: list[str] = []
    found = interrupted(world, "us", open_proposals("us", refused), removed)
    assert list(found) == by_state["open"]
    assert len(refused) == len(by_state["spoilt"])


def made_up(number: int) -> Key:
    """A key that no log has."""
    return Key("default", f"{number:064x}")


def test_all_that_no_log_has_goes_to_one_review() -> None:
    """Each entry that was seen in as many rounds, with all reasons in order; what is known already is not written again (DIV-4)."""
    world, regions = agreeing(), "abcdefgh"
    some = a_later(world.entries["us"].entries[a_key(world, "us", of_region="eu")])
    for number, region in enumerate(regions):
        world.entries["us"].entries[made_up(number)] = msgspec.structs.replace(some, region=region)
    (found,) = found_at_once(world, rounds=4)
    assert found.action is Action.MANUAL_REVIEW
    assert [claim_of(each).key for each in found.claims] == [made_up(number) for number in range(len(regions))]
    assert re.findall("names the region '(.)'", found.because) == list(regions)
    again = performed(world, "us", look("us", PEERS["us"], EXAMINE, INTERVAL))
    assert not [effect for effect in again if isinstance(effect, Mark)]


def test_a_review_takes_so_many_rounds_and_no_fewer() -> None:
    """It is proposed in the round in which the entry was seen often enough (DIV-4)."""
    world = agreeing()
    held = world.entries["us"].entries
    held[made_up(0)] = a_later(held[a_key(world, "us", of_region="eu")])
    rounds = 0
    for _ in range(6):
        rounds += sum(each.unproven for each in after_rounds(world, 1)["us"].peers)
        assert bool(objects_of(world, proposals_of("us"))) == (rounds >= propose.LIMITS.unproven_rounds)
    assert rounds > propose.LIMITS.unproven_rounds


def test_of_what_no_log_has_the_latest_is_remembered() -> None:
    """A peer that always says something else cannot hide what lasts, nor fill the store (DIV-4)."""
    world = agreeing()
    held = world.entries["us"].entries
    some = a_later(held[a_key(world, "us", of_region="eu")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LIMITS, small(max_claims=1))
        for number in range(2):
            held[made_up(number)] = some
            after_rounds(world, 4)
            del held[made_up(number)]
            assert len(json.loads(world.entries["us"].marks[f"{UNPROVEN}eu"])) == 1
    ids = [name.removeprefix(proposals_of("us")) for name in objects_of(world, proposals_of("us"))]
    found = proposals(world, ids)
    assert {claim_of(claim).key for each in found for claim in each.claims} == {made_up(0), made_up(1)}


SOME = Entry(Timestamp(1), "eu", "a" * 64, next(iter(agreeing(6).entries["eu"].entries.values())).outcome)


def claims(number: int, standing: Standing) -> dict[Claim, Evidence]:
    """So many claims that stand so."""
    return {Claim(made_up(each), SOME): Evidence(standing) for each in range(number)}


@pytest.mark.parametrize(
    ("share", "entries", "differing", "missing", "later", "not_read", "percent"),
    [
        pytest.param(1.0, 50, 2, 1, 1, 0, 4.0, id="lost of all that was compared"),
        pytest.param(0.5, 50, 2, 1, 1, 0, 2.0, id="in ranges that agree nothing was lost"),
        pytest.param(1.0, 50, 4, 1, 0, 2, 4.0, id="of what was not read as much as of the rest"),
        pytest.param(1.0, 50_000, 8192, 1024, 1024, 0, 8.192, id="and of what was not looked up"),
        pytest.param(1.0, 50, 2, 0, 0, 2, 0.0, id="nothing was read"),
        pytest.param(1.0, 0, 0, 0, 0, 0, 0.0, id="nothing was compared"),
        pytest.param(1.0, 100, 90, 9, 0, 80, 81.0, id="most"),
        pytest.param(1.0, 100, 100, 10, 0, 91, 100.0, id="no more than all"),
    ],
)
def test_how_much_was_lost_is_told_of_all_that_was_compared(
    share: float, entries: int, differing: int, missing: int, later: int, not_read: int, percent: float
) -> None:
    """What was looked into speaks for what could not be looked into in this round; each entry counts as what it is (DIV-3)."""
    keys = {made_up(number): Sides(None, None) for number in range(differing)}
    comparison = Comparison("us", Timestamp(1), None, 1, share, entries, keys)
    applied, nowhere = Standing.APPLIED, claims(3, Standing.NOWHERE)
    found = _standing(comparison, _Sorted(claims(missing, applied), claims(later, applied), nowhere, not_read, 5))
    assert (found.in_flight, found.lost, found.unproven) == (5, missing + later, 3 + not_read)
    assert found.percent == pytest.approx(percent)
