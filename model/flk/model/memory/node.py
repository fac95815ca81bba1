"""A whole node in memory, to submit to: the model's programs on the memory runtime, with nothing to set up."""

from collections.abc import Callable
from functools import partial

from flk.model.effects import INBOX
from flk.model.entries.entry import Entry, Key
from flk.model.flow.submission import Response, Submission
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.policies.ruling import Change, Ruling
from flk.model.programs.examine import Here, examine
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.replay import Replayed, replay
from flk.model.programs.rule import rule
from flk.model.programs.ship import ship
from flk.model.record.record import Pcs, encode
from flk.model.record.signing import Keyring
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS


def _first_second() -> float:
    """The wall time of a node that is given no clock."""
    return 0.0


class Node:
    """A node of a region in memory: the very programs that the server runs, without time, disk or network.

    `keyring` holds the keys it verifies with, `peer` is a node whose object store it shares, `now` gives wall time in seconds since
    1970 (by default it stands still; timestamps still rise).

    >>> key = HmacKey(b"secret")
    >>> eu = Node("eu", Keyring({"default": [key]}))
    >>> us = Node("us", Keyring({"default": [key]}), peer=eu)
    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> response = eu.submit(signed(record, key))
    >>> response.status, response.json()["reason"], response.json()["region"]
    (200, 'ok', 'eu')
    >>> eu.submit(record).status  # not signed
    401
    >>> eu.crash().claims  # the log is read again, and nothing is lost
    1
    >>> eu.ship(), us.replay(eu).claims
    (('eu.000001/000000000001',), 1)
    >>> us.entry(record.pcs_id) == eu.entry(record.pcs_id)
    True
    """

    def __init__(
        self, region: str, keyring: Keyring, *, peer: "Node | None" = None, now: Callable[[], float] = _first_second
    ) -> None:
        self.region = region
        self.disk = Disk(region)
        self.entries = Entries()
        self.objects: Objects = Objects() if peer is None else peer.objects
        self._keyring = keyring
        self._examine = partial(examine, keyring)
        self._now = now
        self._start()

    def submit(self, record: Pcs | bytes, tenant: str = CONSTANTS.node.default_tenant) -> Response:
        """The answer to `POST /v1/pcs/submit`: a record, or a body as it is, for a tenant (ORD-1)."""
        body = record if isinstance(record, bytes) else encode(record)
        here = Here(self._examine, partial(self.disk.stated_at, INBOX))
        return run(ingest(Submission(tenant, body), self.region, here), self._runtime.perform)

    def rule(self, change: Change) -> Ruling:
        """Change what the log states of policies; what holds now (POL-6, POL-9)."""
        return run(rule(change, self._keyring.policy_keys), self._runtime.perform)

    def ship(self) -> tuple[str, ...]:
        """Seal the log and upload what is sealed; the names of the segments shipped (CRR-4)."""
        return run(ship(), self._runtime.perform)

    def replay(self, peer: "Node") -> Replayed:
        """Join in what a peer has shipped to the object store that both share (CRR-1, CRR-5)."""
        return run(replay(peer.region, self._examine), self._runtime.perform)

    def crash(self) -> Recovery:
        """Lose all but disk, store and objects, and start again; what recovery did (WAL-5)."""
        return self._start()

    def entry(self, pcs_id: str, tenant: str = CONSTANTS.node.default_tenant) -> Entry | None:
        """What is stored under an id, None if nothing is."""
        return self.entries.entries.get(Key(tenant, pcs_id))

    def _start(self) -> Recovery:
        self._runtime = MemoryNode(self.disk, self.entries, self.objects, self._now)
        return run(recover(self.region, self._examine), self._runtime.perform)
