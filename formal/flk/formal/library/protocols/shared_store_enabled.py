"""Who may do what when in `shared-store`: of each action an equation between its guard and a condition on the state.

They stand apart from the actions, and read nothing of how those are written, so that a guard that is lost or weakened shows.
"""

from flk.formal.language import Enumeration, Map, Protocol, Scalar, Term, exists, forall


def say_who_acts(protocol: Protocol, stages: Enumeration, conditions: Enumeration) -> None:
    """Declare the equations, of the protocol's own actions."""
    vocabulary = _Vocabulary(protocol, stages, conditions)
    _of_requests(protocol, vocabulary)
    _of_claims(protocol, vocabulary)
    _of_nodes(protocol, vocabulary)


class _Vocabulary:
    """The protocol's sorts and state, and what is said of them more than once."""

    def __init__(self, protocol: Protocol, stages: Enumeration, conditions: Enumeration) -> None:
        self.Node, self.Request = protocol.sorts["Node"], protocol.sorts["Request"]
        self.Key, self.Stamp = protocol.sorts["Key"], protocol.sorts["Stamp"]
        self.Stage, self.Condition = stages, conditions
        state = {name: Map(variable) for name, variable in protocol.variables.items()}
        self.node, self.seen, self.stage, self.at = (state[x] for x in ("node", "seen", "stage", "at"))
        self.last, self.given = state["last"], state["given"]
        self.about, self.stamp, self.applied = (state[x] for x in ("about", "stamp", "applied"))
        self.calm, self.newest = Scalar(protocol.variables["calm"]), Scalar(protocol.variables["newest"])

    def overtakes(self, q: Term, n: Term, k: Term) -> Term:
        """A request for the key comes before this one in the node's log and is not claimed."""
        return exists(
            self.Request,
            lambda o: (
                (self.stamp.defined(o) & ~self.applied[o])
                & (self.at[o, n] & self.about[o, k])
                & (self.stamp[o] < self.stamp[q])
            ),
        )


def _of_requests(protocol: Protocol, v: _Vocabulary) -> None:
    """Who takes in requests, and under which stamps."""

    @protocol.always("HLC-2", "HLC-4")
    def who_admits_and_observes() -> Term:
        """A node that serves takes in what is new, and is told for each request a stamp that nothing with a place is later than."""
        return forall(
            v.Request,
            v.Node,
            lambda q, n: (
                forall(
                    v.Key,
                    lambda k: (
                        protocol.enabled("admit", q=q, n=n, k=k)
                        == ((v.node[n] == v.Condition.serving) & (v.stage[q] == v.Stage.unsent))
                    ),
                )
                & forall(
                    v.Stamp,
                    lambda t: (
                        protocol.enabled("observe", q=q, n=n, t=t)
                        == (
                            ((v.stage[q] == v.Stage.admitted) & v.at[q, n])
                            & ~(v.newest.defined() & (t < v.stamp[v.newest]))
                        )
                    ),
                )
            ),
        )

    @protocol.always("HLC-1", "HLC-2", "HLC-4")
    def what_is_a_new_stamp() -> Term:
        """Later than what the node saw in the store, and than all in its log, and nobody's; whatever else it is."""
        return forall(
            v.Request,
            v.Node,
            v.Stamp,
            lambda q, n, s: (
                protocol.enabled("append", q=q, n=n, s=s)
                == (
                    ((v.stage[q] == v.Stage.observed) & v.at[q, n])
                    & ~(v.seen.defined(n) & (s <= v.seen[n]))
                    & ~(v.last.defined(n) & (s <= v.last[n]))
                    & ~v.given[s]
                )
            ),
        )


def _of_claims(protocol: Protocol, v: _Vocabulary) -> None:
    """Who claims."""

    @protocol.always("DUP-6", "WAL-5")
    def claims_are_in_turn() -> Term:
        """What is logged is claimed in the order of its log: by a node that serves what waits, by one that recovers all that it
        does not know to be claimed; and whatever is logged and not known to be claimed may have been sent.
        """
        return forall(
            v.Request,
            v.Node,
            v.Key,
            lambda q, n, k: (
                (
                    protocol.enabled("claim", q=q, n=n, k=k)
                    == ((v.stage[q] == v.Stage.logged) & v.at[q, n] & v.about[q, k] & ~v.overtakes(q, n, k))
                )
                & (
                    protocol.enabled("recover", q=q, n=n, k=k)
                    == (
                        ((v.node[n] == v.Condition.recovering) & v.stamp.defined(q) & ~v.applied[q])
                        & (v.at[q, n] & v.about[q, k] & ~v.overtakes(q, n, k))
                    )
                )
                & (
                    protocol.enabled("land", q=q, n=n, k=k)
                    == ((v.stamp.defined(q) & ~v.applied[q]) & (v.at[q, n] & v.about[q, k] & ~v.overtakes(q, n, k)))
                )
            ),
        )


def _of_nodes(protocol: Protocol, v: _Vocabulary) -> None:
    """How nodes come and go."""

    @protocol.always("WAL-5")
    def when_a_node_is_ready() -> Term:
        """When nothing in its own log is left to claim, whatever the others do."""
        return forall(
            v.Node,
            lambda n: (
                protocol.enabled("serve", n=n)
                == (
                    (v.node[n] == v.Condition.recovering)
                    & ~exists(v.Request, lambda q: v.stamp.defined(q) & v.at[q, n] & ~v.applied[q])
                )
            ),
        )

    @protocol.always()
    def nodes_come_and_go() -> Term:
        """One that runs crashes at any moment until times are calm; one that is down can come back at any moment."""
        return (protocol.enabled("grow_calm") == ~v.calm) & forall(
            v.Node,
            lambda n: (
                (protocol.enabled("crash", n=n) == ((v.node[n] != v.Condition.down) & ~v.calm))
                & (protocol.enabled("restart", n=n) == (v.node[n] == v.Condition.down))
            ),
        )
