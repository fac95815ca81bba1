"""Proposals and decisions on them: forged, altered, too many, and settled by themselves (DIV-4 to DIV-6)."""

import pytest
from tests.support.model.divergence import (
    a_key,
    after_rounds,
    agreeing,
    decide,
    forged,
    logged,
    looked,
    mended,
    objects_of,
    overwrite,
    sent,
    small,
    spoilt,
)
from tests.support.model.effects_seen import performed
from tests.support.model.world import EXAMINE

from flk.model.effects import DeleteObject
from flk.model.entries.compared import LIMITS, columns_of, written
from flk.model.entries.entry import Claim
from flk.model.entries.proposals import (
    SCORES,
    Action,
    Decision,
    Mode,
    Result,
    State,
    Verdict,
    decisions_of,
    outcomes_of,
    proposals_of,
)
from flk.model.log.hlc import Timestamp
from flk.model.programs.reconcile import reconcile

pytestmark = pytest.mark.usefixtures("few_ranges")


@pytest.mark.parametrize(
    "evidence",
    [
        "eu.000001/000000000001",
        "eu.000001/000000000999",
        "eu.000009/000000000001",
        "ap.000001/000000000001",
        "eu.000001/../x",
        "snap/eu/heads/none",
        "",
    ],
)
@pytest.mark.parametrize("action", [Action.CHOOSE_FIRST, Action.REPLAY_MISSING])
def test_a_forged_proposal_joins_nothing_that_the_logs_do_not_have(evidence: str, action: Action) -> None:
    """It fails, with the reason, and is not tried again (DIV-6)."""
    world = agreeing()
    before = dict(world.entries["us"].entries)
    forged(world, evidence=evidence, action=action, score=SCORES[action])
    ((result, _),) = mended(world, "us", Mode.AUTO_AGGRESSIVE).results
    assert (result.state, bool(result.reason)) == (State.FAILED, True)
    assert world.entries["us"].entries == before
    assert mended(world, "us", Mode.AUTO_AGGRESSIVE).results == ()


def test_a_forged_proposal_does_not_run_ahead_of_replay() -> None:
    """What was shipped and not replayed yet is left to replay (DIV-6)."""
    world = agreeing()
    (key,) = sent(world, 100)
    wanted = columns_of(Claim(key, world.entries["eu"].entries[key]))
    evidence = "eu.000001/000000000004"
    forged(world, action=Action.REPLAY_MISSING, score=0.9, claims=(wanted,), evidence=evidence)
    ((result, _),) = mended(world, "us").results
    assert result.state is State.FAILED
    assert key not in world.entries["us"].entries


def test_a_forged_proposal_of_a_segment_that_was_applied_brings_about_what_replay_did() -> None:
    """The worst that it can do is what an honest one does (DIV-6)."""
    world = agreeing()
    held = world.entries["us"].entries
    key = min(held, key=lambda key: held[key].timestamp)
    lost = held.pop(key)
    forged(world, action=Action.REPLAY_MISSING, score=0.9, claims=(columns_of(Claim(key, lost)),))
    mended(world, "us")
    assert world.entries["us"].entries == logged(world)


def test_an_altered_proposal_and_a_decision_on_another_do_not_count() -> None:
    """The id follows from the content, so what was approved is what is applied (DIV-6)."""
    world = spoilt()
    after_rounds(world, 3)
    before = dict(world.entries["us"].entries)
    names = objects_of(world, proposals_of("us"))
    one, other = (name.rpartition("/")[2] for name in names)
    overwrite(world, names[0], world.objects.objects[names[1]])
    decide(world, "us", one)
    world.objects.put(decisions_of("us") + other, written(Decision("us", one, Verdict.APPROVED)))
    done = mended(world, "us")
    assert done.results == ()
    assert len(done.refused) == 2
    assert world.entries["us"].entries == before


def test_of_two_decisions_the_first_counts() -> None:
    """Who rejects what is approved already is told so by the object store (DIV-6)."""
    world = spoilt()
    after_rounds(world, 3)
    id_ = objects_of(world, proposals_of("us"))[0].rpartition("/")[2]
    assert decide(world, "us", id_, Verdict.REJECTED)
    assert not decide(world, "us", id_)
    assert [result.state for result, _ in mended(world, "us").results] == [State.REJECTED]


def test_proposals_stay_bounded() -> None:
    """However long something differs, one proposal speaks of it; those that are done with are removed, the oldest first (DIV-5)."""
    world = spoilt()
    after_rounds(world, 9)
    assert len(objects_of(world, proposals_of("us"))) == 2
    for number in range(LIMITS.kept_settled + 5):
        id_ = forged(world, because=str(number), round=Timestamp(1 + number))
        result = Result("us", id_, State.REJECTED)
        world.objects.put(outcomes_of("us") + id_, written(result))
    removed = [
        e.name for e in performed(world, "us", reconcile("us", (), EXAMINE, Mode.MANUAL)) if isinstance(e, DeleteObject)
    ]
    assert len(objects_of(world, outcomes_of("us"))) == LIMITS.kept_settled
    assert len(objects_of(world, decisions_of("us"))) == LIMITS.kept_settled
    assert len(objects_of(world, proposals_of("us"))) == LIMITS.kept_settled + 2
    # What a stop leaves is removed by the next pass, which finds it by its outcome: so that goes last.
    assert [name.startswith(outcomes_of("us")) for name in removed] == [False, False, True] * 5
    assert all(len({name.rpartition("/")[2] for name in removed[n : n + 3]}) == 1 for n in range(0, len(removed), 3))


@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_more_proposals_are_open_than_the_limit(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Neither after one pass, nor after the next, whatever is open already (DIV-5)."""
    world = spoilt()
    monkeypatch.setattr("flk.model.programs.propose.LIMITS", small(max_open=most))
    for _ in range(5):
        after_rounds(world, 1)
        assert len(objects_of(world, proposals_of("us"))) <= most
    assert looked(world, "us").open == len(objects_of(world, proposals_of("us"))) == most


def test_what_came_back_by_itself_is_settled() -> None:
    """Nobody decided, and nothing is left to do (DIV-6)."""
    world = agreeing()
    key = a_key(world, "us", of_region="eu")
    lost = world.entries["us"].entries.pop(key)
    after_rounds(world, 3)
    world.entries["us"].entries[key] = lost
    assert [result.state for result, _ in mended(world, "us").results] == [State.SETTLED]
    assert looked(world, "us").open == 0


def test_what_is_lost_again_is_proposed_again() -> None:
    """An outcome speaks of one loss (DIV-5)."""
    world = agreeing(90)
    key = a_key(world, "us", of_region="eu")
    for _ in range(2):
        world.entries["us"].entries.pop(key)
        after_rounds(world, 4, Mode.AUTO_SAFE)
        assert key in world.entries["us"].entries
    assert len(objects_of(world, outcomes_of("us"))) == 2
