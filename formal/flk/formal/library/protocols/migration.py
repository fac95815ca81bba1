"""Moving keys from one shard to another under traffic (MIG-*): dual-write, copy, verify, cutover, cleanup, and rollback.

`old` and `new` are sides of a key, so any servers may be behind them: the keys of a shard that leaves a ring go to several, and
those of several to one that joins (MIG-9). A migration that is begun again from an empty new side is in a state of the first.
"""

from flk.formal.language import BOOL, UNDEFINED, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "migration",
    """Keys move from an old shard to a new one while claims arrive. One side is the authority: it inserts or gets, and a claim is
    answered with what it holds; while writes are dual, the answer waits until the other side was overwritten with the same. The
    migrator turns dual writes on, copies each key that differs, verifies each key, cuts over, and cleans up; before cleanup it can
    roll back, and then it deletes what the new side has. The phase is one durable record that nodes and migrator share: a claim
    that spans two phases is refused, and a migrator that crashes goes on from it, having lost only what it had verified. A node may
    die between any two writes.""",
    ("MIG-1", "MIG-2", "MIG-3", "MIG-4", "MIG-5", "MIG-6", "MIG-7", "MIG-9", "DUP-1", "DUP-2"),
)

Key = protocol.index("Key")
Outcome = protocol.index("Outcome")
Phase = protocol.enum("Phase", "planned", "dual", "verified", "cut_over", "cleaned", "rolled_back")

phase = protocol.scalar("phase", Phase, initially=Phase.planned)
old = protocol.map("old", Key, to=Outcome, partial=True)
new = protocol.map("new", Key, to=Outcome, partial=True)
told = protocol.map("told", Key, to=Outcome, partial=True)  # the first outcome that a client was answered with
working = protocol.scalar("working", BOOL, initially=True)  # the migrator
checked = protocol.relation("checked", Key)  # keys that it has verified, in its memory
calm = protocol.scalar("calm", BOOL, initially=False)  # the migrator crashes no more


def old_rules() -> Term:
    """Whether the old shard is the authority."""
    return (phase != Phase.cut_over) & (phase != Phase.cleaned)


def writes_follow() -> Term:
    """Whether an answer waits for the new shard to follow the old one."""
    return (phase == Phase.dual) | (phase == Phase.verified)


def same(k: Term) -> Term:
    """Whether the new shard has what the old one has of a key, if that has anything."""
    return implies(old.defined(k), new.defined(k) & (new[k] == old[k]))


@protocol.action(k=Key, o=Outcome)
def insert_old(k: Term, o: Term) -> None:
    """The old shard rules: a claim finds the key free there, and inserts its outcome. Its node may die before the next write."""
    require(old_rules(), ~old.defined(k))
    old.next[k] = o


@protocol.action(k=Key, o=Outcome)
def insert_new(k: Term, o: Term) -> None:
    """The new shard rules: a claim finds the key free there, and inserts its outcome."""
    require(~old_rules(), ~new.defined(k))
    new.next[k] = o


@protocol.action(k=Key)
def answer_from_old(k: Term) -> None:
    """Outside of the migration a claim is answered with what the old shard holds."""
    require((phase == Phase.planned) | (phase == Phase.rolled_back), old.defined(k))
    told.next[k] = ite(told.defined(k), told[k], old[k])


@protocol.action(k=Key)
def answer_after_new_follows(k: Term) -> None:
    """Writes are dual and the old shard rules: the new one is overwritten with its outcome, and then the claim is answered."""
    require(writes_follow(), old.defined(k))
    new.next[k] = old[k]
    told.next[k] = ite(told.defined(k), told[k], old[k])


@protocol.action(k=Key)
def answer_after_old_follows(k: Term) -> None:
    """After cutover the old shard is overwritten in the same way, so that rolling back loses nothing."""
    require(phase == Phase.cut_over, new.defined(k))
    old.next[k] = new[k]
    told.next[k] = ite(told.defined(k), told[k], new[k])


@protocol.action(k=Key)
def answer_from_new(k: Term) -> None:
    """After cleanup a claim is answered with what the new shard holds."""
    require(phase == Phase.cleaned, new.defined(k))
    told.next[k] = ite(told.defined(k), told[k], new[k])


@protocol.action()
def write_to_both() -> None:
    """The migrator turns dual writes on, before it copies anything."""
    require(working, phase == Phase.planned)
    phase.next = Phase.dual


@protocol.action(k=Key)
def copy(k: Term) -> None:
    """The migrator copies a key that differs."""
    require(working, phase == Phase.dual, ~same(k))
    new.next[k] = old[k]


@protocol.action(k=Key)
def check(k: Term) -> None:
    """The migrator finds a key to be the same on both sides, or free in the old shard."""
    require(working, phase == Phase.dual, same(k))
    checked.next[k] = True


@protocol.action()
def verify() -> None:
    """The migrator has checked every key, and not crashed since."""
    require(phase == Phase.dual, forall(Key, lambda k: checked[k]))
    phase.next = Phase.verified


@protocol.action()
def cut_over() -> None:
    """The new shard becomes the authority."""
    require(working, phase == Phase.verified)
    phase.next = Phase.cut_over


@protocol.action()
def clean_up() -> None:
    """The migration has proved itself: the old shard no longer follows, and there is no way back."""
    require(working, phase == Phase.cut_over)
    phase.next = Phase.cleaned


@protocol.action(k=Key)
def delete_old(k: Term) -> None:
    """After cleanup the old shard's keys are deleted, one by one."""
    require(working, phase == Phase.cleaned, old.defined(k))
    old.next[k] = UNDEFINED


@protocol.action()
def roll_back() -> None:
    """Something looks wrong: the old shard alone serves again."""
    require(working, (phase == Phase.dual) | (phase == Phase.verified) | (phase == Phase.cut_over))
    phase.next = Phase.rolled_back


@protocol.action(k=Key)
def delete_new(k: Term) -> None:
    """After a rollback the new side's keys are deleted, one by one: a shard that stays in the ring has keys of its own besides."""
    require(working, phase == Phase.rolled_back, new.defined(k))
    new.next[k] = UNDEFINED


@protocol.action()
def crash() -> None:
    """The migrator dies and forgets what it has verified."""
    require(working, ~calm)
    working.next = False
    checked.next[:] = False


@protocol.action()
def resume() -> None:
    """The migrator comes back and goes on in the phase that is on record."""
    require(~working)
    working.next = True


@protocol.action()
def grow_calm() -> None:
    """The bad times end. This need not happen, but an end is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.always("MIG-1", "MIG-3", "MIG-4", "DUP-7")
def no_answer_is_forgotten() -> Term:
    """A key that was ever answered is found by every later claim, whatever the phase."""
    return forall(Key, lambda k: implies(told.defined(k), ite(old_rules(), old.defined(k), new.defined(k))))


@protocol.always("MIG-2", "MIG-4", "DUP-2")
def outcome_never_changes() -> Term:
    """A key that was ever answered has that outcome for good, before and after cutover and rollback."""
    return forall(
        Key,
        lambda k: implies(
            told.defined(k),
            ite(
                old_rules(),
                implies(old.defined(k), old[k] == told[k]),
                implies(new.defined(k), new[k] == told[k]),
            ),
        ),
    )


@protocol.always("MIG-2", "MIG-4", "MIG-5")
def rollback_is_safe() -> Term:
    """Until cleanup the old shard has every answer, so that rolling back is safe at any moment."""
    return forall(
        Key,
        lambda k: implies(told.defined(k) & (phase != Phase.cleaned), old.defined(k) & (old[k] == told[k])),
    )


@protocol.always("MIG-3", "MIG-5")
def verified_shard_has_every_answer() -> Term:
    """From verification on, and so at cutover and cleanup, the new shard has every answer, unless all was rolled back."""
    return forall(
        Key,
        lambda k: implies(
            told.defined(k) & (phase != Phase.planned) & (phase != Phase.dual) & (phase != Phase.rolled_back),
            new.defined(k) & (new[k] == told[k]),
        ),
    )


@protocol.always("MIG-3")
def what_differs_is_not_verified() -> Term:
    """The migrator verifies a key only while the new shard has what the old one has of it."""
    return forall(Key, lambda k: implies(protocol.enabled("check", k=k), same(k)))


@protocol.always("MIG-2", "DUP-1")
def inserts_only_what_is_free() -> Term:
    """A claim inserts into the shard that rules, and only where nothing is: it never overwrites."""
    return forall(
        Key,
        lambda k: (
            implies(protocol.enabled("insert_old", k=k), old_rules() & ~old.defined(k))
            & implies(protocol.enabled("insert_new", k=k), ~old_rules() & ~new.defined(k))
        ),
    )


@protocol.never("MIG-6")
def a_dead_migrator_acts() -> Term:
    """While the migrator is down, nothing that is its own to do happens."""
    e = protocol.enabled
    steps = e("write_to_both") | e("cut_over") | e("clean_up") | e("roll_back")
    keys = e("copy") | e("check") | e("delete_old") | e("delete_new")
    return ~working & (steps | keys)


@protocol.always("MIG-4", "MIG-5")
def rollback_is_possible_until_cleanup() -> Term:
    """A migrator that works can roll back whatever it was at, from the first dual write until cleanup, and not after."""
    under_way = (phase == Phase.dual) | (phase == Phase.verified) | (phase == Phase.cut_over)
    return protocol.enabled("roll_back") == (working & under_way)


@protocol.always("MIG-6")
def a_crash_forgets_what_was_checked() -> Term:
    """A migrator that comes back remembers nothing of what it checked."""
    return implies(~working, forall(Key, lambda k: ~checked[k]))


@protocol.always("MIG-6")
def the_migrator_stops_at_any_step() -> Term:
    """In bad times it may crash whatever it is at, in calm times it does not; when it is down, it may come back."""
    return (protocol.enabled("crash") == (working & ~calm)) & (protocol.enabled("resume") == ~working)


@protocol.always()
def bad_times_may_end() -> Term:
    """At any moment, whether the migrator works or not; they end once."""
    return protocol.enabled("grow_calm") == ~calm


@protocol.lemma()
def answered_keys_follow() -> Term:
    """A key that was answered and verified is in the new shard, with that outcome, until the migration is rolled back."""
    return forall(
        Key,
        lambda k: implies(told.defined(k) & checked[k] & (phase == Phase.dual), new.defined(k) & (new[k] == told[k])),
    )


@protocol.lemma()
def verification_needs_dual_writes() -> Term:
    """Nothing is verified before writes are dual."""
    return forall(Key, lambda k: ~checked[k] | (phase != Phase.planned))


@protocol.reachable("MIG-1")
def written_while_copied() -> Term:
    """A claim is answered during the copy, and its key is in both shards already."""
    return exists(Key, lambda k: (phase == Phase.dual) & told.defined(k) & new.defined(k))


@protocol.reachable("MIG-2")
def half_written() -> Term:
    """A node died between its two writes, and the shards differ after cutover."""
    return exists(Key, lambda k: (phase == Phase.cut_over) & old.defined(k) & new.defined(k) & (old[k] != new[k]))


@protocol.reachable("MIG-4")
def rolled_back_with_a_half_write() -> Term:
    """All was rolled back, and the new shard is left with an outcome that nobody was told."""
    return exists(Key, lambda k: (phase == Phase.rolled_back) & told.defined(k) & new.defined(k) & (new[k] != told[k]))


@protocol.reachable("MIG-9")
def rolled_back_and_empty() -> Term:
    """What was copied and verified is taken out of the new side again, and the old one answers."""
    return (phase == Phase.rolled_back) & forall(Key, lambda k: told.defined(k) & checked[k] & ~new.defined(k))


@protocol.reachable("MIG-5")
def moved() -> Term:
    """The old shard is empty, and the new one answers."""
    return calm & (phase == Phase.cleaned) & forall(Key, lambda k: told.defined(k) & ~old.defined(k))


@protocol.reachable("MIG-6")
def verified_after_a_crash() -> Term:
    """The migrator crashed when it had verified everything, nothing of that is lost, and it may crash again."""
    return (phase == Phase.verified) & ~working & ~calm & exists(Key, lambda k: told.defined(k) & new.defined(k))


@protocol.leads_to(
    "MIG-7",
    fair=(
        "insert_old",
        "insert_new",
        "answer_from_old",
        "answer_after_new_follows",
        "answer_after_old_follows",
        "answer_from_new",
    ),
)
def claims_are_answered() -> tuple[Term, Term]:
    """Claims for any key are answered in every phase, even if the migrator never moves again."""
    return exists(Key, lambda k: ~told.defined(k)), ~exists(Key, lambda k: ~told.defined(k))


@protocol.leads_to("MIG-6", fair=("copy", "check", "verify", "cut_over", "clean_up", "resume"))
def migration_ends() -> tuple[Term, Term]:
    """In calm times a migration that has begun ends: cleaned up, or rolled back."""
    return calm & (phase != Phase.planned), (phase == Phase.cleaned) | (phase == Phase.rolled_back)


@protocol.leads_to("MIG-5", fair=("delete_old", "resume"))
def old_shard_is_emptied() -> tuple[Term, Term]:
    """In calm times nothing is left in the old shard, once cleanup has begun."""
    return calm & (phase == Phase.cleaned), forall(Key, lambda k: ~old.defined(k))


@protocol.leads_to("MIG-9", fair=("delete_new", "resume"))
def what_was_copied_is_taken_out() -> tuple[Term, Term]:
    """In calm times nothing is left in the new side of a migration that was rolled back."""
    return calm & (phase == Phase.rolled_back), forall(Key, lambda k: ~new.defined(k))
