"""A policy counts only if a key for policies signed just this content."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.model.policies import LOOSE, POLICY_KEYS, PRIVATE, policies

from flk.model.policies.document import UNSIGNED, Policy
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
