"""What comes of leaving out a guard or an update: the solver or a run refutes it, and where neither can it is open."""

from typing import NoReturn

import pytest
from z3 import unknown

from flk.formal.language import Protocol, Term, forall, require
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.prover import guard_mutants
from flk.formal.prover.bounded import FAULT
from flk.formal.prover.guard_mutants import omissions, try_omission
from flk.formal.prover.obligations import Induction
from flk.formal.prover.theorem import ProofStatus, Trial


def tickets() -> Protocol:
    """A ticket that is sold has a seat; on it, whoever was sold it sits, once the doors are open."""
    protocol = Protocol("tickets", "Sold, and used.")
    ticket, seat = protocol.index("Ticket"), protocol.index("Seat")
    has = protocol.map("has", ticket, to=seat, partial=True)
    sits = protocol.map("sits", ticket, to=seat, partial=True)

    @protocol.action(t=ticket, s=seat)
    def sell(t: Term, s: Term) -> None:
        require(~has.defined(t))
        has.next[t] = s

    @protocol.action(t=ticket)
    def sit(t: Term) -> None:
        require(has.defined(t))
        require(~sits.defined(t))
        sits.next[t] = has[t]

    @protocol.may_stop()
    def all_sit() -> Term:
        return forall(ticket, sits.defined)

    @protocol.always()
    def whoever_sits_has_a_ticket() -> Term:
        return forall(ticket, lambda t: ~sits.defined(t) | (has.defined(t) & (sits[t] == has[t])))

    return protocol


def tried(protocol: Protocol) -> dict[str, Trial]:
    """What comes of each omission."""
    return {each.name: try_omission(Induction(protocol), each, 0) for each in omissions(protocol)}


def test_a_run_refutes_what_the_solver_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """To a violation, or to a fault; what no run refutes stays open, and what writes nothing has nothing to meet."""
    monkeypatch.setattr(guard_mutants, "ask", lambda *_: (None, unknown))
    found = tried(tickets())
    assert {name: (trial.status, [check.name for check in trial.checks]) for name, trial in found.items()} == {
        "sell without require not defined(has[t])": (ProofStatus.REFUTED, ["whoever_sits_has_a_ticket"]),
        "sell without has[t] := s": (ProofStatus.PROVED, []),
        "sit without require defined(has[t])": (ProofStatus.REFUTED, [FAULT]),
        "sit without require not defined(sits[t])": (ProofStatus.UNDECIDED, []),
        "sit without sits[t] := has[t]": (ProofStatus.PROVED, []),
    }


def test_what_easy_answers_decide_is_not_explored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same verdicts, and met is what no run refutes; nothing is explored where the solver knows."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(guard_mutants, "Beside", refuse)
    found = tried(tickets())
    assert [trial.status for trial in found.values()] == [
        ProofStatus.REFUTED,
        ProofStatus.PROVED,
        ProofStatus.REFUTED,
        ProofStatus.PROVED,
        ProofStatus.PROVED,
    ]


@pytest.mark.slow
def test_every_omission_of_policies_is_decided() -> None:
    """Of the queries that Z3 leaves open with the usual effort, each would take minutes with more: runs decide them first."""
    found = tried(PROTOCOLS["policies"])
    assert ProofStatus.UNDECIDED not in {trial.status for trial in found.values()}
    met = [name for name, trial in found.items() if trial.status is ProofStatus.PROVED]
    assert [name for name in met if " without require " in name] == [
        "judge without require defined(states[s])",
        "replay without require defined(states[s])",
        "append_again without require defined(states[s])",
    ]
