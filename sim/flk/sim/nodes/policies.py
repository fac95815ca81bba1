"""Policies of simulated regions: who signs them, and the operator who has nodes state them (POL-5, POL-6, POL-10)."""

from functools import lru_cache
from hashlib import sha256

from flk.model.effects import Program
from flk.model.policies.ruling import ALL, Change, Kind, Ruling
from flk.model.policies.signing import PolicyKeys, signed_policy
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, Keyring
from flk.sim.kernel.programs import Programs
from flk.sim.scenarios.faults import PolicyChange

KEY_ID = "operators"
_KEY = Ed25519PrivateKey(sha256(b"policies of simulated regions").digest())
KEYS: PolicyKeys = {KEY_ID: Ed25519PublicKey(_KEY.public())}
"""The keys for policies of every simulated region."""


@lru_cache(maxsize=8)
def knowing_policies(keyring: Keyring) -> Keyring:
    """The keyring with the keys for policies."""
    return Keyring(keyring.live_keys, keyring.profiles, KEYS)


def brought_in(change: PolicyChange, programs: Programs) -> Program[Ruling]:
    """Register the policy, and promote or stage it. Repeated, it changes nothing more."""
    policy = signed_policy(change.policy, KEY_ID, _KEY)
    yield from programs.rule(Change(Kind.REGISTERED, change.id, policy), KEYS)
    kind = Kind.PROMOTED if change.share == 1 else Kind.STAGED
    share = 0 if change.share == 1 else int(change.share * ALL)
    return (yield from programs.rule(Change(kind, change.id, version=change.version, share=share), KEYS))


def taken_back(change: PolicyChange, programs: Programs) -> Program[Ruling]:
    """Go back to what was before the change, if what it brought in still holds."""
    ruling = yield from programs.in_force(KEYS)
    if change.version not in {ruling.in_force, ruling.candidate}:
        return ruling
    version = "" if change.version == ruling.candidate else ruling.before[-1]  # a candidate of others would go first
    return (yield from programs.rule(Change(Kind.ROLLED_BACK, change.id, version=version), KEYS))
