"""The evidence pack: a report, all that it was made of, and a signature over the whole (EVD-3).

manifest                 a signed note: what the pack is, and the SHA-256 of every other file
report.json, report.html
source/…                 tests, claims, runs and scrapes as they were read
log/checkpoint           the checkpoint of the audit log, a signed note of its own
log/since                the earlier checkpoint, if one was given
log/proofs.json          the consistency proof between both, and each leaf that is cited with its inclusion proof
"""

import re
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from flk.model.compliance.archive import BadPack, archived, unarchived
from flk.model.compliance.report import Report
from flk.model.record.merkle import verify_consistency, verify_inclusion_of
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.erased import hash_of
from flk.model.transparency.notes import BadNote, Signer, Verifier, read_note, signed, signed_by

MANIFEST, REPORT, PAGE = "manifest", "report.json", "report.html"
CHECKPOINT, SINCE, PROOFS = "log/checkpoint", "log/since", "log/proofs.json"
HEAD = "flk evidence pack v1"
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


class CitedLeaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A leaf, its number, and the hashes beside its way to the root, as `flk audit prove --json` has them."""

    index: int
    leaf: str
    proof: tuple[str, ...]


class Proofs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shows that leaves are under the root of a checkpoint, and that it grew from an earlier one."""

    consistency: tuple[str, ...] = ()
    leaves: tuple[CitedLeaf, ...] = ()


def packed(files: Mapping[str, bytes], signer: Signer) -> bytes:
    """The pack of these files, with a manifest that is signed. Raises BadNote if they are too many for one."""
    lines = [f"{sha256(files[name]).hexdigest()}  {name}" for name in sorted(files)]
    text = "\n".join((HEAD, *lines, ""))
    note = signed(text, [signer.sign(text)])
    read_note(note)  # as large as whoever checks it takes it
    return archived({**files, MANIFEST: note})


def unpacked(content: bytes, key: Verifier) -> dict[str, bytes]:
    """The files of a pack, without the manifest, each as `key` has signed it. Raises BadPack."""
    files = unarchived(content)
    manifest = files.pop(MANIFEST, None)
    if manifest is None:
        raise BadPack("EVD-3: the pack has no manifest")
    try:
        note = read_note(manifest)
        known = signed_by(note, (key,))
    except BadNote as bad:
        raise BadPack(f"EVD-3: the manifest is not as it was signed: {bad}") from None
    if not known or len(note.signatures) != 1:
        raise BadPack(f"EVD-3: {key.name} has not signed this pack; ask whoever made it for the key")
    _require_listed(note.text, files)
    return files


def _require_listed(text: str, files: Mapping[str, bytes]) -> None:
    head, *lines = text.removesuffix("\n").split("\n")
    listed = {found[2]: found[1] for line in lines if (found := _LINE.fullmatch(line))}
    if head != HEAD or len(listed) != len(lines):
        raise BadPack(f"EVD-3: what is signed is no manifest of a pack: it does not begin with {HEAD!r}")
    if listed.keys() != files.keys():
        odd = ", ".join(sorted(listed.keys() ^ files.keys()))
        raise BadPack(f"EVD-3: the pack does not have the files of its manifest: {odd}")
    for name, content in files.items():
        if sha256(content).hexdigest() != listed[name]:
            raise BadPack(f"EVD-3: {name} is not what was signed")


def require_proofs(files: Mapping[str, bytes], report: Report, key: Verifier) -> int:
    """Return how many leaves are shown to be in the log of a pack, which `key` signs: those that the report cites. Raises BadPack
    unless the checkpoint is the one of the report, and each proof comes to its root.
    """
    seen = report.log
    if seen is None:
        raise BadPack("EVD-3: the pack has proofs, and its report speaks of no log")
    try:
        checkpoint = read_checkpoint(files[CHECKPOINT], key)
        earlier = read_checkpoint(files[SINCE], key) if SINCE in files else None
        proofs = msgspec.json.decode(files[PROOFS], type=Proofs)
        cited = {each.index: each for each in proofs.leaves}
        _require_same(report, checkpoint, earlier)
        if earlier is not None and not _grown(earlier, checkpoint, proofs):
            raise BadPack("EVD-3: the earlier checkpoint is not how the log of the pack began")
        if tuple(cited) != report.cited or len(cited) < len(proofs.leaves):
            raise BadPack("EVD-3: the leaves of the pack are not those that the report cites")
        for each in cited.values():
            path = tuple(map(bytes.fromhex, each.proof))
            if not verify_inclusion_of(hash_of(each.leaf.encode()), each.index, checkpoint.size, path, checkpoint.root):
                raise BadPack(f"EVD-3: leaf {each.index} is not under the root that the log has signed")
    except (BadNote, KeyError, ValueError, msgspec.DecodeError) as bad:
        raise BadPack(f"EVD-3: the proofs of the pack show nothing: {bad}") from None
    return len(cited)


def _require_same(report: Report, checkpoint: Checkpoint, earlier: Checkpoint | None) -> None:
    seen = report.log
    assert seen is not None
    since = None if earlier is None else earlier.size
    said = (seen.origin, seen.size, seen.root, seen.since)
    if said != (checkpoint.origin, checkpoint.size, checkpoint.root.hex(), since):
        raise BadPack("EVD-3: the report is of another checkpoint than that of the pack")


def _grown(earlier: Checkpoint, checkpoint: Checkpoint, proofs: Proofs) -> bool:
    if earlier.size in {0, checkpoint.size}:
        return not earlier.size or earlier.root == checkpoint.root
    path = tuple(map(bytes.fromhex, proofs.consistency))
    return verify_consistency(earlier.size, checkpoint.size, earlier.root, checkpoint.root, path)
