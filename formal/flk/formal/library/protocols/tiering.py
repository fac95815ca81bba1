"""Tiers of a store (TIR-*, DUP-7): entries move between hot, warm and cold storage, and the dedup window holds all the same."""

from flk.formal.language import BOOL, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "tiering",
    """Entries are inserted into the hot tier. With age they are demoted, copied to the next tier first and then deleted from
    theirs; when asked for they are promoted, copied upwards; once past the dedup window they expire from every tier. A claim looks
    from tier to tier, and is new only if all were asked and none has it. The cold tier may be away: then a claim that the others
    do not answer is refused for the moment. Time is the age of each entry, in the steps that matter: within the hot tier's term,
    within the warm tier's, within the window, past it. Once times are calm the cold tier fails no more.""",
    ("TIR-1", "TIR-2", "TIR-3", "TIR-4", "DUP-7"),
)

Key = protocol.index("Key")
Tier = protocol.enum("Tier", "hot", "warm", "cold")
Age = protocol.enum("Age", "unborn", "young", "grown", "old", "past")  # of the entry that was last inserted

age = protocol.map("age", Key, to=Age, initially=Age.unborn)
holds = protocol.relation("holds", Tier, Key)
asked = protocol.relation("asked", Key)  # a claim waits for its answer
cold_up = protocol.scalar("cold_up", BOOL, initially=True)
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it.
claimed = protocol.relation("claimed", Key)  # a claim waited for an answer when the entry was inserted
whole = protocol.relation("whole", Key)  # nothing of the entry's window has passed
archived = protocol.relation("archived", Key)  # the entry was copied to the cold tier


def in_window(k: Term) -> Term:
    """Whether the dedup window of the key's entry still runs."""
    return (age[k] == Age.young) | (age[k] == Age.grown) | (age[k] == Age.old)


def cooled(k: Term) -> Term:
    """Whether the key's entry is past the hot tier's term, and the window still runs."""
    return (age[k] == Age.grown) | (age[k] == Age.old)


def nearby(k: Term) -> Term:
    """Whether a tier that is always there has the key."""
    return holds[Tier.hot, k] | holds[Tier.warm, k]


def within_reach(k: Term) -> Term:
    """Whether a tier that answers has the key."""
    return nearby(k) | (cold_up & holds[Tier.cold, k])


def judge_as_new(k: Term) -> None:
    """The claim is answered, and its entry is new in the hot tier."""
    asked.next[k] = False
    holds.next[Tier.hot, k] = True
    age.next[k] = Age.young
    claimed.next[k] = asked[k]
    whole.next[k] = True
    archived.next[k] = False


@protocol.action(k=Key)
def ask(k: Term) -> None:
    """A claim for a key arrives."""
    require(~asked[k])
    asked.next[k] = True


@protocol.action(k=Key)
def find(k: Term) -> None:
    """Some tier has the key: the claim is answered with the stored outcome."""
    require(asked[k], within_reach(k))
    asked.next[k] = False


@protocol.action(k=Key)
def insert(k: Term) -> None:
    """All tiers were asked and none has the key: the claim is judged as new and stored in the hot tier."""
    require(asked[k], ~nearby(k), cold_up, ~holds[Tier.cold, k])
    judge_as_new(k)


@protocol.action(k=Key)
def turn_away(k: Term) -> None:
    """The cold tier does not answer, and only it could tell: 503, and the client will ask again."""
    require(asked[k], ~nearby(k), ~cold_up)
    asked.next[k] = False


@protocol.action(k=Key)
def grow_older(k: Term) -> None:
    """Time passes for an entry: it leaves the hot tier's term, then the warm tier's, then the window."""
    require(in_window(k))
    age.next[k] = ite(age[k] == Age.young, Age.grown, ite(age[k] == Age.grown, Age.old, Age.past))
    whole.next[k] = False


@protocol.action(k=Key)
def copy_to_warm(k: Term) -> None:
    """Demotion begins: an entry past the hot tier's term is written to the warm tier."""
    require(holds[Tier.hot, k], cooled(k), ~holds[Tier.warm, k])
    holds.next[Tier.warm, k] = True


@protocol.action(k=Key)
def delete_from_hot(k: Term) -> None:
    """Demotion ends: what the warm tier has is deleted from the hot one."""
    require(holds[Tier.hot, k], holds[Tier.warm, k], cooled(k))
    holds.next[Tier.hot, k] = False


@protocol.action(k=Key)
def copy_to_cold(k: Term) -> None:
    """An entry past the warm tier's term is written to the cold tier, if that is there."""
    require(holds[Tier.warm, k], age[k] == Age.old, ~holds[Tier.cold, k], cold_up)
    holds.next[Tier.cold, k] = True
    archived.next[k] = True


@protocol.action(k=Key)
def delete_from_warm(k: Term) -> None:
    """What the cold tier has is deleted from the warm one, which needs no answer of the cold tier."""
    require(holds[Tier.warm, k], holds[Tier.cold, k], age[k] == Age.old)
    holds.next[Tier.warm, k] = False


@protocol.action(k=Key)
def promote(k: Term) -> None:
    """An entry that is asked for is copied one tier up; the slower tier keeps it."""
    require(cooled(k), ~holds[Tier.hot, k], holds[Tier.warm, k] | (cold_up & holds[Tier.cold, k]))
    holds.next[Tier.hot, k] = holds[Tier.warm, k]
    holds.next[Tier.warm, k] = True


@protocol.action(k=Key, t=Tier)
def expire(k: Term, t: Term) -> None:
    """An entry past the window is deleted, from each tier on its own."""
    require(age[k] == Age.past, holds[t, k], cold_up | (t != Tier.cold))
    holds.next[t, k] = False


@protocol.action()
def lose_cold() -> None:
    """The cold tier stops answering; it keeps what it has."""
    require(cold_up, ~calm)
    cold_up.next = False


@protocol.action()
def regain_cold() -> None:
    """The cold tier answers again."""
    require(~cold_up)
    cold_up.next = True


@protocol.action()
def grow_calm() -> None:
    """The bad times end. This need not happen, but progress is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.always("TIR-1", "TIR-2", "DUP-7")
def kept_for_the_window() -> Term:
    """An entry within the window is in some tier."""
    return forall(Key, lambda k: implies(in_window(k), exists(Tier, lambda t: holds[t, k])))


@protocol.always("TIR-1", "DUP-7")
def the_window_is_whole() -> Term:
    """A new entry, the first of its key or a later one, begins with its whole window before it."""
    return forall(Key, lambda k: whole[k] == (age[k] == Age.young))


@protocol.never("TIR-1", "TIR-3", "TIR-4", "DUP-7")
def judged_as_new_again() -> Term:
    """A claim can be judged as new while the window of its key's entry runs."""
    return exists(Key, lambda k: (age[k] != Age.unborn) & (age[k] != Age.past) & protocol.enabled("insert", k=k))


@protocol.never("TIR-4")
def judged_as_new_beside_its_entry() -> Term:
    """A claim can be judged as new though some tier has its entry, within the window or past it."""
    return exists(Key, lambda k: exists(Tier, lambda t: holds[t, k]) & protocol.enabled("insert", k=k))


@protocol.never("TIR-3", "TIR-4")
def judged_without_the_cold() -> Term:
    """A claim can be judged as new though the cold tier does not answer."""
    return ~cold_up & exists(Key, lambda k: protocol.enabled("insert", k=k))


@protocol.never("TIR-3")
def turned_away_for_nothing() -> Term:
    """A claim can get a 503 though a nearer tier has its entry, or all tiers are there."""
    return exists(
        Key, lambda k: (holds[Tier.hot, k] | holds[Tier.warm, k] | cold_up) & protocol.enabled("turn_away", k=k)
    )


@protocol.never("TIR-4")
def found_nowhere() -> Term:
    """A claim can be answered from a tier that does not have its entry, or does not answer."""
    return exists(
        Key,
        lambda k: (
            ~holds[Tier.hot, k]
            & ~holds[Tier.warm, k]
            & (~holds[Tier.cold, k] | ~cold_up)
            & protocol.enabled("find", k=k)
        ),
    )


@protocol.always("TIR-3", "TIR-4")
def claims_are_answered_once() -> Term:
    """A claim is answered only while it waits, and a key has one claim that waits."""
    return forall(
        Key,
        lambda k: (
            (protocol.enabled("ask", k=k) == ~asked[k])
            & implies(
                protocol.enabled("find", k=k) | protocol.enabled("insert", k=k) | protocol.enabled("turn_away", k=k),
                asked[k],
            )
        ),
    )


@protocol.never("TIR-2")
def deleted_before_it_was_written() -> Term:
    """An entry, its window not over, can be deleted from a tier though the next slower one does not have it."""
    return exists(
        Key,
        lambda k: (
            (protocol.enabled("delete_from_hot", k=k) & ~holds[Tier.warm, k])
            | (protocol.enabled("delete_from_warm", k=k) & ~holds[Tier.cold, k])
        ),
    )


@protocol.never("TIR-2")
def moved_from_nowhere() -> Term:
    """An entry can be copied or deleted where it is not, or in the cold tier while that is away."""
    e = protocol.enabled
    return exists(
        Key,
        lambda k: (
            ((e("copy_to_warm", k=k) | e("delete_from_hot", k=k)) & ~holds[Tier.hot, k])
            | ((e("copy_to_cold", k=k) | e("delete_from_warm", k=k)) & ~holds[Tier.warm, k])
            | (e("promote", k=k) & ~holds[Tier.warm, k] & (~holds[Tier.cold, k] | ~cold_up))
            | exists(Tier, lambda t: e("expire", k=k, t=t) & ~holds[t, k])
            | (~cold_up & (e("copy_to_cold", k=k) | e("expire", k=k, t=Tier.cold)))
        ),
    )


@protocol.never("TIR-2")
def written_over() -> Term:
    """An entry can be copied to a tier that has it."""
    return exists(
        Key,
        lambda k: (
            (protocol.enabled("copy_to_warm", k=k) & holds[Tier.warm, k])
            | (protocol.enabled("copy_to_cold", k=k) & holds[Tier.cold, k])
            | (protocol.enabled("promote", k=k) & holds[Tier.hot, k])
        ),
    )


@protocol.never("TIR-1")
def moved_out_of_turn() -> Term:
    """An entry can leave a tier before the term of that tier is over; be moved after its window, or expire before."""
    e = protocol.enabled
    return exists(
        Key,
        lambda k: (
            (
                (age[k] != Age.grown)
                & (age[k] != Age.old)
                & (e("copy_to_warm", k=k) | e("delete_from_hot", k=k) | e("promote", k=k))
            )
            | ((age[k] != Age.old) & (e("copy_to_cold", k=k) | e("delete_from_warm", k=k)))
            | ((age[k] != Age.past) & exists(Tier, lambda t: e("expire", k=k, t=t)))
        ),
    )


@protocol.always("TIR-1")
def time_passes_for_all() -> Term:
    """Exactly the entries whose window runs grow older, wherever they are and whoever is away."""
    return forall(Key, lambda k: protocol.enabled("grow_older", k=k) == ((age[k] != Age.unborn) & (age[k] != Age.past)))


@protocol.always("TIR-3")
def outages_end() -> Term:
    """The cold tier can fail at any moment of bad times, and only then; an outage and the bad times can end at any moment."""
    return (
        (protocol.enabled("lose_cold") == (cold_up & ~calm))
        & (protocol.enabled("regain_cold") == ~cold_up)
        & (protocol.enabled("grow_calm") == ~calm)
    )


@protocol.always("TIR-2")
def the_archive_keeps() -> Term:
    """What was copied to the cold tier stays there for the window, wherever else it is promoted to."""
    return forall(Key, lambda k: (age[k] == Age.past) | (archived[k] == holds[Tier.cold, k]))


@protocol.always("TIR-2")
def young_entries_are_near() -> Term:
    """An outage of the cold tier concerns old entries only: all others are found without it."""
    return forall(Key, lambda k: implies((age[k] == Age.young) | (age[k] == Age.grown), nearby(k)))


@protocol.always("TIR-1", "TIR-4")
def tiers_follow_age() -> Term:
    """A new entry is in the hot tier; the warm and the cold one have only what has outlived the terms above them."""
    return forall(
        Key,
        lambda k: (
            implies(age[k] == Age.young, holds[Tier.hot, k] & ~holds[Tier.warm, k])
            & implies((age[k] == Age.young) | (age[k] == Age.grown), ~holds[Tier.cold, k])
        ),
    )


@protocol.always("TIR-4")
def entries_were_claimed() -> Term:
    """An entry, and its window, begin with a claim."""
    return forall(
        Key,
        lambda k: ((age[k] != Age.unborn) == claimed[k]) & implies(exists(Tier, lambda t: holds[t, k]), claimed[k]),
    )


@protocol.reachable("TIR-1", "TIR-4")
def judged_after_the_window() -> Term:
    """A key whose entry has expired is new again, and that is right."""
    return exists(Key, lambda k: (age[k] == Age.past) & asked[k] & ~exists(Tier, lambda t: holds[t, k]))


@protocol.reachable("TIR-1")
def demoted_in_time() -> Term:
    """An entry past the hot tier's term, and no more, is in the warm tier alone."""
    return exists(
        Key, lambda k: (age[k] == Age.grown) & holds[Tier.warm, k] & ~holds[Tier.hot, k] & ~holds[Tier.cold, k]
    )


@protocol.reachable("TIR-2", "TIR-4")
def only_in_the_cold() -> Term:
    """An entry within the window has left the faster tiers."""
    return exists(Key, lambda k: in_window(k) & holds[Tier.cold, k] & ~nearby(k))


@protocol.reachable("TIR-3")
def out_of_reach() -> Term:
    """A claim waits for an entry that only the absent cold tier has."""
    return exists(Key, lambda k: asked[k] & in_window(k) & ~nearby(k) & ~cold_up)


@protocol.reachable("TIR-2")
def in_every_tier() -> Term:
    """An old entry is in all tiers: not yet demoted for good, or promoted from the cold."""
    return calm & exists(Key, lambda k: (age[k] == Age.old) & forall(Tier, lambda t: holds[t, k]))


@protocol.leads_to("TIR-3", fair=("find", "insert", "regain_cold"))
def claims_are_answered() -> tuple[Term, Term]:
    """In calm times, if claims for all keys wait, one of them is answered, though entries move all the while."""
    return calm & forall(Key, lambda k: asked[k]), exists(Key, lambda k: ~asked[k])


@protocol.leads_to("TIR-3", fair=("find", "turn_away"))
def nobody_waits_for_the_cold() -> tuple[Term, Term]:
    """A claim gets its answer or a 503 though the cold tier never comes back."""
    return ~cold_up & forall(Key, lambda k: asked[k]), cold_up | exists(Key, lambda k: ~asked[k])


@protocol.leads_to("TIR-1", fair=("copy_to_warm",))
def terms_end_in_a_move() -> tuple[Term, Term]:
    """In calm times what only the hot tier has past its term is copied to another, if it does not grow too old."""
    return (
        calm & forall(Key, lambda k: cooled(k) & ~holds[Tier.warm, k] & ~holds[Tier.cold, k]),
        exists(Key, lambda k: ~cooled(k) | holds[Tier.warm, k] | holds[Tier.cold, k]),
    )


@protocol.leads_to("TIR-1", fair=("copy_to_warm", "delete_from_hot"))
def the_hot_tier_is_relieved() -> tuple[Term, Term]:
    """In calm times the hot tier lets go of what is past its term, before that is past the next."""
    return (
        calm & forall(Key, lambda k: (age[k] == Age.grown) & holds[Tier.hot, k]),
        exists(Key, lambda k: (age[k] != Age.grown) | ~holds[Tier.hot, k]),
    )


@protocol.leads_to("TIR-1", fair=("copy_to_cold", "regain_cold"))
def the_archive_grows() -> tuple[Term, Term]:
    """In calm times what the warm tier has past its term is copied to the cold one, if it does not grow too old."""
    return (
        calm & forall(Key, lambda k: (age[k] == Age.old) & holds[Tier.warm, k] & ~holds[Tier.cold, k]),
        exists(Key, lambda k: (age[k] != Age.old) | holds[Tier.cold, k]),
    )


@protocol.leads_to("TIR-2", fair=("promote",))
def warm_entries_become_hot() -> tuple[Term, Term]:
    """What only the warm tier has becomes hot, if it does not grow older."""
    return (
        forall(Key, lambda k: (age[k] == Age.grown) & ~holds[Tier.hot, k]),
        exists(Key, lambda k: (age[k] != Age.grown) | holds[Tier.hot, k]),
    )


@protocol.leads_to("TIR-2", fair=("promote", "regain_cold"))
def entries_come_nearer() -> tuple[Term, Term]:
    """In calm times what only the cold tier has comes nearer, if it does not grow too old."""
    return calm & forall(Key, lambda k: cooled(k) & ~nearby(k)), exists(Key, lambda k: nearby(k) | ~cooled(k))


@protocol.leads_to("TIR-1", fair=("expire", "regain_cold"))
def entries_expire() -> tuple[Term, Term]:
    """In calm times what is past the window is at last in no tier."""
    return calm & forall(Key, lambda k: age[k] == Age.past), exists(Key, lambda k: ~exists(Tier, lambda t: holds[t, k]))


@protocol.leads_to("TIR-1", fair=("expire",))
def near_tiers_expire_alone() -> tuple[Term, Term]:
    """What is past the window leaves the hot and the warm tier though the cold one never comes back."""
    return forall(Key, lambda k: age[k] == Age.past), exists(Key, lambda k: (age[k] != Age.past) | ~nearby(k))
