"""Whose a submission is: what the tenant header says of it, and nothing that came before on the connection."""

import re

from flk.conformance.server.check import check
from flk.conformance.server.exchange import AHEAD, KeptAlive, written_ahead
from flk.conformance.server.replies import Failed
from flk.conformance.server.target import (
    JSON,
    Server,
    expect_outcome,
    expect_refusal,
    expect_same,
)
from flk.spec.constants import CONSTANTS

DEFAULT = CONSTANTS.node.default_tenant


@check("ORD-9")
def no_tenant_header(server: Server) -> None:
    """Without the header a submission is the default tenant's, and nobody else's key counts for it."""
    with KeptAlive(server) as connection:
        for tenant in server.tenants:
            record = server.signed(server.record(), tenant)
            reply = connection.submit(record, [JSON])
            if tenant == DEFAULT:
                expect_outcome(reply, record)
                expect_same(reply, server.submit(record, DEFAULT), "the same record, its tenant named")
            else:
                expect_refusal(reply, 401, "SIGN-6", f"no header, signed with the key of {tenant}", field="sig")


@check("ORD-9", "SIGN-7")
def tenant_header_in_any_case(server: Server) -> None:
    """The name of the header counts in capitals, in small letters and mixed, as HTTP has it."""
    tenant = server.tenants[-1]
    record = server.signed(server.record(), tenant)
    first = server.submit(record, tenant)
    expect_outcome(first, record)
    with KeptAlive(server) as connection:
        for name in ("X-TENANT-ID", "x-tenant-id", "x-Tenant-iD"):
            expect_same(first, connection.submit(record, [JSON, (name, tenant)]), f"the header written {name}")


@check("SIGN-7", "DUP-4", "ORD-3")
def stored_record_under_a_foreign_tenant(server: Server) -> None:
    """A record that one tenant has stored gets 401 under another's name, known or not, however near to its own, and the answer
    says nothing of it.
    """
    record = server.signed(server.record())
    stored = server.submit(record)
    expect_outcome(stored, record)
    for tenant in (*server.tenants[1:2], f"stranger-{server.seed}", *_nearly(server.tenants[0])):
        reply = server.submit(record, tenant)
        expect_refusal(reply, 401, "SIGN-6", f"a stored record of {server.tenants[0]}, sent as {tenant}", field="sig")
        if stored.text("digest").encode() in reply.body:
            raise Failed(f"the 401 states the digest of another tenant's entry: {reply}")
    expect_same(stored, server.submit(record), "the stored record after a foreign tenant sent it")


def _nearly(tenant: str) -> tuple[str, ...]:
    """Names that a comparison without case, of trimmed texts or of beginnings takes for the tenant's."""
    near = (
        tenant.upper(),
        tenant.lower(),
        tenant.title(),
        f"{tenant}.",
        f"-{tenant}",
        f"_{tenant}_",
        f"{tenant}2",
        tenant[:-1],
    )
    return tuple(
        name for name in dict.fromkeys(near) if name != tenant and re.fullmatch(CONSTANTS.node.tenant_pattern, name)
    )


@check("ORD-9", "DUP-4", "SIGN-7")
def tenants_take_turns_on_a_connection(server: Server) -> None:
    """On a connection that stays open each request is the tenant's whom its own header names."""
    one, two = server.tenants[0], server.other_tenant()
    with KeptAlive(server) as connection:
        for tenant, stranger in ((one, two), (two, one), (two, one), (one, two)):
            record = server.signed(server.record(), tenant)
            expect_outcome(connection.submit(record, server.headers(tenant)), record)
            foreign = connection.submit(server.signed(server.record(), tenant), server.headers(stranger))
            expect_refusal(foreign, 401, "SIGN-6", f"{tenant}'s record under {stranger}'s name", field="sig")


@check("ORD-9", "HTTP-1")
def requests_written_ahead(server: Server) -> None:
    """Requests that are written ahead of the answers are all answered, each its own, in their order, whoever's they are."""
    tenants = server.tenants[:2]
    owners = [tenants[number % len(tenants)] for number in range(AHEAD)]
    records = [server.signed(server.record(), tenant) for tenant in owners]
    records[AHEAD // 2] = {**records[AHEAD // 2], "sig": ""}
    asked = [(record, server.headers(tenant)) for record, tenant in zip(records, owners, strict=True)]
    for place, (record, reply) in enumerate(zip(records, written_ahead(server, asked), strict=True)):
        if place == AHEAD // 2:
            expect_refusal(reply, 401, "SIGN-6", "a forged record among others, written ahead", field="sig")
        else:
            expect_outcome(reply, record)
