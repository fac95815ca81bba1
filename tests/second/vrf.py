"""ECVRF-EDWARDS25519-SHA512-TAI from the text of RFC 9381, over integers."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from hashlib import sha512
from typing import Any

from .ed25519 import (
    BASE,
    ORDER,
    P,
    Point,
    decoded_point,
    encoded_point,
    expanded,
    is_small,
    number_of,
    public_key,
    times,
    total,
)
from .texts import CONSTANTS, Broken


def prove(seed: bytes, message: bytes) -> bytes:
    """pi_string (5.1)."""
    x, prefix = expanded(seed)
    Y = public_key(seed)
    H = encode_to_curve(Y, message)
    Gamma = times(x, H)
    k = number_of(sha512(prefix + encoded_point(H)).digest()) % ORDER
    c = challenge(Y, H, Gamma, times(k, BASE), times(k, H))
    return encoded_point(Gamma) + c.to_bytes(16, "little") + ((k + c * x) % ORDER).to_bytes(32, "little")


def verify(key: bytes, message: bytes, proof: bytes) -> bytes | None:
    """beta_string, or none for INVALID (5.3, with validate_key)."""
    Y = decoded_point(key) if len(key) == 32 else None
    Gamma = decoded_point(proof[:32]) if len(proof) == 80 else None
    c, s = number_of(proof[32:48]), number_of(proof[48:])
    if Y is None or is_small(Y) or Gamma is None or s >= ORDER:
        return None
    H = encode_to_curve(key, message)
    U = total(times(s, BASE), opposite(times(c, Y)))
    V = total(times(s, H), opposite(times(c, Gamma)))
    return proof_to_hash(Gamma) if c == challenge(key, H, Gamma, U, V) else None


def proof_to_hash(Gamma: Point) -> bytes:
    """beta_string of a decoded proof (5.2)."""
    return sha512(b"\x03\x03" + encoded_point(times(8, Gamma)) + b"\x00").digest()


def encode_to_curve(salt: bytes, message: bytes) -> Point:
    """H, by try and increment (5.4.1.1)."""
    counter = 0
    while True:
        H = decoded_point(sha512(b"\x03\x01" + salt + message + bytes([counter]) + b"\x00").digest()[:32])
        if H is not None and not is_small(H):
            return times(8, H)
        counter += 1


def challenge(Y: bytes, H: Point, Gamma: Point, U: Point, V: Point) -> int:
    """The number c (5.4.3)."""
    points = b"".join(encoded_point(point) for point in (H, Gamma, U, V))
    return number_of(sha512(b"\x03\x02" + Y + points + b"\x00").digest()[:16])


def seed_shown(key: bytes, proof: str, root: str, epoch: int, shard: str) -> int | None:
    """The seed that a proof in base64 shows for what an id is made of (VRF-5)."""
    output = verify(key, f"{root}|{epoch}|{shard}".encode(), b64decode(proof))
    return None if output is None else int.from_bytes(output[: CONSTANTS["vrf"]["seed_bytes"]], "big")


def require_drawn(record: Mapping[str, Any], keys: Sequence[bytes]) -> None:
    """What a record breaks whose seed must have been drawn by one of the keys: VRF-6, VRF-2 or VRF-5."""
    if "vrf_proof" not in record:
        raise Broken("VRF-6", "vrf_proof")
    place = record["vrf_proof"], record["merkle_root"], record["epoch"], record["shard_id"]
    shown = [seed for key in keys if (seed := seed_shown(key, *place)) is not None]
    if not shown:
        raise Broken("VRF-2", "vrf_proof")
    if record["seed"] not in shown:
        raise Broken("VRF-5", "seed")


def opposite(point: Point) -> Point:
    """The point which adds up with this one to the neutral one."""
    return Point(-point.X % P, point.Y, point.Z, -point.T % P)


def moved(encoded: bytes, by: bytes) -> bytes:
    """The sum of two encoded points: for proofs and keys that have a part of small order."""
    a, b = decoded_point(encoded), decoded_point(by)
    assert a is not None
    assert b is not None
    return encoded_point(total(a, b))
