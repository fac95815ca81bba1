"""Who may do what when in `replication`: of each action an equation between its guard and a condition on the state.

They stand apart from the actions, and read nothing of how those are written, so that a guard that is lost or weakened shows.
"""

from flk.formal.language import Map, Protocol, Term, exists, forall


def say_who_acts(protocol: Protocol) -> None:
    """Declare the equations, of the protocol's own actions."""
    vocabulary = _Vocabulary(protocol)
    _of_logs(protocol, vocabulary)
    _of_replay(protocol, vocabulary)
    _of_stores_and_disks(protocol, vocabulary)


class _Vocabulary:
    """The protocol's sorts and state, and what is said of them more than once."""

    def __init__(self, protocol: Protocol) -> None:
        self.Log, self.Record = protocol.sorts["Log"], protocol.sorts["Record"]
        self.Stamp, self.Segment = protocol.sorts["Stamp"], protocol.sorts["Segment"]
        state = {name: Map(variable) for name, variable in protocol.variables.items()}
        self.home, self.claimed, self.logged, self.again = (state[x] for x in ("home", "claimed", "logged", "again"))
        self.sealed, self.uploaded, self.shipped = (state[x] for x in ("sealed", "uploaded", "shipped"))
        self.owed, self.replayed, self.stored = (state[x] for x in ("owed", "replayed", "stored"))
        self.level, self.rebuilt, self.rotted = (state[x] for x in ("level", "rebuilt", "rotted"))

    def is_open(self, n: Term, g: Term) -> Term:
        """The first segment of a log that is not sealed."""
        return ~self.sealed[n, g] & ~exists(self.Segment, lambda h: (h < g) & ~self.sealed[n, h])

    def may_take(self, n: Term, p: Term, g: Term) -> Term:
        """A segment of another log in the object store, of which all before it are replayed; of any region if the node serves."""
        missing = exists(self.Segment, lambda h: (h < g) & ~self.replayed[n, p, h])
        return (n != p) & self.uploaded[p, g] & ~missing & (self.level[n] | (self.home[n] == self.home[p]))

    def lacks(self, n: Term, k: Term, s: Term) -> Term:
        """The node has no entry for the record, or a later one than the stamp."""
        return ~self.stored.defined(n, k) | (s < self.stored[n, k])


def _of_logs(protocol: Protocol, v: _Vocabulary) -> None:
    """Who writes, seals and ships."""

    @protocol.always("HLC-1", "CRR-1", "CRR-4")
    def who_writes() -> Term:
        """A node that serves, whatever others do: into the open segment, under a new stamp that is later than all in its log."""
        return forall(
            v.Log,
            v.Segment,
            v.Record,
            v.Stamp,
            lambda n, g, k, s: (
                protocol.enabled("write", n=n, g=g, k=k, s=s)
                == (
                    v.level[n]
                    & v.is_open(n, g)
                    & ~exists(v.Record, lambda j: v.claimed[j, s])
                    & ~exists(v.Segment, v.Record, v.Stamp, lambda h, j, t: v.logged[n, h, j, t] & (s <= t))
                )
            ),
        )

    @protocol.always("WAL-6", "CRR-4")
    def who_seals() -> Term:
        """A node that serves, at any time: its open segment, once something is in it."""
        return forall(
            v.Log,
            v.Segment,
            lambda n, g: (
                protocol.enabled("seal", n=n, g=g)
                == (v.level[n] & v.is_open(n, g) & exists(v.Record, v.Stamp, lambda k, s: v.logged[n, g, k, s]))
            ),
        )

    @protocol.always("CRR-4", "CRR-5", "WAL-6")
    def what_is_shipped() -> Term:
        """The first segment that is not marked as shipped, if it is sealed; and it is marked when it is in the object store."""
        return forall(
            v.Log,
            v.Segment,
            lambda n, g: (
                (
                    protocol.enabled("upload", n=n, g=g)
                    == (v.sealed[n, g] & ~v.shipped[n, g] & ~exists(v.Segment, lambda h: (h < g) & ~v.shipped[n, h]))
                )
                & (protocol.enabled("mark_shipped", n=n, g=g) == (v.uploaded[n, g] & ~v.shipped[n, g]))
            ),
        )


def _of_replay(protocol: Protocol, v: _Vocabulary) -> None:
    """Who takes in whose claims, and when a watermark moves."""

    @protocol.always("CRR-4", "CRR-5")
    def what_is_replayed() -> Term:
        """The next segment of any other log, however many logs its region has begun since: claims of it are taken in, and it is
        marked once, when none is lacking. Before it serves a node takes in logs of its own region alone.
        """
        return forall(
            v.Log,
            v.Log,
            v.Segment,
            lambda n, p, g: (
                (
                    protocol.enabled("mark_replayed", n=n, p=p, g=g)
                    == (
                        v.may_take(n, p, g)
                        & ~v.replayed[n, p, g]
                        & ~exists(v.Record, v.Stamp, lambda k, s: v.logged[p, g, k, s] & v.lacks(n, k, s))
                    )
                )
                & forall(
                    v.Record,
                    v.Stamp,
                    lambda k, s: (
                        protocol.enabled("merge", n=n, p=p, g=g, k=k, s=s)
                        == (v.may_take(n, p, g) & v.logged[p, g, k, s])
                    ),
                )
            ),
        )


def _of_stores_and_disks(protocol: Protocol, v: _Vocabulary) -> None:
    """What is lost, and how a node comes to serve."""

    @protocol.always("WAL-5", "CRR-5")
    def how_a_store_is_rebuilt() -> Term:
        """It is lost at any moment, once; while it is not level the node takes in its own log, and serves when it lacks nothing of
        that and owes nothing of its region's others.
        """
        return forall(
            v.Log,
            lambda n: (
                (protocol.enabled("lose_store", n=n) == ~exists(v.Log, lambda m: v.rebuilt[m]))
                & (
                    protocol.enabled("serve", n=n)
                    == (
                        ~v.level[n]
                        & ~exists(v.Log, v.Segment, lambda p, g: v.owed[n, p, g])
                        & ~exists(v.Segment, v.Record, v.Stamp, lambda g, k, s: v.logged[n, g, k, s] & v.lacks(n, k, s))
                    )
                )
                & forall(
                    v.Segment,
                    v.Record,
                    v.Stamp,
                    lambda g, k, s: (
                        protocol.enabled("recover", n=n, g=g, k=k, s=s) == (~v.level[n] & v.logged[n, g, k, s])
                    ),
                )
            ),
        )

    @protocol.always("WAL-5", "CRR-5")
    def what_is_found() -> Term:
        """By a node that does not serve: what another log of its region has in the object store, and it has not replayed."""
        return forall(
            v.Log,
            v.Log,
            v.Segment,
            lambda n, p, g: (
                protocol.enabled("find", n=n, p=p, g=g)
                == (~v.level[n] & (n != p) & (v.home[n] == v.home[p]) & v.uploaded[p, g] & ~v.replayed[n, p, g])
            ),
        )

    @protocol.always("WAL-4")
    def what_rots_and_is_salvaged() -> Term:
        """A frame rots that is in no object, once; then any segment is salvaged into the one that is open or, if it was itself,
        would be next, once.
        """
        return forall(
            v.Log,
            v.Segment,
            lambda n, g: (
                forall(
                    v.Record,
                    v.Stamp,
                    lambda k, s: (
                        protocol.enabled("rot", n=n, g=g, k=k, s=s)
                        == (v.logged[n, g, k, s] & ~v.uploaded[n, g] & ~exists(v.Log, lambda m: v.rotted[m]))
                    ),
                )
                & forall(
                    v.Segment,
                    lambda h: (
                        protocol.enabled("salvage", n=n, g=g, h=h)
                        == (
                            (v.rotted[n] & ~exists(v.Stamp, lambda s: v.again[n, s]))
                            & ((g < h) & ~v.sealed[n, h])
                            & ~exists(v.Segment, lambda i: (i < h) & (i != g) & ~v.sealed[n, i])
                        )
                    ),
                )
            ),
        )
