"""What differs between regions is classified by what the logs say of it, and what could be done is proposed (DIV-3 to DIV-5)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec

from flk.model.effects import Fetch, GetBeginning, ListObjects, Mark, Marked, Program, PutObject
from flk.model.entries.compared import BadObject, claim_of, columns_of, place
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.proposals import (
    SCORES,
    Action,
    Proposal,
    outcomes_of,
    proposals_of,
    proposed,
    read_proposal,
)
from flk.model.log.hlc import Timestamp
from flk.model.programs.compare import Comparison, compare
from flk.model.programs.evidence import Evidence, Search, Standing
from flk.model.programs.examine import Examine
from flk.model.programs.publish import MOST
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.divergence
UNPROVEN = "divergence/unproven/"


class Standings(msgspec.Struct, frozen=True):
    """What became of a comparison: how many differing entries are on their way to this node, were lost by it, and were found in no
    log; which percentage of what was compared was lost.
    """

    comparison: Comparison
    in_flight: int
    lost: int
    unproven: int
    percent: float


class Found(msgspec.Struct, frozen=True):
    """What a pass found of each peer, the ids of what it proposed, how many proposals wait, and which objects were refused."""

    round: Timestamp
    peers: tuple[Standings, ...]
    proposed: tuple[tuple[str, Action], ...] = ()
    open: int = 0
    refused: tuple[str, ...] = ()


class _Sorted(msgspec.Struct):
    """The claims of a comparison by what they are."""

    missing: dict[Claim, Evidence]
    later: dict[Claim, Evidence]
    nowhere: dict[Claim, Evidence]
    not_read: int
    in_flight: int


def look(
    region: str, peers: Sequence[str], examine: Examine, interval: float, *, shared: bool = False
) -> Program[Found]:
    """Compare with the peers, and propose what could be done where this region's store has lost something (DIV-1 to DIV-5).

    What is still on its way is no matter. What no log has is proposed for review once it was seen in several rounds: no entry is
    ever deleted, and none is joined without evidence. Raises Unavailable.
    """
    compared = yield from compare(region, peers, interval, shared=shared)
    refused = list(compared.refused)
    open_ = yield from open_proposals(region, refused)
    covered = _Covered(open_.values())
    made: list[tuple[str, Action]] = []
    standings = []
    for comparison in compared.comparisons:
        found = yield from _sort(region, comparison, Search(region, (region, *peers), examine))
        standing = _standing(comparison, found)
        standings.append(standing)
        lasting = yield from _lasting_without_evidence(comparison, found.nowhere)
        for proposal in _proposals(region, standing, found, lasting, covered):
            if len(open_) + len(made) >= LIMITS.max_open:
                break
            id_, content = proposed(proposal)
            if (yield from PutObject(proposals_of(region) + id_, content)):
                made.append((id_, proposal.action))
    return Found(compared.round, tuple(standings), tuple(made), len(open_) + len(made), tuple(dict.fromkeys(refused)))


def open_proposals(region: str, refused: list[str]) -> Program[dict[str, Proposal]]:
    """The proposals to a region of which nothing has come yet, by their ids. `refused` is told of what is none."""
    done = yield from ListObjects(outcomes_of(region))
    ids = {name.removeprefix(outcomes_of(region)) for name in done}
    found = {}
    for name in (yield from ListObjects(proposals_of(region))):
        id_ = name.removeprefix(proposals_of(region))
        if id_ in ids:
            continue
        content = yield from GetBeginning(name, MOST)
        if content is None:
            continue
        try:
            found[id_] = read_proposal(region, id_, content)
        except BadObject as bad:
            refused.append(str(bad))
    return found


def _sort(region: str, comparison: Comparison, search: Search) -> Program[_Sorted]:
    """Look up what the store has by now, and where the logs have what it should have, or what the peer lacks."""
    keys = sorted(comparison.differing, key=lambda key: sha256(f"{comparison.round}".encode() + place(key)).digest())
    del keys[LIMITS.round_differences :]
    now = yield from fetched(region, keys)
    missing, later, ours = list[Claim](), list[Claim](), list[Claim]()
    for key, stored in zip(keys, now, strict=True):
        theirs = comparison.differing[key].theirs
        if theirs is not None and is_lacking(stored, theirs):
            (missing if stored is None else later).append(Claim(key, theirs))
        elif stored is not None and stored != theirs:
            ours.append(Claim(key, stored))
    evidence = yield from search.of([*missing, *later, *ours])
    applied = [claim for claim in (*missing, *later) if evidence[claim].standing is Standing.APPLIED]
    lacking = yield from still_lacking(region, applied)
    return _Sorted(
        missing={claim: evidence[claim] for claim in missing if claim in lacking},
        later={claim: evidence[claim] for claim in later if claim in lacking},
        nowhere={claim: found for claim, found in evidence.items() if found.standing is Standing.NOWHERE},
        not_read=sum(found.standing is Standing.NOT_READ for found in evidence.values()),
        in_flight=sum(evidence[claim].standing is Standing.IN_FLIGHT for claim in (*missing, *later)),
    )


def still_lacking(region: str, claims: Iterable[Claim]) -> Program[set[Claim]]:
    """Those of the claims that should prevail in the store, and do not (CRR-1).

    Of what a log has applied this is asked after the watermark was read: replay may have applied it since the store was looked at
    last (DIV-3).
    """
    asked = list(claims)
    stored = yield from fetched(region, [claim.key for claim in asked])
    return {claim for claim, entry in zip(asked, stored, strict=True) if is_lacking(entry, claim.entry)}


def fetched(region: str, keys: Sequence[Key]) -> Program[list[Entry | None]]:
    """What the store has under each of the keys, asked for in pieces: it serves others meanwhile."""
    found: list[Entry | None] = []
    for at in range(0, len(keys), LIMITS.read_entries):
        found += yield from Fetch(region, tuple(keys[at : at + LIMITS.read_entries]))
    return found


def is_lacking(stored: Entry | None, wanted: Entry) -> bool:
    """Whether a store that holds this lacks an entry that should prevail there (CRR-1)."""
    return stored is None or join(stored, wanted) != stored


def _standing(comparison: Comparison, found: _Sorted) -> Standings:
    """Of the entries in ranges that agree none was lost; of the others as many as of those that were looked at, and of entries that
    differ as many as of those that were looked up.
    """
    lost = len(found.missing) + len(found.later)
    differing = len(comparison.differing)
    looked_up = min(differing, LIMITS.round_differences) - found.not_read
    percent = 100 * comparison.share * lost / comparison.entries if comparison.entries else 0.0
    percent *= differing / looked_up if looked_up else 0.0
    return Standings(comparison, found.in_flight, lost, len(found.nowhere) + found.not_read, min(100.0, percent))


def _lasting_without_evidence(comparison: Comparison, nowhere: Mapping[Claim, Evidence]) -> Program[list[Claim]]:
    """The claims without evidence that were seen in as many rounds as it takes. How often each was is remembered."""
    name = UNPROVEN + comparison.peer
    seen = _read_seen((yield from Marked(name)))
    for claim in nowhere:
        last, rounds = seen.get(_short(claim), (0, 0))
        if comparison.round > last:
            seen[_short(claim)] = (comparison.round, rounds + 1)
    latest = sorted(seen.items(), key=lambda each: each[1], reverse=True)[: LIMITS.max_claims]
    told = msgspec.json.encode(dict(latest)).decode() if latest else ""
    if told != (yield from Marked(name)):
        yield from Mark(name, told)
    kept = dict(latest)
    return [claim for claim in nowhere if kept.get(_short(claim), (0, 0))[1] >= LIMITS.unproven_rounds]


def _read_seen(told: str) -> dict[str, tuple[int, int]]:
    return msgspec.json.decode(told, type=dict[str, tuple[int, int]]) if told else {}


def _short(claim: Claim) -> str:
    return sha256(msgspec.json.encode(columns_of(claim))).hexdigest()[:16]


class _Covered:
    """What the proposals that wait are about."""

    def __init__(self, proposals: Iterable[Proposal]) -> None:
        self.claims: set[Claim] = set()
        self.replayed: set[str] = set()
        for proposal in proposals:
            self.claims.update(map(claim_of, proposal.claims))
            if proposal.action is Action.REPLAY_MISSING:
                self.replayed.add(proposal.evidence)

    def left(self, claims: Collection[Claim]) -> list[Claim]:
        """Those that no proposal is about."""
        return sorted((c for c in claims if c not in self.claims), key=lambda c: (c.key, c.entry.timestamp))


def _proposals(
    region: str, standing: Standings, found: _Sorted, lasting: Sequence[Claim], covered: _Covered
) -> list[Proposal]:
    """What could be done, one proposal for each segment or snapshot that is evidence; where too much was lost, a review of it."""
    made: list[Proposal] = []

    def add(action: Action, evidence: str, claims: Sequence[Claim], because: str) -> None:
        some = tuple(map(columns_of, claims[: LIMITS.max_claims]))
        comparison = standing.comparison
        percent = round(standing.percent, 3)
        made.append(
            Proposal(
                region, comparison.peer, comparison.round, action, SCORES[action], percent, evidence, some, because
            )
        )
        covered.claims.update(claims)

    if standing.percent > LIMITS.review_percent:
        if lost := covered.left([*found.missing, *found.later]):
            add(
                Action.MANUAL_REVIEW,
                "",
                lost,
                f"{standing.percent:.1f} % of what was compared was lost by this region's store, more than"
                f" {LIMITS.review_percent:g} %; fix: set the store aside, and start the node with a new one (SNAP-5)",
            )
    else:
        for evidence, claims in _by_evidence(found.missing):
            if evidence not in covered.replayed and (left := covered.left(claims)):
                add(Action.REPLAY_MISSING, evidence, left, f"{evidence} was applied, and the store lacks entries of it")
        for evidence, claims in _by_evidence(found.later):
            if left := covered.left(claims):
                because = f"{evidence} was applied, and the store has later entries than those in it"
                add(Action.CHOOSE_FIRST, evidence, left, because)
    if left := covered.left(lasting):
        reasons = sorted({found.nowhere[claim].because for claim in left})
        add(Action.MANUAL_REVIEW, "", left, f"seen in {LIMITS.unproven_rounds} rounds, and {'; '.join(reasons)}")
    return made


def _by_evidence(claims: Mapping[Claim, Evidence]) -> list[tuple[str, list[Claim]]]:
    """The claims with their evidence, and apart by the region that logged them: for some a snapshot is another's word (DIV-6)."""
    found: defaultdict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim, evidence in claims.items():
        found[evidence.name, claim.entry.region].append(claim)
    return [(name, some) for (name, _), some in sorted(found.items())]
