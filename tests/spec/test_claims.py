"""The list of claims can be read, and a mistake in it is told."""

import pytest

from flk.spec.claims import EvidenceKind, claims, parse
from flk.spec.errors import UnusableInput

GOOD = """\
[[claim]]
name = "a-claim"
says = "It is so."
source = "facts 1"
status = "refuted"
made = ["refute some-design"]
holds = "undecided"
here = ["prove protocol/property", "missing a proof"]
"""


def test_every_claim_says_something_and_is_decided_by_something() -> None:
    """Each has a sentence, a source, and evidence on both sides; every kind of evidence occurs."""
    assert len(claims()) >= 40
    assert all(claim.says.endswith(".") and claim.source.startswith("earlier system") for claim in claims())
    assert {each.kind for claim in claims() for each in (*claim.made, *claim.here)} == set(EvidenceKind)


def test_a_claim_is_read_as_written() -> None:
    """Evidence is a kind and a name."""
    (claim,) = parse(GOOD)
    assert [str(each) for each in (*claim.made, *claim.here)] == [
        "refute some-design",
        "prove protocol/property",
        "missing a proof",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("refute some-design", "guess some-design", "a-claim: 'guess some-design' is no evidence; write KIND NAME"),
        ("refute some-design", "refute", "a-claim: 'refute' is no evidence"),
        ('["refute some-design"]', "[]", "a-claim: name what decides it"),
        ("a-claim", "A claim", "a name is of lowercase letters"),
        (GOOD, GOOD + GOOD, "used once"),
        ('"undecided"', '"unknown"', "Invalid enum value 'unknown'"),
        ("says", "say", "unknown field `say`"),
        ("[[claim]]", "[[claim", "claims.toml"),
    ],
)
def test_a_mistake_is_told(old: str, new: str, told: str) -> None:
    """The message names the claim and the mend."""
    with pytest.raises(UnusableInput) as error:
        parse(GOOD.replace(old, new))
    assert told in str(error.value)
