"""Passes that write the region's audit log, and their measures (TLOG-6 to TLOG-9)."""

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from hmac import digest
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog

from flk.impl.audit_keys import read_signer, read_verifier
from flk.impl.keys import KeyEntry, Use
from flk.impl.server.integrating import Place
from flk.impl.server.integrator import Integrator
from flk.impl.server.live_keys import LiveKeys
from flk.impl.server.metrics import Metrics
from flk.impl.server.node import RealNode
from flk.impl.server.passes import LogPasses, Passes
from flk.impl.server.tenancy import Tenancy
from flk.impl.storage.audit_index import NAME, AuditIndex
from flk.impl.tenants import TenantEntry
from flk.model.effects import Effect, Program
from flk.model.programs.checkpoint import Published, checkpoint
from flk.model.programs.integrate import Added
from flk.model.record.signing import Ed25519PublicKey, HmacKey
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.leaves import Fact, Value
from flk.model.transparency.notes import Kind, Signer, Verifier
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

W = TypeVar("W")

log = structlog.get_logger()


class Auditing(NamedTuple):
    """The key that signs the region's log, and the witnesses whose cosignatures it waits for."""

    signer: Signer
    witnesses: tuple[Verifier, ...] = ()


def auditing_of(
    key: Path | None, witnesses: Sequence[str], objects: str | None, *, cold: bool = False
) -> Auditing | None:
    """What a node is to audit with; None if it writes no audit log. Raises UnusableInput."""
    if key is None:
        if witnesses:
            raise UnusableInput("--audit-witness: there is no log to cosign; name the key that signs it with --audit")
        return None
    if objects is None:
        raise UnusableInput("--audit: the log is kept in an object store; name it with --objects")
    if cold:
        raise UnusableInput(
            "--audit: the store of a node with --cold forgets what it stored, and then nobody can tell it from what it never did;"
            " leave one of the two out"
        )
    return Auditing(
        read_signer(key), tuple(read_verifier("--audit-witness", each, Kind.COSIGNATURE) for each in witnesses)
    )


def facts_of(signer: Signer, keys: LiveKeys, tenancy: Tenancy | None) -> list[Fact]:
    """What the node goes by now: its keys, and what it asks of tenants."""
    told = Fact("keys", [_key(signer, entry) for entry in keys.entries])
    return [told] if tenancy is None else [told, Fact("tenants", [_tenant(entry) for entry in tenancy.entries])]


def _key(signer: Signer, entry: KeyEntry) -> dict[str, Value]:
    """A key: public, or a fingerprint by which a secret is known that is another, and which only who has the log's key makes; and
    what it is for, if that is not to sign records.
    """
    key = entry.verifier()
    if isinstance(key, Ed25519PublicKey):
        told = key.material
    else:
        assert isinstance(key, HmacKey), "there are two kinds of keys"
        told = digest(signer.key.sign(b"fingerprints of secrets"), key.material, "sha256")
    use: dict[str, Value] = {} if entry.use is Use.RECORDS else {"use": str(entry.use)}
    return use | {
        "algorithm": str(entry.algorithm),
        "id": entry.id,
        "key": told.hex(),
        "not_after": "" if entry.not_after is None else entry.not_after.isoformat(),
        "not_before": "" if entry.not_before is None else entry.not_before.isoformat(),
        "tenant": entry.tenant,
    }


def _tenant(entry: TenantEntry) -> dict[str, Value]:
    told: dict[str, Value] = msgspec.to_builtins(entry)
    return {name: value for name, value in told.items() if value is not None}


def writing(
    node: RealNode, place: Place, keys: LiveKeys, tenancy: Tenancy | None, audit: Auditing, every: float
) -> dict[Passes[Any], float]:
    """The passes of a node that writes an audit log, which performs the effects on it from now on: some by a process of its own
    that works at `place`.
    """
    index = AuditIndex(place.directory / NAME)
    node.at_once |= index.performers
    region, metrics = node.disk.region, node.metrics
    facts = partial(facts_of, audit.signer, keys, tenancy)
    return {
        IntegratePasses(region, Integrator(place), keys, facts, metrics): every,
        CheckpointPasses(region, audit, metrics): every,
    }


class _AuditPasses(LogPasses[W | BadLog]):
    """Passes over the audit log of a region. One that is not what it was ends a pass, and is counted and told as a fork."""

    def __init__(self, name: str, region: str, metrics: Metrics) -> None:
        super().__init__(name, region, metrics)
        self._forks = metrics.audit_forks

    @abstractmethod
    def work(self) -> Program[W]:
        """What a pass does. Raises BadLog."""

    @abstractmethod
    def came_to(self, result: W) -> None:
        """Measure what a pass came to."""

    @abstractmethod
    def lacks(self, result: W) -> str:
        """Why it came to no end; empty if it did."""

    def program(self) -> Program[W | BadLog]:
        """What a pass does; or what is wrong with the log."""
        try:
            return (yield from self.work())
        except BadLog as bad:
            return bad

    def seen(self, effect: Effect[object], result: object) -> None:
        """What a pass did is told by what it returns."""
        del effect, result

    def returned(self, result: W | BadLog) -> None:
        """Count a fork, or measure."""
        if isinstance(result, BadLog):
            self._forks.inc()
            log.error("audit.fork", reason=str(result))
        else:
            self.came_to(result)

    def shortcoming(self, result: W | BadLog) -> str:
        """What is wrong with the log, or what is lacking."""
        return str(result) if isinstance(result, BadLog) else self.lacks(result)


class IntegratePasses(_AuditPasses[Added]):
    """Add what the region shipped to its log, in a process of its own (TLOG-14). That works when nothing else wants the processor,
    until leaves wait for too long.
    """

    def __init__(
        self,
        region: str,
        integrator: Integrator,
        keys: LiveKeys,
        facts: Callable[[], Sequence[Fact]],
        metrics: Metrics,
    ) -> None:
        self._under_way = False
        super().__init__("integrate", region, metrics)
        self._integrator = integrator
        self._keys = keys
        self._facts = facts
        self._leaves = metrics.audit_leaves

    def lag(self) -> float:
        """As for every pass; and while one is made, however long that takes, since the last complete one."""
        return time.monotonic() - self._level_at if self._under_way else super().lag()

    def work(self) -> Program[Added]:
        """Go on with the log."""
        self._under_way = True
        hurries = time.monotonic() - self._level_at > CONSTANTS.transparency.hurry_seconds
        return self._integrator.integrate(self._keys.told, self._facts(), hurries=hurries)

    def passed(self, *, began: float) -> None:
        """All that was shipped when it began is in the log."""
        super().passed(began=began)
        self._under_way = False

    def failed(self, reason: str) -> None:
        """Something waits."""
        super().failed(reason)
        self._under_way = False

    def close(self) -> None:
        """End the process."""
        self._integrator.close()

    def came_to(self, result: Added) -> None:
        """Count what was added."""
        if result.leaves:
            self._leaves.inc(result.leaves)
            log.info("audit.integrated", steps=result.steps, leaves=result.leaves, size=result.size)

    def lacks(self, result: Added) -> str:
        """A segment is missing or damaged, or the store lacks what is in it."""
        if result.corrupt:
            return result.corrupt
        return f"{result.waits[0]} waits for the segment before it, or for the store" if result.waits else ""


class CheckpointPasses(_AuditPasses[Published]):
    """Sign the log, and publish what is signed."""

    def __init__(self, region: str, auditing: Auditing, metrics: Metrics) -> None:
        super().__init__("sign", region, metrics)
        self._auditing = auditing
        self._size = metrics.audit_size

    def work(self) -> Program[Published]:
        """Sign and publish."""
        return checkpoint(self.source, self._auditing.signer, self._auditing.witnesses)

    def came_to(self, result: Published) -> None:
        """Measure what is published."""
        if result.size is not None:
            self._size.set(result.size)

    def lacks(self, result: Published) -> str:
        """Its witnesses have not cosigned it yet."""
        if result.size != result.signed:
            return f"the checkpoint of {result.signed} leaves waits for the cosignatures of its witnesses"
        return ""
