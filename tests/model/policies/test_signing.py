"""A policy counts only if a key for policies signed just this content."""

from base64 import b64decode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.model.policies import LOOSE, POLICY_KEYS, PRIVATE, WARY, policies

from flk.model.entries.scrutiny import Scrutiny
from flk.model.policies.document import UNSIGNED, Policy, VrfMode, canonical_policy
from flk.model.policies.signing import Unsigned, require_signed, signed_policy
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey

OTHER = Ed25519PrivateKey(b"somebody" * 4)


@given(policies())
def test_only_the_named_key_over_this_content_counts(policy: Policy) -> None:
    """Who has another key, even under the same id, vouches for nothing."""
    require_signed(signed_policy(policy, "ops", PRIVATE), POLICY_KEYS)
    for unsigned in (
        policy,
        signed_policy(policy, "ops", OTHER),
        signed_policy(policy, "other", PRIVATE),
        msgspec.structs.replace(signed_policy(policy, "ops", PRIVATE), signature="?"),
    ):
        with pytest.raises(Unsigned):
            require_signed(unsigned, POLICY_KEYS)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), policies(), policies())
def test_any_changed_field_voids_the_signature(data: st.DataObject, policy: Policy, other: Policy) -> None:
    """No field is left out of what is signed."""
    field = data.draw(st.sampled_from(sorted(set(Policy.__struct_fields__) - UNSIGNED)))
    value = getattr(other, field)
    altered = msgspec.structs.replace(signed_policy(policy, "ops", PRIVATE), **{field: value})
    if value != getattr(policy, field):
        with pytest.raises(Unsigned):
            require_signed(altered, POLICY_KEYS)


def test_a_digit_that_is_not_signed_voids_the_signature() -> None:
    """The canonical bytes round, so a log could move a threshold by half a billionth under a signature that holds (POL-5)."""
    whole = signed_policy(WARY, "ops", PRIVATE)
    assert whole.scrutiny
    for altered in (
        msgspec.structs.replace(whole, sticky_D_hat_max=1.4999999996),
        msgspec.structs.replace(whole, tol_D=0.1500000001),
        msgspec.structs.replace(whole, scrutiny=Scrutiny(slope=(1.4999999996, 3.5))),
    ):
        assert canonical_policy(altered) == canonical_policy(whole)
        with pytest.raises(Unsigned, match="more than nine decimals"):
            require_signed(altered, POLICY_KEYS)
    require_signed(msgspec.structs.replace(whole, vrf_mode=VrfMode.OFF), POLICY_KEYS)  # says what it said


def test_a_signature_has_one_spelling() -> None:
    """The last digit of base64 has four bits that stand for nothing: who sets them changes a file under its signature (POL-5)."""
    whole = signed_policy(LOOSE, "ops", PRIVATE).signature
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    respelt = f"{whole[:85]}{digits[digits.index(whole[85]) + 1]}=="
    assert b64decode(respelt) == b64decode(whole)
    with pytest.raises(Unsigned):
        require_signed(msgspec.structs.replace(LOOSE, signature=respelt), POLICY_KEYS)


def test_why_a_policy_does_not_count_is_told() -> None:
    """Nobody signed it, an unknown key did, or the content is another."""
    bare = msgspec.structs.replace(LOOSE, signed_by="", signature="")
    for policy, keys, problem in (
        (bare, POLICY_KEYS, "nobody signed it"),
        (LOOSE, {}, "'ops' is not known here .known: none"),
        (LOOSE, {"ops": Ed25519PublicKey(OTHER.public())}, "not one of 'ops' over this content"),
    ):
        with pytest.raises(Unsigned, match=problem) as refused:
            require_signed(policy, keys)
        assert refused.value.requirement == "POL-5"
