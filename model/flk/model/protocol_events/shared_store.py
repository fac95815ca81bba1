"""What the nodes of a region did with the store that they share, as events of the protocol `shared-store`.

    Admit                     admit           of what is logged later, is signed and can be read: all else is no request
    Latest                    observe         for each request that is logged next: the latest timestamp that the store told
    Append                    append          under the stamp of timestamp, content and node
    Store                     claim           with the entry that the store answered; what the client was told has to agree
    Store, refused            nothing yet     its claim took place or not: what others were answered tells
    Merge of its own log      recover         of what it does not know to be claimed; after crash and restart, if it was serving
    Start                     crash, restart
    CaughtUp                  serve
    an answer of an entry     land            whose own node did not hear that it got a place
      that nobody claimed

What was durable when a node was killed and had no Append in the trace is known from its recovery: it was logged before the end of
the life that asked the store last. How the steps of several nodes are ordered is in `flk.model.protocol_events.linearization`.

A key that an entry of another region, or of an earlier store, came to, or whose row has rotted, is the subject of other protocols.
Here such keys are as if something earlier than any request were stored: of their requests all is followed but what they were
answered.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from flk.model.protocol_events.damage import Damage
from flk.model.protocol_events.linearization import Request, Step, Steps, Value
from flk.model.protocol_events.observation import (
    END,
    LATEST,
    START,
    FromElsewhere,
    ObservedEffect,
    ProtocolEvent,
    event,
    key,
)
from flk.model.refusal import Malformed, Unauthenticated
from flk.spec.collection import seldom_collected

_AGREES = {200: True, 202: True, 409: False}
_OF_CONTENTS = frozenset({Malformed.status, Unauthenticated.status})
ROTTEN = "DUP-8"


def shared_store_events(records: Iterable[ObservedEffect]) -> Iterator[ProtocolEvent]:
    """The events of all nodes of a region in one order. The records of each node stand in its own order, however those of several
    are mixed.
    """
    with seldom_collected():
        steps = steps_of(records)
    return steps.in_order()


def steps_of(records: Iterable[ObservedEffect]) -> Steps:
    """What the nodes did, each in its own order."""
    steps = Steps()
    nodes: dict[str, _Node] = {}
    for record in records:
        node = nodes.get(record.node)
        if node is None:
            node = nodes[record.node] = _Node(steps)
        node.see(record)
    for node in nodes.values():
        node.leave_out_what_is_lost()
    return steps


@dataclass
class _Life:
    """What a process did until now: where it asked the store last and what it was told, and who is admitted and logged."""

    asked: Step | None = None
    admitted: dict[Hashable, Step] = field(default_factory=dict)
    logged: dict[Hashable, Request] = field(default_factory=dict)
    claims: dict[Hashable, Step] = field(default_factory=dict)


class _Node:
    """Reads the records of one node. `_last` is its latest step, and `_open` are those that end before its next."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._life = _Life()
        self._before: tuple[Step, Step] | None = None
        self._last = steps.add(Step())
        self._open: list[Step] = []
        self._serves = True
        self._crashed = self._last
        self._requests: dict[str, Request] = {}
        self._waiting: dict[str, list[Request]] = defaultdict(list)
        self._latest: dict[str, Step] = {}
        self._lives = 0
        self._source = FromElsewhere()
        self._damage = Damage()
        self._began = False
        self._seen: dict[str, Callable[[ObservedEffect], None]] = {
            START: self._start,
            "Admit": self._admit,
            LATEST: self._told,
            "Append": self._append,
            "Store": self._store,
            "Merge": self._merge,
            "CaughtUp": self._caught_up,
            END: self._end,
        }

    def see(self, record: ObservedEffect) -> None:
        """Go on with a record."""
        self._source.see(record)
        self._damage.see(record)
        see = self._seen.get(record.effect)
        if see is not None:
            see(record)

    def leave_out_what_is_lost(self) -> None:
        """What was damaged in the log before anybody asked for it is as if it had never come."""
        for timestamp in self._damage.lost & self._requests.keys():
            self._turn_away(self._requests[timestamp])

    def _next(self, step: Step | None = None) -> Step:
        """The node's next step, behind all that it did before."""
        step = self._steps.add(step or Step())
        self._last.before(step)
        for each in self._open:
            each.before(step)
        self._open.clear()
        self._last = step
        return step

    def _beside(self, record: ObservedEffect) -> Step:
        """The step of the same effects just before, if nothing stands behind it yet; or else the next."""
        last = self._last
        same = last.record is not None and last.record.effect == record.effect and not last.then
        return last if same else self._next(Step(record=record))

    def _start(self, record: ObservedEffect) -> None:
        """A process begins. The one before has come to its end, whatever it was about."""
        if self._began:
            if self._life.asked is not None:
                self._before = self._life.asked, self._next()
            self._crash(record)
        self._began = True
        self._life = _Life()

    def _crash(self, record: ObservedEffect) -> None:
        self._serves = False
        self._lives += 1
        self._crashed = self._next()
        self._crashed.events += [(None, event(record, action, n=record.node)) for action in ("crash", "restart")]

    def _admit(self, record: ObservedEffect) -> None:
        if record.kind == "ingest" and not record.refused:
            self._life.admitted[record.run] = self._beside(record)

    def _told(self, record: ObservedEffect) -> None:
        if not record.refused:
            self._life.asked = self._next(Step(record=record))

    def _append(self, record: ObservedEffect) -> None:
        if record.kind != "ingest" or record.refused:
            return
        payload = record.fields["payload"]
        says = payload.get("says")
        if says is None:
            return
        admitted = self._life.admitted.pop(record.run, None)
        value = Value(record.result, says["digest"])
        asked, signed = self._life.asked, payload.get("signed")
        logged = self._log(record, key(says), value, signed, admitted, asked, self._beside(record))
        self._life.logged[record.run] = logged

    def _log(
        self,
        record: ObservedEffect,
        about: str,
        value: Value,
        signed: bool | None,  # noqa: FBT001 (a fact of the request)
        admitted: Step | None,
        asked: Step | None,
        logged: Step,
    ) -> Request:
        """A request is in the log, in the step `logged`. It was admitted, and observed, in others."""
        request = Request(record.node, about, value, logged, self._lives, signed)
        q, n = request.name, record.node
        if admitted is not None:
            says = self._steps.says(about, value)
            admitted.events.append((request, event(record, "admit", q=q, n=n, k=about, says=says)))
        if asked is not None and asked.record is not None:
            asked.told = asked.record.result
            asked.events.append((request, event(asked.record, "observe", q=q, n=n, t=f"{asked.told} ~")))
        logged.events.append((request, event(record, "append", q=q, n=n, s=request.stamp)))
        self._requests[value.timestamp] = request
        if signed is not False:
            self._waiting[about].append(request)
        self._steps.log(request)
        return request

    def _store(self, record: ObservedEffect) -> None:
        """A claim, in the place in its log that is due; one that nobody logged is of no request."""
        claim, result = record.fields["claim"], record.result
        request = self._life.logged.get(record.run)
        if request is not None:
            request.claimed()
        if record.refused:
            if result["refused"] == ROTTEN:
                self._steps.set_apart(key(claim))
            return
        if not (isinstance(result, dict) and {"region", "timestamp", "digest"} <= result.keys()):
            self._never(
                record, "claim", f"{record.node}/{claim['timestamp']}, answered by what is no entry", key(claim)
            )
            return
        if result["region"] != record.region:
            self._steps.set_apart(key(claim))
        value = Value(claim["timestamp"], claim["digest"])
        if request is None or request.value != value or request.key != key(claim):
            self._never(record, "claim", f"{record.node}/{value.timestamp}, as it was not logged", key(claim))
            return
        step = self._claim(record, request)
        step.answer = Value(result["timestamp"], result["digest"])
        self._life.claims[record.run] = step

    def _claim(self, record: ObservedEffect, request: Request) -> Step:
        """The claim of a request, behind those of its key that are before it in the log: where these were not answered, that is
        how it is known that they took place.
        """
        if request.applied is not None and request.applied.action == "claim" and request.applied.answer is None:
            return request.applied
        waiting = self._waiting[request.key]
        for other in waiting[: waiting.index(request)] if request in waiting else ():
            if other.life == request.life:
                self._apply(record, "claim", other, other.logged)
        return self._apply(record, "claim", request, request.logged)

    def _apply(self, record: ObservedEffect, action: str, request: Request, after: Step) -> Step:
        """A step that claims a request, after another, and before the node's next."""
        step = self._steps.add(Step(record=record, action=action, request=request))
        after.before(step)
        earlier = self._latest.get(request.key)
        if earlier is not None:
            earlier.before(step)
        self._latest[request.key] = step
        if request.applied is None:
            request.applied = step
            if request in self._waiting[request.key]:
                self._waiting[request.key].remove(request)
        self._open.append(step)
        return step

    def _turn_away(self, request: Request) -> None:
        """A request will never be claimed."""
        request.signed = False
        if request in self._waiting[request.key]:
            self._waiting[request.key].remove(request)

    def _never(self, record: ObservedEffect, action: str, name: str, about: str, lie: str = "") -> None:
        """A claim, or an answer, of what is no request that could have it."""
        told: ProtocolEvent | None = {"told": {name: {lie: True}}} if lie else None
        self._next(Step([(None, event(record, action, told, q=name, n=record.node, k=about))]))

    def _merge(self, record: ObservedEffect) -> None:
        """Recovery claims what is in the log and not known to be claimed. What came from objects and other regions is not the
        node's, or was claimed before it was shipped.
        """
        if record.kind != "recover" or self._source.of(record):
            for claim in record.fields["claims"]:
                if claim["region"] != record.region:
                    self._steps.set_apart(key(claim))
                else:
                    self._steps.came(key(claim), Value(claim["timestamp"], claim["digest"]))
            return
        if record.refused:
            return
        if self._serves and record.fields["claims"]:
            self._crash(record)
        for claim in record.fields["claims"]:
            value = Value(claim["timestamp"], claim["digest"])
            request = self._requests.get(value.timestamp) or self._log_unseen(record, key(claim), value)
            if request.value != value or request.key != key(claim):
                self._never(record, "recover", f"{record.node}/{value.timestamp}, as it was not logged", key(claim))
            elif request.applied is None:
                request.claimed()
                self._apply(record, "recover", request, self._crashed)

    def _log_unseen(self, record: ObservedEffect, about: str, value: Value) -> Request:
        """A request that was durable before its node was killed, and in no line of the trace."""
        asked, ended = self._before or (None, self._crashed)
        return self._log(record, about, value, True, asked, asked, ended)  # noqa: FBT003 (recovery examined it)

    def _caught_up(self, record: ObservedEffect) -> None:
        if not self._serves:
            self._serves = True
            served = self._next(Step([(None, event(record, "serve", n=record.node))]))
            self._life.admitted = dict.fromkeys(self._life.admitted, served)

    def _end(self, record: ObservedEffect) -> None:
        """The answer: whatever tells an outcome has to be what the store answered."""
        life, run = self._life, record.run
        life.admitted.pop(run, None)
        request, claim = life.logged.pop(run, None), life.claims.pop(run, None)
        agrees = _AGREES.get(record.status)
        if record.kind != "ingest":
            return
        if agrees is None and not (record.status in _OF_CONTENTS and request is not None and request.signed):
            if record.status in _OF_CONTENTS and request is not None and request.signed is None:
                self._turn_away(request)  # nothing but this answer tells that it is not signed
            return
        said = f"an answer of {record.status}"
        if claim is None:
            name = request.name if request else f"{record.node}, {record.note}"
            self._never(record, "claim", name, request.key if request else "?", said)
        elif agrees is None or claim.answer is None or agrees != (claim.answer.digest == _value(claim).digest):
            claim.lie = said


def _value(claim: Step) -> Value:
    assert claim.request is not None
    return claim.request.value
