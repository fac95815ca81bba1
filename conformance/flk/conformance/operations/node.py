"""A whole node on a short history: the order of its steps, and what it remembers (ORD-*, DUP-*, SIGN-4, SIGN-7)."""

from functools import partial

import msgspec
from msgspec import Raw

from flk.conformance.operations.forms import Form, Keys, keyring
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import ZERO
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.policies.document import DEFAULT, VrfMode
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


class NodeInput(Form, frozen=True):
    """A fresh node, its keys, and what it is sent, in order; by which keys seeds are drawn, and what the policy makes of proofs."""

    region: str
    keys: Keys
    profiles: tuple[Profile, ...]
    arrivals: tuple[Arrival, ...]
    vrf_keys: Keys = msgspec.field(default_factory=dict)
    vrf_mode: VrfMode = VrfMode.OFF


class Answered(Form, frozen=True):
    """A reply. `body` is its JSON, but for the sentence in `error`, which is anybody's own."""

    status: int
    body: Raw


def node(given: NodeInput) -> list[Answered]:
    """The replies, in order."""
    now = [0.0]
    runtime = MemoryNode(Disk(given.region), Entries(), Objects(), now=lambda: now[0])
    ring = keyring(given.keys, given.profiles, given.vrf_keys, {_NAME: Ed25519PublicKey(_SIGNER.public())})
    examined = Here(partial(examine, ring), lambda _: _stated(given.vrf_mode))
    replies = []
    for arrival in given.arrivals:
        now[0] = arrival.at
        submission = Submission(arrival.tenant, arrival.body.encode())
        replies.append(_answered(run(ingest(submission, given.region, examined), runtime.perform)))
    return replies


_NAME, _SIGNER = "kit", Ed25519PrivateKey(bytes(32))
"""Who signs the policies of a node that lives for one question."""


def _stated(mode: VrfMode) -> Stated:
    """What the node's log states: nothing, or a policy that differs from the default one in this."""
    if mode is VrfMode.OFF:
        return UNSTATED
    policy = msgspec.structs.replace(DEFAULT, version="1.0.1", vrf_mode=mode)
    vouched = signed_policy(policy, _NAME, _SIGNER)
    return Stated(ZERO, encoded(Ruling((vouched,), vouched.version)))


def _answered(response: Response) -> Answered:
    body = msgspec.json.decode(response.body, type=dict[str, Raw])
    return Answered(response.status, Raw(msgspec.json.encode({k: v for k, v in body.items() if k != "error"})))
