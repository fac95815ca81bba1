"""What an agent sends, what a node answers, and how a submission lies in a log."""

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from flk.model.entries.entry import Claim, Entry, Outcome
from flk.model.log.hlc import text
from flk.model.refusal import Malformed, Refused
from flk.spec.constants import CONSTANTS

_TENANT = re.compile(CONSTANTS.node.tenant_pattern)


class Submission(msgspec.Struct, frozen=True):
    """A request: the tenant it speaks for, and the body exactly as it came."""

    tenant: str
    body: bytes

    def payload(self) -> bytes:
        """The submission as a log keeps it: one byte of tenant length, the tenant, the body.

        Raises Malformed if the tenant is not one that can be logged (ORD-9).
        """
        return _envelope(self.tenant) + self.body


def payloads_of(tenant: str, bodies: Iterable[bytes]) -> list[bytes]:
    """The submissions of a tenant as a log keeps them. Raises as `payload` does."""
    envelope = _envelope(tenant)
    return [envelope + body for body in bodies]


@lru_cache(maxsize=256)
def _envelope(tenant: str) -> bytes:
    """What precedes the body. Cached, since few tenants send much."""
    if not _TENANT.fullmatch(tenant):
        raise Malformed("ORD-9", f"a tenant matches {_TENANT.pattern}", field="X-Tenant-Id")
    return bytes([len(tenant)]) + tenant.encode()


def tenant_of(payload: bytes) -> str:
    """Who sent the submission that `payload` was made of."""
    return payload[1 : 1 + payload[0]].decode()


def body_of(payload: bytes) -> bytes:
    """The body in what a log keeps of a submission."""
    return payload[1 + payload[0] :]


def from_payload(payload: bytes) -> Submission:
    """The submission that `payload` was made of."""
    end = 1 + payload[0]
    return Submission(payload[1:end].decode(), payload[end:])


class Response(msgspec.Struct, frozen=True):
    """A node's answer: HTTP status, JSON body, and the seconds of `Retry-After` (None if absent).

    >>> Response(429, b'{"error":"4096 requests are in flight","requirement":"ORD-6","field":null}', 10).json()["requirement"]
    'ORD-6'
    """

    status: int
    body: bytes
    retry_after: float | None = None

    def json(self) -> dict[str, object]:
        """The body as a dictionary."""
        return msgspec.json.decode(self.body, type=dict[str, object])


class StoredOutcome(msgspec.Struct, frozen=True):
    """The JSON body that states a stored entry and its outcome (ORD-7)."""

    pcs_id: str
    digest: str
    timestamp: str
    region: str
    accepted: bool
    escalated: bool
    reason: str
    recomputed_D_hat: float
    recomputed_budget: float


class Equivocation(StoredOutcome, frozen=True):
    """The stored entry, given to one who came with other content under its id (DUP-3)."""

    error: str
    requirement: str


class Problem(msgspec.Struct, frozen=True):
    """The JSON of a refusal: a sentence, the requirement it rests on, the field at fault (ORD-2)."""

    error: str
    requirement: str
    field: str | None


def answer(claim: Claim, stored: Entry) -> Response:
    """The stored outcome, whoever asks (DUP-2): 200 if accepted without escalation, else 202 (ORD-7); 409 for other content."""
    outcome = stored.outcome
    fields = _fields(claim, stored, outcome)
    if stored.digest != claim.entry.digest:
        error = "another content is already stored under this pcs_id; its outcome stands"
        return Response(409, msgspec.json.encode(Equivocation(*fields, error, "DUP-3")))
    return Response(202 if outcome.escalated else 200, msgspec.json.encode(StoredOutcome(*fields)))


def _fields(claim: Claim, stored: Entry, outcome: Outcome) -> tuple[str, str, str, str, bool, bool, str, float, float]:
    return (
        claim.key.pcs_id,
        stored.digest,
        text(stored.timestamp),
        stored.region,
        outcome.accepted,
        outcome.escalated,
        outcome.reason,
        outcome.recomputed_D_hat,
        outcome.recomputed_budget,
    )


def refuse(refusal: Refused) -> Response:
    """The answer to a request that stores nothing."""
    problem = Problem(refusal.detail, refusal.requirement, refusal.field)
    return Response(int(refusal.status), msgspec.json.encode(problem), refusal.retry_after)
