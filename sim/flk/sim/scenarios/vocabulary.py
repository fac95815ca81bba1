"""The names that a scenario may use for what the simulator provides: coverage marks, metrics of a run, and designs.

What each name stands for is implemented above: `world.coverage_marks` notes the marks, `measures.metrics` computes the metrics and
`nodes.designs` holds the programs of the designs. Scenarios are checked against this table alone and import nothing above them.
"""

from collections.abc import Mapping
from typing import NamedTuple

COVERAGE_MARKS: Mapping[str, str] = {
    "region-lost": "a region went down",
    "recovered": "a node was level with its log, after a start or after its store had failed",
    "fell-behind": "a store did not answer a claim, and its node fell behind its log",
    "failover": "an agent left a region for another",
    "duplicate": "a claim met an entry of the same content",
    "equivocation": "a claim met an entry of another content",
    "supersession": "an entry gave way to an earlier one of another region",
    "torn-tail": "recovery cut off the end of a write that was cut short",
    "salvaged": "a damaged segment was set aside, and what was valid in it kept",
    "gap-waited": "a replay pass stopped before a segment that was missing",
    "pass-failed": "a pass of shipping or replay was refused, or met a corrupt segment",
    "sealed-by-size": "a segment was sealed because it was full",
    "shed": "a node turned a request away for lack of room",
    "breaker-open": "a circuit breaker opened",
    "shard-silent": "a request met a shard that did not answer",
    "turned-away": "a claim was refused and deferred, since only a tier that is away could tell",
    "found-cold": "a claim met its entry in the cold tier",
    "cut-over": "a store made its new shard authoritative for the keys that moved",
    "rolled-back": "a store took back the keys that were being moved",
    "task-buried": "an audit task became a dead letter",
    "tier-left": "a tier dropped an entry: a slower tier holds it, or its window is over",
}
"""Every coverage mark that a part of the simulator notes, and what it means."""

CONVERGED, HEALED, STATUS, ALERT = "converged", "healed", "status ", "alert "
"""Marks beside those of the table: two of their own, and two prefixes, which a status and the name of an alert follow."""


class Metric(NamedTuple):
    """What the name of a metric stands for; NaN where the run gave nothing to measure.

    A metric `of_span` can be narrowed to the time of a fault; any other is of the whole run. The unit is `s`, `1/s`, a noun, or `%`
    for a share from 0 to 1, which is shown in percent.
    """

    meaning: str
    unit: str = ""
    of_span: bool = True


METRICS: Mapping[str, Metric] = {
    "latency_p50": Metric("half of the acknowledged attempts took no longer", "s"),
    "latency_p95": Metric("95 % of the acknowledged attempts took no longer", "s"),
    "latency_p99": Metric("99 % of the acknowledged attempts took no longer", "s"),
    "latency_max": Metric("the longest acknowledged attempt", "s"),
    "attempts": Metric("attempts to deliver"),
    "errors": Metric("share of answered attempts with a status of 500 or more", "%"),
    "shed": Metric("share of answered attempts that were turned away with 429", "%"),
    "unanswered": Metric("share of attempts without an answer", "%"),
    "goodput": Metric("acknowledgements a second", "1/s"),
    "delivered": Metric("share of what agents were given that was acknowledged by the end of the run", "%"),
    "delivery_p95": Metric("95 % of the acknowledged records took no longer, from when an agent was given them", "s"),
    "delivery_max": Metric("longest time from when an agent was given a record to its acknowledgement", "s"),
    "lag_p95": Metric("replication lag, 95 % of the time, worst pair of regions", "s"),
    "lag_max": Metric("greatest replication lag of any pair of regions", "s"),
    "differing_max": Metric("most keys that differed between regions", "keys"),
    "audit_backlog_max": Metric("most unfinished audit tasks of a region", "tasks"),
    "owed_max": Metric("most claims that waited for a tier of a region's store", "claims"),
    "rpo": Metric("age of the oldest acknowledged record that was lost with a region", "s", of_span=False),
    "rto": Metric("from the loss of a region until its agents are served again", "s", of_span=False),
    "escalated": Metric("share of stored outcomes that are escalated", "%", of_span=False),
    "lost": Metric("acknowledged records that no region stores any more", "records", of_span=False),
    "dead": Metric("honest records that were dead-lettered by their agents", "records", of_span=False),
    "forged": Metric("forged records that agents were given", "records", of_span=False),
    "equivocating": Metric("equivocating records that agents were given", "records", of_span=False),
    "replayed": Metric("recorded submissions that attackers sent again", "", of_span=False),
    "withheld": Metric("requests that a circuit breaker held back", "", of_span=False),
    "retries": Metric("attempts beyond the first of each record", "", of_span=False),
    "undelivered": Metric("records without a final answer when the run ended", "records", of_span=False),
    "refused_near": Metric(
        "claims of hot and warm keys that were refused for a tier that was away", "claims", of_span=False
    ),
    "audit_uncovered": Metric("share of finished audit tasks without effect, worst region", "%", of_span=False),
}
"""Every metric that the hypothesis `always` may bound."""

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
