"""The model, tried on what claims of the earlier system speak of: every small case, or one that is described."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import product

from flk.model.entries.ring import Ring
from flk.model.memory.node import Node
from flk.model.record.merkle import (
    consistency_proof,
    inclusion_proof,
    merkle_root,
    verify_consistency,
    verify_inclusion,
)
from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.model.record.summary import signed, summarise
from flk.model.refusal import Unauthenticated
from flk.model.trials import Trial

LEAVES = [list(leaves) for size in range(6) for leaves in product((b"a", b"b", b"c"), repeat=size)]


def merkle() -> Trial:
    """No two lists of up to five leaves have one root, and no leaf is proved to be in a list where it is not (MRK-1, MRK-2)."""
    roots = {merkle_root(leaves) for leaves in LEAVES}
    wrong = [
        leaves
        for leaves in LEAVES
        for at, leaf in enumerate(leaves)
        for other in (b"a", b"b", b"c")
        if verify_inclusion(other, at, len(leaves), inclusion_proof(leaves, at), merkle_root(leaves)) != (other == leaf)
    ]
    stood = len(roots) == len(LEAVES) and not wrong
    return Trial(stood, f"{len(LEAVES)} lists of up to 5 leaves: {len(roots)} roots, {len(wrong)} wrong proofs")


def appended_only() -> Trial:
    """A consistency proof is good exactly for lists that begin with the earlier one (MRK-3)."""
    lists = [leaves for leaves in LEAVES if 1 <= len(leaves) <= 4]
    wrong = pairs = 0
    for first, second in product(lists, lists):
        if len(first) <= len(second):
            pairs += 1
            proof = consistency_proof(second, len(first))
            good = verify_consistency(len(first), len(second), merkle_root(first), merkle_root(second), proof)
            wrong += good != (second[: len(first)] == first)
    return Trial(not wrong, f"{pairs:,} pairs of lists: {wrong} wrong verdicts on whether the second extends the first")


def tenants() -> Trial:
    """Two tenants submit a record of one id; each is told its own outcome, whoever came first (DUP-4, SIGN-7)."""
    keys = {"one": HmacKey(b"one"), "other": HmacKey(b"other")}
    node = Node("eu", Keyring({tenant: [key] for tenant, key in keys.items()}))
    record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    own = [node.submit(signed(record, key), tenant).status for tenant, key in keys.items()]
    foreign = [
        node.submit(signed(record, keys["one"]), "other").status,
        node.submit(signed(record, keys["other"]), "one").status,
    ]
    entries = [node.entry(record.pcs_id, tenant) for tenant in keys]
    apart = None not in entries and entries[0] != entries[1]
    return Trial(
        own == [200, 200] and foreign == [401, 401] and apart,
        f"each under its own key: {own}, an entry each; under the other's key: {foreign}",
    )


def key_rotation() -> Trial:
    """While two keys overlap both count, and after its end the old one does not, by the time of logging (SIGN-4, SIGN-8)."""
    old, new = HmacKey(b"old"), HmacKey(b"new")
    keyring = Keyring({"default": [LiveKey(old, not_after=20.0), LiveKey(new, not_before=10.0)]})
    record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")

    def counts(key: HmacKey, at: float) -> bool:
        own = signed(record, key)
        try:
            keyring.authenticate("default", own, own.sig, at)
        except Unauthenticated:
            return False
        return True

    found = {at: (counts(old, at), counts(new, at)) for at in (5.0, 15.0, 25.0)}
    due = {5.0: (True, False), 15.0: (True, True), 25.0: (False, True)}
    return Trial(found == due, "before, while and after old and new overlap: old, both, new")


def ring_balance() -> Trial:
    """Of 20,000 keys on four shards, the fullest shard has less than a fifth more than its share, at 150 virtual nodes (RNG-1)."""
    ring = Ring([f"shard-{number}" for number in range(4)])
    counted = Counter(ring.owner(f"key-{number}") for number in range(20_000))
    most = max(counted.values()) * 4 / 20_000
    return Trial(
        most < 1.2,
        f"20,000 keys on 4 shards of {ring.vnodes} virtual nodes: the fullest has {most:.2f} times its share",
    )


TRIALS: Mapping[str, Callable[[], Trial]] = {
    "merkle": merkle,
    "appended-only": appended_only,
    "tenants": tenants,
    "key-rotation": key_rotation,
    "ring-balance": ring_balance,
}
