"""What one node did with submissions, as events of the protocol `ingest`.

    Append                    append           request and position are its timestamp; what it says is in its payload
    Store                     verify, claim    of the claim's timestamp, with the request whose entry the store answered
    Store, refused            verify, and store_fails if the node was serving
    Merge of its own log      replay           of what the store had not seen
    CaughtUp                  serve            after store_returns, if the store had failed
    Start                     crash, restart
    End with 200, 202 or 409  reply            with 400, 401 or 503 one of the refusals

A request that was refused before it was admitted, or for want of room or of a log, is none; one that was admitted and is told that
it is malformed or forged has to be in the log. What an Append says is known from its payload; in traces that tell nothing of
payloads, only from its Store. What was durable but not observed is known only to recovery; and so is, where an Append does not tell
it, whether the signature was good of a request that a crash cut off before its Store: so the records are read twice.

A frame that was damaged or lost before it was claimed for counts as one for a key of its own, which nobody asks for and recovery
replays.

A key has two contents: that of the first valid request for it, which wins, and any other.

What is stored for a key that also came from another region is the subject of `replication`: here each request for it counts as one
for a key of its own, and of the outcome is asked only that somebody logged it, and that the answer is what the Store showed.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flk.model.protocol_events.damage import Damage
from flk.model.protocol_events.observation import END, START, FromElsewhere, ObservedEffect, ProtocolEvent, event, key
from flk.model.refusal import Malformed, Unauthenticated, Unavailable

NO_KEY = "?"
_ANSWERS = {200: "stored", 202: "stored", 409: "equivocation"}


@dataclass
class Request:
    """What became known of a logged submission. `told`: its payload was, so nothing else decides what it says; `proven`: so was
    whether it is signed; `judged`: whether it is genuine is known, from that or from a claim or its answer.
    """

    told: bool = False
    proven: bool = False
    judged: bool = False
    key: str = NO_KEY
    digest: str = ""
    readable: bool = True
    genuine: bool = True


@dataclass
class Survey:
    """What a first reading finds: each request by its timestamp, those that were logged unobserved before each start of the node,
    the keys that came from elsewhere, each with the timestamps that did, the content that wins each key, and the requests whose
    frames were damaged before they were claimed for.
    """

    requests: dict[str, Request] = field(default_factory=dict)
    untold: dict[int, list[str]] = field(default_factory=dict)
    elsewhere: dict[str, set[str]] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def key(self, timestamp: str, about: str) -> str:
        """What a request is about."""
        return f"{about}@{timestamp}" if about in self.elsewhere or timestamp in self.lost else about

    def says(self, about: str, digest: str) -> str:
        """Which of the contents of a key has that digest."""
        return "one" if digest == self.first.get(about) else "other"


def ingest_events(node: str, records: Callable[[], Iterable[ObservedEffect]]) -> Iterator[ProtocolEvent]:
    """The events of a node; `records` gives all records from the beginning, each time it is called."""

    def own() -> Iterator[ObservedEffect]:
        return (record for record in records() if record.node == node)

    return _Events(survey(own())).of(own())


def survey(records: Iterable[ObservedEffect]) -> Survey:
    """The first reading."""
    found, source, life = Survey(), FromElsewhere(), 0
    runs: dict[Hashable, str] = {}
    damage = Damage()
    for record in records:
        source.see(record)
        damage.see(record)
        if record.effect == START:
            life += 1
            runs.clear()
        elif record.effect == "Append" and record.kind == "ingest" and not record.refused:
            runs[record.run] = record.result
            found.requests[record.result] = _appended(record.fields["payload"])
        elif record.effect == "Merge":
            _learn_merged(found, life, record, elsewhere=source.of(record))
        elif record.run in runs:
            _learn_of_run(found.requests[runs[record.run]], record)
    found.lost = damage.lost
    for timestamp, request in sorted(found.requests.items()):
        request.genuine &= request.judged
        if request.readable and request.genuine and timestamp not in found.lost:
            found.first.setdefault(request.key, request.digest)
    return found


def _appended(payload: Mapping[str, Any]) -> Request:
    """A request as its payload tells it."""
    if "says" not in payload:
        return Request()
    says = payload["says"]
    if says is None:
        return Request(told=True, readable=False)
    signed, known = payload.get("signed", True), "signed" in payload
    return Request(told=True, proven=known, judged=known, genuine=signed, key=key(says), digest=says["digest"])


def _learn_merged(found: Survey, life: int, record: ObservedEffect, *, elsewhere: bool) -> None:
    for claim in record.fields["claims"]:
        if elsewhere:
            found.elsewhere.setdefault(key(claim), set()).add(claim["timestamp"])
            continue
        if claim["timestamp"] not in found.requests:
            found.untold.setdefault(life, []).append(claim["timestamp"])
        _learn(found.requests.setdefault(claim["timestamp"], Request()), claim)


def _learn_of_run(request: Request, record: ObservedEffect) -> None:
    if record.effect == "Store":
        _learn(request, record.fields["claim"])
    elif record.effect == END:
        request.judged = True
        if not request.told:
            request.readable = record.status != Malformed.status
        if not request.proven:
            request.genuine = request.genuine and record.status != Unauthenticated.status


def _learn(request: Request, claim: Any) -> None:
    request.judged = True
    if not request.told:
        request.key, request.digest = key(claim), claim["digest"]


class _Events:
    """The second reading. `serving`, `store_up` and `applied` are only there to tell which steps a record stands for."""

    def __init__(self, found: Survey) -> None:
        self._found = found
        self._source = FromElsewhere()
        self._life = 0
        self._runs: dict[Hashable, str] = {}
        self._admitted: set[Hashable] = set()
        self._answered: set[Hashable] = set()
        self._agrees: dict[Hashable, bool] = {}
        self._store_up = True
        self._applied: set[str] = set()
        self._appended: set[str] = set()

    def of(self, records: Iterable[ObservedEffect]) -> Iterator[ProtocolEvent]:
        """The events that records stand for."""
        steps = {
            START: self._start,
            "Admit": self._admit,
            "Append": self._append,
            "Store": self._store,
            "Merge": self._merge,
            "CaughtUp": self._caught_up,
            END: self._end,
        }
        for record in records:
            self._source.see(record)
            step = steps.get(record.effect)
            if step is not None:
                yield from step(record)

    def _start(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        """A node that had begun before is cut off; what it had logged by then, recovery finds."""
        self._life += 1
        for of_runs in (self._runs, self._admitted, self._answered, self._agrees):
            of_runs.clear()
        for timestamp in self._found.untold.get(self._life, []):
            yield from self._appended_now(record, timestamp)
        if self._appended:
            yield event(record, "crash")
            yield event(record, "restart")

    def _append(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        if record.kind == "ingest" and not record.refused:
            self._runs[record.run] = record.result
            yield from self._appended_now(record, record.result)

    def _appended_now(self, record: ObservedEffect, timestamp: str) -> Iterator[ProtocolEvent]:
        self._appended.add(timestamp)
        request = self._found.requests[timestamp]
        yield event(
            record,
            "append",
            q=timestamp,
            k=self._found.key(timestamp, request.key),
            p=timestamp,
            good=request.readable,
            signed=request.genuine,
            says=self._found.says(request.key, request.digest),
        )

    def _store(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        claim, own = record.fields["claim"], record.fields["claim"]["region"] == record.region
        request, about = claim["timestamp"] if own else f"{claim['timestamp']} of {claim['region']}", key(claim)
        yield event(record, "verify", q=request)
        if not record.refused:
            self._applied.add(request)
            self._agrees[record.run] = claim["digest"] == record.result["digest"]
            told = {"content": {request: self._found.says(about, claim["digest"])}}
            winner, others = record.result["timestamp"], self._found.elsewhere.get(about)
            if others is None:
                told["stored"] = {about: winner}
                told["content"][winner] = self._found.says(about, record.result["digest"])
            logged = others is None or winner in others or winner in self._found.requests
            yield event(record, "claim", told, q=request, k=self._found.key(request, about) if logged else NO_KEY)
        elif self._store_up:
            self._store_up = False
            yield event(record, "store_fails")

    def _merge(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        """Recovery claims for every frame again; a request that merges by itself claims in another way."""
        if record.refused or self._source.of(record):
            return
        yield from self._store_returns(record)
        for claim in record.fields["claims"]:
            request = claim["timestamp"]
            if request not in self._applied:
                self._applied.add(request)
                if record.kind == "ingest":
                    yield event(record, "verify", q=request)
                action = "claim" if record.kind == "ingest" else "replay"
                yield event(record, action, q=request, k=self._found.key(request, key(claim)))

    def _caught_up(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        yield from self._store_returns(record)
        for request in sorted(self._found.lost & self._appended - self._applied):
            self._applied.add(request)
            known = self._found.requests[request]
            if known.readable and known.genuine:
                yield event(record, "replay", q=request, k=self._found.key(request, known.key))
        if self._appended:
            yield event(record, "serve")

    def _store_returns(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        if not self._store_up:
            self._store_up = True
            yield event(record, "store_returns")

    def _admit(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        if not record.refused:
            self._admitted.add(record.run)
        return iter(())

    def _end(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        """The answer; of a request that is not in the log, or was answered before, one that no protocol allows."""
        if record.kind != "ingest":
            return
        request = self._runs.pop(record.run, None)
        known = self._found.requests.get(request or "", Request())
        admitted = record.run in self._admitted or record.run in self._answered
        self._answered.add(record.run)
        self._admitted.discard(record.run)
        if record.status in _ANSWERS:
            request, answer = request or record.note, _ANSWERS[record.status]
            agrees = self._agrees.pop(record.run, True) == (answer == "stored")
            told = None if known.key in self._found.elsewhere else {"answer": {request: answer}}
            yield event(record, "reply", told, q=request, k=self._found.key(request, known.key) if agrees else NO_KEY)
        elif record.status in _REFUSALS and (request or (admitted and record.status in _OF_THE_LOGGED)):
            yield event(record, _REFUSALS[record.status], q=request or record.note)


_REFUSALS: dict[int, str] = {
    Malformed.status: "refuse_malformed",
    Unauthenticated.status: "refuse_forged",
    Unavailable.status: "refuse_unavailable",
}
_OF_THE_LOGGED = frozenset({Malformed.status, Unauthenticated.status})
