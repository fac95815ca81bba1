"""The form of a snapshot: what is written is read again, and nothing else ever is (SNAP-1, SNAP-2)."""

import zlib
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.strategies import entries

from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.entries.snapshot import BadSnapshot, Head, head_object, packed, read_head, unpacked
from flk.model.log.hlc import Timestamp

CLOCK = Timestamp(77 << 16)
CLAIMS = st.builds(Claim, st.builds(Key, st.text(max_size=4), st.text(max_size=4)), entries)


@given(st.lists(CLAIMS, max_size=4))
def test_claims_survive_a_piece(claims: list[Claim]) -> None:
    """Whatever entries a store has, in the order in which they are given."""
    piece, content = packed("eu", CLOCK, 1, claims)
    assert unpacked(piece, content) == tuple(claims)


HEADS = st.builds(
    Head,
    region=st.just("eu"),
    log=st.just("eu.000001"),
    clock=st.integers(0, 2**62).map(Timestamp),
    applied=st.text(max_size=5),
    marks=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple),
    entries=st.just(0),
    superseded=st.just(0),
    pieces=st.just(()),
)


@given(HEADS)
def test_a_head_survives(head: Head) -> None:
    """Whatever its marks and its clock."""
    assert read_head(*head_object(head)) == head


@pytest.fixture(scope="module")
def small() -> tuple[Head, bytes, bytes]:
    """A snapshot of one entry, its head and its piece."""
    entry = Entry(Timestamp(5), "eu", "0" * 64, Outcome(True, False, Reason.OK, 1.0, 0.5))
    piece, content = packed("eu", CLOCK, 1, [Claim(Key("a", "b"), entry)])
    head = Head("eu", "eu.000001", CLOCK, "eu.000001/000000000001", (), 1, 0, (piece,))
    return head, head_object(head)[1], content


def test_every_byte_cut_and_every_bit_flipped_of_a_piece_is_refused_by_name(small: tuple[Head, bytes, bytes]) -> None:
    """A reader takes a piece whole or not at all (SNAP-2)."""
    head, _, content = small
    (piece,) = head.pieces
    for other in (*cut(content), *flipped(content), content + b"\0"):
        with pytest.raises(BadSnapshot, match=piece.name):
            unpacked(piece, other)


def test_every_byte_cut_and_every_bit_flipped_of_a_head_is_refused_by_name(small: tuple[Head, bytes, bytes]) -> None:
    """Likewise a head, those in which a flip makes another format among them."""
    head, content, _ = small
    name, _ = head_object(head)
    for other in (*cut(content), *flipped(content), content + b"\n"):
        with pytest.raises(BadSnapshot, match=name):
            read_head(name, other)


def test_a_copy_under_another_name_is_refused(small: tuple[Head, bytes, bytes]) -> None:
    """Of another region, or of another time."""
    head, content, _ = small
    name, _ = head_object(head)
    for other in (name.replace("snap/eu", "snap/us"), name.replace("00000000004d", "00000000004e")):
        with pytest.raises(BadSnapshot, match=other):
            read_head(other, content)


@pytest.mark.parametrize("change", [{"entries": 2}, {"entries": 0}, {"superseded": 1}])
def test_a_head_that_counts_other_lines_than_its_pieces_have_is_refused(
    small: tuple[Head, bytes, bytes], change: dict[str, int]
) -> None:
    """An entry is one line, and one that gave way two: whoever starts from it would miss some, or wait for some (SNAP-2)."""
    name, content = head_object(msgspec.structs.replace(small[0], **change))
    with pytest.raises(BadSnapshot, match="does not have as many lines as entries"):
        read_head(name, content)


@pytest.mark.parametrize("off", [-1, 1])
def test_a_piece_of_another_size_than_its_head_says_is_refused(small: tuple[Head, bytes, bytes], off: int) -> None:
    """A head that is wrong about one thing is believed in nothing, though the digest fits (SNAP-2)."""
    head, _, content = small
    piece = msgspec.structs.replace(head.pieces[0], size=len(content) + off)
    with pytest.raises(BadSnapshot, match=f"are not the {piece.size} whose"):
        unpacked(piece, content)


def test_another_format_is_refused_with_the_fix(small: tuple[Head, bytes, bytes]) -> None:
    """What a later version wrote is whole, and says which it is."""
    _, content, _ = small
    told = b"FLKSNAP2\n" + content[len(b"FLKSNAP1\n") : -65]
    later = told + sha256(told).hexdigest().encode() + b"\n"
    with pytest.raises(BadSnapshot, match="format 2, and this version knows 1; fix:"):
        read_head(f"snap/eu/heads/{77 << 16:016x}.{sha256(later).hexdigest()[:16]}", later)


def test_a_piece_that_unpacks_to_too_much_is_refused() -> None:
    """However its head vouches for it: a reader never has more of it in memory than its bound."""
    content = zlib.compress(bytes(65 << 20), 9)
    piece, _ = packed("eu", CLOCK, 1, [])
    piece = msgspec.structs.replace(piece, size=len(content), digest=sha256(content).hexdigest())
    with pytest.raises(BadSnapshot, match="does not have the 0 lines"):
        unpacked(piece, content)


def cut(content: bytes) -> list[bytes]:
    """The content, cut short in every way."""
    return [content[:size] for size in range(len(content))]


def flipped(content: bytes) -> list[bytes]:
    """The content with each of its bits the other way."""
    whole = int.from_bytes(content, "big")
    return [(whole ^ (1 << bit)).to_bytes(len(content), "big") for bit in range(8 * len(content))]
