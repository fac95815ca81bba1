"""The canonical bytes of a policy say all of it, and the earlier hash is reproduced."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.model.policies import as_json, policies

from flk.model.entries.scrutiny import Scrutiny
from flk.model.policies.document import (
    DEFAULT,
    LIMITS,
    UNSIGNED,
    Policy,
    VrfMode,
    canonical_policy,
    earlier_digest,
    policy_digest,
)
from flk.model.policies.reading import read
from flk.model.record.rules import DEFAULT as DEFAULT_RULES

SIGNED = sorted(set(Policy.__struct_fields__) - UNSIGNED)


def test_the_canonical_bytes_of_the_default() -> None:
    """The form is pinned by hand, so that it cannot drift."""
    assert canonical_policy(DEFAULT) == (
        b'{"D0":2.200000000,"alpha":0.300000000,"base":0.100000000,"beta":0.500000000,"created_at":"","description":"",'
        b'"flags":{},"gamma":0.200000000,"name":"default","non_sticky_D_hat_min":2.600000000,"sticky_D_hat_max":1.500000000,'
        b'"sticky_coherence_min":0.700000000,"tol_D":0.150000000,"tol_budget":0.010000000,"tol_coh":0.050000000,'
        b'"version":"1.0.0"}'
    )


def test_the_canonical_bytes_of_what_is_asked_besides() -> None:
    """Only what is on is said, in the form of all other fields; where nothing is, the field is left out."""
    asked = Scrutiny(counts=True, slope=(0.5, 3.0), reject_from=1.0)
    part = b'"scrutiny":{"counts":true,"reject_from":1.000000000,"slope":[0.500000000,3.000000000]},'
    told = canonical_policy(msgspec.structs.replace(DEFAULT, scrutiny=asked))
    assert part in told
    assert told.replace(part, b"") == canonical_policy(DEFAULT)
    assert b"scrutiny" not in as_json(DEFAULT)


def test_the_earlier_hash_of_the_default_is_the_golden_one() -> None:
    """The earlier system's own hash of its default policy, as it was observed."""
    assert earlier_digest(DEFAULT) == "1da582b2669baf2cc47baca56194881a3bf44bb0bd2c43d52c225cf663d68a59"
    assert earlier_digest(DEFAULT) == LIMITS.earlier_digest
    assert earlier_digest(msgspec.structs.replace(DEFAULT, tol_budget=0.02)) == LIMITS.earlier_digest


def test_the_digest_of_the_default_is_the_one_that_is_published() -> None:
    """So that who knows the specification alone knows what an outcome under the default policy names."""
    assert policy_digest(DEFAULT) == LIMITS.default_digest


@pytest.mark.parametrize(("value", "told"), [(2.0, b"2"), (0.0000015, b"0.0000015"), (1.5e-7, b"1.5e-7"), (0.0, b"0")])
def test_the_earlier_hash_has_numbers_as_go_writes_them(value: float, told: bytes) -> None:
    """Whole numbers have no point there, and small ones no zero in the exponent."""
    from flk.model.policies import document

    assert document._earlier(value) == told.decode()


def test_the_default_policy_says_what_holds_without_one() -> None:
    """The document and the rules are one set of numbers."""
    assert DEFAULT.rules == DEFAULT_RULES


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(policies(), policies())
def test_the_digest_depends_on_every_field_and_on_nothing_else(one: Policy, other: Policy) -> None:
    """Two policies have one digest just if all that is signed agrees."""
    for field in SIGNED:
        mixed = msgspec.structs.replace(one, **{field: getattr(other, field)})
        assert (policy_digest(mixed) == policy_digest(one)) == (getattr(mixed, field) == getattr(one, field))
    signed = msgspec.structs.replace(one, signed_by="ops", signature="A" * 86 + "==")
    assert policy_digest(signed) == policy_digest(one)


def test_a_policy_that_says_off_says_nothing() -> None:
    """Its digest is that of one that is silent, so no policy from before gets another; the other modes move it."""
    silent = policy_digest(DEFAULT)
    off = read(msgspec.json.encode(msgspec.to_builtins(DEFAULT) | {"vrf_mode": "off"})).policy
    assert off == DEFAULT
    assert b"vrf_mode" not in msgspec.json.encode(DEFAULT)
    assert policy_digest(msgspec.structs.replace(DEFAULT, vrf_mode=VrfMode.OFF)) == silent
    others = {policy_digest(msgspec.structs.replace(DEFAULT, vrf_mode=mode)) for mode in VrfMode}
    assert (len(others), [*VrfMode]) == (3, [*LIMITS.vrf_modes])


@given(policies(), st.booleans())
def test_a_policy_that_is_written_and_read_is_the_same(policy: Policy, canonical: bool) -> None:
    """Neither JSON nor the canonical form loses anything."""
    assert read(canonical_policy(policy) if canonical else as_json(policy)).policy == policy
