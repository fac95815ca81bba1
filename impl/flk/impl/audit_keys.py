"""The keys of audit logs and of witnesses, as commands and nodes are given them: in a file, or as text."""

from pathlib import Path

from flk.impl.storage.trouble import usable
from flk.model.transparency.notes import BadNote, Kind, Signer, Verifier
from flk.spec.errors import UnusableInput

_KINDS = {
    Kind.NOTE: ("a log", "the key that the log signs its checkpoints with"),
    Kind.COSIGNATURE: ("a witness", "the key that a witness cosigns with"),
}
"""Whose keys of each kind are, and which is meant."""


def read_verifier(option: str, text: str, kind: Kind) -> Verifier:
    """The key of a kind that an option gives. Raises UnusableInput, naming the option."""
    try:
        found = Verifier.parse(text)
    except BadNote as bad:
        raise UnusableInput(f"{option}: {bad}") from None
    if found.kind is not kind:
        raise UnusableInput(f"{option}: {found.name} is the key of {_KINDS[found.kind][0]}; give {_KINDS[kind][1]}")
    return found


def read_signer(path: Path) -> Signer:
    """The key in a file, which signs checkpoints. Raises UnusableInput."""
    with usable(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return Signer.parse(text)
    except BadNote as bad:
        raise UnusableInput(f"{path}: {bad}; `flk audit key NAME` makes one") from None
