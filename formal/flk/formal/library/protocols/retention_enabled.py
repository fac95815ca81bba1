"""Who may remove what when in `retention`: of each action an equation between its guard and a condition on the state.

They stand apart from the actions, and read nothing of how those are written, so that a guard that is lost or weakened shows.
"""

from flk.formal.language import Map, Protocol, Scalar, Term, exists, forall


def say_who_acts(protocol: Protocol) -> None:
    """Declare the equations, of the protocol's own actions."""
    Segment, Record, Reader = (protocol.sorts[name] for name in ("Segment", "Record", "Reader"))
    state = {name: Map(variable) for name, variable in protocol.variables.items()}
    sealed, about, local, uploaded, shipped = (
        state[name] for name in ("sealed", "about", "local", "uploaded", "shipped")
    )
    over, beyond, stored, covered = (state[name] for name in ("over", "beyond", "stored", "covered"))
    own, replayed, held = (state[name] for name in ("own", "replayed", "held"))
    drafting, calm = Scalar(protocol.variables["drafting"]), Scalar(protocol.variables["calm"])

    def first_without(marked: Map, g: Term) -> Term:
        """The first segment that is not marked."""
        return ~marked[g] & ~exists(Segment, lambda h: (h < g) & ~marked[h])

    @protocol.always("WAL-5", "CRR-5")
    def how_the_log_grows() -> Term:
        """In sequence: claims, windows that end, and uploads of what is on the disk."""
        return forall(
            Segment,
            lambda g: (
                forall(Record, lambda k: protocol.enabled("log_claim", g=g, k=k) == first_without(sealed, g))
                & (protocol.enabled("pass_time", g=g) == (sealed[g] & first_without(over, g)))
                & (protocol.enabled("upload", g=g) == (local[g] & first_without(shipped, g)))
            ),
        )

    @protocol.always("CRR-4")
    def one_snapshot_at_a_time() -> Term:
        """It is begun when there is something new to cover; it is completed, or abandoned unless times are calm."""
        new = exists(Segment, lambda g: sealed[g] & ~covered[g])
        return (
            (protocol.enabled("begin_snapshot") == (~drafting & new))
            & (protocol.enabled("complete_snapshot") == drafting)
            & (protocol.enabled("abandon_snapshot") == (drafting & ~calm))
            & (protocol.enabled("grow_calm") == ~calm)
        )

    @protocol.always("CRR-5", "WAL-5", "DUP-7")
    def what_may_be_removed() -> Term:
        """An object that a whole snapshot covers, a file that was shipped besides, an entry past its window; and no other."""
        return forall(
            Segment,
            lambda g: (
                (protocol.enabled("remove_object", g=g) == (uploaded[g] & covered[g]))
                & (protocol.enabled("remove_local", g=g) == (local[g] & shipped[g] & covered[g]))
                & (protocol.enabled("remove_entry", g=g) == (stored[g] & over[g]))
            ),
        )

    @protocol.always("CRR-5", "DUP-7")
    def what_readers_do() -> Term:
        """One that is behind the snapshot can start from it; the next segment is replayed where it is, once; an entry is forgotten
        when its window is over and nothing stamped within it is left to replay.
        """
        return forall(
            Reader,
            lambda r: (
                (
                    protocol.enabled("start_from_snapshot", r=r)
                    == exists(Segment, lambda g: covered[g] & ~replayed[r, g])
                )
                & forall(
                    Segment,
                    lambda g: (
                        forall(
                            Record,
                            lambda k: (
                                protocol.enabled("replay", r=r, g=g, k=k)
                                == (
                                    ((own[r] & local[g]) | (~own[r] & uploaded[g]))
                                    & about[g, k]
                                    & ~replayed[r, g]
                                    & ~exists(Segment, lambda h: (h < g) & ~replayed[r, h])
                                )
                            ),
                        )
                        & (
                            protocol.enabled("forget", r=r, g=g)
                            == (
                                held[r, g]
                                & over[g]
                                & ~exists(Segment, lambda h: sealed[h] & ~beyond[g, h] & ~replayed[r, h])
                            )
                        )
                    ),
                )
            ),
        )
