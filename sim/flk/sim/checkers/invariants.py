"""What must hold at every moment of a run, how often that was checked, and what broke it."""

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Self

import msgspec

from flk.sim.scenarios.layout import Layout
from flk.spec.verdict import Verdict


class Invariant(StrEnum):
    """The invariants, each with the sentence that it states."""

    statement: str

    DURABLE = "durable-before-answer", "an answer to a parsed body rests on a durable frame (WAL-1)"
    VERIFIED = "verify-before-claim", "a store is asked only for what a durable, authentic frame claims (ORD-3, JDG-5)"
    FIRST_WRITE = "first-write-wins", "a stored entry changes only into an earlier one (DUP-1, CRR-1)"
    STORED_REPLY = "reply-is-the-stored-outcome", "200, 202 and 409 state the entry that is stored (DUP-2, ORD-7)"
    REFUSALS = "refusals-never-stored", "a refused request has stored nothing (DUP-5)"
    DESERVED = "refusals-deserved", "400 and 401 are said only of what claims nothing (ORD-2, ORD-3)"
    DIGEST = "digest-of-the-stored", "200 and 202 name the sender's digest, 409 another, and all the stored one (DUP-3)"
    AUTHENTIC = (
        "authentic-when-logged",
        "only what a key made that was live when it was logged has an entry (SIGN-4, SIGN-7)",
    )
    SAME_ENTRY = "entries-by-second-opinion", "digest and outcome are those of a second implementation (DUP-3, JDG-5)"
    SAME_ANSWER = (
        "answers-by-second-opinion",
        "an answer is what a second implementation makes of the log (ORD-2, ORD-3, ORD-7)",
    )
    TURNED_AWAY = (
        "turned-away-for-a-reason",
        "413 is said of what is over the limit, 429 with as many in flight as may be (ORD-5, ORD-6)",
    )
    READY = "ready-again", "once no fault holds, every node becomes ready within the bound (WAL-5, OBS-3)"
    SECRECY = "only-signers-are-told", "whose signature is not valid is told nothing of any entry (ORD-3)"
    FORGERY = "forgeries-never-stored", "no entry anywhere is made of a forged record (SIGN-6, ORD-3)"
    TENANTS = "tenants-never-mix", "an entry's key names the tenant that logged it (DUP-4)"
    LOG_ORDER = "claims-in-log-order", "claims reach the store in the order of their frames (DUP-6)"
    CLOCKS = "clocks-monotone", "timestamps of one log only rise, through every restart (HLC-1, HLC-4)"
    PAST_ALL = (
        "timestamps-past-all-seen",
        "a new timestamp is past its log, past wall time, and past all that arrived within the bound (HLC-1, HLC-2, HLC-4)",
    )
    NOT_DRAGGED = (
        "clocks-never-dragged",
        "no timestamp is further ahead than wall time, its log and the bound allow (HLC-3)",
    )
    TIMELY = (
        "logged-by-a-sound-clock",
        "nothing is logged when wall time has made a step, nor far ahead of wall time (HLC-5)",
    )
    DOUBTED = (
        "doubted-for-a-reason",
        "503 for the time is said only when wall time has made a step, or a log is far ahead of it (HLC-5)",
    )
    SUPERSESSION = "supersession-recorded", "a winner that gives way is recorded with both entries, once (CRR-3)"
    SEALED = (
        "only-sealed-segments-ship",
        "what is uploaded is sealed, whole, and settled to the last frame (WAL-6, CRR-6)",
    )
    WATERMARK = "watermark-never-ahead", "a watermark follows the upload or the merge it stands for (CRR-4)"
    NO_GAP = "no-gap-in-replay", "segments are shipped and replayed in sequence (CRR-5)"
    OBJECTS_KEPT = (
        "objects-never-overwritten",
        "an object holds what its region sealed under its name, and is never replaced (CRR-9, WAL-6)",
    )
    OBJECTS_WHOLE = (
        "objects-made-whole-again",
        "once no fault holds, every object of a log whose disk is there is whole within the bound (CRR-10)",
    )
    REPORTED = (
        "what-waits-is-reported",
        "a pass that says it went to the end left nothing behind that was listed, sealed or missing (CRR-5, CRR-9, CRR-10)",
    )
    RECOVERED = (
        "log-before-service",
        "a node serves when its store has all that its log says, and what its earlier disks shipped (WAL-5, CRR-5)",
    )
    REPAIRED = (
        "repairs-reported",
        "recovery reports what is torn or corrupt in the log that was not applied, each by its place (WAL-3, WAL-4)",
    )
    NEVER_LOST = "acknowledged-never-lost", "what was acknowledged is stored in the end, unless its only disk is gone"
    CONVERGENCE = "convergence", "all regions come to store the same entry, within the bound (CRR-2)"
    DIVERGENCE = (
        "divergence-as-stored",
        "what a comparison of two regions says is what their stores differ by, whichever is named first (CRR-8)",
    )
    FOLD = "outcomes-of-the-model", "the final stores are the join of all durable claims (CRR-1, JDG-5)"
    PROGRESS = "time-goes-on", "a run goes on to its end: no program keeps simulated time from passing"
    TIER_KEPT = "tiers-keep-the-window", "an entry leaves its last tier only when its window is over (TIR-1, DUP-7)"
    TIER_MOVE = "tiers-copy-then-delete", "within the window a tier lets go only of what the next one holds (TIR-2)"
    TIER_ASKED = (
        "new-means-no-tier-has-it",
        "a claim is new only if all tiers were asked and none has it (TIR-3, TIR-4)",
    )
    TIER_EARLIER = (
        "tiers-never-overwrite",
        "what a tier has under a key gives way to an earlier entry only (TIR-2, CRR-1)",
    )
    TIER_NEAR = (
        "tiers-serve-what-is-near",
        "a claim is refused for a tier that is away only if no other has its key; what is asked for comes nearer (TIR-2, TIR-3)",
    )
    TIER_TERM = "tiers-let-go-in-time", "an entry leaves a tier when its term there is over (TIR-1)"
    MOVED_STAYS = (
        "migration-answers-stay",
        "what was answered is what the ruling shard has, in every phase (MIG-2, MIG-3, MIG-4)",
    )
    MOVED_BOTH = (
        "migration-writes-both",
        "an answer waits until both shards have it, from dual writes to cleanup (MIG-1, MIG-2)",
    )
    SENT_DURABLE = "sent-after-durable", "an agent sends what is durable in its outbox, exactly as it was given (OUT-1)"
    SENT_AGAIN = (
        "sent-until-settled",
        "what is not settled is sent again, no later than the policy has it (OUT-2, OUT-3)",
    )
    PATIENT = (
        "never-sent-too-early",
        "no attempt of a round comes before Retry-After is over, nor one too many (OUT-2, OUT-4)",
    )
    JITTER = (
        "jitter-is-full",
        "what agents wait beyond what was asked is spread evenly from nothing to the ceiling (OUT-3)",
    )
    SETTLED = (
        "settled-by-the-answer",
        "200 and 202 acknowledge, 400, 401, 409 and 413 make one dead letter, nothing else settles (OUT-2, OUT-5)",
    )
    SENT_NO_MORE = (
        "settled-never-sent-again",
        "what is acknowledged or refused for good is not sent again (OUT-2, OUT-5)",
    )
    DELIVERED = (
        "delivered-in-time",
        "what was given is settled within a bound, once no fault holds any more and no node is full (OUT-2, OUT-5, ORD-6)",
    )
    CONSERVED = (
        "submissions-conserved",
        "what was given is stored, refused for good, in an outbox or still with the giver (OUT-1, OUT-2)",
    )
    OUTBOX_KEPT = (
        "outbox-only-grows",
        "an outbox holds every frame it was given, under timestamps that rise (OUT-2, HLC-4)",
    )
    MOVED_ORDER = (
        "migration-phases-in-order",
        "phases come in their order; there is no way back from cleanup, and a migration that began ends (MIG-5, MIG-6)",
    )
    MOVED_WRITES = (
        "migration-writes-where-due",
        "each shard is written only when it rules or follows, and a follower only with what the ruler has (MIG-1, MIG-2)",
    )
    MOVED_ALL = (
        "migration-verifies-all",
        "the new shard becomes the authority when it has every key of the old one (MIG-3)",
    )
    MOVED_KEPT = (
        "migration-deletes-last",
        "keys go from the old shard after cleanup began, when the new one has them, and copies after a rollback (MIG-5, MIG-9)",
    )
    PARTED = (
        "removal-tells-what-gave-way",
        "what gave way in a shard that leaves is told when it is gone, each time as often as before (MIG-9)",
    )
    ONE_ORDER = (
        "nodes-have-one-order",
        "a record gets a later timestamp than all that the nodes of its region had stored when it came (HLC-7)",
    )
    ONE_ENTRY = (
        "nodes-come-to-one-entry",
        "of all that nodes claim for a key the earliest is stored, answered, and what gave way to it recorded (DUP-10)",
    )
    TASK_ONCE = "audit-effect-once", "an audit task takes effect at most once (AUD-2)"
    TASK_MARK = "audit-mark-follows-effect", "a task is marked as processed only after its effect (AUD-3)"
    TASK_KEPT = "audit-task-never-lost", "a task is let go after its effect or as a dead letter (AUD-1, AUD-5)"
    TASK_STEPS = (
        "audit-worker-steps",
        "a worker attempts what is not marked, as often as it may, then marks or buries it, then lets it go (AUD-1 to AUD-5)",
    )

    POLICY_CHANGES = (
        "policies-as-they-were-changed",
        "what a log states of policies is what its operator made of what it stated before, signed (POL-5, POL-6, POL-9)",
    )
    POLICY_ANSWERS = (
        "policies-as-it-was-answered",
        "what an operator is told of policies is what the log states (POL-10)",
    )
    POLICY_SEGMENTS = (
        "policies-in-each-segment",
        "a sealed segment states for each of its frames the last change before that (POL-9)",
    )
    LEAVES_ONCE = "leaves-once", "of a record and a claim, an audit log has one leaf of each kind (TLOG-6)"
    LEAVES_TRUE = (
        "leaves-by-second-opinion",
        "the leaf of an outcome is what a second implementation makes of a frame that was logged, and was stored (TLOG-6)",
    )
    LEAVES_ALL = (
        "leaves-complete",
        "once no fault holds, what was stored and shipped is a leaf within the bound, and so is that it gave way (TLOG-6)",
    )
    LEAVES_TOLD = (
        "leaves-told-in-order",
        "the SIEM is told of the leaves of a log as they are, and of none before it was told of the one before (SIEM-1)",
    )
    REMOVED_LATE = (
        "removed-once-integrated",
        "a segment and its object are removed only after a step of the audit log has integrated it (TLOG-10)",
    )
    LOG_GROWS = (
        "history-only-grows",
        "steps and tiles of an audit log are created once, each as the leaves before it have it (TLOG-3, TLOG-7)",
    )
    LOG_HISTORY = (
        "history-is-one",
        "each checkpoint that is signed, published, or kept by a monitor is how the log began (TLOG-5, TLOG-8)",
    )
    LOG_PUBLISHED = (
        "history-published-in-order",
        "a checkpoint is signed when its tiles are durable, and published when all witnesses have cosigned it (TLOG-8, TLOG-9)",
    )
    LOG_REFUSED = (
        "history-refused-for-a-reason",
        "an audit log is refused only by who is shown another history of it (TLOG-5, TLOG-7)",
    )

    def __new__(cls, name: str, statement: str) -> Self:
        """A member is its name; the sentence is an attribute."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.statement = statement
        return member


OF_MIGRATION = frozenset(invariant for invariant in Invariant if invariant.startswith("migration-"))
"""What is asked only where a store is migrated."""
OF_REMOVALS = frozenset({Invariant.PARTED})
"""What is asked only where a shard leaves."""
OF_AUDIT = frozenset(invariant for invariant in Invariant if invariant.startswith("audit-"))
"""What is asked only where there is an audit queue."""
OF_NODES = frozenset({Invariant.ONE_ORDER, Invariant.ONE_ENTRY})
"""What is asked only where several nodes share a store."""
OF_POLICIES = frozenset(i for i in Invariant if i.startswith("policies-"))
"""What is asked only where logs state policies."""
OF_AUDIT_LOGS = frozenset(i for i in Invariant if i.startswith(("leaves-", "history-")))
"""What is asked only where regions have audit logs."""
OF_AUDITED_UPKEEP = frozenset({Invariant.REMOVED_LATE})
"""What is asked only where something is removed that an audit log is written of."""
OF_TIERS = frozenset({Invariant.TIER_ASKED, *(i for i in Invariant if i.startswith("tiers-"))})
"""What is asked only where a store has tiers."""


def without(layout: Layout) -> frozenset[Invariant]:
    """The invariants that a layout gives no occasion for."""
    of_parts: dict[frozenset[Invariant], object] = {
        OF_AUDIT: layout.audit,
        OF_AUDIT_LOGS: layout.audit_log,
        OF_AUDITED_UPKEEP: layout.audit_log and layout.upkeep,
        OF_POLICIES: layout.policies,
        OF_TIERS: layout.tiers,
        OF_MIGRATION: layout.migration,
        OF_REMOVALS: layout.migration and layout.migration.leaves,
        OF_NODES: layout.nodes > 1,
    }
    return frozenset(invariant for part, there in of_parts.items() if not there for invariant in part)


class Violation(msgspec.Struct, frozen=True):
    """One broken invariant: when, where, in which event, and what was wrong."""

    invariant: str
    at: float
    node: str
    event: str
    sentence: str


class Result(msgspec.Struct, frozen=True):
    """One invariant over a whole run. With no checks it holds, and was not exercised."""

    invariant: str
    statement: str
    checks: int
    violations: int
    verdict: Verdict
    examples: tuple[Violation, ...]


class Together:
    """Invariants that are checked together at something that happens by the request, where all of them nearly always hold."""

    def __init__(self, *invariants: Invariant) -> None:
        self.invariants = invariants


class Checks:
    """Counts the checks, keeps what failed. `absent` are the invariants that are about nothing which the scenario has."""

    KEPT = 10  # violations kept of each invariant; a broken rule breaks often

    def __init__(self, now: Callable[[], float], absent: Collection[Invariant] = ()) -> None:
        self._now = now
        self._absent = absent
        self._counts = dict.fromkeys(Invariant, 0)
        self._held: dict[Together, int] = {}
        self._violations: dict[Invariant, list[Violation]] = {invariant: [] for invariant in Invariant}
        self._broken = dict.fromkeys(Invariant, 0)
        self._open: set[Invariant] = set()

    def require(self, invariant: Invariant, ok: bool, node: str, event: str, text: Callable[[], str]) -> bool:  # noqa: FBT001
        """Count a check; unless it is `ok`, keep a violation that `text` describes. Whether it is.

        `text` is called only then: a sentence costs more than the check.
        """
        if ok:
            self._counts[invariant] += 1
        else:
            self.deny(invariant, node, event, text)
        return ok

    def deny(self, invariant: Invariant, node: str, event: str, text: Callable[[], str]) -> None:
        """Count a check that does not hold, and keep a violation that `text` describes."""
        self._counts[invariant] += 1
        self._broken[invariant] += 1
        if len(self._violations[invariant]) < self.KEPT:
            self._violations[invariant].append(Violation(invariant, self._now(), node, event, text()))

    def hold(self, together: Together) -> None:
        """Count a check of each of these invariants, all of which hold. One call: calls are what checking costs."""
        self._held[together] = self._held.get(together, 0) + 1

    def undecided(self, invariant: Invariant, why: str = "") -> None:
        """The run ended before this could be told; `why` says where, if that is known."""
        self._open.add(invariant)
        if why:
            self._violations[invariant].append(Violation(invariant, self._now(), "run", "end", why))

    def results(self) -> tuple[Result, ...]:
        """Every invariant's verdict, in the order of the table."""
        counts = dict(self._counts)
        for together, times in self._held.items():
            for invariant in together.invariants:
                counts[invariant] += times
        return tuple(
            Result(i, i.statement, counts[i], self._broken[i], self._verdict(i), tuple(self._violations[i]))
            for i in Invariant
            if i not in self._absent
        )

    def _verdict(self, invariant: Invariant) -> Verdict:
        if self._broken[invariant]:
            return Verdict.VIOLATED
        return Verdict.UNDECIDED if invariant in self._open else Verdict.HOLDS
