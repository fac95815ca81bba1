"""The server checks: what any server must do, asked over HTTP with the keys of one tenant or two."""

from flk.conformance.server import durability, generated, outcomes, refusals, register, transport
from flk.conformance.server.check import Check

CHECKS: tuple[Check, ...] = (
    transport.health_and_readiness,
    outcomes.accepted,
    outcomes.escalated,
    outcomes.zero_is_a_value,
    outcomes.tolerances_are_symmetric,
    outcomes.regime_of_the_claim,
    outcomes.canonical_numbers,
    outcomes.duplicate,
    outcomes.equivocation,
    outcomes.tenants_are_apart,
    outcomes.keys_belong_to_tenants,
    refusals.malformed,
    refusals.wrong_id,
    refusals.bad_signature,
    refusals.forged_then_honest,
    refusals.forged_under_stored_id,
    refusals.malformed_under_stored_id,
    refusals.malformed_then_honest,
    refusals.validity_before_signature,
    refusals.refusals_keep_secrets,
    transport.body_limit,
    transport.upgrade_is_ignored,
    transport.unknown_path,
    transport.wrong_method,
    transport.tenant_names,
    transport.two_tenants_at_once,
    transport.metrics,
    transport.counters_move,
    register.one_winner,
    register.one_reply,
    generated.judges_like_the_model,
    durability.acknowledged_survives_restart,
)
