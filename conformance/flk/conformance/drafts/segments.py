"""Drafts of `frame`, `scan` and `verify_segment` (WAL-*, CRR-6), of the earlier format and of the one with salts."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from flk.conformance.drafts.draft import NOW, Draft
from flk.conformance.operations.segments import DamagedSegment, FrameInput, NamedSegment
from flk.model.log.frames import MAGIC, NO_SALT, SALT_BYTES, Frame, Head, Kind, data, frame_bytes, opening, seal
from flk.model.log.hlc import LAST, ZERO, Timestamp, at, text

HEAD = Head("eu", "eu.000001", 7)
CLOCK = at(NOW)
SALT = bytes(range(0xA0, 0xA0 + SALT_BYTES))


@dataclass(frozen=True)
class Story:
    """A segment with this salt and three frames; names of its vectors begin with `prefix`."""

    salt: bytes
    prefix: str

    @cached_property
    def opening(self) -> bytes:
        """Its first bytes."""
        return opening(HEAD, CLOCK, self.salt)

    @cached_property
    def magic(self) -> bytes:
        """What stands before its head."""
        return self.opening[: len(MAGIC)]

    @cached_property
    def frames(self) -> tuple[bytes, ...]:
        """Its data frames."""
        return tuple(data(Frame(Timestamp(CLOCK + number), b"record-%d" % number), self.salt) for number in (1, 2, 3))

    @cached_property
    def open(self) -> bytes:
        """The segment while it is open."""
        return self.opening + b"".join(self.frames)

    @cached_property
    def sealed(self) -> bytes:
        """The segment once it is sealed."""
        return self.open + seal(self.open)


EARLIER, SALTED = Story(NO_SALT, ""), Story(SALT, "salted/")


def frame() -> Iterator[Draft]:
    """All kinds, payloads of every sort, timestamps of every size."""
    payloads = {
        "empty": b"",
        "zero": b"\0",
        "text": b"record",
        "newlines": b"a\nb|c\n",
        "all-bytes": bytes(range(256)),
        "looks-like-a-frame": EARLIER.frames[0],
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
    for kind in Kind:
        yield Draft(
            f"salted/{kind.name.lower()}",
            "the salt comes first, and enters the checksum",
            FrameInput(kind, text(CLOCK), b"payload", SALT),
            ("WAL-2", "WAL-8"),
        )
    yield Draft(
        "salted/empty-payload",
        "the salt comes first, whatever follows",
        FrameInput(Kind.DATA, text(CLOCK), b"", SALT),
        ("WAL-2", "WAL-8"),
    )
    for slug, salt in {
        "zeros": bytes(SALT_BYTES),
        "ones": b"\xff" * SALT_BYTES,
        "like-a-length": b"\t" + bytes(7),
    }.items():
        yield Draft(
            f"salted/{slug}",
            "any bytes are a salt",
            FrameInput(Kind.DATA, text(CLOCK), b"payload", salt),
            ("WAL-2", "WAL-8"),
        )


def scan() -> Iterator[Draft]:
    """Whole segments, every way to cut the last frame short, and damage everywhere else; and what only a salt tells apart."""
    for story in (EARLIER, SALTED):
        yield from _scanned(story)
        yield from _damaged(story)
    yield from _forged()


def _scanned(story: Story) -> Iterator[Draft]:
    prefix = story.prefix
    whole = {
        "no-bytes": b"",
        "magic-alone": story.magic,
        "head-alone": story.opening,
        "open": story.open,
        "sealed": story.sealed,
        "sealed-empty": story.opening + seal(story.opening),
        "allocated-ahead": story.open + bytes(32),
        "after-the-seal": story.sealed + b"more",
        "only-zeros": bytes(32),
        "without-magic": story.open[len(MAGIC) :],
        "not-a-segment": b'2025-01-19T12:00:00Z|7|{"a":1}\n',
    }
    nothing = frame_bytes(Kind.DATA, CLOCK, b"", story.salt)
    whole |= {"empty-payload": story.opening + nothing, "empty-payloads": story.opening + 2 * nothing}
    for slug, content in whole.items():
        yield Draft(f"{prefix}whole/{slug}", "what a segment holds", DamagedSegment(content), ("WAL-2",))
    cut = story.open[: -len(story.frames[2])]
    for kept in (1, 3, 4, 7, 8, 9, 16, 17, 18, *((25, 26) if story.salt else ()), len(story.frames[2]) - 1):
        yield Draft(
            f"{prefix}torn/{kept:02}-bytes",
            "the last frame cut short",
            DamagedSegment(cut + story.frames[2][:kept]),
            ("WAL-3",),
            ("torn",),
        )
    yield Draft(
        f"{prefix}torn/then-zeros",
        "cut short in space that was allocated",
        DamagedSegment(cut + story.frames[2][:12] + bytes(16)),
        ("WAL-3",),
        ("torn",),
    )
    yield Draft(f"{prefix}torn/magic", "the magic cut short", DamagedSegment(story.magic[:5]), ("WAL-3",), ("torn",))
    yield Draft(f"{prefix}torn/head", "the head cut short", DamagedSegment(story.opening[:-3]), ("WAL-3",), ("torn",))


def _damaged(story: Story) -> Iterator[Draft]:
    salt, prefix = story.salt, story.prefix
    before = len(salt)
    starts = [len(story.opening) + sum(map(len, story.frames[:number])) for number in range(4)]
    spots = {
        "length-of-first": starts[0] + before,
        "high-byte-of-length": starts[0] + before + 3,
        "checksum-of-first": starts[0] + before + 4,
        "kind-of-second": starts[1] + before + 8,
        "timestamp-of-second": starts[1] + before + 12,
        "payload-of-second": starts[1] + before + 18,
        "payload-of-last": starts[2] + before + 18,
        "length-of-last": starts[2] + before,
    }
    for slug, place in spots.items():
        yield Draft(
            f"{prefix}damage/{slug}",
            "one bit flipped in an open segment",
            DamagedSegment(_flipped(story.open, place)),
            ("WAL-4",),
            ("damage",),
        )
        yield Draft(
            f"{prefix}damage/{slug}-sealed",
            "one bit flipped in a sealed segment",
            DamagedSegment(_flipped(story.sealed, place)),
            ("WAL-4",),
            ("damage",),
        )
    wounds = {
        "head": _flipped(story.open, len(MAGIC) + before + 20),
        "magic": _flipped(story.open, 0),
        "seal": _flipped(story.sealed, len(story.sealed) - 1),
        "hole-of-zeros": story.opening + bytes(len(story.frames[0])) + story.frames[1] + story.frames[2],
        "frame-missing-from-sealed": story.sealed.replace(story.frames[1], b""),
        "frames-exchanged-in-sealed": story.opening
        + story.frames[1]
        + story.frames[0]
        + story.frames[2]
        + story.sealed[len(story.open) :],
        "garbage-between": story.opening + story.frames[0] + b"garbage" + story.frames[1] + story.frames[2],
        "two-wounds": story.opening + _flipped(story.frames[0], before + 20) + story.frames[1] + b"?" + story.frames[2],
        "unknown-kind": story.opening
        + frame_bytes(Kind.DATA, CLOCK, b"x", salt).replace(b"\2", b"\4", 1)
        + story.frames[0],
        "all-garbage": b"\xff" * 40,
    }
    for slug, content in wounds.items():
        yield Draft(
            f"{prefix}damage/{slug}",
            "every valid frame is found, every wound is told",
            DamagedSegment(content),
            ("WAL-4",),
            ("damage",),
        )


def _forged() -> Iterator[Draft]:
    """A body that holds frames, with a flipped bit before them; and openings that are lost, with the salt known from elsewhere."""
    story, flags = SALTED, ("damage",)
    guess = bytes(SALT_BYTES - 1) + b"?"
    inside = b"".join(data(Frame(Timestamp(1), b"forged"), salt) for salt in (NO_SALT, guess)) + opening(
        HEAD, LAST, guess
    )
    body = data(Frame(Timestamp(CLOCK + 4), inside), SALT)
    for slug, place in {"salt": 0, "length": SALT_BYTES, "checksum": SALT_BYTES + 4, "kind": SALT_BYTES + 8}.items():
        yield Draft(
            f"forged/behind-a-flip-in-the-{slug}",
            "frames inside a body are not frames of the log",
            DamagedSegment(story.open + _flipped(body, place) + story.frames[0]),
            ("WAL-8",),
            flags,
        )
    rest = body + story.frames[1]
    for slug, content in {
        "zeros": bytes(len(story.opening)) + rest,
        "salt": _flipped(story.opening, len(MAGIC)) + rest,
        "salt-of-head-and-magic": bytes(len(MAGIC) + SALT_BYTES) + story.opening[len(MAGIC) + SALT_BYTES :] + rest,
    }.items():
        yield Draft(
            f"forged/opening-lost-{slug}",
            "the salt is known from the manifest",
            DamagedSegment(content, SALT),
            ("WAL-8",),
            flags,
        )


def verify_segment() -> Iterator[Draft]:
    """A sealed segment under its name, and everything that is not quite one."""
    for story in (EARLIER, SALTED):
        yield from _verified(story)


def _verified(story: Story) -> Iterator[Draft]:
    prefix, before = story.prefix, len(story.salt)
    yield Draft(
        f"{prefix}honest",
        "sealed, whole, and the one its name says",
        NamedSegment(segment=story.sealed, name=HEAD.name),
        ("CRR-6",),
    )
    yield Draft(
        f"{prefix}no-record",
        "a segment may be sealed before anything was logged",
        NamedSegment(segment=story.opening + seal(story.opening, story.salt), name=HEAD.name),
        ("CRR-6",),
    )
    names = {
        "another-number": "eu.000001/000000000008",
        "another-log": "eu.000002/000000000007",
        "another-region": "us.000001/000000000007",
    }
    for slug, name in names.items():
        yield _refused(prefix + slug, "another segment's name", story.sealed, name)
    contents = {
        "not-sealed": story.open,
        "empty": b"",
        "truncated": story.sealed[:-1],
        "flipped-payload": _flipped(story.sealed, len(story.opening) + before + 18),
        "flipped-seal": _flipped(story.sealed, len(story.sealed) - 1),
        "flipped-head": _flipped(story.sealed, len(MAGIC) + before + 20),
        "frame-removed": story.sealed.replace(story.frames[1], b""),
        "sealed-by-another": story.open + seal(story.opening, story.salt),
        "seal-of-nothing": story.open + seal(b"", story.salt),
    }
    for slug, content in contents.items():
        yield _refused(prefix + slug, "not as it was sealed", content, HEAD.name)


def _refused(slug: str, comment: str, content: bytes, name: str) -> Draft:
    return Draft(slug, comment, NamedSegment(segment=content, name=name), ("CRR-6", "WAL-6"), ("tampered",))


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
