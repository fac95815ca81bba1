"""The reference implementation: pure functions of records, and programs that yield effects. Performs no I/O.

>>> key = HmacKey(b"secret")
>>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
>>> Node("eu", Keyring({"default": [key]})).submit(signed(record, key)).status
200

What implementers and researchers type is exported here. `record` holds records and their signatures, `log` segments and clocks,
`entries` what a store keeps, `flow` requests and answers, `effects` and `programs` the logic of a node, `memory` a runtime for it.
What needs NumPy is loaded when it is first used: who checks signatures does without.
"""

from typing import TYPE_CHECKING

from flk.model.entries.entry import Outcome, content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.submission import Response
from flk.model.log.hlc import observe, tick
from flk.model.memory.node import Node
from flk.model.policies.document import Policy
from flk.model.record.canonical import canonical_bytes
from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.identity import pcs_id
from flk.model.record.merkle import (
    consistency_proof,
    inclusion_proof,
    merkle_root,
    verify_consistency,
    verify_inclusion,
)
from flk.model.record.record import Pcs, decode, encode
from flk.model.record.signals import budget, compressibility, d_hat, regime
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, HmacKey, Keyring, LiveKey, sign, verify
from flk.model.record.summary import signed, summarise
from flk.model.refusal import Malformed, Unauthenticated
from flk.spec.doors import loaded
from flk.spec.errors import needs

if TYPE_CHECKING:
    from flk.model import samples
    from flk.model.record.points import coherence, count_cells

__all__ = [
    "Ed25519PrivateKey",
    "Ed25519PublicKey",
    "HmacKey",
    "Keyring",
    "LiveKey",
    "Malformed",
    "Node",
    "Outcome",
    "Pcs",
    "Policy",
    "Response",
    "Unauthenticated",
    "VrfPrivateKey",
    "budget",
    "canonical_bytes",
    "coherence",
    "compressibility",
    "consistency_proof",
    "content_digest",
    "count_cells",
    "d_hat",
    "decode",
    "encode",
    "inclusion_proof",
    "judge",
    "merkle_root",
    "observe",
    "pcs_id",
    "regime",
    "samples",
    "sign",
    "signed",
    "summarise",
    "tick",
    "verify",
    "verify_consistency",
    "verify_inclusion",
]

_OF_POINTS = {"flk.model": ("samples",), "flk.model.record.points": ("coherence", "count_cells")}
"""Where the names stand that need NumPy."""


def __getattr__(name: str) -> object:
    """An exported name that needs NumPy. Raises MissingExtra, with the line that installs it, where that is missing."""
    with needs("signals", f"{__name__}.{name}"):
        return loaded(__name__, name, _OF_POINTS)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
