"""The log's format: what was written is read, what was cut or spoilt is seen, and no frame is made up."""

import struct
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite
from tests.support.model.strategies import frames, heads, regions, timestamps

from flk.model.log.frames import (
    MAGIC,
    MAX_FRAME,
    NO_SALT,
    OVERHEAD,
    SALT_BYTES,
    CorruptSegment,
    Damage,
    Frame,
    Head,
    Kind,
    Scan,
    data,
    frame_bytes,
    is_as_long_as_a_frame,
    log_of,
    opening,
    scan,
    seal,
    sealed_frames,
    segment_name,
    sequence_of,
)
from flk.model.log.hlc import Timestamp

HEAD = Head("eu", "eu.000001", 7)
STORY = (Frame(Timestamp(5), b"first"), Frame(Timestamp(6), b""), Frame(Timestamp(9), b"\0third\0\0"))
SALT = bytes(range(0xA0, 0xA0 + SALT_BYTES))
salts = st.just(NO_SALT) | st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES).filter(any)
few = settings(max_examples=20)  # each example tries every offset


class Segment:
    """A segment as it is written: its parts, so that a test knows where each frame stands."""

    def __init__(
        self, head: Head, clock: Timestamp, written: tuple[Frame, ...], *, sealed: bool = False, salt: bytes = SALT
    ) -> None:
        self.head, self.clock, self.frames, self.sealed, self.salt = head, clock, written, sealed, salt
        self.parts = [opening(head, clock, salt), *(data(frame, salt) for frame in written)]
        self.parts += [seal(b"".join(self.parts), salt)] if sealed else []
        self.content = b"".join(self.parts)

    @property
    def ends(self) -> list[int]:
        """The offset after each part."""
        return [sum(map(len, self.parts[: n + 1])) for n in range(len(self.parts))]

    def scanned(self) -> Scan:
        """What a scan of the undamaged bytes must say."""
        clock = max([self.clock, *(frame.timestamp for frame in self.frames)])
        chained = len(self.frames)
        return Scan(
            self.head, self.frames, len(self.content), 0, (), self.sealed, clock, chained, self.clock, self.salt
        )


@composite
def segments(draw: DrawFn, *, sealed: bool = False) -> Segment:
    """A segment of either format with up to four frames."""
    written = tuple(draw(st.lists(frames, max_size=4)))
    return Segment(draw(heads), draw(timestamps), written, sealed=sealed, salt=draw(salts))


def with_flip(content: bytes, bit: int) -> bytes:
    """The bytes with one bit turned."""
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def crc32c(content: bytes) -> int:
    """The Castagnoli checksum, bit by bit (RFC 3720, appendix B.4)."""
    register = 0xFFFFFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def test_the_checksum_is_castagnolis() -> None:
    """The oracle below gives the published check value."""
    assert crc32c(b"123456789") == 0xE3069283


@given(st.sampled_from(Kind), timestamps, st.binary(max_size=40), salts)
def test_a_frame_is_laid_out_as_documented(kind: Kind, timestamp: Timestamp, payload: bytes, salt: bytes) -> None:
    """Salt, length, checksum over these and the content, kind, timestamp, payload; all numbers little-endian (WAL-2)."""
    inner = struct.pack("<BQ", kind, timestamp) + payload
    begin = salt + struct.pack("<I", len(inner))
    made = frame_bytes(kind, timestamp, payload, salt)
    assert made == begin + struct.pack("<I", crc32c(begin + inner)) + inner
    assert len(made) == len(payload) + OVERHEAD - (0 if salt else SALT_BYTES)


@given(st.integers(0, 255).filter(lambda kind: kind not in set(Kind)), salts)
def test_a_frame_of_an_unknown_kind_is_damage_however_right_its_checksum(kind: int, salt: bytes) -> None:
    """What a later version may write is neither read nor passed over in silence (WAL-2, WAL-4)."""
    strange = frame_bytes(cast("Kind", kind), Timestamp(6), b"strange", salt)
    begun, after = opening(HEAD, Timestamp(5), salt), data(STORY[2], salt)
    found = scan(begun + strange + after)
    assert found.frames == (STORY[2],)
    assert found.damage == (Damage(len(begun), len(strange)),)


def test_a_frame_has_a_largest_size() -> None:
    """The limit counts kind and timestamp; one byte more is refused (WAL-2)."""
    largest = frame_bytes(Kind.DATA, Timestamp(1), bytes(MAX_FRAME - 9), SALT)
    assert scan(MAGIC + largest).frames == (Frame(Timestamp(1), bytes(MAX_FRAME - 9)),)
    with pytest.raises(ValueError, match="WAL-2"):
        frame_bytes(Kind.DATA, Timestamp(1), bytes(MAX_FRAME - 8), SALT)


@given(segments() | segments(sealed=True), st.integers(0, 4096))
def test_what_was_written_is_read(segment: Segment, ahead: int) -> None:
    """Head, frames, clock and seal, whether or not zeros were laid out behind them."""
    assert scan(segment.content) == segment.scanned()
    assert scan(segment.content + bytes(ahead)) == segment.scanned()


@given(frames, salts, st.data())
def test_a_last_frame_that_rots_is_not_taken_for_one_cut_short(
    frame: Frame, salt: bytes, chooser: st.DataObject
) -> None:
    """A bit flips anywhere behind the length: what is left is as long as the frame. Cut anywhere, it is not (WAL-3)."""
    whole = data(frame, salt)
    assert not is_as_long_as_a_frame(whole[: chooser.draw(st.integers(0, len(whole) - 1))], salt)
    rotten = bytearray(whole)
    rotten[chooser.draw(st.integers(len(salt) + 4, len(whole) - 1))] ^= 1 << chooser.draw(st.integers(0, 7))
    assert is_as_long_as_a_frame(bytes(rotten), salt)


@few
@given(segments() | segments(sealed=True), st.integers(0, 64))
def test_a_segment_cut_anywhere_holds_the_frames_before_the_cut(segment: Segment, ahead: int) -> None:
    """At every offset, with or without zeros behind: a prefix of the frames, no damage, and what is torn is counted (WAL-3)."""
    for offset in range(len(segment.content)):
        left, lost = segment.content[:offset] + bytes(ahead), segment.content[offset : offset + ahead]
        cut = offset + len(lost) - len(lost.lstrip(b"\0"))  # zeros that were cut off and laid out again are not lost
        found = scan(left)
        whole = [end for end in segment.ends if end <= cut]
        end = whole[-1] if whole else len(MAGIC) if cut >= len(MAGIC) else 0
        assert found.frames == segment.frames[: max(0, len(whole) - 1)]
        assert (found.end, found.end + found.torn) == (end, max(end, len(left.rstrip(b"\0"))))
        assert (found.head, found.damage, found.sealed) == (
            segment.head if whole else None,
            (),
            cut == len(segment.content) and segment.sealed,
        )


def assert_flip_is_seen(segment: Segment, bit: int) -> None:
    """The frame that holds the bit is gone and reported; every other frame is there, and none is new.

    Only a salt that is itself damaged has to be known from elsewhere.
    """
    in_salt = bool(segment.salt) and 0 <= bit // 8 - len(MAGIC) < SALT_BYTES
    found = scan(with_flip(segment.content, bit), segment.salt if in_salt else None)
    part = next(n for n, end in enumerate(segment.ends) if bit // 8 < end)
    in_magic = bit // 8 < len(MAGIC)
    assert found.frames == tuple(frame for n, frame in enumerate(segment.frames, 1) if n != part)
    assert found.head == (segment.head if part or in_magic else None)
    assert not found.sealed
    start = 0 if not part else segment.ends[part - 1]
    start, end = (0, len(MAGIC)) if in_magic else (max(start, len(MAGIC)), segment.ends[part])
    if part < len(segment.parts) - 1 or in_magic:
        assert found.damage == (Damage(start, end - start),)
    else:
        assert (found.end, found.damage) == (start, ())
        assert 0 < found.torn <= end - start


def test_every_single_bit_flip_is_seen() -> None:
    """Each bit of an open and of a sealed segment (WAL-4)."""
    for segment in (Segment(HEAD, Timestamp(3), STORY), Segment(HEAD, Timestamp(3), STORY, sealed=True)):
        for bit in range(8 * len(segment.content)):
            assert_flip_is_seen(segment, bit)


@given(segments() | segments(sealed=True), st.data())
def test_a_bit_flip_is_seen_in_any_segment(segment: Segment, choice: st.DataObject) -> None:
    """Whatever the frames hold."""
    assert_flip_is_seen(segment, choice.draw(st.integers(0, 8 * len(segment.content) - 1)))


@given(segments(sealed=True), st.data())
def test_a_sealed_segment_with_a_flipped_bit_is_refused_with_the_offset(
    segment: Segment, choice: st.DataObject
) -> None:
    """A reader of another region takes all of a segment or nothing of it (CRR-6)."""
    bit = choice.draw(st.integers(0, 8 * len(segment.content) - 1))
    with pytest.raises(CorruptSegment, match=rf"{segment.head.name} .* offset \d+ of {len(segment.content)}"):
        sealed_frames(segment.head.name, with_flip(segment.content, bit))


@given(segments(), segments(), st.binary(min_size=1, max_size=40))
def test_a_corrupt_middle_is_reported_with_its_place_and_nothing_else_is_lost(
    before: Segment, after: Segment, garbage: bytes
) -> None:
    """The frames on both sides are read, and the bytes between them are counted (WAL-4)."""
    after = Segment(after.head, after.clock, after.frames, salt=before.salt)
    head, *behind = after.parts
    found = scan(before.content + garbage + head[len(MAGIC) :] + b"".join(behind))
    assert found.frames == before.frames + after.frames
    assert found.damage == (Damage(len(before.content), len(garbage)),)
    assert (found.end, found.torn) == (len(before.content) + len(garbage) + len(after.content) - len(MAGIC), 0)


def test_the_smallest_frame_at_the_very_end_is_found_behind_damage() -> None:
    """The search for the next frame goes up to the last place where one fits."""
    segment = Segment(HEAD, Timestamp(3), ())
    found = scan(segment.content + b"garbage" + data(Frame(Timestamp(4), b""), SALT))
    assert found.frames == (Frame(Timestamp(4), b""),)
    assert found.damage == (Damage(len(segment.content), 7),)


def test_zeros_between_frames_are_damage_too() -> None:
    """A block that a disk lost reads as zeros; it is not the end of the log if frames follow."""
    segment = Segment(HEAD, Timestamp(3), STORY)
    found = scan(b"".join([*segment.parts[:2], bytes(len(segment.parts[2])), segment.parts[3]]))
    assert found.frames == (STORY[0], STORY[2])
    assert found.damage == (Damage(segment.ends[1], len(segment.parts[2])),)


@given(segments(sealed=True))
def test_a_sealed_segment_gives_its_frames_under_its_own_name(segment: Segment) -> None:
    """And under no other (CRR-6)."""
    assert sealed_frames(segment.head.name, segment.content) == segment.frames
    with pytest.raises(CorruptSegment, match="WAL-4"):
        sealed_frames(segment.head.name + "0", segment.content)


@given(segments())
def test_an_open_segment_is_not_taken_for_a_sealed_one(segment: Segment) -> None:
    """However whole its frames are."""
    with pytest.raises(CorruptSegment, match="WAL-4"):
        sealed_frames(segment.head.name, segment.content)


@given(segments(sealed=True), st.integers(1, 3))
def test_a_frame_missing_from_a_sealed_segment_is_seen(segment: Segment, lost: int) -> None:
    """Although every remaining frame is valid, the seal is one over other bytes (WAL-6)."""
    if lost < len(segment.parts) - 1:
        found = scan(b"".join(segment.parts[:lost] + segment.parts[lost + 1 :]))
        assert not found.sealed
        assert [damage.length for damage in found.damage] == [len(segment.parts[-1])]


@given(segments(sealed=True), st.binary(min_size=1, max_size=40).filter(lambda junk: junk.strip(b"\0")))
def test_bytes_behind_a_seal_are_damage(segment: Segment, junk: bytes) -> None:
    """A sealed segment is a fact; nothing may be added to it (WAL-6)."""
    found = scan(segment.content + junk)
    assert found.frames == segment.frames
    assert (found.sealed, found.torn) == (False, 0)
    assert found.damage == (Damage(len(segment.content), len(junk.rstrip(b"\0"))),)


def test_a_segment_may_be_sealed_twice() -> None:
    """A crash between the seal and cutting off the zeros behind it leaves an open file, which the next start seals again."""
    once = Segment(HEAD, Timestamp(3), STORY, sealed=True).content
    twice = once + seal(once)
    assert scan(twice).sealed
    assert sealed_frames(HEAD.name, twice) == STORY


FORGED = Frame(Timestamp(1), b"forged")


def forgery(salt: bytes) -> bytes:
    """What a sender may put into a body: frames, seals and openings with the salt that he takes for the segment's."""
    return data(FORGED, salt) + seal(b"", salt) + opening(Head("us", "us.000001", 1), Timestamp(2**64 - 1), salt)


@given(salts)
def test_a_frame_inside_a_payload_is_not_read_as_one(salt: bytes) -> None:
    """What a sender puts into a body stays in the body."""
    segment = Segment(HEAD, Timestamp(3), (Frame(Timestamp(4), forgery(salt)),))
    assert scan(segment.content) == segment.scanned()


@given(st.lists(salts.filter(lambda salt: salt != SALT), min_size=1, max_size=3), st.booleans(), st.data())
def test_no_bytes_inside_a_body_are_adopted_as_a_frame_whatever_the_damage(
    guesses: list[bytes], sealed: bool, chooser: st.DataObject
) -> None:
    """A flipped bit, a page of zeros anywhere, or a cut: of bodies full of frames only those that were logged are read (WAL-8)."""
    bodies = tuple(
        Frame(Timestamp(number), b"".join(map(forgery, guesses)) * 3) for number in range(4, 4 + len(guesses))
    )
    segment = Segment(HEAD, Timestamp(3), bodies, sealed=sealed)
    content = bytearray(segment.content)
    place = chooser.draw(st.integers(0, len(content) - 1))
    match chooser.draw(st.sampled_from(["flip", "page", "cut"])):
        case "flip":
            content[place] ^= 1 << chooser.draw(st.integers(0, 7))
        case "page":
            size = min(len(content) - place, chooser.draw(st.sampled_from([16, 64, 512])))
            content[place : place + size] = bytes(size)
        case _:
            del content[place:]
    found = scan(bytes(content), SALT)
    assert set(found.frames) <= set(bodies)
    assert found.clock <= bodies[-1].timestamp
    assert found.head in {None, HEAD}


def test_the_salt_is_what_keeps_a_frame_in_a_body_from_being_adopted() -> None:
    """Whoever knew it could forge: a body with frames of the right salt, behind a flipped bit."""
    segment = Segment(HEAD, Timestamp(3), (Frame(Timestamp(4), forgery(SALT)), Frame(Timestamp(5), forgery(NO_SALT))))
    damaged = with_flip(segment.content, 8 * segment.ends[0] + 8 * SALT_BYTES)
    assert scan(damaged).frames == (FORGED, segment.frames[1])


@given(segments(), st.integers(1, 600))
def test_frames_behind_a_lost_opening_are_read_with_the_salt_that_is_noted(segment: Segment, lost: int) -> None:
    """A page of zeros takes magic, salt and head with it, and no frame that it does not touch (WAL-8)."""
    content = bytes(min(lost, len(segment.content))) + segment.content[lost:]
    whole = [frame for frame, start in zip(segment.frames, segment.ends, strict=False) if start >= lost]
    if whole:
        assert scan(content, segment.salt).frames == tuple(whole)


@given(segments(), st.data())
def test_frames_are_chained_up_to_the_first_damage(segment: Segment, chooser: st.DataObject) -> None:
    """What stands in one row from the opening on is told from what was found behind damage (WAL-8)."""
    place = chooser.draw(st.integers(segment.ends[0], max(segment.ends[0], len(segment.content) - 1)))
    broken = bytearray(segment.content + b"?")
    broken[place] ^= 1
    before = sum(end <= place for end in segment.ends[1:])
    found = scan(bytes(broken), segment.salt)
    assert found.chained == (before if found.damage else len(found.frames))
    assert found.frames[: found.chained] == segment.frames[: found.chained]


def test_the_first_head_counts() -> None:
    """Another head frame further on does not rename a segment."""
    segment = Segment(HEAD, Timestamp(3), STORY)
    other = opening(Head("us", "us.000001", 1), Timestamp(1))[len(MAGIC) :]
    assert scan(segment.content + other).head == HEAD


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"region":"eu"}', b"\xff", b'{"region":1,"log":"a","sequence":1}'])
def test_a_head_that_cannot_be_read_is_no_head(payload: bytes) -> None:
    """Its frames are still there."""
    found = scan(MAGIC + frame_bytes(Kind.HEAD, Timestamp(1), payload, SALT) + data(STORY[0], SALT))
    assert (found.head, found.frames) == (None, STORY[:1])


pieces = st.binary(max_size=30) | frames.map(data) | st.just(MAGIC) | st.just(seal(b"")) | st.just(bytes(20))


@given(st.lists(pieces, max_size=8).map(b"".join))
def test_a_scan_accounts_for_every_byte_of_anything(content: bytes) -> None:
    """It never fails; damage is in order and does not overlap; what lies behind the end is torn, damage or zeros."""
    found = scan(content)
    assert 0 <= found.end <= found.end + found.torn <= len(content)
    assert content[found.end + found.torn :].strip(b"\0") == b"" or found.damage
    assert all(damage.length > 0 for damage in found.damage)
    assert all(a.offset + a.length <= b.offset for a, b in pairwise(found.damage))


@given(regions, st.integers(0, 10**12 - 1), st.integers(0, 10**12 - 1))
def test_names_of_segments_sort_like_their_numbers(log: str, a: int, b: int) -> None:
    """And say log and number again."""
    assert (segment_name(log, a) < segment_name(log, b)) == (a < b)
    assert (log_of(segment_name(log, a)), sequence_of(segment_name(log, a))) == (log, a)
    assert Head("eu", log, a).name == segment_name(log, a)
