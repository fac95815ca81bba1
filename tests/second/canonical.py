"""The bytes that are signed, and the digest of what is judged (C14N-1, C14N-5, C14N-6, C14N-9, DUP-9)."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from .reals import fixed9, shortest
from .texts import Broken

ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def canonical(record: Mapping[str, Any], profile: str) -> bytes:
    """The form of a record under a profile: eight fields, and under `judged` a newline and three more."""
    if profile == "judged":
        return f"{_eight(record, 'fixed9')}\n{_three(record)}".encode()
    return _eight(record, profile).encode()


def content_digest(record: Mapping[str, Any]) -> str:
    """The digest of all that is signed or judged (DUP-3): that of the bytes of profile `judged` (DUP-9)."""
    return sha256(canonical(record, "judged")).hexdigest()


def _eight(record: Mapping[str, Any], profile: str) -> str:
    real = shortest if profile == "shortest" else fixed9
    fields = {
        "D_hat": real(record["D_hat"]),
        "budget": real(record["budget"]),
        "coh_star": real(record["coh_star"]),
        "epoch": str(record["epoch"]),
        "merkle_root": quoted(record["merkle_root"]),
        "pcs_id": quoted(record["pcs_id"]),
        "r": real(record["r"]),
        "shard_id": quoted(record["shard_id"]),
    }
    return "{" + ",".join(f"{quoted(name)}:{fields[name]}" for name in sorted(fields)) + "}"


def _three(record: Mapping[str, Any]) -> str:
    scales = record["scales"]
    counts = ",".join(f'"{scale}":{record["N_j"][str(scale)]}' for scale in scales)
    drawn = f',"seed":{record["seed"]},"vrf_proof":{quoted(record["vrf_proof"])}' if record.get("vrf_proof") else ""
    listed = ",".join(map(str, scales))
    return f'{{"N_j":{{{counts}}},"regime":{quoted(record["regime"])},"scales":[{listed}]{drawn}}}'


def quoted(text: str) -> str:
    """A JSON text as RFC 8785, 3.2.2.2, writes it; what UTF-8 cannot carry breaks C14N-5."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Broken("C14N-5")
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    return f"\\u{ord(character):04x}" if character < " " else character
