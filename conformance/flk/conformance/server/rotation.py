"""Keys that follow one another: each counts while it is live, and what was signed with which makes no difference."""

from flk.conformance.server.check import check
from flk.conformance.server.target import NotApplicable, Server, expect_outcome, expect_refusal, expect_same


@check("SIGN-4", "DUP-3")
def every_live_key_counts(server: Server) -> None:
    """Each live key of a tenant signs for it, and one content signed with each of them is one content."""
    if not any(server.rotation.values()):
        raise NotApplicable("needs a tenant with two live keys: a second in the key file, or rotation= in Python")
    for tenant, signers in server.rotation.items():
        record = server.record()
        first = server.submit(server.signed(record, tenant), tenant)
        expect_outcome(first, record)
        for signer in signers:
            fresh = server.signed(server.record(), tenant, signer=signer)
            expect_outcome(server.submit(fresh, tenant), fresh)
            again = server.submit(server.signed(record, tenant, signer=signer), tenant)
            expect_same(first, again, f"one content of {tenant}, signed with another of its keys")


LONG_AGO = ("1970-01-01T00:00:00.500Z", "2000-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z")
"""Moments within the window of a key that is not live, if its window has one of them: the time of the log entry counts."""


@check("SIGN-4", "SIGN-6")
def retired_keys_do_not_count(server: Server) -> None:
    """A key that is no more live, or not yet, gets 401, for a new record and a stored one, whenever they say they were sent."""
    if not any(server.retired.values()):
        raise NotApplicable("needs a key that is not live: one with not_after in the key file, or retired= in Python")
    for tenant, signers in server.retired.items():
        record = server.record()
        stored = server.submit(server.signed(record, tenant), tenant)
        expect_outcome(stored, record)
        for signer in signers:
            backdated = [server.record(sent_at=moment) for moment in LONG_AGO]
            for sent in (server.record(), record, *backdated):
                reply = server.submit(server.signed(sent, tenant, signer=signer), tenant)
                expect_refusal(reply, 401, "SIGN-6", f"a key of {tenant} that is not live", field="sig")
        expect_same(stored, server.submit(server.signed(record, tenant), tenant), "the record after a retired key")
