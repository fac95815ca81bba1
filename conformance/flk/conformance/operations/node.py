"""A whole node on a short history: the order of its steps, and what it remembers (ORD-*, DUP-*, SIGN-4, SIGN-7)."""

from functools import partial

import msgspec
from msgspec import Raw

from flk.conformance.operations.forms import Form, Keys, keyring
from flk.model.flow.submission import Response, Submission
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.examine import examine
from flk.model.programs.ingest import ingest
from flk.model.record.canonical import Profile
from flk.model.runtime import run


class Arrival(Form, frozen=True):
    """A submission and the wall time of its arrival, in seconds since 1970 (a whole number of eighths)."""

    at: float
    tenant: str
    body: str


class NodeInput(Form, frozen=True):
    """A fresh node, its keys, and what it is sent, in order."""

    region: str
    keys: Keys
    profiles: tuple[Profile, ...]
    arrivals: tuple[Arrival, ...]


class Answered(Form, frozen=True):
    """A reply. `body` is its JSON, but for the sentence in `error`, which is anybody's own."""

    status: int
    body: Raw


def node(given: NodeInput) -> list[Answered]:
    """The replies, in order."""
    now = [0.0]
    runtime = MemoryNode(Disk(given.region), Entries(), Objects(), now=lambda: now[0])
    examined = partial(examine, keyring(given.keys, given.profiles))
    replies = []
    for arrival in given.arrivals:
        now[0] = arrival.at
        submission = Submission(arrival.tenant, arrival.body.encode())
        replies.append(_answered(run(ingest(submission, given.region, examined), runtime.perform)))
    return replies


def _answered(response: Response) -> Answered:
    body = msgspec.json.decode(response.body, type=dict[str, Raw])
    return Answered(response.status, Raw(msgspec.json.encode({k: v for k, v in body.items() if k != "error"})))
