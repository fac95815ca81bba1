"""What names a record (ID-1)."""

from hashlib import sha256


def pcs_id(merkle_root: str, epoch: int, shard_id: str) -> str:
    """SHA-256 of root, epoch in decimal and shard, with bars between them."""
    return sha256(f"{merkle_root}|{epoch}|{shard_id}".encode()).hexdigest()
