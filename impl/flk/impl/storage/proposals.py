"""Proposals to mend what regions lost, as they lie in the object store: listed, and decided, from any machine (DIV-5, DIV-6)."""

from contextlib import suppress

import msgspec

from flk.impl.storage.objects import Objects
from flk.model.entries.compared import LIMITS, BadObject, written
from flk.model.entries.proposals import (
    Action,
    Decision,
    Proposal,
    Result,
    Verdict,
    decisions_of,
    is_id,
    outcomes_of,
    proposals_of,
    read_decision,
    read_proposal,
    read_result,
)
from flk.spec.errors import UnusableInput

_MOST = LIMITS.max_object_bytes + 1


class Listed(msgspec.Struct, frozen=True):
    """A proposal with its id, what was decided of it and what came of it; or why one of the three is not believed."""

    id: str
    region: str
    proposal: Proposal | None
    decision: Decision | None = None
    result: Result | None = None
    refused: str = ""

    @property
    def state(self) -> str:
        """In a word: what came of it, or what was decided, or that it waits."""
        if self.result is not None:
            return str(self.result.state)
        if self.refused:
            return "refused"
        return str(self.decision.verdict) if self.decision is not None else "open"


def listed(objects: Objects, region: str | None = None) -> list[Listed]:
    """All proposals, those to one region if it is given, the earliest first. Raises Unavailable if the object store is away."""
    names = objects.names(LIMITS.object_prefix if region is None else proposals_of(region), "")
    found = []
    for name in names:
        parts = name.removeprefix(LIMITS.object_prefix).split("/")
        if len(parts) == 3 and proposals_of(parts[0]) + parts[2] == name:
            with suppress(UnusableInput):  # it was removed meanwhile
                found.append(one(objects, parts[0], parts[2]))
    return sorted(found, key=lambda each: (each.id, each.region))


def one(objects: Objects, region: str, id_: str) -> Listed:
    """One proposal to a region. Raises UnusableInput if there is none of that id."""
    content = objects.beginning(proposals_of(region) + id_, _MOST) if is_id(id_) else None
    if content is None:
        if is_id(id_):
            raise UnusableInput(f"{id_}: no such proposal to {region}; `flk divergence list` tells those there are")
        return Listed(id_, region, None, refused=f"{proposals_of(region)}{id_} is not the name of a proposal")
    decided = objects.beginning(decisions_of(region) + id_, _MOST)
    came = objects.beginning(outcomes_of(region) + id_, _MOST)
    try:
        proposal = read_proposal(region, id_, content)
        decision = None if decided is None else read_decision(region, id_, decided)
        result = None if came is None else read_result(region, id_, came)
    except BadObject as bad:
        return Listed(id_, region, None, refused=str(bad))
    return Listed(id_, region, proposal, decision, result)


def found(objects: Objects, id_: str, region: str | None = None) -> Listed:
    """The proposal of an id, of which there is one. Raises UnusableInput if there is none, or several regions have it."""
    if region is not None:
        return one(objects, region, id_)
    there = [each for each in listed(objects) if each.id == id_]
    if not there:
        raise UnusableInput(f"{id_}: no such proposal; `flk divergence list` tells those there are")
    if len(there) > 1:
        raise UnusableInput(f"{id_}: {', '.join(each.region for each in there)} have it; name one with --region")
    return there[0]


def decide(objects: Objects, about: Listed, verdict: Verdict) -> Decision:
    """Approve or reject a proposal: what is decided of it from now on, which is what was decided first.

    Raises UnusableInput if it is not what its name says, something came of it already, or it cannot be applied; nothing is written
    then.
    """
    if about.proposal is None:
        raise UnusableInput(f"{about.refused}; whoever may write to the object store put it there; delete the object")
    if about.result is not None:
        raise UnusableInput(f"{about.id}: it is {about.result.state} already")
    if verdict is Verdict.APPROVED and about.proposal.action is Action.MANUAL_REVIEW:
        raise UnusableInput(
            f"{about.id}: a manual-review is looked into by somebody, and there is nothing to apply: {about.proposal.because};"
            " reject it once that is done"
        )
    decision = Decision(about.region, about.id, verdict)
    if objects.put(decisions_of(about.region) + about.id, written(decision)):
        return decision
    there = one(objects, about.region, about.id)
    if there.decision is None:
        raise UnusableInput(f"{there.refused}; delete the object, and decide again")
    return there.decision
