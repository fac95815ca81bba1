"""Comparing what two regions store (CRR-8)."""

from enum import StrEnum

import msgspec

from flk.model.effects import CountEntries, Fetch, Program, SampleKeys
from flk.model.entries.entry import Key
from flk.model.refusal import Unavailable
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.replication


class Agreement(StrEnum):
    """Three-valued: a region that does not answer has not agreed."""

    AGREE = "agree"
    DIVERGE = "diverge"
    UNDECIDED = "undecided"


class Divergence(msgspec.Struct, frozen=True):
    """How far two regions differ: in their counts, and in the sampled keys, both in percent."""

    agreement: Agreement
    count_percent: float = 0.0
    sample_percent: float = 0.0
    mismatched: tuple[Key, ...] = ()


def detect_divergence(a: str, b: str) -> Program[Divergence]:
    """Compare the number of entries, and the entries under keys sampled from both sides: a key that only one region has counts
    whichever it is. They diverge if either percentage exceeds its limit.
    """
    try:
        count_a = yield from CountEntries(a)
        count_b = yield from CountEntries(b)
        from_a = yield from SampleKeys(a, LIMITS.divergence_sample)
        from_b = yield from SampleKeys(b, LIMITS.divergence_sample)
        keys = tuple(sorted({*from_a, *from_b}))
        entries_a = yield from Fetch(a, keys)
        entries_b = yield from Fetch(b, keys)
    except Unavailable:
        return Divergence(Agreement.UNDECIDED)
    mismatched = tuple(key for key, one, other in zip(keys, entries_a, entries_b, strict=True) if one != other)
    count_percent = _percent(abs(count_a - count_b), (count_a + count_b) / 2)
    sample_percent = _percent(len(mismatched), len(keys))
    diverged = count_percent > LIMITS.divergence_count_percent or sample_percent > LIMITS.divergence_sample_percent
    agreement = Agreement.DIVERGE if diverged else Agreement.AGREE
    return Divergence(agreement, count_percent, sample_percent, mismatched)


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
