"""How far a store that several nodes share has come in each log, by what they have marked there: pure functions."""

from collections.abc import Iterable

from flk.model.effects import Watermark
from flk.model.log.frames import log_of, region_of, segment_name, sequence_of
from flk.model.programs.recover import APPLIED
from flk.model.programs.replay import REPLAYED
from flk.model.programs.ship import SHIPPED

LOST = "lost"
"""The mark of a log that was declared lost: the segment that is the sign of it."""
_BEFORE_SIGN = 3


def all_logs(region: str) -> str:
    """What stands for the log of its node in a snapshot that speaks of every log of a region (SNAP-10).

    >>> all_logs("eu")
    'eu.000000'
    """
    return f"{region}.{0:06d}"


def reaches(marks: Iterable[Watermark]) -> dict[str, str]:
    """The last segment of each log of which the store has taken all claims, so far as they are objects, too; by log, in order.

    A node's own log counts as far as it is applied and shipped, for what only its disk has is yet to be read by everybody. Any
    log counts as far as one of the nodes has replayed it, since all replay into one store. A log that was declared lost, of which
    the store has all that was shipped, counts to its end: what its node had stored is in the store, and nothing comes behind it.
    """
    known = tuple(marks)
    reached: dict[str, str] = {}
    for segment in (*_own(known), *(mark.value for mark in known if mark.name.startswith(REPLAYED) and mark.value)):
        reached[log_of(segment)] = max(segment, reached.get(log_of(segment), ""))
    applied = {mark.log: mark.value for mark in known if mark.name == APPLIED}
    for log, sign in lost(known).items():
        there = max(reached.get(log, ""), applied.get(log, ""))  # what was shipped has an object, be it marked or not
        if (sequence_of(there) if there else 0) >= last_before(sign):
            reached[log] = sign
    return dict(sorted(reached.items()))


def lost(marks: Iterable[Watermark]) -> dict[str, str]:
    """The logs that were declared lost, and the sign of each."""
    return {mark.log: mark.value for mark in marks if mark.name == LOST}


def living(marks: Iterable[Watermark], region: str) -> frozenset[str]:
    """The logs of a region that their nodes look after themselves: those that have marked anything, and are not lost."""
    known = tuple(marks)
    logs = {mark.log for mark in known if mark.name in {APPLIED, SHIPPED} and region_of(f"{mark.log}/") == region}
    return frozenset(logs - lost(known).keys())


def sign_behind(closing: str) -> str:
    """The segment that is the sign of a lost log, of which `closing` is the last one. The one between them never is: a reader finds
    that it is missing, and so begins with a snapshot (RET-5).

    >>> sign_behind("eu.000003/000000000008")
    'eu.000003/000000000010'
    """
    return segment_name(log_of(closing), sequence_of(closing) + 2)


def last_before(sign: str) -> int:
    """The number of the last segment of a lost log that its node had shipped; 0 if it had shipped none."""
    return sequence_of(sign) - _BEFORE_SIGN


def _own(marks: Iterable[Watermark]) -> Iterable[str]:
    ends = {(mark.log, mark.name): mark.value for mark in marks if mark.name in {APPLIED, SHIPPED}}
    for (log, name), applied in ends.items():
        shipped = ends.get((log, SHIPPED), "")
        if name == APPLIED and log_of(applied) == log_of(shipped) == log:
            yield min(applied, shipped)
