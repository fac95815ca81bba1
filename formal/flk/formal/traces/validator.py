"""A trace against a protocol."""

from collections.abc import Callable, Iterable, Sequence

from flk.formal.language.protocol import Protocol
from flk.formal.traces.cells import State
from flk.formal.traces.coverage import Sampler, sampled
from flk.formal.traces.emit import Emitter
from flk.formal.traces.event_decoder import Decoder
from flk.formal.traces.explain import Explainer
from flk.formal.traces.lines import Event, Header, Mistake, refuse, split
from flk.formal.traces.search import Failure, LimitReached, Search
from flk.formal.traces.steps import Steps
from flk.formal.traces.validation import Accepted, Rejected, Undecided, Validation
from flk.formal.traces.values import Universe
from flk.spec.collection import seldom_collected
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

LIMIT = 100_000
PULSE = 10_000  # events between two reports of progress


def validate(
    protocol: Protocol,
    lines: Iterable[bytes],
    source: str = "trace",
    *,
    hidden: Sequence[str] = (),
    limit: int = LIMIT,
    on_progress: Callable[[int], None] | None = None,
) -> Validation:
    """Whether the lines of a trace (see the package) tell a path of the protocol. They are read one by one, and not kept.

    `hidden` names actions that may happen unseen, beside those of the header. At most `limit` steps are tried to explain one event,
    and at most so many events are gone back over. Raises UnusableInput, naming source and line, for an empty trace and for anything
    in it that has no meaning.
    """
    header, events = split(lines, source)
    try:
        validator = Validator(protocol, header, hidden, limit)
    except Mistake as mistake:
        refuse(source, 1, mistake)
    with seldom_collected():  # what may have to be gone back on is kept, and makes no cycles
        return validator.run(events, source, on_progress)


class Validator:
    """One trace under validation. Raises Mistake for a header that has no meaning."""

    def __init__(self, protocol: Protocol, header: Header, hidden: Sequence[str], limit: int) -> None:
        if header.protocol not in {"", protocol.name}:
            raise Mistake(f"the trace is of {header.protocol}, not of {protocol.name}: name that protocol")
        if header.at_most < 1:
            raise Mistake(f"at_most is {header.at_most}: give 1 or more, or no hidden actions")
        self._protocol = protocol
        self._limit = limit
        state, universe = State(protocol), Universe(protocol, header.elements)
        emitter = Emitter(state, universe)
        self._steps = {name: Steps(action, emitter) for name, action in protocol.actions.items()}
        self._decoder = Decoder(protocol, universe, state, self._steps)
        self._explainer = Explainer(state, universe, self._steps, emitter)
        self._search = Search(
            state,
            universe,
            self._steps,
            protocol.assumptions,
            self._explainer,
            hidden=[self._hidden(name) for name in dict.fromkeys((*header.hidden, *hidden))],
            at_most=header.at_most,
            limit=limit,
        )
        self._sampler = Sampler(self._steps)
        for cells, key, value in self._decoder.observations(header.initially):
            if not cells.free:
                raise Mistake(f"initially: {cells.variable.name} begins as the protocol declares: leave it out")
            if not self._search.bind(cells, key, value):
                raise Mistake(f"initially: {universe.place(cells.variable, key)} breaks an assumption of the protocol")
        state.forget(state.mark())

    def run(self, events: Iterable[Event], source: str, on_progress: Callable[[int], None] | None) -> Validation:
        """Follow the events to the verdict."""
        search, read, follow = self._search, self._decoder.event, self._search.follow
        number = 0
        for number, event in enumerate(events, 1):
            try:
                seen = read(number, event)
            except Mistake as mistake:
                refuse(source, event.line, mistake)
            try:
                if not follow(seen):
                    break
            except LimitReached:
                search.complete = False
                search.failure = search.failure or Failure(seen)
                break
            if sampled(number):
                self._sampler.after(seen)
            if on_progress and not number % PULSE:
                on_progress(number)
        else:
            if not number:
                raise UnusableInput(
                    f"{source}: the trace has no events: nothing was recorded, or the wrong file was named"
                )
            search.finish()
            return Accepted(
                self._protocol.name, number, search.hidden_steps, search.taken, self._sampler.coverage(search.taken)
            )
        return self._rejected(source)

    def _rejected(self, source: str) -> Validation:
        failure = self._search.failure
        assert failure is not None
        seen = failure.seen
        rejected = Rejected(
            self._protocol.name,
            source,
            seen.line,
            seen.number - 1,
            self._explainer.written(seen.steps, seen.arguments),
            tuple(failure.reasons),
            failure.nearest,
            str(seen.note or ""),
        )
        return rejected if self._search.complete else Undecided(rejected, self._limit)

    def _hidden(self, name: str) -> Steps:
        if name not in self._steps:
            raise Mistake(f"hidden: {self._protocol.name} has no action {name}: {nearest(name, self._steps)}")
        return self._steps[name]
