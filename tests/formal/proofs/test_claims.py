"""Claims are judged by looking at their evidence anew."""

import pytest

from flk.formal.proofs.claims import ClaimStatus, Court, Finding, Judgement, chosen
from flk.formal.proofs.measurement import Measurement
from flk.spec.claims import Claim, Evidence, EvidenceKind, claims
from flk.spec.errors import UnusableInput


def measure(scenario: str, objective: str) -> Measurement:
    """A run that took 20 seconds."""
    assert (scenario, objective) == ("calm", "lag p95")
    return Measurement(20.0, 60.0, "s", met=True)


COURT = Court(measure)


def weighed(kind: EvidenceKind, name: str) -> Finding:
    """What one piece of evidence comes to."""
    return COURT.weigh(Evidence(kind, name))


@pytest.fixture(scope="module")
def judgements() -> dict[str, Judgement]:
    """All claims, judged; figures are not measured here."""
    court = Court(lambda scenario, objective: Measurement(1.0, 2.0, "s", met=True))
    return {judgement.name: judgement for judgement in court.judge(claims())}


MADE = {
    "idempotency-across-regions": ClaimStatus.REFUTED,
    "first-write-wins": ClaimStatus.REFUTED,
    "wal-durability": ClaimStatus.PROVED,
    "wal-recovery": ClaimStatus.REFUTED,
    "eventual-delivery": ClaimStatus.REFUTED,
    "eventual-consistency": ClaimStatus.REFUTED,
    "replay-is-safe-to-repeat": ClaimStatus.PROVED,
    "watermarks-skip-nothing": ClaimStatus.REFUTED,
    "verified-before-remembered": ClaimStatus.PROVED,
    "a-failing-store-is-harmless": ClaimStatus.REFUTED,
    "at-least-once-delivery": ClaimStatus.REFUTED,
    "exactly-once-effect": ClaimStatus.REFUTED,
    "zero-downtime-migration": ClaimStatus.REFUTED,
    "migration-rolls-back": ClaimStatus.REFUTED,
    "tiers-keep-the-window": ClaimStatus.REFUTED,
    "audit-tasks-end": ClaimStatus.REFUTED,
    "round9-idempotent": ClaimStatus.PROVED,
    "rounding-stability": ClaimStatus.REFUTED,
    "signature-uniqueness": ClaimStatus.REFUTED,
    "hash-injective": ClaimStatus.REFUTED,
    "signature-security": ClaimStatus.REFUTED,
    "subset-invariance": ClaimStatus.PROVED,
    "signing-sound": ClaimStatus.PROVED,
    "canonical-order": ClaimStatus.REFUTED,
    "identity-unambiguous": ClaimStatus.REFUTED,
    "budget-sound": ClaimStatus.PROVED,
    "regimes-partition": ClaimStatus.PROVED,
    "recovery-point": ClaimStatus.UNDECIDED,
    "recovery-time": ClaimStatus.UNDECIDED,
    "replication-lag": ClaimStatus.UNDECIDED,
    "latency": ClaimStatus.UNDECIDED,
    "self-healing": ClaimStatus.UNDECIDED,
    "prediction-quality": ClaimStatus.UNDECIDED,
}


def test_the_claims_as_they_were_made(judgements: dict[str, Judgement]) -> None:
    """What was true, what was false, and what nothing can decide."""
    assert {name: judgement.made for name, judgement in judgements.items()} == MADE


def test_what_holds_here(judgements: dict[str, Judgement]) -> None:
    """Nothing that is claimed here is refuted, and all is decided but what no evidence exists for."""
    undecided = {name for name, judgement in judgements.items() if judgement.here is ClaimStatus.UNDECIDED}
    assert undecided == {"prediction-quality"}
    assert ClaimStatus.REFUTED not in {judgement.here for judgement in judgements.values()}


def test_every_verdict_says_why_and_how_to_see_it_again(judgements: dict[str, Judgement]) -> None:
    """Each finding has a note, and a command unless it says what is missing; a refuted design shows its path."""
    findings = [f for j in judgements.values() for f in (*j.made_by, *j.here_by)]
    assert all(finding.note for finding in findings)
    assert all(finding.command.startswith("flk ") for finding in findings if not finding.evidence.startswith("missing"))
    assert all(finding.path for finding in findings if finding.evidence.startswith("refute"))


def test_progress_is_bounded_not_proved() -> None:
    """What was explored at chosen sizes does not count as a proof, and says how far it went."""
    finding = weighed(EvidenceKind.EXPLORE, "two-phase-commit/commitment_spreads")
    assert finding.status is ClaimStatus.BOUNDED
    assert finding.note == "all 288 states with RM 3"


def test_a_figure_is_measured() -> None:
    """It stands beside its target."""
    finding = weighed(EvidenceKind.MEASURE, "calm: lag p95")
    assert (finding.status, finding.note) == (ClaimStatus.MEASURED, "20 s in one run, target 60 s: met")


def test_the_weakest_evidence_counts() -> None:
    """A claim is no better shown than its weakest part, and refuted by any part."""
    proved = Evidence(EvidenceKind.PROVE, "two-phase-commit/consistent")
    missing = Evidence(EvidenceKind.MISSING, "a proof")
    refuted = Evidence(EvidenceKind.REFUTE, "mark-before-upload")
    claim = Claim("a", "It is so.", "facts 1", (proved, missing), (proved, missing, refuted))
    (judgement,) = COURT.judge([claim])
    assert (judgement.made, judgement.here) == (ClaimStatus.UNDECIDED, ClaimStatus.REFUTED)


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (EvidenceKind.PROVE, "replication/nonsense", "replication/nonsense is not a property"),
        (EvidenceKind.EXPLORE, "nonsense/regions_agree", "nonsense/regions_agree is not a property"),
        (EvidenceKind.REFUTE, "nonsense", "the gallery has no design nonsense"),
        (EvidenceKind.COQ, "Nano.nonsense", "formal/coq has no theorem Nano.nonsense"),
    ],
)
def test_evidence_that_is_not_there_is_told(kind: EvidenceKind, name: str, told: str) -> None:
    """The message names it."""
    with pytest.raises(UnusableInput, match=told):
        weighed(kind, name)


def test_claims_are_chosen_by_name() -> None:
    """None named means all; a wrong name is told."""
    assert chosen(claims(), ()) == claims()
    assert [claim.name for claim in chosen(claims(), ["latency"])] == ["latency"]
    with pytest.raises(UnusableInput, match="no claim is called speed: choose from idempotency"):
        chosen(claims(), ["speed"])
