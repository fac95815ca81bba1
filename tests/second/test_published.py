"""Signatures that others published: the cases of Wycheproof, on which the model, the oracle and the second implementation agree."""

import json
from pathlib import Path

import pytest
from tests.second import ed25519
from tests.second.signing import hmac_sha256

from flk.model.record.signing import Ed25519PublicKey, HmacKey
from flk.sim.oracle import signatures

WYCHEPROOF = Path(__file__).parent.parent / "support" / "model" / "wycheproof"


def rows(name: str) -> list[list[object]]:
    """The rows of a file."""
    found: list[list[object]] = json.loads((WYCHEPROOF / f"{name}.json").read_text("utf-8"))["rows"]
    return found


def raw(*texts: object) -> list[bytes]:
    """Bytes that are written in hexadecimal."""
    return [bytes.fromhex(str(text)) for text in texts]


@pytest.mark.parametrize("row", rows("ed25519"), ids=lambda row: str(row[0]))
def test_ed25519_of_wycheproof(row: list[object]) -> None:
    """What is invalid there is refused here, S beyond the group's order and points that are none included (SIGN-3)."""
    _, pk, msg, sig, result, _ = row
    key, message, signature = raw(pk, msg, sig)
    assert Ed25519PublicKey(key).verifies(message, signature) == (result == "valid")
    assert ed25519.verify(key, message, signature) == (result == "valid")
    assert signatures.made(signatures.Key("ed25519", key), message, signature) == (result == "valid")


def test_hmac_of_wycheproof() -> None:
    """Keys and messages of any length; a tag cut short is no signature (SIGN-2)."""
    for _, bits, key, msg, tag, result, _ in rows("hmac_sha256"):
        secret, message, mac = raw(key, msg, tag)
        is_whole = result == "valid" and bits == 256
        assert HmacKey(secret).verifies(message, mac) == is_whole
        assert (hmac_sha256(secret, message) == mac) == is_whole
        assert signatures.made(signatures.Key("hmac-sha256", secret), message, mac) == is_whole
