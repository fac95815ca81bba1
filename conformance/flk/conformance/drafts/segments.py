"""Drafts of `frame`, `scan` and `verify_segment` (WAL-*, CRR-6)."""

from collections.abc import Iterator

from flk.conformance.drafts.draft import NOW, Draft
from flk.conformance.operations.segments import FrameInput, NamedSegment, Segment
from flk.model.log.frames import MAGIC, Frame, Head, Kind, data, frame_bytes, opening, seal
from flk.model.log.hlc import LAST, ZERO, Timestamp, at, text

HEAD = Head("eu", "eu.000001", 7)
CLOCK = at(NOW)
OPENING = opening(HEAD, CLOCK)
FRAMES = tuple(data(Frame(Timestamp(CLOCK + number), b"record-%d" % number)) for number in (1, 2, 3))
OPEN = OPENING + b"".join(FRAMES)
SEALED = OPEN + seal(OPEN)


def frame() -> Iterator[Draft]:
    """All kinds, payloads of every sort, timestamps of every size."""
    payloads = {
        "empty": b"",
        "zero": b"\0",
        "text": b"record",
        "newlines": b"a\nb|c\n",
        "all-bytes": bytes(range(256)),
        "looks-like-a-frame": FRAMES[0],
    }
    for slug, payload in payloads.items():
        yield Draft(
            f"data/{slug}", "any byte may stand in a payload", FrameInput(Kind.DATA, text(CLOCK), payload), ("WAL-2",)
        )
    for kind in Kind:
        yield Draft(
            f"kind/{kind.name.lower()}", "the kind is one byte", FrameInput(kind, text(CLOCK), b"payload"), ("WAL-2",)
        )
    for slug, timestamp in {
        "zero": ZERO,
        "one": Timestamp(1),
        "last": LAST,
        "bytes": Timestamp(0x0102030405060708),
    }.items():
        yield Draft(
            f"timestamp/{slug}", "eight bytes, little-endian", FrameInput(Kind.DATA, text(timestamp), b"x"), ("WAL-2",)
        )


def scan() -> Iterator[Draft]:
    """Whole segments, every way to cut the last frame short, and damage everywhere else."""
    whole = {
        "no-bytes": b"",
        "magic-alone": MAGIC,
        "head-alone": OPENING,
        "open": OPEN,
        "sealed": SEALED,
        "sealed-empty": OPENING + seal(OPENING),
        "allocated-ahead": OPEN + bytes(32),
        "after-the-seal": SEALED + b"more",
        "only-zeros": bytes(32),
        "without-magic": OPEN[len(MAGIC) :],
        "not-a-segment": b'2025-01-19T12:00:00Z|7|{"a":1}\n',
    }
    for slug, content in whole.items():
        yield Draft(f"whole/{slug}", "what a segment holds", Segment(content), ("WAL-2",))
    cut = OPEN[: -len(FRAMES[2])]
    for kept in (1, 3, 4, 7, 8, 9, 16, 17, 18, len(FRAMES[2]) - 1):
        yield Draft(
            f"torn/{kept:02}-bytes", "the last frame cut short", Segment(cut + FRAMES[2][:kept]), ("WAL-3",), ("torn",)
        )
    yield Draft(
        "torn/then-zeros",
        "cut short in space that was allocated",
        Segment(cut + FRAMES[2][:12] + bytes(16)),
        ("WAL-3",),
        ("torn",),
    )
    yield Draft("torn/magic", "the magic cut short", Segment(MAGIC[:5]), ("WAL-3",), ("torn",))
    yield Draft("torn/head", "the head cut short", Segment(OPENING[:-3]), ("WAL-3",), ("torn",))
    yield from _damaged()


def _damaged() -> Iterator[Draft]:
    starts = [len(OPENING) + sum(map(len, FRAMES[:number])) for number in range(4)]
    spots = {
        "length-of-first": starts[0],
        "high-byte-of-length": starts[0] + 3,
        "checksum-of-first": starts[0] + 4,
        "kind-of-second": starts[1] + 8,
        "timestamp-of-second": starts[1] + 12,
        "payload-of-second": starts[1] + 18,
        "payload-of-last": starts[2] + 18,
        "length-of-last": starts[2],
    }
    for slug, place in spots.items():
        yield Draft(
            f"damage/{slug}",
            "one bit flipped in an open segment",
            Segment(_flipped(OPEN, place)),
            ("WAL-4",),
            ("damage",),
        )
        yield Draft(
            f"damage/{slug}-sealed",
            "one bit flipped in a sealed segment",
            Segment(_flipped(SEALED, place)),
            ("WAL-4",),
            ("damage",),
        )
    wounds = {
        "head": _flipped(OPEN, len(MAGIC) + 20),
        "magic": _flipped(OPEN, 0),
        "seal": _flipped(SEALED, len(SEALED) - 1),
        "hole-of-zeros": OPENING + bytes(len(FRAMES[0])) + FRAMES[1] + FRAMES[2],
        "frame-missing-from-sealed": SEALED.replace(FRAMES[1], b""),
        "frames-exchanged-in-sealed": OPENING + FRAMES[1] + FRAMES[0] + FRAMES[2] + SEALED[len(OPEN) :],
        "garbage-between": OPENING + FRAMES[0] + b"garbage" + FRAMES[1] + FRAMES[2],
        "two-wounds": OPENING + _flipped(FRAMES[0], 20) + FRAMES[1] + b"?" + FRAMES[2],
        "unknown-kind": OPENING + frame_bytes(Kind.DATA, CLOCK, b"x").replace(b"\2", b"\4", 1) + FRAMES[0],
        "all-garbage": b"\xff" * 40,
    }
    for slug, content in wounds.items():
        yield Draft(
            f"damage/{slug}",
            "every valid frame is found, every wound is told",
            Segment(content),
            ("WAL-4",),
            ("damage",),
        )


def verify_segment() -> Iterator[Draft]:
    """A sealed segment under its name, and everything that is not quite one."""
    yield Draft(
        "honest", "sealed, whole, and the one its name says", NamedSegment(segment=SEALED, name=HEAD.name), ("CRR-6",)
    )
    names = {
        "another-number": "eu.000001/000000000008",
        "another-log": "eu.000002/000000000007",
        "another-region": "us.000001/000000000007",
    }
    for slug, name in names.items():
        yield _refused(slug, "another segment's name", SEALED, name)
    contents = {
        "not-sealed": OPEN,
        "empty": b"",
        "truncated": SEALED[:-1],
        "flipped-payload": _flipped(SEALED, len(OPENING) + 18),
        "flipped-seal": _flipped(SEALED, len(SEALED) - 1),
        "flipped-head": _flipped(SEALED, len(MAGIC) + 20),
        "frame-removed": SEALED.replace(FRAMES[1], b""),
        "sealed-by-another": OPEN + seal(OPENING),
        "seal-of-nothing": OPEN + seal(b""),
    }
    for slug, content in contents.items():
        yield _refused(slug, "not as it was sealed", content, HEAD.name)


def _refused(slug: str, comment: str, content: bytes, name: str) -> Draft:
    return Draft(slug, comment, NamedSegment(segment=content, name=name), ("CRR-6", "WAL-6"), ("tampered",))


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
