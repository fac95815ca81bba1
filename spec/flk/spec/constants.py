"""The constants of the specification, typed. The values stand in `constants.toml`, which other languages read too."""

from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta


class RecordLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on the fields of a record (REC-*, ID-*)."""

    schema: str
    version: str
    drawn_version: str
    merkle_root_pattern: str
    pcs_id_pattern: str
    shard_id_pattern: str
    sent_at_pattern: str
    vrf_proof_pattern: str
    max_epoch: int
    max_attempt: int
    max_scale: int
    min_scales: int
    max_scales: int
    max_count: int
    max_dimensions: int
    max_fallbacks: int
    max_text: int
    D_hat_max: float
    coh_star_max: float
    regimes: tuple[str, ...]
    requirement: dict[str, str]


class Canonical(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The canonical form's resolution (C14N-*)."""

    digits: int
    nano: int


class Signals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of the three signals and of the regimes (SIG-*)."""

    min_dx: float
    directions: int
    bins: int
    min_extent: float
    zlib_level: int
    scales: tuple[int, ...]
    sticky_coh_min: float
    sticky_D_max: float
    non_sticky_D_min: float


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the budget formula (SIG-6)."""

    base: float
    alpha: float
    beta: float
    gamma: float
    D0: float


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tolerances between claimed and recomputed values (JDG-*)."""

    tolerance_D_hat: float
    tolerance_budget: float


class Scrutiny(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where signals begin to be unusual, and the weights of three ways to be so (SAN-*)."""

    slope_low: float
    slope_high: float
    coherence: float
    spread: float
    dense: float
    sparse: float
    weights: tuple[int, int, int]


class Vrf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a seed comes of an output (VRF-5)."""

    seed_bytes: int


class PolicyLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a policy may say, and how much of them a log carries along (POL-*)."""

    version_pattern: str
    created_at_pattern: str
    signer_pattern: str
    max_text: int
    max_bytes: int
    tol_D_max: float
    tol_budget_max: float
    D0_max: float
    flags: tuple[str, ...]
    vrf_modes: tuple[str, ...]
    default_version: str
    default_digest: str
    earlier_digest: str
    share_parts: int
    kept_policies: int
    kept_events: int


class Merkle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Chunking of the raw data (MRK-*)."""

    chunk_bytes: int


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a node takes submissions, and its admission limits (ORD-*)."""

    submit_path: str
    batch_path: str
    outcomes_path: str
    max_body_bytes: int
    max_in_flight: int
    retry_after_seconds: int
    unavailable_retry_after_seconds: int
    failed_log_seconds: float
    max_recalls: int
    default_tenant: str
    max_detail_characters: int
    tenant_pattern: str


Some = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of an HTTP server (HTTP-*): counts, bytes and seconds, each an option of it."""

    max_connections: Some
    max_peer_connections: Some
    reserved_descriptors: Some
    max_head_bytes: Annotated[int, Meta(ge=256)]
    max_trailer_bytes: Some
    max_chunks: Some
    max_chunk_overhead_bytes: Some
    max_pipelined: Some
    max_drain_bytes: Some
    max_held_bytes: Some
    max_peer_held_bytes: Some
    answers_per_turn: Some
    peer_bytes_per_turn: Some
    max_batch_records: Some
    max_batch_bytes: Some
    max_entering: Some
    max_handshakes: Some
    handshake_seconds: Seconds
    idle_seconds: Seconds
    request_seconds: Seconds
    linger_seconds: Seconds
    stop_seconds: Seconds
    metrics_gap_seconds: Seconds
    preflight_seconds: Some


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates (TLS-*)."""

    expires_soon_seconds: Some


class Admin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of the admin listener (API-*)."""

    max_connections: Some
    max_questions: Some
    max_body_bytes: Some
    sample_size: Some
    max_sample_size: Some


class Garbage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a peer address may have logged that proves to be nobody's (HTTP-9, HTTP-10)."""

    peer_bytes_per_second: Some
    peer_burst_bytes: Some
    frame_bytes: Some
    scarce_free_bytes: Some
    min_free_bytes: Some
    min_share: Annotated[float, Meta(gt=0, le=1)]


class Tenants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tenants file may say, and what counts where it does not (TEN-*)."""

    burst_seconds: float
    max_records_per_second: float
    max_burst: int
    max_records_per_day: int
    max_tenants: int
    late_seconds: float
    late_gap_seconds: float
    max_late: int
    max_labels: int
    max_label_characters: int


class Wal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The write-ahead log's format (WAL-*)."""

    magic: str
    earlier_magic: str
    salt_bytes: int
    max_segment_bytes: int
    max_frame_bytes: int


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hybrid logical clock (HLC-*)."""

    counter_bits: int
    max_ahead_seconds: float
    max_step_seconds: float
    max_lead_seconds: float
    max_drift: float


class Ring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The consistent-hash ring (RNG-*)."""

    vnodes: int


class Replication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shipping, replay and divergence detection (CRR-*)."""

    ship_interval_seconds: float
    replay_interval_seconds: float
    check_interval_seconds: float
    check_round_seconds: float
    object_prefix: str
    damaged_prefix: str
    divergence_sample: int
    divergence_count_percent: float
    divergence_sample_percent: float


class Feed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tenant's records go to other regions by (FEED-*)."""

    object_prefix: str


class Transparency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Transparency logs (TLOG-*)."""

    max_note_bytes: int
    max_signatures: int
    object_prefix: str
    every_seconds: float
    step_leaves: int
    max_step_bytes: int
    zlib_level: int
    path: str
    max_questions: int
    max_reason_characters: int
    niceness: int
    hurry_seconds: float
    lock_days: int


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Snapshots of a store (SNAP-*)."""

    object_prefix: str
    magic: str
    format: int
    every_seconds: Seconds
    stale_seconds: Seconds
    read_entries: Some
    piece_entries: Some
    max_piece_bytes: Some
    zlib_level: int


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is removed once snapshots stand for it (RET-*)."""

    kept_snapshots: Some
    every_seconds: Seconds
    stale_seconds: Seconds


class RottenRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of a shared store that are not what was written (DUP-8)."""

    max_rows: Some
    every_seconds: Seconds
    again_seconds: Seconds


class Pages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pages of a store in a file (DUP-8)."""

    a_second: Some


class Divergence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Comparing what regions store, and mending what differs (DIV-*)."""

    object_prefix: str
    magic: str
    format: int
    settle_seconds: Seconds
    range_bits: Some
    read_entries: Some
    max_leaves: Some
    kept_rounds: Some
    round_ranges: Some
    range_entries: Some
    max_object_bytes: Some
    round_differences: Some
    evidence_segments: Some
    evidence_heads: Some
    evidence_pieces: Some
    unproven_rounds: Some
    max_claims: Some
    max_open: Some
    kept_settled: Some
    safe_threshold: float
    aggressive_threshold: float
    replay_missing_score: float
    choose_first_score: float
    manual_review_score: float
    review_percent: float
    safe_percent: float


class Outbox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agent's delivery policy (OUT-*)."""

    max_attempts: int
    base_delay_seconds: float
    max_delay_seconds: float
    timeout_seconds: float


class Siem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a stream of events is sent (SIEM-*)."""

    batch_events: int
    batch_bytes: int
    max_attempts: int
    timeout_seconds: float


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of evidence packs and of what they are made of (EVD-*)."""

    max_pack_bytes: int
    max_pack_files: int
    max_source_bytes: int


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a client sends at once (OUT-*), and when it makes its outbox small again (RET-8)."""

    batch_records: int
    batch_bytes: int
    compact_bytes: int


class RetryAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a `Retry-After` counts (OUT-4)."""

    max_seconds: float


class Dedup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The dedup window (DUP-*)."""

    ttl_seconds: int


class Tiers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long entries stay in a tier, how they are moved, and how long a look into each tier may take (TIR-*)."""

    hot_seconds: int
    warm_seconds: int
    move_interval_seconds: float
    move_batch: int
    hot_latency_seconds: float
    warm_latency_seconds: float
    cold_latency_seconds: float


class Otlp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a node's work is told to a collector, and the bounds of telling it (OBS-9, OBS-10)."""

    share: Annotated[float, Meta(ge=0, le=1)]
    max_traces_per_second: Annotated[int, Meta(ge=1)]
    queue_items: Annotated[int, Meta(ge=1)]
    batch_items: Annotated[int, Meta(ge=1)]
    every_seconds: Annotated[float, Meta(gt=0)]
    timeout_seconds: Annotated[float, Meta(gt=0)]
    max_attempts: Annotated[int, Meta(ge=1)]
    base_delay_seconds: Annotated[float, Meta(ge=0)]
    max_delay_seconds: Annotated[float, Meta(ge=0)]
    stop_seconds: Annotated[float, Meta(ge=0)]
    max_answer_bytes: Annotated[int, Meta(ge=1)]


class Mover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pace of what moves entries between the tiers of a node, and the size of its hot tier."""

    hot_entries: Annotated[int, Meta(ge=1)]
    pause_seconds: Annotated[float, Meta(ge=0)]
    probe_seconds: Annotated[float, Meta(gt=0)]


class Migration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pace of a migration (MIG-*)."""

    keys_per_second: float
    settle_seconds: float


class Audit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The audit queue (AUD-*)."""

    workers: int
    attempts: int
    lease_seconds: float
    dedup_seconds: int
    pause_seconds: float
    anchor_leaves: int
    backlog_tasks: int
    failed_fraction: float
    enriched_days: int


class Pressure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit of submissions in flight that adapts to the queue before the store: additive increase, multiplicative decrease."""

    target_queue: Annotated[int, Meta(ge=0)]
    increase: Annotated[float, Meta(gt=0)]
    decrease: Annotated[float, Meta(gt=0, lt=1)]
    floor: Annotated[int, Meta(ge=1)]
    interval_seconds: Annotated[float, Meta(gt=0)]


class Breaker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A circuit breaker: how many failures in a row open it, and for how long."""

    failures: Annotated[int, Meta(ge=1)]
    open_seconds: Annotated[float, Meta(gt=0)]


class Failover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The probe by which agents leave a region that does not answer."""

    probe_interval_seconds: float
    probe_timeout_seconds: float
    probe_failures: int


class Heartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The synthetic heartbeat by which a run sees that a lost region's agents are served again."""

    interval_seconds: float
    timeout_seconds: float


class Alerting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How nodes are scraped and alerts evaluated, in simulation as in production."""

    scrape_seconds: float
    evaluate_seconds: float
    lookback_seconds: float
    settle_seconds: float


class Slo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Default service-level objectives."""

    rto_seconds: float
    rpo_seconds: float
    lag_p95_seconds: float
    latency_p95_seconds: float
    escalation_fraction: float
    error_fraction: float
    audit_p99_seconds: float
    audit_uncovered_fraction: float
    audit_log_lag_seconds: float
    anchor_lag_seconds: float
    siem_lag_seconds: float


class ScenarioLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scenario may ask for, so that every run ends and fits into memory."""

    max_number: float
    max_duration_seconds: float
    min_interval_seconds: float
    max_rounds: float
    max_arrivals: float
    max_regions: int
    max_agents: int
    max_parts: int


class Constants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All constants, one attribute per table of `constants.toml`."""

    record: RecordLimits
    canonical: Canonical
    signals: Signals
    budget: Budget
    judgement: Judgement
    scrutiny: Scrutiny
    vrf: Vrf
    policy: PolicyLimits
    merkle: Merkle
    node: Node
    admin: Admin
    http: Http
    tls: Tls
    garbage: Garbage
    tenants: Tenants
    wal: Wal
    clock: Clock
    ring: Ring
    replication: Replication
    feed: Feed
    transparency: Transparency
    snapshot: Snapshot
    retention: Retention
    rotten: RottenRows
    pages: Pages
    divergence: Divergence
    outbox: Outbox
    siem: Siem
    evidence: Evidence
    client: Client
    retry_after: RetryAfter
    dedup: Dedup
    tiers: Tiers
    mover: Mover
    otlp: Otlp
    migration: Migration
    audit: Audit
    pressure: Pressure
    breaker: Breaker
    failover: Failover
    heartbeat: Heartbeat
    alerting: Alerting
    slo: Slo
    scenario: ScenarioLimits


CONSTANTS = msgspec.toml.decode(files("flk.spec").joinpath("constants.toml").read_bytes(), type=Constants)
