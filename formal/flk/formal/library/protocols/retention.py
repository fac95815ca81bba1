"""Retention: what of a log, of its objects and of a store may be removed, and when (DUP-7, CRR-5, WAL-5).

One log, of which each segment holds one claim; each reader may be a peer that replays objects, a region that joins, or the node
itself when it recovers from its files. Readers begin with nothing, at any time: from a snapshot, and then the tail.
"""

from flk.formal.language import ANY, BOOL, Protocol, Term, exists, forall, implies, require
from flk.formal.library.protocols.retention_enabled import say_who_acts

protocol = Protocol(
    "retention",
    """A node logs claims, in segments that it seals, ships and removes; what it judges as new it stores for the dedup window.
    It takes snapshots of its store, of which one counts when it is whole. A segment's object is removed when a whole snapshot
    covers it, the local file when it is shipped besides; a reader that is behind what the snapshot covers starts from that,
    and then reads the tail. Whether a claim lies in the window of an entry is a matter of their two stamps, whoever looks,
    and when: so readers come to the node's own judgements. A reader removes an entry when its window is over and all that was
    stamped within it is replayed.""",
    requirements=("DUP-1", "DUP-7", "CRR-2", "CRR-4", "CRR-5", "WAL-5", "RET-1", "RET-5"),
)

Segment = protocol.index("Segment", size=2, ordered=True)
Record = protocol.index("Record", size=1)
Reader = protocol.index("Reader", size=1)

sealed = protocol.relation("sealed", Segment)
about = protocol.relation("about", Segment, Record)
local = protocol.relation("local", Segment)  # on the node's disk
uploaded = protocol.relation("uploaded", Segment)  # its object is there
shipped = protocol.relation("shipped", Segment)  # its object is, or was, there
over = protocol.relation("over", Segment)  # time is past the window of its claim
beyond = protocol.relation("beyond", Segment, Segment)  # the second is stamped past the window of the first
stored = protocol.relation("stored", Segment)  # in the node's store
drafting = protocol.scalar("drafting", BOOL, initially=False)
drafted = protocol.relation("drafted", Segment)  # covered by the snapshot that is under way
draft = protocol.relation("draft", Segment)  # the entries in it
covered = protocol.relation("covered", Segment)  # by the snapshot that is whole
snapshot = protocol.relation("snapshot", Segment)  # the entries in it
own = protocol.relation("own", Reader, initially=ANY)  # reads the node's files, others read objects
replayed = protocol.relation("replayed", Reader, Segment)
held = protocol.relation("held", Reader, Segment)
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it.
first = protocol.relation("first", Segment)  # the node judged its claim as new


def there(r: Term, g: Term) -> Term:
    """The reader can read the segment."""
    return (own[r] & local[g]) | (~own[r] & uploaded[g])


def known(k: Term) -> Term:
    """The node's store has an entry for the record whose window is not over."""
    return exists(Segment, lambda h: stored[h] & about[h, k] & ~over[h])


def known_to(r: Term, g: Term, k: Term) -> Term:
    """The reader holds an entry for the record in whose window the segment is stamped."""
    return exists(Segment, lambda h: held[r, h] & about[h, k] & ~beyond[h, g])


@protocol.action(g=Segment, k=Record)
def log_claim(g: Term, k: Term) -> None:
    """The next segment gets a claim, and is sealed: new, if no entry for its record is in its window; else a repeat."""
    require(~sealed[g], forall(Segment, lambda h: implies(h < g, sealed[h])))
    sealed.next[g] = True
    local.next[g] = True
    about.next[g, k] = True
    beyond.next[:, g] = lambda h: over[h]
    stored.next[:] = lambda h: (stored[h] & ~(about[h, k] & over[h])) | ((h == g) & ~known(k))
    first.next[g] = ~known(k)


@protocol.action(g=Segment)
def pass_time(g: Term) -> None:
    """The window of a claim is over, counted from its stamp."""
    require(sealed[g], ~over[g], forall(Segment, lambda h: implies(h < g, over[h])))
    over.next[g] = True


@protocol.action(g=Segment)
def upload(g: Term) -> None:
    """The next segment is put into the object store."""
    require(local[g], ~shipped[g], forall(Segment, lambda h: implies(h < g, shipped[h])))
    uploaded.next[g] = True
    shipped.next[g] = True


@protocol.action()
def begin_snapshot() -> None:
    """The node begins to write down its store as it is, with all that is sealed applied."""
    require(~drafting, exists(Segment, lambda g: sealed[g] & ~covered[g]))
    drafting.next = True
    drafted.next[:] = lambda g: sealed[g]
    draft.next[:] = lambda g: stored[g]


@protocol.action()
def complete_snapshot() -> None:
    """The last part is in the object store: the snapshot is whole, and counts in place of the one before."""
    require(drafting)
    drafting.next = False
    covered.next[:] = lambda g: drafted[g]
    snapshot.next[:] = lambda g: draft[g]
    drafted.next[:] = False
    draft.next[:] = False


@protocol.action()
def abandon_snapshot() -> None:
    """The node stops while a snapshot is under way, and nobody completes that one."""
    require(drafting, ~calm)
    drafting.next = False
    drafted.next[:] = False
    draft.next[:] = False


@protocol.action(g=Segment)
def remove_object(g: Term) -> None:
    """A segment's object is removed: any reader can start from a snapshot that covers it, one that is behind as one that is new."""
    require(uploaded[g], covered[g])
    uploaded.next[g] = False


@protocol.action(g=Segment)
def remove_local(g: Term) -> None:
    """A segment leaves the node's disk: it was shipped, and a snapshot covers what it came to."""
    require(local[g], shipped[g], covered[g])
    local.next[g] = False


@protocol.action(g=Segment)
def remove_entry(g: Term) -> None:
    """An entry leaves the node's store: its window is over."""
    require(stored[g], over[g])
    stored.next[g] = False


@protocol.action(r=Reader)
def start_from_snapshot(r: Term) -> None:
    """A reader that is behind what the snapshot covers, a new one perhaps, takes that in place of what it holds."""
    require(exists(Segment, lambda g: covered[g] & ~replayed[r, g]))
    replayed.next[r, :] = lambda g: covered[g]
    held.next[r, :] = lambda g: snapshot[g]


@protocol.action(r=Reader, g=Segment, k=Record)
def replay(r: Term, g: Term, k: Term) -> None:
    """A reader takes in the next segment: its claim is new, unless it is stamped within the window of an entry that is held."""
    require(there(r, g), about[g, k], ~replayed[r, g], forall(Segment, lambda h: implies(h < g, replayed[r, h])))
    replayed.next[r, g] = True
    held.next[r, :] = lambda h: (held[r, h] & ~(about[h, k] & beyond[h, g])) | ((h == g) & ~known_to(r, g, k))


@protocol.action(r=Reader, g=Segment)
def forget(r: Term, g: Term) -> None:
    """A reader removes an entry: its window is over, and all that was stamped within it is replayed."""
    require(held[r, g], over[g], forall(Segment, lambda h: implies(sealed[h] & ~beyond[g, h], replayed[r, h])))
    held.next[r, g] = False


@protocol.action()
def grow_calm() -> None:
    """Snapshots are completed from now on. This need not happen, but progress is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.may_stop()
def all_is_removed() -> Term:
    """Every segment is shipped, covered, replayed and removed, and every entry is past its window and removed."""
    return (
        calm
        & forall(Segment, lambda g: over[g] & shipped[g] & covered[g] & ~local[g] & ~uploaded[g] & ~stored[g])
        & forall(Reader, Segment, lambda r, g: replayed[r, g] & ~held[r, g])
    )


@protocol.always("CRR-5", "CRR-4", "RET-1", "RET-5")
def every_reader_can_read_on() -> Term:
    """What was shipped and a reader has not replayed is in an object, or in a whole snapshot: a new reader finds all of it."""
    return forall(
        Reader, Segment, lambda r, g: implies(shipped[g] & ~own[r] & ~replayed[r, g], uploaded[g] | covered[g])
    )


@protocol.always("WAL-5", "RET-1", "RET-5")
def the_node_can_recover() -> Term:
    """All that was logged is on the node's disk, or in a whole snapshot."""
    return forall(Segment, lambda g: implies(sealed[g], local[g] | covered[g]))


@protocol.always("DUP-7")
def kept_for_the_window() -> Term:
    """What was judged as new is in the node's store while its window runs."""
    return forall(Segment, lambda g: implies(first[g] & ~over[g], stored[g]))


@protocol.always("DUP-1", "DUP-7")
def a_repeat_is_not_new() -> Term:
    """No claim is judged as new in the window of another that was, for its record."""
    return forall(
        Segment,
        Segment,
        Record,
        lambda h, g, k: implies(first[h] & first[g] & (h < g) & about[h, k] & about[g, k], beyond[h, g]),
    )


@protocol.always("CRR-2", "DUP-1")
def readers_hold_what_was_judged_as_new() -> Term:
    """What is held anywhere was judged as new by the node: nothing that was forgotten makes a repeat the first."""
    return forall(Reader, Segment, lambda r, g: implies(held[r, g], first[g] & replayed[r, g])) & forall(
        Segment, lambda g: implies(stored[g] | draft[g] | snapshot[g], first[g])
    )


@protocol.always("CRR-2", "DUP-7")
def readers_keep_it_for_the_window() -> Term:
    """What was judged as new and a reader has replayed it holds while the window runs, however it started."""
    return forall(Reader, Segment, lambda r, g: implies(replayed[r, g] & first[g] & ~over[g], held[r, g]))


@protocol.always("CRR-2", "DUP-1")
def one_entry_each() -> Term:
    """Of one record a reader, and the node's store, holds one entry."""
    return forall(
        Segment,
        Segment,
        Record,
        lambda h, g, k: implies(
            about[h, k] & about[g, k] & (h < g),
            ~(stored[h] & stored[g]) & forall(Reader, lambda r: ~(held[r, h] & held[r, g])),
        ),
    )


@protocol.always("CRR-4")
def a_snapshot_is_of_a_prefix() -> Term:
    """A snapshot covers a beginning of the log, and nothing that is not sealed; so does what a reader has replayed."""
    return forall(
        Segment,
        Segment,
        lambda h, g: implies(
            h < g,
            implies(covered[g], covered[h])
            & implies(drafted[g], drafted[h])
            & forall(Reader, lambda r: implies(replayed[r, g], replayed[r, h])),
        ),
    ) & forall(
        Segment,
        lambda g: (
            implies(covered[g] | drafted[g], sealed[g]) & forall(Reader, lambda r: implies(replayed[r, g], sealed[g]))
        ),
    )


@protocol.always("CRR-4")
def a_snapshot_is_of_something() -> Term:
    """One that is under way covers a segment."""
    return implies(drafting, exists(Segment, lambda g: drafted[g]))


@protocol.always("DUP-7")
def the_window_is_by_stamps() -> Term:
    """What is stamped past the window of another comes after it, and after what is before it; and so does all that follows."""
    return forall(Segment, Segment, lambda h, g: implies(beyond[h, g], (h < g) & over[h] & sealed[g])) & forall(
        Segment,
        Segment,
        Segment,
        lambda h, g, i: implies(
            beyond[h, g], implies((g < i) & sealed[i], beyond[h, i]) & implies(i < h, beyond[i, g])
        ),
    )


say_who_acts(protocol)


@protocol.lemma()
def segments_are_in_order() -> Term:
    """What is about a record, or anywhere, is sealed, in the order of the log, and has passed the windows that it should."""
    return (
        forall(
            Segment,
            lambda g: (
                implies(local[g] | uploaded[g] | shipped[g] | over[g] | first[g], sealed[g])
                & implies(sealed[g] & ~local[g], shipped[g])
                & implies(uploaded[g], shipped[g])
                & implies(~drafting, ~drafted[g] & ~draft[g])
            ),
        )
        & forall(
            Segment,
            Segment,
            lambda h, g: implies(
                h < g, implies(sealed[g], sealed[h]) & implies(over[g], over[h]) & implies(shipped[g], shipped[h])
            ),
        )
        & forall(Segment, Record, lambda g, k: implies(about[g, k], sealed[g]))
        & forall(Segment, Record, Record, lambda g, j, k: implies(about[g, j] & about[g, k], j == k))
    )


@protocol.lemma()
def what_a_draft_covers() -> Term:
    """A snapshot under way covers all that the one before does; each has all entries that a claim behind it may repeat."""
    return (
        forall(Segment, lambda g: implies(drafting & covered[g], drafted[g]))
        & forall(
            Segment,
            lambda h: (
                implies(drafted[h] & first[h] & ~over[h], draft[h])
                & implies(covered[h] & first[h] & ~over[h], snapshot[h])
                & implies(draft[h], drafted[h])
                & implies(snapshot[h], covered[h])
            ),
        )
        & forall(
            Segment,
            Segment,
            lambda h, g: (
                implies(drafted[h] & first[h] & sealed[g] & ~drafted[g] & ~beyond[h, g], draft[h])
                & implies(covered[h] & first[h] & sealed[g] & ~covered[g] & ~beyond[h, g], snapshot[h])
            ),
        )
    )


@protocol.lemma()
def snapshots_have_one_entry_each() -> Term:
    """Of one record."""
    return forall(
        Segment,
        Segment,
        Record,
        lambda h, g, k: implies(
            about[h, k] & about[g, k] & (h < g), ~(draft[h] & draft[g]) & ~(snapshot[h] & snapshot[g])
        ),
    )


@protocol.lemma()
def repeats_have_a_first() -> Term:
    """What was not judged as new is stamped within the window of what was."""
    return forall(
        Segment,
        Record,
        lambda g, k: implies(
            about[g, k] & ~first[g], exists(Segment, lambda h: first[h] & about[h, k] & (h < g) & ~beyond[h, g])
        ),
    )


@protocol.lemma()
def readers_have_what_may_be_repeated() -> Term:
    """A reader holds all entries that a claim which it has yet to replay may repeat;"""
    return forall(
        Reader,
        Segment,
        Segment,
        lambda r, h, g: implies(replayed[r, h] & first[h] & sealed[g] & ~replayed[r, g] & ~beyond[h, g], held[r, h]),
    )


@protocol.reachable("DUP-7")
def new_again_after_the_window() -> Term:
    """A record whose window is over is judged as new, and that is right."""
    return exists(Segment, Segment, Record, lambda h, g, k: first[h] & first[g] & about[h, k] & about[g, k] & (h < g))


@protocol.reachable("CRR-5")
def started_from_a_snapshot() -> Term:
    """A reader holds an entry whose object is removed, and has replayed a segment behind it."""
    return exists(
        Reader,
        Segment,
        Segment,
        lambda r, h, g: ~own[r] & held[r, h] & shipped[h] & ~uploaded[h] & replayed[r, g] & ~covered[g] & (h < g),
    )


@protocol.reachable("WAL-5")
def recovered_from_a_snapshot() -> Term:
    """A node that recovers holds an entry whose segment is no longer on its disk, and a repeat of it was replayed."""
    return exists(
        Reader,
        Segment,
        Segment,
        lambda r, h, g: own[r] & held[r, h] & ~local[h] & replayed[r, g] & ~covered[g] & ~first[g],
    )


@protocol.reachable("DUP-7")
def over_and_still_held() -> Term:
    """A reader that is behind holds an entry past its window, for the sake of a repeat that it has yet to replay."""
    return exists(
        Reader,
        Segment,
        Segment,
        lambda r, h, g: held[r, h] & over[h] & sealed[g] & ~beyond[h, g] & ~replayed[r, g],
    )


@protocol.leads_to("CRR-5", fair=("upload", "begin_snapshot", "complete_snapshot", "remove_local", "remove_object"))
def the_log_is_removed() -> tuple[Term, Term]:
    """In calm times no segment stays for ever, neither on the disk nor in the object store."""
    return calm, forall(Segment, lambda g: ~local[g] & ~uploaded[g])


@protocol.leads_to("DUP-7", fair=("remove_entry",))
def entries_are_removed() -> tuple[Term, Term]:
    """No entry past its window stays in the store for ever."""
    return exists(Segment, lambda g: stored[g] & over[g]), forall(Segment, lambda g: ~(stored[g] & over[g]))


@protocol.leads_to("CRR-2", fair=("replay", "start_from_snapshot"))
def readers_catch_up() -> tuple[Term, Term]:
    """Every reader replays at last what was shipped, or what is on its disk, though segments are removed all the while."""
    return exists(Reader, Segment, lambda r, g: there(r, g) & ~replayed[r, g]), forall(
        Reader, Segment, lambda r, g: implies(there(r, g), replayed[r, g])
    )


@protocol.leads_to("DUP-7", fair=("upload", "replay", "start_from_snapshot", "forget"))
def readers_forget() -> tuple[Term, Term]:
    """No entry past its window stays with a reader for ever."""
    return exists(Reader, Segment, lambda r, g: held[r, g] & over[g]), forall(
        Reader, Segment, lambda r, g: ~(held[r, g] & over[g])
    )
