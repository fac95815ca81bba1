"""The names that a scenario may use for what the simulator provides: coverage marks, metrics of a run, and designs.

Measures are defined in `spec`. What each name stands for is implemented above: `world.coverage_marks` notes the marks,
`measures.metrics` computes the metrics and
`nodes.designs` holds the programs of the designs. Scenarios are checked against this table alone and import nothing above them.
"""

from collections.abc import Mapping

from flk.spec.measures import MEASURES, Measure

COVERAGE_MARKS: Mapping[str, str] = {
    "region-lost": "a region went down",
    "node-lost": "one of several nodes of a region went down",
    "recovered": "a node was level with its log, after a start or after its store had failed",
    "fell-behind": "a store did not answer a claim, and its node fell behind its log",
    "failover": "an agent left a region for another",
    "duplicate": "a claim met an entry of the same content",
    "equivocation": "a claim met an entry of another content",
    "supersession": "an entry gave way to an earlier one of another region, or of another node",
    "torn-tail": "recovery cut off the end of a write that was cut short",
    "salvaged": "a damaged segment was set aside, and what was valid in it kept",
    "gap-waited": "a replay pass stopped before a segment that was missing",
    "pass-failed": "a pass of shipping, replay or checking was refused, or met a corrupt segment",
    "snapshot": "a node wrote a snapshot",
    "removed": "a node removed segments or objects that its snapshots cover",
    "row-mended": "a node joined in again what its store had lost",
    "policy-changed": "a node's log states what an operator wanted of policies",
    "log-published": "a region published a checkpoint of its audit log",
    "log-refused": "a pass found an audit log not to be what was signed, or not to follow from its steps",
    "anchored": "an authority time-stamped a checkpoint",
    "siem-behind": "a stream to the SIEM went no further, since that took nothing",
    "object-put-back": "a node put back an object of its own that was missing or damaged",
    "sealed-by-size": "a segment was sealed because it was full",
    "shed": "a node turned a request away for lack of room",
    "breaker-open": "a circuit breaker opened",
    "shard-silent": "a request met a shard that did not answer",
    "turned-away": "a claim was refused and deferred, since only a tier that is away could tell",
    "found-cold": "a claim met its entry in the cold tier",
    "cut-over": "a store made its new shard authoritative for the keys that moved",
    "rolled-back": "a store took back the keys that were being moved",
    "task-buried": "an audit task became a dead letter",
    "outbox-reopened": "an agent read its outbox after its process had died",
    "tier-left": "a tier dropped an entry: a slower tier holds it, or its window is over",
}
"""Every coverage mark that a part of the simulator notes, and what it means."""

CONVERGED, HEALED, STATUS, ALERT = "converged", "healed", "status ", "alert "
"""Marks beside those of the table: two of their own, and two prefixes, which a status and the name of an alert follow."""


METRICS: Mapping[str, Measure] = {name: measure for name, measure in MEASURES.items() if measure.bound}
"""Every measure that the hypothesis `always` may bound; NaN where a run gives nothing to measure."""

DESIGNS: Mapping[str, str] = {
    "answer-before-durable": "answers from what was computed in memory, before the log has it",
    "ignored-store-error": "answers with the computed outcome although the store could not keep it",
    "keep-what-is-stored": "answers a claim whose key has an entry, however late, with that entry",
    "local-arrival": "replays, but skips every claim whose key has an entry here",
    "lookup-before-check": "answers a record whose id is known without checking its signature",
    "mark-before-upload": "moves the watermark of shipping before it uploads",
    "stepped-over-gap": "ships newest first, and replays whatever is listed, missing segments or not",
    "unsealed-shipping": "ships the open segment too, and replays segments as they are found",
}
"""The refuted designs of the gallery that the simulator has programs of, and what each does instead of the model's programs."""
