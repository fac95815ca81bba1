"""How a row that has rotted in a shared store is put back from a log, and what was claimed meanwhile is joined in (DUP-8).

The claims of a key are in the order in which they prevail (CRR-1). A row that has rotted holds the claim that it held, which
nobody can read: what is left tells only whether a claim that a node has is that one (decision 0049).
"""

from flk.formal.language import BOOL, UNDEFINED, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "rotten-rows",
    """Nodes share a store, and join what they have logged into the rows of their keys. A row may rot at any moment, and again.
    Of such a row nothing is answered, and a claim of its key is set aside in a note of the store, the least of them. Whoever reads
    the note looks into a log for the claim that the row names, and puts that back if the row still is as it was looked at. Whoever
    finds the row sound joins in what was set aside, and then strikes the row from the note unless more came. Logs may be lost, and
    a node may stand still between any two steps, for ever, or die.""",
    requirements=("DUP-1", "DUP-8", "DUP-10", "CRR-1"),
)

Key = protocol.index("Key", size=1)
Node = protocol.index("Node", size=2)
Claim = protocol.index("Claim", size=2, ordered=True)

Stage = protocol.enum("Stage", "unmade", "logged", "met", "taken")
"""Of a claim of a key: it is in a log; its node has met a rotten row, and has yet to set it aside; it is in the store."""

Step = protocol.enum("Step", "idle", "found", "read", "joined")
"""Of a node with a key: it has found the claim that the rotten row names; it has read what was set aside; it has joined that."""

row = protocol.map("row", Key, to=Claim, partial=True)  # what was written there
rotten = protocol.relation("rotten", Key)
noted = protocol.relation("noted", Key)
aside = protocol.map("aside", Key, to=Claim, partial=True)  # the least that was set aside, in the note
stage = protocol.map("stage", Key, Claim, to=Stage, initially=Stage.unmade)
lost = protocol.relation("lost", Key, Claim)  # no log or snapshot that can be read has it any more
step = protocol.map("step", Node, Key, to=Step, initially=Step.idle)
carried = protocol.map("carried", Node, Key, to=Claim, partial=True)  # what the node found, or read
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it.
said = protocol.map("said", Key, to=Claim, partial=True)  # the outcome that the last answer named


def is_sound(k: Term) -> Term:
    """There is a row, and it is what was written."""
    return row.defined(k) & ~rotten[k]


def is_left(n: Term, k: Term) -> Term:
    """What the node found is what the rotten row names."""
    return rotten[k] & (row[k] == carried[n, k])


def is_noted_so(n: Term, k: Term) -> Term:
    """The note has what the node read there, and no more."""
    return ite(carried.defined(n, k), aside.defined(k) & (aside[k] == carried[n, k]), ~aside.defined(k))


def end(n: Term, k: Term) -> None:
    """The node is done with the key."""
    step.next[n, k] = Step.idle
    carried.next[n, k] = UNDEFINED


@protocol.action(k=Key, c=Claim)
def log_claim(k: Term, c: Term) -> None:
    """A node logs a claim."""
    require(stage[k, c] == Stage.unmade)
    stage.next[k, c] = Stage.logged


@protocol.action(k=Key, c=Claim)
def join(k: Term, c: Term) -> None:
    """A claim is joined into the row: it takes the place that is free, or of a later one."""
    require(stage[k, c] == Stage.logged, ~rotten[k])
    row.next[k] = ite(~row.defined(k) | (c < row[k]), c, row[k])
    stage.next[k, c] = Stage.taken


@protocol.action(k=Key, c=Claim)
def meet(k: Term, c: Term) -> None:
    """The node of a claim finds the row rotten."""
    require(stage[k, c] == Stage.logged, rotten[k])
    stage.next[k, c] = Stage.met


@protocol.action(k=Key, c=Claim)
def set_aside(k: Term, c: Term) -> None:
    """It sets the claim aside, be the row sound again by now or not."""
    require(stage[k, c] == Stage.met)
    aside.next[k] = ite(~aside.defined(k) | (c < aside[k]), c, aside[k])
    noted.next[k] = True
    stage.next[k, c] = Stage.taken


@protocol.action(k=Key, c=Claim)
def start_anew(k: Term, c: Term) -> None:
    """Or it dies, and the claim is replayed from its log."""
    require(~calm, stage[k, c] == Stage.met)
    stage.next[k, c] = Stage.logged


@protocol.action(k=Key)
def answer(k: Term) -> None:
    """A repetition is answered from the row."""
    require(is_sound(k))
    said.next[k] = row[k]


@protocol.action(k=Key)
def rot(k: Term) -> None:
    """A row rots, so that what is left still tells what it held."""
    require(~calm, is_sound(k))
    rotten.next[k] = True


@protocol.action(k=Key, c=Claim)
def lose_log(k: Term, c: Term) -> None:
    """The last log that has a claim of the store is lost."""
    require(~calm, stage[k, c] == Stage.taken, ~lost[k, c])
    lost.next[k, c] = True


@protocol.action(k=Key)
def notice(k: Term) -> None:
    """A node reads the row, and notes that it has rotted."""
    require(rotten[k], ~noted[k])
    noted.next[k] = True


@protocol.action(n=Node, k=Key, c=Claim)
def find(n: Term, k: Term, c: Term) -> None:
    """A node finds in a log the claim that a noted row names."""
    require(step[n, k] == Step.idle, noted[k], rotten[k], row[k] == c, ~lost[k, c])
    step.next[n, k] = Step.found
    carried.next[n, k] = c


@protocol.action(n=Node, k=Key)
def put_back(n: Term, k: Term) -> None:
    """The claim takes the place of what is left of it, in one step."""
    require(step[n, k] == Step.found, is_left(n, k))
    row.next[k] = carried[n, k]
    rotten.next[k] = False
    end(n, k)


@protocol.action(n=Node, k=Key)
def come_late(n: Term, k: Term) -> None:
    """Another node has put it back."""
    require(step[n, k] == Step.found, ~is_left(n, k))
    end(n, k)


@protocol.action(n=Node, k=Key)
def read_note(n: Term, k: Term) -> None:
    """A node reads what was set aside of a row that is sound."""
    require(step[n, k] == Step.idle, noted[k], ~rotten[k], aside.defined(k))
    step.next[n, k] = Step.read
    carried.next[n, k] = aside[k]


@protocol.action(n=Node, k=Key)
def read_nothing(n: Term, k: Term) -> None:
    """A node reads that nothing was set aside, so that nothing is to be joined."""
    require(step[n, k] == Step.idle, noted[k], ~rotten[k], ~aside.defined(k))
    step.next[n, k] = Step.joined


@protocol.action(n=Node, k=Key)
def rejoin(n: Term, k: Term) -> None:
    """What was set aside is joined into the row."""
    require(step[n, k] == Step.read, ~rotten[k])
    row.next[k] = ite(carried[n, k] < row[k], carried[n, k], row[k])
    step.next[n, k] = Step.joined


@protocol.action(n=Node, k=Key)
def rot_came_first(n: Term, k: Term) -> None:
    """The row has rotted anew: nothing is joined, nor struck."""
    require(step[n, k] == Step.read, rotten[k])
    end(n, k)


@protocol.action(n=Node, k=Key)
def strike(n: Term, k: Term) -> None:
    """The row is noted no more, if the note has what was joined: should it have rotted, whoever reads it notes it anew."""
    require(step[n, k] == Step.joined, is_noted_so(n, k))
    noted.next[k] = False
    aside.next[k] = UNDEFINED
    end(n, k)


@protocol.action(n=Node, k=Key)
def more_came(n: Term, k: Term) -> None:
    """More was set aside meanwhile, or another node struck it."""
    require(step[n, k] == Step.joined, ~is_noted_so(n, k))
    end(n, k)


@protocol.action(n=Node, k=Key)
def die(n: Term, k: Term) -> None:
    """A node dies, and another goes on from what the store has."""
    require(~calm, step[n, k] != Step.idle)
    end(n, k)


@protocol.action()
def grow_calm() -> None:
    """Nothing rots, dies or is lost any more. This need not happen, but an end is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.may_stop()
def the_rest_is_done_by_hand() -> Term:
    """Of each row that has rotted no log is left."""
    return calm & forall(Key, lambda k: rotten[k] & lost[k, row[k]])


@protocol.always("DUP-1", "DUP-8")
def nothing_that_was_taken_is_lost() -> Term:
    """A claim that the store took prevails there, or one that precedes it does; or either is set aside, and noted."""

    def holds(k: Term, c: Term) -> Term:
        return (row.defined(k) & (row[k] <= c)) | (noted[k] & aside.defined(k) & (aside[k] <= c))

    return forall(Key, Claim, lambda k, c: implies(stage[k, c] == Stage.taken, holds(k, c)))


@protocol.always("DUP-8")
def nothing_is_made_up() -> Term:
    """A row, and what is set aside of it, is a claim that the store took."""
    return forall(
        Key,
        lambda k: (
            implies(row.defined(k), stage[k, row[k]] == Stage.taken)
            & implies(aside.defined(k), stage[k, aside[k]] == Stage.taken)
        ),
    )


@protocol.always("DUP-8")
def only_what_was_there_is_put_back() -> Term:
    """What takes the place of a rotten row is what the row held."""
    return forall(
        Node,
        Key,
        lambda n, k: implies(
            protocol.enabled("put_back", n=n, k=k), rotten[k] & row.defined(k) & (row[k] == carried[n, k])
        ),
    )


@protocol.always("DUP-1", "DUP-10")
def outcomes_only_give_way_to_what_precedes() -> Term:
    """What is answered was answered before, or precedes it."""
    return forall(
        Key,
        lambda k: implies(protocol.enabled("answer", k=k) & said.defined(k), row.defined(k) & (row[k] <= said[k])),
    )


@protocol.always("DUP-8")
def all_but_rotten_rows_are_served() -> Term:
    """A key is answered, and a claim of it is joined, whenever its own row is sound, whatever has rotted elsewhere."""
    return forall(
        Key, lambda k: protocol.enabled("answer", k=k) == (row.defined(k) & implies(row.defined(k), ~rotten[k]))
    ) & forall(
        Key,
        Claim,
        lambda k, c: (
            (protocol.enabled("join", k=k, c=c) == ((stage[k, c] == Stage.logged) & ~rotten[k]))
            & (protocol.enabled("meet", k=k, c=c) == ((stage[k, c] == Stage.logged) & rotten[k]))
            & (protocol.enabled("set_aside", k=k, c=c) == (stage[k, c] == Stage.met))
            & (protocol.enabled("log_claim", k=k, c=c) == (stage[k, c] == Stage.unmade))
        ),
    )


@protocol.always("DUP-8")
def who_mends() -> Term:
    """Who is idle looks at a noted row, for the claim if it has rotted, else for what was set aside, and goes on."""

    def idle(n: Term, k: Term) -> Term:
        return noted[k] & (step[n, k] == Step.idle)

    return forall(Key, lambda k: protocol.enabled("notice", k=k) == (rotten[k] & ~noted[k])) & forall(
        Node,
        Key,
        lambda n, k: (
            forall(
                Claim,
                lambda c: (
                    protocol.enabled("find", n=n, k=k, c=c)
                    == (idle(n, k) & rotten[k] & row.defined(k) & (row[k] == c) & ~lost[k, c])
                ),
            )
            & (
                (protocol.enabled("put_back", n=n, k=k) | protocol.enabled("come_late", n=n, k=k))
                == (step[n, k] == Step.found)
            )
            & ~(protocol.enabled("put_back", n=n, k=k) & protocol.enabled("come_late", n=n, k=k))
            & (protocol.enabled("read_note", n=n, k=k) == (idle(n, k) & ~rotten[k] & aside.defined(k)))
            & (protocol.enabled("read_nothing", n=n, k=k) == (idle(n, k) & ~rotten[k] & ~aside.defined(k)))
            & (protocol.enabled("rejoin", n=n, k=k) == ((step[n, k] == Step.read) & ~rotten[k]))
            & (protocol.enabled("rot_came_first", n=n, k=k) == ((step[n, k] == Step.read) & rotten[k]))
            & (
                (protocol.enabled("strike", n=n, k=k) | protocol.enabled("more_came", n=n, k=k))
                == (step[n, k] == Step.joined)
            )
            & ~(protocol.enabled("strike", n=n, k=k) & protocol.enabled("more_came", n=n, k=k))
        ),
    )


@protocol.always()
def what_may_go_wrong() -> Term:
    """Rows rot, logs are lost and nodes die until times are calm."""
    return (
        forall(
            Key,
            lambda k: protocol.enabled("rot", k=k) == (~calm & row.defined(k) & implies(row.defined(k), ~rotten[k])),
        )
        & forall(
            Key,
            Claim,
            lambda k, c: (
                (protocol.enabled("lose_log", k=k, c=c) == (~calm & (stage[k, c] == Stage.taken) & ~lost[k, c]))
                & (protocol.enabled("start_anew", k=k, c=c) == (~calm & (stage[k, c] == Stage.met)))
            ),
        )
        & forall(Node, Key, lambda n, k: protocol.enabled("die", n=n, k=k) == (~calm & (step[n, k] != Step.idle)))
        & (protocol.enabled("grow_calm") == ~calm)
    )


@protocol.lemma()
def what_rotted_was_written() -> Term:
    """A row that rots, or that a claim was set aside of, is there, and what was answered was."""
    return forall(
        Key,
        lambda k: (
            implies(rotten[k] | noted[k] | aside.defined(k) | said.defined(k), row.defined(k))
            & implies(aside.defined(k), noted[k])
            & implies(said.defined(k), row.defined(k) & (row[k] <= said[k]))
        ),
    ) & forall(Key, Claim, lambda k, c: implies(stage[k, c] == Stage.met, row.defined(k)))


@protocol.lemma()
def what_a_node_has_in_hand() -> Term:
    """What a node found or read is a claim that the store took; what it has joined the row holds, or what precedes it."""
    return forall(
        Node,
        Key,
        lambda n, k: (
            implies((step[n, k] == Step.found) | (step[n, k] == Step.read), carried.defined(n, k))
            & implies(step[n, k] == Step.idle, ~carried.defined(n, k))
            & implies(step[n, k] != Step.idle, row.defined(k))
            & implies(carried.defined(n, k), stage[k, carried[n, k]] == Stage.taken)
            & implies((step[n, k] == Step.joined) & carried.defined(n, k), row.defined(k) & (row[k] <= carried[n, k]))
        ),
    )


@protocol.reachable("DUP-8")
def put_back_and_joined() -> Term:
    """What was set aside prevails now over what was put back."""
    return exists(
        Node, Key, lambda n, k: (step[n, k] == Step.joined) & is_sound(k) & said.defined(k) & (row[k] < said[k])
    )


@protocol.reachable("DUP-8")
def two_put_back_at_once() -> Term:
    """Two nodes have found what a row names, and either may put it back."""
    return exists(
        Node,
        Node,
        Key,
        lambda n, m, k: (n != m) & protocol.enabled("put_back", n=n, k=k) & protocol.enabled("put_back", n=m, k=k),
    )


@protocol.reachable("DUP-8")
def the_row_has_moved_on() -> Term:
    """A node is about to put back what was put back, joined on, and has rotted again since."""
    return exists(Node, Key, lambda n, k: (step[n, k] == Step.found) & rotten[k] & (row[k] < carried[n, k]))


@protocol.reachable("DUP-8")
def more_was_set_aside() -> Term:
    """A node has joined what it read, and what came since precedes that."""
    return exists(
        Node,
        Key,
        lambda n, k: (step[n, k] == Step.joined) & is_sound(k) & aside.defined(k) & (aside[k] < row[k]),
    )


@protocol.reachable("DUP-8")
def nobody_is_left_to_join() -> Term:
    """A row is sound again, a claim that precedes it is set aside, and no node is about it."""
    return exists(
        Key,
        lambda k: (
            is_sound(k)
            & aside.defined(k)
            & (aside[k] < row[k])
            & calm
            & forall(Node, lambda n: step[n, k] == Step.idle)
        ),
    )


_MENDING = (
    "notice",
    "find",
    "put_back",
    "come_late",
    "read_note",
    "read_nothing",
    "rejoin",
    "rot_came_first",
    "strike",
    "more_came",
)


@protocol.leads_to("DUP-8", fair=_MENDING)
def what_a_log_has_is_whole_again() -> tuple[Term, Term]:
    """In calm times no row stays rotten that a log can tell."""
    left = exists(Key, lambda k: rotten[k] & ~lost[k, row[k]])
    return calm & left, ~left


@protocol.leads_to("DUP-8", fair=(*_MENDING, "set_aside"))
def what_was_set_aside_is_joined() -> tuple[Term, Term]:
    """In calm times nothing stays set aside of a row that is sound."""
    left = exists(Key, lambda k: is_sound(k) & (noted[k] | aside.defined(k)))
    return calm & left, ~left
