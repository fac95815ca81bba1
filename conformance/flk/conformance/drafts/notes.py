"""Drafts of `note_signature`, `checkpoint` and `tiles`: what logs sign and store, and what must not pass for it (TLOG-*)."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

from flk.conformance.drafts.draft import Draft
from flk.conformance.operations.notes import CheckpointInput, NoteInput, TilesInput
from flk.model.record.merkle import EMPTY_ROOT
from flk.model.record.signing import Ed25519PrivateKey
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.notes import Signature, Signer, signed

NOTE, TREE, TILES = (f"TLOG-{number}" for number in range(1, 4))
TLOG = "tlog"
LOG = Signer("example.com/log", Ed25519PrivateKey(bytes(range(32))))
OTHER = Signer("example.com/other", Ed25519PrivateKey(bytes(range(32, 64))))
NAMESAKE = Signer(LOG.name, OTHER.key)
WITNESS = Signer("witness.example", Ed25519PrivateKey(b"w" * 32))
SECONDS = 1_737_288_000
ROOT = sha256(b"a tree").digest()
TREE_OF_9 = Checkpoint(LOG.name, 9, ROOT)


def note_signature() -> Iterator[Draft]:
    """Signatures and cosignatures of several texts, and texts that no note can have."""
    texts = {
        "checkpoint": TREE_OF_9.text,
        "one-newline": "\n",
        "empty-lines": "a\n\n\nb\n",
        "no-ascii": "Größe \N{SNOWMAN} \N{MUSICAL SYMBOL G CLEF}\n",
        "dash": "\N{EM DASH} example.com/log AAAAAAA=\n",
    }
    for slug, text in texts.items():
        asked = NoteInput(LOG.name, bytes(range(32)), text)
        yield Draft(f"signed/{slug}", "the id is of name, kind and key", asked, (NOTE,), (TLOG,))
    for slug, seconds in {"ordinary": SECONDS, "zero": 0, "far": 2**33}.items():
        asked = NoteInput(WITNESS.name, b"w" * 32, TREE_OF_9.text, seconds)
        yield Draft(f"cosigned/{slug}", "kind 4: the time, and the text behind it", asked, (NOTE,), (TLOG,))
    for slug, text in {"no-newline": "a", "empty": "", "tab": "a\tb\n", "return": "a\r\n", "zero": "a\0\n"}.items():
        asked = NoteInput(LOG.name, bytes(range(32)), text)
        comment = "a text ends with a newline, and has no other control character"
        yield Draft(f"no-text/{slug}", comment, asked, (NOTE,), (TLOG,), (NOTE, None))


def checkpoint() -> Iterator[Draft]:
    """Checkpoints that count, with and without witnesses, and those that do not."""
    for slug, (comment, tree) in _trees().items():
        asked = CheckpointInput(_note(tree.text), str(LOG.verifier))
        yield Draft(f"tree/{slug}", comment, asked, (TREE,), (TLOG,))
    for slug, (comment, note, witnesses) in _signatures().items():
        asked = CheckpointInput(note, str(LOG.verifier), witnesses)
        yield Draft(f"signed/{slug}", comment, asked, (NOTE,), (TLOG,))
    for slug, (comment, note) in _no_notes().items():
        asked = CheckpointInput(note, str(LOG.verifier), (str(WITNESS.witness),))
        yield Draft(f"no-note/{slug}", comment, asked, (NOTE,), (TLOG, "tampered"), (NOTE, None))
    for slug, (comment, note) in _no_checkpoints().items():
        asked = CheckpointInput(note, str(LOG.verifier))
        yield Draft(f"no-checkpoint/{slug}", comment, asked, (TREE,), (TLOG, "forgery"), (TREE, None))


def tiles() -> Iterator[Draft]:
    """Logs around full tiles, with partial tiles on one level and on several."""
    for leaves in (0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 1000, 65_536, 66_049):
        comment = "a partial tile has its width in its name, and only full ones have a hash above"
        yield Draft(f"{leaves:05}-leaves", comment, TilesInput(leaves), (TILES,), (TLOG,))


def _trees() -> dict[str, tuple[str, Checkpoint]]:
    return {
        "nine": ("name, size, root", TREE_OF_9),
        "empty": ("a log without leaves has the root of the empty tree", Checkpoint(LOG.name, 0, EMPTY_ROOT)),
        "large": ("sizes are not floating-point numbers", Checkpoint(LOG.name, 2**53 + 1, ROOT)),
        "more-lines": ("more lines say something else", Checkpoint(LOG.name, 9, ROOT, ("more", "and more"))),
    }


def _signatures() -> dict[str, tuple[str, bytes, tuple[str, ...]]]:
    text = TREE_OF_9.text
    own, cosigned = LOG.sign(text), WITNESS.cosign(text, SECONDS)
    both = (str(WITNESS.witness),)
    foreign = Signature("stranger.example", b"\0\1\2\3", bytes(64))
    return {
        "cosigned": ("who cosigned is told", signed(text, (own, cosigned)), both),
        "not-cosigned": ("and who did not is not", signed(text, (own,)), both),
        "any-order": ("signatures stand in any order", signed(text, (cosigned, own)), both),
        "by-a-stranger": ("a signature of an unknown key says nothing", signed(text, (foreign, own)), ()),
        "by-a-namesake": (
            "another key under the same name is an unknown one",
            signed(text, (NAMESAKE.sign(text), own)),
            (),
        ),
        "witness-signed": (
            "a witness that signs as logs do has cosigned nothing",
            signed(text, (own, WITNESS.sign(text))),
            (str(WITNESS.witness), str(WITNESS.verifier)),
        ),
        "twice": ("of two signatures by one key the first counts", signed(text, (own, own)), ()),
        "sixteen": ("a note may have many", signed(text, [foreign] * 15 + [own]), ()),
    }


def _no_notes() -> dict[str, tuple[str, bytes]]:
    text = TREE_OF_9.text
    own, cosigned = LOG.sign(text), WITNESS.cosign(text, SECONDS)
    note = signed(text, (own,))
    line = str(own)
    later = Signature(cosigned.name, cosigned.key_id, (SECONDS + 1).to_bytes(8, "big") + cosigned.made[8:])
    short = Signature(cosigned.name, cosigned.key_id, cosigned.made[:7])
    spoilt = Signature(own.name, own.key_id, bytes([own.made[0] ^ 1]) + own.made[1:])
    return {
        "nothing": ("no bytes", b""),
        "no-empty-line": ("text and signatures are parted by an empty line", f"{text}{line}\n".encode()),
        "no-signature": ("an empty line, and nothing below", f"{text}\n".encode()),
        "no-last-newline": ("each line ends with a newline", note[:-1]),
        "hyphen": ("a signature begins with an em dash", note.replace("\N{EM DASH}".encode(), b"-")),
        "two-spaces": ("one space", note.replace(b" ", b"  ")),
        "unpadded": ("base64 in the one way that counts", f"{text}\n{line.rstrip('=')}\n".encode()),
        "url-alphabet": ("the standard alphabet", f"{text}\n{line[:-3]}_-=\n".encode()),
        "no-utf-8": ("a note is in UTF-8", b"\xff" + note),
        "carriage-return": ("no other control character", note.replace(b"\n9\n", b"\r\n9\n")),
        "changed-size": ("the signature is not of this text", note.replace(b"\n9\n", b"\n8\n")),
        "changed-signature": ("a known key did not make it", signed(text, (spoilt,))),
        "changed-then-right": ("the first under a known key counts", signed(text, (spoilt, own))),
        "another-time": ("the time of a cosignature is signed, too", signed(text, (own, later))),
        "no-time": ("a cosignature has a time", signed(text, (own, short))),
    }


def _no_checkpoints() -> dict[str, tuple[str, bytes]]:
    name, root = LOG.name, b64encode(ROOT).decode()
    other = Checkpoint(OTHER.name, 9, ROOT)
    return {
        "another-logs": ("another log signed it", signed(other.text, (OTHER.sign(other.text),))),
        "of-another-log": ("a key speaks for the log of its own name", _note(other.text)),
        "by-a-namesake": ("the same name, and another key", signed(TREE_OF_9.text, (NAMESAKE.sign(TREE_OF_9.text),))),
        "cosigned-only": (
            "a cosignature is none of the log",
            signed(TREE_OF_9.text, (WITNESS.cosign(TREE_OF_9.text, 1),)),
        ),
        "two-lines": ("name, size and root", _note(f"{name}\n9\n")),
        "leading-zero": ("a size in the one way that counts", _note(f"{name}\n09\n{root}\n")),
        "negative": ("a size is none", _note(f"{name}\n-9\n{root}\n")),
        "no-number": ("a size in decimal", _note(f"{name}\nnine\n{root}\n")),
        "hexadecimal-root": ("a root in base64", _note(f"{name}\n9\n{ROOT.hex()}\n")),
        "short-root": ("a root of 32 bytes", _note(f"{name}\n9\n{b64encode(ROOT[:31]).decode()}\n")),
        "unpadded-root": ("base64 in the one way that counts", _note(f"{name}\n9\n{root.rstrip('=')}\n")),
        "empty-line": ("no line is empty", _note(f"{name}\n9\n{root}\n\nmore\n")),
        "root-of-nothing": ("no leaves, and a root of some", _note(f"{name}\n0\n{root}\n")),
    }


def _note(text: str) -> bytes:
    return signed(text, (LOG.sign(text),))
