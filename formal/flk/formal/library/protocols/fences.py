"""How a ring of stores goes from one layout to the next, as if in one step, though no step spans two stores (MIG-8).

`migration` has one phase, which every write finds in the step that writes. Here the phase is that of a layout on record, stores are
servers of their own, and a write that is refused by none of them was decided in the layout that is in force at that very step. A
`Store` is what one atomic step spans: a PostgreSQL server, a bucket of Redis. A write that is on its way to a store is a node that
stands still: the layout it names was chosen before. Layouts are in the order of their numbers, and begin with any.
"""

from flk.formal.language import ANY, BOOL, UNDEFINED, Protocol, Term, exists, forall, implies, ite, require
from flk.formal.library.protocols.fences_enabled import say_who_acts

protocol = Protocol(
    "fences",
    """The registrar has the layout in force, and the one that comes next while a change is on its way. Each store has a fence that
    only rises: closed or open for a layout. A write names the layout in which it was decided, and is taken by a store that is open
    for that one. A change puts the next layout on record, closes every store that either layout has, puts the next in force if it
    still is what comes next, and opens the stores of that. Who meets a change completes it, and writes in a layout only when it
    has raised the fence of each of its stores. What was read of several stores is answered if one of them is open for the layout
    still. A node may stand still between any two steps, for ever, or die and begin anew.""",
    requirements=("MIG-2", "MIG-6", "MIG-7", "MIG-8", "RNG-4", "RNG-5", "HLC-7"),
)

Store = protocol.index("Store", size=2)
Node = protocol.index("Node", size=2)
Layout = protocol.index("Layout", size=2, ordered=True)

has = protocol.relation("has", Layout, Store, initially=ANY)  # the stores of a layout
now = protocol.scalar("now", Layout, partial=True)  # on record: the layout in force
coming = protocol.scalar("coming", Layout, partial=True)  # and the next one, while a change is on its way
fence = protocol.map("fence", Store, to=Layout, partial=True)
opened = protocol.relation("opened", Store)  # for the layout of its fence, else closed
known = protocol.map("known", Node, to=Layout, partial=True)  # the layout in which a node decides
found = protocol.map("found", Node, to=Layout, partial=True)  # in force when the node looked at the record
ahead = protocol.map("ahead", Node, to=Layout, partial=True)  # and coming next
raised = protocol.relation("raised", Node, Store)  # fences that it has raised since it looked
begun = protocol.map(
    "begun", Node, to=Layout, partial=True
)  # in force when a node began to read what it has yet to answer
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it, nor which layout `begun` is.
latest = protocol.scalar("latest", Layout, partial=True)  # the layout in which the last write was decided


@protocol.assume
def every_layout_has_a_store() -> Term:
    """A ring of no stores is none."""
    return forall(Layout, lambda x: exists(Store, lambda s: has[x, s]))


def concerned(n: Term, s: Term) -> Term:
    """The node has to raise the fence of the store: of those of either layout while a change is on its way."""
    return has[found[n], s] | (ahead.defined(n) & has[ahead[n], s])


def is_open(s: Term, x: Term) -> Term:
    """The store takes what was decided in the layout."""
    return fence.defined(s) & (fence[s] == x) & opened[s]


def all_raised(n: Term) -> Term:
    """The node has raised every fence that it has to."""
    return forall(Store, lambda s: implies(concerned(n, s), raised[n, s]))


def end(n: Term) -> None:
    """The node has done what it found on record."""
    found.next[n] = UNDEFINED
    ahead.next[n] = UNDEFINED
    raised.next[n, :] = False


@protocol.action(x=Layout)
def begin(x: Term) -> None:
    """The first layout is put on record by whoever comes first."""
    require(~now.defined())
    now.next = x


@protocol.action(n=Node, x=Layout)
def propose(n: Term, x: Term) -> None:
    """A migrator puts the next layout on record, if the one in force still is what it knows, and no other comes."""
    require(known.defined(n), now == known[n], ~coming.defined(), now < x)
    coming.next = x


@protocol.action(n=Node)
def look(n: Term) -> None:
    """A node looks at the record, and finds no change on its way."""
    require(~found.defined(n), now.defined(), ~coming.defined())
    found.next[n] = now


@protocol.action(n=Node)
def meet(n: Term) -> None:
    """A node looks at the record, and finds a change on its way, be it its own or that of somebody who died."""
    require(~found.defined(n), coming.defined())
    found.next[n] = now
    ahead.next[n] = coming


@protocol.action(n=Node, s=Store)
def close(n: Term, s: Term) -> None:
    """The fence of a store is raised to that of the next layout, closed, unless it is as high: nobody names that."""
    require(ahead.defined(n), concerned(n, s), ~raised[n, s])
    lower = ~fence.defined(s) | (fence[s] < ahead[n])
    fence.next[s] = ite(lower, ahead[n], fence[s])
    opened.next[s] = opened[s] & ~lower
    raised.next[n, s] = True


@protocol.action(n=Node)
def put_in_force(n: Term) -> None:
    """The next layout is in force, if the record is as the node found it: every store that either has was closed meanwhile."""
    require(ahead.defined(n), all_raised(n), coming.defined(), coming == ahead[n])
    now.next = coming
    coming.next = UNDEFINED
    end(n)


@protocol.action(n=Node)
def come_late(n: Term) -> None:
    """Somebody else has put it in force: the node looks again."""
    require(ahead.defined(n), all_raised(n), ~(coming.defined() & (coming == ahead[n])))
    end(n)


@protocol.action(n=Node, s=Store)
def open_store(n: Term, s: Term) -> None:
    """The fence of a store is raised to that of the layout that was found in force, open, unless it is as high."""
    require(found.defined(n), ~ahead.defined(n), concerned(n, s), ~raised[n, s])
    no_higher = ~fence.defined(s) | (fence[s] <= found[n])
    fence.next[s] = ite(no_higher, found[n], fence[s])
    opened.next[s] = opened[s] | no_higher
    raised.next[n, s] = True


@protocol.action(n=Node)
def follow(n: Term) -> None:
    """Every fence is raised, and the node decides in that layout from now on. What it was reading is read again."""
    require(found.defined(n), ~ahead.defined(n), all_raised(n))
    known.next[n] = found[n]
    begun.next[n] = UNDEFINED
    end(n)


@protocol.action(n=Node, s=Store)
def write(n: Term, s: Term) -> None:
    """A store takes a write that names the layout it is open for. Any other is refused, and decided again."""
    require(known.defined(n), has[known[n], s], is_open(s, known[n]))
    latest.next = known[n]


@protocol.action(n=Node)
def read(n: Term) -> None:
    """A node begins to read of the stores of the layout that it knows, of one after another: reads are refused by none."""
    require(known.defined(n), ~begun.defined(n))
    begun.next[n] = now


@protocol.action(n=Node, s=Store)
def answer(n: Term, s: Term) -> None:
    """What was read is answered, since a store of the layout is open for it still."""
    require(begun.defined(n), has[known[n], s], is_open(s, known[n]))
    begun.next[n] = UNDEFINED


@protocol.action(n=Node)
def die(n: Term) -> None:
    """A node dies, whatever it was doing; another comes in its place, or nobody."""
    require(~calm, known.defined(n) | found.defined(n))
    known.next[n] = UNDEFINED
    begun.next[n] = UNDEFINED
    end(n)


@protocol.action()
def grow_calm() -> None:
    """No node dies any more. This need not happen, but an end is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.always("MIG-2", "MIG-8", "RNG-4")
def writes_land_in_the_layout_in_force() -> Term:
    """A store takes only what was decided in the layout that is in force at that moment, so in the phase that is.

    That is what `migration` takes for granted of its one phase.
    """
    return forall(
        Node,
        Store,
        lambda n, s: implies(protocol.enabled("write", n=n, s=s), now.defined() & (now == known[n]) & has[now, s]),
    )


@protocol.always("MIG-2", "MIG-8")
def layouts_do_not_interleave() -> Term:
    """No store takes a write after any store took one that was decided in a later layout."""
    return forall(
        Node,
        Store,
        lambda n, s: implies(protocol.enabled("write", n=n, s=s) & latest.defined(), latest <= known[n]),
    )


@protocol.always("MIG-8")
def nothing_is_written_at_that_moment() -> Term:
    """When the next layout is put in force, no store takes a write, and none is open."""
    return implies(exists(Node, lambda n: protocol.enabled("put_in_force", n=n)), forall(Store, lambda s: ~opened[s]))


@protocol.always("MIG-8", "HLC-7")
def answers_are_of_one_layout() -> Term:
    """The layout in which a node read is in force when it answers, as when it began: so it was all the while."""
    return forall(
        Node,
        Store,
        lambda n, s: implies(
            protocol.enabled("answer", n=n, s=s),
            now.defined() & known.defined(n) & begun.defined(n) & (now == known[n]) & (now == begun[n]),
        ),
    )


@protocol.always("MIG-6", "MIG-8")
def what_was_raised_stays_raised() -> Term:
    """No fence falls below what anybody raised it to, however late others repeat a step."""
    return forall(
        Node,
        Store,
        lambda n, s: (
            implies(
                raised[n, s] & ahead.defined(n),
                fence.defined(s) & (ahead[n] <= fence[s]),
            )
            & implies(
                raised[n, s] & found.defined(n) & ~ahead.defined(n),
                fence.defined(s) & ((found[n] < fence[s]) | is_open(s, found[n])),
            )
            & implies(
                known.defined(n) & has[known[n], s],
                fence.defined(s) & ((known[n] < fence[s]) | is_open(s, known[n])),
            )
        ),
    )


@protocol.always("MIG-6", "RNG-5")
def layouts_only_rise() -> Term:
    """No layout comes into force that is earlier than one anybody found so; what comes next is later."""
    return forall(
        Node,
        lambda n: (
            implies(known.defined(n), now.defined() & (known[n] <= now))
            & implies(found.defined(n), now.defined() & (found[n] <= now))
            & implies(
                ahead.defined(n),
                now.defined()
                & found.defined(n)
                & (found[n] < ahead[n])
                & ((ahead[n] <= now) | (coming.defined() & (coming == ahead[n]) & (found[n] == now))),
            )
        ),
    ) & implies(coming.defined(), now.defined() & (now < coming))


@protocol.always("MIG-8", "RNG-5")
def open_stores_are_of_the_layout_in_force() -> Term:
    """A store is open for the layout in force, which has it, or for none."""
    return forall(Store, lambda s: implies(opened[s], now.defined() & is_open(s, now) & has[now, s]))


say_who_acts(protocol)


@protocol.lemma()
def nobody_is_ahead_of_the_record() -> Term:
    """A fence is no higher than what is in force, or closed for what comes next."""
    return forall(
        Store,
        lambda s: implies(
            fence.defined(s), now.defined() & ((fence[s] <= now) | (coming.defined() & (fence[s] == coming)))
        ),
    )


@protocol.lemma()
def what_is_over_is_closed() -> Term:
    """A store of a layout that a node found in force has a higher fence once another is."""
    return forall(
        Node,
        Store,
        lambda n, s: implies(
            found.defined(n) & now.defined() & (found[n] < now) & has[found[n], s],
            fence.defined(s) & (found[n] < fence[s]),
        ),
    )


@protocol.lemma()
def who_reads_knows_a_layout() -> Term:
    """Who reads began when the layout that it knows was in force, or over; who has raised a fence has looked."""
    return forall(
        Node,
        lambda n: (
            implies(
                begun.defined(n),
                known.defined(n) & now.defined() & (known[n] <= begun[n]) & (begun[n] <= now),
            )
            & forall(Store, lambda s: implies(raised[n, s], found.defined(n)))
        ),
    )


@protocol.lemma()
def what_was_written_is_no_later() -> Term:
    """The last write was decided in the layout in force, or one before."""
    return implies(latest.defined(), now.defined() & (latest <= now))


@protocol.reachable("MIG-8")
def written_before_and_after() -> Term:
    """A write is taken in a later layout than the first, while a node still knows that one."""
    return exists(Node, lambda n: latest.defined() & known.defined(n) & (known[n] < latest))


@protocol.reachable("MIG-7")
def two_complete_one_change() -> Term:
    """Two nodes have closed every store, and either may put the next layout in force."""
    return exists(
        Node,
        Node,
        lambda n, m: (n != m) & protocol.enabled("put_in_force", n=n) & protocol.enabled("put_in_force", n=m),
    )


@protocol.reachable("MIG-6")
def a_step_comes_late() -> Term:
    """A node is about to close a store that is open for the layout it would close it for."""
    return exists(
        Node, Store, lambda n, s: protocol.enabled("close", n=n, s=s) & ahead.defined(n) & is_open(s, ahead[n])
    )


@protocol.reachable("MIG-7", "MIG-8")
def everybody_died_in_the_middle() -> Term:
    """A store is closed for what comes next, and no node is about it, nor knows any layout."""
    return (
        coming.defined()
        & exists(Store, lambda s: fence.defined(s) & (fence[s] == coming))
        & forall(Node, lambda n: ~found.defined(n) & ~known.defined(n))
    )


@protocol.reachable("MIG-8")
def torn_and_read_again() -> Term:
    """A read goes across a change, and its node follows."""
    return exists(Node, lambda n: begun.defined(n) & found.defined(n) & (begun[n] < found[n]) & ~ahead.defined(n))


@protocol.reachable("MIG-8")
def a_store_comes_and_one_goes() -> Term:
    """One store is open that the layout before had not, and another was left behind, closed."""
    return exists(
        Store,
        Store,
        Layout,
        lambda s, o, x: opened[s] & ~has[x, s] & has[x, o] & fence.defined(o) & (x < fence[o]) & ~has[fence[o], o],
    )


_COMPLETING = ("meet", "look", "close", "put_in_force", "come_late", "open_store", "follow")


@protocol.leads_to("MIG-7", "MIG-8", fair=_COMPLETING)
def a_change_that_began_ends() -> tuple[Term, Term]:
    """In calm times a change is completed by those who meet it, though whoever began it died."""
    return calm & coming.defined(), ~coming.defined()


@protocol.leads_to("MIG-7", "MIG-8", fair=_COMPLETING)
def stores_are_open_again() -> tuple[Term, Term]:
    """In calm times every store of the layout in force comes to be open for it."""
    open_in_it = forall(Store, lambda s: implies(has[now, s], is_open(s, now)))
    return calm & now.defined(), now.defined() & ~coming.defined() & open_in_it
