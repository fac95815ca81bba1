"""A whole node on a short history: the order of its steps, and what it remembers (ORD-*, DUP-*, SIGN-4, SIGN-7)."""

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from flk.conformance.operations.forms import Form, Keys, keyring
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import ZERO
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.policies.document import DEFAULT, LIMITS, Policy, VrfMode
from flk.model.policies.ruling import Ruling, encoded
from flk.model.policies.signing import signed_policy
from flk.model.programs.examine import Here, examine
from flk.model.programs.ingest import ingest
from flk.model.record.canonical import Profile
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey
from flk.model.runtime import run


class Arrival(Form, frozen=True):
    """A submission and the wall time of its arrival, in seconds since 1970 (a whole number of eighths)."""

    at: float
    tenant: str
    body: str


class Stating(Form, frozen=True):
    """What the node's log states of policies: the one in force (none: the default), and the one that is staged for a share."""

    in_force: Policy | None = None
    staged: Policy | None = None
    share: Annotated[int, Meta(ge=0, le=LIMITS.share_parts)] = 0


class NodeInput(Form, frozen=True):
    """A fresh node, its keys, and what it is sent, in order; by which keys seeds are drawn, and what the policy makes of proofs, or
    else what its log states of policies.
    """

    region: str
    keys: Keys
    profiles: tuple[Profile, ...]
    arrivals: tuple[Arrival, ...]
    vrf_keys: Keys = msgspec.field(default_factory=dict)
    vrf_mode: VrfMode = VrfMode.OFF
    policies: Stating | None = None


class Answered(Form, frozen=True):
    """A reply. `body` is its JSON, but for the sentence in `error`, which is anybody's own."""

    status: int
    body: Raw


def node(given: NodeInput) -> list[Answered]:
    """The replies, in order."""
    now, stated = [0.0], _stated(given)
    runtime = MemoryNode(Disk(given.region), Entries(), Objects(), now=lambda: now[0])
    ring = keyring(given.keys, given.profiles, given.vrf_keys, {_NAME: Ed25519PublicKey(_SIGNER.public())})
    examined = Here(partial(examine, ring), lambda _: stated)
    replies = []
    for arrival in given.arrivals:
        now[0] = arrival.at
        submission = Submission(arrival.tenant, arrival.body.encode())
        replies.append(_answered(run(ingest(submission, given.region, examined), runtime.perform)))
    return replies


_NAME, _SIGNER = "kit", Ed25519PrivateKey(bytes(32))
"""Who signs the policies of a node that lives for one question."""


def _stated(given: NodeInput) -> Stated:
    """What the node's log states: nothing, or policies that the kit signs."""
    said = given.policies or Stating()
    if given.vrf_mode is not VrfMode.OFF:
        said = Stating(msgspec.structs.replace(DEFAULT, version="1.0.1", vrf_mode=given.vrf_mode))
    vouched = [signed_policy(each, _NAME, _SIGNER) for each in (said.in_force, said.staged) if each is not None]
    if not vouched:
        return UNSTATED
    in_force = said.in_force or DEFAULT
    candidate = "" if said.staged is None else said.staged.version
    return Stated(ZERO, encoded(Ruling(tuple(vouched), in_force.version, candidate=candidate, share=said.share)))


def _answered(response: Response) -> Answered:
    body = msgspec.json.decode(response.body, type=dict[str, Raw])
    return Answered(response.status, Raw(msgspec.json.encode({k: v for k, v in body.items() if k != "error"})))
