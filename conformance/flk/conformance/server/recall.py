"""Outcomes by id: what the holder of a tenant's token is told of its records, and of those of others (API-1 to API-3).

A server need not offer this: one that has no such path is asked nothing else.
"""

from hashlib import sha256

from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed, Reply
from flk.conformance.server.target import (
    NotApplicable,
    Server,
    expect_outcome,
    expect_refusal,
    expect_same,
    expect_status,
)

ESCALATED = {"budget": 0.9}


def stored(server: Server, tenant: str, **changes: object) -> tuple[str, Reply]:
    """The id of a record that a tenant has stored, and what it was told. Raises NotApplicable without a token, or such a path."""
    token = server.token(tenant)
    record = server.signed(server.record(**changes), tenant)
    reply = server.submit(record, tenant)
    expect_outcome(reply, record)
    pcs_id = str(record["pcs_id"])
    found = server.recall(pcs_id, token)
    if found.status == 404 and found.json().get("requirement") == "ORD-8":
        raise NotApplicable("the server does not tell outcomes by id")
    return pcs_id, reply


@check("API-2")
def outcome_by_id(server: Server) -> None:
    """The stored outcome of a record, asked for by its id, is what the sender was told, byte for byte, accepted or escalated."""
    tenant = server.tenants[0]
    for changes in ({}, ESCALATED):
        pcs_id, reply = stored(server, tenant, **changes)
        expect_same(reply, server.recall(pcs_id, server.token(tenant)), "the outcome of a stored record, by its id")


@check("API-3", "DUP-5")
def what_was_refused_has_no_outcome(server: Server) -> None:
    """Of an id that nobody stored, and of one that came with a bad signature only, the answer is one and the same 404."""
    tenant = server.tenants[0]
    stored(server, tenant)
    forged = {**server.record(), "sig": "A" * 43 + "="}
    expect_refusal(server.submit(forged, tenant), 401, "SIGN-6", "a forged record", field="sig")
    never = sha256(b"never %d" % server.draw(1 << 30)).hexdigest()
    first = server.recall(never, server.token(tenant))
    expect_status(first, 404, "an id that nobody stored")
    expect_same(first, server.recall(str(forged["pcs_id"]), server.token(tenant)), "an id that came forged only")


@check("API-3", "DUP-4")
def outcomes_of_others_are_not_told(server: Server) -> None:
    """Of another tenant's record the answer is that to an id which nobody has, and the other's token reads its own."""
    tenant, other = server.tenants[0], server.other_tenant()
    pcs_id, _ = stored(server, tenant)
    theirs, _ = stored(server, other)
    never = sha256(b"never %d" % server.draw(1 << 30)).hexdigest()
    nothing = server.recall(never, server.token(other))
    expect_status(nothing, 404, "an id that nobody stored")
    expect_same(nothing, server.recall(pcs_id, server.token(other)), f"a record of {tenant}, asked for by {other}")
    claimed = server.recall(pcs_id, server.token(other), [("X-Tenant-Id", tenant)])
    expect_same(nothing, claimed, f"a record of {tenant}, asked for by {other} in its name")
    expect_status(server.recall(theirs, server.token(other)), 200, f"a record of {other}, asked for by it")


@check("API-1")
def outcomes_need_a_token(server: Server) -> None:
    """Without a token, or with one that is none, the answer is 401 and says how to authenticate, whatever is stored."""
    tenant = server.tenants[0]
    pcs_id, _ = stored(server, tenant)
    token = server.token(tenant)
    for wrong in ("", token[:-1], token + "x", token[::-1], tenant):
        if wrong != token:
            reply = server.recall(pcs_id, wrong)
            expect_status(reply, 401, "a stored record, asked for without a token that counts")
            if not reply.headers.get("www-authenticate", "").startswith("Bearer"):
                raise Failed(f"the 401 does not say how to authenticate (RFC 6750): {reply.headers}")
