"""The invariants of audit logs, held against what a second implementation makes of the same bytes (TLOG-*)."""

import json
from collections import ChainMap, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from typing import TypeAlias

from flk.model.entries.entry import Entry, Key
from flk.model.log.frames import log_of, region_of, sequence_of
from flk.model.programs.ship import PREFIX
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.checkers.policies import PolicyRules
from flk.sim.nodes.audit_logs import signer_of, witness_of, witnesses_of
from flk.sim.nodes.region import Region
from flk.sim.oracle import audit_logs as oracle
from flk.sim.oracle import frames, records
from flk.sim.oracle.clocks import stamp
from flk.sim.oracle.notary import Notary
from flk.sim.scenarios.faults import LogFork
from flk.sim.scenarios.scenario import Scenario
from flk.sim.world.clocks import calm
from flk.sim.world.events import (
    CheckpointKept,
    Claimed,
    Logged,
    LogObject,
    LogRefused,
    Merged,
    Removed,
    SiemTook,
    Uploaded,
)
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

AUDIT = CONSTANTS.transparency.object_prefix
ABOUT_RECORDS = "outcome", "supersession", "equivocation"
STATED = "policies"
What: TypeAlias = tuple[str, str, str, int]
"""What a leaf is about: its kind, tenant, id of the record, timestamp of the claim."""


class _Log:
    """The audit log of one region, as its objects say, and what was logged and stored in the region."""

    def __init__(self) -> None:
        self.tree = oracle.Tree()
        self.steps = 0
        self.about: set[What] = set()
        self.statements: set[bytes] = set()
        self.signed: dict[int, oracle.Signed] = {}
        self.published = 0
        self.told = 0
        self.payloads: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)  # each with what was stated
        self.stored: dict[tuple[str, str, int], float] = {}
        self.integrated: dict[str, float] = {}
        self.shipped: dict[str, float] = {}


class AuditLogRules:
    """Checks every object of an audit log when it is created, every checkpoint that somebody takes for the log's, and at the end
    that nothing is missing.
    """

    def __init__(
        self,
        scenario: Scenario,
        regions: Mapping[str, Region],
        notary: Notary | None,
        policies: PolicyRules,
        checks: Checks,
        now: Callable[[], float],
    ) -> None:
        self._scenario = scenario
        self._regions = regions
        self._notary = notary
        self._policies = policies
        self._checks = checks
        self._now = now
        self._logs = {region: _Log() for region in scenario.regions}
        self._forks = tuple(fault for fault in scenario.faults if isinstance(fault, LogFork))

    def observe(self, observer: Observer) -> None:
        """Check from now on."""
        observer.handle(Logged, self._logged)
        observer.handle(Claimed, lambda event: self._stored(event.region, event.claim.key, event.stored))
        observer.handle(Merged, lambda event: self._stored(event.region, event.claim.key, event.after))
        observer.handle(Uploaded, self._uploaded)
        observer.handle(Removed, self._check_removed)
        observer.handle(LogObject, self._check_object)
        observer.handle(CheckpointKept, self._check_kept)
        observer.handle(LogRefused, self._check_refused)
        observer.handle(SiemTook, self._check_told)

    def _logged(self, event: Logged) -> None:
        stated = self._policies.stated(event.node, event.frame.timestamp)
        self._logs[event.region].payloads[event.frame.timestamp].append((event.frame.payload, stated))

    def _stored(self, region: str, key: Key, entry: Entry) -> None:
        if entry.region == region:
            self._logs[region].stored.setdefault((key.tenant, key.pcs_id, entry.timestamp), self._now())

    def _uploaded(self, event: Uploaded) -> None:
        name = event.name.removeprefix(PREFIX)
        region = log_of(name).rpartition(".")[0]
        if region in self._logs:
            self._logs[region].shipped[name] = self._now()

    def _check_removed(self, event: Removed) -> None:
        """Nothing is removed that is no leaf yet, whatever snapshots stand for."""
        region = region_of(event.name)
        self._checks.require(
            Invariant.REMOVED_LATE,
            event.name in self._logs[region].integrated,
            event.node or region,
            "Release" if event.node else "DeleteObject",
            lambda: f"{event.name} was removed before the audit log had it",
        )

    # Objects.

    def _check_object(self, event: LogObject) -> None:
        region, _, name = event.name.removeprefix(AUDIT).partition("/")
        log, kind = self._logs[region], name.partition("/")[0]
        self._require(
            Invariant.LOG_GROWS,
            region,
            event.content is not None and (event.before is None or name == "checkpoint"),
            f"{event.name} was there, and was {'removed' if event.content is None else 'replaced'}",
        )
        if event.content is None:
            return
        if kind == "batch":
            self._check_step(region, log, name, event.content)
        elif kind == "tile":
            due = log.tree.tile(name)
            self._require(
                Invariant.LOG_GROWS, region, event.content == due, f"{event.name} is not what the leaves come to"
            )
        elif kind in {"signed", "checkpoint"}:
            self._check_checkpoint(region, log, name, event.content)

    def _check_step(self, region: str, log: _Log, name: str, content: bytes) -> None:
        """A step follows from the one before it, and its leaves are new and true."""
        found = oracle.step(content)
        if not self._require(Invariant.LOG_GROWS, region, found is not None, f"{name} is no step"):
            return
        assert found is not None, "it was required"
        for leaf in found.leaves:
            self._check_leaf(region, log, leaf)
            log.tree.add(leaf)
        for name_of_last in found.through.values():
            for segment in log.shipped:
                if log_of(segment) == log_of(name_of_last) and segment <= name_of_last:
                    log.integrated.setdefault(segment, self._now())
        log.steps += 1
        due = (log.steps, len(log.tree.leaves), log.tree.roots[-1].hex())
        told = (found.number, found.size, found.root)
        at_its_place = name == f"batch/{log.steps:012d}"
        self._require(
            Invariant.LOG_GROWS, region, at_its_place and told == due, f"{name} says {told}, and {due} is due"
        )

    def _check_leaf(self, region: str, log: _Log, leaf: bytes) -> None:
        told = json.loads(leaf)
        if told["kind"] == STATED:
            self._check_statement(region, log, told["log"], leaf)
        if told["kind"] not in ABOUT_RECORDS:
            return
        what: What = told["kind"], told["tenant"], told["pcs_id"], int(told["timestamp"], 16)
        self._require(Invariant.LEAVES_ONCE, region, what not in log.about, f"{_named(what)} is a leaf again")
        log.about.add(what)
        if self._notary is not None and what[0] == "outcome":
            was_stored = what[1:] in log.stored
            wrong = "was never stored" if not was_stored else "is not what was logged"
            holds = was_stored and leaf in self._due(region, log, what[3], self._notary)
            self._require(Invariant.LEAVES_TRUE, region, holds, f"{_named(what)} {wrong}")

    def _check_statement(self, region: str, log: _Log, writer: str, leaf: bytes) -> None:
        """What a log stated of policies is told once, and nothing else is."""
        self._require(
            Invariant.LEAVES_ONCE, region, leaf not in log.statements, f"what {writer} states is a leaf again"
        )
        log.statements.add(leaf)
        due = {oracle.statement(one.text, one.since, writer) for one in self._policies.changes(writer)}
        self._require(Invariant.LEAVES_TRUE, region, leaf in due, f"{writer} never stated what a leaf says it did")

    def _due(self, region: str, log: _Log, timestamp: int, notary: Notary) -> Iterator[bytes]:
        """What the leaves of the outcomes of a region's frames of a timestamp are."""
        for payload, stated in log.payloads[timestamp]:
            opinion = notary.opinion(payload, stamp(timestamp).wall, stated)
            if not opinion.refusal:
                yield oracle.outcome(records.read(payload[1 + payload[0] :]), opinion, timestamp, region)

    def _check_checkpoint(self, region: str, log: _Log, name: str, content: bytes) -> None:
        found = oracle.checkpoint(content)
        key = signer_of(region).verifier
        genuine = found is not None and found.origin == key.name and found.by(key.name, key.public)
        if not self._require(
            Invariant.LOG_HISTORY, region, genuine, f"{name} is no checkpoint that its key has signed"
        ):
            return
        assert found is not None, "it was required"
        self._require(
            Invariant.LOG_HISTORY,
            region,
            _began(log, found),
            f"{name} of {found.size} leaves is not how the log began",
        )
        if name == "checkpoint":
            self._check_published(region, log, found)
            return
        log.signed[found.size] = found
        objects = self._regions[region].world.objects.objects
        edge = [tile for tile in log.tree.tiles(found.size) if f"{AUDIT}{region}/{tile}" not in objects]
        self._require(
            Invariant.LOG_PUBLISHED, region, not edge, f"{name} was signed before {(edge or [''])[0]} was durable"
        )

    def _check_published(self, region: str, log: _Log, found: oracle.Signed) -> None:
        layout = self._scenario.layout.audit_log
        assert layout is not None, "the layout has audit logs"
        witnesses = witnesses_of(region, self._scenario.regions, layout)
        keys = [witness_of(witness).witness for witness in witnesses]
        lacking = [key.name for key in keys if not found.cosigned_by(key.name, key.public)]
        unseen = f"without {lacking[0]}" if lacking else "before it was signed"
        holds = not lacking and found.size in log.signed and log.signed[found.size].text == found.text
        self._require(Invariant.LOG_PUBLISHED, region, holds, f"{found.size} leaves were published {unseen}")
        self._require(
            Invariant.LOG_PUBLISHED,
            region,
            found.size >= log.published,
            f"{found.size} leaves are published after {log.published}",
        )
        log.published = found.size

    # Who looks.

    def _check_kept(self, event: CheckpointKept) -> None:
        """What a monitor takes for a log's history is that which everybody else is shown."""
        found = oracle.checkpoint(event.content)
        self._require(
            Invariant.LOG_HISTORY,
            event.region,
            found is not None and _began(self._logs[event.writer], found),
            f"{event.region} keeps a checkpoint of {event.writer} that is not how its log began",
        )

    def _check_refused(self, event: LogRefused) -> None:
        forked = any(
            (fork.region, fork.shown_to) == (event.writer, event.region) and fork.start <= self._now()
            for fork in self._forks
        )
        self._require(
            Invariant.LOG_REFUSED, event.region, forked, f"the log of {event.writer} is refused: {event.reason}"
        )

    def _check_told(self, event: SiemTook) -> None:
        """What is told once more is told as it was."""
        log, end = self._logs[event.region], event.first + len(event.leaves)
        same = tuple(log.tree.leaves[event.first : end]) == event.leaves
        wrong = f"leaf {event.first} is told after {log.told} leaves" if same else f"leaf {event.first} is another"
        self._require(Invariant.LEAVES_TOLD, event.region, same and event.first <= log.told, wrong)
        log.told = max(log.told, end)

    # The end.

    def finish(self) -> None:
        """Every outcome of a region that is stored there, or gave way there, is a leaf, if it was shipped in time."""
        for region, log in self._logs.items():
            node = self._regions[region].first.node
            if node is None or not node.level:
                continue
            shipped = list(self._shipped_in_time(log))
            for due in self._expected(region, log, shipped):
                self._require(Invariant.LEAVES_ALL, region, due in log.about, f"{_named(due)} is no leaf")
            stated = {(log_of(name), frame.stated, frame.since): name for name, frame in shipped if frame.stated}
            for (writer, text, since), segment in stated.items():
                told = oracle.statement(text, since, writer) in log.statements
                self._require(Invariant.LEAVES_ALL, region, told, f"what {segment} states of policies is no leaf")

    def _expected(self, region: str, log: _Log, shipped: Iterable[tuple[str, frames.Found]]) -> Iterator[What]:
        """What there is to be a leaf. A store that was lost may store for a moment, as it comes back, what the one before never
        did: that it gave way is a leaf then, and its segment is integrated already (decision 0071).
        """
        if self._notary is None:
            return
        entries = self._regions[region].entries
        gave_way = {(row.key, row.loser.timestamp) for row in entries.superseded if row.loser.region == region}
        for segment, frame in shipped:
            timestamp = frame.timestamp
            opinion = self._notary.opinion(frame.payload, stamp(timestamp).wall, frame.stated)
            key = Key(opinion.tenant, opinion.pcs_id)
            stored = entries.entries.get(key)
            about = (*key, timestamp)
            if opinion.refusal:
                continue
            if stored is not None and (stored.timestamp, stored.region) == (timestamp, region):
                yield ("outcome", *about)
            elif (key, timestamp) in gave_way:
                yield ("supersession", *about)
                if log.stored.get(about, inf) <= log.integrated.get(segment, inf):
                    yield ("outcome", *about)

    def _shipped_in_time(self, log: _Log) -> Iterator[tuple[str, frames.Found]]:
        """The frames in the objects of a region that are whole, or were removed on purpose, each log up to its first gap, if
        nothing kept nodes from them.
        """
        bucket = next(iter(self._regions.values())).world.objects
        objects = ChainMap(bucket.objects, bucket.removed)
        bound = float(self._scenario.slo.convergence)
        latest = self._now() - bound
        if calm(self._scenario.faults) > latest:
            return
        for segments in _by_log(log.shipped).values():
            for number, name in enumerate(segments, 1):
                found = frames.whole(objects.get(PREFIX + name, b""))
                if found is None or found.name != name or sequence_of(name) != number or log.shipped[name] > latest:
                    break
                yield from ((name, frame) for frame in found.data)

    def _require(self, invariant: Invariant, region: str, holds: bool, text: str) -> bool:  # noqa: FBT001
        return self._checks.require(invariant, holds, region, "audit log", lambda: text)


def _began(log: _Log, found: oracle.Signed) -> bool:
    return found.size < len(log.tree.roots) and log.tree.roots[found.size] == found.root


def _by_log(names: Mapping[str, float]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        found[log_of(name)].append(name)
    return found


def _named(what: What) -> str:
    kind, tenant, pcs_id, timestamp = what
    return f"the {kind} of {tenant}/{pcs_id[:12]}, {timestamp:016x},"
