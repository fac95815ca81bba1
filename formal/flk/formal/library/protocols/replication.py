"""Nodes log claims, ship sealed segments, and replay each other's logs: all come to the least entry of every record.

The steps are those of the programs `ship`, `replay`, `reclaim`, `recover` and `repair`. A node is known by its log: a region has
one for each disk on which a node of it runs or ran. A `Stamp` is a pair of hybrid timestamp and region: one point in the total
order by which entries under one key are compared.
"""

from flk.formal.language import ANY, UNDEFINED, Protocol, Term, exists, forall, implies, ite, require
from flk.formal.library.protocols.replication_enabled import say_who_acts

protocol = Protocol(
    "replication",
    """A region has a log for each disk on which a node of it runs or ran, one after the other or several at once. A node
    serves that has taken in its own log and what it was shown of its region's others: it writes claims into the open segment
    of its log and keeps the least entry it has seen for each record. It seals segments, uploads them in order and moves its
    watermark; other nodes take in an uploaded segment claim by claim, in any order and as often as they like, and move their
    watermark of that log when all of it is in. Delay and partition are steps that do not happen yet; a crash is work that
    ends between two steps, and a disk is lost when its node takes none any more. A node may lose its store, watermarks and
    all, and rebuild it from its log; a frame may rot, and what is left of its segment is appended again.""",
    requirements=("CRR-1", "CRR-2", "CRR-3", "CRR-4", "CRR-5", "CRR-6", "CRR-7", "WAL-4", "WAL-6", "DUP-1", "HLC-1"),
)

Region = protocol.index("Region", size=2, ordered=True)
Log = protocol.index("Log", size=2, ordered=True)
Record = protocol.index("Record", size=1)
Stamp = protocol.index("Stamp", size=2, ordered=True)
Segment = protocol.index("Segment", size=2, ordered=True)

home = protocol.map("home", Log, to=Region, initially=ANY)
claimed = protocol.relation("claimed", Record, Stamp)
logged = protocol.relation("logged", Log, Segment, Record, Stamp)
again = protocol.relation("again", Log, Stamp)
sealed = protocol.relation("sealed", Log, Segment)
uploaded = protocol.relation("uploaded", Log, Segment)
shipped = protocol.relation("shipped", Log, Segment)
owed = protocol.relation("owed", Log, Log, Segment)
replayed = protocol.relation("replayed", Log, Log, Segment)
stored = protocol.map("stored", Log, Record, to=Stamp, partial=True)
answered = protocol.relation("answered", Log, Record, Stamp)
superseded = protocol.relation("superseded", Log, Record, Stamp)
level = protocol.relation("level", Log)
rebuilt = protocol.relation("rebuilt", Log)
rotted = protocol.relation("rotted", Log)


@protocol.assume
def regions_are_numbered_as_their_logs_are() -> Term:
    """Before the first log of a region, there is one of each region before it: no two beginnings differ by names alone."""
    return forall(Region, Log, lambda r, n: implies(r < home[n], exists(Log, lambda m: (m < n) & (home[m] == r))))


def holds(n: Term, k: Term, s: Term) -> Term:
    """The node has an entry for the record that is no later than the stamp."""
    return stored.defined(n, k) & (stored[n, k] <= s)


def join(n: Term, k: Term, s: Term) -> None:
    """Keep the lesser of the stored entry and the new one; a winner that gives way is recorded."""
    stored.next[n, k] = ite(stored.defined(n, k), ite(stored[n, k] < s, stored[n, k], s), s)
    superseded.next[n, k, :] = lambda t: superseded[n, k, t] | (stored.defined(n, k) & (stored[n, k] == t) & (s < t))


@protocol.action(n=Log, g=Segment, k=Record, s=Stamp)
def write(n: Term, g: Term, k: Term, s: Term) -> None:
    """A node logs a claim under a new stamp, later than all in its log, and answers with the entry that it then holds."""
    require(level[n], ~sealed[n, g], forall(Segment, lambda h: implies(h < g, sealed[n, h])))
    require(forall(Record, lambda j: ~claimed[j, s]))
    require(forall(Segment, Record, Stamp, lambda h, j, t: implies(logged[n, h, j, t], t < s)))
    claimed.next[k, s] = True
    logged.next[n, g, k, s] = True
    join(n, k, s)
    answered.next[n, k, :] = lambda t: (
        answered[n, k, t] | (t == ite(stored.defined(n, k), ite(stored[n, k] < s, stored[n, k], s), s))
    )


@protocol.action(n=Log, g=Segment)
def seal(n: Term, g: Term) -> None:
    """The open segment is sealed, all its claims being applied; nothing is ever appended to it again. (It begins with a claim.)"""
    require(level[n], ~sealed[n, g], forall(Segment, lambda h: implies(h < g, sealed[n, h])))
    require(exists(Record, Stamp, lambda k, s: logged[n, g, k, s]))
    sealed.next[n, g] = True


@protocol.action(n=Log, g=Segment)
def upload(n: Term, g: Term) -> None:
    """The next sealed segment is put into the object store; what is there already stays as it is."""
    require(sealed[n, g], ~shipped[n, g], forall(Segment, lambda h: implies(h < g, shipped[n, h])))
    uploaded.next[n, g] = True


@protocol.action(n=Log, g=Segment)
def mark_shipped(n: Term, g: Term) -> None:
    """The watermark follows the upload."""
    require(uploaded[n, g], ~shipped[n, g])
    shipped.next[n, g] = True


@protocol.action(n=Log, p=Log, g=Segment, k=Record, s=Stamp)
def merge(n: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """A node takes in one claim of the next segment of another's log, before it serves only of its own region's."""
    require(level[n] | (home[n] == home[p]), n != p, uploaded[p, g], logged[p, g, k, s])
    require(forall(Segment, lambda h: implies(h < g, replayed[n, p, h])))
    join(n, k, s)


@protocol.action(n=Log, p=Log, g=Segment)
def mark_replayed(n: Term, p: Term, g: Term) -> None:
    """The watermark of that log follows when every claim of the segment is in."""
    require(level[n] | (home[n] == home[p]), n != p, uploaded[p, g], ~replayed[n, p, g])
    require(forall(Segment, lambda h: implies(h < g, replayed[n, p, h])))
    require(forall(Record, Stamp, lambda k, s: implies(logged[p, g, k, s], holds(n, k, s))))
    replayed.next[n, p, g] = True
    owed.next[n, p, g] = False


@protocol.action(n=Log)
def lose_store(n: Term) -> None:
    """A node loses what it derived: entries and watermarks of replay. Its log and what it uploaded remain. (Once.)"""
    require(forall(Log, lambda m: ~rebuilt[m]))
    level.next[n] = False
    rebuilt.next[n] = True
    stored.next[n, :] = UNDEFINED
    replayed.next[n, :, :] = False


@protocol.action(n=Log, p=Log, g=Segment)
def find(n: Term, p: Term, g: Term) -> None:
    """A listing shows a node that does not serve yet what another log of its region has: it owes its clients to take that in."""
    require(~level[n], n != p, home[n] == home[p], uploaded[p, g], ~replayed[n, p, g])
    owed.next[n, p, g] = True


@protocol.action(n=Log, g=Segment, k=Record, s=Stamp)
def recover(n: Term, g: Term, k: Term, s: Term) -> None:
    """A node that is rebuilding takes in a claim of its own log."""
    require(~level[n], logged[n, g, k, s])
    join(n, k, s)


@protocol.action(n=Log)
def serve(n: Term) -> None:
    """The store is level with the node's own log, and with what it was shown of its region's others."""
    require(~level[n], forall(Log, Segment, lambda p, g: ~owed[n, p, g]))
    require(forall(Segment, Record, Stamp, lambda g, k, s: implies(logged[n, g, k, s], holds(n, k, s))))
    level.next[n] = True


@protocol.action(n=Log, g=Segment, k=Record, s=Stamp)
def rot(n: Term, g: Term, k: Term, s: Term) -> None:
    """A frame that is nowhere else yet is damaged on its disk, and nothing brings it back. (Once.)"""
    require(forall(Log, lambda m: ~rotted[m]))
    require(logged[n, g, k, s], ~uploaded[n, g])
    rotted.next[n] = True
    logged.next[n, g, k, s] = False


@protocol.action(n=Log, g=Segment, h=Segment)
def salvage(n: Term, g: Term, h: Term) -> None:
    """What is left of a damaged segment is appended to the open one, stamps as they are; it stays behind empty and sealed.

    What of it is in the object store stays there. (Once, where something rotted.)
    """
    require(rotted[n], forall(Stamp, lambda s: ~again[n, s]))
    require(g < h, ~sealed[n, h], forall(Segment, lambda i: implies(i < h, (i == g) | sealed[n, i])))
    sealed.next[n, g] = True
    again.next[n, :] = lambda s: again[n, s] | exists(Record, lambda k: logged[n, g, k, s])
    logged.next[n, :, :, :] = lambda i, k, s: ite(
        i == h, logged[n, h, k, s] | logged[n, g, k, s], logged[n, i, k, s] & ((i != g) | uploaded[n, g])
    )


@protocol.may_stop()
def all_is_everywhere() -> Term:
    """What is logged is shipped, and every node serves and has replayed all that the others shipped."""
    shared = forall(
        Log,
        Segment,
        lambda n, g: implies(sealed[n, g] | exists(Record, Stamp, lambda k, s: logged[n, g, k, s]), shipped[n, g]),
    )
    taken = forall(Log, Log, Segment, lambda n, p, g: implies((n != p) & uploaded[p, g], replayed[n, p, g]))
    return shared & taken & forall(Log, lambda n: level[n])


@protocol.always("CRR-2")
def regions_agree() -> Term:
    """Two nodes that have taken in all claims for a record hold the same entry, whatever came twice, late or out of order."""
    return forall(
        Log,
        Log,
        Record,
        lambda n, p, k: implies(
            forall(Stamp, lambda s: implies(claimed[k, s], holds(n, k, s) & holds(p, k, s)))
            & stored.defined(n, k)
            & stored.defined(p, k),
            stored[n, k] == stored[p, k],
        ),
    )


@protocol.always("CRR-1")
def the_least_is_held() -> Term:
    """A node that has taken in all claims for a record holds the least of them."""
    return forall(
        Log,
        Record,
        lambda n, k: implies(
            stored.defined(n, k) & forall(Stamp, lambda t: implies(claimed[k, t], holds(n, k, t))),
            claimed[k, stored[n, k]] & forall(Stamp, lambda t: implies(claimed[k, t], stored[n, k] <= t)),
        ),
    )


@protocol.always("DUP-1")
def nothing_is_invented() -> Term:
    """Every entry that is held was claimed for that record."""
    return forall(Log, Record, lambda n, k: implies(stored.defined(n, k), claimed[k, stored[n, k]]))


@protocol.always("WAL-1", "WAL-5")
def own_claims_count() -> Term:
    """A node that serves holds, for every claim of its own log, that entry or an earlier one."""
    return forall(
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, g, k, s: implies(level[n] & logged[n, g, k, s], holds(n, k, s)),
    )


@protocol.always("CRR-4")
def replayed_is_merged() -> Term:
    """Behind the watermark of replay, every claim is in."""
    return forall(
        Log,
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, p, g, k, s: implies(replayed[n, p, g] & logged[p, g, k, s], holds(n, k, s)),
    )


@protocol.always("CRR-4")
def shipped_is_uploaded() -> Term:
    """Behind the watermark of shipping, every segment is in the object store."""
    return forall(Log, Segment, lambda n, g: implies(shipped[n, g], uploaded[n, g]))


@protocol.always("WAL-6")
def uploaded_is_sealed() -> Term:
    """Only sealed segments are in the object store."""
    return forall(Log, Segment, lambda n, g: implies(uploaded[n, g], sealed[n, g]))


@protocol.always("CRR-5")
def replayed_is_uploaded() -> Term:
    """What was replayed is in the object store."""
    return forall(Log, Log, Segment, lambda n, p, g: implies(replayed[n, p, g], uploaded[p, g]))


@protocol.always("CRR-5")
def uploads_have_no_gap() -> Term:
    """Before an uploaded segment, all are uploaded."""
    return forall(Log, Segment, Segment, lambda n, g, h: implies(uploaded[n, g] & (h < g), uploaded[n, h]))


@protocol.always("CRR-5")
def replay_has_no_gap() -> Term:
    """Before a replayed segment, all are replayed."""
    return forall(
        Log, Log, Segment, Segment, lambda n, p, g, h: implies(replayed[n, p, g] & (h < g), replayed[n, p, h])
    )


@protocol.always("CRR-3")
def winners_do_not_vanish() -> Term:
    """An outcome that a node answered with is the one it holds, or gave way on record, unless its store was lost since."""
    return forall(
        Log,
        Record,
        Stamp,
        lambda n, k, s: implies(
            answered[n, k, s] & ~rebuilt[n],
            stored.defined(n, k) & ((stored[n, k] == s) | superseded[n, k, s]),
        ),
    )


@protocol.always("CRR-1", "CRR-3")
def only_the_later_gives_way() -> Term:
    """What gave way, gave way to an earlier entry."""
    return forall(
        Log,
        Record,
        Stamp,
        lambda n, k, s: implies(superseded[n, k, s] & ~rebuilt[n], stored.defined(n, k) & (stored[n, k] < s)),
    )


@protocol.always("HLC-1")
def log_order_is_time_order() -> Term:
    """In a log, later segments hold later stamps, but for claims that were appended again."""
    return forall(
        Log,
        Segment,
        Segment,
        lambda n, g, h: implies(
            g < h,
            forall(
                Record,
                Record,
                Stamp,
                Stamp,
                lambda j, k, s, t: implies(logged[n, g, j, s] & logged[n, h, k, t] & ~again[n, t], s < t),
            ),
        ),
    )


@protocol.always("CRR-1")
def a_stamp_names_one_claim() -> Term:
    """No two claims share a stamp, neither for two records nor in two logs."""
    return forall(Record, Record, Stamp, lambda j, k, s: implies(claimed[j, s] & claimed[k, s], j == k)) & forall(
        Log,
        Log,
        Record,
        Stamp,
        lambda n, p, k, s: implies(
            exists(Segment, lambda g: logged[n, g, k, s]) & exists(Segment, lambda g: logged[p, g, k, s]), n == p
        ),
    )


@protocol.always("DUP-1", "CRR-3")
def only_claims_are_answered_or_give_way() -> Term:
    """What a node answered with, or recorded as giving way, was claimed for that record."""
    return forall(Log, Record, Stamp, lambda n, k, s: implies(answered[n, k, s] | superseded[n, k, s], claimed[k, s]))


@protocol.always("CRR-4", "CRR-7")
def what_is_held_has_arrived() -> Term:
    """What a node holds or has held of the claims in another's log is in an object."""
    return forall(
        Log,
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, p, g, k, s: implies(
            (n != p) & logged[p, g, k, s] & (superseded[n, k, s] | (stored.defined(n, k) & (stored[n, k] == s))),
            exists(Segment, lambda h: uploaded[p, h] & logged[p, h, k, s]),
        ),
    )


@protocol.always("DUP-1")
def an_own_winner_was_told() -> Term:
    """Where a node that never lost its store holds or held a claim of its own log, it answered with it."""
    return forall(
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, g, k, s: implies(
            logged[n, g, k, s] & ~rebuilt[n] & (superseded[n, k, s] | (stored.defined(n, k) & (stored[n, k] == s))),
            answered[n, k, s],
        ),
    )


@protocol.always("WAL-5", "CRR-5")
def what_is_owed_is_to_come() -> Term:
    """A node that serves owes nothing; what one owes is in an object, of its own region, and not behind its watermark."""
    return forall(
        Log,
        Log,
        Segment,
        lambda n, p, g: implies(
            owed[n, p, g], ~level[n] & (n != p) & (home[n] == home[p]) & uploaded[p, g] & ~replayed[n, p, g]
        ),
    )


@protocol.always("WAL-4", "HLC-1")
def what_is_appended_again_was_claimed() -> Term:
    """Salvage keeps the stamps that claims have."""
    return forall(Log, Stamp, lambda n, s: implies(again[n, s], exists(Record, lambda k: claimed[k, s])))


@protocol.always("WAL-1", "WAL-4")
def what_did_not_rot_is_in_a_log() -> Term:
    """Of all that was logged, one frame at most is in no log any more, and only where one rotted: salvage loses nothing else."""

    def is_nowhere(k: Term, s: Term) -> Term:
        return claimed[k, s] & forall(Log, Segment, lambda n, g: ~logged[n, g, k, s])

    return forall(
        Record,
        Record,
        Stamp,
        Stamp,
        lambda j, k, t, s: implies(
            is_nowhere(j, t), exists(Log, lambda n: rotted[n]) & implies(is_nowhere(k, s), (j == k) & (t == s))
        ),
    )


@protocol.always("WAL-4")
def a_frame_is_twice_where_it_was_uploaded() -> Term:
    """What was salvaged stays where it was only in the object store."""
    return forall(
        Log,
        Segment,
        Segment,
        Record,
        Stamp,
        lambda n, g, h, k, s: implies(logged[n, g, k, s] & logged[n, h, k, s] & (g < h), uploaded[n, g]),
    )


say_who_acts(protocol)

DAMAGE = (
    "rot",
    "salvage",
    "what_did_not_rot_is_in_a_log",
    "a_frame_is_twice_where_it_was_uploaded",
    "what_rots_and_is_salvaged",
    "what_rotted_is_gone",
    "what_was_salvaged_arrives",
)
"""What speaks of damaged disks: stories that need none are shorter without."""


@protocol.always("WAL-5")
def nothing_is_logged_before_service() -> Term:
    """A node that has never served has nothing in its log."""
    return forall(Log, Segment, Record, Stamp, lambda n, g, k, s: implies(logged[n, g, k, s], level[n] | rebuilt[n]))


@protocol.lemma()
def logged_is_claimed() -> Term:
    """Every claim in a log was made."""
    return forall(Log, Segment, Record, Stamp, lambda n, g, k, s: implies(logged[n, g, k, s], claimed[k, s]))


@protocol.lemma()
def seals_have_no_gap() -> Term:
    """Before a sealed segment all are sealed, and behind the open one nothing is logged yet."""
    return forall(Log, Segment, Segment, lambda n, g, h: implies(sealed[n, g] & (h < g), sealed[n, h])) & forall(
        Log,
        Segment,
        Segment,
        Record,
        Stamp,
        lambda n, g, h, k, s: implies(logged[n, g, k, s] & (h < g), sealed[n, h]),
    )


@protocol.lemma()
def shipping_has_no_gap() -> Term:
    """Before an uploaded segment, all are marked as shipped."""
    return forall(Log, Segment, Segment, lambda n, g, h: implies(uploaded[n, g] & (h < g), shipped[n, h]))


@protocol.reachable()
def a_winner_gives_way() -> Term:
    """Conflicting writes meet, and the later one gives way in the node that had answered with it."""
    return exists(
        Log,
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, p, g, k, s: (
            (answered[n, k, s] & superseded[n, k, s])
            & ((n != p) & stored.defined(n, k) & logged[p, g, k, stored[n, k]])
        ),
    )


@protocol.reachable()
def a_lost_store_catches_up() -> Term:
    """A node that lost its store serves again and holds another's entry."""
    return exists(
        Log,
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, p, g, k, s: (
            (rebuilt[n] & level[n] & replayed[n, p, g])
            & ((n != p) & logged[p, g, k, s] & stored.defined(n, k) & (stored[n, k] == s))
        ),
    )


@protocol.reachable("CRR-4")
def written_while_nothing_ships() -> Term:
    """A node that reaches neither the object store nor its peers seals a segment and writes on in the next."""
    return exists(
        Log,
        Record,
        Stamp,
        lambda n, k, s: (
            exists(Segment, Segment, lambda g, h: (g < h) & ~uploaded[n, g] & logged[n, h, k, s])
            & exists(Segment, Record, Stamp, lambda g, j, t: ~uploaded[n, g] & logged[n, g, j, t] & (t < s))
        ),
    )


@protocol.reachable("DUP-1")
def a_peers_entry_is_told() -> Term:
    """A node answers a claim with the entry of a peer that was there before."""
    return exists(
        Log,
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, p, g, k, s: (n != p) & logged[p, g, k, s] & answered[n, k, s],
    )


@protocol.reachable("CRR-5")
def two_disks_of_a_region_take_claims() -> Term:
    """Two nodes of one region serve at once, each on its disk, and one holds what the other logged."""
    return exists(
        Log,
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, p, g, k, s: (
            (n != p) & (home[n] == home[p]) & level[n] & level[p] & logged[p, g, k, s] & replayed[n, p, g]
        ),
    )


@protocol.reachable("WAL-5", "CRR-5")
def a_new_disk_owes_what_is_there() -> Term:
    """A node that has never served is shown what another of its region has shipped."""
    return exists(Log, Log, Segment, lambda n, p, g: owed[n, p, g] & ~rebuilt[n])


@protocol.reachable("WAL-4")
def what_rotted_is_gone() -> Term:
    """A claim that was made is in no log any more."""
    return exists(Record, Stamp, lambda k, s: claimed[k, s] & ~exists(Log, Segment, lambda n, g: logged[n, g, k, s]))


@protocol.reachable("WAL-4")
def what_was_salvaged_arrives() -> Term:
    """A claim reaches another node in the segment that it was appended to again."""
    return exists(
        Log,
        Log,
        Segment,
        Record,
        Stamp,
        lambda n, p, g, k, s: (
            ((n != p) & replayed[n, p, g] & logged[p, g, k, s] & again[p, s])
            & exists(Segment, lambda h: (h < g) & ~logged[p, h, k, s])
        ),
    )


@protocol.leads_to("CRR-2", fair=("seal", "upload", "mark_shipped", "merge", "mark_replayed", "recover", "serve"))
def every_claim_arrives() -> tuple[Term, Term]:
    """Every claim that its log keeps reaches every node: at last each holds that entry or an earlier one."""
    return exists(Record, Stamp, lambda k, s: claimed[k, s]), forall(
        Log, Log, Segment, Record, Stamp, lambda n, p, g, k, s: implies(logged[p, g, k, s], holds(n, k, s))
    )
