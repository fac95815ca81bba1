"""Shadow judging: what the policy that does not judge a tenant's records would make of them (POL-13). It changes no outcome."""

from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter

import structlog

from flk.impl.server.metrics import Metrics
from flk.model.entries.entry import Claim, Outcome, Reason
from flk.model.flow.submission import Submission
from flk.model.log.frames import UNSTATED, Frame, Stated
from flk.model.log.hlc import LAST, Timestamp
from flk.model.policies.ruling import ALL, Ruling
from flk.model.programs.examine import Examine, claims_of, examine_each, one_after_the_other
from flk.model.record.record import decode
from flk.model.refusal import Refused

log = structlog.get_logger(__name__)

FAILED = "failed"
"""In place of a reason, where judging in shadow failed."""


class Shadow:
    """`Examine` for what clients send: while a policy is staged, each record is held against the other one, too, and counted.

    `stated_at` tells what the node's log states for a timestamp, `trusted` reads that. What a replay judges is not counted.
    """

    def __init__(
        self,
        examine: Examine,
        stated_at: Callable[[Timestamp], Stated],
        trusted: Callable[[Stated], Ruling],
        metrics: Metrics,
    ) -> None:
        self._examine = examine
        self._stated_at = stated_at
        self._trusted = trusted
        self._metrics = metrics
        self._candidate = ""
        self._found: Counter[tuple[Reason, str, bool]] = Counter()

    def __call__(
        self, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /
    ) -> Claim:
        """As `examine`, whatever the other policy says."""
        claim = self._examine(submission, timestamp, region, stated)
        said = stated if stated.text else self._stated_at(timestamp)
        if said.text and (ruling := self._trusted(said)).candidate:
            self._hold(ruling, submission, claim.entry.outcome)
        return claim

    def each(
        self, payloads: Sequence[bytes], timestamps: Sequence[Timestamp], region: str, stated: Stated = UNSTATED
    ) -> Sequence[Claim | Refused]:
        """As `examine_each`: by one call while nothing is on trial."""
        if timestamps and self._says_nothing(timestamps[0]) and self._says_nothing(timestamps[-1]) and not stated.text:
            return examine_each(self._examine, payloads, timestamps, region)
        return one_after_the_other(self, payloads, timestamps, region, stated)

    def _says_nothing(self, timestamp: Timestamp) -> bool:
        said = self._stated_at(timestamp)
        return not said.text or not self._trusted(said).candidate

    def claims(self, frames: tuple[Frame, ...], region: str) -> tuple[Claim, ...]:
        """As `claims_of`."""
        return claims_of(frames, region, self._examine)

    def _hold(self, ruling: Ruling, submission: Submission, outcome: Outcome) -> None:
        """Count what the other policy makes of a record. Nothing that goes wrong here is any business of the sender's."""
        if ruling.candidate != self._candidate:
            self._candidate = ruling.candidate
            self._found.clear()
        began = perf_counter()
        reason, changed = _held(ruling, submission, outcome)
        self._found[outcome.reason, reason, changed] += 1
        self._metrics.shadow(outcome.reason.value, reason, changed=changed).inc()
        self._metrics.shadow_seconds.inc(perf_counter() - began)

    def told(self) -> dict[str, str]:
        """What holds now, in words: the policies in force and on trial, and what was found since the trial began here."""
        ruling = self._trusted(self._stated_at(LAST))
        words = {"In force": ruling.in_force}
        if ruling.candidate:
            share = f"{ruling.share / ALL:.2%} of the tenants"
            found = self._found if ruling.candidate == self._candidate else Counter[tuple[Reason, str, bool]]()
            words["On trial"] = (
                f"{ruling.candidate}, which judges {share}, and holds the records of all others against it"
            )
            words["Held against the other"] = f"{found.total()} records"
            words |= {f"{reason} -> {other}": f"{times} records" for (reason, other, _), times in _changes(found)}
        return words


def _held(ruling: Ruling, submission: Submission, outcome: Outcome) -> tuple[str, bool]:
    other = ruling.other(submission.tenant)
    assert other is not None, "one is on trial"
    try:
        would = other.judge(decode(submission.body))
    except Exception:
        log.exception("policy.shadow_failed", version=other.version)
        return FAILED, True
    same = (would.accepted, would.escalated, would.reason) == (outcome.accepted, outcome.escalated, outcome.reason)
    return would.reason.value, not same


def _changes(found: Counter[tuple[Reason, str, bool]]) -> list[tuple[tuple[Reason, str, bool], int]]:
    return [(kind, times) for kind, times in found.most_common() if kind[2]]
