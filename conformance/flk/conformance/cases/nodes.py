"""Cases of a whole node: `node`."""

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.forms import checking, secrets, signature
from flk.conformance.cases.points import judged
from flk.conformance.cases.policies import stated
from flk.spec.constants import CONSTANTS

START = 1737288000.0
WINDOW = CONSTANTS.dedup.ttl_seconds


@composite
def nodes(draw: DrawFn) -> dict[str, Any]:
    """A fresh node and a few submissions: of rival contents under an id, to some tenants, signed or not, on a clock that jumps. Its
    log may state policies.
    """
    secret, other = draw(secrets()), draw(secrets())
    record = draw(judged())["record"]
    rival = {**record, "N_j": draw(judged())["record"]["N_j"]} if draw(st.booleans()) else {**record, "budget": 0.5}
    if set(rival["N_j"]) != set(record["N_j"]):
        rival["N_j"] = {scale: count - 1 if count > 1 else 2 for scale, count in record["N_j"].items()}
    contents = [record, rival, {**record, "attempt": 9}, {**record, "D_hat": 4}]
    profiles = draw(st.sampled_from([["fixed9"], ["fixed9", "judged"], ["judged"], ["fixed9", "shortest"]]))
    arrivals, now = [], START
    for _ in range(draw(st.integers(1, 4))):
        now += draw(st.sampled_from([0, 0, 0, 0, 0, 3600, 86_400, WINDOW / 2]))
        content = draw(st.sampled_from(contents))
        profile = draw(st.sampled_from([*profiles, "fixed9"]))
        key = draw(st.sampled_from([secret, secret, other]))
        content = {**content, "sig": signature(content, key, profile)}
        arrivals.append(
            {
                "at": now + draw(st.sampled_from([0, 0.125, 1, 10, -60, -119.875, -120, -120.125])),
                "tenant": draw(st.sampled_from(["a", "a", "a", "b", "c", "A", "", "a b", "x" * 64, "x" * 65])),
                "body": json.dumps(content),
            }
        )
    live = {"not_before": draw(st.sampled_from([0.0, START])), "not_after": draw(st.sampled_from([None, START + 1]))}
    keys = {"a": [{**checking(secret), **live}], "b": [checking(other), checking(secret)]}
    states = {"policies": draw(stated())} if draw(st.booleans()) else {}
    return {"region": "eu", "keys": keys, "profiles": profiles, "arrivals": arrivals, **states}


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {"node": nodes()}
