"""Passes that write the region's audit log, and their measures (TLOG-6 to TLOG-9)."""

from collections.abc import Callable, Sequence
from functools import partial
from hmac import digest
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog

from flk.impl.keys import KeyEntry
from flk.impl.server.live_keys import LiveKeys
from flk.impl.server.metrics import Metrics
from flk.impl.server.node import RealNode
from flk.impl.server.passes import LogPasses, Passes
from flk.impl.server.tenancy import Tenancy
from flk.impl.storage.audit_index import NAME, AuditIndex
from flk.impl.storage.trouble import usable
from flk.impl.tenants import TenantEntry
from flk.model.effects import Effect, Program
from flk.model.programs.checkpoint import Published, checkpoint
from flk.model.programs.examine import Examine
from flk.model.programs.integrate import Added, integrate
from flk.model.record.signing import Ed25519PublicKey, HmacKey
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.leaves import Fact, Value
from flk.model.transparency.notes import BadNote, Kind, Signer, Verifier
from flk.spec.errors import UnusableInput

log = structlog.get_logger()


class Auditing(NamedTuple):
    """The key that signs the region's log, and the witnesses whose cosignatures it waits for."""

    signer: Signer
    witnesses: tuple[Verifier, ...] = ()


def read_signer(path: Path) -> Signer:
    """The key in a file, which signs checkpoints. Raises UnusableInput."""
    with usable(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return Signer.parse(text)
    except BadNote as bad:
        raise UnusableInput(f"{path}: {bad}; `flk audit key NAME` makes one") from None


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
    return Auditing(read_signer(key), tuple(map(_witness, witnesses)))


def _witness(text: str) -> Verifier:
    try:
        found = Verifier.parse(text)
    except BadNote as bad:
        raise UnusableInput(f"--audit-witness: {bad}") from None
    if found.kind is not Kind.COSIGNATURE:
        raise UnusableInput(
            f"--audit-witness: {found.name} is the key of a log; give the key that a witness cosigns with"
        )
    return found


def facts_of(signer: Signer, keys: LiveKeys, tenancy: Tenancy | None) -> list[Fact]:
    """What the node goes by now: its keys, and what it asks of tenants."""
    told = Fact("keys", [_key(signer, entry) for entry in keys.entries])
    return [told] if tenancy is None else [told, Fact("tenants", [_tenant(entry) for entry in tenancy.entries])]


def _key(signer: Signer, entry: KeyEntry) -> dict[str, Value]:
    """A key: public, or a fingerprint by which a secret is known that is another, and which only who has the log's key can make."""
    key = entry.verifier()
    if isinstance(key, Ed25519PublicKey):
        told = key.material
    else:
        assert isinstance(key, HmacKey), "there are two kinds of keys"
        told = digest(signer.key.sign(b"fingerprints of secrets"), key.material, "sha256")
    return {
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
    node: RealNode, directory: Path, keys: LiveKeys, tenancy: Tenancy | None, audit: Auditing, every: float
) -> dict[Passes[Any], float]:
    """The passes of a node that writes an audit log, which performs the effects on it from now on."""
    index = AuditIndex(directory / NAME)
    node.at_once |= index.performers
    region, metrics = node.disk.region, node.metrics
    facts = partial(facts_of, audit.signer, keys, tenancy)
    return {
        IntegratePasses(region, keys, facts, metrics): every,
        CheckpointPasses(region, audit, metrics): every,
    }


class IntegratePasses(LogPasses[Added | BadLog]):
    """Add what the region shipped to its log."""

    def __init__(self, region: str, examine: Examine, facts: Callable[[], Sequence[Fact]], metrics: Metrics) -> None:
        super().__init__("integrate", region, metrics)
        self._examine = examine
        self._facts = facts
        self._leaves = metrics.audit_leaves
        self._forks = metrics.audit_forks

    def program(self) -> Program[Added | BadLog]:
        """Go on with the log."""
        try:
            return (yield from integrate(self.source, self._examine, self._facts()))
        except BadLog as bad:
            return bad

    def seen(self, effect: Effect[object], result: object) -> None:
        """What a pass did is told by what it returns."""
        del effect, result

    def returned(self, result: Added | BadLog) -> None:
        """Count what was added."""
        if isinstance(result, BadLog):
            self._forks.inc()
            log.error("audit.fork", reason=str(result))
        elif result.leaves:
            self._leaves.inc(result.leaves)
            log.info("audit.integrated", steps=result.steps, leaves=result.leaves, size=result.size)

    def shortcoming(self, result: Added | BadLog) -> str:
        """A segment is missing or damaged, or the store lacks what is in it; or the log is not what it was."""
        if isinstance(result, BadLog):
            return str(result)
        if result.corrupt:
            return result.corrupt
        return f"{result.waits[0]} waits for the segment before it, or for the store" if result.waits else ""


class CheckpointPasses(LogPasses[Published | BadLog]):
    """Sign the log, and publish what is signed."""

    def __init__(self, region: str, auditing: Auditing, metrics: Metrics) -> None:
        super().__init__("sign", region, metrics)
        self._auditing = auditing
        self._size = metrics.audit_size
        self._forks = metrics.audit_forks

    def program(self) -> Program[Published | BadLog]:
        """Sign and publish."""
        try:
            return (yield from checkpoint(self.source, self._auditing.signer, self._auditing.witnesses))
        except BadLog as bad:
            return bad

    def seen(self, effect: Effect[object], result: object) -> None:
        """What a pass did is told by what it returns."""
        del effect, result

    def returned(self, result: Published | BadLog) -> None:
        """Measure what is published."""
        if isinstance(result, BadLog):
            self._forks.inc()
            log.error("audit.fork", reason=str(result))
        elif result.size is not None:
            self._size.set(result.size)

    def shortcoming(self, result: Published | BadLog) -> str:
        """The log is not what was signed; or its witnesses have not cosigned it yet."""
        if isinstance(result, BadLog):
            return str(result)
        if result.size != result.signed:
            return f"the checkpoint of {result.signed} leaves waits for the cosignatures of its witnesses"
        return ""
