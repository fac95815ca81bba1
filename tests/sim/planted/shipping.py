"""Bugs in shipping."""

from tests.sim.planted.bug import Bug, bug

from flk.model.effects import INBOX, Mark, Marked, Program, PutObject, ReadSegment, Seal, Segments
from flk.model.log.frames import region_of, segment_name, sequence_of
from flk.model.programs.recover import mark_applied
from flk.model.programs.ship import PREFIX, SHIPPED, require_own, whole
from flk.model.refusal import Unavailable
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.nodes.designs import DESIGNS, newest_first


def full_segments_only() -> Program[tuple[str, ...]]:
    """Ship what is full, and let what is open wait until it is."""
    names = yield from Segments(INBOX, after=(yield from Marked(SHIPPED)), sealed=True)
    for name in names:
        yield from _upload(name, (yield from whole(name)))
        yield from Mark(SHIPPED, name)
    return names


def skipped_refusal() -> Program[tuple[str, ...]]:
    """Go on to the next segment if the object store refuses one."""
    for name in (yield from _to_ship()):
        try:
            yield from _upload(name, (yield from whole(name)))
        except Unavailable:
            continue
        yield from Mark(SHIPPED, name)
    return ()


def as_it_lies() -> Program[tuple[str, ...]]:
    """Upload what the disk gives, rotten or not."""
    names = yield from _to_ship()
    for name in names:
        yield from _upload(name, (yield from ReadSegment(name)))
        yield from Mark(SHIPPED, name)
    return names


def all_but_the_first() -> Program[tuple[str, ...]]:
    """Ship all that is sealed but the first, if there are several."""
    names = yield from _to_ship()
    for name in names[1:] or names:
        yield from _upload(name, (yield from whole(name)))
        yield from Mark(SHIPPED, name)
    return names


def one_log_for_all_disks() -> Program[tuple[str, ...]]:
    """Name objects by region and place in the log, whichever disk they come from; what is there already has been shipped."""
    names = yield from _to_ship()
    for name in names:
        unfenced = segment_name(f"{region_of(name)}.000001", sequence_of(name))
        yield from PutObject(PREFIX + unfenced, (yield from whole(name)))
        yield from Mark(SHIPPED, name)
    return names


def before_it_is_settled() -> Program[tuple[str, ...]]:
    """Upload the newest segment as well, and seal it afterwards."""
    names = yield from Segments(INBOX, after=(yield from Marked(SHIPPED)))
    for name in names:
        yield from PutObject(PREFIX + name, (yield from ReadSegment(name)))
    yield from Seal(INBOX)
    yield from mark_applied()
    for name in names:
        yield from Mark(SHIPPED, name)
    return names


def _upload(name: str, content: bytes) -> Program[None]:
    """Upload a segment as the model does (CRR-9)."""
    if not (yield from PutObject(PREFIX + name, content)):
        yield from require_own(name, content)


def _to_ship() -> Program[tuple[str, ...]]:
    yield from Seal(INBOX)
    yield from mark_applied()
    return (yield from Segments(INBOX, after=(yield from Marked(SHIPPED)), sealed=True))


BUGS: dict[str, Bug] = {
    "mark-before-upload": bug(
        DESIGNS["mark-before-upload"], "Moves the watermark, then uploads.", "CRR-4", Invariant.WATERMARK
    ),
    "unsealed-shipping": bug(
        DESIGNS["unsealed-shipping"], "Uploads the segment that is still being written.", "WAL-6", Invariant.SEALED
    ),
    "seals-after-the-upload": bug(
        MODEL._replace(ship=before_it_is_settled), "Uploads, then seals.", "WAL-6", Invariant.SEALED
    ),
    "ships-full-segments-only": bug(
        MODEL._replace(ship=full_segments_only),
        "Never seals, and so never ships what does not fill a segment.",
        "CRR-2",
        Invariant.CONVERGENCE,
    ),
    "newest-first": bug(
        MODEL._replace(ship=newest_first),
        "Uploads what is sealed from the newest to the oldest.",
        "CRR-5",
        Invariant.NO_GAP,
        Invariant.WATERMARK,
    ),
    "skips-a-refused-upload": bug(
        MODEL._replace(ship=skipped_refusal),
        "Goes on to the next segment if the object store refuses one.",
        "CRR-4",
        Invariant.REPORTED,
        Invariant.NO_GAP,
        Invariant.CONVERGENCE,
    ),
    "ships-what-rotted": bug(
        MODEL._replace(ship=as_it_lies),
        "Uploads what the disk gives, rotten or not.",
        "WAL-4",
        Invariant.SEALED,
    ),
    "all-but-the-first": bug(
        MODEL._replace(ship=all_but_the_first),
        "Ships all that is sealed but the first, if there are several.",
        "CRR-5",
        Invariant.NO_GAP,
    ),
    "unfenced-disk": bug(
        MODEL._replace(ship=one_log_for_all_disks),
        "A region that comes back on another disk ships under the names of the lost one; nothing tells the two logs apart.",
        "CRR-9",
        Invariant.SEALED,
        Invariant.WATERMARK,
    ),
}
