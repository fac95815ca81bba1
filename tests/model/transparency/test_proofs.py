"""Proofs of a log from its tiles, and audits of all of it (TLOG-3 to TLOG-5); and what Go makes of the same."""

import json
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.model import transparency
from tests.support.model.transparency import LOG, asked, checkpoint_over, leaves_of, objects_over

from flk.model.programs.proofs import Audited, Proven, audit, prove_consistency, prove_inclusion
from flk.model.record.merkle import consistency_proof, inclusion_proof
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.notes import Verifier, read_note, signed_by
from flk.model.transparency.tiles import Tile, bundles_of, packed, tiles_of, unpacked

SIZES = st.integers(1, 900) | st.sampled_from([255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000])
GOS_KEY = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
"""That of the documentation of Go's `note`."""
GO = Path(transparency.__file__).with_name("tlog")


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@example(70_000, 0.5, 0.5)
@given(SIZES, st.floats(0, 1), st.floats(0, 1))
def test_proofs_from_tiles_are_those_of_the_leaves(size: int, where: float, when: float) -> None:
    """Of any leaf of a log of any size, and of any earlier size of it."""
    leaves = leaves_of(size)
    objects, now = objects_over(leaves), checkpoint_over(leaves)
    index, first = min(size - 1, int(where * size)), max(1, int(when * size))
    assert asked(prove_inclusion("", index, now), objects) == Proven(
        leaves[index], tuple(inclusion_proof(leaves, index))
    )
    before = checkpoint_over(leaves[:first])
    assert asked(prove_consistency("", before, now), objects) == tuple(consistency_proof(leaves, first))


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@example(0)
@example(66_000)
@given(SIZES)
def test_a_log_as_it_was_written_passes(size: int) -> None:
    """All of its objects are read, and no more."""
    leaves = leaves_of(size)
    objects = objects_over(leaves)
    assert asked(audit("", checkpoint_over(leaves)), objects) == Audited(size, len(objects) - 1)
    assert {tile.name for tile in (*tiles_of(size), *bundles_of(size))} == objects.keys() - {"checkpoint"}


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 700), st.data())
def test_every_byte_that_is_another_is_noticed(size: int, data: st.DataObject) -> None:
    """Of any object that the checkpoint stands for; and an object that is gone, or cut short."""
    leaves = leaves_of(size)
    objects, now = objects_over(leaves), checkpoint_over(leaves)
    name = data.draw(st.sampled_from(sorted(objects.keys() - {"checkpoint"})))
    content = bytearray(objects[name])
    spoil = data.draw(st.sampled_from(["flip", "cut", "gone"]))
    if spoil == "gone":
        del objects[name]
    elif spoil == "cut":
        objects[name] = bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        objects[name] = bytes(content)
    with pytest.raises(BadLog, match="TLOG-3"):
        asked(audit("", now), objects)


@given(st.integers(2, 600), st.data())
@settings(deadline=None, max_examples=40)
def test_tiles_of_another_log_prove_nothing(size: int, data: st.DataObject) -> None:
    """Whoever stores the tiles cannot show a leaf that the log does not have, nor that a fork grew from what was signed."""
    leaves = leaves_of(size)
    fork = [*leaves]
    changed = data.draw(st.integers(0, size - 1))
    fork[changed] = b"another"
    objects, now = objects_over(fork), checkpoint_over(leaves)
    with pytest.raises(BadLog, match="TLOG-4"):
        asked(prove_inclusion("", changed, now), objects)
    first = data.draw(st.integers(changed + 1, size))
    with pytest.raises(BadLog, match="TLOG-5"):
        asked(prove_consistency("", checkpoint_over(leaves[:first]), checkpoint_over(fork)), objects)


def test_a_log_that_shrank_is_refused_and_one_that_stands_still_is_not() -> None:
    """Whatever its tiles say."""
    leaves = leaves_of(9)
    objects = objects_over(leaves)
    with pytest.raises(BadLog, match="TLOG-5"):
        asked(prove_consistency("", checkpoint_over(leaves), checkpoint_over(leaves[:8])), objects)
    assert asked(prove_consistency("", checkpoint_over(leaves), checkpoint_over(leaves)), objects) == ()
    assert asked(prove_consistency("", checkpoint_over([]), checkpoint_over(leaves)), objects) == ()


def test_there_is_no_proof_of_a_leaf_that_is_not_there() -> None:
    """Neither before the first nor behind the last."""
    for index in (-1, 3):
        with pytest.raises(IndexError, match="TLOG-4"):
            asked(prove_inclusion("", index, checkpoint_over(leaves_of(3))), {})


def test_a_tile_that_has_grown_since_stands_for_what_it_was() -> None:
    """Whoever keeps a log may remove partial tiles once there are whole ones."""
    leaves = leaves_of(300)
    objects = {name: content for name, content in objects_over(leaves).items() if ".p/" not in name}
    assert asked(audit("", checkpoint_over(leaves[:200])), objects) == Audited(200, 2)


def test_leaves_are_packed_one_behind_the_other() -> None:
    """A leaf that is too long is refused; what is cut off is none."""
    leaves = [b"", b"a" * 65_535, b"b"]
    assert unpacked(packed(leaves)) == leaves
    assert unpacked(packed(leaves)[:-2]) is None
    with pytest.raises(ValueError, match="TLOG-3"):
        packed([b"a" * 65_536])
    assert Tile(-1, 1_234_067, 9).name == "tile/entries/x001/x234/067.p/9"


@pytest.mark.slow
def test_go_reads_our_tiles_and_accepts_our_proofs_and_notes(tmp_path: Path) -> None:
    """`golang.org/x/mod/sumdb`: its proofs from our tiles are ours, ours pass its checks, and each opens the other's notes."""
    questions, expected = [], []
    for size, index, first in (
        (1, 0, 1),
        (2, 1, 1),
        (256, 17, 255),
        (257, 256, 256),
        (700, 300, 511),
        (70_000, 65_536, 300),
    ):
        leaves = leaves_of(size)
        now = checkpoint_over(leaves)
        for name, content in objects_over(leaves).items():
            path = tmp_path / f"{size}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        proof, growth = inclusion_proof(leaves, index), consistency_proof(leaves, first)
        questions.append(
            {
                "Dir": str(tmp_path / f"{size}"),
                "Size": size,
                "Index": index,
                "First": first,
                "Root": told(now.root),
                "Leaf": told(leaves[index]),
                "FirstRoot": told(checkpoint_over(leaves[:first]).root),
                "Proof": [told(one) for one in proof],
                "Growth": [told(one) for one in growth],
            }
        )
        expected.append((proof, growth))
    note = objects_over(leaves_of(5))["checkpoint"].decode()
    secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    asks: dict[str, object] = {"Key": str(LOG.verifier), "Note": note, "Secret": secret, "Text": "of Go\n"}
    *answers, of_note = go([*questions, asks])
    for answer, (proof, growth) in zip(answers, expected, strict=True):
        assert not answer["Error"]
        assert [b64decode(one) for one in answer["Proof"] or []] == proof
        assert [b64decode(one) for one in answer["Growth"] or []] == growth
    assert of_note["Text"] == checkpoint_over(leaves_of(5)).text, of_note["Error"]
    assert signed_by(read_note(of_note["Note"].encode()), [GOS_KEY]) == (GOS_KEY,)


def go(questions: list[dict[str, object]]) -> list[Any]:
    """What Go answers."""
    lines = "".join(f"{json.dumps(question)}\n" for question in questions)
    ran = subprocess.run(["go", "run", "."], cwd=GO, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def told(raw: bytes) -> str:
    """Bytes, as Go's JSON has them."""
    return b64encode(raw).decode()
