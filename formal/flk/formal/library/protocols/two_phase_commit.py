"""Two-phase commit, the yardstick: its state counts are published.

Source: Gray and Lamport, "Consensus on Transaction Commit", ACM TODS 31(1), 2006, and its TLA+ module TwoPhase, whose names the
actions have.
"""

from flk.formal.language import BOOL, Protocol, Term, exists, forall, implies, require

protocol = Protocol(
    "two-phase-commit",
    """Resource managers prepare or abort on their own. The transaction manager commits once it has heard that all are
    prepared, or aborts at any time before; managers obey. Messages stay in the network for ever.""",
)

RM = protocol.index("RM", size=3)
Manager = protocol.enum("Manager", "working", "prepared", "committed", "aborted")
Decision = protocol.enum("Decision", "open", "committed", "aborted")

manager = protocol.map("manager", RM, to=Manager, initially=Manager.working)
decision = protocol.scalar("decision", Decision, initially=Decision.open)
tm_prepared = protocol.relation("tm_prepared", RM)
prepared_sent = protocol.relation("prepared_sent", RM)
commit_sent = protocol.scalar("commit_sent", BOOL, initially=False)
abort_sent = protocol.scalar("abort_sent", BOOL, initially=False)


@protocol.action(r=RM)
def TMRcvPrepared(r: Term) -> None:
    """The transaction manager receives the word of a manager that it is prepared."""
    require(decision == Decision.open, prepared_sent[r])
    tm_prepared.next[r] = True


@protocol.action()
def TMCommit() -> None:
    """The transaction manager commits, as all are prepared."""
    require(decision == Decision.open, forall(RM, lambda r: tm_prepared[r]))
    decision.next = Decision.committed
    commit_sent.next = True


@protocol.action()
def TMAbort() -> None:
    """The transaction manager gives up."""
    require(decision == Decision.open)
    decision.next = Decision.aborted
    abort_sent.next = True


@protocol.action(r=RM)
def RMPrepare(r: Term) -> None:
    """A manager prepares and says so."""
    require(manager[r] == Manager.working)
    manager.next[r] = Manager.prepared
    prepared_sent.next[r] = True


@protocol.action(r=RM)
def RMChooseToAbort(r: Term) -> None:
    """A manager that has not prepared aborts on its own."""
    require(manager[r] == Manager.working)
    manager.next[r] = Manager.aborted


@protocol.action(r=RM)
def RMRcvCommitMsg(r: Term) -> None:
    """A manager receives the order to commit."""
    require(commit_sent)
    manager.next[r] = Manager.committed


@protocol.action(r=RM)
def RMRcvAbortMsg(r: Term) -> None:
    """A manager receives the order to abort."""
    require(abort_sent)
    manager.next[r] = Manager.aborted


@protocol.always()
def consistent() -> Term:
    """No manager commits while another aborts."""
    return forall(RM, RM, lambda a, b: ~((manager[a] == Manager.committed) & (manager[b] == Manager.aborted)))


@protocol.always()
def decisions_are_final() -> Term:
    """Who has decided neither prepares nor changes its mind, and the transaction manager no longer listens."""
    return forall(
        RM,
        lambda r: (
            implies(
                protocol.enabled("RMPrepare", r=r) | protocol.enabled("RMChooseToAbort", r=r),
                manager[r] == Manager.working,
            )
            & implies(protocol.enabled("TMRcvPrepared", r=r), decision == Decision.open)
        ),
    )


@protocol.always()
def prepared_says_so() -> Term:
    """A manager that is prepared has said it."""
    return forall(RM, lambda r: implies(manager[r] == Manager.prepared, prepared_sent[r]))


@protocol.lemma()
def committed_is_ordered() -> Term:
    """A manager commits only on the order to commit."""
    return forall(RM, lambda r: (manager[r] != Manager.committed) | commit_sent)


@protocol.lemma()
def committed_is_unanimous() -> Term:
    """The order to commit is the decision, and follows word from every manager."""
    return ~commit_sent | ((decision == Decision.committed) & forall(RM, lambda r: tm_prepared[r]))


@protocol.lemma()
def tm_prepared_was_sent() -> Term:
    """A manager that the transaction manager knows to be prepared has said so."""
    return forall(RM, lambda r: ~tm_prepared[r] | prepared_sent[r])


@protocol.lemma()
def prepared_does_not_abort_alone() -> Term:
    """A manager that said it is prepared is no longer working, and has aborted only on the order to."""
    return forall(
        RM,
        lambda r: (
            ~prepared_sent[r] | ((manager[r] != Manager.working) & ((manager[r] != Manager.aborted) | abort_sent))
        ),
    )


@protocol.lemma()
def orders_are_decisions() -> Term:
    """The order to abort is the decision to."""
    return ~abort_sent | (decision == Decision.aborted)


@protocol.reachable()
def all_commit() -> Term:
    """Every manager commits."""
    return forall(RM, lambda r: manager[r] == Manager.committed)


@protocol.reachable()
def one_aborts() -> Term:
    """Some manager aborts after another prepared."""
    return exists(RM, RM, lambda a, b: (manager[a] == Manager.aborted) & prepared_sent[b])


@protocol.leads_to(fair=("RMRcvCommitMsg",))
def commitment_spreads() -> tuple[Term, Term]:
    """After the order to commit, every manager commits."""
    return commit_sent, forall(RM, lambda r: manager[r] == Manager.committed)
