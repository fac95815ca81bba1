"""A case before its answer is known, and the records that cases are about."""

import struct
from typing import NamedTuple

from flk.conformance.drafts.mutations import Fields
from flk.conformance.operations.forms import Form
from flk.model.record.identity import pcs_id
from flk.spec.constants import CONSTANTS


class Draft(NamedTuple):
    """What is asked, and why. `refusal` is the requirement and field that the answer must name, where that is known beforehand."""

    id: str
    comment: str
    question: Form
    requirements: tuple[str, ...]
    flags: tuple[str, ...] = ()
    refusal: tuple[str, str | None] | None = None


FLAGS = {
    "binary-tie": "Exactly half way between two decimals in binary64: half to even decides.",
    "decimal-tie": "Reads like a tie but is none in binary64. Multiplying by 10^9 first makes it one.",
    "negative-zero": "Rounds to zero from below; a sign would give one number two texts.",
    "exponent": "Formatters like to write it with an exponent.",
    "integral": "A real without a fraction, which some languages write as an integer.",
    "non-finite": "NaN or an infinity, given as a word.",
    "control-character": "RFC 8785 has one escape for each.",
    "non-ascii": "Raw UTF-8 in the canonical form, no escapes.",
    "lone-surrogate": "A text that UTF-8 cannot carry, given as UTF-16 code units. Decline it if your language has no such texts.",
    "judged": "The profile that covers the counts, the regime and the scales, too.",
    "shortest": "The older profile: Python's shortest text of the rounded number.",
    "ed25519": "Needs Ed25519.",
    "small-order": "A point of small order: the equation holds for messages that nobody signed. Compare with the few encodings.",
    "cofactor": "The equation holds only if both sides are multiplied by eight.",
    "rotation": "Several keys, each with a window of time.",
    "base64-malleability": "Another spelling of the same bytes. Taken, it lets anyone re-spell a record without the key.",
    "forgery": "A signature that no live key made over these bytes. Taken, it lets a stranger submit.",
    "foreign-signer": "A signature as the earlier system's other signers made it: pre-hashed, or of other bytes.",
    "tolerance-edge": "On or one billionth beside a tolerance. Both sides of it must be alike.",
    "even-slopes": "An even number of slopes: the median is the mean of the middle two.",
    "product": "The product is rounded to binary64 before it is used; exact, or in binary32, it is another.",
    "summation-order": "The exact sum is half way between two billionths: binary64 and the order of its operations decide.",
    "clamp": "The sum lies outside [0, 1].",
    "bound": "On or one billionth beside a bound between regimes.",
    "vrf": "The verifiable random function of RFC 9381, and records that carry its proofs. Decline it if you have neither.",
    "tlog": "Signed notes, checkpoints and tiles of transparency logs (C2SP). Decline it if you have none of them.",
    "policies": "Policies: documents of operators by which records are judged. Decline it if you know none.",
    "zlib": "Needs the bytes that zlib itself writes. Decline it if your deflate is another.",
    "mt19937": "Needs NumPy's legacy normals from MT19937. Decline it if agents in your language leave coh_star to others.",
    "odd-level": "Some level of the tree has an odd number of nodes.",
    "long-text": "Buffers of 32 or 64 bytes cut it, and trimming shortens it: another text would get the same signature.",
    "tampered": "A proof or a segment changed in one place.",
    "torn": "The tail is what a crash leaves of a write cut short.",
    "damage": "Bytes in the middle are corrupt.",
    "carry": "The counter of the clock is full.",
    "equivocation": "Another content under a stored id.",
    "tie-break": "Equal timestamps: the region's name decides.",
    "wrap-around": "The key lies past the last position.",
    "json": "Not a JSON object, or one that lenient readers let pass.",
    "repeated-key": "Which value counts depends on the reader, so none may.",
}
"""What makes a case hard, and what a wrong answer gives away."""

MERKLE_ROOT = "a" * 64
SECRET = b"testsecret"
NOW = 1737288000.0
"""Some wall time, in whole seconds."""


def fields(**changes: object) -> Fields:
    """A valid record whose slope is exactly 1, with other values where wanted; its id follows."""
    record: Fields = {
        "schema": CONSTANTS.record.schema,
        "version": CONSTANTS.record.version,
        "shard_id": "shard-001",
        "epoch": 1,
        "attempt": 1,
        "sent_at": "2025-01-19T12:00:00Z",
        "seed": 42,
        "scales": [2, 4, 8, 16],
        "N_j": {"2": 5, "4": 10, "8": 20, "16": 40},
        "coh_star": 0.75,
        "v_star": [0.0, 0.0, 1.0],
        "D_hat": 1.0,
        "r": 0.5,
        "regime": "sticky",
        "budget": 0.4,
        "merkle_root": MERKLE_ROOT,
        "sig": "",
        "ft": {"outbox_seq": 0, "degraded": False, "fallbacks": [], "clock_skew_ms": 0},
        **changes,
    }
    return {"pcs_id": pcs_id(str(record["merkle_root"]), int(str(record["epoch"])), str(record["shard_id"])), **record}


def bits(**reals: float | str) -> dict[str, str]:
    """IEEE 754 bits of each real, in hexadecimal."""
    return {name: struct.pack(">d", float(real)).hex() for name, real in reals.items()}
