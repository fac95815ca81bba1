"""What workers have written of a leaf, beside the log or elsewhere, and whether it has what was in the leaf (ERA-5)."""

import msgspec

from flk.model.auditing.attestation import ATTESTED, attested_name, leaf_in
from flk.model.auditing.derived import ENRICHED, enriched_name
from flk.model.record.merkle import leaf_hash

FOLDERS = (ENRICHED, ATTESTED)


class _Enriched(msgspec.Struct):
    leaf_hash: str


def results_of(number: int) -> tuple[str, str]:
    """The objects that workers write of a leaf."""
    return enriched_name(number), attested_name(number)


def is_of(content: bytes, hashed: str) -> bool:
    """Whether such an object is about the leaf with this hash in the tree; one that nobody can read may be.

    What is written of a leaf after it was erased is about what stands in its place.
    """
    leaf = leaf_in(content)
    if leaf is not None:
        return leaf_hash(leaf).hex() == hashed
    try:
        return msgspec.json.decode(content, type=_Enriched).leaf_hash == hashed
    except msgspec.DecodeError:
        return True
