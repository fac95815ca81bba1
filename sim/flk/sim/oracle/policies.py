"""What a log states of policies, from its bytes: who is judged by which, if a known key signed it (POL-3, POL-5, POL-7, POL-9)."""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from flk.sim.oracle import signatures
from flk.sim.oracle.records import DEFAULT, Rules, fixed9
from flk.spec.constants import CONSTANTS

PARTS = CONSTANTS.policy.share_parts
_UNSIGNED = {"signed_by", "signature"}
_TEXTS = {"description": "", "created_at": "", "name": ""}


class Document(NamedTuple):
    """A policy: its version, the numbers that it judges by, whether a known key signed it, and the digest that names it."""

    version: str
    rules: Rules
    signed: bool
    digest: str


class Ruling(NamedTuple):
    """What is stated: the documents, which is in force and which were before it, the candidate and its share in parts, how many
    changes there were, and of the last what was done and by whom.
    """

    documents: tuple[Document, ...] = ()
    in_force: str = CONSTANTS.policy.default_version
    before: tuple[str, ...] = ()
    candidate: str = ""
    share: int = 0
    number: int = 0
    done: str = ""
    by: str = ""

    def known(self, version: str) -> Document | None:
        """The document of a version; the default one needs nobody's signature."""
        if version == CONSTANTS.policy.default_version:
            return Document(version, DEFAULT, True, CONSTANTS.policy.default_digest)  # noqa: FBT003
        return next((one for one in self.documents if one.version == version), None)

    def of(self, tenant: str) -> Document | None:
        """The document that judges a tenant's records: the candidate, for as many parts of the tenants as it is staged for."""
        drawn = sha256(f"{self.candidate}\n{tenant}".encode()).digest()[:8]
        staged = self.candidate and int.from_bytes(drawn, "big") % PARTS < self.share
        return self.known(self.candidate if staged else self.in_force)


@lru_cache(maxsize=256)
def read(stated: bytes, keys: tuple[tuple[str, bytes], ...]) -> Ruling:
    """What a policy frame says; `keys` are those for policies, by their ids. Of nothing: the default policy."""
    if not stated:
        return Ruling()
    told = json.loads(stated)
    last = (told.get("history") or [{}])[-1]
    return Ruling(
        tuple(_document(policy, dict(keys)) for policy in told.get("policies", ())),
        told.get("in_force", CONSTANTS.policy.default_version),
        tuple(told.get("before", ())),
        told.get("candidate", ""),
        told.get("share", 0),
        told.get("number", 0),
        last.get("kind", ""),
        last.get("by", ""),
    )


def _document(policy: Mapping[str, object], keys: Mapping[str, bytes]) -> Document:
    numbers = {name: float(str(policy[name])) for name in Rules._fields}
    key = keys.get(str(policy.get("signed_by", "")))
    try:
        signature = b64decode(str(policy.get("signature", "")), validate=True)
    except Error:
        signature = b""
    content = _canonical(policy)
    signed = key is not None and signatures.made(signatures.Key("ed25519", key), content, signature)
    return Document(str(policy["version"]), Rules(**numbers), signed, sha256(content).hexdigest())


def _canonical(policy: Mapping[str, object]) -> bytes:
    """What is signed of a policy that asks nothing besides (POL-3)."""
    signed = {"flags": {}, **_TEXTS, **{name: value for name, value in policy.items() if name not in _UNSIGNED}}
    return ("{" + ",".join(f'"{name}":{_text(signed[name])}' for name in sorted(signed)) + "}").encode()


def _text(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return fixed9(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
