"""Regions log claims, ship sealed segments, and replay each other's: all come to the least entry of every record.

The steps are those of the programs `ship`, `replay` and `recover`. A `Stamp` is a pair of hybrid timestamp and region: one point in
the total order by which entries under one key are compared.
"""

from flk.formal.language import UNDEFINED, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "replication",
    """Each region writes claims into the open segment of its log and keeps the least entry it has seen for each record. It
    seals segments, uploads them in order and moves its watermark; other regions take in an uploaded segment claim by claim,
    in any order and as often as they like, and move theirs when all of it is in. Delay and partition are steps that do not
    happen yet; a crash is work that ends between two steps; a region may also lose its store, watermarks and all, and
    rebuild it from its log.""",
    requirements=("CRR-1", "CRR-2", "CRR-3", "CRR-4", "CRR-5", "CRR-6", "CRR-7", "WAL-6", "DUP-1", "HLC-1"),
)

Region = protocol.index("Region", size=2)
Record = protocol.index("Record", size=1)
Stamp = protocol.index("Stamp", size=2, ordered=True)
Segment = protocol.index("Segment", size=2, ordered=True)

claimed = protocol.relation("claimed", Record, Stamp)
logged = protocol.relation("logged", Region, Segment, Record, Stamp)
sealed = protocol.relation("sealed", Region, Segment)
uploaded = protocol.relation("uploaded", Region, Segment)
shipped = protocol.relation("shipped", Region, Segment)
replayed = protocol.relation("replayed", Region, Region, Segment)
stored = protocol.map("stored", Region, Record, to=Stamp, partial=True)
answered = protocol.relation("answered", Region, Record, Stamp)
superseded = protocol.relation("superseded", Region, Record, Stamp)
level = protocol.relation("level", Region, initially=True)
rebuilt = protocol.relation("rebuilt", Region)


def holds(r: Term, k: Term, s: Term) -> Term:
    """The region has an entry for the record that is no later than the stamp."""
    return stored.defined(r, k) & (stored[r, k] <= s)


def join(r: Term, k: Term, s: Term) -> None:
    """Keep the lesser of the stored entry and the new one; a winner that gives way is recorded."""
    stored.next[r, k] = ite(stored.defined(r, k), ite(stored[r, k] < s, stored[r, k], s), s)
    superseded.next[r, k, :] = lambda t: superseded[r, k, t] | (stored.defined(r, k) & (stored[r, k] == t) & (s < t))


@protocol.action(r=Region, g=Segment, k=Record, s=Stamp)
def write(r: Term, g: Term, k: Term, s: Term) -> None:
    """A region logs a claim under a new stamp, later than all in its log, and answers with the entry that it then holds."""
    require(level[r], ~sealed[r, g], forall(Segment, lambda h: implies(h < g, sealed[r, h])))
    require(forall(Record, lambda j: ~claimed[j, s]))
    require(forall(Segment, Record, Stamp, lambda h, j, t: implies(logged[r, h, j, t], t < s)))
    claimed.next[k, s] = True
    logged.next[r, g, k, s] = True
    join(r, k, s)
    answered.next[r, k, :] = lambda t: (
        answered[r, k, t] | (t == ite(stored.defined(r, k), ite(stored[r, k] < s, stored[r, k], s), s))
    )


@protocol.action(r=Region, g=Segment)
def seal(r: Term, g: Term) -> None:
    """The open segment is sealed, all its claims being applied; nothing is ever appended to it again."""
    require(level[r], ~sealed[r, g], forall(Segment, lambda h: implies(h < g, sealed[r, h])))
    sealed.next[r, g] = True


@protocol.action(r=Region, g=Segment)
def upload(r: Term, g: Term) -> None:
    """The next sealed segment is put into the object store; what is there already stays as it is."""
    require(sealed[r, g], ~shipped[r, g], forall(Segment, lambda h: implies(h < g, shipped[r, h])))
    uploaded.next[r, g] = True


@protocol.action(r=Region, g=Segment)
def mark_shipped(r: Term, g: Term) -> None:
    """The watermark follows the upload."""
    require(uploaded[r, g], ~shipped[r, g])
    shipped.next[r, g] = True


@protocol.action(r=Region, p=Region, g=Segment, k=Record, s=Stamp)
def merge(r: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """A region takes in one claim of the next segment of a peer."""
    require(level[r], r != p, uploaded[p, g], logged[p, g, k, s])
    require(forall(Segment, lambda h: implies(h < g, replayed[r, p, h])))
    join(r, k, s)


@protocol.action(r=Region, p=Region, g=Segment)
def mark_replayed(r: Term, p: Term, g: Term) -> None:
    """The watermark follows when every claim of the segment is in."""
    require(level[r], r != p, uploaded[p, g], ~replayed[r, p, g])
    require(forall(Segment, lambda h: implies(h < g, replayed[r, p, h])))
    require(forall(Record, Stamp, lambda k, s: implies(logged[p, g, k, s], holds(r, k, s))))
    replayed.next[r, p, g] = True


@protocol.action(r=Region)
def lose_store(r: Term) -> None:
    """A region loses what it derived: entries and watermarks of replay. Its log and what it uploaded remain. (Once each.)"""
    require(~rebuilt[r])
    level.next[r] = False
    rebuilt.next[r] = True
    stored.next[r, :] = UNDEFINED
    replayed.next[r, :, :] = False


@protocol.action(r=Region, g=Segment, k=Record, s=Stamp)
def recover(r: Term, g: Term, k: Term, s: Term) -> None:
    """A region that is rebuilding takes in a claim of its own log."""
    require(~level[r], logged[r, g, k, s])
    join(r, k, s)


@protocol.action(r=Region)
def serve(r: Term) -> None:
    """The store is level with the region's own log again."""
    require(~level[r])
    require(forall(Segment, Record, Stamp, lambda g, k, s: implies(logged[r, g, k, s], holds(r, k, s))))
    level.next[r] = True


@protocol.may_stop()
def all_is_everywhere() -> Term:
    """No log takes in anything any more, and every region serves and has replayed all that the others shipped."""
    shared = forall(Region, Segment, lambda r, g: sealed[r, g] & shipped[r, g])
    taken = forall(Region, Region, Segment, lambda r, p, g: implies(r != p, replayed[r, p, g]))
    return shared & taken & forall(Region, lambda r: level[r])


@protocol.always("CRR-2")
def regions_agree() -> Term:
    """Two regions that have taken in all claims for a record hold the same entry, whatever came twice, late or out of order."""
    return forall(
        Region,
        Region,
        Record,
        lambda r, p, k: implies(
            forall(Stamp, lambda s: implies(claimed[k, s], holds(r, k, s) & holds(p, k, s)))
            & stored.defined(r, k)
            & stored.defined(p, k),
            stored[r, k] == stored[p, k],
        ),
    )


@protocol.always("CRR-1")
def the_least_is_held() -> Term:
    """A region that has taken in all claims for a record holds the least of them."""
    return forall(
        Region,
        Record,
        lambda r, k: implies(
            stored.defined(r, k) & forall(Stamp, lambda t: implies(claimed[k, t], holds(r, k, t))),
            claimed[k, stored[r, k]] & forall(Stamp, lambda t: implies(claimed[k, t], stored[r, k] <= t)),
        ),
    )


@protocol.always("DUP-1")
def nothing_is_invented() -> Term:
    """Every entry that is held was claimed for that record."""
    return forall(Region, Record, lambda r, k: implies(stored.defined(r, k), claimed[k, stored[r, k]]))


@protocol.always("WAL-1", "WAL-5")
def own_claims_count() -> Term:
    """A region that serves holds, for every claim of its own log, that entry or an earlier one."""
    return forall(
        Region,
        Segment,
        Record,
        Stamp,
        lambda r, g, k, s: implies(level[r] & logged[r, g, k, s], holds(r, k, s)),
    )


@protocol.always("CRR-4")
def replayed_is_merged() -> Term:
    """Behind the watermark of replay, every claim is in."""
    return forall(
        Region,
        Region,
        Segment,
        Record,
        Stamp,
        lambda r, p, g, k, s: implies(replayed[r, p, g] & logged[p, g, k, s], holds(r, k, s)),
    )


@protocol.always("CRR-4")
def shipped_is_uploaded() -> Term:
    """Behind the watermark of shipping, every segment is in the object store."""
    return forall(Region, Segment, lambda r, g: implies(shipped[r, g], uploaded[r, g]))


@protocol.always("WAL-6")
def uploaded_is_sealed() -> Term:
    """Only sealed segments are in the object store."""
    return forall(Region, Segment, lambda r, g: implies(uploaded[r, g], sealed[r, g]))


@protocol.always("CRR-5")
def replayed_is_uploaded() -> Term:
    """What was replayed is in the object store."""
    return forall(Region, Region, Segment, lambda r, p, g: implies(replayed[r, p, g], uploaded[p, g]))


@protocol.always("CRR-5")
def uploads_have_no_gap() -> Term:
    """Before an uploaded segment, all are uploaded."""
    return forall(Region, Segment, Segment, lambda r, g, h: implies(uploaded[r, g] & (h < g), uploaded[r, h]))


@protocol.always("CRR-5")
def replay_has_no_gap() -> Term:
    """Before a replayed segment, all are replayed."""
    return forall(
        Region, Region, Segment, Segment, lambda r, p, g, h: implies(replayed[r, p, g] & (h < g), replayed[r, p, h])
    )


@protocol.always("CRR-3")
def winners_do_not_vanish() -> Term:
    """An outcome that a region answered with is the one it holds, or gave way on record, unless its store was lost since."""
    return forall(
        Region,
        Record,
        Stamp,
        lambda r, k, s: implies(
            answered[r, k, s] & ~rebuilt[r],
            stored.defined(r, k) & ((stored[r, k] == s) | superseded[r, k, s]),
        ),
    )


@protocol.always("CRR-1", "CRR-3")
def only_the_later_gives_way() -> Term:
    """What gave way, gave way to an earlier entry."""
    return forall(
        Region,
        Record,
        Stamp,
        lambda r, k, s: implies(superseded[r, k, s] & ~rebuilt[r], stored.defined(r, k) & (stored[r, k] < s)),
    )


@protocol.always("HLC-1")
def log_order_is_time_order() -> Term:
    """In a region's log, later segments hold later stamps."""
    return forall(
        Region,
        Segment,
        Segment,
        lambda r, g, h: implies(
            g < h,
            forall(
                Record, Record, Stamp, Stamp, lambda j, k, s, t: implies(logged[r, g, j, s] & logged[r, h, k, t], s < t)
            ),
        ),
    )


@protocol.always("CRR-1")
def a_stamp_names_one_claim() -> Term:
    """No two claims share a stamp, neither for two records nor in two regions or segments."""
    return forall(Record, Record, Stamp, lambda j, k, s: implies(claimed[j, s] & claimed[k, s], j == k)) & forall(
        Region,
        Region,
        Record,
        Stamp,
        lambda r, p, k, s: implies(
            exists(Segment, lambda g: logged[r, g, k, s]) & exists(Segment, lambda g: logged[p, g, k, s]), r == p
        ),
    )


@protocol.always("DUP-1", "CRR-3")
def only_claims_are_answered_or_give_way() -> Term:
    """What a region answered with, or recorded as giving way, was claimed for that record."""
    return forall(
        Region, Record, Stamp, lambda r, k, s: implies(answered[r, k, s] | superseded[r, k, s], claimed[k, s])
    )


@protocol.always("CRR-4", "CRR-7")
def what_is_held_has_arrived() -> Term:
    """What a region holds or has held of a peer's claims is in the object store."""
    return forall(
        Region,
        Region,
        Segment,
        Record,
        Stamp,
        lambda r, p, g, k, s: implies(
            (r != p) & logged[p, g, k, s] & (superseded[r, k, s] | (stored.defined(r, k) & (stored[r, k] == s))),
            uploaded[p, g],
        ),
    )


@protocol.always("DUP-1")
def an_own_winner_was_told() -> Term:
    """Where a region that never lost its store holds or held a claim of its own log, it answered with it."""
    return forall(
        Region,
        Segment,
        Record,
        Stamp,
        lambda r, g, k, s: implies(
            logged[r, g, k, s] & ~rebuilt[r] & (superseded[r, k, s] | (stored.defined(r, k) & (stored[r, k] == s))),
            answered[r, k, s],
        ),
    )


def is_open(r: Term, g: Term) -> Term:
    """The first segment of a region's log that is not sealed."""
    return ~sealed[r, g] & ~exists(Segment, lambda h: (h < g) & ~sealed[r, h])


def is_next(r: Term, p: Term, g: Term) -> Term:
    """A segment of a peer in the object store, of which all before it are replayed."""
    return (r != p) & uploaded[p, g] & ~exists(Segment, lambda h: (h < g) & ~replayed[r, p, h])


def lacks(r: Term, k: Term, s: Term) -> Term:
    """The region has no entry for the record, or a later one than the stamp."""
    return ~stored.defined(r, k) | (s < stored[r, k])


@protocol.always("HLC-1", "CRR-1", "CRR-4")
def who_writes() -> Term:
    """A region that serves, whatever its peers do: into the open segment, under a new stamp that is later than all in its log."""
    return forall(
        Region,
        Segment,
        Record,
        Stamp,
        lambda r, g, k, s: (
            protocol.enabled("write", r=r, g=g, k=k, s=s)
            == (
                level[r]
                & is_open(r, g)
                & ~exists(Record, lambda j: claimed[j, s])
                & ~exists(Segment, Record, Stamp, lambda h, j, t: logged[r, h, j, t] & (s <= t))
            )
        ),
    )


@protocol.always("WAL-6", "CRR-4")
def who_seals() -> Term:
    """A region that serves, at any time: its open segment."""
    return forall(Region, Segment, lambda r, g: protocol.enabled("seal", r=r, g=g) == (level[r] & is_open(r, g)))


@protocol.always("CRR-4", "CRR-5", "WAL-6")
def what_is_shipped() -> Term:
    """The first segment that is not marked as shipped, if it is sealed; and it is marked when it is in the object store."""
    return forall(
        Region,
        Segment,
        lambda r, g: (
            (
                protocol.enabled("upload", r=r, g=g)
                == (sealed[r, g] & ~shipped[r, g] & ~exists(Segment, lambda h: (h < g) & ~shipped[r, h]))
            )
            & (protocol.enabled("mark_shipped", r=r, g=g) == (uploaded[r, g] & ~shipped[r, g]))
        ),
    )


@protocol.always("CRR-4", "CRR-5")
def what_is_replayed() -> Term:
    """The next segment of a peer, while the region serves: it takes in claims of it, and marks it once, when it lacks none."""
    return forall(
        Region,
        Region,
        Segment,
        lambda r, p, g: (
            (
                protocol.enabled("mark_replayed", r=r, p=p, g=g)
                == (
                    level[r]
                    & is_next(r, p, g)
                    & ~replayed[r, p, g]
                    & ~exists(Record, Stamp, lambda k, s: logged[p, g, k, s] & lacks(r, k, s))
                )
            )
            & forall(
                Record,
                Stamp,
                lambda k, s: (
                    protocol.enabled("merge", r=r, p=p, g=g, k=k, s=s)
                    == (level[r] & is_next(r, p, g) & logged[p, g, k, s])
                ),
            )
        ),
    )


@protocol.always("WAL-5")
def how_a_store_is_rebuilt() -> Term:
    """It is lost at any moment, once; while it is not level the region takes in its own log, and serves when it lacks nothing."""
    return forall(
        Region,
        lambda r: (
            (protocol.enabled("lose_store", r=r) == ~rebuilt[r])
            & (
                protocol.enabled("serve", r=r)
                == (~level[r] & ~exists(Segment, Record, Stamp, lambda g, k, s: logged[r, g, k, s] & lacks(r, k, s)))
            )
            & forall(
                Segment,
                Record,
                Stamp,
                lambda g, k, s: protocol.enabled("recover", r=r, g=g, k=k, s=s) == (~level[r] & logged[r, g, k, s]),
            )
        ),
    )


@protocol.always()
def level_until_lost() -> Term:
    """A store is level with the log as long as it was not lost."""
    return forall(Region, lambda r: level[r] | rebuilt[r])


@protocol.lemma()
def logged_is_claimed() -> Term:
    """Every claim in a log was made."""
    return forall(Region, Segment, Record, Stamp, lambda r, g, k, s: implies(logged[r, g, k, s], claimed[k, s]))


@protocol.lemma()
def seals_have_no_gap() -> Term:
    """Before a sealed segment all are sealed, and behind the open one nothing is logged yet."""
    return forall(Region, Segment, Segment, lambda r, g, h: implies(sealed[r, g] & (h < g), sealed[r, h])) & forall(
        Region,
        Segment,
        Segment,
        Record,
        Stamp,
        lambda r, g, h, k, s: implies(logged[r, g, k, s] & (h < g), sealed[r, h]),
    )


@protocol.lemma()
def shipping_has_no_gap() -> Term:
    """Before an uploaded segment, all are marked as shipped."""
    return forall(Region, Segment, Segment, lambda r, g, h: implies(uploaded[r, g] & (h < g), shipped[r, h]))


@protocol.reachable()
def a_winner_gives_way() -> Term:
    """Conflicting writes meet, and the later one gives way in the region that had answered with it."""
    return exists(Region, Record, Stamp, lambda r, k, s: answered[r, k, s] & superseded[r, k, s])


@protocol.reachable()
def a_lost_store_catches_up() -> Term:
    """A region that lost its store serves again and holds a peer's entry again."""
    return exists(
        Region, Region, Segment, lambda r, p, g: rebuilt[r] & level[r] & replayed[r, p, g] & (r != p)
    ) & exists(Region, Record, Stamp, lambda r, k, s: superseded[r, k, s])


@protocol.reachable("CRR-4")
def written_while_nothing_ships() -> Term:
    """A region that reaches neither the object store nor its peers seals a segment and writes on in the next."""
    return exists(
        Region,
        Record,
        Stamp,
        lambda r, k, s: (
            exists(Segment, Segment, lambda g, h: (g < h) & ~uploaded[r, g] & logged[r, h, k, s])
            & exists(Segment, Record, Stamp, lambda g, j, t: ~uploaded[r, g] & logged[r, g, j, t] & (t < s))
        ),
    )


@protocol.reachable("DUP-1")
def a_peers_entry_is_told() -> Term:
    """A region answers a claim with the entry of a peer that was there before."""
    return exists(
        Region,
        Region,
        Segment,
        Record,
        Stamp,
        lambda r, p, g, k, s: (r != p) & logged[p, g, k, s] & answered[r, k, s],
    )


@protocol.leads_to("CRR-2", fair=("seal", "upload", "mark_shipped", "merge", "mark_replayed", "recover", "serve"))
def every_claim_arrives() -> tuple[Term, Term]:
    """Every claim reaches every region: at last each holds that entry or an earlier one."""
    return exists(Record, Stamp, lambda k, s: claimed[k, s]), forall(
        Region, Record, Stamp, lambda r, k, s: implies(claimed[k, s], holds(r, k, s))
    )
