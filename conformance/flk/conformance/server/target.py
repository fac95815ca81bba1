"""The server under test as the checks see it: fresh records, honest signatures, and what to expect of a reply."""

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from random import Random
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from flk.conformance.drafts.draft import fields
from flk.conformance.drafts.mutations import Fields, body_of
from flk.conformance.server.client import Client
from flk.conformance.server.replies import Failed, NoAnswer, NotExercised, Reply
from flk.model.entries.entry import Outcome, content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.answers import OUTCOMES_PATH, SUBMIT_PATH
from flk.model.record.canonical import FIXED, Profile, canonical_bytes
from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.record import DrawnPcs, Pcs
from flk.model.record.signing import Signer, sign
from flk.model.transparency.notes import Verifier
from flk.spec.constants import CONSTANTS

POLL_SECONDS = 0.05
COMMAND_SECONDS = 60.0
TIMES_THOROUGH = 10
JSON = ("Content-Type", "application/json")


class NotApplicable(Exception):
    """The check needs something that the caller did not give. Says what."""


class Commands(NamedTuple):
    """What the operator lets the kit run, word by word; nothing where it is empty.

    `restart` restarts the server with its data. `overload` and `unavailable` bring a state about and return: submissions get 429,
    or 503. `recover` ends it.
    """

    restart: Sequence[str] = ()
    overload: Sequence[str] = ()
    unavailable: Sequence[str] = ()
    recover: Sequence[str] = ()


NO_COMMANDS = Commands()


class Operators(NamedTuple):
    """Where operators of a server are answered, and a token of one."""

    client: Client
    token: str


class AuditLog(NamedTuple):
    """The key that the server's audit log signs its checkpoints with, and in how many seconds an outcome is to be a leaf of it."""

    key: Verifier
    within: float


class Drawing(NamedTuple):
    """A tenant whose policy enforces proofs of seeds, the key that signs its records, and the one that draws."""

    tenant: str
    signer: Signer
    key: VrfPrivateKey


class Server:
    """A running server, and the tenants whose keys the caller holds, the main one first.

    `seed` makes the records; two runs with different seeds never meet under one id. `profile` is what is signed. `rotation` are
    further keys of tenants that must count, too, `retired` those that must not; `tokens` read their outcomes. `thorough` makes the
    checks take what they need. `nodes` are all of the region's that may be asked, the main one first; `others` are those beside it.
    """

    def __init__(
        self,
        client: Client,
        tenants: Mapping[str, Signer],
        seed: int,
        *,
        profile: Profile = FIXED,
        rotation: Mapping[str, Sequence[Signer]] = MappingProxyType({}),
        retired: Mapping[str, Sequence[Signer]] = MappingProxyType({}),
        tokens: Mapping[str, str] = MappingProxyType({}),
        commands: Commands = NO_COMMANDS,
        thorough: bool = False,
        patience: float = 30.0,
        others: Sequence[Client] = (),
        operators: Operators | None = None,
        audit: AuditLog | None = None,
        drawing: Drawing | None = None,
    ) -> None:
        self.client = client
        self._audit, self._drawing = audit, drawing
        self._operators = operators
        self.nodes = (client, *others)
        self.tenants = tuple(tenants)
        self.seed = seed
        self.profile = profile
        self.rotation, self.retired = dict(rotation), dict(retired)
        self.thorough = thorough
        self._tokens = dict(tokens)
        self._signers = dict(tenants)
        self._random = Random(seed)
        self._commands = commands
        self._patience = patience
        self.refused = ""
        """What there is to know of the first plain record that was refused."""

    def record(self, **changes: object) -> Fields:
        """A valid record under an id that was never used, its slope exactly 1; other values where wanted. Not signed."""
        fresh = {
            "epoch": self._random.randrange(CONSTANTS.record.max_epoch),
            "merkle_root": self._random.randbytes(32).hex(),
        }
        return fields(shard_id="conformance", **{**fresh, **changes})

    def signed(self, record: Fields, tenant: str | None = None, *, signer: Signer | None = None) -> Fields:
        """The record with the signature of a tenant, the main one unless another is named, or of another key of it."""
        own = signer or self._signers[tenant or self.tenants[0]]
        return {**record, "sig": sign(own, pcs(record), self.profile)}

    def signer(self, tenant: str) -> Signer:
        """The key that signs for a tenant."""
        return self._signers[tenant]

    def allow(self, seconds: float) -> None:
        """Give all that is asked from now on so many seconds together, at each node."""
        for node in self.listeners:
            node.allow(seconds)

    def submit(self, record: Fields | bytes, tenant: str | None = None, *, node: int = 0) -> Reply:
        """Send a record, or a body as it is, for a tenant, to one of the nodes."""
        return self.nodes[node].request("POST", SUBMIT_PATH, as_body(record), self.headers(tenant))

    def recall(self, pcs_id: str, token: str, headers: Sequence[tuple[str, str]] = ()) -> Reply:
        """Ask for the outcome of a record with a token; an empty one is none."""
        shown = [("Authorization", f"Bearer {token}")] if token else []
        return self.client.request("GET", f"{OUTCOMES_PATH}/{pcs_id}", headers=[*headers, *shown])

    @property
    def admin(self) -> Client:
        """The address of operators. Raises NotApplicable if the caller has none."""
        return self._administered().client

    @property
    def operator(self) -> str:
        """An operator's token. Raises NotApplicable likewise."""
        return self._administered().token

    @property
    def listeners(self) -> tuple[Client, ...]:
        """All addresses that are asked."""
        return (*self.nodes, *([self._operators.client] if self._operators else []))

    @property
    def administration(self) -> list[str]:
        """What of a command line names the operators' address; the token is the caller's to put in."""
        return [f"--admin={self._operators.client.url}", "--admin-token=TOKEN"] if self._operators else []

    @property
    def further(self) -> list[str]:
        """What of a command line names the audit log, and the tenant of which proofs are asked for."""
        log = [f"--audit-key={self._audit.key}", f"--audit-within={self._audit.within:g}"] if self._audit else []
        return log + ([f"--vrf={self._drawing.tenant}"] if self._drawing else [])

    def shown(self) -> list[tuple[str, str]]:
        """The header of who has that token."""
        return [("Authorization", f"Bearer {self.operator}")]

    def ask(self, path: str, method: str = "GET") -> Reply:
        """What an operator is answered."""
        return self.admin.request(method, path, headers=self.shown())

    def metrics(self) -> Reply:
        """The metrics, which an address of operators has alone (API-6)."""
        accept = [("Accept", "text/plain")]
        if self._operators is not None:
            return self.admin.request("GET", "/metrics", headers=[*accept, *self.shown()])
        return self.client.request("GET", "/metrics", headers=accept)

    def _administered(self) -> Operators:
        if self._operators is None:
            raise NotApplicable(
                "needs the address of operators and a token of theirs: --admin URL --admin-token …, or admin= in Python"
            )
        return self._operators

    @property
    def audit(self) -> AuditLog:
        """Its audit log. Raises NotApplicable if the caller has no key of one: then it has none, as far as is known."""
        if self._audit is None:
            raise NotApplicable("needs the key of the server's audit log: --audit-key NAME+ID+KEY, or audit= in Python")
        return self._audit

    @property
    def drawing(self) -> Drawing:
        """A tenant of which proofs are asked for. Raises NotApplicable if the caller names none."""
        if self._drawing is None:
            raise NotApplicable("needs a tenant whose policy enforces proofs of seeds: --vrf TENANT, or vrf= in Python")
        return self._drawing

    def has_token(self, tenant: str) -> bool:
        """Whether the caller holds a token that reads a tenant's outcomes."""
        return tenant in self._tokens

    def token(self, tenant: str) -> str:
        """The token that reads a tenant's outcomes. Raises NotApplicable if the caller holds none."""
        if tenant not in self._tokens:
            raise NotApplicable(
                f"needs a token that reads outcomes of {tenant}: --token {tenant}=…, or tokens= in Python"
            )
        return self._tokens[tenant]

    def headers(self, tenant: str | None = None) -> list[tuple[str, str]]:
        """The headers of a submission."""
        return [JSON, ("X-Tenant-Id", tenant or self.tenants[0])]

    def other_tenant(self) -> str:
        """A second tenant. Raises NotApplicable if the caller holds the keys of one only."""
        if len(self.tenants) < 2:
            raise NotApplicable("needs the keys of two tenants: --tenant twice, or two keys in Python")
        return self.tenants[1]

    def control(self, tenant: str | None = None) -> None:
        """A plain honest record is accepted. Raises NotExercised if not: then what else is refused shows nothing."""
        record = self.signed(self.record(), tenant)
        try:
            reply = self.submit(record, tenant)
            expect_outcome(reply, record)
        except (Failed, NoAnswer, NotExercised) as refused:
            self.refused = self.refused or self.described(record, tenant or self.tenants[0], str(refused))
            raise NotExercised(
                f"the server refuses our plain record, so its answers here show nothing: {refused}"
            ) from None

    def described(self, record: Fields, tenant: str, answer: str) -> str:
        """All there is to know of a record that was refused: its body, the bytes that were signed, and the kind of key."""
        algorithm = getattr(self._signers[tenant], "algorithm", "own")
        message = canonical_bytes(pcs(record), self.profile).decode()
        return (
            f"the plain record that was refused: {body_of(record).decode()}; these bytes were signed, by profile"
            f" {self.profile}: {message}; with the {algorithm} key of tenant {tenant}; the answer: {answer};"
            " fix: give server and kit one key for this tenant, or compare the bytes"
        )

    def size(self, usual: int) -> int:
        """How many of something to send: as many as usual, or ten times as many."""
        return usual * (TIMES_THOROUGH if self.thorough else 1)

    def draw(self, below: int) -> int:
        """A number below another, as the seed has it."""
        return self._random.randrange(below)

    @property
    def can_restart(self) -> bool:
        """Whether the operator has given a command for it."""
        return bool(self._commands.restart)

    def restart(self) -> None:
        """Restart the server and wait until it is ready. Raises NotApplicable without a command, NoAnswer if it stays away."""
        self._command("restart", "a command that restarts the server")
        self.wait_until_ready()

    @contextmanager
    def overloaded(self) -> Iterator[None]:
        """While the operator's command keeps it overloaded. Raises NotApplicable without the commands."""
        yield from self._while("overload", "a command that overloads the server")

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        """While the operator's command keeps its store away. Raises NotApplicable without the commands."""
        yield from self._while("unavailable", "a command that takes the server's store away")

    def _while(self, state: str, what: str) -> Iterator[None]:
        if not self._commands.recover:
            raise NotApplicable(f"needs {what}, and one that ends this: --{state} and --recover, or {state}= in Python")
        self._command(state, what)
        try:
            yield
        finally:
            self._command("recover", "a command that ends it")
            self.wait_until_ready()

    def _command(self, name: str, what: str) -> None:
        """Run one of the operator's commands. Raises NotApplicable if there is none, NoAnswer if it fails or does not end."""
        words: Sequence[str] = getattr(self._commands, name)
        if not words:
            raise NotApplicable(f"needs {what}: --{name}, or {name}= in Python")
        with TemporaryFile() as stderr:  # not a pipe, which the restarted server would hold open
            try:
                done = subprocess.run(words, check=False, stdout=stderr, stderr=stderr, timeout=COMMAND_SECONDS)  # noqa: S603  # the caller's own command
            except OSError as error:
                raise NoAnswer(f"the {name} command cannot be started: {error}") from None
            except subprocess.TimeoutExpired:
                raise NoAnswer(f"the {name} command did not end within {COMMAND_SECONDS:g} s") from None
            stderr.seek(0)
            said = stderr.read().decode(errors="replace").strip()
        if done.returncode:
            raise NoAnswer(f"the {name} command exited with status {done.returncode}: {said}")

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


def as_body(record: Fields | bytes) -> bytes:
    """The bytes that are sent."""
    return record if isinstance(record, bytes) else body_of(record)


def pcs(record: Fields) -> Pcs:
    """The model's value of a valid record."""
    return msgspec.convert(record, DrawnPcs if "vrf_proof" in record else Pcs)


def strangers(server: Server) -> Iterator[list[tuple[str, str]]]:
    """What a request shows that is no operator's: something like the token, a tenant's, nothing."""
    tenants = [server.token(tenant) for tenant in server.tenants if server.has_token(tenant)]
    for token in (server.operator[:-1], server.operator + "x", "x", *tenants):
        yield [("Authorization", f"Bearer {token}")]
    yield []


def expect_status(reply: Reply, statuses: int | Iterable[int], why: str) -> None:
    """Raises Failed unless the reply has one of the statuses."""
    wanted = (statuses,) if isinstance(statuses, int) else tuple(statuses)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS and reply.status not in wanted:
        wait = f", Retry-After: {reply.headers['retry-after']}" if "retry-after" in reply.headers else ""
        raise NotExercised(
            f"{why}: the server throttles the kit (429 Too Many Requests{wait}); fix: raise its limits for this client"
        )
    if reply.status not in wanted:
        raise Failed(f"{why}: expected {' or '.join(map(str, wanted))}, got {reply}")


def expect_outcome(reply: Reply, record: Fields, judged: Outcome | None = None) -> None:
    """Raises Failed unless the reply states what the model judges of the record, by the default policy unless told otherwise."""
    outcome = judged or judge(pcs(record))
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
    has_field = "field" in body or (status != 400 and field is None)  # only a malformed body's must have it (ORD-2)
    if body.get("requirement") != requirement or body.get("field") != field or not body.get("error") or not has_field:
        raise Failed(f"{why}: expected error, requirement {requirement} and field {field}, got {reply}")


def expect_same(first: Reply, second: Reply, why: str) -> None:
    """Raises Failed unless both replies have one status and one body, byte for byte."""
    if (first.status, first.body) != (second.status, second.body):
        raise Failed(f"{why}: first {first}, then {second}")


def _shown(record: Fields) -> str:
    names = ("scales", "N_j", "D_hat", "coh_star", "r", "regime", "budget")
    return ", ".join(f"{name} {record[name]}" for name in names)
