"""The reference server with the keys of the tests."""

from flk.conformance.server.reference import ReferenceNode, serving
from flk.model.record.signing import HmacKey, Keyring, LiveKey

__all__ = ["KEYRING", "SECRETS", "SIGNERS", "Node", "serving"]

SECRETS = {"default": b"one secret", "other": b"another secret"}
SIGNERS = {tenant: HmacKey(secret) for tenant, secret in SECRETS.items()}
KEYRING = Keyring({tenant: [LiveKey(key)] for tenant, key in SIGNERS.items()})


class Node(ReferenceNode):
    """The honest one. Each defect is a subclass that overrides one step, as an implementer might have written it."""

    accepted: Keyring = KEYRING

    def __init__(self) -> None:
        super().__init__(self.accepted)
