"""The books of an audit log across kills: what is missing, doubled or forked is told."""

import json
from pathlib import Path

import pytest
from tests.support.model.transparency import objects_over

from flk.impl.bench import audit_books
from flk.impl.bench.audit_books import SIGNER, Auditor
from flk.model.record.merkle import merkle_root
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.notes import signed


def published(directory: Path, leaves: list[bytes]) -> None:
    """A log of these leaves, signed with the key of the benchmark."""
    text = Checkpoint(SIGNER.name, len(leaves), merkle_root(leaves)).text
    for name, content in (objects_over(leaves) | {"checkpoint": signed(text, [SIGNER.sign(text)])}).items():
        path = directory / "objects/audit/eu" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def said(*ids: str) -> list[bytes]:
    """A leaf of an outcome for each id."""
    return [json.dumps({"kind": "outcome", "pcs_id": each}).encode() for each in ids]


def test_books_tell_what_is_missing_doubled_or_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that grew and has each id once holds; one without an id, with one twice, or with another history does not."""
    monkeypatch.setattr(audit_books, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(audit_books, "OFTEN", 0.01)
    auditor = Auditor(tmp_path)
    auditor.look()
    published(tmp_path, said("a"))
    auditor.look()
    published(tmp_path, said("a", "b", "c"))
    books = auditor.close({"a", "b", "c"})
    assert (books.leaves, books.checkpoints, books.holds) == (3, 2, True)
    assert auditor.close({"a", "d"}).missing == 1
    published(tmp_path, said("a", "b", "c", "a"))
    assert auditor.close({"a"}).doubled == 1
    published(tmp_path, said("z", "b", "c", "a", "e"))
    assert "TLOG-5" in auditor.close({"a"}).wrong
