"""The reference server with the keys of the tests."""

from typing import ClassVar

from flk.conformance.server.reference import Handler, ReferenceNode, serving
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, HmacKey, Keyring, LiveKey, Signer

__all__ = [
    "GONE",
    "KEYRING",
    "LIVE",
    "OPERATOR",
    "RETIRED",
    "ROTATION",
    "SECRETS",
    "SIGNERS",
    "TOKENS",
    "Node",
    "serving",
]

SECRETS = {"default": b"one secret", "other": b"another secret"}
SIGNERS = {tenant: HmacKey(secret) for tenant, secret in SECRETS.items()}
ROTATION: dict[str, list[Signer]] = {
    "default": [HmacKey(b"the next secret"), Ed25519PrivateKey(bytes(32))],
    "other": [],
}
OPERATOR = "a-token-of-an-operator"
TOKENS = {"default": "a-token", "other": "another-token"}
RETIRED: dict[str, list[Signer]] = {"default": [HmacKey(b"the last secret")]}
LIVE = {
    "default": [
        LiveKey(SIGNERS["default"]),
        LiveKey(HmacKey(b"the next secret")),
        LiveKey(Ed25519PublicKey(Ed25519PrivateKey(bytes(32)).public())),
    ],
    "other": [LiveKey(SIGNERS["other"])],
}
GONE = LiveKey(HmacKey(b"the last secret"), 0.0, 1.0)
KEYRING = Keyring({**LIVE, "default": [*LIVE["default"], GONE]})


class Node(ReferenceNode):
    """The honest one. Each defect is a subclass that overrides one step, as an implementer might have written it."""

    accepted: Keyring = KEYRING
    handler: ClassVar[type[Handler]] = Handler

    def __init__(self) -> None:
        super().__init__(self.accepted, TOKENS)
