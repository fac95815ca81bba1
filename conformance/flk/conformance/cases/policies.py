"""Cases of policies: documents, mistaken ones, signatures, shares; and policies for `judge` and `node`."""

import json
from base64 import b64encode
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.points import judged
from flk.conformance.cases.values import characters, packed
from flk.conformance.drafts.mistaken import MISTAKEN, NO_DOCUMENTS
from flk.conformance.drafts.policies import KEY, OTHER, PLAIN
from flk.model.entries.entry import Outcome
from flk.model.entries.scrutiny import anomaly
from flk.model.policies.document import LIMITS, Policy, canonical_policy
from flk.model.record.canonical import round9
from flk.model.record.record import Pcs
from flk.model.record.signals import regime
from flk.spec.constants import CONSTANTS

NANO = CONSTANTS.canonical.nano
SLOPE_MAX = CONSTANTS.record.D_hat_max
versions = st.tuples(*[st.integers(0, 3) | st.integers(0, 999_999)] * 3).map(lambda parts: ".".join(map(str, parts)))
tenants = st.text("abzABZ019._-", min_size=1, max_size=6) | st.just("x" * 64)


def numbers(most: float, least: int = 0) -> SearchStrategy[float]:
    """Whole billionths up to a bound, often near one of the ends."""
    top = round(most * NANO)
    count = (
        st.integers(least, top)
        | st.sampled_from([least, least + 1, top - 1, top])
        | st.integers(0, 8).map(lambda eighths: max(least, top * eighths // 8))
    )
    return count.map(lambda billionths: billionths / NANO)


@composite
def scrutinies(draw: DrawFn) -> dict[str, Any]:
    """Checks that are on, one at least."""
    found: dict[str, Any] = {"counts": True} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        found["slope"] = sorted(draw(st.lists(numbers(SLOPE_MAX), min_size=2, max_size=2)))
    scores = sorted(draw(st.lists(numbers(1, 1), min_size=2, max_size=2)))
    found |= {
        name: score for name, score in zip(("escalate_from", "reject_from"), scores, strict=True) if draw(st.booleans())
    }
    return found or {"counts": True}


@composite
def fields(draw: DrawFn) -> dict[str, Any]:
    """The fields of a valid policy, in any order."""
    parts = sorted(draw(st.lists(st.integers(0, NANO), min_size=3, max_size=3)))
    weights = (parts[0], parts[1] - parts[0], parts[2] - parts[1])
    low, high = sorted(draw(st.lists(numbers(SLOPE_MAX), min_size=2, max_size=2, unique=True)))
    found: dict[str, Any] = {
        "version": draw(versions),
        "tol_D": draw(numbers(LIMITS.tol_D_max)),
        "tol_coh": 0.05,
        "tol_budget": draw(numbers(LIMITS.tol_budget_max)),
        **{name: weight / NANO for name, weight in zip(("alpha", "beta", "gamma"), weights, strict=True)},
        "base": draw(numbers(1)),
        "D0": draw(numbers(LIMITS.D0_max)),
        "sticky_D_hat_max": low,
        "sticky_coherence_min": draw(numbers(CONSTANTS.record.coh_star_max)),
        "non_sticky_D_hat_min": high,
    }
    besides: dict[str, SearchStrategy[Any]] = {
        "name": characters,
        "description": characters,
        "created_at": st.sampled_from(["", "2026-01-01T00:00:00Z"]),
        "flags": st.dictionaries(st.sampled_from(LIMITS.flags), st.just(False)),  # noqa: FBT003  a value, no argument
        "vrf_mode": st.sampled_from(LIMITS.vrf_modes),
        "scrutiny": scrutinies(),
        "signed_by": st.sampled_from(["", "ops", "ops-2"]),
        "signature": st.sampled_from(["", b64encode(bytes(64)).decode()]),
    }
    for name in draw(st.lists(st.sampled_from(sorted(besides)), unique=True, max_size=4)):
        found[name] = draw(besides[name])
    return {name: found[name] for name in draw(st.permutations(list(found)))} if draw(st.booleans()) else found


plain_or_drawn = st.just(PLAIN) | fields() | fields()


@composite
def documents(draw: DrawFn) -> dict[str, Any]:
    """A policy as a file has it, an integer here and there, raw or escaped, on one line or on many."""
    found = draw(plain_or_drawn)
    whole = {
        name: int(x) if isinstance(x, float) and x.is_integer() and draw(st.booleans()) else x
        for name, x in found.items()
    }
    return {"document": json.dumps(whole, indent=draw(st.sampled_from([None, 1])), ensure_ascii=draw(st.booleans()))}


values = (
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.integers(-NANO, 4 * NANO).map(lambda n: n / NANO)
    | st.sampled_from(
        ["", "1.2.3", "1.2", "ops", "off", "2026-01-01T00:00:00Z", "A" * 86 + "==", [], {}, [1, 2], [0.5, 0.4]]
    )
)
odd_fields = st.sampled_from(
    [*PLAIN, "name", "created_at", "flags", "vrf_mode", "scrutiny", "signed_by", "active", "TOL_D"]
)


@composite
def mistaken(draw: DrawFn) -> dict[str, Any]:
    """A document with a chance of mistakes: fields of other values, missing, twice, or with values that are known to be wrong."""
    found = dict(draw(plain_or_drawn))
    for _ in range(draw(st.integers(0, 3))):
        match draw(st.integers(0, 3)):
            case 0:
                found[draw(odd_fields)] = draw(values)
            case 1:
                field = draw(st.sampled_from(sorted(MISTAKEN)))
                found[field] = draw(st.sampled_from(sorted(MISTAKEN[field].items())))[1][2]
            case 2:
                found.pop(draw(st.sampled_from(sorted(found))), None)
            case _:
                found["scrutiny"] = {
                    draw(st.sampled_from(["counts", "slope", "escalate_from", "Counts"])): draw(values)
                }
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items()]
    if lines and draw(st.integers(0, 4)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
    return {"document": "{" + draw(st.sampled_from([",", ",\n", " ,\n\n"])).join(lines) + "}"}


no_documents = st.sampled_from(sorted(NO_DOCUMENTS.values())).map(lambda content: {"document_base64": packed(content)})
cut = st.builds(lambda document, place: {"document": document["document"][:place]}, documents(), st.integers(0, 300))


BOUND = {"signature", "sticky_D_hat_max", "non_sticky_D_hat_min", "alpha", "beta", "gamma"}
"""Fields that cannot be changed alone."""


@composite
def signed(draw: DrawFn) -> dict[str, Any]:
    """A policy with a signature, and a chance that something about it is not as it should be."""
    found = {**draw(plain_or_drawn), "signed_by": "ops"}
    policy = msgspec.convert({**found, "signature": ""}, Policy)
    made = bytearray(KEY.sign(canonical_policy(policy)))
    match draw(st.integers(0, 4)):
        case 0:
            place = draw(st.integers(0, 8 * len(made) - 1))
            made[place // 8] ^= 1 << place % 8
        case 1:
            changed = draw(fields())
            name = draw(st.sampled_from(sorted(changed.keys() - BOUND)))
            found[name] = changed[name]
    keys = {"ops": packed(KEY.public()), "ops-2": packed(OTHER.public())}
    document = json.dumps({**found, "signature": b64encode(made).decode()})
    return {"document": document, "keys": draw(st.sampled_from([keys, keys, keys, {}, {"ops": keys["ops-2"]}]))}


longest = st.builds(
    lambda size: {"document": json.dumps(PLAIN).ljust(size)}, st.sampled_from([LIMITS.max_bytes, LIMITS.max_bytes + 1])
)
"""As long as a document may be, and a byte longer."""


@composite
def ruled(draw: DrawFn) -> dict[str, Any]:
    """A valid record and a policy, at whose tolerances and scores the record's claims often are."""
    record, found = draw(judged())["record"], draw(fields())
    policy = msgspec.convert(found, Policy)
    off = st.sampled_from([-1e-9, 0.0, 0.0, 1e-9])
    slope = _outcome(policy, record).recomputed_D_hat
    edges = [slope - policy.tol_D, slope, slope + policy.tol_D, policy.sticky_D_hat_max, policy.non_sticky_D_hat_min]
    record["D_hat"] = min(max(draw(st.sampled_from(edges)) + draw(off), 0.0), SLOPE_MAX)
    if draw(st.booleans()):
        record["coh_star"] = min(max(policy.sticky_coherence_min + draw(off), 0.0), CONSTANTS.record.coh_star_max)
    if draw(st.integers(0, 3)):
        record["regime"] = regime(record["D_hat"], record["coh_star"], policy.rules).value
    formula = _outcome(policy, record).recomputed_budget
    claimed = formula + draw(st.sampled_from([-policy.tol_budget, 0.0, policy.tol_budget])) + draw(off)
    record["budget"] = min(max(claimed, 0.0), 1.0)
    if draw(st.booleans()):
        score = anomaly(record["D_hat"], record["coh_star"], record["r"]) / NANO + draw(off)
        name = draw(st.sampled_from(["escalate_from", "reject_from"]))
        found["scrutiny"] = {name: min(max(round9(score), 1e-9), 1.0)}
    return {"record": record, "policy": found}


def _outcome(policy: Policy, record: dict[str, Any]) -> Outcome:
    return policy.judge(msgspec.convert(record, Pcs))


@composite
def stated(draw: DrawFn) -> dict[str, Any]:
    """What a node's log states: a policy in force, one that is staged for a share, or both."""
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["in_force"] = {**draw(fields()), "version": "1.1.0"}
    if draw(st.booleans()):
        found["staged"] = {**draw(fields()), "version": "1.2.0"}
        found["share"] = draw(st.sampled_from([0, 5000, LIMITS.share_parts]))
    return found


@composite
def segments(draw: DrawFn) -> dict[str, Any]:
    """What a segment states of one or two policies, with a chance that one of them is not what was signed."""
    known = []
    for version in ("1.1.0", "1.2.0")[: draw(st.integers(1, 2))]:
        found = {**draw(plain_or_drawn), "version": version, "signed_by": "ops"}
        policy = msgspec.convert({**found, "signature": ""}, Policy)
        known.append({**found, "signature": b64encode(KEY.sign(canonical_policy(policy))).decode()})
    if draw(st.integers(0, 3)) == 0:
        odd = draw(st.sampled_from(known))
        name = draw(st.sampled_from(["tol_D", "D0", "base", "sticky_D_hat_max"]))
        odd[name] += draw(st.sampled_from([1e-9, 1e-10, 4e-10, -1e-9]))
    versions_of = ["1.0.0", *(each["version"] for each in known)]
    found = {"policies": known, "in_force": draw(st.sampled_from([*versions_of, *versions_of, "1.3.0"]))}
    if draw(st.booleans()):
        found |= {"candidate": draw(st.sampled_from(versions_of)), "share": draw(st.integers(0, LIMITS.share_parts))}
    return {"stated": json.dumps(found), "keys": {"ops": packed(KEY.public())}, "tenant": draw(tenants)}


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    "judge": judged() | ruled(),
    "policy": documents() | documents() | mistaken() | no_documents | cut | longest,
    "policy_mistakes": mistaken() | mistaken() | mistaken() | no_documents | cut | longest,
    "earlier_policy_digest": documents(),
    "sign_policy": st.builds(
        lambda document, secret: {**document, "secret": packed(secret)},
        documents(),
        st.binary(min_size=32, max_size=32),
    ),
    "authenticate_policy": signed(),
    "judging_policy": segments(),
    "policy_share": st.fixed_dictionaries(
        {"version": versions, "share": st.integers(0, LIMITS.share_parts), "tenant": tenants}
    ),
}
