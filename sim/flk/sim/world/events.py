"""What happens in a run, as values: who checks, measures or writes down handles those that it asks for.

An event is frozen and names where it happened: the region, or the node if it is about something of the node's own. It happens at
the simulated moment at which it is handed on.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from flk.model.effects import Effect
from flk.model.entries.entry import Claim, Entry, Key, Supersession
from flk.model.entries.migration import Phase, Side
from flk.model.entries.tasks import Task
from flk.model.entries.tiers import Tier
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import Frame, Scan, scan
from flk.model.log.hlc import Timestamp
from flk.model.programs.divergence import Divergence
from flk.model.programs.recover import Recovery
from flk.sim.scenarios.faults import Disk, Stop
from flk.sim.scenarios.topology import region_of_node

NO_ANSWER = 0


class Intent(StrEnum):
    """What a submission is meant to do: deliver a record, pass as somebody else's, replace what is stored, pass as a record, claim
    what is not so, or be answered again.
    """

    HONEST = "honest"
    FORGED = "forged"
    EQUIVOCATING = "equivocating"
    MALFORMED = "malformed"
    DEVIATING = "deviating"
    REPLAYED = "replayed"


class TaskChange(StrEnum):
    """What became of an audit task."""

    ENQUEUED = "enqueued"
    TAKEN = "taken"
    EFFECTED = "effected"
    MARKED = "marked"
    BURIED = "buried"
    ACKNOWLEDGED = "acknowledged"


class Stage(StrEnum):
    """A background pass over the log of a region."""

    SHIP = "ship"
    REPLAY = "replay"
    RESTORE = "restore"


class Rotten(NamedTuple):
    """A frame that rotted, and what it claimed."""

    claim: Claim
    frame: Frame


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened."""


class OfNode(Event, frozen=True, gc=False):
    """Something that happened at a node, by its name; one that is alone has the name of its region."""

    node: str

    @property
    def region(self) -> str:
        """The region of the node."""
        return region_of_node(self.node)


# Of the log.


class Logged(OfNode, frozen=True, gc=False):
    """A frame became durable in a region's log."""

    frame: Frame


class PoliciesStated(OfNode, frozen=True, gc=False):
    """A log states something else of policies since a timestamp, durably: a ruling, as the log has it."""

    log: str
    since: Timestamp
    text: bytes


class PolicyAnswered(OfNode, frozen=True, gc=False):
    """An operator was answered that a change holds, or was taken back."""

    change: str
    holds: bool


class LogFailed(OfNode, frozen=True, gc=False):
    """A synchronisation of a region's log failed; its node ends and starts anew."""


class Rotted(OfNode, frozen=True, gc=False):
    """Frames of a region's log cannot be read any more, and are not in the object store either."""

    lost: Sequence[Rotten]


class SegmentSealed(OfNode, frozen=True, gc=False):
    """A segment of a region's inbox was sealed with this content, or was replaced by an empty one, its frames salvaged."""

    name: str
    content: bytes


class Removed(OfNode, frozen=True, gc=False):
    """A segment was removed on purpose: from the log of `region`, or if that is empty, its object (RET-1)."""

    name: str
    content: bytes


class Uploaded(Event, frozen=True, gc=False):
    """An object was created; `found` is what its bytes say, `replaced` what had its name until then (None: nothing, as is due), and
    `lost` what had it and was lost or damaged by a fault. `damaged` is how an object read that was put back for that.
    """

    name: str
    content: bytes
    found: Scan
    replaced: bytes | None
    lost: bytes | None = None
    damaged: bytes | None = None

    @property
    def missing(self) -> tuple[Frame, ...]:
        """The frames of what was lost that the object does not have, in order."""
        return () if self.lost is None else tuple(sorted(set(scan(self.lost).frames) - set(self.found.frames)))


class WatermarkSet(OfNode, frozen=True, gc=False):
    """A watermark was set."""

    name: str
    value: str


# Of the store.


class Claimed(Event, frozen=True, gc=False):
    """The store of a region answered a claim; `before` is what it held until then, `records` are the supersessions written."""

    region: str
    node: str
    claim: Claim
    before: Entry | None
    stored: Entry
    records: Sequence[object]


class Merged(Event, frozen=True, gc=False):
    """An entry was joined into a region's store; `records` are the supersessions written with it."""

    region: str
    node: str
    claim: Claim
    before: Entry | None
    after: Entry
    records: Sequence[object]


class StoreUsed(OfNode, frozen=True, gc=False):
    """The store is done with an operation, `claim` or `merge`, that it was asked for at `began` (seconds of the run)."""

    operation: str
    began: float


class FellBehind(OfNode, frozen=True, gc=False):
    """The store of a region did not answer; its node is behind the log."""


class Levelled(OfNode, frozen=True, gc=False):
    """A node takes its store to be level with its log from now on, and serves."""


class RecoveryBegan(OfNode, frozen=True, gc=False):
    """A node begins to replay its log into its store."""


class Recovered(OfNode, frozen=True, gc=False):
    """A node is level with its log."""

    recovery: Recovery


class ShardSilent(OfNode, frozen=True, gc=False):
    """A request met a shard that did not answer."""

    shard: str


class PhaseChanged(Event, frozen=True, gc=False):
    """The migration of a region's store is in another phase."""

    region: str
    phase: Phase
    leaves: bool = False  # a shard, where else one joins


class ShardParted(Event, frozen=True, gc=False):
    """A shard has left the store of a region; what was told to have given way until then, and what is told from now on."""

    region: str
    before: tuple[Supersession, ...]
    after: tuple[Supersession, ...]


class SideWritten(Event, frozen=True, gc=False):
    """A shard of a migration holds an entry from now on, or nothing more (None); `before` is what it held until then."""

    region: str
    side: Side
    key: Key
    before: Entry | None
    entry: Entry | None


class RulingSwitched(Event, frozen=True, gc=False):
    """Another shard rules over a key, which has this under it, and not what was stored until now."""

    region: str
    key: Key
    entry: Entry | None


class TaskChanged(Event, frozen=True, gc=False):
    """Something became of an audit task of a region."""

    region: str
    change: TaskChange
    task: Task


class WorkerActed(Event, frozen=True, gc=False):
    """An audit worker had an effect performed in one of its runs, each of which is about one task; `result` may be a refusal."""

    region: str
    worker: str
    run: str
    effect: Effect[object]
    result: object


# Of the tiers of a store.


class TierAsked(Event, frozen=True, gc=False):
    """A tier answered what it holds under keys."""

    region: str
    tier: Tier
    keys: Sequence[Key]


class ClaimDeferred(Event, frozen=True, gc=False):
    """A claim could not be judged while a tier is away; it is applied later."""

    region: str
    claim: Claim


class ClaimSearched(Event, frozen=True, gc=False):
    """A claim that a node looked for in the tiers from `began` on has its entry, found in `tier` (None: none), or a refusal."""

    region: str
    claim: Claim
    tier: Tier | None
    began: float
    result: object


class TierPlaced(Event, frozen=True, gc=False):
    """A tier holds an entry from now on; `before` is what it held until then."""

    region: str
    tier: Tier
    key: Key
    before: Entry | None
    entry: Entry


class TierDropped(Event, frozen=True, gc=False):
    """A tier held an entry until now."""

    region: str
    tier: Tier
    key: Key
    entry: Entry


class Forgotten(Event, frozen=True, gc=False):
    """The last tier that held an entry holds it no more, or the store lost it."""

    region: str
    key: Key
    entry: Entry


# Of the object store.


class ObjectAsked(OfNode, frozen=True, gc=False):
    """A request of a region's node reached the object store, which may refuse it."""


class ObjectFetched(OfNode, frozen=True, gc=False):
    """The object store handed out the content of an object."""

    size: int


# Of audit logs.


class LogObject(Event, frozen=True, gc=False):
    """An object of an audit log was created, in place of another if there was one; `content` is None if it was removed."""

    name: str
    content: bytes | None
    before: bytes | None


class LogRefused(OfNode, frozen=True, gc=False):
    """A pass of a node found the audit log of a region not to be what was signed, or not to follow from its steps."""

    writer: str
    reason: str


class CheckpointKept(OfNode, frozen=True, gc=False):
    """A monitor keeps a checkpoint of the audit log of a region: it takes this history for the log's."""

    writer: str
    content: bytes


class Anchored(OfNode, frozen=True, gc=False):
    """An authority has time-stamped a checkpoint of the region's log, of so many leaves."""

    size: int


class SiemTook(OfNode, frozen=True, gc=False):
    """The SIEM took the events of so many leaves, from the one on that has so many before it."""

    first: int
    leaves: tuple[bytes, ...]


# Of nodes.


class Arrived(OfNode, frozen=True, gc=False):
    """A submission came to a node, at a moment of the run in seconds."""

    request: Submission
    at: float


class Admitted(OfNode, frozen=True, gc=False):
    """A node admitted a submission."""


class Replied(OfNode, frozen=True, gc=False):
    """A node answered a request that arrived at `began`; `logged` is the timestamp of the frame it wrote for it."""

    request: Submission
    logged: Timestamp | None
    response: Response
    began: float


class TimeTrusted(OfNode, frozen=True, gc=False):
    """The wall clock of a region counts as right from now on: its machine started, or an operator has said so (HLC-6)."""


class ClockObserved(OfNode, frozen=True, gc=False):
    """The clock of a region was shown timestamps of another: by a replay of `source`, or by a snapshot or the like (empty)."""

    source: str
    timestamps: tuple[Timestamp, ...]


class PassEnded(OfNode, frozen=True, gc=False):
    """A pass over the log of `source` that began at `began` is over; unless `complete` it ended at a gap, a corrupt segment or
    something that did not answer.
    """

    stage: Stage
    source: str
    began: float
    complete: bool


class Compared(OfNode, frozen=True, gc=False):
    """A node compared its region with another, which it began at `began`."""

    peer: str
    began: float
    divergence: Divergence


class HeldBack(Event, frozen=True, gc=False):
    """A circuit breaker kept a request to a place from being sent."""

    sender: str
    place: str


class Crashed(Event, frozen=True, gc=False):
    """Nodes of a region stopped, all of them or one of several; what is lost with them is gone by now."""

    fault: Stop
    nodes: tuple[str, ...]

    @property
    def lost_disks(self) -> tuple[str, ...]:
        """The nodes that lost their disks."""
        return self.nodes if self.fault.disk is Disk.LOST else ()

    @property
    def lost_store(self) -> bool:
        """Whether the region lost its store: with all its disks, for one of several nodes has none of its own."""
        return self.fault.disk is Disk.LOST and self.fault.node is None


class Restarted(OfNode, frozen=True, gc=False):
    """A node started again."""


class Marked(Event, frozen=True, gc=False):
    """A run came to a coverage mark, by its name in `coverage_marks.COVERAGE_MARKS`."""

    mark: str


# Of agents.


class Attempt(NamedTuple):
    """One try to deliver: which agent and item, where to, when it was sent and when it was over, and the status it got.

    Agent and item of what an attacker sends again are -1. Moments are seconds of the run.
    """

    agent: int
    item: int
    region: str
    sent: float
    over: float
    status: int
    intent: Intent = Intent.HONEST


class Beat(NamedTuple):
    """A synthetic heartbeat of an agent that is over: where to, when it was sent and when it was over, and whether it was answered
    that a submission would have been acknowledged.
    """

    agent: int
    region: str
    sent: float
    over: float
    served: bool


class AgentMoved(Event, frozen=True, gc=False):
    """An agent left a region for another."""

    agent: str
    region: str
    to: str


class Given(Event, frozen=True, gc=False):
    """An agent was given a submission to deliver, as item `item` of the run."""

    agent: int
    item: int
    submission: Submission


class OutboxWritten(Event, frozen=True, gc=False):
    """A frame became durable in an agent's outbox."""

    agent: int
    frame: Frame


class Sent(Event, frozen=True, gc=False):
    """An agent sent something for an item, as an attempt of round `round`; not if a circuit breaker held it back (`held`)."""

    agent: int
    item: int
    round: int
    submission: Submission
    held: bool


class Heard(Event, frozen=True, gc=False):
    """An agent got the answer to what it sent for an item; None if none came in time."""

    agent: int
    item: int
    response: Response | None


class AgentCrashed(Event, frozen=True, gc=False):
    """The process of an agent died. What its disk had been writing is there by now, or is not."""

    agent: int


class AgentRestarted(Event, frozen=True, gc=False):
    """The process of an agent is there again, and reads its outbox."""

    agent: int


class AgentHurried(Event, frozen=True, gc=False):
    """An agent waits for nothing any more, or again for what it should."""

    agent: int
    hurries: bool


class AgentSlowed(Event, frozen=True, gc=False):
    """Whatever an agent does takes so many seconds longer from now on."""

    agent: int
    lag: float
