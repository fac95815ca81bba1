"""Checkpoints: what a log says it is (TLOG-2, C2SP tlog-checkpoint)."""

import re
from base64 import b64encode
from typing import NamedTuple

from flk.model.record.merkle import EMPTY_ROOT
from flk.model.record.signing import decode_base64
from flk.model.transparency.notes import BadNote, Verifier, read_note, signed_by

_ROOT_BYTES = 32
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class BadLog(Exception):
    """A log that is not what it signed: which object, and what is wrong with it."""


class Foreign(BadNote):
    """A note that the key of this log has not signed: whose it says it is, and which key to give."""


class Checkpoint(NamedTuple):
    """The tree of a log: its name, how many leaves it has, and its root. `more` are lines that say something else.

    >>> print(Checkpoint("example.com/log42", 0, EMPTY_ROOT).text, end="")
    example.com/log42
    0
    47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
    """

    origin: str
    size: int
    root: bytes
    more: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, b64encode(self.root).decode(), *self.more))


def read_checkpoint(content: bytes, key: Verifier) -> Checkpoint:
    """The checkpoint in a note that a log has signed. Raises Foreign for another log's, BadNote for what is none."""
    note = read_note(content)
    if key not in signed_by(note, (key,)):
        origin = note.text.partition("\n")[0]
        raise Foreign(
            f"TLOG-2: {key.name} has not signed this checkpoint; it says it is of {origin}: give that log's key"
        )
    found = checkpoint_of(note.text)
    if found.origin != key.name:
        raise Foreign(
            f"TLOG-2: a checkpoint of {found.origin!r}, and the key is that of {key.name}; give that log's key"
        )
    return found


def checkpoint_of(text: str) -> Checkpoint:
    """What the text of a note says of a log. Raises BadNote."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise BadNote(
            "TLOG-2: a checkpoint is the name of a log, a size in decimal, a root in base64, and no empty line"
        )
    origin, size, root, *more = lines
    raw = decode_base64(root)
    if raw is None or len(raw) != _ROOT_BYTES:
        raise BadNote("TLOG-2: the root of a checkpoint is 32 bytes in base64")
    if size == "0" and raw != EMPTY_ROOT:
        raise BadNote("TLOG-2: a log without leaves has the root of the empty tree")
    return Checkpoint(origin, int(size), raw, tuple(more))
