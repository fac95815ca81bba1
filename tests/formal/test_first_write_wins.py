"""First write wins, proved; and each counterexample done again by an ordinary store."""

from collections.abc import Callable

import pytest
from tests.formal.runs import Fact, given, harm, steps

from flk.formal import first_write_wins
from flk.formal.theorem import Check, Proof, Theorem, Verdict, prove

MUTANTS = [
    "get-then-set",
    "last-write-wins",
    "reply-own-outcome",
    "key-without-tenant",
    "content-unseen",
    "claims-overtake",
]


@pytest.fixture(scope="module")
def theorem() -> Theorem:
    """The theorem, built once."""
    return first_write_wins.theorem()


@pytest.fixture(scope="module")
def proof(theorem: Theorem) -> Proof:
    """Its proof under the first seed."""
    return prove(theorem)


class PlainStore:
    """The actions of the protocol and of its mutants, on dictionaries. An action that may not happen fails an assertion."""

    def __init__(self, given: set[Fact]) -> None:
        self.facts = {(fact.name, fact.arguments): fact.value for fact in given}
        self.log_order: list[str] = []
        self.entries: dict[str, str] = {}
        self.granted: dict[str, str] = {}
        self.answered: dict[str, str] = {}
        self.conflicted: dict[str, str] = {}
        self.missed: set[str] = set()

    def fact(self, name: str, request: str) -> str:
        return self.facts[name, (request,)]

    def log(self, q: str) -> None:
        assert all(("earlier", (p, q)) in self.facts for p in self.log_order)
        self.log_order.append(q)

    def claim(self, q: str, e: str) -> None:
        self._begin(q)
        self.granted[q] = self.entries.setdefault(self.fact("key", q), q)
        assert self.granted[q] == e

    claim_unwatched = claim

    def hit(self, q: str, e: str) -> None:
        self._begin(q)
        self.granted[q] = self.entries[self.fact("key", q)]
        assert self.granted[q] == e

    def miss(self, q: str) -> None:
        self._begin(q)
        assert self.fact("key", q) not in self.entries
        self.missed.add(q)

    def put(self, q: str) -> None:
        assert q in self.missed
        self.overwrite(q)

    def overwrite(self, q: str) -> None:
        self._begin(q)
        self.entries[self.fact("key", q)] = self.granted[q] = q

    def insert_or_ignore(self, q: str) -> None:
        self._begin(q)
        self.entries.setdefault(self.fact("key", q), q)
        self.granted[q] = q

    def reply(self, q: str, e: str) -> None:
        assert self.granted[q] == e
        same = self.fact("content", q) == self.fact("content", e)
        (self.answered if same else self.conflicted)[q] = e

    def reply_unseen(self, q: str, e: str) -> None:
        assert self.granted[q] == e
        self.answered[q] = e

    def _begin(self, q: str) -> None:
        assert q in self.log_order
        assert q not in self.granted


def replay(check: Check) -> PlainStore:
    """The store after the run."""
    store = PlainStore(given(check))
    for step in steps(check):
        getattr(store, step.name.replace(" ", "_"))(*step.arguments)
    return store


def clients_disagree(store: PlainStore) -> bool:
    """Two clients of one record were told of different entries."""
    told = store.answered | store.conflicted
    records = {(store.fact("tenant", q), store.fact("pcs_id", q)) for q in told}
    return len(set(told.values())) > len(records)


def a_tenant_is_crossed(store: PlainStore) -> bool:
    """A client was told of another tenant's entry."""
    told = store.answered | store.conflicted
    return any(store.fact("tenant", q) != store.fact("tenant", e) for q, e in told.items())


def a_conflict_is_missed(store: PlainStore) -> bool:
    """A client was answered with the outcome of another content."""
    return any(store.fact("content", q) != store.fact("content", e) for q, e in store.answered.items())


def a_later_record_won(store: PlainStore) -> bool:
    """A client was told of an entry that was logged after its own record."""
    rank = store.log_order.index
    return any(rank(q) < rank(e) for q, e in store.granted.items())


HARMS: dict[str, Callable[[PlainStore], bool]] = {
    "get-then-set": clients_disagree,
    "last-write-wins": clients_disagree,
    "reply-own-outcome": clients_disagree,
    "key-without-tenant": a_tenant_is_crossed,
    "content-unseen": a_conflict_is_missed,
    "claims-overtake": a_later_record_won,
}


@pytest.mark.parametrize("seed", range(3))
def test_it_is_proved_under_every_seed(theorem: Theorem, seed: int) -> None:
    """Every obligation holds, every witness exists and every mutant fails, whatever the solver's seed."""
    assert prove(theorem, seed).verdict is Verdict.PROVED


def test_every_named_fault_is_among_the_mutants(proof: Proof) -> None:
    """The faults that the requirements reject are all tried."""
    assert [trial.mutant for trial in proof.mutants] == MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS)
def test_an_ordinary_store_comes_to_the_same_harm(proof: Proof, mutant: str) -> None:
    """Done again step by step on dictionaries, each counterexample is a run of the mutant and ends in the harm it names."""
    assert HARMS[mutant](replay(harm(proof, mutant)))


def test_the_protocol_itself_does_no_such_harm_in_its_examples(proof: Proof) -> None:
    """The example runs of the correct protocol, done again on dictionaries, are free of every harm but overtaking."""
    for check in proof.witnesses:
        store = replay(check)
        assert not clients_disagree(store)
        assert not a_tenant_is_crossed(store)
        assert not a_conflict_is_missed(store)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_no_step_of_a_counterexample_is_idle(proof: Proof, mutant: str) -> None:
    """Each action of a run to harm changes something: the runs are no longer than they need be."""
    shown = harm(proof, mutant).shown
    assert shown is not None
    assert all(changes for _, _, changes in shown.rows)
