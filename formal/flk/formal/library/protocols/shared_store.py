"""Nodes of one region share one store: each stamps and logs what it takes, claims it, and answers with what is stored then.

It stands beside `ingest`, which is one node from parsing to the answer, and `replication`, in which every log has a store of its
own. A `Stamp` is a point in the total order by which entries under one key are compared: a hybrid timestamp, and what decides
between two nodes that gave the same.
"""

from flk.formal.language import BOOL, UNDEFINED, Protocol, Term, exists, forall, implies, ite, require
from flk.formal.library.protocols.shared_store_enabled import say_who_acts

protocol = Protocol(
    "shared-store",
    """A request comes to any node of a region. The node asks the store for the latest stamp that it has given a place, takes a
    later one, appends the request to its own log, and claims the key: in one step of the store the entry with the lesser stamp
    prevails, one that gives way is recorded, and the node answers with what is stored then. So what comes after an answer never
    takes the place of what was answered, whichever nodes were asked and however far their clocks are apart. A node may crash at
    any moment, with requests in its log that nobody has claimed, and come back or not; it serves when its log is applied. A claim
    that was sent takes place whether or not the node lives to hear of it.""",
    requirements=("DUP-1", "DUP-2", "DUP-6", "HLC-1", "HLC-2", "HLC-4", "CRR-1", "CRR-2", "CRR-3", "WAL-1", "WAL-5"),
)

Node = protocol.index("Node", size=2)
Request = protocol.index("Request", size=2)
Key = protocol.index("Key", size=1)
Stamp = protocol.index("Stamp", size=3, ordered=True)
Stage = protocol.enum("Stage", "unsent", "admitted", "observed", "logged", "answered", "cut_off")
Condition = protocol.enum("Condition", "down", "recovering", "serving")
Content = protocol.enum("Content", "one", "other")

node = protocol.map("node", Node, to=Condition, initially=Condition.serving)
seen = protocol.map("seen", Node, to=Stamp, partial=True)  # what the store told the node last, since it started
last = protocol.map("last", Node, to=Stamp, partial=True)  # the latest in the node's log
given = protocol.relation("given", Stamp)  # somebody has it in a log
stage = protocol.map("stage", Request, to=Stage, initially=Stage.unsent)
at = protocol.relation("at", Request, Node)
about = protocol.relation("about", Request, Key)
content = protocol.map("content", Request, to=Content, initially=Content.one)
stamp = protocol.map("stamp", Request, to=Stamp, partial=True)  # in the log of its node from then on
applied = protocol.relation("applied", Request)  # its node has claimed it, and knows
stored = protocol.map("stored", Key, to=Request, partial=True)
newest = protocol.scalar(
    "newest", Request, partial=True
)  # of what the store has given a place, the latest by its stamp
superseded = protocol.relation("superseded", Request)
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it.
told = protocol.relation("told", Request, Request)  # the entry that a request was answered with
named = protocol.relation("named", Request)  # somebody was answered with it
followed = protocol.relation("followed", Request, Request)  # the first was answered before the second was admitted


def wins(q: Term, k: Term) -> Term:
    """Nothing is stored for the key, or an entry with a later stamp."""
    return ~stored.defined(k) | (stamp[q] < stamp[stored[k]])


def is_new(s: Term, n: Term) -> Term:
    """A stamp is later than what the node saw and all in its log, and nobody else's."""
    return (~seen.defined(n) | (seen[n] < s)) & (~last.defined(n) | (last[n] < s)) & ~given[s]


def first_in_log(q: Term, n: Term, k: Term) -> Term:
    """All before it in the log of its node that are about its key are claimed."""
    return forall(
        Request, lambda o: implies(stamp.defined(o) & at[o, n] & about[o, k] & ~applied[o], stamp[q] <= stamp[o])
    )


def join(q: Term, k: Term) -> None:
    """In one step of the store: keep the lesser entry, record what gives way, and remember the latest stamp that got a place."""
    place(q, k)
    applied.next[q] = True


def place(q: Term, k: Term) -> None:
    """What the store does of that."""
    stored.next[k] = ite(wins(q, k), q, stored[k])
    superseded.next[:] = lambda w: superseded[w] | (stored.defined(k) & (stored[k] == w) & (stamp[q] < stamp[w]))
    newest.next = ite(wins(q, k) & (~newest.defined() | (stamp[newest] < stamp[q])), q, newest)


@protocol.action(q=Request, n=Node, k=Key, says=Content)
def admit(q: Term, n: Term, k: Term, says: Term) -> None:
    """A request comes to a node that serves."""
    require(node[n] == Condition.serving, stage[q] == Stage.unsent)
    stage.next[q] = Stage.admitted
    at.next[q, n] = True
    about.next[q, k] = True
    content.next[q] = says
    followed.next[:, q] = lambda o: stage[o] == Stage.answered


@protocol.action(q=Request, n=Node, t=Stamp)
def observe(q: Term, n: Term, t: Term) -> None:
    """The node asks the store for the latest stamp that it knows: after the request came, and before it is stamped.

    That is no earlier than any that has got a place. It may be later: of an entry that was claimed and got none.
    """
    require(stage[q] == Stage.admitted, at[q, n], ~newest.defined() | (stamp[newest] <= t))
    stage.next[q] = Stage.observed
    seen.next[n] = t


@protocol.action(q=Request, n=Node, s=Stamp)
def append(q: Term, n: Term, s: Term) -> None:
    """The request is made durable under a stamp that is later than what the node saw and all in its log, and nobody else's."""
    require(stage[q] == Stage.observed, at[q, n], ~seen.defined(n) | (seen[n] < s))
    require(~last.defined(n) | (last[n] < s), ~given[s])
    stage.next[q] = Stage.logged
    stamp.next[q] = s
    last.next[n] = s
    given.next[s] = True


@protocol.action(q=Request, n=Node, k=Key)
def claim(q: Term, n: Term, k: Term) -> None:
    """The logged request claims its key, in the order of its log, and is answered with the entry that is stored then."""
    require(stage[q] == Stage.logged, at[q, n], about[q, k], first_in_log(q, n, k))
    join(q, k)
    stage.next[q] = Stage.answered
    told.next[q, ite(wins(q, k), q, stored[k])] = True
    named.next[ite(wins(q, k), q, stored[k])] = True


@protocol.action(q=Request, n=Node, k=Key)
def land(q: Term, n: Term, k: Term) -> None:
    """A claim that was sent takes place, and its node does not hear of it: it waits, or is down, or has come back meanwhile."""
    require(stamp.defined(q), at[q, n], about[q, k], ~applied[q], first_in_log(q, n, k))
    place(q, k)


@protocol.action(n=Node)
def crash(n: Term) -> None:
    """A node stops: who waits gets no answer, and what the store told is forgotten. Its log stays, and which of that is claimed.

    A node that the store does not answer does the same, though it goes on running.
    """
    require(node[n] != Condition.down, ~calm)
    node.next[n] = Condition.down
    seen.next[n] = UNDEFINED
    stage.next[:] = lambda q: ite(
        at[q, n] & ((stage[q] == Stage.admitted) | (stage[q] == Stage.observed) | (stage[q] == Stage.logged)),
        Stage.cut_off,
        stage[q],
    )


@protocol.action(n=Node)
def restart(n: Term) -> None:
    """A node begins to recover. It need not happen."""
    require(node[n] == Condition.down)
    node.next[n] = Condition.recovering


@protocol.action(q=Request, n=Node, k=Key)
def recover(q: Term, n: Term, k: Term) -> None:
    """A node that recovers claims what its log has, in order, unless it knows that it is claimed. Nobody waits for the answer."""
    require(
        node[n] == Condition.recovering, stamp.defined(q), at[q, n], about[q, k], ~applied[q], first_in_log(q, n, k)
    )
    join(q, k)


@protocol.action(n=Node)
def serve(n: Term) -> None:
    """All in its log is applied, so the node is ready."""
    require(node[n] == Condition.recovering)
    require(forall(Request, lambda q: implies(stamp.defined(q) & at[q, n], applied[q])))
    node.next[n] = Condition.serving


@protocol.action()
def grow_calm() -> None:
    """No node crashes any more. This need not happen, but progress is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.may_stop()
def all_is_told() -> Term:
    """Every node serves, and every request is answered, was cut off, or finds no stamp that is late enough."""

    def finds_none(q: Term) -> Term:
        return forall(Node, Stamp, lambda n, s: implies(at[q, n], ~is_new(s, n)))

    return (
        calm
        & forall(Node, lambda n: node[n] == Condition.serving)
        & forall(
            Request,
            lambda q: (
                (stage[q] == Stage.answered)
                | (stage[q] == Stage.cut_off)
                | ((stage[q] == Stage.observed) & finds_none(q))
            ),
        )
    )


@protocol.always("DUP-1", "HLC-2")
def first_write_wins_in_real_time() -> Term:
    """What was admitted after another request for its key was answered is never stored, and nobody is told of it.

    Whichever nodes were asked, and whatever their clocks said.
    """
    return forall(
        Request,
        Request,
        Key,
        lambda o, q, k: implies(
            followed[o, q] & about[o, k] & about[q, k],
            ~(stored.defined(k) & (stored[k] == q)) & ~superseded[q] & forall(Request, lambda x: ~told[x, q]),
        ),
    )


@protocol.always("HLC-2")
def stamps_follow_answers() -> Term:
    """What was admitted after an answer has a later stamp than the entry that was told, whatever their keys."""
    return forall(
        Request,
        Request,
        Request,
        lambda o, q, w: implies(followed[o, q] & told[o, w] & stamp.defined(q) & stamp.defined(w), stamp[w] < stamp[q]),
    )


@protocol.always("HLC-2")
def the_newest_is_known() -> Term:
    """The store knows, of all that has or had a place in it, the entry with the latest stamp."""
    return forall(
        Request,
        Key,
        lambda q, k: implies(
            about[q, k] & stamp.defined(q) & (superseded[q] | (stored.defined(k) & (stored[k] == q))),
            newest.defined() & stamp.defined(newest) & (stamp[q] <= stamp[newest]),
        ),
    ) & forall(
        Key,
        lambda k: implies(
            newest.defined() & about[newest, k],
            stamp.defined(newest) & (superseded[newest] | (stored.defined(k) & (stored[k] == newest))),
        ),
    )


@protocol.always("DUP-2", "CRR-3")
def what_was_told_stands_or_gave_way() -> Term:
    """The store never loses what it answered: the entry is stored, or gave way on record."""
    return forall(
        Request,
        Key,
        lambda w, k: implies(named[w] & about[w, k], stored.defined(k) & ((stored[k] == w) | superseded[w])),
    ) & forall(Request, Request, Key, lambda q, w, k: implies(told[q, w] & about[q, k], about[w, k]))


@protocol.always("CRR-1", "CRR-3")
def only_the_later_gives_way() -> Term:
    """What gave way, gave way to an entry for its key with an earlier stamp, which is not on record as giving way itself."""
    return forall(
        Request,
        Key,
        lambda q, k: implies(
            superseded[q] & about[q, k] & stamp.defined(q),
            stored.defined(k) & stamp.defined(stored[k]) & (stamp[stored[k]] < stamp[q]) & ~superseded[stored[k]],
        ),
    )


@protocol.always("DUP-1", "CRR-3")
def answers_differ_on_record() -> Term:
    """Of two entries that clients were told of for one key, at least one is on record as giving way."""
    return forall(
        Request,
        Request,
        Key,
        lambda w, v, k: implies(
            named[w] & named[v] & about[w, k] & about[v, k], (w == v) | superseded[w] | superseded[v]
        ),
    )


@protocol.always("DUP-2")
def equal_contents_have_one_outcome() -> Term:
    """If all requests for a key have one content, every answer for it names that; only another content makes answers differ."""
    return forall(
        Request,
        Request,
        Key,
        lambda q, w, k: implies(
            told[q, w]
            & about[q, k]
            & forall(Request, lambda o: implies(about[o, k] & stamp.defined(o), content[o] == content[q])),
            content[w] == content[q],
        ),
    )


@protocol.always("WAL-1")
def told_is_logged() -> Term:
    """What is stored, gave way or was told is in a log."""
    return (
        forall(Key, lambda k: implies(stored.defined(k), stamp.defined(stored[k]) & about[stored[k], k]))
        & forall(Request, lambda w: implies(superseded[w] | named[w], stamp.defined(w)))
        & forall(Request, Request, lambda q, w: implies(told[q, w], named[w]))
    )


@protocol.always("CRR-1", "CRR-2", "WAL-5")
def the_store_holds_the_least() -> Term:
    """Of what is in the logs of nodes that serve and is not on its way, the store holds the least for each key, or an earlier one.

    So a region that replays the logs by stamp comes to the same entries.
    """
    return forall(
        Request,
        Node,
        Key,
        lambda q, n, k: implies(
            stamp.defined(q)
            & at[q, n]
            & about[q, k]
            & (((node[n] == Condition.serving) & (stage[q] != Stage.logged)) | (stage[q] == Stage.answered)),
            stored.defined(k) & stamp.defined(stored[k]) & (stamp[stored[k]] <= stamp[q]),
        ),
    )


@protocol.always("DUP-6", "WAL-5")
def no_answer_gives_way_to_its_own_log() -> Term:
    """A node never tells an entry that is later than one for the key in its own log, before or behind."""
    return forall(
        Request,
        Request,
        Request,
        Node,
        Key,
        lambda q, w, o, n, k: implies(
            told[q, w] & at[q, n] & at[o, n] & about[q, k] & about[o, k] & stamp.defined(o) & stamp.defined(w),
            stamp[w] <= stamp[o],
        ),
    )


@protocol.always("DUP-2")
def one_answer_each() -> Term:
    """Who is answered is told one entry, and nobody else is told any."""
    return forall(
        Request,
        Request,
        Request,
        lambda q, w, v: implies(told[q, w], (stage[q] == Stage.answered) & implies(told[q, v], w == v)),
    )


@protocol.always("HLC-1", "CRR-1")
def stamps_differ() -> Term:
    """No two requests have one stamp."""
    return forall(
        Request, Request, lambda q, o: implies(stamp.defined(q) & stamp.defined(o) & (stamp[q] == stamp[o]), q == o)
    )


@protocol.always("HLC-4")
def a_crash_forgets() -> Term:
    """A node that is down knows nothing that the store told: when it comes back it asks before it stamps."""
    return forall(Node, lambda n: implies(node[n] == Condition.down, ~seen.defined(n)))


@protocol.always("HLC-1", "HLC-4", "WAL-5")
def a_log_knows_its_last() -> Term:
    """What is in a log is not later than the last stamp there, and its stamp is given."""
    return forall(Request, lambda q: implies(stamp.defined(q), given[stamp[q]])) & forall(
        Request,
        Node,
        lambda q, n: implies(at[q, n] & stamp.defined(q), last.defined(n) & (stamp[q] <= last[n])),
    )


say_who_acts(protocol, Stage, Condition)


@protocol.lemma()
def stages_are_in_order() -> Term:
    """A request is at a node and about a key once it is admitted, and has a stamp once it is logged."""
    return forall(
        Request,
        lambda q: (
            implies((stage[q] == Stage.logged) | (stage[q] == Stage.answered), stamp.defined(q))
            & implies(
                stamp.defined(q),
                (stage[q] == Stage.logged) | (stage[q] == Stage.answered) | (stage[q] == Stage.cut_off),
            )
            & implies(applied[q], stamp.defined(q))
            & implies(stage[q] == Stage.unsent, content[q] == Content.one)
        ),
    ) & forall(
        Request,
        Request,
        lambda o, q: implies(followed[o, q], (stage[o] == Stage.answered) & (stage[q] != Stage.unsent)),
    )


@protocol.lemma()
def one_place_each() -> Term:
    """A request is at one node and about one key, and at none before it is admitted."""
    return (
        forall(Request, Node, Node, lambda q, n, m: implies(at[q, n] & at[q, m], n == m))
        & forall(Request, Key, Key, lambda q, k, j: implies(about[q, k] & about[q, j], k == j))
        & forall(Request, Node, Key, lambda q, n, k: implies(stage[q] == Stage.unsent, ~at[q, n] & ~about[q, k]))
    )


@protocol.lemma()
def who_waits_is_served() -> Term:
    """The node of a request that waits serves."""
    return forall(
        Request,
        Node,
        lambda q, n: implies(
            at[q, n] & ((stage[q] == Stage.admitted) | (stage[q] == Stage.observed) | (stage[q] == Stage.logged)),
            (node[n] == Condition.serving) & ~applied[q],
        ),
    )


@protocol.lemma()
def who_has_observed_saw_what_was_told() -> Term:
    """Before a request is stamped, its node has seen a stamp that is no earlier than any told before it came."""
    return forall(
        Request,
        Request,
        Request,
        Node,
        lambda o, q, w, n: implies(
            followed[o, q] & told[o, w] & stamp.defined(w) & (stage[q] == Stage.observed) & at[q, n],
            seen.defined(n) & (stamp[w] <= seen[n]),
        ),
    )


@protocol.lemma()
def what_follows_an_answer_is_late() -> Term:
    """A request that was admitted after an answer for its key is, or will be, stamped later than what is stored then."""
    return forall(
        Request,
        Request,
        Node,
        Key,
        lambda o, q, n, k: implies(
            followed[o, q] & about[o, k] & about[q, k] & at[q, n],
            implies(stage[q] == Stage.observed, stored.defined(k) & seen.defined(n) & (stamp[stored[k]] <= seen[n]))
            & implies(stamp.defined(q), stored.defined(k) & (stamp[stored[k]] < stamp[q])),
        ),
    )


@protocol.lemma()
def nothing_is_newer() -> Term:
    """What is newest has a stamp, and nothing that is stored or was told has a later one; who is answered has an outcome."""
    return (
        implies(newest.defined(), stamp.defined(newest))
        & forall(
            Key,
            lambda k: implies(
                stored.defined(k),
                newest.defined()
                & stamp.defined(newest)
                & stamp.defined(stored[k])
                & (stamp[stored[k]] <= stamp[newest]),
            ),
        )
        & forall(
            Request,
            lambda w: implies(
                named[w] & stamp.defined(w), newest.defined() & stamp.defined(newest) & (stamp[w] <= stamp[newest])
            ),
        )
        & forall(Request, Key, lambda q, k: implies((stage[q] == Stage.answered) & about[q, k], stored.defined(k)))
    )


@protocol.lemma()
def applied_is_joined() -> Term:
    """The store holds, for each applied request, that entry or an earlier one; and all before it in its log are applied."""
    return forall(
        Request,
        Key,
        lambda q, k: implies(
            applied[q] & about[q, k],
            stored.defined(k) & stamp.defined(q) & stamp.defined(stored[k]) & (stamp[stored[k]] <= stamp[q]),
        ),
    ) & forall(
        Request,
        Node,
        lambda q, n: implies(
            (node[n] == Condition.serving) & at[q, n] & stamp.defined(q), applied[q] | (stage[q] == Stage.logged)
        ),
    )


@protocol.lemma()
def a_log_is_joined_in_order() -> Term:
    """Before an answer in a log, the store holds all for the key in that log."""
    return forall(
        Request,
        Request,
        Node,
        Key,
        lambda q, o, n, k: implies(
            (stage[q] == Stage.answered)
            & at[q, n]
            & at[o, n]
            & about[q, k]
            & about[o, k]
            & stamp.defined(q)
            & stamp.defined(o)
            & (stamp[o] <= stamp[q]),
            stored.defined(k) & stamp.defined(stored[k]) & (stamp[stored[k]] <= stamp[o]),
        ),
    )


@protocol.reachable("DUP-2")
def two_nodes_tell_one_entry() -> Term:
    """Requests that came to two nodes are answered with one entry."""
    return exists(
        Request,
        Request,
        Node,
        Node,
        lambda q, o, n, m: (n != m) & at[q, n] & at[o, m] & told[q, q] & told[o, q] & (q != o),
    )


@protocol.reachable("CRR-3")
def an_answer_gives_way() -> Term:
    """Two nodes log one key at once, with different contents: the earlier prevails over one that a client was told of."""
    return exists(
        Request,
        Request,
        Key,
        lambda q, o, k: (
            told[q, q] & superseded[q] & told[o, o] & about[q, k] & about[o, k] & (content[q] != content[o])
        ),
    )


@protocol.reachable("WAL-5", "CRR-3")
def a_late_recovery_takes_a_place() -> Term:
    """A node comes back with a request that was cut off, and its entry takes the place of one that another node has told."""
    return exists(
        Request,
        Request,
        Node,
        Key,
        lambda q, o, n, k: (
            told[o, o]
            & superseded[o]
            & (stage[q] == Stage.cut_off)
            & at[q, n]
            & stored.defined(k)
            & (stored[k] == q)
            & (node[n] == Condition.serving)
        ),
    )


@protocol.reachable("HLC-2")
def a_request_comes_after_an_answer() -> Term:
    """It follows the answer from the moment that it comes, not from when its node asks the store."""
    return exists(Request, Request, lambda o, q: followed[o, q] & (stage[q] == Stage.admitted))


@protocol.reachable("HLC-2")
def a_clock_behind_is_drawn_along() -> Term:
    """A node that has logged nothing stamps later than what another node has answered, and is told that."""
    return exists(
        Request,
        Request,
        Node,
        lambda o, q, n: followed[o, q] & told[q, o] & at[q, n] & ~at[o, n] & (stage[q] == Stage.answered),
    )


@protocol.leads_to("DUP-2", fair=("observe", "claim"))
def nobody_waits_for_another_node() -> tuple[Term, Term]:
    """What is logged is answered or cut off, and what is admitted does not stay so, whoever is down for good."""
    waits = exists(Request, lambda q: (stage[q] == Stage.logged) | (stage[q] == Stage.admitted))
    return waits, ~waits


@protocol.leads_to("WAL-5", "CRR-2", fair=("claim", "restart", "recover"))
def what_is_logged_is_stored() -> tuple[Term, Term]:
    """In calm times, if nodes come back, the store comes to hold for each logged request that entry or an earlier one."""
    return calm, forall(
        Request,
        Key,
        lambda q, k: implies(
            stamp.defined(q) & about[q, k],
            stored.defined(k) & stamp.defined(stored[k]) & (stamp[stored[k]] <= stamp[q]),
        ),
    )


@protocol.leads_to("WAL-5", fair=("restart", "recover", "serve"))
def nodes_serve_again() -> tuple[Term, Term]:
    """In calm times every node that comes back serves at last."""
    return calm, forall(Node, lambda n: node[n] == Condition.serving)
