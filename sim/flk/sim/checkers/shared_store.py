"""The invariants of nodes that share a store (HLC-7, DUP-10), judged from what came to each node and what reached the store.

Both keep a book of their own: which timestamp was the latest that a region had stored when a record came, and which of all claims
on a key is the earliest. Neither asks the store, nor how nodes tell each other of it.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.log.hlc import Timestamp, text
from flk.sim.checkers.invariants import Checks, Invariant, Together
from flk.sim.nodes.region import Place
from flk.sim.oracle import clocks
from flk.sim.world.events import Arrived, Claimed, Crashed, Forgotten, Logged, Merged, Replied
from flk.sim.world.observer import Observer

CONFLICT = 409
STATED = 200, 202, CONFLICT
IN_ORDER = Together(Invariant.ONE_ORDER)
AS_ONE = Together(Invariant.ONE_ENTRY)
Rank: TypeAlias = tuple[int, str, str]


class Said(msgspec.Struct, frozen=True):
    """What an answer says of the entry that it rests on."""

    timestamp: str
    region: str
    digest: str
    accepted: bool
    escalated: bool
    reason: str


_decode = msgspec.json.Decoder(Said).decode


class SharedStoreRules:
    """Follows each record from its arrival at a node to its answer."""

    def __init__(self, places: Mapping[str, Place], checks: Checks) -> None:
        self._places = places
        self._checks = checks
        self._latest: dict[str, int] = {}  # that each region has stored
        self._waiting: defaultdict[tuple[str, bytes], list[tuple[float, int]]] = defaultdict(list)
        self._logged: set[tuple[str, int, bytes]] = set()
        self._earliest: dict[tuple[str, Key], Entry] = {}
        self._due: dict[tuple[str, Timestamp], tuple[Claim, Entry]] = {}
        self._outcomes: dict[tuple[str, Key, str], tuple[object, ...]] = {}

    def observe(self, observer: Observer) -> None:
        """Follow what comes, what is logged, what is stored and what is answered."""
        observer.handle(Arrived, self._arrived)
        observer.handle(Logged, self._check_logged)
        observer.handle(Claimed, self._check_claimed)
        observer.handle(Merged, self._check_merged)
        observer.handle(Replied, self._check_replied)
        observer.handle(Crashed, self._crashed)
        observer.handle(Forgotten, self._row_lost)

    # One order.

    def _arrived(self, event: Arrived) -> None:
        """What is stored by now precedes what is logged for this."""
        since = self._latest.get(event.region, 0)
        self._waiting[event.node, event.request.payload()].append((event.at, since))

    def _check_logged(self, event: Logged) -> None:
        """A frame follows all that was stored when the first came that it may be of. One that is salvaged keeps its timestamp."""
        frame = event.frame
        known = event.node, int(frame.timestamp), frame.payload
        waiting = self._waiting.get((event.node, frame.payload))
        if known in self._logged or not waiting:
            return
        self._logged.add(known)
        stored = min(since for _, since in waiting)
        if frame.timestamp > stored:
            self._checks.hold(IN_ORDER)
        else:
            sentence = f"a record got timestamp {text(frame.timestamp)}, and {stored:016x} was stored when it came"
            self._checks.deny(Invariant.ONE_ORDER, event.node, "Append", lambda: sentence)

    def _note_stored(self, event: Claimed | Merged, now: Entry) -> None:
        """An entry of another region counts unless it was too far ahead for the node that brought it (HLC-3)."""
        entry = event.claim.entry
        if now.timestamp != entry.timestamp or now.region != entry.region:
            return
        foreign = entry.region != event.region
        if foreign and clocks.is_strange(clocks.stamp(entry.timestamp), self._places[event.node].wall()):
            return
        self._latest[event.region] = max(self._latest.get(event.region, 0), entry.timestamp)

    # One entry.

    def _check_claimed(self, event: Claimed) -> None:
        """A claim is answered with the earliest of all that reached the store by now, itself included."""
        due = self._check(event, event.stored, "Store")
        self._note_stored(event, event.stored)
        self._due[event.node, event.claim.entry.timestamp] = event.claim, due

    def _check_merged(self, event: Merged) -> None:
        """A merge leaves the earliest stored. Who is answered without a claim is owed what was stored then."""
        due = self._check(event, event.after, "Merge")
        self._note_stored(event, event.after)
        if event.claim.entry.region == event.region:
            self._due[event.node, event.claim.entry.timestamp] = event.claim, due

    def _check(self, event: Claimed | Merged, now: Entry, what: str) -> Entry:
        """The earliest entry for the key, which is to be stored now; if it precedes what was until now, that is on record."""
        key, entry = event.claim
        before = self._earliest.get((event.region, key))
        due = entry if before is None or _order(entry) < _order(before) else before
        self._earliest[event.region, key] = due
        gave_way = before is not None and _order(due) < _order(before)
        if _order(now) == _order(due) and len(event.records) == gave_way:
            self._checks.hold(AS_ONE)
        else:
            self._checks.deny(
                Invariant.ONE_ENTRY,
                event.node,
                what,
                lambda: (
                    f"{key.tenant}/{key.pcs_id[:12]}: {_shown(now)} is stored with {len(event.records)} records of one that gave"
                    f" way, and of all that were claimed {_shown(due)} is the earliest"
                ),
            )
        return due

    def _check_replied(self, event: Replied) -> None:
        """An answer states what was the earliest at the moment of its claim, and that entry's outcome, 409 to whoever had another
        content. Of a content all are told the same outcome, unless logs state policies, by which two nodes may judge it otherwise.
        """
        waiting = self._waiting.get((event.node, event.request.payload()), [])
        waiting[:] = [(at, since) for at, since in waiting if at != event.began]
        if event.logged is None or event.response.status not in STATED:
            return
        found = self._due.pop((event.node, event.logged), None)
        if found is None:
            return
        claim, due = found
        said, status = _decode(event.response.body), event.response.status
        stated = int(said.timestamp, 16), said.region, said.digest
        outcome = said.accepted, said.escalated, said.reason
        its_outcome = due.outcome.accepted, due.outcome.escalated, str(due.outcome.reason)
        before = self._outcomes.setdefault((event.region, claim.key, said.digest), outcome)
        as_before = outcome == before or self._places[event.node].world.layout.policies is not None
        differs = due.digest != claim.entry.digest
        if stated == _rank(due) and differs == (status == CONFLICT) and outcome == its_outcome and as_before:
            self._checks.hold(AS_ONE)
        else:
            self._checks.deny(
                Invariant.ONE_ENTRY,
                event.node,
                "reply",
                lambda: (
                    f"{status} names {said.digest[:12]} of {said.timestamp} with {outcome}; due is {_shown(due)} with"
                    f" {its_outcome}, and of that content {before} was said before"
                ),
            )

    def _row_lost(self, event: Forgotten) -> None:
        """A store that lost a row in silence answers as if it had never had it, until somebody puts it back."""
        self._earliest.pop((event.region, event.key), None)

    def _crashed(self, event: Crashed) -> None:
        """Nobody is answered any more who waited; a store that is lost holds nothing."""
        for waiting in [known for known in self._waiting if known[0] in event.nodes]:
            del self._waiting[waiting]
        if event.lost_store:
            region = event.fault.region
            self._latest.pop(region, None)
            for known in [known for known in self._earliest if known[0] == region]:
                del self._earliest[known]


def _rank(entry: Entry) -> Rank:
    """What decides which of two entries prevails; contents only where nodes of a region gave two frames one timestamp."""
    return entry.timestamp, entry.region, entry.digest


def _order(entry: Entry) -> tuple[Rank, bytes]:
    """The same, and outcomes where nodes of a region judged one content by two policies at one timestamp."""
    return _rank(entry), msgspec.json.encode(entry.outcome)


def _shown(entry: Entry) -> str:
    return f"{entry.digest[:12]} of {text(entry.timestamp)}"
