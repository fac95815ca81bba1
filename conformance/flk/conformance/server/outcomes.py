"""What an honest record gets, the first time and every time after."""

from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed
from flk.conformance.server.target import (
    Server,
    expect_outcome,
    expect_refusal,
    expect_same,
    expect_status,
    pcs,
)
from flk.model.entries.entry import content_digest

FLAT = {"2": 5, "4": 5, "8": 5, "16": 5}


@check("ORD-7", "JDG-2", "SIG-1", "SIG-6")
def accepted(server: Server) -> None:
    """A good record gets 200 with its id, digest, timestamp, region and the whole outcome."""
    record = server.signed(server.record())
    reply = server.submit(record)
    expect_outcome(reply, record)
    timestamp = reply.json()["timestamp"]
    if not isinstance(timestamp, str) or len(timestamp) != 16 or set(timestamp) - set("0123456789abcdef"):
        raise Failed(f"the timestamp is not 16 hexadecimal digits: {timestamp!r}")


@check("ORD-7", "JDG-2", "JDG-3", "JDG-4")
def escalated(server: Server) -> None:
    """A wrong slope, regime or budget gets 202 with its reason, and only the slope is not accepted."""
    for changes in (
        {"D_hat": 1.4},
        {"regime": "mixed"},
        {"budget": 0.9},
        {"D_hat": 1.4, "regime": "non_sticky", "budget": 1.0},
    ):
        record = server.signed(server.record(**changes))
        expect_outcome(server.submit(record), record)


@check("ORD-7", "JDG-2")
def zero_is_a_value(server: Server) -> None:
    """A recomputed slope of zero is in the reply like any other."""
    record = server.signed(server.record(N_j=FLAT, D_hat=0.0))
    expect_outcome(server.submit(record), record)


@check("JDG-1", "JDG-2", "JDG-4")
def tolerances_are_symmetric(server: Server) -> None:
    """A difference equal to the tolerance is within it on both sides, and one billionth more is not."""
    for field, claims in {
        "D_hat": (0.85, 1.15, 0.849999999, 1.150000001),
        "budget": (0.39, 0.41, 0.389999999, 0.410000001),
    }.items():
        for claim in claims:
            record = server.signed(server.record(**{field: claim}))
            expect_outcome(server.submit(record), record)


@check("JDG-3", "SIG-4")
def regime_of_the_claim(server: Server) -> None:
    """Where claimed and recomputed slope lie in two regimes, the claimed one decides, and bounds belong to the outer regimes."""
    for claim, regime in ((1.5, "sticky"), (1.500000001, "mixed"), (1.45, "sticky")):
        record = server.signed(server.record(N_j=_STEEPER, D_hat=claim, coh_star=0.7, budget=0.39, regime=regime))
        expect_outcome(server.submit(record), record)


_STEEPER = {"2": 2, "4": 6, "8": 16, "16": 46}  # a slope of 1.504 or so


@check("C14N-2", "C14N-3", "SIGN-1")
def canonical_numbers(server: Server) -> None:
    """Signatures over ties, integers, tiny numbers and -0 verify."""
    for changes in (
        {"r": 0.5009765625, "budget": 0.399707031},
        {"r": 0.0, "budget": 0.55},
        {"r": -0.0, "budget": 0.55},
        {"r": 1e-10, "budget": 0.55},
        {"D_hat": 1.0000000005},
    ):
        record = server.signed(server.record(**changes))
        expect_outcome(server.submit(record), record)


@check("DUP-2", "DUP-3", "ORD-7")
def duplicate(server: Server) -> None:
    """The same content gets the stored reply, byte for byte, whatever delivery changed about it."""
    for changes in ({}, {"regime": "mixed"}):
        record = server.record(**changes)
        first = server.submit(server.signed(record))
        expect_outcome(first, record)
        expect_same(first, server.submit(server.signed(record)), "a duplicate")
        again = {
            **record,
            "attempt": 2,
            "sent_at": "2026-02-03T04:05:06Z",
            "seed": 7,
            "ft": {"outbox_seq": 9, "degraded": True, "fallbacks": ["x"], "clock_skew_ms": -1},
        }
        expect_same(first, server.submit(server.signed(again)), "the same content, delivered again")


@check("DUP-3", "DUP-2")
def equivocation(server: Server) -> None:
    """Another content under a stored id gets 409 with the stored entry, and the store stays as it was."""
    record = server.record()
    first = server.submit(server.signed(record))
    expect_outcome(first, record)
    for other in (
        {**record, "D_hat": 1.05},
        {**record, "coh_star": 0.76},
        {**record, "r": 0.51},
        {**record, "budget": 0.405},
        {**record, "N_j": FLAT},
        {**record, "regime": "mixed"},
        {**record, "scales": [4, 2, 8, 16]},
    ):
        reply = server.submit(server.signed(other))
        expect_status(reply, 409, "another content under a stored id")
        stored, stated = first.json(), reply.json()
        wrong = [name for name, value in stored.items() if stated.get(name) != value]
        if wrong or reply.text("digest") != content_digest(pcs(record)):
            raise Failed(f"a 409 states the stored entry; {', '.join(wrong)} differ: stored {first}, stated {reply}")
    expect_same(first, server.submit(server.signed(record)), "the first content after an equivocation")


@check("DUP-4")
def tenants_are_apart(server: Server) -> None:
    """Two tenants store different contents under one id, and each gets its own back."""
    one, two = server.tenants[0], server.other_tenant()
    mine = server.record()
    theirs = {**mine, "r": 0.6, "budget": 0.37}
    first = server.submit(server.signed(mine, one), one)
    expect_outcome(first, mine)
    expect_outcome(server.submit(server.signed(theirs, two), two), theirs)
    expect_same(first, server.submit(server.signed(mine, one), one), "a tenant's entry after another's")


@check("SIGN-7", "DUP-4")
def keys_belong_to_tenants(server: Server) -> None:
    """A record signed with one tenant's key gets 401 under another tenant's name, known or not."""
    for tenant in (*server.tenants[1:2], f"stranger-{server.seed}"):
        reply = server.submit(server.signed(server.record()), tenant)
        expect_refusal(reply, 401, "SIGN-6", f"the main tenant's key used as {tenant}", field="sig")
