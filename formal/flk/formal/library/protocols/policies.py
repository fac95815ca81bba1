"""Policies in a log: each segment states what holds in it, and whoever reads it judges by that (POL-5, POL-8, POL-9).

It is about one log: what a region makes of several, each judged by itself, `replication` says of outcomes whatever they are, and
what one node does with a request, `ingest`. A `Ruling` is all that a log states of policies, staged ones and their share included,
in the order of its changes; an outcome is a function of the record and the ruling, so two readers who judge an entry by one
ruling come to one outcome.

For a trace of nodes to be held against this, they write down: `change` and `begin` when a segment is durable, with the ruling by
its number; `append` when an entry is; `judge` when the node has judged it; `ship` when the object is there; `learn` the first time
that a reader finds a signature good; `replay` of each entry that a reader judges; `salvage` when a segment took in what is left of
another; `reread` and `lose_own` when a node comes up anew.
"""

from flk.formal.language import UNDEFINED, Protocol, Term, exists, forall, implies, require

protocol = Protocol(
    "policies",
    """A node logs entries, and judges each some time after it is durable; its operator changes the policies whenever he likes. A
    change begins a segment, and each segment states what holds in it. Sealed segments are shipped, and readers elsewhere judge what
    is in them by what they state, as soon as they have the key of those who signed it, days later or in another order, whatever
    was removed before. The node dies and reads again what is in force; its store is lost, and it
    judges its log once more; a segment rots, and what is left of it is appended again, behind later changes.""",
    requirements=("JDG-5", "POL-5", "POL-8", "POL-9", "POL-10", "DUP-2", "CRR-1"),
)

Entry = protocol.index("Entry", size=2)
Segment = protocol.index("Segment", size=3, ordered=True)
Ruling = protocol.index("Ruling", size=2, ordered=True)
Reader = protocol.index("Reader", size=1)

states = protocol.map("states", Segment, to=Ruling, partial=True)  # what a segment states, if it has begun
now = protocol.scalar("now", Ruling, partial=True)  # by which the node logs: in force
place = protocol.map("place", Entry, to=Segment, partial=True)  # the segment that an entry is in, durably
own = protocol.map("own", Entry, to=Ruling, partial=True)  # by which the node judged it: what is in its store
shipped = protocol.relation("shipped", Segment)  # its object is, or was, there
removed = protocol.relation("removed", Segment)  # file and object
trusts = protocol.relation("trusts", Reader, Ruling)  # the reader has the keys of those who signed it
by = protocol.map("by", Reader, Entry, to=Ruling, partial=True)  # by which a reader judged it

# What happened, for the properties: no guard reads it.
under = protocol.map("under", Entry, to=Ruling, partial=True)  # what was in force when the entry was logged


def is_next(s: Term) -> Term:
    """The segment is to begin: all before it have begun."""
    return ~states.defined(s) & forall(Segment, lambda t: implies(t < s, states.defined(t)))


def is_last(s: Term) -> Term:
    """No segment behind this one has begun."""
    return states.defined(s) & forall(Segment, lambda t: implies(s < t, ~states.defined(t)))


def is_in(e: Term, s: Term) -> Term:
    """The entry is in the segment."""
    return place.defined(e) & implies(place.defined(e), place[e] == s)


@protocol.action(s=Segment, p=Ruling)
def change(s: Term, p: Term) -> None:
    """The operator changes the policies: the next segment begins with that, durably. So does the first one."""
    require(is_next(s), forall(Segment, lambda t: ~states.defined(t)) | (now.defined() & (now < p)))
    states.next[s] = p
    now.next = p


@protocol.action(s=Segment)
def begin(s: Term) -> None:
    """The next segment begins, since one is full or is to be shipped: it states what is in force."""
    require(is_next(s), now.defined())
    states.next[s] = now


@protocol.action(e=Entry, s=Segment)
def append(e: Term, s: Term) -> None:
    """An entry becomes durable in the last segment, if that states what is in force."""
    require(~place.defined(e), is_last(s), ~shipped[s], now.defined(), states[s] == now)
    place.next[e] = s
    under.next[e] = now


@protocol.action(e=Entry, s=Segment)
def judge(e: Term, s: Term) -> None:
    """The node judges an entry of its log, when its turn comes or the log is read again, by what the entry's segment states."""
    require(is_in(e, s), ~own.defined(e), states.defined(s), ~removed[s])
    own.next[e] = states[s]


@protocol.action(s=Segment)
def ship(s: Term) -> None:
    """A segment is sealed and put into the object store, in the order of the log."""
    require(states.defined(s), ~shipped[s], forall(Segment, lambda t: implies(t < s, shipped[t])))
    shipped.next[s] = True


@protocol.action(r=Reader, p=Ruling)
def learn(r: Term, p: Term) -> None:
    """A reader gets the keys of those who signed a ruling: in time, or long after it was shipped."""
    require(~trusts[r, p])
    trusts.next[r, p] = True


@protocol.action(r=Reader, e=Entry, s=Segment)
def replay(r: Term, e: Term, s: Term) -> None:
    """A reader judges an entry by what its segment states, if it can check who signed that."""
    require(is_in(e, s), ~by.defined(r, e), shipped[s], ~removed[s], states.defined(s), trusts[r, states[s]])
    by.next[r, e] = states[s]


@protocol.action(s=Segment)
def remove(s: Term) -> None:
    """A shipped segment is removed, its object too; who has not judged it takes a snapshot's word. The last one stays."""
    require(shipped[s], ~removed[s], exists(Segment, lambda t: (s < t) & states.defined(t)))
    removed.next[s] = True


@protocol.action(s=Segment, new=Segment)
def set_aside(s: Term, new: Term) -> None:
    """A segment is damaged. For what is left of it the next one begins, and states what that stated: the manifest knows."""
    require(states.defined(s), ~shipped[s], is_next(new))
    states.next[new] = states[s]


@protocol.action(e=Entry, s=Segment, new=Segment)
def append_again(e: Term, s: Term, new: Term) -> None:
    """An entry that is left is appended to the last segment, if that states what its own one did."""
    require(is_in(e, s), ~shipped[s], s < new, is_last(new), states.defined(s))
    require(states[s] == states[new])
    place.next[e] = new


@protocol.action()
def crash() -> None:
    """The node dies. What is in force is on its disk alone."""
    require(now.defined())
    now.next = UNDEFINED


@protocol.action(t=Segment)
def reread(t: Term) -> None:
    """It comes up: in force is the latest change that any segment states, or its note in the manifest; not the last one's."""
    require(~now.defined(), states.defined(t))
    require(forall(Segment, lambda u: implies(states.defined(u), states[u] <= states[t])))
    now.next = states[t]


@protocol.action()
def lose_own() -> None:
    """The node loses its store. Its log is all there is."""
    require(exists(Entry, own.defined))
    own.next[:] = UNDEFINED


def is_there(e: Term) -> Term:
    """A reader can judge the entry, perhaps after a key."""
    return exists(Segment, lambda s: is_in(e, s) & shipped[s] & ~removed[s])


@protocol.may_stop()
def the_log_is_full_and_judged() -> Term:
    """There are no more segments, and every reader has what it can come by."""
    return forall(Segment, states.defined) & forall(Reader, Entry, lambda r, e: implies(is_there(e), by.defined(r, e)))


@protocol.always("JDG-5", "DUP-2", "POL-8", "POL-9")
def all_judge_alike() -> Term:
    """Whoever judged an entry, when and after whatever changes, judged by what was in force when it was logged."""
    return forall(Entry, lambda e: implies(own.defined(e), under.defined(e) & (own[e] == under[e]))) & forall(
        Reader, Entry, lambda r, e: implies(by.defined(r, e), under.defined(e) & (by[r, e] == under[e]))
    )


@protocol.always("CRR-1", "JDG-5")
def readers_agree() -> Term:
    """Any two readers that judged an entry judged it alike, and as its node did."""
    return forall(
        Reader,
        Reader,
        Entry,
        lambda r, q, e: (
            implies(by.defined(r, e) & by.defined(q, e), by[r, e] == by[q, e])
            & implies(by.defined(r, e) & own.defined(e), by[r, e] == own[e])
        ),
    )


@protocol.always("POL-9")
def a_change_is_not_forgotten() -> Term:
    """What a node that is up logs by is the latest change that its log states."""
    return forall(Segment, lambda s: implies(now.defined() & states.defined(s), states[s] <= now)) & implies(
        now.defined(), exists(Segment, lambda s: states.defined(s) & (states[s] == now))
    )


@protocol.always("POL-9")
def a_segment_states_what_holds_in_it() -> Term:
    """For each entry, the segment that it is in states what was in force when it was logged."""
    return forall(
        Entry,
        Segment,
        lambda e, s: implies(is_in(e, s), states.defined(s) & under.defined(e) & (states[s] == under[e])),
    )


@protocol.always("POL-5", "POL-9")
def a_segment_is_judged_by_itself() -> Term:
    """A reader with the key can judge what is in a segment that is there, whatever became of all others; without it, never."""
    return forall(
        Reader,
        Entry,
        Segment,
        lambda r, e, s: (
            protocol.enabled("replay", r=r, e=e, s=s)
            == (
                is_in(e, s)
                & ~by.defined(r, e)
                & shipped[s]
                & ~removed[s]
                & states.defined(s)
                & implies(states.defined(s), trusts[r, states[s]])
            )
        ),
    )


@protocol.always("POL-9", "POL-10")
def changes_need_nobody_else() -> Term:
    """A node that is up can change its policies and log by them, whoever is cut off and whatever is not judged or shipped."""
    return forall(
        Segment,
        Ruling,
        lambda s, p: (
            protocol.enabled("change", s=s, p=p)
            == (is_next(s) & (~exists(Segment, states.defined) | (now.defined() & implies(now.defined(), ~(p <= now)))))
        ),
    ) & forall(
        Entry,
        Segment,
        lambda e, s: (
            protocol.enabled("append", e=e, s=s)
            == (
                ~place.defined(e)
                & is_last(s)
                & ~shipped[s]
                & now.defined()
                & implies(now.defined() & states.defined(s), states[s] == now)
            )
        ),
    )


@protocol.always("POL-9")
def who_begins_judges_and_ships() -> Term:
    """Segments begin one after another and are shipped in order; an entry is judged while its segment is there."""
    return (
        forall(
            Segment,
            lambda s: (
                (protocol.enabled("begin", s=s) == (is_next(s) & now.defined()))
                & (
                    protocol.enabled("ship", s=s)
                    == (states.defined(s) & ~shipped[s] & ~exists(Segment, lambda t: (t < s) & ~shipped[t]))
                )
                & (protocol.enabled("remove", s=s) == (shipped[s] & ~removed[s] & ~is_last(s)))
            ),
        )
        & forall(
            Entry,
            Segment,
            lambda e, s: (
                protocol.enabled("judge", e=e, s=s) == (is_in(e, s) & ~own.defined(e) & states.defined(s) & ~removed[s])
            ),
        )
        & forall(Reader, Ruling, lambda r, p: protocol.enabled("learn", r=r, p=p) == ~trusts[r, p])
    )


@protocol.always("WAL-4", "WAL-5")
def who_dies_and_repairs() -> Term:
    """A node dies and comes up whatever is under way; a segment that is nowhere else may be damaged, and what is left moves on."""
    return (
        (protocol.enabled("crash") == now.defined())
        & (protocol.enabled("reread") == (~now.defined() & exists(Segment, states.defined)))
        & (protocol.enabled("lose_own") == exists(Entry, own.defined))
        & forall(
            Segment,
            Segment,
            lambda s, new: (
                protocol.enabled("set_aside", s=s, new=new) == (states.defined(s) & ~shipped[s] & is_next(new))
            ),
        )
        & forall(
            Entry,
            Segment,
            Segment,
            lambda e, s, new: (
                protocol.enabled("append_again", e=e, s=s, new=new)
                == (
                    is_in(e, s)
                    & ~shipped[s]
                    & ~(new <= s)
                    & is_last(new)
                    & states.defined(s)
                    & implies(states.defined(s) & states.defined(new), states[s] == states[new])
                )
            ),
        )
    )


@protocol.lemma()
def what_is_logged_was_under_something() -> Term:
    """An entry is in a segment just if something was in force."""
    return forall(Entry, lambda e: place.defined(e) == under.defined(e))


@protocol.lemma()
def segments_have_no_gap() -> Term:
    """Before a segment all have begun; shipped is what has begun, in order, and removed what was shipped."""
    return forall(
        Segment,
        Segment,
        lambda s, t: (
            implies(states.defined(t) & (s < t), states.defined(s)) & implies(shipped[t] & (s < t), shipped[s])
        ),
    ) & forall(Segment, lambda s: implies(shipped[s], states.defined(s)) & implies(removed[s], shipped[s]))


@protocol.reachable("JDG-5", "POL-9")
def changed_between_log_and_judgement() -> Term:
    """An entry is durable and not judged yet when a later ruling is in force."""
    return exists(
        Entry, lambda e: place.defined(e) & ~own.defined(e) & under.defined(e) & now.defined() & (under[e] < now)
    )


@protocol.reachable("JDG-5")
def changed_since_it_was_judged() -> Term:
    """An entry was judged, and a later ruling is in force."""
    return exists(Entry, lambda e: own.defined(e) & now.defined() & (own[e] < now))


@protocol.reachable("POL-9")
def down_with_a_log() -> Term:
    """A node whose log states something is down."""
    return ~now.defined() & exists(Segment, states.defined)


@protocol.reachable("POL-9")
def one_log_two_rulings() -> Term:
    """A reader has judged two entries of the log by two rulings, though the first segment is gone."""
    return exists(
        Reader,
        Entry,
        Entry,
        Segment,
        lambda r, e, f, s: by.defined(r, e) & by.defined(r, f) & (by[r, e] < by[r, f]) & removed[s] & is_in(e, s),
    )


@protocol.reachable("WAL-4", "POL-9")
def appended_again_behind_a_change() -> Term:
    """The last segment has what is left of one before a change, and states what held there."""
    return exists(
        Entry,
        Segment,
        lambda e, s: is_last(s) & is_in(e, s) & states.defined(s) & now.defined() & (states[s] < now),
    )


@protocol.reachable("POL-5")
def waits_for_a_key() -> Term:
    """A reader has judged one entry, and has another whose ruling it cannot check."""
    return exists(
        Reader,
        Entry,
        Segment,
        lambda r, e, s: (
            is_in(e, s)
            & shipped[s]
            & states.defined(s)
            & ~trusts[r, states[s]]
            & exists(Entry, lambda f: by.defined(r, f))
        ),
    )


@protocol.leads_to("CRR-2", "POL-9", fair=("learn", "replay"))
def what_is_shipped_is_judged() -> tuple[Term, Term]:
    """Once readers get the keys, they judge every entry that is shipped, unless it is removed: a change keeps nobody waiting."""
    return exists(Reader, Entry, lambda r, e: is_there(e) & ~by.defined(r, e)), forall(
        Reader, Entry, lambda r, e: implies(is_there(e), by.defined(r, e))
    )


@protocol.leads_to("POL-9", fair=("reread",))
def who_died_comes_up() -> tuple[Term, Term]:
    """A node that died finds out what is in force, and logs by it, whatever its last segment is."""
    return ~now.defined() & exists(Segment, states.defined), now.defined()
