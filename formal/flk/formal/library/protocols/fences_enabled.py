"""Who may do what when in `fences`: of each action an equation between its guard and a condition on the state.

They stand apart from the actions, and read nothing of how those are written, so that a guard that is lost or weakened shows.
"""

from flk.formal.language import Map, Protocol, Scalar, Term, exists, forall


def say_who_acts(protocol: Protocol) -> None:
    """Declare the equations, of the protocol's own actions."""
    Store, Node, Layout = (protocol.sorts[name] for name in ("Store", "Node", "Layout"))
    has, fence, opened, known, found, ahead, raised, begun = (
        Map(protocol.variables[name])
        for name in ("has", "fence", "opened", "known", "found", "ahead", "raised", "begun")
    )
    now, coming, calm = (Scalar(protocol.variables[name]) for name in ("now", "coming", "calm"))

    def left(n: Term, s: Term) -> Term:
        """The store is of a layout that the node found, and its fence was not raised since."""
        return found.defined(n) & ~raised[n, s] & (has[found[n], s] | (ahead.defined(n) & has[ahead[n], s]))

    def done(n: Term) -> Term:
        """The node has found something, and no store is left."""
        return found.defined(n) & ~exists(Store, lambda s: left(n, s))

    def lets_in(n: Term, s: Term) -> Term:
        """The store is of the layout that the node knows, and open for that."""
        return known.defined(n) & has[known[n], s] & opened[s] & fence.defined(s) & (known[n] == fence[s])

    @protocol.always("MIG-6", "MIG-8")
    def who_changes_the_record() -> Term:
        """The first comer, who knows what is in force, and who has closed every store for what comes next."""
        return (
            forall(Layout, lambda x: protocol.enabled("begin", x=x) == ~now.defined())
            & forall(
                Node,
                Layout,
                lambda n, x: (
                    protocol.enabled("propose", n=n, x=x)
                    == (now.defined() & ~coming.defined() & known.defined(n) & (known[n] == now) & (now < x))
                ),
            )
            & forall(
                Node,
                lambda n: (
                    protocol.enabled("put_in_force", n=n)
                    == (done(n) & ahead.defined(n) & coming.defined() & (ahead[n] == coming))
                ),
            )
        )

    @protocol.always("MIG-7", "MIG-8")
    def who_raises_fences() -> Term:
        """Who is idle looks at the record; each fence is raised once, and nobody goes on before all of them are."""
        return forall(
            Node,
            lambda n: (
                (protocol.enabled("look", n=n) == (~found.defined(n) & now.defined() & ~coming.defined()))
                & (protocol.enabled("meet", n=n) == (~found.defined(n) & now.defined() & coming.defined()))
                & (
                    protocol.enabled("come_late", n=n)
                    == (done(n) & ahead.defined(n) & ~(coming.defined() & (ahead[n] == coming)))
                )
                & (protocol.enabled("follow", n=n) == (done(n) & ~ahead.defined(n)))
                & forall(
                    Store,
                    lambda s: (
                        (protocol.enabled("close", n=n, s=s) == (left(n, s) & ahead.defined(n)))
                        & (protocol.enabled("open_store", n=n, s=s) == (left(n, s) & ~ahead.defined(n)))
                    ),
                )
            ),
        )

    @protocol.always("MIG-8", "RNG-4")
    def who_writes_and_answers() -> Term:
        """A write, and the end of a read, need a store that is open for the layout that the node knows; death needs bad times."""
        return forall(
            Node,
            lambda n: (
                forall(
                    Store,
                    lambda s: (
                        (protocol.enabled("write", n=n, s=s) == lets_in(n, s))
                        & (protocol.enabled("answer", n=n, s=s) == (lets_in(n, s) & begun.defined(n)))
                    ),
                )
                & (protocol.enabled("read", n=n) == (known.defined(n) & ~begun.defined(n)))
                & (protocol.enabled("die", n=n) == (~calm & (known.defined(n) | found.defined(n))))
            ),
        ) & (protocol.enabled("grow_calm") == ~calm)
