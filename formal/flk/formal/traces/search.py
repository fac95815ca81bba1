"""The search for a path of the protocol that shows what the trace shows: depth first, in one state, every change taken back.

While every event is complete and nothing is hidden there is nothing to choose, and the search is one step after another. Where
there are choices, they are kept, and gone back to when an event further on is not possible.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TypeAlias

from flk.formal.explicit.interpreter import Fault
from flk.formal.language.nodes import Node
from flk.formal.traces.cells import ABSENT, Cells, State, Unbound
from flk.formal.traces.evaluate import UNKNOWN, Evaluator
from flk.formal.traces.event_decoder import Observation, Seen
from flk.formal.traces.explain import Explainer
from flk.formal.traces.steps import TAKEN, Arguments, Need, Steps
from flk.formal.traces.validation import Reason
from flk.formal.traces.values import Element, Key, Universe

REASONS = 5  # ways to come to the event that is not possible, each with its reason

Hidden: TypeAlias = tuple[str, ...]
"""The actions that happened unseen before an event, in order."""


class LimitReached(Exception):
    """More steps were tried for one event than the limit allows."""


class Several(Exception):
    """There is not one way alone to take a step."""


class Later(Enum):
    """In place of the other ways to explain an event: they are listed only when they are wanted."""

    LATER = "later"


class Choice:
    """An event that has been explained one way, the state's digest before it, and the other ways that are left (None: none)."""

    __slots__ = ("begun", "hidden", "mark", "rest", "seen")

    def __init__(
        self, seen: Seen, begun: int, mark: int, hidden: Hidden, rest: Iterator[Hidden] | Later | None
    ) -> None:
        self.seen = seen
        self.begun = begun
        self.mark = mark
        self.hidden = hidden
        self.rest = rest


class Failure:
    """The furthest event that is not possible, and why: a reason for each way that led there."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.reasons: dict[Reason, None] = {}
        self.nearest: tuple[str, ...] = ()


class Search:
    """Follows events. `complete` tells whether every choice is still open to be taken back."""

    def __init__(
        self,
        state: State,
        universe: Universe,
        steps: Mapping[str, Steps],
        assumptions: Sequence[Node],
        explainer: Explainer,
        *,
        hidden: Sequence[Steps],
        at_most: int,
        limit: int,
    ) -> None:
        self.complete = True
        self.failure: Failure | None = None
        self.taken: dict[str, int] = dict.fromkeys(steps, 0)
        self.hidden_steps = 0
        self._state = state
        self._universe = universe
        self._assumptions = assumptions
        self._origin = {name: Cells(cells.variable) for name, cells in state.cells.items()} if assumptions else {}
        self._explainer = explainer
        self._hidden = hidden
        self._at_most = at_most if hidden else 0
        self._limit = limit
        self._spent = 0
        self._digest = 0  # of the state, as far as it differs from some one
        self._compared = False
        self._choices: deque[Choice] = deque()
        self._ahead: deque[Seen] = deque()
        self._dead: set[tuple[int, int]] = set()

    def follow(self, seen: Seen) -> bool:
        """Go on with an event, going back and choosing otherwise where needed. False if no path there is has it next.

        Raises LimitReached.
        """
        if not self._choices and seen.complete and not self._hidden and self._straight(seen):
            self._state.journal.clear()
            self.taken[seen.steps.action.name] += 1
            return True
        self._spent = 0
        self._ahead.append(seen)
        while self._ahead:
            if self._forward(self._ahead[0]):
                self._ahead.popleft()
            elif not self._back():
                return False
        return True

    def finish(self) -> None:
        """Count what is still open."""
        while self._choices:
            self._count(self._choices.popleft())

    def bind(self, cells: Cells, key: Key, value: Element | None) -> bool:
        """Fix how a cell began; False if the protocol's assumptions, or what is known, exclude it."""
        self._state.write(cells, key, value)
        if not self._assumptions:
            return True
        self._state.write(self._origin[cells.variable.name], key, value)
        truths = (Evaluator(self._origin, self._universe).value(each, {}) for each in self._assumptions)
        return all(truth is UNKNOWN or truth for truth in truths)

    def _straight(self, seen: Seen) -> bool:
        """Take a step that leaves no choice; otherwise, change nothing."""
        mark = self._state.mark()
        try:
            if (
                (not seen.before or self._matches(seen.before))
                and seen.steps.run(*seen.arguments) == TAKEN
                and (not seen.after or self._matches(seen.after))
            ):
                return True
        except (Fault, Unbound):
            pass
        self._state.undo(mark)
        return False

    def _forward(self, seen: Seen) -> bool:
        """Explain an event some way, and keep the other ways; False if there is none."""
        if len(self._choices) >= self._limit:
            self._settle()
        mark, begun = self._state.mark(), self._digest
        if self._dead and (seen.number, begun) in self._dead:
            return False
        if seen.complete and not self._hidden and self._straight(seen):
            self._choices.append(Choice(seen, begun, mark, (), None))
            self._shift(mark)
            return True
        first = self._only_way(seen)
        if first is not None:
            self._choices.append(Choice(seen, begun, mark, first, Later.LATER))
            self._shift(mark)
            return True
        self._compare()
        ways = self._ways(seen)
        hidden = next(ways, None)
        if hidden is None:
            self._dead.add((seen.number, begun))
            self._fail(seen)
            return False
        self._choices.append(Choice(seen, begun, mark, hidden, ways))
        return True

    def _back(self) -> bool:
        """Explain the latest event that can be, another way; what came after it is ahead again."""
        self._compare()
        while self._choices:
            choice = self._choices[-1]
            if choice.rest is Later.LATER:
                self._undo(choice.mark, choice.begun)
                choice.rest = self._ways(choice.seen)
                next(choice.rest)  # the way that was taken
            hidden = next(choice.rest, None) if choice.rest else None
            if hidden is not None:
                choice.hidden = hidden
                return True
            self._dead.add((choice.seen.number, choice.begun))
            self._state.undo(choice.mark)
            self._digest = choice.begun
            self._ahead.appendleft(self._choices.pop().seen)
        return False

    def _shift(self, mark: int) -> None:
        """Follow the state with its digest from a mark on, if states are compared."""
        if self._compared:
            self._digest = self._state.shift(self._digest, mark)

    def _compare(self) -> None:
        """Compare states from now on: in most traces nothing has to be gone back on, and it would be in vain."""
        if not self._compared:
            self._compared = True
            choices = tuple(reversed(self._choices))
            digests = self._state.digests(self._digest, (choice.mark for choice in choices))
            for choice, digest in zip(choices, digests, strict=True):
                choice.begun = digest

    def _settle(self) -> None:
        """Give up the oldest choice: it stays as it is, and with it what followed without any."""
        self.complete = self.complete and self._choices[0].rest is None
        self._count(self._choices.popleft())
        while self._choices and self._choices[0].rest is None:
            self._count(self._choices.popleft())
        self._state.forget(self._choices[0].mark if self._choices else self._state.mark())
        if len(self._dead) > 4 * self._limit:
            oldest = self._choices[0].seen.number if self._choices else 0
            self._dead = {(number, digest) for number, digest in self._dead if number >= oldest}

    def _count(self, choice: Choice) -> None:
        for name in (choice.seen.steps.action.name, *choice.hidden):
            self.taken[name] += 1
        self.hidden_steps += len(choice.hidden)

    def _fail(self, seen: Seen) -> None:
        if self.failure is None or seen.number > self.failure.seen.number:
            self.failure = Failure(seen)
            self.failure.nearest = self._explainer.nearest(seen)
        if seen.number == self.failure.seen.number and len(self.failure.reasons) < REASONS:
            self.failure.reasons[self._explainer.reason(seen)] = None

    # The first way, where there is one for each number of hidden steps: found without generators, since most events have one.

    def _only_way(self, seen: Seen) -> Hidden | None:
        """Take the first way to explain an event; None, and nothing is changed, if it is easier to list all ways."""
        mark = self._state.mark()
        try:
            if not seen.before or self._matches(seen.before):
                needs = seen.steps.needs(seen.arguments) if self._hidden else None
                hidden = () if needs is None else self._take_unseen(needs)
                if self._take(seen.steps, seen.arguments) and (not seen.after or self._matches(seen.after)):
                    return hidden
        except (Fault, Unbound, Several):
            pass
        self._state.undo(mark)
        return None

    def _take(self, steps: Steps, arguments: tuple[Element | None, ...]) -> bool:
        """Take a step if there is a way to. Raises Several if there are more."""
        if None not in arguments:
            return steps.run(*arguments) == TAKEN
        found = steps.candidates(arguments)
        first = next(found, None)
        if first is None:
            return False
        if next(found, None) is not None:
            raise Several
        steps.apply(*first)
        return True

    def _take_unseen(self, needs: Sequence[Need]) -> Hidden:
        """Take the one hidden step that can have come before an event which needs this, and say which it is.

        Raises Several if there are more, or none.
        """
        found = tuple(self._writers(needs))
        if len(found) != 1 or not self._take(*found[0]):
            raise Several
        return (found[0][0].action.name,)

    # Ways: generators that yield while the state is as it is after them, and take it back when they go on.

    def _ways(self, seen: Seen) -> Iterator[Hidden]:
        """All ways to explain an event, those with the fewest hidden steps first."""
        tried: set[tuple[int, int]] = set()
        for depth in range(self._at_most + 1):
            yield from self._after_hidden(seen, depth, (), tried)

    def _after_hidden(self, seen: Seen, depth: int, before: Hidden, tried: set[tuple[int, int]]) -> Iterator[Hidden]:
        if (depth, self._digest) in tried:
            return
        tried.add((depth, self._digest))
        if depth == 0:
            for _ in self._event(seen):
                yield before
            return
        for steps, arguments in self._unseen(seen) if depth == 1 else self._anything():
            for _ in self._fillings(steps, arguments):
                yield from self._after_hidden(seen, depth - 1, (*before, steps.action.name), tried)

    def _anything(self) -> Iterator[tuple[Steps, tuple[Element | None, ...]]]:
        """Every hidden step."""
        return ((steps, (None,) * len(steps.positions)) for steps in self._hidden)

    def _unseen(self, seen: Seen) -> Iterator[tuple[Steps, tuple[Element | None, ...]]]:
        """The hidden steps that can be the last before an event: where a guard of that is false, those that write what it reads."""
        try:
            needs = seen.steps.needs(seen.arguments)
        except (Fault, Unbound):
            needs = None
        if needs is None:
            return self._anything()
        return iter(self._writers(needs))

    def _writers(self, needs: Sequence[Need]) -> dict[tuple[Steps, tuple[Element | None, ...]], None]:
        """The hidden steps, with such arguments as they must have, that may write what is needed."""
        return {
            (steps, arguments): None for steps in self._hidden for need in needs for arguments in steps.writers(need)
        }

    def _event(self, seen: Seen) -> Iterator[None]:
        mark, digest = self._state.mark(), self._digest
        if self._matches(seen.before):
            self._digest = self._state.shift(digest, mark)
            for _ in self._fillings(seen.steps, seen.arguments):
                inner, shifted = self._state.mark(), self._digest
                if self._matches(seen.after):
                    self._digest = self._state.shift(shifted, inner)
                    yield
                self._undo(inner, shifted)
        self._undo(mark, digest)

    def _fillings(self, steps: Steps, arguments: tuple[Element | None, ...]) -> Iterator[None]:
        """Take a step in every way that the guards allow."""
        if None not in arguments:
            yield from self._step(steps, arguments)  # type: ignore[arg-type]  # none is None
            return
        try:
            found = list(steps.candidates(arguments))
        except Unbound as unbound:
            for _ in self._bindings(unbound):
                yield from self._fillings(steps, arguments)
            return
        for filled in found:
            yield from self._step(steps, filled)

    def _step(self, steps: Steps, arguments: Arguments) -> Iterator[None]:
        self._spent += 1
        if self._spent > self._limit:
            raise LimitReached
        mark, digest = self._state.mark(), self._digest
        try:
            if steps.run(*arguments) == TAKEN:
                self._digest = self._state.shift(digest, mark)
                yield
        except Fault:
            return
        except Unbound as unbound:
            for _ in self._bindings(unbound):
                yield from self._step(steps, arguments)
            return
        self._undo(mark, digest)

    def _bindings(self, unbound: Unbound) -> Iterator[None]:
        """Try every value for a cell of which the trace says nothing."""
        mark, digest = self._state.mark(), self._digest
        for value in tuple(self._universe.values(unbound.cells.variable.sort)):
            if self.bind(unbound.cells, unbound.key, value):
                self._digest = self._state.shift(digest, mark)
                yield
            self._undo(mark, digest)

    def _undo(self, mark: int, digest: int) -> None:
        self._state.undo(mark)
        self._digest = digest

    def _matches(self, observations: Sequence[Observation]) -> bool:
        """Whether the state is what was seen. What was not known of it is from now on."""
        for cells, key, value in observations:
            now = cells.get(key, ABSENT)
            if now is ABSENT:
                if cells.free:
                    if not self.bind(cells, key, value):
                        return False
                    continue
                now = cells.variable.initially
            if now != value:
                return False
        return True
