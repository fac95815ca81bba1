"""A node: what it answers to submissions, one after the other (ORD-1 to ORD-3, ORD-5, ORD-7, ORD-9, DUP-1 to DUP-5, HLC-5)."""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from .canonical import content_digest
from .clock import COUNTER, tick
from .judgement import judge
from .record import decode
from .signing import authenticate, is_live
from .texts import CONSTANTS, Broken
from .vrf import require_drawn

NODE = CONSTANTS["node"]
Reply = dict[str, Any]


@dataclass
class Node:
    """A fresh node: its clock stands at zero, its log and its store are empty."""

    region: str
    keys: Mapping[str, Sequence[Mapping[str, Any]]]
    profiles: Sequence[str]
    vrf_keys: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    policy_of: Callable[[str], Mapping[str, Any]] = lambda _: {}
    clock: int = 0
    store: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def submit(self, at: Fraction, tenant: str, body: bytes) -> Reply:
        """Status and body of the answer, without the sentence in `error`."""
        if re.fullmatch(NODE["tenant_pattern"].removeprefix("^").removesuffix("$"), tenant) is None:
            return _refused(400, Broken("ORD-9", "X-Tenant-Id"))
        if len(body) > NODE["max_body_bytes"]:
            return _refused(413, Broken("ORD-5"))
        if Fraction(self.clock >> COUNTER, 1000) - at > CONSTANTS["clock"]["max_lead_seconds"]:
            return _refused(503, Broken("HLC-5"))
        self.clock = tick(self.clock, at)  # of the log entry
        policy = self.policy_of(tenant)
        try:
            record = decode(body)
        except Broken as broken:
            return _refused(400, broken)
        try:
            wall = Fraction(self.clock >> COUNTER, 1000)
            authenticate(record, record["sig"], tenant, wall, self.keys, self.profiles)
            if policy.get("vrf_mode") == "enforced":
                require_drawn(
                    record, [b64decode(key["key"]) for key in self.vrf_keys.get(tenant, ()) if is_live(key, wall)]
                )
        except Broken as broken:
            return _refused(401, broken)
        return self._claim(tenant, record, policy)

    def _claim(self, tenant: str, record: dict[str, Any], policy: Mapping[str, Any]) -> Reply:
        """Insert or get, and say what is stored (DUP-1, DUP-2)."""
        digest = content_digest(record)
        new = {
            "digest": digest,
            "timestamp": f"{self.clock:016x}",
            "region": self.region,
            **judge(record, policy=policy),
        }
        stored = self.store.setdefault((tenant, record["pcs_id"]), new)
        shown = {"pcs_id": record["pcs_id"], **stored}
        if stored["digest"] != digest:
            return {"status": 409, "body": {**shown, "requirement": "DUP-3"}}
        return {"status": 200 if stored["accepted"] and not stored["escalated"] else 202, "body": shown}


def _refused(status: int, broken: Broken) -> Reply:
    return {"status": status, "body": {"requirement": broken.requirement, "field": broken.field}}
