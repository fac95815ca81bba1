"""What becomes of the earlier system's claims: the evidence that `spec` names, looked at anew. The substance of `flk claims`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import msgspec

from flk.formal.explicit import explore as exploring
from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import Explored, Path, restricted
from flk.formal.explicit.search import Options
from flk.formal.language.protocol import Protocol
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.formal.proofs import coq, data
from flk.formal.proofs.measurement import Attempt, Measure, Measurement, Trial
from flk.formal.prover.proving import Proving
from flk.formal.prover.theorem import ProofStatus, PropertyStatus, prove
from flk.spec.claims import Claim, ClaimStatus, Evidence, EvidenceKind
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict, worst

_WEAKEST = (
    ClaimStatus.REFUTED,
    ClaimStatus.UNDECIDED,
    ClaimStatus.MEASURED,
    ClaimStatus.TESTED,
    ClaimStatus.BOUNDED,
    ClaimStatus.PROVED,
)


def unmeasured(scenario: str, objective: str) -> Measurement:
    """Stands in where no simulator is at hand: the figure of the objective is unknown, so the claim stays undecided."""
    raise Unmeasured(f"nothing here runs {scenario}: `flk claims` measures {objective}")


def untried(name: str) -> Trial:
    """Stands in where no model is at hand: the claim stays undecided."""
    raise Unmeasured(f"nothing here tries {name}: `flk claims` does")


class Unmeasured(Exception):
    """There is no simulator to measure with, or no model to try."""


class Finding(msgspec.Struct, frozen=True):
    """The status that one piece of evidence gives a claim, why, the command that shows it, a counterexample if any."""

    evidence: str
    status: ClaimStatus = msgspec.field(name="verdict")
    note: str
    command: str
    path: Path | None = None


class Judgement(msgspec.Struct, frozen=True):
    """A claim, judged as it was made and as it holds here, if in another sentence. The evidence stands with each, and the status
    that the list of claims states.
    """

    name: str
    says: str
    source: str
    made: ClaimStatus
    here: ClaimStatus
    made_by: tuple[Finding, ...]
    here_by: tuple[Finding, ...]
    status: ClaimStatus
    holds: ClaimStatus
    instead: str = ""

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if evidence contradicts what is stated, UNDECIDED if something decides neither side."""
        return worst(_agreement(*side) for side in ((self.status, self.made), (self.holds, self.here)))


OnClaim: TypeAlias = Callable[[int, str], None]
"""Told, before each claim, how many are judged, and its name."""


@dataclass
class Court:
    """Judges claims. What several claims rest on is looked at once; `in_coq` asks Coq about every headline."""

    measure: Measure
    attempt: Attempt = untried
    seed: int = 0
    in_coq: Callable[[], Sequence[coq.CoqProof]] = coq.check
    _proofs: dict[str, Proving] = field(default_factory=dict)
    _explorations: dict[str, Explored] = field(default_factory=dict)

    def judge(self, claims: Sequence[Claim], on_claim: OnClaim = lambda *_: None) -> tuple[Judgement, ...]:
        """A judgement of each claim, in order."""
        judgements = []
        for number, claim in enumerate(claims):
            on_claim(number, claim.name)
            made, here = tuple(map(self.weigh, claim.made)), tuple(map(self.weigh, claim.here))
            statuses = _together(made), _together(here)
            judgements.append(
                Judgement(
                    claim.name,
                    claim.says,
                    claim.source,
                    *statuses,
                    made,
                    here,
                    claim.status,
                    claim.holds,
                    claim.instead,
                )
            )
        return tuple(judgements)

    def weigh(self, evidence: Evidence) -> Finding:
        """What one piece of evidence comes to. Raises UnusableInput if it names what is not there."""
        looks: dict[EvidenceKind, Callable[[str], Finding]] = {
            EvidenceKind.PROVE: self._prove,
            EvidenceKind.COQ: lambda name: self._coq(name, ClaimStatus.PROVED),
            EvidenceKind.DISPROVE: lambda name: self._coq(name, ClaimStatus.REFUTED),
            EvidenceKind.EXPLORE: self._explore,
            EvidenceKind.REFUTE: self._refute,
            EvidenceKind.MEASURE: self._measure,
            EvidenceKind.TRY: self._try,
            EvidenceKind.MISSING: lambda _: Finding("", ClaimStatus.UNDECIDED, "nothing decides it", ""),
        }
        return msgspec.structs.replace(looks[evidence.kind](evidence.name), evidence=str(evidence))

    def _prove(self, name: str) -> Finding:
        theorem, _, property_ = name.partition("/")
        if theorem in data.THEOREMS:
            proof = prove(data.THEOREMS[theorem](), self.seed)
            return Finding("", ClaimStatus(proof.status), "Z3, for all values", f"flk prove {theorem}")
        known = self._status(theorem, property_)
        note = "Z3, for any sizes" if known.status is ProofStatus.PROVED else known.note
        return Finding("", ClaimStatus(known.status), note, f"flk prove {theorem}")

    def _status(self, protocol: str, property_: str) -> PropertyStatus:
        if protocol not in self._proofs:
            self._proofs[protocol] = Proving(_protocol(protocol, property_), (), self.seed)
        return self._proofs[protocol].status_of(property_)

    def _coq(self, name: str, status: ClaimStatus) -> Finding:
        if name not in self._coq_proofs:
            raise UnusableInput(f"claims.toml: formal/coq has no theorem {name}: see the headlines of its files")
        proof = self._coq_proofs[name]
        axioms = len(proof.assumptions)
        note = f"{proof.about} (Coq, {axioms} axiom{'s' * (axioms != 1)} of the standard library)"
        held = proof.status is ProofStatus.PROVED
        return Finding("", status if held else ClaimStatus.UNDECIDED, note if held else proof.note, "flk prove coq")

    @cached_property
    def _coq_proofs(self) -> dict[str, coq.CoqProof]:
        return {proof.name: proof for proof in self.in_coq()}

    def _explore(self, name: str) -> Finding:
        protocol, _, property_ = name.partition("/")
        subject = restricted(_protocol(protocol, property_), [property_])
        found = self._explored(name, subject)
        (finding,) = found.findings
        status = {
            Verdict.HOLDS: ClaimStatus.BOUNDED,
            Verdict.VIOLATED: ClaimStatus.REFUTED,
            Verdict.UNDECIDED: ClaimStatus.UNDECIDED,
        }[finding.verdict]
        sizes = ", ".join(f"{sort} {size}" for sort, size in found.sizes.items())
        note = f"all {found.states:,} states with {sizes}"
        return Finding("", status, note, f"flk explore {protocol} --property {property_}", finding.path)

    def _explored(self, name: str, subject: Protocol, sizes: dict[str, int] | None = None) -> Explored:
        if name not in self._explorations:
            engine = choose("auto")
            options = Options(stop=sizes is not None)
            self._explorations[name] = exploring.explore(subject, engine.engine, engine.name, sizes, options, graph)
        return self._explorations[name]

    def _refute(self, name: str) -> Finding:
        if name not in DESIGNS:
            raise UnusableInput(f"claims.toml: the gallery has no design {name}: choose from {', '.join(DESIGNS)}")
        design = DESIGNS[name]
        (finding,) = self._explored(name, design.exhibit, dict(design.sizes)).findings
        command = f"flk explore gallery/{name}"
        if finding.verdict is not Verdict.VIOLATED or finding.path is None:
            return Finding("", ClaimStatus.UNDECIDED, f"{name} was not seen to violate {design.violates}", command)
        steps = len(finding.path.moves) - 1
        note = (
            f"{design.violates} broken in {steps} step{'s' * (steps != 1)}; ruled out by {', '.join(design.rules_out)}"
        )
        return Finding("", ClaimStatus.REFUTED, note, command, finding.path)

    def _measure(self, name: str) -> Finding:
        scenario, _, objective = name.partition(": ")
        try:
            figure = self.measure(scenario, objective)
        except Unmeasured as missing:
            return Finding("", ClaimStatus.UNDECIDED, str(missing), f"flk run {scenario}")
        beside = {True: "met", False: "missed", None: "undecided"}[figure.met]
        note = f"{figure.measured:.3g} {figure.unit} in one run, target {figure.target:g} {figure.unit}: {beside}"
        status = ClaimStatus.UNDECIDED if figure.met is None else ClaimStatus.MEASURED
        return Finding("", status, note, f"flk run {scenario}")

    def _try(self, name: str) -> Finding:
        command = "flk claims --verbose"
        try:
            trial = self.attempt(name)
        except Unmeasured as missing:
            return Finding("", ClaimStatus.UNDECIDED, str(missing), command)
        return Finding("", ClaimStatus.TESTED if trial.stood else ClaimStatus.REFUTED, trial.seen, command)


def chosen(claims: Sequence[Claim], names: Sequence[str]) -> tuple[Claim, ...]:
    """The named claims, or all if none is named. Raises UnusableInput for a name that no claim has."""
    known = {claim.name: claim for claim in claims}
    for name in names:
        if name not in known:
            raise UnusableInput(f"no claim is called {name}: choose from {', '.join(known)}")
    return tuple(known[name] for name in names) if names else tuple(claims)


def verdict_of(judgements: Sequence[Judgement]) -> Verdict:
    """VIOLATED if evidence contradicts a status that is stated, otherwise UNDECIDED if a claim is, as it was made or here."""
    return worst(judgement.verdict for judgement in judgements)


def _agreement(stated: ClaimStatus, found: ClaimStatus) -> Verdict:
    if found is ClaimStatus.UNDECIDED:
        return Verdict.UNDECIDED
    return Verdict.HOLDS if found is stated else Verdict.VIOLATED


def _together(findings: Sequence[Finding]) -> ClaimStatus:
    """One piece of evidence that refutes is enough; otherwise the weakest counts."""
    return min((finding.status for finding in findings), key=_WEAKEST.index)


def _protocol(protocol: str, property_: str) -> Protocol:
    if protocol not in PROTOCOLS or property_ not in PROTOCOLS[protocol].properties:
        raise UnusableInput(
            f"claims.toml: {protocol}/{property_} is not a property of a protocol, nor a theorem about data"
        )
    return PROTOCOLS[protocol]
