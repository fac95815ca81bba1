"""Rules of the earlier system, as its facts state them, each tried on a case that a claim of its documents speaks of."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from json import dumps
from math import floor

from flk.model.record.merkle import legacy_root
from flk.model.trials import Trial


def merkle() -> Trial:
    """Section 4: an odd node is paired with itself, and leaves and nodes are hashed alike."""
    three, four = legacy_root([b"a", b"b", b"c"]), legacy_root([b"a", b"b", b"c", b"c"])
    inner = (sha256(b"a").hexdigest() + sha256(b"b").hexdigest()).encode()
    pair, one = legacy_root([b"a", b"b"]), legacy_root([inner])
    seen = f"[a, b, c] and [a, b, c, c] have the root {three[:8]}…; so have [a, b] and the one leaf of their hashes, {pair[:8]}…"
    return Trial(not (three == four and pair == one), seen)


def audit_log() -> Trial:
    """Section 11: a segment's root folds the hashes that its entries carry; neither contents nor the order of segments enter it."""
    entries = [_entry(pcs_id, budget) for pcs_id, budget in (("a", 0.1), ("b", 0.2), ("c", 0.3))]
    forged = [{**entries[0], "budget": 0.9}, *entries[1:]]
    same = _segment_root(entries) == _segment_root(forged)
    return Trial(not same, "an entry whose budget is 0.9 instead of 0.1 leaves the root of its segment as it was")


def _entry(pcs_id: str, budget: float) -> dict[str, object]:
    entry: dict[str, object] = {"pcs_id": pcs_id, "budget": budget, "entry_hash": ""}
    return {**entry, "entry_hash": sha256(dumps(entry, sort_keys=True).encode()).hexdigest()}


def _segment_root(entries: Sequence[Mapping[str, object]]) -> str:
    root, *rest = (bytes.fromhex(str(entry["entry_hash"])) for entry in entries)
    for each in rest:
        root = sha256(root + each).digest()
    return root.hex()


def tenants() -> Trial:
    """Sections 6.2 and 7: what is remembered is looked up by the record's id alone."""
    remembered: dict[str, str] = {}

    def submit(tenant: str, pcs_id: str) -> str:
        return remembered.setdefault(pcs_id, f"the outcome of {tenant}")

    submit("first", "7f3a")
    told = submit("second", "7f3a")
    return Trial(told == "the outcome of second", f"a record of the tenant second was answered with {told}")


def key_rotation() -> Trial:
    """Section 3.5: the list of keys that the documents name is read by nothing; a verifier has one key."""
    configured, keys = "old", ("old", "new")
    refused = [key for key in keys if key != configured]
    return Trial(not refused, f"with the one key {configured}, records signed with {', '.join(refused)} are refused")


def verifiable_randomness() -> Trial:
    """Section 10.1: the proof is accepted if all parts are base64 and the output has 32 bytes."""

    def accepted(proof: str, output: str, key: str) -> bool:
        return (
            bool(proof)
            and all(b64decode(part, validate=True) or True for part in (proof, key))
            and len(b64decode(output)) == 32
        )

    chosen = accepted(b64encode(b"x").decode(), b64encode(bytes(32)).decode(), b64encode(b"k").decode())
    return Trial(not chosen, "the output 00…00, chosen at will, is accepted with the proof 'x' and the key 'k'")


def conformal() -> Trial:
    """Section 20.1: with few calibration scores the quantile is the greatest of them, where it has to be infinite."""
    delta, scores = 0.05, [0.2, 0.4, 0.6, 0.8]
    place = floor((1 - delta) * (len(scores) + 1)) - 1
    bound = max(scores) if place >= len(scores) - 1 else scores[place]
    # Among n + 1 exchangeable scores the last is the greatest with probability 1 / (n + 1), and then it is not covered.
    covered = 1 - 1 / (len(scores) + 1) if bound == max(scores) else 1.0
    return Trial(
        covered >= 1 - delta,
        f"with {len(scores)} scores the bound is their greatest: it covers {covered:.0%}, not {1 - delta:.0%}",
    )


@dataclass
class _Canary:
    """Section 17.4: a step passes at its deadline; one gate that fails makes a pause, which has no effect."""

    traffic: int = 0
    status: str = "running"
    steps: list[int] = field(default_factory=lambda: [5, 10, 25, 50, 100])

    def go(self, failed_gates: int) -> None:
        for step in self.steps:
            self.traffic = step
            if failed_gates >= 2:
                self.traffic, self.status = 0, "rolled_back"
                return


def canary() -> Trial:
    """A canary of which one gate fails at every check."""
    canary = _Canary()
    canary.go(failed_gates=1)
    return Trial(
        canary.traffic == 0, f"a canary whose p95 gate fails at every check gets {canary.traffic} % of the traffic"
    )


def policies() -> Trial:
    """Section 8: a registry registers what is valid and promotes what is active; the signature is a field that nothing reads."""
    registry: dict[str, dict[str, object]] = {}

    def register(policy: dict[str, object]) -> None:
        if not policy["version"] or policy["version"] in registry:
            raise ValueError(policy["version"])
        registry[str(policy["version"])] = policy

    def promote(version: str) -> dict[str, object]:
        policy = registry[version]
        if not policy["active"]:
            raise ValueError(version)
        return policy

    register({"version": "2", "active": True, "signature": "no signature at all"})
    promoted = promote("2")
    return Trial(stood=False, seen=f"version 2 was promoted with the signature {promoted['signature']!r}")


def first_write_invariant() -> Trial:
    """Section 28.1: the first write's timestamp is the number of writes before it, and the invariant asks for more than 0."""
    total_writes = 0
    timestamp = total_writes
    total_writes += 1
    return Trial(
        timestamp > 0, f"FirstWriteWinsInvariant is false after one step: the first write has timestamp {timestamp}"
    )


def reconciler() -> Trial:
    """Section 14.5: a proposal is made, approved and marked as applied; the actions that it names do nothing."""
    regions = {"eu": {"k": 1}, "us": dict[str, int]()}
    proposal = {"action": "replay-missing", "status": "approved"}
    proposal["status"] = "applied"
    return Trial(
        regions["eu"] == regions["us"], f"{proposal['action']} is {proposal['status']}, and us still lacks what eu has"
    )


TRIALS: Mapping[str, Callable[[], Trial]] = {
    "earlier-merkle": merkle,
    "earlier-audit-log": audit_log,
    "earlier-tenants": tenants,
    "earlier-key-rotation": key_rotation,
    "earlier-vrf": verifiable_randomness,
    "earlier-conformal": conformal,
    "earlier-canary": canary,
    "earlier-policies": policies,
    "earlier-tla": first_write_invariant,
    "earlier-reconciler": reconciler,
}
