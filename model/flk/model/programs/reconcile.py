"""Mending what a region's store has lost, as far as it was approved (DIV-6, DIV-7).

A proposal only says where to look. What is joined comes from a segment or a snapshot, verified again as replay verifies it, and
only what the store had applied before: so who forges a proposal, or an approval, brings about nothing that replay had not done.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from flk.model.effects import (
    DeleteObject,
    GetBeginning,
    GetObject,
    Inherit,
    ListObjects,
    Merge,
    Observe,
    Program,
    PutObject,
)
from flk.model.entries.compared import BadObject, claim_of, written
from flk.model.entries.entry import Claim
from flk.model.entries.proposals import (
    Action,
    Mode,
    Proposal,
    Result,
    State,
    Verdict,
    decisions_of,
    outcomes_of,
    permits,
    proposals_of,
    read_decision,
)
from flk.model.entries.snapshot import BadSnapshot, heads_of, read_head, unpacked
from flk.model.log.frames import CorruptSegment, log_of, region_of, sealed_frames
from flk.model.programs.evidence import own_log_name, reach
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.propose import fetched, open_proposals, still_lacking
from flk.model.programs.publish import MOST
from flk.model.programs.ship import PREFIX
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.divergence


class Reconciled(msgspec.Struct, frozen=True):
    """What came of proposals, how many wait, and which objects were refused."""

    results: tuple[tuple[Result, Action], ...]
    open: int
    refused: tuple[str, ...] = ()


class _Failed(Exception):
    """A proposal that cannot be applied, and why."""


def reconcile(region: str, peers: Sequence[str], examine: Examine, mode: Mode = Mode.MANUAL) -> Program[Reconciled]:
    """Apply what was approved, and what `mode` does without that; write down what came of it, once (DIV-6, DIV-7).

    A pass that was stopped anywhere is finished by the next: what it joined is joined again, which changes nothing (CRR-7). Raises
    Unavailable.
    """
    refused: list[str] = []
    waiting = yield from open_proposals(region, refused)
    results = []
    for id_, proposal in sorted(waiting.items()):
        result = yield from _decided(region, peers, examine, mode, id_, proposal, refused)
        if result is not None:
            yield from PutObject(outcomes_of(region) + id_, written(result))
            results.append((result, proposal.action))
    yield from _remove_settled(region)
    return Reconciled(tuple(results), len(waiting) - len(results), tuple(refused))


def _decided(
    region: str,
    peers: Sequence[str],
    examine: Examine,
    mode: Mode,
    id_: str,
    proposal: Proposal,
    refused: list[str],
) -> Program[Result | None]:
    """What comes of a proposal now; None if it waits."""
    verdict = yield from _verdict(region, id_, refused)
    if verdict is Verdict.REJECTED:
        return Result(region, id_, State.REJECTED)
    if proposal.action is Action.MANUAL_REVIEW:
        if verdict is Verdict.APPROVED:
            refused.append(f"DIV-6: {decisions_of(region)}{id_}: {REVIEW}")
        return None
    if verdict is None and not permits(mode, proposal):
        lacking = yield from still_lacking(region, map(claim_of, proposal.claims))
        return None if lacking else Result(region, id_, State.SETTLED)
    try:
        joined = yield from _apply(region, peers, examine, proposal)
    except _Failed as failed:
        return Result(region, id_, State.FAILED, str(failed))
    return Result(region, id_, State.APPLIED, joined=joined)


REVIEW = "a manual-review is looked into by somebody, and there is nothing to apply; fix: reject it once that is done"


def _verdict(region: str, id_: str, refused: list[str]) -> Program[Verdict | None]:
    """What was decided of a proposal; None if nothing was, or what was is not to be believed."""
    content = yield from GetBeginning(decisions_of(region) + id_, MOST)
    if content is None:
        return None
    try:
        return read_decision(region, id_, content).verdict
    except BadObject as bad:
        refused.append(str(bad))
        return None


def _apply(region: str, peers: Sequence[str], examine: Examine, proposal: Proposal) -> Program[int]:
    """Join what the evidence has of what was lost; how many claims. Raises _Failed."""
    wanted = set(map(claim_of, proposal.claims))
    is_snapshot = any(proposal.evidence.startswith(heads_of(each)) for each in (region, *peers))
    if is_snapshot:
        there = yield from _in_snapshot(proposal.evidence, wanted)
        lost = there
    else:
        there = yield from _in_segment((region, *peers), examine, proposal.evidence)
        lost = there & wanted
    if not wanted <= there:
        raise _Failed(f"{proposal.evidence} does not have what was proposed to be joined")
    if proposal.action is Action.REPLAY_MISSING and not is_snapshot:
        lost = yield from _absent(region, there)  # whatever else of the segment was lost, too
    claims = sorted((yield from still_lacking(region, lost)), key=lambda claim: claim.entry.timestamp)
    yield from Merge(tuple(claims))
    own = tuple(claim.entry.timestamp for claim in claims if claim.entry.region == region)
    others = tuple(claim.entry.timestamp for claim in claims if claim.entry.region != region)
    if own:
        yield from Inherit(own)
    if others:
        yield from Observe(others)
    return len(claims)


def _in_segment(regions: Sequence[str], examine: Examine, name: str) -> Program[set[Claim]]:
    """The claims in a segment that this node has applied. Raises _Failed if it has not, or there is none."""
    if region_of(name) not in regions or not name.rpartition("/")[2].isdecimal():
        raise _Failed(f"{name!r} is no segment of {', '.join(regions)}, nor a snapshot")
    if not name <= (yield from reach(log_of(name), (yield from own_log_name()))):
        raise _Failed(f"{name} was not applied here yet: replay joins it")
    content = yield from GetObject(PREFIX + name)
    if content is None:
        raise _Failed(
            f"{PREFIX}{name} is gone; if the entries are still missing, a snapshot that has them is found next"
        )
    try:
        frames = sealed_frames(name, content)
    except CorruptSegment as corrupt:
        raise _Failed(str(corrupt)) from None
    return set(claims_of(frames, region_of(name), examine))


def _in_snapshot(name: str, wanted: Collection[Claim]) -> Program[set[Claim]]:
    """Those of the claims that a snapshot has. Raises _Failed if it is not whole as far as it was read."""
    found: set[Claim] = set()
    try:
        head = read_head(name, (yield from _got(name)))
        for piece in head.pieces:
            if len(found) < len(wanted):
                found |= set(unpacked(piece, (yield from _got(piece.name)))).intersection(wanted)
    except BadSnapshot as bad:
        raise _Failed(str(bad)) from None
    return found


def _got(name: str) -> Program[bytes]:
    content = yield from GetObject(name)
    if content is None:
        raise BadSnapshot(f"SNAP-2: {name} is gone")
    return content


def _absent(region: str, claims: Iterable[Claim]) -> Program[set[Claim]]:
    """Those under whose keys the store has nothing."""
    ordered = list(claims)
    stored = yield from fetched(region, [claim.key for claim in ordered])
    return {claim for claim, entry in zip(ordered, stored, strict=True) if entry is None}


def _remove_settled(region: str) -> Program[None]:
    """Remove the oldest proposals of which something came, with what was decided: the outcome last, so that none begins again."""
    names = yield from ListObjects(outcomes_of(region))
    for name in names[: -LIMITS.kept_settled]:
        id_ = name.removeprefix(outcomes_of(region))
        yield from DeleteObject(proposals_of(region) + id_)
        yield from DeleteObject(decisions_of(region) + id_)
        yield from DeleteObject(name)
