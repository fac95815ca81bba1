"""A record's identity (ID-1)."""

from hashlib import sha256


def pcs_id(merkle_root: str, epoch: int, shard_id: str) -> str:
    """Lowercase hex SHA-256 of `merkle_root|epoch|shard_id` in UTF-8 (ID-1).

    The parts of a valid record hold no bar, so distinct triples never share a preimage (ID-5).

    >>> pcs_id("a" * 64, 1, "shard-001")[:16]
    'a687cafc6f56b4da'
    """
    return sha256(preimage(merkle_root, epoch, shard_id)).hexdigest()


def preimage(merkle_root: str, epoch: int, shard_id: str) -> bytes:
    """What an id is the hash of, and a seed is drawn from (VRF-5).

    >>> preimage("a" * 64, 1, "shard-001")[64:]
    b'|1|shard-001'
    """
    return f"{merkle_root}|{epoch}|{shard_id}".encode()
