"""Who may do what when in `transparency`: of each action an equation between its guard and a condition on the state.

They stand apart from the actions, and read nothing of how those are written, so that a guard that is lost or weakened shows.
"""

from flk.formal.language import Map, Protocol, Scalar, Term, exists, forall


def say_who_acts(protocol: Protocol) -> None:
    """Declare the equations, of the protocol's own actions."""
    Log, Leaf, Step, Node, Checkpoint, Witness = (
        protocol.sorts[name] for name in ("Log", "Leaf", "Step", "Node", "Checkpoint", "Witness")
    )
    of, removed, put, holds, tiled, read, mine, known, upto, says, published, last, alarmed, cosigned = (
        Map(protocol.variables[name])
        for name in (
            *("of", "removed", "put", "holds", "tiled", "read", "mine", "known"),
            *("upto", "says", "published", "last", "alarmed", "cosigned"),
        )
    )
    latest, calm = (Scalar(protocol.variables[name]) for name in ("latest", "calm"))

    def comes_to(n: Term, s: Term) -> Term:
        """The step is the first that the node has not read."""
        return ~read[n, s] & ~exists(Step, lambda t: (t < s) & ~read[n, t])

    def lacks_a_tile(s: Term) -> Term:
        """Some tile of the tree of a step is not there."""
        return exists(Step, lambda t: ~tiled[t] & (t <= s))

    def fork(c: Term, d: Term) -> Term:
        """Both have a step of which they say something else."""
        return exists(Step, Leaf, lambda t, x: ~(says[c, t, x] == says[d, t, x]) & ~(upto[c] < t) & ~(upto[d] < t))

    def is_before(n: Term, s: Term) -> Term:
        """The store shows nothing, or a smaller tree than the node would sign, of which it has each leaf."""
        return ~latest.defined() | (
            upto.defined(latest)
            & (upto[latest] < s)
            & ~exists(Step, Leaf, lambda t, x: ~(upto[latest] < t) & ~(mine[n, t, x] == says[latest, t, x]))
        )

    @protocol.always("SEQ-1", "SEQ-5")
    def who_integrates() -> Term:
        """Entries are logged in order; a node reads batch after batch, puts one where there is none, and removes what it knows."""
        return (
            forall(
                Leaf,
                Log,
                lambda x, g: (
                    protocol.enabled("log_entry", x=x, g=g)
                    == (~of.defined(x) & ~exists(Leaf, lambda y: (x < y) & of.defined(y) & (of[y] == g)))
                ),
            )
            & forall(
                Node,
                Step,
                lambda n, s: (
                    (protocol.enabled("read_batch", n=n, s=s) == (put[s] & comes_to(n, s)))
                    & (
                        protocol.enabled("begin_with", n=n, s=s)
                        == (put[s] & ~lacks_a_tile(s) & ~exists(Step, lambda t: read[n, t]))
                    )
                    & forall(
                        Leaf,
                        lambda x: (
                            protocol.enabled("put_batch", n=n, s=s, x=x)
                            == (~put[s] & comes_to(n, s) & of.defined(x) & ~known[n, x])
                        ),
                    )
                ),
            )
            & forall(Node, Leaf, lambda n, x: protocol.enabled("remove", n=n, x=x) == (~removed[x] & known[n, x]))
        )

    @protocol.always("SEQ-2", "SEQ-3")
    def who_signs_and_publishes() -> Term:
        """Who has read a batch writes its tile; who finds all tiles signs what extends the store; anybody publishes that."""
        return (
            forall(Node, Step, lambda n, s: protocol.enabled("write_tile", n=n, s=s) == (read[n, s] & ~tiled[s]))
            & forall(
                Node,
                Checkpoint,
                Step,
                lambda n, c, s: (
                    protocol.enabled("sign", n=n, c=c, s=s)
                    == (read[n, s] & ~lacks_a_tile(s) & ~upto.defined(c) & is_before(n, s))
                ),
            )
            & forall(
                Checkpoint,
                lambda c: protocol.enabled("publish", c=c) == (upto.defined(c) & ~(latest.defined() & (latest == c))),
            )
            & forall(
                Checkpoint,
                Step,
                Leaf,
                lambda c, s, x: protocol.enabled("forge", c=c, s=s, x=x) == (holds[s, x] & ~upto.defined(c) & ~calm),
            )
        )

    @protocol.always("SEQ-4")
    def who_looks_on() -> Term:
        """A witness takes what extends its last, once, and says that there is a fork when there is; nodes die in bad times only."""
        return (
            forall(
                Witness,
                Checkpoint,
                lambda w, c: (
                    (
                        protocol.enabled("cosign", w=w, c=c)
                        == (
                            upto.defined(c)
                            & ~cosigned[w, c]
                            & (
                                ~last.defined(w)
                                | (upto.defined(last[w]) & ~(upto[c] < upto[last[w]]) & ~fork(last[w], c))
                            )
                        )
                    )
                    & (
                        protocol.enabled("refuse", w=w, c=c)
                        == (
                            upto.defined(c)
                            & published[c]
                            & last.defined(w)
                            & upto.defined(last[w])
                            & fork(last[w], c)
                            & ~alarmed[w]
                        )
                    )
                ),
            )
            & forall(Node, lambda n: protocol.enabled("crash", n=n) == (exists(Step, lambda s: read[n, s]) & ~calm))
            & (protocol.enabled("grow_calm") == ~calm)
        )
