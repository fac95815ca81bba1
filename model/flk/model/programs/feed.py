"""Replication of some tenants only: what each of them sent goes to other regions as a log of its own (FEED-*)."""

from functools import partial
from itertools import groupby
from typing import NamedTuple

from flk.model.effects import GetObject, ListObjects, Mark, Marked, Program, PutObject, ReplaceObject
from flk.model.flow.submission import tenant_of
from flk.model.log.frames import (
    CorruptSegment,
    FeedHead,
    Frame,
    data,
    feed_head_of,
    log_of,
    opening,
    region_of,
    scan,
    seal,
    sealed_frames,
    sequence_of,
)
from flk.model.programs.examine import Examine
from flk.model.programs.replay import Replayed, follows, join_log, together
from flk.model.programs.ship import PREFIX
from flk.model.refusal import unavailable
from flk.spec.constants import CONSTANTS

FED = "fed/"
FOLLOWED = "followed/"


def feed_prefix(tenant: str) -> str:
    """What the names of a feed's objects begin with."""
    return f"{CONSTANTS.feed.object_prefix}tenant={tenant}/"


class Fed(NamedTuple):
    """The segments that a pass wrote; the first segments that it waits for, one for each log that waits."""

    segments: tuple[str, ...]
    gaps: tuple[str, ...] = ()


def feed(region: str, tenant: str) -> Program[Fed]:
    """Write what the region has shipped of a tenant's frames and not fed yet, log by log (FEED-1, FEED-2).

    All is taken from the objects, so any node of the region goes on with it (FEED-3). A pass that was stopped anywhere is repeated:
    what is written already is left. Raises Unavailable; CorruptSegment, when all else is done, for what is not as it was shipped.
    """
    written: list[str] = []
    gaps: list[str] = []
    corrupt: CorruptSegment | None = None
    shipped = yield from ListObjects(f"{PREFIX}{region}.")
    for log, names in groupby(_segments(shipped, PREFIX), key=log_of):
        mark = f"{FED}{tenant}/{log}"
        done, _, last = (yield from Marked(mark)).partition(
            " "
        )  # no listing is asked for the last: it may hide it for a while
        for name in names:
            if name <= done:
                continue
            if not follows(done, name):
                gaps.append(name)
                break
            try:
                if (yield from _feed_one(tenant, name, last)):
                    written.append(name)
                    last = name
            except CorruptSegment as error:
                corrupt = corrupt or error
                break
            yield from Mark(mark, f"{name} {last}")
            done = name
    if corrupt is not None:
        raise corrupt
    return Fed(tuple(written), tuple(gaps))


def _feed_one(tenant: str, name: str, previous: str) -> Program[bool]:
    """Write the segment of a feed that is made of a shipped one, if there is anything to write; whether there is such a segment."""
    there = yield from GetObject(feed_prefix(tenant) + name)
    if there is not None and _is_whole(tenant, name, there):
        return True
    content = yield from GetObject(PREFIX + name)
    if content is None:
        raise unavailable(f"{PREFIX}{name} is listed, and cannot be read")
    frames = [frame for frame in sealed_frames(name, content) if _sender(frame) == tenant]
    if not frames:
        return False
    made = _segment(tenant, name, previous, content, frames)
    if there is None and (yield from PutObject(feed_prefix(tenant) + name, made)):
        return True
    there = yield from GetObject(feed_prefix(tenant) + name)
    if there is not None and _is_whole(tenant, name, there):
        return True
    if there is None or not (yield from ReplaceObject(feed_prefix(tenant) + name, there, made)):
        raise unavailable(f"{feed_prefix(tenant)}{name} is taken, and cannot be read")
    return True


def _segment(tenant: str, name: str, previous: str, content: bytes, frames: list[Frame]) -> bytes:
    """A segment of a feed: a function of the one that it is made of, and of the feed before it."""
    source = scan(content)
    head = FeedHead(region_of(name), log_of(name), sequence_of(name), tenant, previous)
    made = opening(head, source.begun, source.salt, source.stated) + b"".join(
        data(frame, source.salt) for frame in frames
    )
    return made + seal(made, source.salt)


def _is_whole(tenant: str, name: str, content: bytes) -> bool:
    """Whether an object is a segment of the tenant's feed, under its name."""
    head = feed_head_of(content)
    return scan(content).sealed and head is not None and (head.name, head.tenant) == (name, tenant)


def follow(peer: str, tenant: str, examine: Examine) -> Program[Replayed]:
    """Join the entries of every new segment of a peer's feed of a tenant into the store, in the order of each log (FEED-2, FEED-4).

    As with `replay`, a pass may be repeated, and a log that waits holds up no other. Raises CorruptSegment, when all else is done,
    for a segment that is not as it was sealed, is of another tenant's feed, or holds what another tenant sent.
    """
    prefix = feed_prefix(tenant)
    listed = _segments((yield from ListObjects(f"{prefix}{peer}.")), prefix)
    stretches = []
    for log, names in groupby(listed, key=log_of):
        mark = f"{FOLLOWED}{tenant}/{log}"
        done = yield from Marked(mark)
        later = [name for name in names if name > done]
        stretches.append((yield from join_log(peer, later, mark, done, partial(_next, prefix, tenant), examine)))
    return together(stretches)


def _next(prefix: str, tenant: str, done: str, name: str) -> Program[tuple[Frame, ...] | None]:
    """The frames of a segment, if it is the one behind `done`; else None. Raises CorruptSegment."""
    content = yield from GetObject(prefix + name)
    if content is None:
        return None
    head, frames = feed_head_of(content), scan(content).frames
    if head is None or not _is_whole(tenant, name, content):
        raise CorruptSegment(f"FEED-1: {prefix}{name} is not as it was sealed, or no segment of the feed of {tenant}")
    if any(_sender(frame) != tenant for frame in frames):
        raise CorruptSegment(f"FEED-1: {prefix}{name} holds what another tenant than {tenant} sent")
    return frames if head.previous == done else None


def _sender(frame: Frame) -> str:
    """The tenant that a frame is under; empty for what no node logs."""
    try:
        return tenant_of(frame.payload)
    except (IndexError, UnicodeDecodeError):
        return ""


def _segments(names: tuple[str, ...], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in names]
