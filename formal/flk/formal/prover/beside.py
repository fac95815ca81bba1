"""What no proof speaks of, explored then and there at the usual sizes: progress, counts, deadlock; and all else once more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from flk.formal.explicit.engines.choose import AUTO, choose
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import Explored, Finding, explore
from flk.formal.explicit.search import Options
from flk.formal.language.properties import PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.prover.bounded import FAULT, Bounded, Outcome, Target
from flk.formal.prover.counterexample import Counterexample
from flk.formal.prover.theorem import Check, ProofStatus, Scope
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

MOST = 1_000_000
"""States explored beside a proof."""

FAR = Options(max_states=MOST)
"""Without a stop at what is violated."""

STATUSES = {
    Verdict.HOLDS: ProofStatus.BOUNDED,
    Verdict.VIOLATED: ProofStatus.REFUTED,
    Verdict.UNDECIDED: ProofStatus.UNDECIDED,
}
"""What exploring says of a property that it alone can judge."""

OUTCOMES = {
    Verdict.HOLDS: Outcome.NONE,
    Verdict.VIOLATED: Outcome.FOUND,
    Verdict.UNDECIDED: Outcome.UNDECIDED,
}
"""Whether exploring finds a violation."""


@dataclass(frozen=True)
class Beside:
    """A protocol at its usual sizes, or others, by the engine of a name."""

    protocol: Protocol
    sizes: Mapping[str, int] = field(default_factory=dict)
    options: Options = FAR
    engine: str = AUTO

    @cached_property
    def _outcome(self) -> Explored | UnusableInput:
        engine = choose(self.engine)
        try:
            return explore(self.protocol, engine.engine, engine.name, self.sizes, self.options, graph_of=graph)
        except UnusableInput as error:
            return error

    @property
    def explored(self) -> Explored | None:
        """What exploring found; None if it could not be done."""
        return None if isinstance(self._outcome, UnusableInput) else self._outcome

    @property
    def scope(self) -> Scope:
        """How far exploring went."""
        sizes = {**self.protocol.sizes(), **self.sizes}
        if isinstance(self._outcome, UnusableInput):
            return Scope(sizes, note=str(self._outcome))
        return Scope(sizes, self._outcome.states, self._outcome.complete)

    @cached_property
    def findings(self) -> Mapping[str, Finding]:
        """What was found, by property."""
        return {finding.property: finding for finding in self.explored.judged} if self.explored else {}

    def status(self, name: str) -> tuple[ProofStatus, str]:
        """What is known of a property that can only be explored, and how far."""
        finding = self.findings.get(name)
        if finding is None:
            return ProofStatus.UNDECIDED, f"cannot be explored: {self.scope}"
        if finding.verdict is Verdict.HOLDS:
            return ProofStatus.BOUNDED, f"holds in all {self.scope}"
        return STATUSES[finding.verdict], finding.note

    def violated(self, name: str) -> bool:
        """Whether exploring refutes it."""
        return name in self.findings and self.findings[name].verdict is Verdict.VIOLATED

    def runs(self) -> Iterator[Check]:
        """A run to each violation, and one to a fault."""
        if self.explored is None:
            return
        for finding in filter(None, (self.explored.fault, *self.explored.judged)):
            if finding.verdict is Verdict.VIOLATED and finding.path:
                yield self._run(finding, ProofStatus.REFUTED)

    def witness(self, name: str) -> Check | None:
        """A run to a state that a `reachable` property speaks of."""
        finding = self.findings.get(name)
        return self._run(finding, ProofStatus.PROVED) if finding and finding.path else None

    def _run(self, finding: Finding, status: ProofStatus) -> Check:
        assert self.explored is not None
        assert finding.path is not None
        name = finding.property or FAULT
        path = Counterexample(
            name, finding.path.moves[-1].shown, self.explored.sizes, finding.path, reachable=True, note=finding.note
        )
        return Check(name, status, self.explored.seconds, path=path)


def with_progress(protocol: Protocol, found: Bounded) -> Bounded:
    """The same search, with progress explored at its sizes, as no run of bounded length shows that something never comes.

    Where a run violates something, there is nothing to add.
    """
    if found.verdict is Verdict.VIOLATED or all(target.kind is not PropertyKind.LEADS_TO for target in found.targets):
        return found
    beside = Beside(protocol, found.sizes)
    judged = (_judged(beside, target) if target.kind is PropertyKind.LEADS_TO else target for target in found.targets)
    return msgspec.structs.replace(found, targets=tuple(judged))


def _judged(beside: Beside, target: Target) -> Target:
    finding, (_, note) = beside.findings.get(target.name), beside.status(target.name)
    seconds = beside.explored.seconds if beside.explored else 0.0
    outcome = OUTCOMES[finding.verdict] if finding else Outcome.UNDECIDED
    path = finding.path if finding and outcome is Outcome.FOUND else None
    return Target(target.name, target.kind, outcome, len(path.moves) - 1 if path else 0, seconds, path, note)
