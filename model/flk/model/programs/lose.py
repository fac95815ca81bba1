"""Declaring a log lost (SNAP-10): its node will never ship what it had stored, so the region's store speaks for it.

What a node stored and did not ship is in the store that it shared, and in no log. Regions that replay logs would never hear of it,
and those that begin with a snapshot would: they would part for ever. So the log gets an end that nobody can read up to. Behind its
last object comes an empty segment, which its node can then not put there any more; the next one never is; and behind that one is a
sign that there is more. A reader that sees the sign misses a segment which a snapshot covers, and begins with that (RET-5).
"""

from hashlib import sha256

import msgspec

from flk.model.effects import Bar, DeclareLost, GetObject, ListObjects, Program, PutObject, Watermarks
from flk.model.log.frames import SALT_BYTES, Head, log_of, opening, region_of, seal, segment_name, sequence_of
from flk.model.log.hlc import ZERO
from flk.model.programs.ship import PREFIX
from flk.model.programs.snapshot import snapshot_shared
from flk.model.programs.watermarks import last_before, lost, reaches, sign_behind
from flk.model.refusal import unavailable


class Lost(msgspec.Struct, frozen=True):
    """A log that is declared lost: how many segments its node had shipped, and the snapshot that has what it had stored besides."""

    log: str
    shipped: int
    snapshot: str


def lose(log: str) -> Program[Lost]:
    """Declare a log of a shared store lost, whatever its node does meanwhile. Stopped anywhere, it is finished by the next attempt.

    First the node is kept from writing to the store, then from shipping. The snapshot has what it had written before the sign is
    there for readers to see. Raises Unavailable, also if the store lacks what the log's objects have.
    """
    yield from Bar(log)
    watermarks = yield from Watermarks()
    sign = lost(watermarks).get(log, "")
    if not sign:
        sign = sign_behind((yield from _close(log, reaches(watermarks).get(log, ""))))
        yield from DeclareLost(sign)
    if reaches((yield from Watermarks())).get(log) != sign:
        raise unavailable(
            f"the store has not all that {log} shipped, which is up to segment {last_before(sign)}; let a node of the region with"
            " --objects replay it, then declare the log lost again"
        )
    snapshot = yield from snapshot_shared(region_of(sign))
    yield from PutObject(PREFIX + sign, empty(sign))
    return Lost(log, last_before(sign), snapshot.name)


def empty(name: str) -> bytes:
    """A sealed segment without frames, the same whoever makes it."""
    head = Head(region_of(name), log_of(name), sequence_of(name))
    content = opening(head, ZERO, sha256(name.encode()).digest()[:SALT_BYTES])
    return content + seal(content)


def _close(log: str, reached: str) -> Program[str]:
    """Put an empty segment behind the last object of a log, whichever that is, or find the one of an attempt before; its name.

    The last object of a log is never removed (RET-3). Raises Unavailable if there is none up to the segment that was `reached`.
    """
    listed = yield from ListObjects(f"{PREFIX}{log}/")
    if reached and PREFIX + reached > max(listed, default=""):
        raise unavailable(
            f"{PREFIX + reached} is not listed, which was shipped: is this the object store of the region?"
        )
    sequence = sequence_of(listed[-1]) if listed else 1
    while True:
        name = segment_name(log, sequence)
        if (yield from PutObject(PREFIX + name, empty(name))) or (yield from GetObject(PREFIX + name)) == empty(name):
            return name
        sequence += 1
