"""The server under test as the checks see it: fresh records, honest signatures, and what to expect of a reply."""

import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from tempfile import TemporaryFile

import msgspec

from flk.conformance.drafts.draft import fields
from flk.conformance.drafts.mutations import Fields, body_of
from flk.conformance.server.client import Client, Failed, NoAnswer, Reply
from flk.model.entries.entry import content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.record.record import Pcs
from flk.model.record.signing import Signer, sign
from flk.spec.constants import CONSTANTS

POLL_SECONDS = 0.05


class NotApplicable(Exception):
    """The check needs something that the caller did not give. Says what."""


class Server:
    """A running server, and the tenants whose keys the caller holds, the main one first.

    `seed` makes the records; two runs with different seeds never meet under one id. `restart` is a command that restarts the
    server without losing its data and returns when it is up or coming up.
    """

    def __init__(
        self,
        client: Client,
        tenants: Mapping[str, Signer],
        seed: int,
        *,
        restart: Sequence[str] = (),
        patience: float = 30.0,
    ) -> None:
        self.client = client
        self.tenants = tuple(tenants)
        self.seed = seed
        self._signers = dict(tenants)
        self._random = Random(seed)
        self._restart = tuple(restart)
        self._patience = patience

    def record(self, **changes: object) -> Fields:
        """A valid record under an id that was never used, its slope exactly 1; other values where wanted. Not signed."""
        fresh = {
            "epoch": self._random.randrange(CONSTANTS.record.max_epoch),
            "merkle_root": self._random.randbytes(32).hex(),
        }
        return fields(shard_id="conformance", **{**fresh, **changes})

    def signed(self, record: Fields, tenant: str | None = None) -> Fields:
        """The record with the signature of a tenant, the main one unless another is named."""
        signer = self._signers[tenant or self.tenants[0]]
        return {**record, "sig": sign(signer, pcs(record))}

    def submit(self, record: Fields | bytes, tenant: str | None = None) -> Reply:
        """Send a record, or a body as it is, for a tenant."""
        body = record if isinstance(record, bytes) else body_of(record)
        return self.client.request("POST", SUBMIT_PATH, body, self.headers(tenant))

    def headers(self, tenant: str | None = None) -> list[tuple[str, str]]:
        """The headers of a submission."""
        return [("Content-Type", "application/json"), ("X-Tenant-Id", tenant or self.tenants[0])]

    def restart(self) -> None:
        """Restart the server and wait until it is ready. Raises NotApplicable without a command, NoAnswer if it stays away."""
        if not self._restart:
            raise NotApplicable("needs a command that restarts the server: --restart-command, or restart= in Python")
        with TemporaryFile() as stderr:  # not a pipe, which the restarted server would hold open
            done = subprocess.run(self._restart, check=False, stdout=stderr, stderr=stderr)  # noqa: S603  # the caller's own command
            stderr.seek(0)
            said = stderr.read().decode(errors="replace").strip()
        if done.returncode:
            raise NoAnswer(f"the restart command exited with status {done.returncode}: {said}")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Raises NoAnswer if /ready does not answer 200 within the patience."""
        give_up = time.monotonic() + self._patience
        while time.monotonic() < give_up:
            try:
                if self.client.request("GET", "/ready").status == 200:
                    return
            except NoAnswer:
                pass
            time.sleep(POLL_SECONDS)
        raise NoAnswer(f"not ready within {self._patience:g} s")


def pcs(record: Fields) -> Pcs:
    """The model's value of a valid record."""
    return msgspec.convert(record, Pcs)


def expect_status(reply: Reply, statuses: int | Iterable[int], why: str) -> None:
    """Raises Failed unless the reply has one of the statuses."""
    wanted = (statuses,) if isinstance(statuses, int) else tuple(statuses)
    if reply.status not in wanted:
        raise Failed(f"{why}: expected {' or '.join(map(str, wanted))}, got {reply}")


def expect_outcome(reply: Reply, record: Fields) -> None:
    """Raises Failed unless the reply states what the model judges of the record."""
    outcome = judge(pcs(record))
    expect_status(reply, 202 if outcome.escalated else 200, f"{outcome.reason} record {_shown(record)}")
    wanted = {
        "pcs_id": record["pcs_id"],
        "digest": content_digest(pcs(record)),
        **msgspec.to_builtins(outcome),
    }
    body = reply.json()
    missing = [name for name in (*wanted, "timestamp", "region") if name not in body]
    if missing:
        raise Failed(f"the reply lacks {', '.join(missing)}: {reply}")
    wrong = [f"{name} is {body[name]!r}, not {value!r}" for name, value in wanted.items() if body[name] != value]
    if wrong:
        raise Failed(f"{'; '.join(wrong)} for record {_shown(record)}")


def expect_refusal(reply: Reply, status: int, requirement: str, why: str, *, field: str | None = None) -> None:
    """Raises Failed unless the reply is a refusal that names the requirement and the field."""
    expect_status(reply, status, why)
    body = reply.json()
    if body.get("requirement") != requirement or body.get("field") != field or not body.get("error"):
        raise Failed(f"{why}: expected error, requirement {requirement} and field {field}, got {reply}")


def expect_same(first: Reply, second: Reply, why: str) -> None:
    """Raises Failed unless both replies have one status and one body, byte for byte."""
    if (first.status, first.body) != (second.status, second.body):
        raise Failed(f"{why}: first {first}, then {second}")


def _shown(record: Fields) -> str:
    names = ("scales", "N_j", "D_hat", "coh_star", "r", "regime", "budget")
    return ", ".join(f"{name} {record[name]}" for name in names)
