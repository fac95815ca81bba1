"""The gallery of refuted designs: variants of the protocols, each with the property that it breaks."""

from flk.formal.library.design import Design
from flk.formal.library.gallery import (
    a_store_for_each_node,
    acknowledged_on_send,
    answer_before_durable,
    answered_from_its_log,
    buried_and_kept,
    claim_in_any_order,
    cutover_without_verification,
    delete_before_write,
    dropped_after_retries,
    each_keeps_its_first,
    effect_not_keyed,
    first_to_reach_the_store,
    frozen_for_cutover,
    get_then_set,
    hot_tier_forgets,
    hot_tier_only,
    ignored_store_error,
    in_memory_outbox,
    keep_what_is_stored,
    last_write_wins,
    latest_asked_early,
    local_arrival,
    lookup_before_check,
    mark_before_effect,
    mark_before_upload,
    moved_not_copied,
    one_way_cutover,
    outage_as_a_miss,
    overload_buries,
    own_clock_only,
    ready_before_its_log,
    remembered_refusal,
    removed_when_taken,
    serve_before_replay,
    silent_supersession,
    single_watermark,
    stepped_over_gap,
    unacknowledged_retry,
    unfenced_claim,
    unsealed_shipping,
    verify_before_dual_write,
)

DESIGNS: dict[str, Design] = {
    module.design.protocol.name: module.design
    for module in (
        # of ingest
        get_then_set,
        lookup_before_check,
        remembered_refusal,
        answer_before_durable,
        serve_before_replay,
        claim_in_any_order,
        ignored_store_error,
        # of shared-store
        own_clock_only,
        latest_asked_early,
        first_to_reach_the_store,
        a_store_for_each_node,
        answered_from_its_log,
        ready_before_its_log,
        # of replication
        last_write_wins,
        local_arrival,
        keep_what_is_stored,
        silent_supersession,
        unsealed_shipping,
        mark_before_upload,
        stepped_over_gap,
        single_watermark,
        # of outbox
        in_memory_outbox,
        acknowledged_on_send,
        overload_buries,
        buried_and_kept,
        # of migration
        verify_before_dual_write,
        cutover_without_verification,
        one_way_cutover,
        each_keeps_its_first,
        unfenced_claim,
        moved_not_copied,
        frozen_for_cutover,
        # of tiering
        hot_tier_forgets,
        delete_before_write,
        outage_as_a_miss,
        hot_tier_only,
        # of audit
        unacknowledged_retry,
        effect_not_keyed,
        mark_before_effect,
        removed_when_taken,
        dropped_after_retries,
    )
}
"""Each design by its name, in the order of the protocols."""

__all__ = ["DESIGNS", "Design"]
