"""The audit log of a region: several nodes append to one tree, sign and publish it, and witnesses look on (SEQ-1 to SEQ-5).

`Step` n is the object `batch/n`, and the tree of step n has the leaves of the batches up to it. A leaf is an entry of a node's log;
entries are in the order in which they are logged. A node is a process: one that comes back after a crash knows nothing, and a
request of its that is still on its way is another process. What Merkle trees add is in TLOG-3 to TLOG-5: here a tree is what it
says.

For a trace of nodes to be held against this, they write down: `log_entry` when an entry is durable, with the entry named
`[log, position]`; `put_batch` when the object was not there, with the number of the step and the last entry that is covered;
`read_batch` of each batch, the node's own, too, or `begin_with` the first; `write_tile` when the tile of a step was not there;
`sign` and `publish`, with a checkpoint named by size, root and signer; `cosign` and `refuse`; `remove` of each entry that goes with
a segment; and `crash` when a node comes up anew. Of a put whose answer was lost somebody finds out by reading: it was before that.
"""

from flk.formal.language import BOOL, Protocol, Term, exists, forall, implies, require
from flk.formal.library.protocols.transparency_enabled import say_who_acts

protocol = Protocol(
    "transparency",
    """Nodes log entries, each of which becomes a leaf of the region's tree. A node reads batch after batch, and puts the next one
    if nobody has: entries of a log behind those that the last batch covers. Who loses reads the winner's. Tiles are written of
    batches. A node signs a checkpoint once every tile of its tree is there, and only if that extends what the store shows. A
    signed checkpoint is published by anybody at any time, so an old one may be put over a later one. Witnesses cosign what extends
    the last they cosigned; whoever has the key may sign a tree that leaves something out, and they must not be taken in. What a
    batch covers may be removed from a log. Nodes die at any moment; once times are calm none does, and nobody forges.""",
    requirements=("TLOG-5", "SEQ-1", "SEQ-2", "SEQ-3", "SEQ-4", "SEQ-5"),
)

Log = protocol.index("Log", size=1)
Leaf = protocol.index("Leaf", size=2, ordered=True)
Step = protocol.index("Step", size=2, ordered=True)
Node = protocol.index("Node", size=2)
Checkpoint = protocol.index("Checkpoint", size=2)
Witness = protocol.index("Witness", size=1)

of = protocol.map("of", Leaf, to=Log, partial=True)  # the log that an entry is in, durably
removed = protocol.relation("removed", Leaf)  # from its log
put = protocol.relation("put", Step)  # the batch is there,
holds = protocol.relation("holds", Step, Leaf)  # with these leaves,
covers = protocol.relation("covers", Step, Leaf)  # and says that each log is in the tree up to here
tiled = protocol.relation("tiled", Step)  # the tiles that the step adds are there,
tile = protocol.relation("tile", Step, Leaf)  # of these leaves
read = protocol.relation("read", Node, Step)  # what a node has read since it came up,
mine = protocol.relation("mine", Node, Step, Leaf)  # the tree that it has of that,
known = protocol.relation("known", Node, Leaf)  # and what the last batch covers
upto = protocol.map("upto", Checkpoint, to=Step, partial=True)  # what is signed: the tree's size,
says = protocol.relation("says", Checkpoint, Step, Leaf)  # and the tree
published = protocol.relation("published", Checkpoint)  # at some time
latest = protocol.scalar("latest", Checkpoint, partial=True)  # what the store shows
last = protocol.map("last", Witness, to=Checkpoint, partial=True)  # that a witness cosigned
alarmed = protocol.relation("alarmed", Witness)  # it has seen a fork
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it, but who has cosigned does so once.
cosigned = protocol.relation("cosigned", Witness, Checkpoint)
forged = protocol.relation("forged", Checkpoint)  # signed by whoever has the key


def is_next(n: Term, s: Term) -> Term:
    """The node has read all batches before this one."""
    return ~read[n, s] & forall(Step, lambda t: implies(t < s, read[n, t]))


def is_fresh(n: Term, x: Term, upto_: Term) -> Term:
    """The entry is in the log of another, no later, and behind what the node knows to be covered."""
    return of.defined(x) & (of[x] == of[upto_]) & (x <= upto_) & ~known[n, x]


def in_tiles(s: Term) -> Term:
    """Every tile of the tree of a step is there."""
    return forall(Step, lambda t: implies(t <= s, tiled[t]))


def extends(n: Term, s: Term) -> Term:
    """The tree of a step, as the node has it, is larger than the one that the store shows, and begins with that."""
    return ~latest.defined() | (
        upto.defined(latest)
        & (upto[latest] < s)
        & forall(Step, Leaf, lambda t, x: implies(t <= upto[latest], says[latest, t, x] == mine[n, t, x]))
    )


def agree(c: Term, d: Term) -> Term:
    """The tree of one checkpoint begins with that of the other; both are signed."""
    return forall(Step, Leaf, lambda t, x: implies((t <= upto[c]) & (t <= upto[d]), says[c, t, x] == says[d, t, x]))


@protocol.action(x=Leaf, g=Log)
def log_entry(x: Term, g: Term) -> None:
    """A node logs an entry, behind all others of its log, and acknowledges it when it is durable."""
    require(~of.defined(x), forall(Leaf, lambda y: implies(of.defined(y) & (x < y), of[y] != g)))
    of.next[x] = g


@protocol.action(n=Node, s=Step)
def read_batch(n: Term, s: Term) -> None:
    """A node reads the next batch, its own or another's."""
    require(put[s], is_next(n, s))
    read.next[n, s] = True
    mine.next[n, s, :] = lambda x: holds[s, x]
    known.next[n, :] = lambda x: covers[s, x]


@protocol.action(n=Node, s=Step)
def begin_with(n: Term, s: Term) -> None:
    """A node that has read nothing takes the tree from its tiles, and what is covered from the batch of that step."""
    require(put[s], in_tiles(s), forall(Step, lambda t: ~read[n, t]))
    read.next[n, :] = lambda t: t <= s
    mine.next[n, :, :] = lambda t, x: (t <= s) & tile[t, x]
    known.next[n, :] = lambda x: covers[s, x]


@protocol.action(n=Node, s=Step, x=Leaf)
def put_batch(n: Term, s: Term, x: Term) -> None:
    """A node puts the next batch, unless one is there: the entries of a log up to one, from where the last batch left it."""
    require(of.defined(x), ~known[n, x], is_next(n, s), ~put[s])
    put.next[s] = True
    holds.next[s, :] = lambda y: is_fresh(n, y, x)
    covers.next[s, :] = lambda y: known[n, y] | is_fresh(n, y, x)


@protocol.action(n=Node, s=Step)
def write_tile(n: Term, s: Term) -> None:
    """A node that has read a batch writes what that adds to the tiles, unless it is there."""
    require(read[n, s], ~tiled[s])
    tiled.next[s] = True
    tile.next[s, :] = lambda x: mine[n, s, x]


@protocol.action(n=Node, c=Checkpoint, s=Step)
def sign(n: Term, c: Term, s: Term) -> None:
    """A node signs the tree of a step when every tile of it is there, and it extends what the store shows."""
    require(~upto.defined(c), read[n, s], in_tiles(s), extends(n, s))
    upto.next[c] = s
    says.next[c, :, :] = lambda t, x: (t <= s) & mine[n, t, x]


@protocol.action(c=Checkpoint, s=Step, x=Leaf)
def forge(c: Term, s: Term, x: Term) -> None:
    """Whoever has the key signs a tree that leaves out a leaf."""
    require(~calm, ~upto.defined(c), holds[s, x])
    upto.next[c] = s
    says.next[c, :, :] = lambda t, y: (t <= s) & holds[t, y] & (x != y)
    forged.next[c] = True


@protocol.action(c=Checkpoint)
def publish(c: Term) -> None:
    """What was signed is put where the latest checkpoint is, perhaps by somebody who was paused since."""
    require(upto.defined(c), ~latest.defined() | (latest != c))
    latest.next = c
    published.next[c] = True


@protocol.action(w=Witness, c=Checkpoint)
def cosign(w: Term, c: Term) -> None:
    """A witness cosigns a checkpoint, published or not, if it extends the last that it cosigned, and keeps it."""
    require(
        upto.defined(c),
        ~cosigned[w, c],
        ~last.defined(w) | (upto.defined(last[w]) & (upto[last[w]] <= upto[c]) & agree(last[w], c)),
    )
    last.next[w] = c
    cosigned.next[w, c] = True


@protocol.action(w=Witness, c=Checkpoint)
def refuse(w: Term, c: Term) -> None:
    """A witness, or whoever monitors, finds that a checkpoint and the last it took exclude each other, and says so."""
    require(~alarmed[w], published[c], upto.defined(c), last.defined(w), upto.defined(last[w]), ~agree(last[w], c))
    alarmed.next[w] = True


@protocol.action(n=Node, x=Leaf)
def remove(n: Term, x: Term) -> None:
    """A node removes from a log what it has read to be covered."""
    require(known[n, x], ~removed[x])
    removed.next[x] = True


@protocol.action(n=Node)
def crash(n: Term) -> None:
    """A node dies, and what it had read is forgotten."""
    require(~calm, exists(Step, lambda s: read[n, s]))
    read.next[n, :] = False
    mine.next[n, :, :] = False
    known.next[n, :] = False


@protocol.action()
def grow_calm() -> None:
    """No node dies any more, and nobody forges. This need not happen, but an end is promised only if it does."""
    require(~calm)
    calm.next = True


def is_published(x: Term) -> Term:
    """The entry is a leaf of a checkpoint that was published."""
    return exists(Checkpoint, Step, lambda c, s: published[c] & says[c, s, x])


@protocol.may_stop()
def all_is_published_or_nobody_can_sign() -> Term:
    """Each entry is published; or all checkpoints that there may be are signed; or a forged one keeps nodes from signing."""
    return (
        forall(Leaf, lambda x: implies(of.defined(x), is_published(x)))
        | forall(Checkpoint, upto.defined)
        | exists(Checkpoint, lambda c: forged[c])
    )


@protocol.always("TLOG-5", "SEQ-1")
def checkpoints_never_fork() -> Term:
    """Of two checkpoints that any nodes signed, the tree of one begins with that of the other."""
    return forall(
        Checkpoint,
        Checkpoint,
        lambda c, d: implies(upto.defined(c) & upto.defined(d) & ~forged[c] & ~forged[d], agree(c, d)),
    )


@protocol.always("SEQ-1")
def a_leaf_is_there_once() -> Term:
    """No entry is a leaf of two batches; each is in a log."""
    return forall(Step, Step, Leaf, lambda s, t, x: implies(holds[s, x] & holds[t, x], s == t)) & forall(
        Step, Leaf, lambda s, x: implies(holds[s, x], of.defined(x))
    )


@protocol.always("SEQ-1")
def a_batch_is_of_one_log() -> Term:
    """Who puts a batch needs to read one log, its own."""
    return forall(
        Step,
        Leaf,
        Leaf,
        lambda s, x, y: implies(
            holds[s, x] & holds[s, y] & of.defined(x) & of.defined(y),
            of[x] == of[y],
        ),
    )


@protocol.always("SEQ-1")
def logs_are_in_order_without_gap() -> Term:
    """Where an entry is a leaf, all before it in its log are, in the same batch or an earlier one."""
    return forall(
        Step,
        Leaf,
        Leaf,
        lambda s, x, y: implies(
            holds[s, y] & of.defined(x) & of.defined(y) & (of[x] == of[y]) & (x < y),
            exists(Step, lambda t: (t <= s) & holds[t, x]),
        ),
    )


@protocol.always("SEQ-1")
def steps_are_in_order_without_gap() -> Term:
    """Before a batch all are there, and one that is not there has nothing."""
    return forall(Step, Step, lambda s, t: implies(put[t] & (s < t), put[s])) & forall(
        Step, Leaf, lambda s, x: implies(holds[s, x] | covers[s, x], put[s])
    )


@protocol.always("SEQ-1")
def what_is_covered_is_in_the_tree() -> Term:
    """A batch covers what it, or one before it, holds; nothing else, and all of that."""
    return forall(
        Step, Leaf, lambda s, x: implies(covers[s, x], exists(Step, lambda t: (t <= s) & holds[t, x]))
    ) & forall(Step, Step, Leaf, lambda s, t, x: implies(holds[t, x] & (t <= s) & put[s], covers[s, x]))


@protocol.always("SEQ-2")
def what_is_signed_is_there() -> Term:
    """Every tile of a checkpoint that a node signed is there, and so are its leaves, in the order of the batches."""
    return forall(
        Checkpoint,
        Step,
        Leaf,
        lambda c, t, x: implies(
            upto.defined(c) & ~forged[c] & (t <= upto[c]),
            put[t] & tiled[t] & (says[c, t, x] == tile[t, x]) & (tile[t, x] == holds[t, x]),
        ),
    )


@protocol.always("SEQ-1", "SEQ-2")
def tiles_are_what_everybody_would_write() -> Term:
    """Tiles have what the batches have, and whoever has read those has that, too: one that differs is a reason for alarm."""
    return forall(
        Step, Leaf, lambda s, x: implies(tiled[s], put[s]) & (tile[s, x] == (tiled[s] & holds[s, x]))
    ) & forall(Node, Step, Leaf, lambda n, s, x: implies(read[n, s] & tiled[s], tile[s, x] == mine[n, s, x]))


@protocol.always("SEQ-3")
def nobody_signs_beside_the_tree() -> Term:
    """What the store shows never keeps a node from signing a larger tree, unless it was forged."""
    return forall(
        Node,
        Checkpoint,
        Step,
        lambda n, c, s: implies(
            read[n, s]
            & in_tiles(s)
            & ~upto.defined(c)
            & latest.defined()
            & upto.defined(latest)
            & (upto[latest] < s)
            & ~forged[latest],
            protocol.enabled("sign", n=n, c=c, s=s),
        ),
    )


@protocol.always("SEQ-4")
def a_witness_cosigns_one_history() -> Term:
    """No two checkpoints that a witness cosigned fork, whoever signed them."""
    return forall(
        Witness,
        Checkpoint,
        Checkpoint,
        lambda w, c, d: implies(cosigned[w, c] & cosigned[w, d] & upto.defined(c) & upto.defined(d), agree(c, d)),
    )


@protocol.always("SEQ-3", "SEQ-4")
def a_witness_keeps_the_largest() -> Term:
    """No checkpoint that a witness cosigned is larger than the one that it keeps."""
    return forall(
        Witness,
        Checkpoint,
        lambda w, c: implies(
            cosigned[w, c],
            upto.defined(c) & last.defined(w) & upto.defined(last[w]) & (upto[c] <= upto[last[w]]),
        ),
    )


@protocol.always("SEQ-3", "SEQ-4")
def no_alarm_without_a_forger() -> Term:
    """Nobody who looks on says that there is a fork while only nodes have signed, in whatever order that was published."""
    return implies(exists(Witness, lambda w: alarmed[w]), exists(Checkpoint, lambda c: forged[c]))


@protocol.always("SEQ-4")
def a_forgery_leaves_out_one_leaf() -> Term:
    """A forged checkpoint is the tree of its step without one leaf of that step, whatever else may be forged."""

    def says_all_but(c: Term, x: Term) -> Term:
        return holds[upto[c], x] & forall(
            Step, Leaf, lambda t, y: says[c, t, y] == ((t <= upto[c]) & holds[t, y] & (x != y))
        )

    return forall(
        Checkpoint, lambda c: implies(forged[c], upto.defined(c) & exists(Leaf, lambda x: says_all_but(c, x)))
    )


@protocol.always("SEQ-5")
def what_is_removed_is_in_the_tree() -> Term:
    """What was removed from a log is a leaf of a batch that is there."""
    return forall(Leaf, lambda x: implies(removed[x], of.defined(x) & exists(Step, lambda s: holds[s, x])))


say_who_acts(protocol)


@protocol.lemma()
def nodes_have_what_they_read() -> Term:
    """A node has the tree of the batches that it has read, which are the first, and no other."""
    return forall(
        Node,
        Step,
        lambda n, s: implies(read[n, s], put[s]) & forall(Step, lambda t: implies(read[n, s] & (t < s), read[n, t])),
    ) & forall(Node, Step, Leaf, lambda n, s, x: mine[n, s, x] == (read[n, s] & holds[s, x]))


@protocol.lemma()
def nodes_know_what_is_covered() -> Term:
    """A node knows to be covered what a batch that it has read holds, and nothing else."""
    return forall(
        Node, Leaf, lambda n, x: implies(known[n, x], exists(Step, lambda s: read[n, s] & holds[s, x]))
    ) & forall(Node, Step, Leaf, lambda n, s, x: implies(read[n, s] & holds[s, x], known[n, x]))


@protocol.lemma()
def only_the_signed_is_shown() -> Term:
    """What was published, shown, cosigned or forged is signed; and what is not says nothing, nor anything behind its end."""
    return (
        forall(Checkpoint, lambda c: implies(published[c] | forged[c], upto.defined(c)))
        & forall(Checkpoint, Step, Leaf, lambda c, t, x: implies(says[c, t, x], upto.defined(c) & (t <= upto[c])))
        & implies(latest.defined(), published[latest])
        & forall(Witness, lambda w: implies(last.defined(w), cosigned[w, last[w]]))
    )


@protocol.reachable("SEQ-1")
def a_race_is_lost() -> Term:
    """A node is about to put a batch where another has put one that it has not read."""
    return exists(
        Node, Node, Step, Leaf, lambda n, m, s, x: put[s] & is_next(n, s) & read[m, s] & of.defined(x) & ~known[n, x]
    )


@protocol.reachable("SEQ-2")
def two_nodes_write_one_tile() -> Term:
    """Two nodes have read a batch whose tile is not there yet."""
    return exists(
        Node,
        Node,
        Step,
        lambda n, m, s: (n != m) & protocol.enabled("write_tile", n=n, s=s) & protocol.enabled("write_tile", n=m, s=s),
    )


@protocol.reachable("SEQ-3")
def the_store_shows_less_than_before() -> Term:
    """A checkpoint was put over a larger one, and neither was forged."""
    return exists(
        Checkpoint,
        lambda c: (
            published[c]
            & upto.defined(c)
            & latest.defined()
            & upto.defined(latest)
            & (upto[latest] < upto[c])
            & forall(Checkpoint, lambda d: ~forged[d])
        ),
    )


@protocol.reachable("SEQ-4")
def a_witness_follows() -> Term:
    """A witness has cosigned a larger tree after a smaller one."""
    return exists(
        Witness,
        Checkpoint,
        lambda w, c: (
            cosigned[w, c]
            & upto.defined(c)
            & last.defined(w)
            & upto.defined(last[w])
            & (upto[c] < upto[last[w]])
            & forall(Checkpoint, lambda d: ~forged[d])
        ),
    )


@protocol.reachable("SEQ-4")
def a_fork_is_told() -> Term:
    """A checkpoint that was forged and one that was not are published, and a witness says so."""
    return exists(Witness, lambda w: alarmed[w])


@protocol.reachable("SEQ-5")
def removed_behind_a_slow_node() -> Term:
    """Something is removed that a node does not know to be in the tree."""
    return exists(Node, Leaf, lambda n, x: removed[x] & ~known[n, x] & exists(Step, lambda s: read[n, s]))


_INTEGRATING = ("read_batch", "put_batch", "write_tile")


@protocol.leads_to("SEQ-1", fair=_INTEGRATING)
def every_entry_becomes_a_leaf() -> tuple[Term, Term]:
    """In calm times whatever is logged comes to be in the tree, and all its tiles come to be there."""
    return calm, forall(
        Leaf, lambda x: implies(of.defined(x), exists(Step, lambda s: holds[s, x] & tiled[s] & in_tiles(s)))
    )


@protocol.leads_to("SEQ-2", "SEQ-3", fair=(*_INTEGRATING, "sign", "publish"))
def every_entry_is_published() -> tuple[Term, Term]:
    """In calm times, if nothing was forged, what is logged comes to be in a published checkpoint, so long as any may be signed."""
    no_forger = forall(Checkpoint, lambda c: ~forged[c])
    no_more = forall(Checkpoint, upto.defined)
    return calm & no_forger, no_more | forall(Leaf, lambda x: implies(of.defined(x), is_published(x)))
