"""Writing a region's audit log (TLOG-6, TLOG-7): what the region has shipped becomes leaves, step after step, and tiles of them.

No node holds a lease. The n-th step is an object that is created once, and whoever creates it decides; who comes too late reads
what was decided, and goes on from there. Tiles follow from the steps, so any node may write them, as often as it likes.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple, Protocol, runtime_checkable

from flk.model.effects import (
    INBOX,
    Clock,
    Fetch,
    FindLeaves,
    GetObject,
    Integrated,
    ListObjects,
    Mark,
    Marked,
    Noted,
    Program,
    Supersessions,
)
from flk.model.entries.entry import Claim, Entry, Key, Supersession, precedence
from flk.model.flow.submission import body_of
from flk.model.log.frames import (
    CorruptSegment,
    Frame,
    Stated,
    earlier_logs,
    log_of,
    sealed,
    segment_name,
    sequence_of,
)
from flk.model.policies.document import policy_digest
from flk.model.policies.ruling import decoded
from flk.model.programs.audit_log import AuditLog
from flk.model.programs.evidence import latest_head
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.lose import empty
from flk.model.programs.replay import follows
from flk.model.programs.ship import PREFIX
from flk.model.programs.start import covered
from flk.model.refusal import unavailable
from flk.model.transparency.leaves import (
    TOLERANCES,
    About,
    Fact,
    JudgedBy,
    Leaf,
    begun,
    equivocation,
    named,
    names_about,
    outcome_of,
    ruled,
    stated,
    supersession,
)
from flk.model.transparency.steps import LIMITS, State, prefix_of
from flk.spec.constants import CONSTANTS

GAVE_WAY = "audited supersessions"
AT_ONCE = CONSTANTS.snapshot.read_entries


@runtime_checkable
class Tells(Protocol):
    """An `Examine` that makes leaves, too."""

    def outcome_of(self, claim: Claim, body: bytes, by: JudgedBy) -> Leaf:
        """As `outcome_of`."""
        ...


class Added(NamedTuple):
    """What a pass did: steps that it created, leaves in them, and how many the log has now. The first segments that it waits for,
    one for each log that waits; and what of a log could not be read.
    """

    steps: int
    leaves: int
    size: int
    waits: tuple[str, ...] = ()
    corrupt: str = ""


def integrate(region: str, examine: Examine, facts: Sequence[Fact] = ()) -> Program[Added]:
    """Add all that the region has shipped, and that is no leaf yet, to its audit log; and `facts`, where they are others than the
    node stated last.

    All is taken from the objects, so any node of the region integrates the logs of all, those of lost disks among them. A pass that
    was stopped anywhere is repeated: a step was created, and counts, or it was not. Raises Unavailable; BadLog if the log is not
    what its steps say.
    """
    log = AuditLog(prefix_of(region))
    yield from log.open((yield from Integrated()))
    names = yield from _shipped(region, log.state)
    steps = leaves = 0
    while True:
        draft = _Draft(region, examine, log.state)
        yield from draft.state_facts(facts)
        yield from draft.read(names)
        added = yield from draft.leaves()
        if added or draft.through != log.state.through:
            if not (yield from log.add(draft.through, draft.said, added)):
                continue  # another node decided this step
            steps, leaves = steps + 1, leaves + len(added)
        yield from draft.settle()
        if not draft.is_full:
            return Added(steps, leaves, log.state.size, tuple(draft.waits), draft.corrupt)


def _shipped(region: str, state: State) -> Program[list[str]]:
    """The segments of the region that are objects and not integrated, log by log. An earlier log may come to light when a later one
    is being read.
    """
    newest = max(state.through, default="")
    names: list[str] = []
    for log in earlier_logs(newest):
        names += yield from ListObjects(f"{PREFIX}{log}/", after=PREFIX + state.through.get(log, ""))
    names += yield from ListObjects(f"{PREFIX}{region}.", after=PREFIX + state.through.get(newest, ""))
    return [name.removeprefix(PREFIX) for name in names]


class _Claimed(NamedTuple):
    """A claim of the region, the frame that made it, and what is stored under its key."""

    claim: Claim
    frame: Frame
    stored: Entry

    @property
    def is_stored(self) -> bool:
        """Whether it is what is stored."""
        return (self.stored.timestamp, self.stored.region) == (self.claim.entry.timestamp, self.claim.entry.region)


class _Draft:
    """The next step, as this node would have it: leaves in the order of the logs, and how far each log is integrated by them."""

    def __init__(self, region: str, examine: Examine, state: State) -> None:
        self._region = region
        self._examine = examine
        self._outcome_of = examine.outcome_of if isinstance(examine, Tells) else outcome_of
        self.through = dict(state.through)
        self.said = dict(state.said)
        self.waits: list[str] = []
        self.corrupt = ""
        self.is_full = False
        self._told: list[bytes] = []
        self._claimed: list[_Claimed] = []
        self._rows: int | None = None

    def state_facts(self, facts: Iterable[Fact]) -> Program[None]:
        """Say what the node goes by, where that is another than it said last."""
        log = (yield from Noted(INBOX)).log
        for fact in facts:
            number, last = self.said.get(f"{fact.kind}/{log}", (0, ""))
            if fact.digest != last:
                self._told.append(stated(fact, log, number + 1, (yield from Clock())))
                self.said[f"{fact.kind}/{log}"] = (number + 1, fact.digest)

    def read(self, names: Iterable[str]) -> Program[None]:
        """Read the segments that are not integrated, log by log and in order, as many as a step takes."""
        for log, segments in groupby(names, key=log_of):
            for name in segments:
                if self.is_full:
                    return
                done = self.through.get(log, "")
                if name > done:
                    if not (yield from self._take(done, name)):
                        break
                    self.through[log] = name
                    self.is_full = len(self._claimed) >= LIMITS.step_leaves

    def _take(self, done: str, name: str) -> Program[bool]:
        """Take in a segment, if it is the one behind `done`, or the first that is to be had, and the store has all that is in it;
        whether that could be done.
        """
        content = yield from GetObject(PREFIX + name)
        if content is None:
            raise unavailable(f"{PREFIX}{name} is listed, and cannot be read")
        if done and not follows(done, name):
            if content != empty(name):  # the sign that its log is lost, behind which nothing comes
                self.waits.append(name)
            return False
        try:
            found = sealed(name, content)
        except CorruptSegment as damaged:  # who shipped it puts it back (CRR-10)
            self.corrupt = self.corrupt or str(damaged)
            return False
        claims = claims_of(found.frames, self._region, self._examine)
        stored = yield from self._stored([claim.key for claim in claims])
        frames = {frame.timestamp: frame for frame in found.frames}
        claimed = [
            _Claimed(claim, frames[claim.entry.timestamp], entry)
            for claim, entry in zip(claims, stored, strict=True)
            if entry is not None and (entry == claim.entry or precedence(entry) <= precedence(claim.entry))
        ]
        if len(claimed) < len(claims):  # the log of an earlier disk, which the store has yet to be joined with
            self.waits.append(name)
            return False
        if not done and sequence_of(name) > 1:
            if not (yield from self._is_removed(segment_name(log_of(name), sequence_of(name) - 1))):
                raise unavailable(f"{PREFIX}{name} is listed, and what its log begins with is not")
            self._told.append(begun(name))
        if found.stated.text:
            self._told.append(ruled(found.stated, log_of(name)))
        self._claimed += claimed
        return True

    def _is_removed(self, name: str) -> Program[bool]:
        """Whether a segment that is not to be had was removed, and is not hidden: a snapshot stands for all that is (RET-1)."""
        found = yield from latest_head(self._region)
        return found is not None and covered(found[1], self._region).get(log_of(name), "") >= name

    def _stored(self, keys: Sequence[Key]) -> Program[list[Entry | None]]:
        """What is stored under each key. Some are asked for at once, so that submissions have their turns."""
        found: list[Entry | None] = []
        for at in range(0, len(keys), AT_ONCE):
            found += yield from Fetch(self._region, tuple(keys[at : at + AT_ONCE]))
        return found

    def leaves(self) -> Program[list[Leaf]]:
        """The leaves of the step: those that the log does not have.

        What gave way is read after what is stored was: a claim that was stored and is no more by then is among it, or was before.
        """
        rows = yield from self._gave_way()
        in_doubt = [each.claim for each in self._claimed if not each.is_stored]
        names = [names_about(About.SUPERSESSION, claim.key, claim.entry) for claim in in_doubt]
        known = yield from FindLeaves(tuple(names))
        gave_way = {names_about(About.SUPERSESSION, row.key, row.loser) for row in rows}
        gave_way |= {each for each, numbers in zip(names, known, strict=True) if numbers}
        leaves = [
            *map(named, self._told),
            *(leaf for each in self._claimed if (leaf := self._leaf(each, gave_way)) is not None),
            *map(named, map(supersession, rows)),
        ]
        by_name = {leaf.names: leaf for leaf in leaves}
        there = yield from FindLeaves(tuple(by_name))
        return [leaf for leaf, numbers in zip(by_name.values(), there, strict=True) if not numbers]

    def _leaf(self, each: _Claimed, gave_way: Collection[tuple[bytes, ...]]) -> Leaf | None:
        """What a claim comes to: an outcome, if it was ever stored; else nothing, unless it is of another content (DUP-3)."""
        claim, body = each.claim, body_of(each.frame.payload)
        by = _judged_by(each.frame.stated, claim.key.tenant)
        if each.is_stored:
            return self._outcome_of(Claim(claim.key, each.stored), body, by)
        if names_about(About.SUPERSESSION, claim.key, claim.entry) in gave_way:
            return self._outcome_of(claim, body, by)
        return named(equivocation(claim)) if each.stored.digest != claim.entry.digest else None

    def _gave_way(self) -> Program[list[Supersession]]:
        """The outcomes of the region that gave way, if any did since this was asked last. Where a store has new ones among those
        before, nobody knows: so all are read, and those that are leaves are known by their names.
        """
        known = int((yield from Marked(GAVE_WAY)) or 0)
        if not (yield from Supersessions(known, 1)):
            return []
        rows: list[Supersession] = []
        while more := (yield from Supersessions(len(rows), AT_ONCE)):
            rows += more
        self._rows = len(rows)
        return [row for row in rows if row.loser.region == self._region]

    def settle(self) -> Program[None]:
        """The log has all that was read."""
        if self._rows is not None:
            yield from Mark(GAVE_WAY, f"{self._rows}")


def _judged_by(stated: Stated, tenant: str) -> JudgedBy:
    """What a tenant's records are judged by where a log states this (POL-8)."""
    return _policy_of(stated.text, tenant) if stated.text else TOLERANCES


@lru_cache(maxsize=1024)
def _policy_of(stated: bytes, tenant: str) -> JudgedBy:
    policy = decoded(stated).of(tenant)
    return JudgedBy(policy_digest(policy), policy.version)
