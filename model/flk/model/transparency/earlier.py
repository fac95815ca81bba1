"""The hashes of the earlier system's audit log, which exist only to check what it wrote (TLOG-12): its entries are not chained, and
a segment's root says nothing of how many there are. New logs are trees.
"""

import re
from collections.abc import Sequence
from functools import reduce
from hashlib import sha256

_HASH = re.compile(rb'"entry_hash":"[0-9a-f]*"')


def entry_hash(line: bytes) -> str:
    """What the field `entry_hash` of an entry should say: SHA-256 of its JSON with that field empty. The bytes are those of its
    line, for nothing else tells how their writer wrote numbers and escapes. Raises ValueError if there is no such field.

    >>> entry_hash(b'{"pcs_id":"a","entry_hash":"00ff"}') == sha256(b'{"pcs_id":"a","entry_hash":""}').hexdigest()
    True
    """
    empty, fields = _HASH.subn(b'"entry_hash":""', line.rstrip(b"\n"))
    if fields != 1:
        raise ValueError("TLOG-12: an entry has one field entry_hash")
    return sha256(empty).hexdigest()


def segment_root(entry_hashes: Sequence[bytes]) -> bytes:
    """The root of a segment, from the raw hashes of its entries: each hashed behind all before it; of one entry, its own.

    Raises ValueError if there is none.
    """
    if not entry_hashes:
        raise ValueError("TLOG-12: a segment without entries has no root")
    return reduce(lambda root, each: sha256(root + each).digest(), entry_hashes)
