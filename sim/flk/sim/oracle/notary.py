"""What a logged submission amounts to, by the requirements alone: refused for its form or its signature, or an entry."""

from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

from flk.sim.oracle import policies, records, signatures
from flk.sim.oracle.records import Invalid, Outcome
from flk.sim.oracle.signatures import Key

REMEMBERED = 1 << 14
UNVOUCHED = 503  # what is logged under a policy that no known key signed waits


class Opinion(NamedTuple):
    """`refusal` is the status that a submission deserves, 0 for none; else there is an entry, of this content and outcome, and, if
    its log states policies, of the one that judged it the version and digest.
    """

    tenant: str
    refusal: int
    pcs_id: str = ""
    digest: str = ""
    outcome: Outcome | None = None
    judged_by: tuple[str, str] | None = None


class Notary:
    """Judges what is logged, given the keys of all tenants and the canonical forms that are accepted.

    A record is judged once, however often it is logged, unless a key began or ceased to count meanwhile.
    """

    def __init__(
        self,
        keys: tuple[tuple[str, tuple[Key, ...]], ...],
        profiles: tuple[str, ...],
        policy_keys: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        self._keys = dict(keys)
        self._profiles = profiles
        self._policy_keys = policy_keys
        self._turns = sorted({at for _, several in keys for key in several for at in (key.not_before, key.not_after)})
        self._known: dict[tuple[bytes, int, bytes], Opinion] = {}

    def opinion(self, payload: bytes, wall: float, stated: bytes = b"") -> Opinion:
        """What a payload amounts to that was logged at wall time `wall`, where the log stated this of policies, whenever one asks
        (SIGN-4, JDG-5).
        """
        place = payload, bisect_right(self._turns, wall), stated
        found = self._known.get(place)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[place] = self._judged(payload, wall, stated)
        return found

    def _judged(self, payload: bytes, wall: float, stated: bytes) -> Opinion:
        end = 1 + payload[0]
        tenant, body = payload[1:end].decode(), payload[end:]
        try:
            record = records.read(body)
        except Invalid:
            return Opinion(tenant, 400)
        if not signatures.is_authentic(self._keys, tenant, record, wall, self._profiles):
            return Opinion(tenant, 401)
        policy = policies.read(stated, self._policy_keys).of(tenant)
        if policy is None or not policy.signed:
            return Opinion(tenant, UNVOUCHED)
        by = (policy.version, policy.digest) if stated else None
        return Opinion(tenant, 0, record["pcs_id"], records.digest(record), records.judge(record, policy.rules), by)


notary = lru_cache(maxsize=8)(Notary)
"""The notary of some keys and forms; all runs with the same share one."""
