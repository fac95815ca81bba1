"""A record's identity (ID-1)."""

from hashlib import sha256


def pcs_id(merkle_root: str, epoch: int, shard_id: str) -> str:
    """Lowercase hex SHA-256 of `merkle_root|epoch|shard_id` in UTF-8 (ID-1).

    The parts of a valid record hold no bar, so distinct triples never share a preimage (ID-5).

    >>> pcs_id("a" * 64, 1, "shard-001")[:16]
    'a687cafc6f56b4da'
    """
    return sha256(f"{merkle_root}|{epoch}|{shard_id}".encode()).hexdigest()
