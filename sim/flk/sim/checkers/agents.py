"""The invariants of the agents (OUT-*), judged from what they were given, what is in their outboxes, what went over the wire."""

from collections.abc import Mapping, Sequence
from math import inf, log, nan, sqrt

from flk.model.entries.entry import Key
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.sim.checkers.backlog import Backlog
from flk.sim.checkers.invariants import Checks, Invariant, Together
from flk.sim.kernel.engine import Simulator
from flk.sim.oracle import frames, outboxes
from flk.sim.oracle.outboxes import CROWDED, REFUSED, STORED, Answer, Settled
from flk.sim.scenarios.scenario import Scenario
from flk.sim.world.clocks import calm
from flk.sim.world.events import (
    AgentCrashed,
    AgentHurried,
    AgentRestarted,
    AgentSlowed,
    Given,
    Heard,
    OutboxWritten,
    Sent,
)
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

_MOST_ASKED = CONSTANTS.retry_after.max_seconds
"""Seconds of a `Retry-After` that count (OUT-4)."""
_SLACK = 0.01
"""Seconds by which something may be late: an agent in a hurry waits a millisecond."""
_ROUNDING = 1e-6
"""Seconds by which something may be early: moments are sums."""
_WRITES = 10
"""Uses of its disk that an agent may make before something it wrote is durable, or before it has mended its outbox."""
_SURPRISE = 1e-9
"""The probability with which jitter that is spread evenly is taken for jitter that is not."""

A_SENDING = Together(Invariant.SENT_DURABLE, Invariant.SENT_NO_MORE, Invariant.SENT_AGAIN, Invariant.PATIENT)
A_FRAME = Together(Invariant.OUTBOX_KEPT)


class Case:
    """A submission that an agent was given: its frame in the outbox, what became of the last attempt, and by when something must
    happen next. `heard` is when the answer to the last attempt came, NaN if that bounds nothing; `crowded` says whether the last
    answer was that a node had no room for it.
    """

    __slots__ = (
        "answer",
        "asked",
        "attempt",
        "crowded",
        "due",
        "given",
        "heard",
        "identity",
        "item",
        "round",
        "settled",
        "submission",
    )

    def __init__(self, given: Given, now: float, due: float) -> None:
        self.given = now
        self.item = given.item
        self.submission = given.submission
        self.identity: int | None = None
        self.settled = False
        self.answer: Answer | None = None
        self.round = 0
        self.attempt = 0
        self.heard = nan
        self.crowded = False
        self.asked = 0.0
        self.due = due

    @property
    def payload(self) -> bytes:
        """What its frame in the outbox holds."""
        return outboxes.logged(self.submission.tenant, self.submission.body)


class Box:
    """One agent: what it has not queued, what it has not settled, all that was ever in its outbox, and what troubles it."""

    def __init__(self) -> None:
        self.unqueued: dict[bytes, list[Case]] = {}
        self.open: dict[int, Case] = {}
        self.queued: dict[int, Case] = {}
        self.frames = 0
        self.readable = 0.0  # by when the outbox has been read again after a crash
        self.latest = 0
        self.alive = True
        self.crashed = False
        self.hurries = False
        self.lag = 0.0
        self.lingers = 0.0, 0.0  # a lag that is over, and until when something may still wait behind what it held up


class AgentRules:
    """Checks every attempt and every frame of an outbox, and at the end what became of all that agents were given."""

    def __init__(self, scenario: Scenario, backlog: Backlog, simulator: Simulator, checks: Checks) -> None:
        self._policy = policy = scenario.policy
        self._calm = calm(scenario.faults)
        asked = CONSTANTS.node.retry_after_seconds
        self._patience = max(
            scenario.slo.convergence, policy.retry.max_delay_seconds + policy.retry.timeout_seconds + asked
        )
        self._backlog = backlog
        self._simulator = simulator
        self._checks = checks
        self._boxes: dict[int, Box] = {}
        self._waits: list[float] = []
        self._progress = 0.0

    def observe(self, observer: Observer) -> None:
        """Follow all that agents do."""
        observer.handle(Given, self._given)
        observer.handle(OutboxWritten, self._written)
        observer.handle(Sent, self._sent)
        observer.handle(Heard, self._heard)
        observer.handle(AgentCrashed, self._crashed)
        observer.handle(AgentRestarted, self._restarted)
        observer.handle(AgentHurried, self._hurried)
        observer.handle(AgentSlowed, self._slowed)

    def promises(self) -> dict[Key, tuple[Timestamp, str]]:
        """What agents have acknowledged in their outboxes: by key the earliest entry that an answer stated."""
        found: dict[Key, tuple[Timestamp, str]] = {}
        for number, box in self._boxes.items():
            for case in box.queued.values():
                if case.settled and case.answer is not None and case.answer.status in STORED:
                    stated = outboxes.stated(case.answer.body)
                    mine = outboxes.identity(case.submission.body)
                    says = stated is not None and stated.pcs_id == mine
                    self._require(Invariant.SETTLED, says, number, case, "was acknowledged by what says nothing of it")
                    if stated is not None and says:
                        key, entry = Key(case.submission.tenant, mine), (Timestamp(stated.timestamp), stated.region)
                        found[key] = min(entry, found.get(key, entry))
        return found

    def finish(self, outboxes_found: Mapping[int, Sequence[bytes]]) -> None:
        """Judge what is not settled, what the outboxes of agents that crashed hold in the end, and how long agents waited."""
        now = self._simulator.now
        for number, box in self._boxes.items():
            late = [case.item for case in box.open.values() if now - self._hindered(case) > self._patience]
            self._checks.require(
                Invariant.DELIVERED,
                not late,
                f"agent {number}",
                "end",
                lambda late=late: f"items {late} are not settled {self._patience:g} s after all was well",  # type: ignore[misc]
            )
            for case in box.open.values():
                where = "is in the outbox" if case.identity is not None else "was never queued"
                self._require(
                    Invariant.SENT_AGAIN,
                    now <= case.due,
                    number,
                    case,
                    f"{where}, and nothing was done since {_at(case)}",
                )
            if box.crashed:
                self._check_kept(number, box, outboxes_found.get(number, ()))
        self._check_jitter()

    # What happens.

    def _given(self, event: Given) -> None:
        box = self._boxes.setdefault(event.agent, Box())
        case = Case(event, self._simulator.now, self._when_written(box) if box.alive else inf)
        box.open[event.item] = case
        box.unqueued.setdefault(case.payload, []).append(case)

    def _written(self, event: OutboxWritten) -> None:
        """A frame queues what was given, or settles what is queued as the last answer has it."""
        box, frame = self._boxes[event.agent], event.frame
        if frame.timestamp > box.latest:
            self._checks.hold(A_FRAME)
        else:
            self._deny(
                Invariant.OUTBOX_KEPT,
                event.agent,
                f"a frame got timestamp {frame.timestamp:016x} after {box.latest:016x}",
            )
        box.latest = max(box.latest, frame.timestamp)
        box.frames += 1
        try:
            found = outboxes.read(frame.payload)
        except (ValueError, KeyError):
            self._deny(Invariant.SETTLED, event.agent, "its outbox got a frame that nobody can read")
            return
        if isinstance(found, Settled):
            self._settled(event.agent, box, found)
        else:
            self._queued(event.agent, box, frame, found.payload)

    def _queued(self, agent: int, box: Box, frame: Frame, payload: bytes) -> None:
        waiting = box.unqueued.get(payload)
        if not waiting:
            self._deny(Invariant.SENT_DURABLE, agent, "its outbox got a submission that nobody gave, or gave once")
            return
        case = waiting.pop(0)
        if not waiting:
            del box.unqueued[payload]
        case.identity = frame.timestamp
        box.queued[frame.timestamp] = case
        self._in_time(agent, case)
        case.due = self._simulator.now + 2 * self._lag(box) + _SLACK

    def _settled(self, agent: int, box: Box, found: Settled) -> None:
        case = box.queued.get(found.queued)
        if case is None:
            self._deny(Invariant.SETTLED, agent, f"something was settled that is not queued: {found.queued:016x}")
            return
        said, answer = case.answer, found.answer
        as_said = said is not None and (said.status in STORED if answer is None else said == answer)
        if answer is not None:
            as_said = as_said and answer.status in REFUSED
        how = "acknowledged" if answer is None else f"refused for good with {answer.status}"
        heard = f"the answer was {said.status}" if said is not None else "there was no such answer"
        self._require(Invariant.SETTLED, as_said, agent, case, f"was settled as {how}, and {heard}")
        self._require(Invariant.SETTLED, not case.settled, agent, case, "was settled twice")
        self._in_time(agent, case)
        case.settled = True
        box.open.pop(case.item, None)

    def _sent(self, event: Sent) -> None:
        """What is sent is in the outbox and not settled; it comes neither too early nor too late."""
        box = self._boxes[event.agent]
        case = box.open.get(event.item)
        if case is None:
            self._deny(Invariant.SENT_NO_MORE, event.agent, f"item {event.item} was sent again after it was settled")
            return
        now, same = self._simulator.now, event.round == case.round
        attempt = case.attempt + 1 if same else 1
        durable = case.identity is not None and event.submission == case.submission
        early = now + _ROUNDING < case.heard + case.asked if same else False
        most = self._policy.retry.max_attempts
        if durable and case.answer is None and now <= case.due and not early and attempt <= most:
            self._checks.hold(A_SENDING)
        else:
            self._require(
                Invariant.SENT_DURABLE, durable, event.agent, case, "was sent, and its outbox does not have it so"
            )
            self._require(
                Invariant.SENT_NO_MORE, case.answer is None, event.agent, case, "was sent again after a final answer"
            )
            self._in_time(event.agent, case)
            self._require(
                Invariant.PATIENT,
                not early,
                event.agent,
                case,
                f"was to wait {case.asked} s, and was sent after {now - case.heard:.3f} s",
            )
            self._require(
                Invariant.PATIENT,
                attempt <= most,
                event.agent,
                case,
                f"was sent {attempt} times in one round, of {most}",
            )
        if same and not box.lag and case.heard > -inf:
            self._note_wait(now - case.heard - case.asked, case.attempt)
        case.round, case.attempt = event.round, attempt
        case.heard = nan
        case.due = now + self._policy.retry.timeout_seconds + _SLACK

    def _heard(self, event: Heard) -> None:
        """A final answer is to be written down; after any other, or none, there is to be another attempt."""
        box = self._boxes[event.agent]
        case = box.open.get(event.item)
        if case is None:
            return
        self._in_time(event.agent, case)
        now, response, retry = self._simulator.now, event.response, self._policy.retry
        case.crowded = response is not None and response.status == CROWDED
        answer = Answer(response.status, response.body, response.retry_after) if response is not None else None
        if answer is not None and outboxes.settles(case.submission.body, answer):
            self._progress = now
            case.answer = answer
            case.due = self._when_written(box)
            return
        case.asked = min(answer.retry_after or 0.0, _MOST_ASKED) if answer is not None else 0.0
        case.heard = nan if box.hurries or box.lag else now
        last = case.attempt >= retry.max_attempts
        longest = retry.max_delay_seconds if last else case.asked + outboxes.ceiling(retry, case.attempt)
        case.due = now + longest + 2 * self._lag(box) + _SLACK

    def _crashed(self, event: AgentCrashed) -> None:
        """What is only in memory is lost: answers, pauses, how often something was tried."""
        box = self._boxes.setdefault(event.agent, Box())
        box.alive, box.crashed = False, True
        for case in box.open.values():
            case.answer, case.attempt, case.heard, case.due = None, 0, nan, inf

    def _restarted(self, event: AgentRestarted) -> None:
        """All that waits in the outbox is sent again, and the giver gives again what is not there.

        The outbox is read first, a segment at a time, and each has a frame at least.
        """
        box = self._boxes[event.agent]
        box.alive = True
        box.readable = self._simulator.now + (_WRITES + box.frames) * (self._policy.agent_fsync + self._lag(box))
        for case in box.open.values():
            case.due = self._when_written(box)

    def _hurried(self, event: AgentHurried) -> None:
        box = self._boxes.setdefault(event.agent, Box())
        box.hurries = event.hurries
        for case in box.open.values():
            case.heard = nan

    def _slowed(self, event: AgentSlowed) -> None:
        """What is under way takes longer from now on."""
        box = self._boxes.setdefault(event.agent, Box())
        lag = max(self._lag(box), event.lag)
        more = _WRITES * lag
        box.readable += more
        box.lag, box.lingers = event.lag, (lag, self._simulator.now + more)
        for case in box.open.values():
            case.heard = nan
            case.due += more

    # What is checked.

    def _when_written(self, box: Box) -> float:
        """By when what is given now is durable: an outbox that is not read yet is read first."""
        lag = self._lag(box)
        return max(self._simulator.now, box.readable) + lag + _WRITES * (self._policy.agent_fsync + lag) + _SLACK

    def _lag(self, box: Box) -> float:
        """How much longer an agent may take for something."""
        lag, until = box.lingers
        return max(box.lag, lag) if self._simulator.now <= until else box.lag

    def _hindered(self, case: Case) -> float:
        """Until when something may have kept a submission from being settled: faults, the line that formed meanwhile, or others
        that had the room at its node.

        Those that a node answers with 429 are settled in no order, and one of them may be last (ORD-6). But whoever had the room is
        settled: so somebody always is.
        """
        return max(case.given, self._calm, self._backlog.until, self._progress if case.crowded else 0.0)

    def _in_time(self, agent: int, case: Case) -> None:
        now = self._simulator.now
        if now > case.due:
            self._deny(Invariant.SENT_AGAIN, agent, f"item {case.item} went on {now - case.due:.3f} s too late")

    def _note_wait(self, waited: float, attempt: int) -> None:
        """The share of the ceiling that an agent waited beyond what was asked."""
        most = outboxes.ceiling(self._policy.retry, attempt)
        if most > 0:
            self._waits.append(waited / most)

    def _check_jitter(self) -> None:
        """Shares that are drawn evenly are nowhere further from an even spread than chance explains.

        Source: Massart, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", 1990.
        """
        shares, number = sorted(self._waits), len(self._waits)
        if not number:
            return
        furthest = max(max((i + 1) / number - share, share - i / number) for i, share in enumerate(shares))
        bound = sqrt(log(2 / _SURPRISE) / (2 * number))
        sentence = f"{number} waits are spread by {furthest:.2f} from evenly, chance explains {bound:.2f}"
        self._checks.require(Invariant.JITTER, furthest <= bound, "agents", "Sleep", lambda: sentence)

    def _check_kept(self, agent: int, box: Box, segments: Sequence[bytes]) -> None:
        """An outbox that was read and mended still holds what was ever in it."""
        held: dict[int, bytes] = {}
        settled: set[int] = set()
        for segment in segments:
            for frame in frames.read(segment).data:
                found = outboxes.read(frame.payload)
                if isinstance(found, Settled):
                    settled.add(found.queued)
                else:
                    held[frame.timestamp] = found.payload
        for identity, case in box.queued.items():
            self._require(
                Invariant.OUTBOX_KEPT,
                held.get(identity) == case.payload and case.settled == (identity in settled),
                agent,
                case,
                "is not in the outbox as it was written there",
            )

    def _require(self, invariant: Invariant, ok: bool, agent: int, case: Case, text: str) -> None:  # noqa: FBT001
        self._checks.require(invariant, ok, f"agent {agent}", "outbox", lambda: f"item {case.item} {text}")

    def _deny(self, invariant: Invariant, agent: int, text: str) -> None:
        self._checks.deny(invariant, f"agent {agent}", "outbox", lambda: text)


def _at(case: Case) -> str:
    return f"{case.due:.3f} s"
