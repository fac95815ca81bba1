"""Before the checks: does the server take a plain record of each tenant? If not, there is nothing to check, but a cause to name."""

from collections.abc import Callable, Iterator
from hashlib import sha256

from flk.conformance.drafts.mutations import Fields
from flk.conformance.reports.report import CaseResult, CaseStatus
from flk.conformance.server.replies import NoAnswer, Reply
from flk.conformance.server.target import Server, pcs
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.record.canonical import Profile
from flk.model.record.signing import Signer, sign

NAME = "preflight"
CLAIM = "A plain record, signed with the tenant's key, is taken."
REQUIREMENTS = ("SIGN-1", "SIGN-4", "ORD-7")


def preflight(server: Server) -> CaseResult | None:
    """None if the server takes a plain record of each tenant; else the result that ends the run, and says what is known."""
    for tenant in server.tenants:
        record = server.record()
        signed = server.signed(record, tenant)
        try:
            reply = server.submit(signed, tenant)
        except NoAnswer as silence:
            return CaseResult(NAME, CLAIM, REQUIREMENTS, CaseStatus.SILENT, f"{silence}; nothing else was asked")
        if reply.status not in ACKNOWLEDGED:
            server.refused = server.described(signed, tenant, str(reply))
            return CaseResult(NAME, CLAIM, REQUIREMENTS, CaseStatus.NOT_EXERCISED, _told(server, tenant, reply))
    return None


def _told(server: Server, tenant: str, reply: Reply) -> str:
    told = f"your server refuses our plain record of tenant {tenant}, so that nothing else was asked: {reply}"
    if reply.status == 429:
        wait = f" (Retry-After: {reply.headers['retry-after']})" if "retry-after" in reply.headers else ""
        return f"{told}; it throttles the kit{wait}; fix: raise its limits for this client"
    if reply.status == 404:
        return f"{told}; fix: give the base URL of the service, with the prefix before /v1/pcs/submit if it has one"
    if reply.status == 401:
        taken = [form for form, made in _other_forms(server, tenant) if _takes(server, tenant, made)]
        if taken:
            return f"{told}; it takes the same record signed {' and '.join(taken)}"
        return f"{told}; fix: give server and kit one key for tenant {tenant}, or compare the bytes that the note shows"
    return told


def _takes(server: Server, tenant: str, make: Callable[[Fields], str]) -> bool:
    record = server.record()
    try:
        return server.submit({**record, "sig": make(record)}, tenant).status in ACKNOWLEDGED
    except NoAnswer:
        return False


def _other_forms(server: Server, tenant: str) -> Iterator[tuple[str, Callable[[Fields], str]]]:
    """Known other ways to sign, in words."""
    signer = server.signer(tenant)
    for profile in Profile:
        if profile is not server.profile:
            yield f"by profile {profile}; fix: --signing-profile {profile}", _by(signer, profile)
    yield "after a pre-hash, which SIGN-1 forbids", _by(_PreHashed(signer), server.profile)
    for other in server.tenants:
        if other != tenant:
            yield f"with the key of tenant {other}; fix: exchange the keys", _by(server.signer(other), server.profile)


def _by(signer: Signer, profile: Profile) -> Callable[[Fields], str]:
    return lambda record: sign(signer, pcs(record), profile)


class _PreHashed:
    """Signs SHA-256 of the message, as some signers did."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def sign(self, message: bytes) -> bytes:
        """The signature of the digest."""
        return self._signer.sign(sha256(message).digest())
