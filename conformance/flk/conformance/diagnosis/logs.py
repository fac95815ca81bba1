"""Known wrong forms of those who judge, or keep a log and a clock."""

from collections.abc import Iterator
from itertools import pairwise
from math import floor, log2
from statistics import median

import msgspec

from flk.conformance.diagnosis.form import WrongForm, instead
from flk.conformance.operations import clocks, records, segments, signals
from flk.conformance.operations.forms import Form
from flk.model.log import frames, hlc
from flk.model.record.canonical import round9

replace = msgspec.structs.replace


def forms() -> Iterator[WrongForm]:
    """All of them."""
    yield from _judgements()
    yield from _frames()
    yield from _segments()
    yield from _clocks()


def _judgements() -> Iterator[WrongForm]:
    def neighbours(given: Form) -> object:
        assert isinstance(given, signals.Counts)
        points = sorted(set(zip(given.scales, given.counts, strict=True)))
        pairs = [(a, b) for a, b in pairwise(points) if a[0] != b[0]]
        return round9(median((log2(b[1]) - log2(a[1])) / (log2(b[0]) - log2(a[0])) for a, b in pairs))

    every = "every pair of scales has a slope"
    yield WrongForm("neighbours-only", "neighbouring scales alone", "SIG-1", every, {"d_hat": neighbours})

    def in_binary64(given: Form) -> object:
        assert isinstance(given, records.JudgedRecord)
        told = records.judge(given)
        off = abs(given.record.D_hat - told.recomputed_D_hat) > records.tolerance(given)
        return msgspec.to_builtins(replace(told, accepted=not off and not records.is_scrutinised(told)))

    exact = "differences are compared in whole billionths"
    yield WrongForm("real-differences", "differences of reals", "JDG-1", exact, {"judge": in_binary64})


# --- segments ---


def _frames() -> Iterator[WrongForm]:
    def short(given: segments.FrameInput) -> bytes:
        told, at = segments.frame(given), len(given.salt)
        length = int.from_bytes(told[at : at + 4], "little") & 0xFFFF
        return told[:at] + length.to_bytes(4, "little") + told[at + 4 :]

    def unsalted(given: segments.FrameInput) -> bytes:
        return given.salt + segments.frame(replace(given, salt=b""))

    def unsalted_if_empty(given: segments.FrameInput) -> bytes:
        return segments.frame(given if given.payload else replace(given, salt=b""))

    for name, says, rule, frame in (
        ("length-of-16-bits", "lengths of 16 bits", "a length has 32 bits", short),
        ("salt-not-summed", "a checksum without the salt", "the checksum covers the salt", unsalted),
        ("unsalted-if-empty", "empty frames without a salt", "each frame has the segment's salt", unsalted_if_empty),
    ):

        def told(given: Form, frame: object = frame) -> object:
            assert isinstance(given, segments.FrameInput)
            assert callable(frame)
            return msgspec.to_builtins(frame(given))

        yield WrongForm(name, says, "WAL-2", rule, {"frame": told})


def _segments() -> Iterator[WrongForm]:
    def unsealed(given: Form) -> object:
        assert isinstance(given, segments.NamedSegment)
        found = segments.scan(segments.DamagedSegment(given.segment))
        named = found.head is not None and given.name == f"{found.head.log}/{found.head.sequence:012}"
        return segments.verify_segment(given) or (named and not found.damage and not found.torn)

    def anonymous(given: Form) -> object:
        assert isinstance(given, segments.NamedSegment)
        head = frames.scan(given.segment).head
        return head is not None and segments.verify_segment(replace(given, name=f"{head.log}/{head.sequence:012}"))

    def as_torn(given: Form) -> object:
        assert isinstance(given, segments.DamagedSegment)
        found = segments.scan(given)
        if not found.damage:
            return found
        end = found.damage[0].offset
        kept = segments.scan(replace(given, segment=given.segment[:end]))
        return replace(kept, torn=len(given.segment) - end)

    rest = "what follows damage is saved"
    yield WrongForm("damage-as-torn", "a log that ends at its first damage", "WAL-4", rest, {"scan": as_torn})

    def unsalted(given: segments.DamagedSegment) -> Form:
        return replace(given, salt=None)

    def filled(given: Form) -> object:
        assert isinstance(given, segments.DamagedSegment)
        found = segments.scan(given)
        return replace(found, frames=tuple(one for one in found.frames if one.payload))

    def nonempty(given: Form) -> object:
        assert isinstance(given, segments.NamedSegment)
        return segments.verify_segment(given) and bool(segments.scan(segments.DamagedSegment(given.segment)).frames)

    empty = "a payload may be empty"
    yield WrongForm("empty-frames-skipped", "a log without its empty frames", "WAL-2", empty, {"scan": filled})
    known = "a salt that is known counts, whatever the opening says"
    yield WrongForm("salt-of-opening", "the opening's salt alone", "WAL-8", known, instead("scan", unsalted))
    for name, says, requirement, rule, verify in (
        ("unsealed", "whole segments, sealed or not", "CRR-6", "only a sealed segment is shipped", unsealed),
        ("without-records", "segments that hold a record", "CRR-6", "a segment may hold none", nonempty),
        ("any-name", "segments under any name", "CRR-6", "the head says the name", anonymous),
    ):
        yield WrongForm(name, says, requirement, rule, {"verify_segment": verify})


# --- clocks ---


def _clocks() -> Iterator[WrongForm]:
    def in_seconds(given: clocks.TickInput) -> Form:
        return replace(given, now=float(floor(given.now)))

    yield WrongForm(
        "wall-time-in-seconds",
        "wall time in whole seconds",
        "HLC-1",
        "the clock counts milliseconds",
        instead("hlc_tick", in_seconds),
    )

    def wall_time(given: Form) -> object:
        assert isinstance(given, clocks.TickInput)
        return hlc.text(hlc.at(given.now))

    later = "a timestamp is later than the one before"
    yield WrongForm("wall-time", "wall time alone", "HLC-1", later, {"hlc_tick": wall_time})
