"""Snapshots of a store that several nodes share, what may be removed then, and logs that are declared lost (RET-7, SNAP-10).

It is about one key, whose claims are in the order in which they prevail (CRR-1). What `retention` says of one log's files and of
the dedup window is not said again.
"""

from flk.formal.language import UNDEFINED, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "lost-logs",
    """Each node of a region logs claims, joins them into the store that all share, and puts them into the object store. Any of
    them writes snapshots: it reads how far the store has each log, so far as that is shipped, and then the store. What a snapshot
    covers may be removed. The disk of a node may be lost with what it had stored and not shipped. Somebody declares its log lost:
    the store takes nothing more from the node, be it alive, and the object store no more objects of the log; a snapshot speaks
    for it; then a sign is put behind a gap of the log. Readers replay what is there, and begin with a snapshot where something is
    missing: what was removed, or what is before the sign.""",
    requirements=("CRR-1", "CRR-2", "CRR-5", "RET-1", "RET-5", "RET-7", "SNAP-3", "SNAP-10"),
)

Log = protocol.index("Log", size=1)
Claim = protocol.index("Claim", size=2, ordered=True)
Snapshot = protocol.index("Snapshot", size=2)
Reader = protocol.index("Reader", size=1)
Phase = protocol.enum("Phase", "none", "marked", "read", "whole")
"""Of a snapshot: its watermarks are read; then its entries; then its head is put."""

of = protocol.map("of", Claim, to=Log, partial=True)  # the log that a claim is in
stored = protocol.relation("stored", Claim)  # the store has taken it
row = protocol.scalar("row", Claim, partial=True)  # what the store holds
shipped = protocol.relation("shipped", Claim)  # its object is, or was, there
uploaded = protocol.relation("uploaded", Claim)  # its object is there
barred = protocol.relation("barred", Log)  # the store takes nothing more from its node
closed = protocol.relation("closed", Log)  # the name of its next object is taken
declared = protocol.relation("declared", Log)
signed = protocol.relation("signed", Log)  # there is a sign behind a gap
phase = protocol.map("phase", Snapshot, to=Phase, initially=Phase.none)
covers = protocol.relation("covers", Snapshot, Claim)
speaks = protocol.relation("speaks", Snapshot, Log)  # for a log that was declared lost
has = protocol.map("has", Snapshot, to=Claim, partial=True)
passed = protocol.relation("passed", Reader, Claim)
heard = protocol.relation("heard", Reader, Log)  # it began with a snapshot that speaks for the log
holds = protocol.map("holds", Reader, to=Claim, partial=True)

# What happened, for the properties: no guard reads it.
filled = protocol.relation("filled", Log)  # an object was put where the gap is to be: only in a design that was refuted


def whole(s: Term) -> Term:
    """The snapshot counts."""
    return phase[s] == Phase.whole


def is_covered(c: Term) -> Term:
    """Whoever misses the claim finds a snapshot to begin with."""
    return exists(Snapshot, lambda s: whole(s) & covers[s, c])


def is_spoken_for(log: Term) -> Term:
    """Whoever sees the sign of the log finds a snapshot to begin with."""
    return exists(Snapshot, lambda s: whole(s) & speaks[s, log])


def stands_for(t: Term, s: Term) -> Term:
    """A whole snapshot covers, and speaks for, all that another does."""
    return (
        whole(t)
        & forall(Claim, lambda c: implies(covers[s, c], covers[t, c]))
        & forall(Log, lambda log: implies(speaks[s, log], speaks[t, log]))
    )


def misses(r: Term, s: Term) -> Term:
    """The reader has yet to hear of something that the snapshot has."""
    return exists(Claim, lambda c: covers[s, c] & ~passed[r, c]) | exists(
        Log, lambda log: speaks[s, log] & ~heard[r, log]
    )


def forget(s: Term) -> None:
    """Nothing is left of the snapshot."""
    phase.next[s] = Phase.none
    covers.next[s, :] = False
    speaks.next[s, :] = False
    has.next[s] = UNDEFINED


@protocol.action(c=Claim, log=Log)
def log_claim(c: Term, log: Term) -> None:
    """A node logs a claim."""
    require(~of.defined(c))
    of.next[c] = log


@protocol.action(c=Claim, log=Log)
def store(c: Term, log: Term) -> None:
    """A claim is joined into the store, in a step that asks whether the writer is barred; perhaps one long on its way."""
    require(of.defined(c), of[c] == log, ~stored[c], ~barred[log])
    stored.next[c] = True
    row.next = ite(~row.defined() | (c < row), c, row)


@protocol.action(c=Claim, log=Log)
def upload(c: Term, log: Term) -> None:
    """What was stored is put into the object store, unless something has its name; perhaps by a request long on its way."""
    require(stored[c], of[c] == log, ~shipped[c], ~closed[log])
    shipped.next[c] = True
    uploaded.next[c] = True


@protocol.action(log=Log)
def bar(log: Term) -> None:
    """Somebody begins to declare a log lost, rightly or not: the store takes nothing more from its node."""
    require(~barred[log])
    barred.next[log] = True


@protocol.action(log=Log)
def close(log: Term) -> None:
    """The name of the next object of the log is taken."""
    require(barred[log], ~closed[log])
    closed.next[log] = True


@protocol.action(log=Log)
def declare(log: Term) -> None:
    """That is noted in the store: from now on snapshots speak for the log."""
    require(closed[log], ~declared[log])
    declared.next[log] = True


@protocol.action(log=Log)
def sign(log: Term) -> None:
    """Once a whole snapshot speaks for the log, the sign is put, by which readers see the gap."""
    require(~signed[log], is_spoken_for(log))
    signed.next[log] = True


@protocol.action(s=Snapshot)
def read_watermarks(s: Term) -> None:
    """A node begins a snapshot: it reads how far the store has each log, so far as that is shipped, and which logs are lost."""
    require(phase[s] == Phase.none)
    phase.next[s] = Phase.marked
    covers.next[s, :] = lambda c: shipped[c]  # it was stored before that
    speaks.next[s, :] = lambda log: declared[log]


@protocol.action(s=Snapshot)
def read_store(s: Term) -> None:
    """It reads what the store holds, whoever logged that."""
    require(phase[s] == Phase.marked, row.defined())
    phase.next[s] = Phase.read
    has.next[s] = row


@protocol.action(s=Snapshot)
def read_nothing(s: Term) -> None:
    """Or it finds the store empty."""
    require(phase[s] == Phase.marked, ~row.defined())
    phase.next[s] = Phase.read


@protocol.action(s=Snapshot)
def complete(s: Term) -> None:
    """The head is put: the snapshot is whole, however long that took."""
    require(phase[s] == Phase.read)
    phase.next[s] = Phase.whole


@protocol.action(s=Snapshot)
def abandon(s: Term) -> None:
    """The node dies before that."""
    require((phase[s] == Phase.marked) | (phase[s] == Phase.read))
    forget(s)


@protocol.action(s=Snapshot, t=Snapshot)
def remove_snapshot(s: Term, t: Term) -> None:
    """A snapshot is removed for which another stands."""
    require(s != t, whole(s), stands_for(t, s))
    forget(s)


@protocol.action(c=Claim)
def remove_object(c: Term) -> None:
    """An object is removed that a whole snapshot covers, and the file besides."""
    require(uploaded[c], is_covered(c))
    uploaded.next[c] = False


@protocol.action(r=Reader, c=Claim)
def replay(r: Term, c: Term) -> None:
    """A reader joins in the next object."""
    require(uploaded[c], ~passed[r, c])
    passed.next[r, c] = True
    holds.next[r] = ite(~holds.defined(r) | (c < holds[r]), c, holds[r])


@protocol.action(r=Reader, s=Snapshot)
def begin_with(r: Term, s: Term) -> None:
    """A reader that misses something begins with a whole snapshot, whatever it has."""
    require(whole(s), misses(r, s), has.defined(s))
    passed.next[r, :] = lambda c: passed[r, c] | covers[s, c]
    heard.next[r, :] = lambda log: heard[r, log] | speaks[s, log]
    holds.next[r] = ite(~holds.defined(r) | (has[s] < holds[r]), has[s], holds[r])


@protocol.action(r=Reader, s=Snapshot)
def begin_with_nothing(r: Term, s: Term) -> None:
    """Or with one of a store that was empty."""
    require(whole(s), misses(r, s), ~has.defined(s))
    passed.next[r, :] = lambda c: passed[r, c] | covers[s, c]  # of none, unless the design is wrong
    heard.next[r, :] = lambda log: heard[r, log] | speaks[s, log]


@protocol.may_stop()
def no_more_snapshots() -> Term:
    """All that there may be are whole, and none stands for another."""
    return forall(Snapshot, whole)


def is_level(r: Term) -> Term:
    """The reader has read all there is to read: each object, and a snapshot for each sign behind a gap that it sees."""
    return forall(Claim, lambda c: implies(shipped[c], passed[r, c])) & forall(
        Log, lambda log: implies(signed[log] & ~filled[log], heard[r, log])
    )


def all_is_published() -> Term:
    """What the store has taken is shipped, or its log is signed: no node is away that still has something to ship."""
    return forall(Claim, lambda c: implies(stored[c], shipped[c] | (of.defined(c) & signed[of[c]])))


@protocol.always("CRR-1", "CRR-2", "SNAP-10")
def who_is_level_holds_what_the_store_holds() -> Term:
    """When all is published, every reader that has read all there is holds what the store holds, whatever each began with."""
    return forall(
        Reader,
        lambda r: implies(is_level(r) & all_is_published() & row.defined(), holds.defined(r) & (holds[r] == row)),
    )


@protocol.always("CRR-1", "RET-1", "SNAP-3", "SNAP-10")
def what_is_passed_is_held() -> Term:
    """A claim that a reader need not read any more, since a watermark covers it, is held there, or gave way to what precedes it."""
    return forall(Reader, Claim, lambda r, c: implies(passed[r, c], holds.defined(r) & (holds[r] <= c)))


@protocol.always("SNAP-10")
def what_a_lost_log_had_stored_is_held() -> Term:
    """Whoever began with a snapshot that speaks for a log holds all that its node had stored, or what precedes it."""
    return forall(
        Reader,
        Claim,
        Log,
        lambda r, c, log: implies(
            heard[r, log] & stored[c] & of.defined(c) & (of[c] == log), holds.defined(r) & (holds[r] <= c)
        ),
    )


@protocol.always("CRR-5", "RET-1", "RET-5", "RET-7")
def every_reader_can_read_on() -> Term:
    """What was shipped and a reader has not read is in an object, or in a whole snapshot."""
    return forall(Reader, Claim, lambda r, c: implies(shipped[c] & ~passed[r, c], uploaded[c] | is_covered(c)))


@protocol.always("SNAP-10", "RET-5")
def a_sign_has_its_snapshot() -> Term:
    """Whoever sees the sign of a lost log finds a snapshot that speaks for it, and no object where the gap is."""
    return forall(Log, lambda log: implies(signed[log], is_spoken_for(log) & ~filled[log]))


@protocol.always("CRR-1")
def nothing_is_made_up() -> Term:
    """What is held anywhere was taken by the store."""
    return forall(Reader, lambda r: implies(holds.defined(r), stored[holds[r]])) & forall(
        Snapshot, lambda s: implies(has.defined(s), stored[has[s]])
    )


@protocol.always("RET-7")
def a_lost_log_is_at_its_end() -> Term:
    """The node of a log that is declared lost stores and ships nothing more, even if it lives."""
    return forall(
        Claim,
        Log,
        lambda c, log: implies(
            declared[log], ~protocol.enabled("store", c=c, log=log) & ~protocol.enabled("upload", c=c, log=log)
        ),
    )


@protocol.always("RET-7")
def who_may_do_what() -> Term:
    """Nodes log, store and ship whatever others do; a log is declared lost step by step."""
    return forall(
        Claim,
        Log,
        lambda c, log: (
            (protocol.enabled("log_claim", c=c, log=log) == ~of.defined(c))
            & (
                protocol.enabled("store", c=c, log=log)
                == (of.defined(c) & implies(of.defined(c), of[c] == log) & ~stored[c] & ~barred[log])
            )
            & (
                protocol.enabled("upload", c=c, log=log)
                == (stored[c] & of.defined(c) & implies(of.defined(c), of[c] == log) & ~shipped[c] & ~closed[log])
            )
        ),
    ) & forall(
        Log,
        lambda log: (
            (protocol.enabled("bar", log=log) == ~barred[log])
            & (protocol.enabled("close", log=log) == (barred[log] & ~closed[log]))
            & (protocol.enabled("declare", log=log) == (closed[log] & ~declared[log]))
            & (protocol.enabled("sign", log=log) == (~signed[log] & is_spoken_for(log)))
        ),
    )


def is_new_to(r: Term, s: Term) -> Term:
    """As `misses`, said otherwise."""
    return ~(
        forall(Claim, lambda c: implies(covers[s, c], passed[r, c]))
        & forall(Log, lambda log: implies(speaks[s, log], heard[r, log]))
    )


@protocol.always("RET-7", "SNAP-10")
def who_writes_removes_and_reads() -> Term:
    """A snapshot goes from its watermarks to its head, or ends; removed is what another, or an object, stands for."""
    return (
        forall(
            Snapshot,
            lambda s: (
                (protocol.enabled("read_watermarks", s=s) == (phase[s] == Phase.none))
                & (protocol.enabled("read_store", s=s) == ((phase[s] == Phase.marked) & row.defined()))
                & (protocol.enabled("read_nothing", s=s) == ((phase[s] == Phase.marked) & ~row.defined()))
                & (protocol.enabled("complete", s=s) == (phase[s] == Phase.read))
                & (protocol.enabled("abandon", s=s) == ((phase[s] == Phase.marked) | (phase[s] == Phase.read)))
            ),
        )
        & forall(
            Snapshot,
            Snapshot,
            lambda s, t: protocol.enabled("remove_snapshot", s=s, t=t) == ((s != t) & whole(s) & stands_for(t, s)),
        )
        & forall(Claim, lambda c: protocol.enabled("remove_object", c=c) == (uploaded[c] & is_covered(c)))
        & forall(Reader, Claim, lambda r, c: protocol.enabled("replay", r=r, c=c) == (uploaded[c] & ~passed[r, c]))
        & forall(
            Reader,
            Snapshot,
            lambda r, s: (
                (protocol.enabled("begin_with", r=r, s=s) == (whole(s) & is_new_to(r, s) & has.defined(s)))
                & (protocol.enabled("begin_with_nothing", r=r, s=s) == (whole(s) & is_new_to(r, s) & ~has.defined(s)))
            ),
        )
    )


@protocol.lemma()
def steps_are_in_order() -> Term:
    """What is shipped was stored, what is stored was logged; a log is lost step by step."""
    return forall(
        Claim,
        lambda c: implies(uploaded[c], shipped[c]) & implies(shipped[c], stored[c]) & implies(stored[c], of.defined(c)),
    ) & forall(
        Log,
        lambda log: (
            implies(signed[log], declared[log])
            & implies(declared[log], closed[log])
            & implies(closed[log], barred[log])
            & ~filled[log]
        ),
    )


@protocol.lemma()
def the_row_is_the_least() -> Term:
    """Of what the store has taken."""
    return implies(row.defined(), stored[row]) & forall(Claim, lambda c: implies(stored[c], row.defined() & (row <= c)))


@protocol.lemma()
def what_snapshots_are() -> Term:
    """They cover what is stored and shipped, speak for declared logs, and have the least of both once the store was read."""
    return (
        forall(
            Snapshot,
            Claim,
            lambda s, c: (
                implies(covers[s, c], stored[c] & shipped[c] & (phase[s] != Phase.none))
                & implies(covers[s, c] & ((phase[s] == Phase.read) | whole(s)), has.defined(s) & (has[s] <= c))
            ),
        )
        & forall(Snapshot, Log, lambda s, log: implies(speaks[s, log], declared[log] & (phase[s] != Phase.none)))
        & forall(
            Snapshot,
            Claim,
            Log,
            lambda s, c, log: implies(
                speaks[s, log] & stored[c] & of.defined(c) & (of[c] == log) & ((phase[s] == Phase.read) | whole(s)),
                has.defined(s) & (has[s] <= c),
            ),
        )
        & forall(Snapshot, lambda s: implies(has.defined(s), (phase[s] == Phase.read) | whole(s)))
    )


@protocol.lemma()
def readers_pass_what_was_shipped() -> Term:
    """And hear of logs that were declared lost."""
    return forall(Reader, Claim, lambda r, c: implies(passed[r, c], shipped[c])) & forall(
        Reader, Log, lambda r, log: implies(heard[r, log], declared[log])
    )


@protocol.reachable("SNAP-10")
def heard_of_a_log_by_its_sign_alone() -> Term:
    """A reader holds what no object ever had, and a claim that gave way to it is removed."""
    return exists(
        Reader,
        Claim,
        Claim,
        lambda r, c, d: (
            (c < d) & holds.defined(r) & (holds[r] == c) & ~shipped[c] & passed[r, d] & ~uploaded[d] & row.defined()
        ),
    )


@protocol.reachable("SNAP-3")
def claims_come_before_any_snapshot() -> Term:
    """A region begins without one."""
    return exists(Claim, lambda c: shipped[c]) & forall(Snapshot, lambda s: phase[s] == Phase.none)


@protocol.reachable("SNAP-3")
def the_store_goes_on_after_the_watermarks() -> Term:
    """Before a snapshot reads the store, what precedes a claim that it covers is joined in."""
    return exists(Snapshot, Claim, lambda s, c: (phase[s] == Phase.marked) & covers[s, c] & row.defined() & (row < c))


@protocol.reachable("SNAP-3")
def the_store_goes_on_before_the_head() -> Term:
    """A snapshot that has read the store is not whole yet, and the store holds something earlier by now."""
    return exists(
        Snapshot,
        lambda s: (phase[s] == Phase.read) & has.defined(s) & row.defined() & (row < has[s]),
    )


@protocol.reachable("SNAP-3")
def a_store_is_filled_before_the_head() -> Term:
    """Nor is one whole that found the store empty, when that holds something."""
    return exists(Snapshot, lambda s: (phase[s] == Phase.read) & ~has.defined(s) & row.defined())


@protocol.leads_to("RET-1", "SNAP-3", fair=("remove_snapshot",))
def a_snapshot_gives_way() -> tuple[Term, Term]:
    """Of whole snapshots the later stands for the earlier, whatever was removed meanwhile: there is room for another at last."""
    return forall(Snapshot, whole), exists(Snapshot, lambda s: phase[s] == Phase.none)


@protocol.leads_to("CRR-2", "SNAP-10", fair=("begin_with", "begin_with_nothing", "replay"))
def every_reader_is_level_at_last() -> tuple[Term, Term]:
    """By objects and by snapshots it comes to the end of what there is to read, unless a snapshot is begun that takes the place."""
    at_rest = forall(Snapshot, lambda s: (phase[s] == Phase.none) | whole(s))
    level = forall(Reader, is_level)
    return ~level & at_rest, level | ~at_rest


@protocol.leads_to("SNAP-10", fair=("sign",))
def a_lost_log_gets_its_sign() -> tuple[Term, Term]:
    """Once a whole snapshot speaks for a log, the sign is put at last, though snapshots come and go."""
    return exists(Log, lambda log: is_spoken_for(log) & ~signed[log]), forall(
        Log, lambda log: implies(is_spoken_for(log), signed[log])
    )


@protocol.leads_to("CRR-2", fair=("replay",))
def no_object_stays_unread() -> tuple[Term, Term]:
    """Every reader replays each object at last, unless that is removed before."""
    return exists(Reader, Claim, lambda r, c: uploaded[c] & ~passed[r, c]), forall(
        Reader, Claim, lambda r, c: implies(uploaded[c], passed[r, c])
    )
