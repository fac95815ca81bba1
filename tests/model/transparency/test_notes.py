"""Signed notes and checkpoints (TLOG-1, TLOG-2)."""

import contextlib
from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.transparency import LOG, WITNESS, checkpoint_over, leaves_of

from flk.model.record.signing import Ed25519PrivateKey
from flk.model.transparency.checkpoints import Checkpoint, checkpoint_of, read_checkpoint
from flk.model.transparency.notes import BadNote, Kind, Signer, Verifier, private_text, read_note, signed, signed_by

LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
TEXTS = st.lists(LINES, min_size=1, max_size=4).map(lambda lines: "".join(f"{line}\n" for line in lines))
NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+"), min_size=1, max_size=9
).filter(lambda name: not any(map(str.isspace, name)))
SEEDS = st.binary(min_size=32, max_size=32)
SIGNERS = st.builds(Signer, NAMES, st.builds(Ed25519PrivateKey, SEEDS))


@given(
    TEXTS,
    st.lists(SIGNERS, min_size=1, max_size=3, unique_by=lambda signer: signer.verifier.public),
    st.integers(0, 2**62),
)
def test_who_signed_a_note_is_told_and_nobody_else(text: str, signers: list[Signer], now: int) -> None:
    """Whatever the text, signers and witnesses: a note reads as it was written, and names those who signed it."""
    one, *others = signers
    note = read_note(signed(text, [one.sign(text), *(other.cosign(text, now) for other in others)]))
    assert note.text == text
    witnesses = [other.witness for other in others]
    assert signed_by(note, [one.verifier, *witnesses, one.witness]) == (one.verifier, *witnesses)
    assert signed_by(note, [other.verifier for other in others]) == ()
    assert [Verifier.parse(str(key)) for key in (one.verifier, *witnesses)] == [one.verifier, *witnesses]


@given(TEXTS, SIGNERS, st.data())
def test_a_note_of_which_a_bit_is_another_is_refused(text: str, signer: Signer, data: st.DataObject) -> None:
    """Wherever the bit: it is no note, or nobody known has signed it, or the signature is not the key's."""
    note = bytearray(signed(text, [signer.sign(text)]))
    note[data.draw(st.integers(0, len(note) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(BadNote):
        assert signed_by(read_note(bytes(note)), [signer.verifier]) == ()


GO_KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
"""The example of Go's package `sumdb/note`."""


def test_a_key_that_signs_is_read_as_go_writes_it() -> None:
    """Its public half is the one that Go names; what this room writes, it reads (TLOG-1)."""
    assert str(Signer.parse(f"{GO_KEY}\n").verifier) == GO_VERIFIER
    assert Signer.parse(private_text(LOG.name, bytes(range(32)))).verifier == LOG.verifier


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(GO_VERIFIER, id="the public half"),
        pytest.param(GO_KEY.replace("PRIVATE", "PUBLIC"), id="another word"),
        pytest.param(GO_KEY.replace("+AYEK", "+BIEK"), id="a key that does something else"),
        pytest.param(GO_KEY[:-4], id="cut short"),
        pytest.param(GO_KEY.replace("PeterNeumann", "Peter Neumann"), id="no name"),
        pytest.param(GO_KEY.replace("PeterNeumann", "Peter"), id="another name"),
        pytest.param(GO_KEY.replace("c74f20a3", "c74f20a4"), id="another id"),
    ],
)
def test_what_is_no_key_that_signs_is_refused_and_not_shown(text: str) -> None:
    """No message has the secret in it."""
    with pytest.raises(BadNote) as told:
        Signer.parse(text)
    assert "EKFALVFGyNhPJEMzD1QIDr" not in str(told.value)


def test_a_signature_under_a_known_key_that_is_not_its_own_refuses_the_note() -> None:
    """Though another known key has signed it."""
    text = "a\n"
    forged = LOG.sign("b\n")
    with pytest.raises(BadNote, match="was not made by its key"):
        signed_by(read_note(signed(text, [WITNESS.sign(text), forged])), [LOG.verifier, WITNESS.verifier])
    assert signed_by(read_note(signed(text, [WITNESS.sign(text), forged])), [WITNESS.verifier]) == (WITNESS.verifier,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 name c2ln\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAAA",
        b"text\n\n- name AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 na+me AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAB=\n",
        b"te\rxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        b"text\n\n" + b"\xe2\x80\x94 name AAAAAAAA\n" * 101,
        b"x" * 65_537,
    ],
)
def test_what_is_no_note_is_refused(content: bytes) -> None:
    """With what is wrong."""
    with pytest.raises(BadNote, match="TLOG-1"):
        read_note(content)


@pytest.mark.parametrize("text", ["", "a", "a\tb\n", "a\0\n"])
def test_what_no_note_can_say_is_not_signed(text: str) -> None:
    """A text without its last newline, or with another control character."""
    with pytest.raises(BadNote, match="TLOG-1"):
        LOG.sign(text)


OTHERS = "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


@pytest.mark.parametrize("text", ["", "name", "name+00000000+AQID", "na me+530d903a+x", f"a+530d903a+{OTHERS}"])
def test_what_is_no_key_is_refused(text: str) -> None:
    """And one of which the name or the key was changed."""
    with pytest.raises(BadNote):
        Verifier.parse(text)


@pytest.mark.parametrize("name", ["example.com/foo", "two words", "a+b", ""])
@pytest.mark.parametrize("kind", [1, 4, 0, 2, 255])
@pytest.mark.parametrize("size", [32, 31, 33, 0])
def test_a_key_has_a_name_a_kind_and_32_bytes(name: str, kind: int, size: int) -> None:
    """Each is looked at, even where the id is that of the rest (TLOG-1)."""
    raw = bytes([kind]) + bytes(size)
    id_ = sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
    text = f"{name}+{id_}+{b64encode(raw).decode()}"
    if name == "example.com/foo" and kind in {1, 4} and size == 32:
        assert str(Verifier.parse(text)) == text
    else:
        with pytest.raises(BadNote):
            Verifier.parse(text)


def test_the_key_that_others_publish_is_read() -> None:
    """That of the documentation of Go's `note`."""
    text = f"example.com/foo+530d903a+{OTHERS}"
    assert str(Verifier.parse(text)) == text
    assert Verifier.parse(text).kind is Kind.NOTE


@given(st.integers(0, 2**60), st.binary(min_size=32, max_size=32), st.lists(LINES.filter(bool), max_size=2))
def test_a_checkpoint_reads_as_it_was_written(size: int, root: bytes, more: list[str]) -> None:
    """Whatever the log, and whatever it says besides."""
    made = Checkpoint("example.com/log", size + 1, root, tuple(more))
    assert checkpoint_of(made.text) == made
    assert read_checkpoint(signed(made.text, [LOG.sign(made.text)]), LOG.verifier) == made


@pytest.mark.parametrize(
    "text",
    [
        "example.com/log\n3\n",
        "example.com/log\n03\nAAAA\n",
        "example.com/log\n3\nAAAA\n",
        "example.com/log\n-3\n" + b64encode(bytes(32)).decode() + "\n",
        "example.com/log\n0\n" + b64encode(bytes(32)).decode() + "\n",
        "\n3\n" + b64encode(bytes(32)).decode() + "\n",
        "example.com/log\n3\n" + b64encode(bytes(32)).decode() + "\n\n",
        "example.com/log\n3\n" + b64encode(bytes(33)).decode() + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Though the log has signed it."""
    with pytest.raises(BadNote, match="TLOG"):
        read_checkpoint(signed(text, [LOG.sign(text)]), LOG.verifier)


def test_a_checkpoint_counts_for_the_log_that_signed_it_and_no_other() -> None:
    """One that another has signed, or that the log has signed about another."""
    made = checkpoint_over(leaves_of(3))
    for text, signature in (
        (made.text, WITNESS.sign(made.text)),
        (other := made._replace(origin="other").text, LOG.sign(other)),
    ):
        with pytest.raises(BadNote, match="TLOG-2"):
            read_checkpoint(signed(text, [signature]), LOG.verifier)
