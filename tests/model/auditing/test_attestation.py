"""Attestations show what they are for, to tools that are not ours, and nothing else (AUD-9)."""

import base64
import json
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.siem import audit_leaves
from tests.support.model.transparency import LOG, WITNESS, checkpoint_over, objects_over

from flk.model.auditing.attestation import (
    PAYLOAD_TYPE,
    BadAttestation,
    Envelope,
    Signed,
    Statement,
    attest,
    pre_authenticated,
    verify,
)
from flk.model.record.merkle import inclusion_proof
from flk.model.transparency.notes import BadNote, Signer

LEAVES = audit_leaves(21)
NOTE = objects_over(LEAVES)["checkpoint"]
OTHER = Signer("example.com/other", WITNESS.key)


def attested(index: int, by: Signer = WITNESS) -> bytes:
    """The attestation of a leaf."""
    proof = tuple(inclusion_proof(LEAVES, index))
    return attest(checkpoint_over(LEAVES), NOTE, index, LEAVES[index], proof, by)


def spoilt(**changes: object) -> bytes:
    """The attestation of leaf 3, of which the worker has signed something else."""
    statement = msgspec.json.decode(base64.b64decode(json.loads(attested(3))["payload"]), type=Statement)
    predicate = msgspec.structs.replace(
        statement.predicate, **{name: value for name, value in changes.items() if hasattr(statement.predicate, name)}
    )
    rest = {name: value for name, value in changes.items() if not hasattr(statement.predicate, name)}
    payload = msgspec.json.encode(msgspec.structs.replace(statement, predicate=predicate, **rest))
    signature = base64.b64encode(WITNESS.key.sign(pre_authenticated(PAYLOAD_TYPE, payload))).decode()
    return msgspec.json.encode(Envelope(base64.b64encode(payload).decode(), PAYLOAD_TYPE, (Signed("", signature),)))


@given(st.integers(0, len(LEAVES) - 1))
def test_it_shows_the_leaf_and_who_says_so(index: int) -> None:
    """By the two keys alone."""
    shown = verify(attested(index), LOG.verifier, WITNESS.verifier)
    assert (shown.log, shown.index, shown.size, shown.leaf, shown.by) == (
        LOG.name,
        index,
        len(LEAVES),
        LEAVES[index],
        WITNESS.name,
    )


@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    """What is signed has changed, or is the same."""
    content = attested(3)
    place = data.draw(st.integers(0, len(content) - 1))
    changed = content[:place] + bytes([data.draw(st.integers(0, 255))]) + content[place + 1 :]
    try:
        shown = verify(changed, LOG.verifier, WITNESS.verifier)
    except (BadAttestation, BadNote):
        return
    assert shown == verify(content, LOG.verifier, WITNESS.verifier)


@pytest.mark.parametrize(
    "changes",
    [
        {"leaf": b"another"},
        {"index": 4},
        {"index": -1},
        {"index": len(LEAVES)},
        {"proof": ()},
        {"log": "example.com/else"},
        {"checkpoint": "no note"},
        {"subject": ()},
        {"predicate_type": "urn:another"},
        {"type_": "https://in-toto.io/Statement/v0.1"},
    ],
)
def test_a_worker_cannot_attest_what_the_log_has_not_signed(changes: dict[str, object]) -> None:
    """Its own signature is right, and the proof, the note or the subject is not."""
    assert verify(spoilt(), LOG.verifier, WITNESS.verifier).index == 3
    with pytest.raises((BadAttestation, BadNote)):
        verify(spoilt(**changes), LOG.verifier, WITNESS.verifier)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"payload":"!","payloadType":"a","signatures":[]}', b"\xff"])
def test_what_is_none_is_refused(content: bytes) -> None:
    """With what is wrong."""
    with pytest.raises(BadAttestation, match="AUD-9"):
        verify(content, LOG.verifier, WITNESS.verifier)


def test_other_keys_show_nothing() -> None:
    """Of the worker, of the log, and one that is for cosignatures."""
    for log, by in ((LOG.verifier, LOG.verifier), (OTHER.verifier, WITNESS.verifier), (LOG.verifier, WITNESS.witness)):
        with pytest.raises((BadAttestation, BadNote), match=r"has not signed .*; .*give .* key"):
            verify(attested(3), log, by)


def test_openssl_accepts_its_signature(tmp_path: Path) -> None:
    """Ed25519 over the pre-authenticated encoding, as any tool for DSSE has it: the key is that of `keyid`."""
    envelope = json.loads(attested(5))
    payload = base64.b64decode(envelope["payload"])
    (signed,) = envelope["signatures"]
    raw = base64.b64decode(signed["keyid"].split("+", 2)[2])[1:]
    spki = bytes.fromhex("302a300506032b6570032100") + raw
    (tmp_path / "key.der").write_bytes(spki)
    (tmp_path / "signed").write_bytes(b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload))
    (tmp_path / "signature").write_bytes(base64.b64decode(signed["sig"]))
    verifying = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.der",
        "-keyform",
        "DER",
        "-rawin",
        "-in",
        "signed",
        "-sigfile",
        "signature",
    ]
    assert subprocess.run(verifying, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    statement = json.loads(payload)
    assert (statement["_type"], envelope["payloadType"]) == ("https://in-toto.io/Statement/v1", PAYLOAD_TYPE)
    (subject,) = statement["subject"]
    assert base64.b64decode(statement["predicate"]["leaf"]) == LEAVES[5]
    assert subject["name"] == f"{LOG.name}#5"
