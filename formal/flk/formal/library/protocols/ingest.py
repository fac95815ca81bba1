"""One node takes submissions: log, parse, verify, claim, answer; it crashes, recovers, and its store fails.

The steps are those of the programs `ingest` and `recover`. A request that is sent again is another request for the same key.
"""

from flk.formal.language import BOOL, UNDEFINED, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "ingest",
    """Requests run side by side. Each is appended to the log before anything in it is believed; then it is parsed, its
    signature is verified, and it claims its key: the first claim in the order of the log is stored, and every answer states
    what is stored. The node may crash between any two steps and replays its log before it serves again; its store may be
    unavailable, or lost.""",
    requirements=("ORD-1", "ORD-2", "ORD-3", "ORD-4", "WAL-1", "WAL-5", "DUP-1", "DUP-2", "DUP-3", "DUP-5", "DUP-6"),
)

Request = protocol.index("Request", size=2)
Key = protocol.index("Key", size=2)
Position = protocol.index("Position", size=2, ordered=True)
Stage = protocol.enum("Stage", "unsent", "logged", "verified", "claimed", "answered", "cut_off")
Answer = protocol.enum("Answer", "none", "stored", "equivocation", "malformed", "forged", "unavailable")
Content = protocol.enum("Content", "one", "other")
Node = protocol.enum("Node", "down", "recovering", "serving")
Trouble = protocol.enum("Trouble", "none", "outage", "crash", "loss")

stage = protocol.map("stage", Request, to=Stage, initially=Stage.unsent)
answer = protocol.map("answer", Request, to=Answer, initially=Answer.none)
position = protocol.map("position", Request, to=Position, partial=True)
last = protocol.scalar("last", Position, partial=True)
readable = protocol.relation("readable", Request)
genuine = protocol.relation("genuine", Request)
content = protocol.map("content", Request, to=Content, initially=Content.one)
about = protocol.relation("about", Request, Key)
applied = protocol.relation("applied", Request)
stored = protocol.map("stored", Key, to=Request, partial=True)
shown = protocol.relation("shown", Request, Request)
told = protocol.map("told", Key, to=Request, partial=True)  # what was last shown for a key: no guard reads it
node = protocol.scalar("node", Node, initially=Node.serving)
store_up = protocol.scalar("store_up", BOOL, initially=True)
trouble = protocol.scalar("trouble", Trouble, initially=Trouble.none)


def valid(q: Term) -> Term:
    """A logged request that may claim its key."""
    return position.defined(q) & readable[q] & genuine[q]


def next_in_log(q: Term, k: Term) -> Term:
    """No valid request about this key before this one still has to claim it."""
    return forall(Request, lambda o: implies(valid(o) & ~applied[o] & about[o, k], position[q] <= position[o]))


def in_flight(q: Term) -> Term:
    """A logged request whose client waits for its answer."""
    return (stage[q] == Stage.logged) | (stage[q] == Stage.verified) | (stage[q] == Stage.claimed)


@protocol.action(q=Request, k=Key, p=Position, good=BOOL, signed=BOOL, says=Content)
def append(q: Term, k: Term, p: Term, good: Term, signed: Term, says: Term) -> None:
    """A request arrives and is made durable. What it says, and whether it can be read and is genuine, is not looked at yet.

    One that was admitted before the node fell behind may become durable while it recovers.
    """
    require(node != Node.down, stage[q] == Stage.unsent, ~last.defined() | (last < p))
    stage.next[q] = Stage.logged
    position.next[q] = p
    last.next = p
    about.next[q, k] = True
    readable.next[q] = good
    genuine.next[q] = signed
    content.next[q] = says


@protocol.action(q=Request)
def refuse_malformed(q: Term) -> None:
    """What cannot be parsed is refused."""
    require(stage[q] == Stage.logged, ~readable[q])
    stage.next[q] = Stage.answered
    answer.next[q] = Answer.malformed


@protocol.action(q=Request)
def refuse_forged(q: Term) -> None:
    """What no key of the tenant signed is refused, before anything is looked up."""
    require(stage[q] == Stage.logged, readable[q], ~genuine[q])
    stage.next[q] = Stage.answered
    answer.next[q] = Answer.forged


@protocol.action(q=Request)
def verify(q: Term) -> None:
    """The request is well formed, and its signature is good."""
    require(stage[q] == Stage.logged, readable[q], genuine[q])
    stage.next[q] = Stage.verified


@protocol.action(q=Request, k=Key)
def claim(q: Term, k: Term) -> None:
    """In one step: store the request's outcome if its key has none. Claims of a key take effect in the order of the log."""
    require(node == Node.serving, store_up, stage[q] == Stage.verified, about[q, k], next_in_log(q, k))
    stored.next[k] = ite(stored.defined(k), stored[k], q)
    applied.next[q] = True
    stage.next[q] = Stage.claimed


@protocol.action(q=Request, k=Key)
def reply(q: Term, k: Term) -> None:
    """The answer is the stored outcome; a different content under the same key is told so."""
    require(stage[q] == Stage.claimed, about[q, k])
    stage.next[q] = Stage.answered
    answer.next[q] = ite(content[q] == content[stored[k]], Answer.stored, Answer.equivocation)
    shown.next[q, stored[k]] = True
    told.next[k] = stored[k]


@protocol.action(q=Request)
def refuse_unavailable(q: Term) -> None:
    """The store does not answer: the client is to come again, and the node claims nothing more until it has replayed its log."""
    require(stage[q] == Stage.verified, ~store_up | (node != Node.serving))
    stage.next[q] = Stage.answered
    answer.next[q] = Answer.unavailable
    node.next = Node.recovering


@protocol.action()
def store_fails() -> None:
    """The store becomes unavailable."""
    require(store_up, trouble == Trouble.none)
    store_up.next = False
    trouble.next = Trouble.outage


@protocol.action()
def store_returns() -> None:
    """The store is available again, with all that it held."""
    require(~store_up)
    store_up.next = True


@protocol.action()
def crash() -> None:
    """The node stops. Requests in flight get no answer; the log and the store are on disk."""
    require(node != Node.down, trouble == Trouble.none)
    node.next = Node.down
    trouble.next = Trouble.crash
    stage.next[:] = lambda q: ite((stage[q] == Stage.unsent) | (stage[q] == Stage.answered), stage[q], Stage.cut_off)


@protocol.action()
def lose_store() -> None:
    """A node that is down loses its store. The log is all there is."""
    require(node == Node.down, trouble != Trouble.loss)
    trouble.next = Trouble.loss
    stored.next[:] = UNDEFINED
    applied.next[:] = False


@protocol.action()
def restart() -> None:
    """The node begins to recover."""
    require(node == Node.down)
    node.next = Node.recovering


@protocol.action(q=Request, k=Key)
def replay(q: Term, k: Term) -> None:
    """Recovery takes a frame of the log through the same steps as a live request; a valid one claims its key."""
    require(node == Node.recovering, store_up, valid(q), ~applied[q], about[q, k], next_in_log(q, k))
    stored.next[k] = ite(stored.defined(k), stored[k], q)
    applied.next[q] = True


@protocol.action()
def serve() -> None:
    """The store is level with the log, so the node serves (again)."""
    require(node == Node.recovering, store_up, forall(Request, lambda q: implies(valid(q), applied[q])))
    node.next = Node.serving


@protocol.may_stop()
def all_is_told() -> Term:
    """The node serves, what is valid is claimed, and every request has its answer, lost it in a crash, or finds the log full."""
    full = last.defined() & forall(Position, lambda p: p <= last)
    over = forall(
        Request,
        lambda q: (stage[q] == Stage.answered) | (stage[q] == Stage.cut_off) | ((stage[q] == Stage.unsent) & full),
    )
    return (node == Node.serving) & store_up & over & forall(Request, lambda q: implies(valid(q), applied[q]))


@protocol.always("WAL-1")
def answered_is_logged() -> Term:
    """Whatever was answered was durable before."""
    return forall(Request, lambda q: implies(answer[q] != Answer.none, position.defined(q)))


@protocol.always("ORD-1", "DUP-5")
def stored_is_valid() -> Term:
    """Only what was logged, well formed and genuine is ever stored: no refusal is remembered, and nothing precedes its check."""
    return forall(Key, lambda k: implies(stored.defined(k), valid(stored[k]) & about[stored[k], k]))


def overtakes(q: Term, k: Term) -> Term:
    """A valid request about the key comes before this one in the log and has not claimed it."""
    return exists(Request, lambda o: valid(o) & ~applied[o] & about[o, k] & (position[o] < position[q]))


@protocol.always("WAL-1")
def all_is_logged_first() -> Term:
    """Whatever it says, a new request is logged behind all others while the node runs, and answered when it has claimed its key."""
    return forall(
        Request,
        lambda q: (
            forall(
                Position,
                lambda p: (
                    protocol.enabled("append", q=q, p=p)
                    == ((node != Node.down) & (stage[q] == Stage.unsent) & ~(last.defined() & (p <= last)))
                ),
            )
            & forall(Key, lambda k: protocol.enabled("reply", q=q, k=k) == ((stage[q] == Stage.claimed) & about[q, k]))
        ),
    )


@protocol.always("ORD-2", "ORD-3", "DUP-5")
def refusals_are_true() -> Term:
    """Only a logged request is judged: malformed if it cannot be read, forged if it can and nobody signed it, else verified."""
    return forall(
        Request,
        lambda q: (
            (protocol.enabled("refuse_malformed", q=q) == ((stage[q] == Stage.logged) & ~readable[q]))
            & (protocol.enabled("refuse_forged", q=q) == ((stage[q] == Stage.logged) & readable[q] & ~genuine[q]))
            & (protocol.enabled("verify", q=q) == ((stage[q] == Stage.logged) & readable[q] & genuine[q]))
        ),
    )


@protocol.always("ORD-1", "ORD-4", "DUP-6")
def claims_are_in_turn() -> Term:
    """A verified request claims its key when it is next, if the node serves and the store is there; else it is to come again."""
    return forall(
        Request,
        lambda q: (
            forall(
                Key,
                lambda k: (
                    protocol.enabled("claim", q=q, k=k)
                    == (
                        (stage[q] == Stage.verified)
                        & (node == Node.serving)
                        & store_up
                        & about[q, k]
                        & ~overtakes(q, k)
                    )
                ),
            )
            & (
                protocol.enabled("refuse_unavailable", q=q)
                == ((stage[q] == Stage.verified) & ~((node == Node.serving) & store_up))
            )
        ),
    )


@protocol.always("WAL-5", "DUP-6")
def recovery_is_in_turn() -> Term:
    """A node that recovers claims, in turn, what is valid in its log and has not claimed its key; without any left, it serves."""
    return (
        protocol.enabled("serve")
        == ((node == Node.recovering) & store_up & ~exists(Request, lambda q: valid(q) & ~applied[q]))
    ) & forall(
        Request,
        Key,
        lambda q, k: (
            protocol.enabled("replay", q=q, k=k)
            == ((node == Node.recovering) & store_up & valid(q) & ~applied[q] & about[q, k] & ~overtakes(q, k))
        ),
    )


@protocol.always()
def trouble_comes_once() -> Term:
    """A store that is there fails, or a node that runs crashes, whatever is under way; a node that is down may lose its store."""
    return (
        (protocol.enabled("store_fails") == (store_up & (trouble == Trouble.none)))
        & (protocol.enabled("store_returns") == ~store_up)
        & (protocol.enabled("crash") == ((node != Node.down) & (trouble == Trouble.none)))
        & (protocol.enabled("lose_store") == ((node == Node.down) & (trouble != Trouble.loss)))
        & (protocol.enabled("restart") == (node == Node.down))
    )


@protocol.always("ORD-3")
def forgers_learn_nothing() -> Term:
    """No request with a bad signature is told what is stored."""
    return forall(Request, Request, lambda q, w: implies(shown[q, w], genuine[q] & readable[q]))


@protocol.always("DUP-1", "DUP-6")
def first_write_wins() -> Term:
    """What is stored for a key is the first valid request for it in the log, whatever crashed or was replayed since."""
    return forall(
        Key,
        Request,
        lambda k, q: implies(
            stored.defined(k) & valid(q) & about[q, k] & valid(stored[k]), position[stored[k]] <= position[q]
        ),
    )


@protocol.always("DUP-1", "DUP-2")
def outcome_never_changes() -> Term:
    """What a client was told is what is stored whenever the node serves."""
    return forall(
        Request,
        Request,
        Key,
        lambda q, w, k: implies(
            shown[q, w] & about[q, k] & (node == Node.serving), stored.defined(k) & (stored[k] == w)
        ),
    )


@protocol.always("DUP-2")
def answers_agree() -> Term:
    """Any two answers for one key state the same outcome."""
    return forall(
        Key,
        Request,
        Request,
        lambda k, q, o: implies(
            about[q, k] & about[o, k],
            forall(Request, Request, lambda w, v: implies(shown[q, w] & shown[o, v], w == v)),
        ),
    )


@protocol.always("ORD-4")
def acknowledged_survives() -> Term:
    """A serving node has an outcome for every key of which it acknowledged a request."""
    return forall(
        Request,
        Key,
        lambda q, k: implies(
            ((answer[q] == Answer.stored) | (answer[q] == Answer.equivocation)) & about[q, k] & (node == Node.serving),
            stored.defined(k),
        ),
    )


@protocol.always("DUP-3")
def equivocation_is_told() -> Term:
    """An answer says equivocation exactly if the content differs from that of the outcome it states."""
    return forall(
        Request,
        Request,
        lambda q, w: implies(shown[q, w], (answer[q] == Answer.equivocation) == (content[q] != content[w])),
    )


@protocol.always("ORD-2", "ORD-3")
def refusals_are_deserved() -> Term:
    """Malformed is told of all that cannot be parsed, forged of all else that no key has signed, and both of nothing else."""
    return forall(
        Request,
        lambda q: (
            ((answer[q] == Answer.malformed) == ((stage[q] == Stage.answered) & ~readable[q]))
            & ((answer[q] == Answer.forged) == ((stage[q] == Stage.answered) & readable[q] & ~genuine[q]))
        ),
    )


@protocol.always("DUP-2")
def an_outcome_is_shown() -> Term:
    """Whoever is told that a record is stored, or another under its key, is shown what was last told of it; nobody else is.

    That some request is shown is said by naming it, since a request that exists for each other one makes proofs undecidable.
    """
    return forall(
        Request,
        Key,
        lambda q, k: implies(
            ((answer[q] == Answer.stored) | (answer[q] == Answer.equivocation)) & about[q, k],
            told.defined(k) & shown[q, told[k]],
        ),
    ) & forall(
        Request,
        Request,
        lambda q, w: implies(shown[q, w], (answer[q] == Answer.stored) | (answer[q] == Answer.equivocation)),
    )


@protocol.always()
def answered_once() -> Term:
    """A request is answered exactly if it is told something."""
    return forall(Request, lambda q: (stage[q] == Stage.answered) == (answer[q] != Answer.none))


@protocol.always("ORD-4")
def trouble_has_a_cause() -> Term:
    """A node serves, its store answers, and nobody is told to come again, until something befalls them."""
    return (trouble != Trouble.none) | (
        (node == Node.serving) & store_up & forall(Request, lambda q: answer[q] != Answer.unavailable)
    )


@protocol.never("WAL-5")
def claimed_before_replay() -> Term:
    """A request can claim its key while the node has yet to replay its log."""
    return exists(Request, lambda q: valid(q) & ~applied[q] & (stage[q] == Stage.answered)) & protocol.enabled("claim")


@protocol.never("ORD-4")
def written_while_away() -> Term:
    """A store that does not answer can be written to."""
    return ~store_up & (protocol.enabled("claim") | protocol.enabled("replay"))


@protocol.always("DUP-1", "ORD-4")
def kept_until_lost() -> Term:
    """A store keeps what a client was told of it, whatever befalls the node, until it is lost."""
    return (trouble == Trouble.loss) | forall(
        Request,
        Request,
        Key,
        lambda q, w, k: implies(shown[q, w] & about[q, k], stored.defined(k) & (stored[k] == w)),
    )


@protocol.lemma()
def stages_are_logged() -> Term:
    """A request that has got anywhere is in the log, up to its last position."""
    return forall(
        Request,
        lambda q: (
            implies(stage[q] == Stage.unsent, ~position.defined(q) & ~applied[q] & (answer[q] == Answer.none))
            & implies(stage[q] == Stage.unsent, ~readable[q] & ~genuine[q] & (content[q] == Content.one))
            & implies(position.defined(q), last.defined())
            & implies(position.defined(q) & last.defined(), position[q] <= last)
            & (position.defined(q) | (stage[q] == Stage.unsent))
        ),
    )


@protocol.lemma()
def positions_differ() -> Term:
    """No two requests have one position."""
    return forall(
        Request,
        Request,
        lambda q, o: implies(position.defined(q) & position.defined(o) & (q != o), position[q] != position[o]),
    )


@protocol.lemma()
def one_key_each() -> Term:
    """A request is about one key, and about none before it is sent."""
    return forall(
        Request,
        Key,
        Key,
        lambda q, k, j: implies(about[q, k] & about[q, j], k == j) & implies(about[q, k], position.defined(q)),
    )


@protocol.lemma()
def verified_is_valid() -> Term:
    """Only valid requests are verified or claimed, and those that have claimed are applied."""
    return forall(
        Request,
        lambda q: (
            implies((stage[q] == Stage.verified) | (stage[q] == Stage.claimed), valid(q) & (answer[q] == Answer.none))
            & implies((stage[q] == Stage.logged), answer[q] == Answer.none)
            & implies((stage[q] == Stage.claimed) & (node != Node.down), applied[q])
        ),
    )


@protocol.lemma()
def applied_has_outcome() -> Term:
    """What was applied is valid, its key has an outcome, and every valid request for the key before it was applied, too."""
    return forall(
        Request,
        Key,
        lambda q, k: implies(applied[q] & about[q, k], valid(q) & stored.defined(k)),
    ) & forall(
        Request,
        Request,
        Key,
        lambda q, o, k: implies(
            applied[q] & valid(q) & valid(o) & about[q, k] & about[o, k], applied[o] | (position[q] <= position[o])
        ),
    )


@protocol.lemma()
def winners_are_applied() -> Term:
    """What is stored was applied."""
    return forall(Key, lambda k: implies(stored.defined(k), applied[stored[k]]))


@protocol.lemma()
def shown_is_first() -> Term:
    """What was shown for a key is the first valid request for it in the log, even while the store is lost."""
    return forall(
        Request,
        Request,
        lambda q, w: implies(shown[q, w], valid(w) & (stage[q] == Stage.answered) & valid(q)),
    ) & forall(
        Request,
        Request,
        Request,
        Key,
        lambda q, w, o, k: implies(
            shown[q, w] & about[q, k],
            about[w, k] & implies(valid(o) & about[o, k] & valid(w), position[w] <= position[o]),
        ),
    )


@protocol.lemma()
def down_cuts_off() -> Term:
    """Nothing is in flight while the node is down, and after a loss of the store nothing claimed still waits for its answer."""
    return forall(
        Request,
        lambda q: implies(
            node == Node.down,
            (stage[q] == Stage.unsent) | (stage[q] == Stage.answered) | (stage[q] == Stage.cut_off),
        ),
    )


@protocol.lemma()
def serving_is_level() -> Term:
    """While the node serves, every valid request that is not in flight has been applied."""
    return forall(
        Request,
        lambda q: (
            implies(
                (node == Node.serving) & valid(q),
                applied[q] | (stage[q] == Stage.logged) | (stage[q] == Stage.verified),
            )
            & implies(
                (answer[q] == Answer.stored) | (answer[q] == Answer.equivocation),
                (stage[q] == Stage.answered) & valid(q),
            )
        ),
    )


@protocol.reachable()
def a_duplicate_is_answered() -> Term:
    """Two requests for one key are answered alike."""
    return exists(Request, Request, lambda q, o: (q != o) & shown[q, o] & shown[o, o])


@protocol.reachable()
def an_equivocation_is_told() -> Term:
    """Two contents come under one key."""
    return exists(Request, lambda q: answer[q] == Answer.equivocation)


def tells_of_one_cut_off() -> Term:
    """A request that came after the crash, since it is not cut off, is about to be told the outcome of one that was."""
    return exists(
        Request,
        Request,
        Key,
        lambda q, o, k: (
            (stage[q] == Stage.cut_off)
            & (stage[o] == Stage.claimed)
            & about[o, k]
            & stored.defined(k)
            & (stored[k] == q)
        ),
    )


@protocol.reachable()
def a_lost_store_is_rebuilt() -> Term:
    """After its store was lost, the node tells an outcome that only the log had kept: of a request cut off by the crash."""
    return (trouble == Trouble.loss) & tells_of_one_cut_off()


@protocol.reachable("ORD-2")
def malformed_is_told() -> Term:
    """A request that cannot be parsed is refused, whether it is signed or not."""
    return exists(Request, lambda q: (answer[q] == Answer.malformed) & genuine[q])


@protocol.reachable("ORD-3")
def forged_is_told() -> Term:
    """A request that no key has signed is refused."""
    return exists(Request, lambda q: answer[q] == Answer.forged)


@protocol.reachable("ORD-4")
def served_after_an_outage() -> Term:
    """A client was told to come again while the store was away, and another is told an outcome after that."""
    return (
        (trouble == Trouble.outage)
        & exists(Request, lambda q: answer[q] == Answer.unavailable)
        & exists(Request, lambda q: answer[q] == Answer.stored)
        & (node == Node.serving)
    )


@protocol.reachable("ORD-4")
def an_outage_is_noticed_late() -> Term:
    """The node serves, and may never know, while its store is away: until a request needs it."""
    return (node == Node.serving) & ~store_up


@protocol.reachable("WAL-5")
def served_after_a_crash() -> Term:
    """A node that crashed, and kept its store, tells an outcome of a request that the crash had cut off."""
    return (trouble == Trouble.crash) & tells_of_one_cut_off()


@protocol.leads_to(
    "ORD-4", fair=("refuse_malformed", "refuse_forged", "verify", "claim", "reply", "refuse_unavailable")
)
def everybody_is_answered() -> tuple[Term, Term]:
    """Whoever is in flight is answered at last, or cut off by a crash, even if the store never returns."""
    return exists(Request, in_flight), ~exists(Request, in_flight)


@protocol.leads_to("WAL-5", fair=("store_returns", "restart", "replay", "serve"))
def the_node_serves_again() -> tuple[Term, Term]:
    """Whatever befell it, the node serves at last."""
    return node != Node.serving, node == Node.serving


@protocol.leads_to("ORD-4", fair=("verify", "claim", "store_returns", "restart", "replay"))
def logged_is_applied() -> tuple[Term, Term]:
    """Every valid request that was logged takes effect at last, though its client was told to come again."""
    return exists(Request, valid), forall(Request, lambda q: implies(valid(q), applied[q]))
