"""A record's identity (ID-1)."""

from hashlib import sha256


def pcs_id(merkle_root: str, epoch: int, shard_id: str) -> str:
    """Lowercase hex SHA-256 of `merkle_root|epoch|shard_id` in UTF-8 (ID-1).

    The parts of a valid record hold no bar, so distinct triples never share a preimage (ID-5).
    """
    return sha256(f"{merkle_root}|{epoch}|{shard_id}".encode()).hexdigest()
