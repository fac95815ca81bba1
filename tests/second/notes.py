"""Signed notes, checkpoints and tiles from the texts of TLOG-1 to TLOG-3 and of C2SP."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from . import ed25519, merkle
from .texts import CONSTANTS, Broken

LIMITS = CONSTANTS["transparency"]
TILE = 256


class Key(NamedTuple):
    """A key that checks signatures: its name, the byte of its kind, and 32 bytes."""

    name: str
    kind: int
    public: bytes

    def id(self) -> bytes:
        """Four bytes that name it."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]


def key_of(text: str) -> Key:
    """A key as it is written: NAME+ID+KEY."""
    name, _, raw = text.split("+", 2)
    return Key(name, b64decode(raw)[0], b64decode(raw)[1:])


def signature(name: str, seed: bytes, text: str, seconds: int | None) -> str:
    """The line under a note (TLOG-1)."""
    require_text(text)
    public = ed25519.public_key(seed)
    if seconds is None:
        made = Key(name, 1, public).id() + ed25519.sign(seed, text.encode())
    else:
        time = seconds.to_bytes(8, "big")
        made = Key(name, 4, public).id() + time + ed25519.sign(seed, seen(text, time))
    return f"\u2014 {name} {b64encode(made).decode()}"


def seen(text: str, time: bytes) -> bytes:
    """What a witness signs."""
    return f"cosignature/v1\ntime {int.from_bytes(time, 'big')}\n{text}".encode()


def checkpoint(note: bytes, log: Key, witnesses: Sequence[Key]) -> dict[str, object]:
    """Size, root and the names of the witnesses who cosigned (TLOG-1, TLOG-2)."""
    text, lines = parted(note)
    valid: set[Key] = set()
    for name, raw in map(parsed, lines):
        for key in {log, *witnesses}:
            if (key.name, key.id()) == (name, raw[:4]) and key not in valid:
                if not made_by(key, text, raw[4:]):
                    raise Broken("TLOG-1")
                valid.add(key)
    if log not in valid:
        raise Broken("TLOG-2")
    size, root = tree(text, log.name)
    return {
        "size": size,
        "root": root.hex(),
        "witnesses": [key.name for key in witnesses if key in valid and key.kind == 4],
    }


def parted(note: bytes) -> tuple[str, list[str]]:
    """The text of a note, and the lines of its signatures."""
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise Broken("TLOG-1") from None
    place = whole.rfind("\n\n")
    if place < 0 or not whole.endswith("\n") or len(note) > LIMITS["max_note_bytes"]:
        raise Broken("TLOG-1")
    text, lines = whole[: place + 1], whole[place + 2 :].split("\n")[:-1]
    require_text(text)
    if not 0 < len(lines) <= LIMITS["max_signatures"]:
        raise Broken("TLOG-1")
    return text, lines


def require_text(text: str) -> None:
    """A text ends with a newline and has no other control character below the space."""
    if not text.endswith("\n") or any(ord(each) < 32 and each != "\n" for each in text):
        raise Broken("TLOG-1")


def parsed(line: str) -> tuple[str, bytes]:
    """The name and the bytes of a signature's line."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014" or not parts[1] or "+" in parts[1]:
        raise Broken("TLOG-1")
    if any(each.isspace() for each in parts[1]):
        raise Broken("TLOG-1")
    raw = strict(parts[2])
    if raw is None or len(raw) < 5:
        raise Broken("TLOG-1")
    return parts[1], raw


def strict(text: str) -> bytes | None:
    """The bytes of which a text is the one base64."""
    try:
        raw = b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return None
    return raw if b64encode(raw).decode() == text else None


def made_by(key: Key, text: str, made: bytes) -> bool:
    """Whether a key made a signature that bears its name and id."""
    if key.kind == 1:
        return ed25519.verify(key.public, text.encode(), made)
    return len(made) == 72 and ed25519.verify(key.public, seen(text, made[:8]), made[8:])


def tree(text: str, name: str) -> tuple[int, bytes]:
    """What a checkpoint says of its log: size and root (TLOG-2)."""
    lines = text[:-1].split("\n")
    if len(lines) < 3 or "" in lines or lines[0] != name:
        raise Broken("TLOG-2")
    digits, root = lines[1], strict(lines[2])
    if not (digits.isascii() and digits.isdigit()) or str(int(digits)) != digits or len(digits) > 19:
        raise Broken("TLOG-2")
    if root is None or len(root) != 32 or (digits == "0" and root != sha256(b"").digest()):
        raise Broken("TLOG-2")
    return int(digits), root


def tiles(count: int) -> dict[str, object]:
    """The root and the SHA-256 of all objects of a log whose leaves are 0, 1, 2, … (TLOG-3)."""
    leaves = [b"%d" % number for number in range(count)]
    objects = {}
    for start in range(0, count, TILE):
        bundle = leaves[start : start + TILE]
        content = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in bundle)
        objects[named("entries", start // TILE, len(bundle))] = sha256(content).hexdigest()
    level, hashes = 0, [merkle.leaf_hash(leaf) for leaf in leaves]
    while hashes:
        for start in range(0, len(hashes), TILE):
            part = hashes[start : start + TILE]
            objects[named(str(level), start // TILE, len(part))] = sha256(b"".join(part)).hexdigest()
        full = range(0, len(hashes) - TILE + 1, TILE)
        level, hashes = level + 1, [over(hashes[start : start + TILE]) for start in full]
    return {"root": merkle.root(leaves).hex(), "objects": objects}


def over(hashes: Sequence[bytes]) -> bytes:
    """The node above hashes, a power of two of them."""
    if len(hashes) == 1:
        return hashes[0]
    half = len(hashes) // 2
    return merkle.node_hash(over(hashes[:half]), over(hashes[half:]))


def named(level: str, number: int, width: int) -> str:
    """The name of a tile: its number in groups of three digits, all but the last behind an x."""
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < TILE else "")
