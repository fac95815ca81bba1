"""Reconciliation: what a region's store lost is told from what is on its way, and joined from the logs alone (DIV-3 to DIV-6).

One key, whose claims are in the order in which they prevail (CRR-1). A claim that is in a log was shipped, in a segment of its own.
"""

from flk.formal.language import BOOL, UNDEFINED, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "reconciliation",
    """Regions replay each other's logs: each claim is joined into the store, and then the watermark moves past it. Stores lose
    rows, or come to hold later ones in their place; and a store may hold a claim that no log has, which a lost disk had not
    shipped, or somebody made up. Anybody may write a proposal. A region that sees a claim in a peer's store, which should prevail
    and is not in its own, asks the logs: if it has applied the claim it looks at its store again, and calls it lost if it is still
    not there. What is proposed is joined again, if its log has it and it was applied.""",
    requirements=("CRR-1", "CRR-7", "DIV-3", "DIV-4", "DIV-5", "DIV-6"),
)

Region = protocol.index("Region", size=2)
Claim = protocol.index("Claim", size=2, ordered=True)

Stage = protocol.enum("Stage", "idle", "looked", "proven", "proposed")
"""Of a claim in a region: a peer held it when the region's own store lacked it; its log has it, and was applied when the watermark
was read; it was called lost, or somebody says so in its place."""

logged = protocol.relation("logged", Claim)  # in a segment that was shipped
held = protocol.map("held", Region, to=Claim, partial=True)  # what the store has under the key
joined = protocol.relation("joined", Region, Claim)  # by replay, whose watermark is to move; or because it was lost
applied = protocol.relation("applied", Region, Claim)  # the watermark is past it
stage = protocol.map("stage", Region, Claim, to=Stage, initially=Stage.idle)
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it.
unlogged = protocol.relation("unlogged", Region, Claim)  # in that store, and not from a log
spoilt = protocol.relation("spoilt", Region)  # its store lost a row, or came to hold a later one


def lacks(r: Term, c: Term) -> Term:
    """The claim should prevail in the region's store, and does not."""
    return ~held.defined(r) | (c < held[r])


def is_looking(r: Term, c: Term) -> Term:
    """The region has seen it in a peer's store, and not called it lost yet."""
    return (stage[r, c] == Stage.looked) | (stage[r, c] == Stage.proven)


def join(r: Term, c: Term) -> Term:
    """What the store holds once the claim is joined."""
    return ite(lacks(r, c), c, held[r])


@protocol.action(c=Claim)
def log_claim(c: Term) -> None:
    """Some region logs a claim, and ships it."""
    require(~logged[c], forall(Region, lambda r: ~unlogged[r, c]))
    logged.next[c] = True


@protocol.action(r=Region, c=Claim)
def merge(r: Term, c: Term) -> None:
    """Replay joins a claim, that of the region's own log included; after a crash it does so again."""
    require(logged[c], ~applied[r, c])
    held.next[r] = join(r, c)
    joined.next[r, c] = True


@protocol.action(r=Region, c=Claim)
def mark(r: Term, c: Term) -> None:
    """The watermark moves past a claim that was joined."""
    require(joined[r, c], ~applied[r, c])
    applied.next[r, c] = True


@protocol.action(r=Region)
def lose_row(r: Term) -> None:
    """The store loses what it holds."""
    require(~calm, held.defined(r))
    held.next[r] = UNDEFINED
    spoilt.next[r] = True


@protocol.action(r=Region, c=Claim)
def replace_row(r: Term, c: Term) -> None:
    """The store comes to hold a later claim, of a log or of none."""
    require(~calm, held.defined(r), held[r] < c)
    held.next[r] = c
    unlogged.next[r, c] = ~logged[c]
    spoilt.next[r] = True


@protocol.action(r=Region, c=Claim)
def hold_unlogged(r: Term, c: Term) -> None:
    """The store holds a claim that no log has, and none will have."""
    require(~calm, ~logged[c], lacks(r, c))
    held.next[r] = c
    unlogged.next[r, c] = True


@protocol.action(r=Region, s=Region, c=Claim)
def look(r: Term, s: Term, c: Term) -> None:
    """A region sees a claim in a peer's store that should prevail in its own, and does not."""
    require(held.defined(s), held[s] == c, lacks(r, c), stage[r, c] == Stage.idle)
    stage.next[r, c] = Stage.looked


@protocol.action(r=Region, c=Claim)
def look_away(r: Term, c: Term) -> None:
    """The round ends, or the node does; in calm times only where there is nothing to find."""
    require(is_looking(r, c), ~calm | ~applied[r, c] | ~lacks(r, c))
    stage.next[r, c] = Stage.idle


@protocol.action(r=Region, c=Claim)
def prove(r: Term, c: Term) -> None:
    """The region finds the claim in a log, and its watermark past it."""
    require(stage[r, c] == Stage.looked, applied[r, c])
    stage.next[r, c] = Stage.proven


@protocol.action(r=Region, c=Claim)
def call_lost(r: Term, c: Term) -> None:
    """The store still lacks it: it was lost, and is proposed to be joined."""
    require(stage[r, c] == Stage.proven, lacks(r, c))
    stage.next[r, c] = Stage.proposed


@protocol.action(r=Region, c=Claim)
def forge(r: Term, c: Term) -> None:
    """Somebody proposes a claim to a region that never called it lost."""
    require(stage[r, c] == Stage.idle, ~calm)
    stage.next[r, c] = Stage.proposed


@protocol.action(r=Region, c=Claim)
def mend(r: Term, c: Term) -> None:
    """What was called lost, or so a proposal says, is joined from its log, which was applied."""
    require(stage[r, c] == Stage.proposed, applied[r, c])
    held.next[r] = join(r, c)
    stage.next[r, c] = Stage.idle


@protocol.action(r=Region, c=Claim)
def reject(r: Term, c: Term) -> None:
    """Somebody decides that nothing is joined; or that fails, since it was not applied."""
    require(stage[r, c] == Stage.proposed, ~calm | ~applied[r, c])
    stage.next[r, c] = Stage.idle


@protocol.action()
def grow_calm() -> None:
    """No store is spoilt any more. This need not happen, but mending is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.may_stop()
def nothing_is_left() -> Term:
    """Times are calm, all is replayed, and no region sees anything that it lacks."""
    return (
        calm
        & forall(Region, Claim, lambda r, c: applied[r, c] == logged[c])
        & forall(Claim, lambda c: logged[c] | exists(Region, lambda r: unlogged[r, c]))
        & forall(Region, Claim, lambda r, c: stage[r, c] == Stage.idle)
    )


@protocol.always("DIV-3", "DIV-4", "DIV-6")
def what_is_joined_stands_in_a_log() -> Term:
    """Nothing is ever joined that no log has, whatever other stores hold."""
    return forall(Region, Claim, lambda r, c: implies(joined[r, c], logged[c]))


@protocol.always("DIV-3", "DIV-5")
def what_is_called_lost_was_lost() -> Term:
    """What was on its way is never called lost."""
    return forall(
        Region, Claim, lambda r, c: implies(protocol.enabled("call_lost", r=r, c=c), joined[r, c] & spoilt[r])
    )


@protocol.always("CRR-1", "DIV-5")
def the_least_is_held() -> Term:
    """A store into which a claim was joined holds it, or what prevails over it, unless it was spoilt."""
    return forall(Region, Claim, lambda r, c: implies(joined[r, c] & ~spoilt[r], held.defined(r) & (held[r] <= c)))


@protocol.always("CRR-7", "DIV-6")
def what_is_applied_was_joined() -> Term:
    """The watermark is past what was joined, and nothing else."""
    return forall(Region, Claim, lambda r, c: implies(applied[r, c], joined[r, c]))


@protocol.always("DIV-4")
def what_no_log_has_does_not_spread() -> Term:
    """A store holds what a log has, or what came into this very store from none."""
    return forall(Region, Claim, lambda r, c: implies(held.defined(r) & (held[r] == c), logged[c] | unlogged[r, c]))


@protocol.always("DIV-3", "DIV-6")
def who_may_act() -> Term:
    """A look needs a peer that holds it; proof a log that was applied; a call the store again; and a join all of it again."""
    return forall(
        Region,
        Claim,
        lambda r, c: (
            (protocol.enabled("prove", r=r, c=c) == ((stage[r, c] == Stage.looked) & applied[r, c]))
            & (protocol.enabled("call_lost", r=r, c=c) == ((stage[r, c] == Stage.proven) & lacks(r, c)))
            & (protocol.enabled("mend", r=r, c=c) == ((stage[r, c] == Stage.proposed) & applied[r, c]))
            & (protocol.enabled("reject", r=r, c=c) == ((stage[r, c] == Stage.proposed) & ~(calm & applied[r, c])))
            & (protocol.enabled("forge", r=r, c=c) == ((stage[r, c] == Stage.idle) & ~calm))
            & (
                protocol.enabled("look_away", r=r, c=c)
                == (is_looking(r, c) & implies(calm & applied[r, c], held.defined(r) & (held[r] <= c)))
            )
            & (protocol.enabled("merge", r=r, c=c) == (logged[c] & ~applied[r, c]))
            & (protocol.enabled("mark", r=r, c=c) == (joined[r, c] & ~applied[r, c]))
            & forall(
                Region,
                lambda s: (
                    protocol.enabled("look", r=r, s=s, c=c)
                    == (held.defined(s) & (held[s] == c) & lacks(r, c) & (stage[r, c] == Stage.idle))
                ),
            )
        ),
    )


@protocol.always("DIV-3")
def what_was_seen_was_held() -> Term:
    """A region looks for what another store held: by a join, from no log, or since it was spoilt."""

    def may_have_held(r: Term, c: Term) -> Term:
        return joined[r, c] | unlogged[r, c] | spoilt[r]

    return forall(
        Region,
        Claim,
        lambda r, c: (
            implies(held.defined(r) & (held[r] == c), may_have_held(r, c))
            & implies(is_looking(r, c), exists(Region, lambda s: (s != r) & may_have_held(s, c)))
        ),
    )


@protocol.always()
def who_may_spoil() -> Term:
    """Rows are lost, replaced or made up until times are calm; claims are logged that no store made up."""
    return (
        forall(
            Claim,
            lambda c: protocol.enabled("log_claim", c=c) == (~logged[c] & forall(Region, lambda r: ~unlogged[r, c])),
        )
        & forall(
            Region,
            lambda r: (
                (protocol.enabled("lose_row", r=r) == (~calm & held.defined(r)))
                & forall(
                    Claim,
                    lambda c: (
                        (protocol.enabled("replace_row", r=r, c=c) == (~calm & held.defined(r) & (held[r] < c)))
                        & (protocol.enabled("hold_unlogged", r=r, c=c) == (~calm & ~logged[c] & lacks(r, c)))
                    ),
                )
            ),
        )
        & (protocol.enabled("grow_calm") == ~calm)
    )


@protocol.lemma()
def proof_lasts() -> Term:
    """What was proven is applied, and goes on to be; what is joined is logged."""
    return forall(
        Region,
        Claim,
        lambda r, c: (
            implies(stage[r, c] == Stage.proven, applied[r, c])
            & implies(applied[r, c], joined[r, c])
            & implies(joined[r, c], logged[c])
        ),
    )


@protocol.lemma()
def a_log_is_for_ever() -> Term:
    """What a log has is not made up."""
    return forall(Region, Claim, lambda r, c: ~(logged[c] & unlogged[r, c]))


@protocol.reachable("DIV-3")
def on_its_way_and_seen() -> Term:
    """A region sees what it lacks, and has yet to replay it."""
    return exists(Region, Claim, lambda r, c: (stage[r, c] == Stage.looked) & logged[c] & ~joined[r, c])


@protocol.reachable("DIV-3")
def replayed_since_it_looked() -> Term:
    """A region has applied, since it looked, what it lacked then: that was not lost."""
    return exists(Region, Claim, lambda r, c: (stage[r, c] == Stage.proven) & ~lacks(r, c) & ~spoilt[r])


@protocol.reachable("DIV-5")
def lost() -> Term:
    """A store has nothing where a claim was applied."""
    return exists(Region, Claim, lambda r, c: applied[r, c] & ~held.defined(r))


@protocol.reachable("DIV-5")
def mended() -> Term:
    """A region holds again what its store had lost."""
    return exists(Region, Claim, lambda r, c: spoilt[r] & applied[r, c] & held.defined(r) & (held[r] == c))


@protocol.reachable("DIV-4")
def held_by_one_and_in_no_log() -> Term:
    """A store holds what no log has, and a peer has seen it: nothing comes of that."""
    return exists(
        Region, Region, Claim, lambda r, s, c: (stage[r, c] == Stage.looked) & unlogged[s, c] & lacks(r, c) & calm
    )


@protocol.reachable("DIV-5")
def replaced_by_what_was_logged() -> Term:
    """A store holds what a log has, although nobody joined it there."""
    return exists(
        Region,
        Claim,
        lambda r, c: logged[c] & held.defined(r) & (held[r] == c) & ~joined[r, c] & ~unlogged[r, c],
    )


@protocol.reachable("DIV-4")
def held_although_nothing_was_spoilt() -> Term:
    """A store holds what no log has, and has lost nothing for it."""
    return exists(Region, Claim, lambda r, c: unlogged[r, c] & held.defined(r) & (held[r] == c) & ~spoilt[r])


@protocol.leads_to("DIV-6", fair=("mend", "reject"))
def what_is_proposed_is_decided() -> tuple[Term, Term]:
    """In calm times no proposal stays open: it is joined, or it fails."""
    is_open = exists(Region, Claim, lambda r, c: stage[r, c] == Stage.proposed)
    return calm & is_open, ~is_open


@protocol.leads_to("DIV-3", fair=("look_away", "prove", "call_lost"))
def no_look_lasts_for_ever() -> tuple[Term, Term]:
    """In calm times no round goes on for ever: what was seen is called lost, or let go."""
    goes_on = exists(Region, Claim, is_looking)
    return calm & goes_on, ~goes_on


@protocol.leads_to("DIV-5", fair=("look", "prove", "call_lost", "mend"))
def what_a_peer_holds_is_mended() -> tuple[Term, Term]:
    """In calm times no region lacks for ever what it has applied and a peer holds."""

    def still_lacks(r: Term, s: Term, c: Term) -> Term:
        return applied[r, c] & lacks(r, c) & held.defined(s) & (held[s] == c)

    return calm & exists(Region, Region, Claim, still_lacks), ~exists(Region, Region, Claim, still_lacks)
