"""What logs state of policies: as their operators changed it, signed, and in every segment (POL-5, POL-6, POL-9).

By which policy a record was judged, `second_opinion` checks: it asks here what the log stated where the record stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from flk.model.effects import INBOX
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.policies import KEYS
from flk.sim.nodes.region import Place
from flk.sim.oracle import frames, policies
from flk.sim.oracle.policies import PARTS, Ruling
from flk.sim.oracle.records import Rules
from flk.sim.scenarios.faults import FaultBase, PolicyChange
from flk.sim.world.events import PoliciesStated, PolicyAnswered, SegmentSealed
from flk.sim.world.observer import Observer

POLICY_KEYS = tuple((name, key.material) for name, key in sorted(KEYS.items()))
"""The keys for policies as the oracle takes them."""


class Statement(NamedTuple):
    """What a log states from a timestamp on."""

    since: int
    text: bytes


class PolicyRules:
    """Follows what each log states, by the changes that its operators asked for."""

    def __init__(self, places: Mapping[str, Place], faults: Iterable[FaultBase], checks: Checks) -> None:
        self._places = places
        self._changes = {fault.id: fault for fault in faults if isinstance(fault, PolicyChange)}
        self._checks = checks
        self._logs: dict[str, list[Statement]] = {}

    def observe(self, observer: Observer) -> None:
        """Check each change, and each segment when it is sealed."""
        observer.handle(PoliciesStated, self._changed)
        observer.handle(PolicyAnswered, self._answered)
        observer.handle(SegmentSealed, self._sealed)

    def stated(self, node: str, timestamp: int) -> bytes:
        """What the log of a node stated for what it logged at a timestamp: the last change before."""
        return self._at(self._places[node].disk.log(INBOX), timestamp)

    def changes(self, log: str) -> Sequence[Statement]:
        """All that a log has stated so far."""
        return self._logs.get(log, ())

    def _at(self, log: str, timestamp: int) -> bytes:
        known = self._logs.get(log, ())
        return next((one.text for one in reversed(known) if one.since < timestamp), b"")

    def _changed(self, event: PoliciesStated) -> None:
        before = self._logs.setdefault(event.log, [])
        old = policies.read(before[-1].text if before else b"", POLICY_KEYS)
        new = policies.read(event.text, POLICY_KEYS)
        change = self._changes.get(new.by)
        wrong = "nobody asked for it" if change is None else _wrong(old, new, change)
        later = not before or before[-1].since < event.since
        self._checks.require(
            Invariant.POLICY_CHANGES,
            not wrong and later,
            event.region,
            "change of policies",
            lambda: (
                f"{event.log} states a change ({new.done} by {new.by or 'nobody'}): {wrong or 'it is not the last one'}"
            ),
        )
        before.append(Statement(event.since, event.text))

    def _answered(self, event: PolicyAnswered) -> None:
        change, known = self._changes[event.change], self._logs.get(self._places[event.node].disk.log(INBOX), ())
        ruling = policies.read(known[-1].text if known else b"", POLICY_KEYS)
        judges = ruling.in_force if change.share == 1 else ruling.candidate
        holds = judges == change.version if event.holds else change.version not in {ruling.in_force, ruling.candidate}
        self._checks.require(
            Invariant.POLICY_ANSWERS,
            holds,
            event.region,
            "answer to an operator",
            lambda: (
                f"{change.version} is said to {'hold' if event.holds else 'be taken back'}, and {ruling.in_force} is in force"
            ),
        )

    def _sealed(self, event: SegmentSealed) -> None:
        found = frames.whole(event.content)
        if found is None or not self._logs:
            return
        log = found.name.rpartition("/")[0]
        wrong = [frame.timestamp for frame in found.data if frame.stated != self._at(log, frame.timestamp)]
        self._checks.require(
            Invariant.POLICY_SEGMENTS,
            not wrong,
            event.region,
            "seal",
            lambda: f"{found.name} states another policy for {wrong[0]:016x} than its log did",
        )


def _wrong(old: Ruling, new: Ruling, change: PolicyChange) -> str:
    """What is wrong with a change; empty if nothing is."""
    document = new.known(change.version)
    if new.number != old.number + 1:
        return f"it is number {new.number} after {old.number}"
    if not all(one.signed for one in new.documents):
        return "a policy in it is signed by no known key"
    if set(old.documents) - set(new.documents):
        return "it leaves out a policy"
    if document is None or document.rules != Rules(**change.otherwise):
        return f"{change.version} does not say what it was made to say"
    due = _due(old, change).get(new.done)
    said = new.in_force, new.before, new.candidate, new.share
    return "" if said == due else f"it says {said}, and {due} is due"


def _due(old: Ruling, change: PolicyChange) -> dict[str, tuple[str, tuple[str, ...], str, int]]:
    """What is in force, was in force before, and is tried for how many parts of the tenants, after each thing that may be done."""
    found = {"registered": (old.in_force, old.before, old.candidate, old.share)}
    if change.share == 1:
        found["promoted"] = (change.version, (*old.before, old.in_force), "", 0)
    else:
        found["staged"] = (old.in_force, old.before, change.version, int(change.share * PARTS))
    if change.version == old.candidate:
        found["rolled_back"] = (old.in_force, old.before, "", 0)
    elif change.version == old.in_force:
        found["rolled_back"] = (old.before[-1] if old.before else "", old.before[:-1], "", 0)
    return found
