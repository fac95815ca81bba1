"""The circuit breaker as a state machine."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flk.model.flow.breaker import CLOSED, Circuit, State, after_request, before_request
from flk.spec.constants import Breaker

POLICY = Breaker(failures=3, open_seconds=10.0)
policies = st.builds(Breaker, failures=st.integers(1, 10), open_seconds=st.floats(0.1, 100))


def failed(circuit: Circuit, times: int, now: float = 0.0, policy: Breaker = POLICY) -> Circuit:
    """The breaker after so many failures of its present generation."""
    for _ in range(times):
        circuit = after_request(circuit, circuit.generation, now, policy, answered=False)
    return circuit


@given(policies, st.floats(0, 1000))
def test_so_many_failures_in_a_row_open_it(policy: Breaker, now: float) -> None:
    """One fewer does not, and one answer in between starts the count anew."""
    nearly = failed(CLOSED, policy.failures - 1, now, policy)
    assert nearly.state is State.CLOSED
    assert failed(nearly, 1, now, policy).state is State.OPEN
    answered = after_request(nearly, nearly.generation, now, policy, answered=True)
    assert failed(answered, policy.failures - 1, now, policy).state is State.CLOSED


@given(policies, st.floats(0, 1000), st.floats(0, 1, exclude_max=True))
def test_open_it_lets_nothing_through_until_its_time_is_over(policy: Breaker, now: float, share: float) -> None:
    """Then it lets through one, and nothing more until that one has its answer."""
    opened = failed(CLOSED, policy.failures, now, policy)
    early = now + share * policy.open_seconds
    if early < opened.until:
        assert before_request(opened, early) == (opened, False)
    half, allowed = before_request(opened, opened.until)
    assert (half.state, allowed) == (State.HALF_OPEN, True)
    assert before_request(half, opened.until + 1e6) == (half, False)


def test_the_one_that_is_let_through_decides() -> None:
    """Its answer closes the breaker; its failure opens it for as long again."""
    half, _ = before_request(failed(CLOSED, 3), 10.0)
    closed = after_request(half, half.generation, 11.0, POLICY, answered=True)
    assert (closed.state, closed.failures) == (State.CLOSED, 0)
    again = after_request(half, half.generation, 11.0, POLICY, answered=False)
    assert (again.state, again.until) == (State.OPEN, 21.0)


def test_what_was_sent_before_it_opened_says_nothing_afterwards() -> None:
    """A late answer does not close it, a late failure does not open it again."""
    opened = failed(CLOSED, 3)
    half, _ = before_request(opened, 10.0)
    closed = after_request(half, half.generation, 11.0, POLICY, answered=True)
    for circuit in (opened, half, closed):
        for answered in (True, False):
            assert after_request(circuit, CLOSED.generation, 12.0, POLICY, answered=answered) == circuit


class Traffic(RuleBasedStateMachine):
    """A breaker with requests under way, beside plain rules about what has been seen."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = CLOSED
        self.now = 0.0
        self.under_way: list[int] = []
        self.row = 0
        self.opened_at = 0.0

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def send(self) -> None:
        before = self.circuit
        self.circuit, allowed = before_request(before, self.now)
        assert allowed == (
            before.state is State.CLOSED
            or (before.state is State.OPEN and self.now >= self.opened_at + POLICY.open_seconds)
        )
        if allowed:
            self.under_way.append(self.circuit.generation)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), answered=st.booleans())
    def settle(self, data: st.DataObject, answered: bool) -> None:
        generation = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before = self.circuit
        self.circuit = after_request(before, generation, self.now, POLICY, answered=answered)
        assert (self.circuit.generation > before.generation) == (self.circuit.state is not before.state)
        if generation != before.generation:
            assert self.circuit == before
            return
        self.row = 0 if answered else self.row + 1
        should_open = not answered and (before.state is State.HALF_OPEN or self.row >= POLICY.failures)
        assert (self.circuit.state is State.OPEN) == should_open
        if should_open:
            self.row, self.opened_at = 0, self.now

    @invariant()
    def half_open_waits_for_just_one(self) -> None:
        if self.circuit.state is State.HALF_OPEN:
            assert self.under_way.count(self.circuit.generation) == 1
        if self.circuit.state is State.OPEN:
            assert self.circuit.generation not in self.under_way


TestTraffic = Traffic.TestCase
