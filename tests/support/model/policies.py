"""Policies for tests: arbitrary valid ones, and keys that sign them."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from flk.model.entries.scrutiny import OFF, Scrutiny
from flk.model.policies.document import DEFAULT, LIMITS, TOL_COH, Policy, VrfMode
from flk.model.policies.signing import signed_policy
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey
from flk.spec.constants import CONSTANTS

PRIVATE = Ed25519PrivateKey(b"policies" * 4)
POLICY_KEYS = {"ops": Ed25519PublicKey(PRIVATE.public())}
NANO = CONSTANTS.canonical.nano


def signed(**changes: Any) -> Policy:
    """The default policy with changes, signed by the operator's key."""
    return signed_policy(msgspec.structs.replace(DEFAULT, **changes), "ops", PRIVATE)


LOOSE = signed(version="1.1.0", name="loose", tol_budget=0.5)
"""A budget may be far off, so that what the default escalates is accepted."""
STRICT = signed(version="1.2.0", name="strict", tol_D=0.0, tol_budget=0.0)
WARY = signed(version="1.3.0", name="wary", tol_budget=0.5, scrutiny=Scrutiny(slope=(1.5, 3.5)))
"""As the loose one, but for slopes below 1.5: what that accepts this one escalates."""


def as_json(policy: Policy) -> bytes:
    """The policy as a file has it."""
    return msgspec.json.format(msgspec.json.encode(policy))


VRF_MODES: st.SearchStrategy[VrfMode | UnsetType] = st.just(UNSET) | st.sampled_from([VrfMode.SHADOW, VrfMode.ENFORCED])


def numbers(most: float) -> st.SearchStrategy[float]:
    """Numbers from 0 to `most`, with at most nine decimals."""
    return st.integers(0, int(most * NANO)).map(lambda billionths: billionths / NANO)


_SCORES = st.integers(1, NANO).map(lambda billionths: billionths / NANO)
_BOUNDS = st.lists(numbers(CONSTANTS.record.D_hat_max), min_size=2, max_size=2).map(lambda two: (min(two), max(two)))
SCRUTINIES = st.builds(
    lambda counts, slope, low, high: Scrutiny(counts, slope, min(low, high) if low and high else low, high),
    st.booleans(),
    st.none() | _BOUNDS,
    st.none() | _SCORES,
    st.none() | _SCORES,
)
"""Whatever can be asked of records besides, nothing included."""


_ASKED = st.just(UNSET) | SCRUTINIES.map(lambda scrutiny: UNSET if scrutiny == OFF else scrutiny)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Valid policies that nobody signed."""
    low, high = sorted(draw(st.lists(numbers(CONSTANTS.record.D_hat_max), min_size=2, max_size=2, unique=True)))
    cuts = sorted(draw(st.lists(st.integers(0, NANO), min_size=3, max_size=3)))
    weights = [(b - a) / NANO for a, b in zip([0, *cuts], cuts, strict=False)]
    text = st.text(st.characters(codec="utf-8"), max_size=20)
    return Policy(
        version=".".join(map(str, draw(st.tuples(*[st.integers(0, 999999)] * 3)))),
        tol_D=draw(numbers(LIMITS.tol_D_max)),
        tol_coh=TOL_COH,
        tol_budget=draw(numbers(LIMITS.tol_budget_max)),
        alpha=weights[0],
        beta=weights[1],
        gamma=weights[2],
        base=draw(numbers(1)),
        D0=draw(numbers(LIMITS.D0_max)),
        sticky_D_hat_max=low,
        sticky_coherence_min=draw(numbers(CONSTANTS.record.coh_star_max)),
        non_sticky_D_hat_min=high,
        name=draw(text),
        description=draw(text),
        created_at=draw(st.sampled_from(["", "2026-01-01T00:00:00Z"])),
        vrf_mode=draw(VRF_MODES),
        flags=draw(st.dictionaries(st.sampled_from(LIMITS.flags), st.just(value=False))),
        scrutiny=draw(_ASKED),
    )
