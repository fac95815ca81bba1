"""Claims are judged by looking at their evidence anew."""

import pytest
from tests.support.effort import IN_CI, sample
from tests.support.formal.compiled import compiled

from flk.formal.proofs.claims import Court, Finding, Judgement, chosen, verdict_of
from flk.formal.proofs.measurement import Measurement
from flk.model.trials import attempt
from flk.spec.claims import Claim, ClaimStatus, Evidence, EvidenceKind, claims
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict


def measure(scenario: str, objective: str) -> Measurement:
    """A run that took 20 seconds."""
    assert (scenario, objective) == ("calm", "lag p95")
    return Measurement(20.0, 60.0, "s", met=True)


COURT = Court(measure, attempt)
LONG = Evidence(EvidenceKind.PROVE, "ingest/acknowledged_survives")
"""A long proof, which CI leaves to the tests of the prover."""
CHOSEN = [claim for claim in sample(claims()) if not (IN_CI and LONG in claim.here)]


def weighed(kind: EvidenceKind, name: str) -> Finding:
    """What one piece of evidence comes to."""
    return COURT.weigh(Evidence(kind, name))


@pytest.fixture(scope="module")
def judgements(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Judgement]:
    """All claims, judged; figures are not measured here, and Coq is asked once in a run of the tests."""
    measure, proofs = Measurement(1.0, 2.0, "s", met=True), compiled(tmp_path_factory)[1]
    court = Court(lambda scenario, objective: measure, attempt, in_coq=lambda: proofs)
    return {judgement.name: judgement for judgement in court.judge(CHOSEN)}


@pytest.mark.slow
def test_the_claims_come_to_what_the_list_states(judgements: dict[str, Judgement]) -> None:
    """As they were made and as they hold here; of those that are false most are refuted, and none is counted as true."""
    for claim in CHOSEN:
        assert (judgements[claim.name].made, judgements[claim.name].here) == (claim.status, claim.holds), claim.name
    refuted = {name for name, judgement in judgements.items() if judgement.made is ClaimStatus.REFUTED}
    assert len(refuted) > len(CHOSEN) / 2
    assert ("verified-before-remembered" in refuted) == ("verified-before-remembered" in judgements)


def test_what_holds_here_is_never_refuted_and_lacks_only_what_is_missing(judgements: dict[str, Judgement]) -> None:
    """What is undecided here names what would decide it."""
    for judgement in judgements.values():
        assert judgement.here is not ClaimStatus.REFUTED
        missing = any(finding.evidence.startswith("missing") for finding in judgement.here_by)
        assert (judgement.here is ClaimStatus.UNDECIDED) == missing, judgement.name


def test_evidence_about_this_system_decides_nothing_about_the_earlier_one() -> None:
    """No claim is judged as it was made by a proof or an exploration of a protocol of this system."""
    of_this = {EvidenceKind.PROVE, EvidenceKind.EXPLORE, EvidenceKind.MEASURE}
    assert not [claim.name for claim in claims() for each in claim.made if each.kind in of_this]


@pytest.mark.parametrize(
    ("status", "evidence", "verdict"),
    [
        (ClaimStatus.REFUTED, "refute mark-before-upload", Verdict.HOLDS),
        (ClaimStatus.PROVED, "refute mark-before-upload", Verdict.VIOLATED),
        (ClaimStatus.TESTED, "try key-rotation", Verdict.HOLDS),
        (ClaimStatus.REFUTED, "try key-rotation", Verdict.VIOLATED),
        (ClaimStatus.UNDECIDED, "try key-rotation", Verdict.VIOLATED),
        (ClaimStatus.UNDECIDED, "missing a proof", Verdict.UNDECIDED),
        (ClaimStatus.PROVED, "missing a proof", Verdict.UNDECIDED),
    ],
)
def test_the_verdict_is_whether_evidence_agrees_with_what_is_stated(
    status: ClaimStatus, evidence: str, verdict: Verdict
) -> None:
    """A refutation that is stated is no failure; a claim that nothing decides is undecided, whatever is stated."""
    kind, _, name = evidence.partition(" ")
    one = (Evidence(EvidenceKind(kind), name),)
    proved = (Evidence(EvidenceKind.PROVE, "two-phase-commit/consistent"),)
    for sides in ((status, one, ClaimStatus.PROVED, proved), (ClaimStatus.PROVED, proved, status, one)):
        judged = COURT.judge([Claim("a", "It is so.", "facts 1", *sides)])
        assert verdict_of(judged) is verdict


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
    sides = ClaimStatus.UNDECIDED, (proved, missing), ClaimStatus.REFUTED, (proved, missing, refuted)
    claim = Claim("a", "It is so.", "facts 1", *sides)
    (judgement,) = COURT.judge([claim])
    assert (judgement.made, judgement.here) == (ClaimStatus.UNDECIDED, ClaimStatus.REFUTED)


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (EvidenceKind.PROVE, "replication/nonsense", "replication/nonsense is not a property"),
        (EvidenceKind.EXPLORE, "nonsense/regions_agree", "nonsense/regions_agree is not a property"),
        (EvidenceKind.REFUTE, "nonsense", "the gallery has no design nonsense"),
        (EvidenceKind.COQ, "Nano.nonsense", "formal/coq has no theorem Nano.nonsense"),
        (EvidenceKind.TRY, "earlier-merkel", "no trial is called earlier-merkel: .*earlier-merkle"),
    ],
)
def test_evidence_that_is_not_there_is_told(kind: EvidenceKind, name: str, told: str) -> None:
    """The message names it."""
    with pytest.raises(UnusableInput, match=told):
        Court(measure, attempt, in_coq=tuple).weigh(Evidence(kind, name))


def test_claims_are_chosen_by_name() -> None:
    """None named means all; a wrong name is told."""
    assert chosen(claims(), ()) == claims()
    assert [claim.name for claim in chosen(claims(), ["latency"])] == ["latency"]
    with pytest.raises(UnusableInput, match="no claim is called speed: choose from idempotency"):
        chosen(claims(), ["speed"])
