"""Signed notes: a text, and signatures over it that each name their key (TLOG-1, C2SP signed-note and tlog-cosignature).

example.com/log42                                           the text, each line of it ended by a newline
3
NmMuc+dCU6sX…
an empty line
— example.com/log42 Uw2QOr3tH6c…                            a signature: the key's name, then its id and the signature in base64
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, decode_base64
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.transparency
_DASH = "\N{EM DASH} "
_NAME = re.compile(r"[^\s+]+")
_LINE = re.compile(rf"{_DASH}([^\s+]+) ([A-Za-z0-9+/]+=*)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_ID_BYTES, _TIME_BYTES = 4, 8


class BadNote(ValueError):
    """What is no note, or none that a known key has signed: why."""


class Kind(IntEnum):
    """What a key signs: the text; or that it saw the text at a time, as witnesses do."""

    NOTE = 1
    COSIGNATURE = 4


class Signature(NamedTuple):
    """A signature of a note as it stands there: the name and the id of its key, and the bytes behind the id."""

    name: str
    key_id: bytes
    made: bytes

    def __str__(self) -> str:
        """Its line, without the newline."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.made).decode()}"


class Note(NamedTuple):
    """A text and the signatures that stand below it, whether anybody knows their keys or not."""

    text: str
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        """The note as it is stored."""
        return "".join((self.text, "\n", *(f"{signature}\n" for signature in self.signatures))).encode()


class Verifier(NamedTuple):
    """A key that checks signatures of notes, by its name.

    >>> key = Verifier.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    >>> key.name, key.kind.name, str(key).endswith("+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    ('example.com/foo', 'NOTE', True)
    """

    name: str
    kind: Kind
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """The key that a text gives, `NAME+ID+KEY`. Raises BadNote for one that is none, or whose id is not its own."""
        parts = text.strip().split("+", 2)
        raw = decode_base64(parts[2]) if len(parts) == 3 else None
        if raw is None or not _NAME.fullmatch(parts[0]) or len(raw) != 33 or raw[0] not in {*Kind}:
            raise BadNote(
                f"{text!r} is no key of a log or a witness; it is written NAME+ID+KEY, as example.com/log+530d903a+Aeky…"
            )
        key = cls(parts[0], Kind(raw[0]), raw[1:])
        if key.key_id.hex() != parts[1]:
            raise BadNote(f"{text!r}: the id of this key is {key.key_id.hex()}, so name or key were changed")
        return key

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @property
    def key_id(self) -> bytes:
        """The four bytes by which signatures name it."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]

    def accepts(self, text: str, signature: Signature) -> bool:
        """Whether the key made a signature that bears its name and id."""
        if self.kind is Kind.COSIGNATURE:
            if len(signature.made) < _TIME_BYTES:
                return False
            seconds, made = int.from_bytes(signature.made[:_TIME_BYTES], "big"), signature.made[_TIME_BYTES:]
            return Ed25519PublicKey(self.public).verifies(_witnessed(text, seconds), made)
        return Ed25519PublicKey(self.public).verifies(text.encode(), signature.made)


class Signer(NamedTuple):
    """A key that signs notes under a name."""

    name: str
    key: Ed25519PrivateKey

    @classmethod
    def parse(cls, text: str) -> "Signer":
        """The key that a text gives, `PRIVATE+KEY+NAME+ID+KEY`, as Go has it. Raises BadNote, which shows nothing of it."""
        private, key, name, id_, spelt, *_ = [*text.strip().split("+", 4), "", "", "", "", ""]
        raw = decode_base64(spelt)
        if (private, key) != ("PRIVATE", "KEY") or raw is None or len(raw) != 33 or raw[0] != Kind.NOTE:
            raise BadNote("this is no key that signs notes; it is written PRIVATE+KEY+NAME+ID+KEY")
        _require_name(name)
        found = cls(name, Ed25519PrivateKey(raw[1:]))
        if found.verifier.key_id.hex() != id_:
            raise BadNote(f"the id of the key of {name} is {found.verifier.key_id.hex()}, so name or key were changed")
        return found

    @property
    def verifier(self) -> Verifier:
        """The half that checks what `sign` makes."""
        return Verifier(self.name, Kind.NOTE, self.key.public())

    @property
    def witness(self) -> Verifier:
        """The half that checks what `cosign` makes."""
        return Verifier(self.name, Kind.COSIGNATURE, self.key.public())

    def sign(self, text: str) -> Signature:
        """A signature of a text. Raises BadNote for a text that no note can have."""
        _require_text(text)
        return Signature(self.name, self.verifier.key_id, self.key.sign(text.encode()))

    def cosign(self, text: str, seconds: int) -> Signature:
        """That a text was seen at a time, in seconds since 1970."""
        _require_text(text)
        stamp = seconds.to_bytes(_TIME_BYTES, "big")
        return Signature(self.name, self.witness.key_id, stamp + self.key.sign(_witnessed(text, seconds)))


def private_text(name: str, seed: bytes) -> str:
    """A key that signs notes, from its 32 bytes, as `Signer.parse` reads it. Raises BadNote for what is no name."""
    _require_name(name)
    signer = Signer(name, Ed25519PrivateKey(seed))
    return f"PRIVATE+KEY+{name}+{signer.verifier.key_id.hex()}+{b64encode(bytes([Kind.NOTE]) + seed).decode()}"


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadNote(f"{name!r} is no name of a key: it has no space and no +; write one as example.com/eu")


def read_note(content: bytes) -> Note:
    """A note and all its signatures, of which none is checked. Raises BadNote."""
    if len(content) > LIMITS.max_note_bytes:
        raise BadNote(f"TLOG-1: a note of more than {LIMITS.max_note_bytes} bytes")
    try:
        whole = content.decode()
    except UnicodeDecodeError:
        raise BadNote("TLOG-1: a note is in UTF-8") from None
    text, parted, below = whole.rpartition("\n\n")
    if not parted or not below.endswith("\n"):
        raise BadNote("TLOG-1: a note is a text, an empty line, and lines with signatures, each ended by a newline")
    _require_text(text + "\n")
    lines = below.removesuffix("\n").split("\n")
    if len(lines) > LIMITS.max_signatures:
        raise BadNote(f"TLOG-1: a note with more than {LIMITS.max_signatures} signatures")
    return Note(text + "\n", tuple(map(_signature, lines)))


def signed_by(note: Note, keys: Iterable[Verifier]) -> tuple[Verifier, ...]:
    """Those of the keys that have signed a note. Signatures by other keys say nothing.

    Raises BadNote if a signature bears name and id of one of these keys and is not its own.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[Verifier, None] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None or key in found:
            continue
        if not key.accepts(note.text, signature):
            raise BadNote(f"TLOG-1: the signature under the name {key.name} was not made by its key")
        found[key] = None
    return tuple(found)


def signed(text: str, signatures: Sequence[Signature]) -> bytes:
    """A note as it is stored. Raises BadNote for a text that no note can have."""
    _require_text(text)
    return bytes(Note(text, tuple(signatures)))


def _witnessed(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _require_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise BadNote("TLOG-1: the text of a note ends with a newline, and has no other control character")


def _signature(line: str) -> Signature:
    found = _LINE.fullmatch(line)
    raw = decode_base64(found[2]) if found else None
    if found is None or raw is None or len(raw) <= _ID_BYTES:
        raise BadNote(f"TLOG-1: {line[:80]!r} is no line of a signature")
    return Signature(found[1], raw[:_ID_BYTES], raw[_ID_BYTES:])
