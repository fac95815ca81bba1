"""What is proposed is read by a node that believes nothing, and applied by itself only where its mode says so (DIV-5, DIV-6)."""

from itertools import product

import msgspec
import pytest

from flk.model.entries.compared import LIMITS, BadObject, columns_of
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.entries.proposals import SCORES, Action, Mode, Proposal, permits, proposed, read_proposal
from flk.model.log.hlc import Timestamp

CLAIMS = (
    columns_of(
        Claim(Key("default", "a"), Entry(Timestamp(1), "eu", "b" * 64, Outcome(True, False, Reason.OK, 1.0, 0.3)))
    ),
)
MADE = Proposal("us", "eu", Timestamp(1), Action.REPLAY_MISSING, SCORES[Action.REPLAY_MISSING], 0.0, "s", (), "because")
EDGES = sorted(
    {edge + step for edge in (0.0, LIMITS.safe_percent, LIMITS.review_percent, 100.0) for step in (-0.5, 0, 0.5)}
)


def of(action: Action, percent: float) -> Proposal:
    """What is proposed where so much was lost."""
    return msgspec.structs.replace(MADE, action=action, score=SCORES[action], percent=percent)


@pytest.mark.parametrize(("action", "percent"), list(product(Action, EDGES)))
def test_a_mode_applies_what_its_sentence_says(action: Action, percent: float) -> None:
    """`manual` nothing, `auto-safe` what is missing while little is, `auto-aggressive` also what is later while nobody has to look;
    and what somebody has to look at, none of them.
    """
    applied = {mode for mode in Mode if permits(mode, of(action, percent))}
    expected = set()
    if action is Action.REPLAY_MISSING and percent < LIMITS.safe_percent:
        expected.add(Mode.AUTO_SAFE)
    if action is not Action.MANUAL_REVIEW and percent <= LIMITS.review_percent:
        expected.add(Mode.AUTO_AGGRESSIVE)
    assert applied == expected


@pytest.mark.parametrize("action", Action)
def test_a_proposal_that_makes_no_sense_is_refused(action: Action) -> None:
    """A score of another action, what is no percentage, or nothing that is to be joined, under the very name that it has."""
    whole = msgspec.structs.replace(of(action, 0.0), claims=CLAIMS)
    wrong = [
        msgspec.structs.replace(whole, score=whole.score + 0.01),
        *(msgspec.structs.replace(whole, percent=percent) for percent in EDGES if not 0 <= percent <= 100),
        msgspec.structs.replace(whole, claims=()),
    ]
    for percent in (0.0, 100.0):
        right = msgspec.structs.replace(whole, percent=percent)
        assert read_proposal("us", *proposed(right)) == right
    for each in wrong:
        with pytest.raises(BadObject, match="DIV-6"):
            read_proposal("us", *proposed(each))
