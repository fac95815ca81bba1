"""One order of what several nodes did at a store that they share, for a protocol to follow: as the store itself orders it.

No clock orders steps of two nodes. What a node did stands in the order of its own trace, but for its claims, of which many are on
their way at once: a claim took place after its frame was durable and before its answer was noted. The rest is known from answers:

- under a key an entry only gives way to one with a lesser value. So claims that were answered with one entry stand behind the claim
  of that entry, and before every claim of a lesser one;
- what was told to be the latest stamp is no less than any that had got a place by then. So it was told before any greater one got
  a place.

Whatever order keeps to these is one that the protocol allows if any is: claims that take no place change nothing for others, and
one that would take a place too early waits, which leaves the others nothing less to do. So nothing is searched. Where no order
keeps to them, what is left stands as it was written, and the protocol says what is not possible.
"""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from flk.model.protocol_events.observation import ObservedEffect, ProtocolEvent, event


class Value(NamedTuple):
    """What decides between two entries of one region under one key: the lesser one stays."""

    timestamp: str
    digest: str


@dataclass(slots=True, eq=False)
class Request:
    """A request in the log of a node: `logged` is where, `life` counts crashes before, `applied` is the first step that is known to
    have claimed it. What is not `signed` is no request; None: nothing tells whether it is.
    """

    node: str
    key: str
    value: Value
    logged: "Step"
    life: int
    signed: bool | None
    applied: "Step | None" = None

    def claimed(self) -> None:
        """Its node claims it, as it does of what it found to be signed."""
        if self.signed is None:
            self.signed = True

    @property
    def name(self) -> str:
        """What it is called in the protocol."""
        return f"{self.node}/{self.value.timestamp}"

    @property
    def stamp(self) -> str:
        """Its point in the order of entries; text order is that of values, then of nodes."""
        return f"{self.value.timestamp} {self.value.digest} {self.node}"


@dataclass(slots=True, eq=False)
class Step:
    """Events that stand together, each with the request it is about, how many steps they wait for, and which wait for them.

    `told` is the latest timestamp that the store told then. A step that claims is of a `request`; `answer` is the value of the
    entry that it was answered with, if its node heard that, and `lie` what its client was told, if that is something else.
    """

    events: list[tuple[Request | None, ProtocolEvent]] = field(default_factory=list)
    told: str = ""
    record: ObservedEffect | None = None
    action: str = ""
    request: Request | None = None
    answer: Value | None = None
    lie: str = ""
    waits: int = 0
    over: bool = False
    then: list["Step"] = field(default_factory=list)

    def before(self, other: "Step") -> None:
        """This one precedes the other."""
        self.then.append(other)
        other.waits += 1


class Steps:
    """All steps, in the order of the traces, with what orders them within each node."""

    def __init__(self) -> None:
        self.all: list[Step] = []
        self.requests: list[Request] = []
        self._claims: dict[str, list[Step]] = defaultdict(list)
        self._logged: dict[str, list[Request]] = defaultdict(list)
        self._apart: dict[str, None] = {}
        self._came: dict[tuple[str, Value], None] = {}

    def add(self, step: Step) -> Step:
        """One more step."""
        self.all.append(step)
        if step.request is not None:
            self._claims[step.request.key].append(step)
        return step

    def log(self, request: Request) -> None:
        """A request is in the log of its node."""
        self._logged[request.key].append(request)
        self.requests.append(request)

    def says(self, key: str, value: Value) -> str:
        """Which of the contents of a key it is: that which was read first, or another."""
        logged = self._logged.get(key)
        return "one" if not logged or logged[0].value.digest == value.digest else "other"

    def set_apart(self, key: str) -> None:
        """What is stored under a key is the subject of other protocols."""
        self._apart[key] = None

    def came(self, key: str, value: Value) -> None:
        """An entry of the region came out of an object. If none of these nodes logged it, it is of an earlier disk or store."""
        self._came[key, value] = None

    def in_order(self) -> Iterator[ProtocolEvent]:
        """The events of all steps."""
        for key, value in self._came:
            if all(request.value != value for request in self._logged.get(key, ())):
                self.set_apart(key)
        yield from _stored_before(self._apart)
        for key, claims in self._claims.items():
            if key not in self._apart:
                self._order(key, claims)
        yield from _Emission(self.all, self._apart).events()

    def _order(self, key: str, claims: list[Step]) -> None:
        """Order the claims of a key by what they were answered with: the greater an answer, the earlier it was given."""
        if len(claims) == 1 and claims[0].answer in (None, _value(claims[0])):  # as most are
            return
        answered: dict[Value, list[Step]] = defaultdict(list)
        unheard = []
        for step in claims:
            if step.answer is None:
                unheard.append(step)
            else:
                answered[step.answer].append(step)
        done: list[Step] = []
        for value in sorted(answered, reverse=True):
            unheard = self._let_pass(unheard, value, done)
            first = self._first(key, value, answered[value])
            others = [step for step in answered[value] if step is not first]
            if first is not None:
                for earlier in done:
                    earlier.before(first)
                for step in others:
                    first.before(step)
            done = others if first is None else [first, *others]
        self._let_pass(unheard, None, done)

    def _let_pass(self, unheard: list[Step], value: Value | None, done: list[Step]) -> list[Step]:
        """Claims of values that are no less than an answer's stand behind those with greater answers; which claims remain."""
        passing = [step for step in unheard if value is None or _value(step) >= value]
        if passing and done:
            barrier = self.add(Step())
            for earlier in done:
                earlier.before(barrier)
            for step in passing:
                barrier.before(step)
        return [step for step in unheard if value is not None and _value(step) < value]

    def _first(self, key: str, value: Value, answered: list[Step]) -> Step | None:
        """The claim by which an entry got its place. If its node did not hear of that, it took place unheard; if nobody logged it,
        there is none.
        """
        own = next((step for step in answered if _value(step) == value), None)
        alike = [request for request in self._logged[key] if request.value == value]
        if own is not None or not alike:
            return own
        request = next((each for each in alike if self._is_first_in_its_log(each)), alike[0])
        landed = self.add(Step(action="land", request=request, record=answered[0].record))
        request.logged.before(landed)
        if request.applied is not None:
            landed.before(request.applied)
        return landed

    def _is_first_in_its_log(self, request: Request) -> bool:
        """Whether none about its key is before it in its log: else what that claimed was stored, or something still earlier."""
        same = (each for each in self._logged[request.key] if each.node == request.node)
        return not any(each.value < request.value and each.signed for each in same)


class _Emission:
    """Lets steps happen. `_least` is what is stored under each key, `_claimed` who has claimed an entry with such a value."""

    def __init__(self, steps: list[Step], apart: dict[str, None]) -> None:
        self._steps = steps
        self._apart = apart
        self._ready = deque(step for step in steps if not step.waits)
        self._asked = sorted((step for step in steps if step.told), key=lambda step: step.told, reverse=True)
        self._least: dict[str, Value] = {}
        self._claimed: dict[tuple[str, Value], Request] = {}
        self._early: list[tuple[str, int, Step]] = []  # would take a place too early, by timestamp
        self._waited = self._left = 0

    def events(self) -> Iterator[ProtocolEvent]:
        """The events in an order that can have been; where there is none, as they were written."""
        step = self._next()
        while step is not None:
            step.over = True
            if step.request is not None and step.request.signed is not None:
                yield self._claim(step, step.request)
            for request, told in step.events:
                if request is None or request.signed:
                    yield told
            self._release(step)
            step = self._next()

    def _next(self) -> Step | None:
        while self._ready:
            step = self._ready.popleft()
            if step.over:
                continue
            if self._is_early(step):
                self._waited += 1
                heappush(self._early, (_value(step).timestamp, self._waited, step))
                continue
            return step
        return self._stuck()

    def _stuck(self) -> Step | None:
        """The first that is left, in spite of what it waits for."""
        for step in (early for _, _, early in self._early):
            if not step.over and not self._is_early(step):
                return step
        while self._early:
            step = heappop(self._early)[2]
            if not step.over:
                return step
        while self._left < len(self._steps) and self._steps[self._left].over:
            self._left += 1
        return self._steps[self._left] if self._left < len(self._steps) else None

    def _release(self, step: Step) -> None:
        for other in step.then:
            other.waits -= 1
            if not other.waits:
                self._ready.append(other)
        while self._early and not self._is_early(self._early[0][2]):
            self._ready.append(heappop(self._early)[2])

    def _takes_a_place(self, step: Step) -> bool:
        request = step.request
        if request is None or request.key in self._apart:
            return False
        return request.key not in self._least or request.value < self._least[request.key]

    def _is_early(self, step: Step) -> bool:
        """Whether it would get a place, and a lesser timestamp is still to be told as the latest."""
        while self._asked and self._asked[-1].over:
            self._asked.pop()
        return bool(self._asked) and self._takes_a_place(step) and self._asked[-1].told < _value(step).timestamp

    def _claim(self, step: Step, request: Request) -> ProtocolEvent:
        """A claim, with what is stored then as the node was answered."""
        assert step.record is not None
        key, value = request.key, request.value
        if self._takes_a_place(step):
            self._least[key] = value
        holder = self._claimed.get((key, value))
        if holder is None or request.stamp < holder.stamp:
            self._claimed[key, value] = request
        told: ProtocolEvent | None = None
        if step.lie:
            told = {"told": {request.name: {step.lie: True}}}
        elif step.answer is not None and key not in self._apart:
            holder = self._claimed.get((key, step.answer))
            told = {
                "stored": {key: holder.name if holder else f"an entry that nobody claimed, of {step.answer.timestamp}"}
            }
        return event(step.record, step.action, told, q=request.name, n=request.node, k=key)


def _value(step: Step) -> Value:
    assert step.request is not None
    return step.request.value


ELSEWHERE = "elsewhere"


def _stored_before(keys: dict[str, None]) -> Iterator[ProtocolEvent]:
    """An entry that precedes all others under each of the keys, as if another node had claimed it before any began."""
    record = ObservedEffect(ELSEWHERE, "", "", "", {}, None, "what other protocols are about")
    named = [(f"{ELSEWHERE}/{key}", key) for key in keys]
    for q, k in named:
        yield event(record, "admit", q=q, n=ELSEWHERE, k=k, says="other")
    for q, _ in named:
        yield event(record, "observe", q=q, n=ELSEWHERE, t="")
    for number, (q, _) in enumerate(named):
        yield event(record, "append", q=q, n=ELSEWHERE, s=f" {number:012d}")
    for q, k in named:
        yield event(record, "claim", q=q, n=ELSEWHERE, k=k)
