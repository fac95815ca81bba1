"""What was judged of submissions, compared with what a second implementation makes of the bytes in the log.

Everything else that is checked of entries trusts `examine`; here it is `examine` that is checked, and with it the canonical form,
the keys, the digest, the judgement and the answers.
"""

import json

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.log.hlc import Timestamp, text
from flk.model.record.signing import Keyring
from flk.sim.checkers.invariants import Checks, Invariant, Together
from flk.sim.checkers.policies import POLICY_KEYS, PolicyRules
from flk.sim.checkers.statements import Statements
from flk.sim.oracle import signatures
from flk.sim.oracle.clocks import stamp
from flk.sim.oracle.notary import Notary, Opinion, notary
from flk.sim.world.events import Claimed, Logged, Merged, Replied
from flk.sim.world.observer import Observer

ALL, SAMPLED = 2000, 16
"""So many frames of a run are judged, and of those after them one in so many: a second opinion takes its time."""
_STATED = 200, 202, 409
AN_ENTRY = Together(Invariant.AUTHENTIC, Invariant.SAME_ENTRY)
AN_ANSWER = Together(Invariant.SAME_ANSWER)


def notary_of(keyring: Keyring) -> Notary | None:
    """A notary with the keys of a keyring; None if one of them does not show what it is made of."""
    keys = []
    for tenant, several in keyring.live_keys.items():
        if any(not live.material for live in several):
            return None
        shown = (
            signatures.Key(str(live.algorithm), live.material, live.not_before, live.not_after) for live in several
        )
        keys.append((tenant, tuple(shown)))
    return notary(tuple(keys), tuple(str(profile) for profile in keyring.profiles), POLICY_KEYS)


class SecondOpinions:
    """Checks every claim that reaches a store and every answer to what was logged, by the opinion of a notary."""

    def __init__(self, statements: Statements, who: Notary, policies: PolicyRules, checks: Checks) -> None:
        self._statements = statements
        self._notary = who
        self._policies = policies
        self._checks = checks
        self._frames = 0
        self._opinions: dict[
            tuple[str, Timestamp], list[Opinion]
        ] = {}  # of each frame with the timestamp, the latest last
        self._of_nodes: dict[tuple[str, Timestamp], Opinion] = {}  # the latest of each node's frames with the timestamp
        self._agreed: dict[tuple[str, Timestamp], Entry] = {}

    def observe(self, observer: Observer) -> None:
        """Check what is made of each frame."""
        observer.handle(Logged, self._logged)
        observer.handle(Claimed, lambda event: self._check(event.region, "Store", event.claim))
        observer.handle(Merged, lambda event: self._check(event.region, "Merge", event.claim))
        observer.handle(Replied, self._replied)

    def _logged(self, event: Logged) -> None:
        self._frames += 1
        if self._frames <= ALL or not self._frames % SAMPLED:
            frame = event.frame
            stated = self._policies.stated(event.node, frame.timestamp)
            opinion = self._notary.opinion(frame.payload, stamp(frame.timestamp).wall, stated)
            self._opinions.setdefault((event.region, frame.timestamp), []).append(opinion)
            self._of_nodes[event.node, frame.timestamp] = opinion

    def _check(self, region: str, event: str, claim: Claim) -> None:
        """A claim is that of its frame, by keys that were live when it was logged, wherever and whenever it is made."""
        key, entry = claim
        origin = entry.region, entry.timestamp
        if self._agreed.get(origin) is entry:
            self._checks.hold(AN_ENTRY)
            return
        opinions = self._opinions.get(origin)
        if opinions is None:
            return
        said = key.tenant, key.pcs_id, entry.digest
        opinion = next((one for one in opinions if (one.tenant, one.pcs_id, one.digest) == said), opinions[-1])
        where = f"frame {text(entry.timestamp)} of {entry.region}"
        authentic = self._checks.require(
            Invariant.AUTHENTIC,
            not opinion.refusal,
            region,
            event,
            lambda: f"{where} claims {key.pcs_id[:12]}, and deserves {opinion.refusal}",
        )
        if not authentic:
            return
        found = entry.outcome
        outcome = found.accepted, found.escalated, str(found.reason), found.recomputed_D_hat, found.recomputed_budget
        same = (
            (key.tenant, key.pcs_id) == (opinion.tenant, opinion.pcs_id)
            and entry.digest == opinion.digest
            and outcome == opinion.outcome
        )
        self._checks.require(
            Invariant.SAME_ENTRY,
            same,
            region,
            event,
            lambda: (
                f"{where} has digest {entry.digest[:12]} and {outcome}, due are {opinion.digest[:12]}, {opinion.outcome}"
            ),
        )
        if same:
            self._agreed[origin] = entry

    def _replied(self, event: Replied) -> None:
        """A refusal is the one deserved; a stored outcome is stated field by field, under the status that follows from it."""
        opinion = None if event.logged is None else self._of_nodes.get((event.node, event.logged))
        if opinion is None:
            return
        status = event.response.status
        if opinion.refusal or status not in _STATED:
            right = status == opinion.refusal or (status == 503 and not opinion.refusal)
            self._checks.require(
                Invariant.SAME_ANSWER,
                right,
                event.region,
                "reply",
                lambda: f"{status} was answered, where {opinion.refusal or 'a stored outcome'} is due",
            )
            return
        stored = self._statements.stated(event, Key(opinion.tenant, opinion.pcs_id))
        if stored is None:
            return  # what is not stored cannot have been stated: that is judged by `reply-is-the-stored-outcome`
        wrong = _misstated(json.loads(event.response.body), opinion, stored)
        due = 409 if stored.digest != opinion.digest else 202 if stored.outcome.escalated else 200
        if status == due and not wrong:
            self._checks.hold(AN_ANSWER)
        else:
            self._checks.deny(
                Invariant.SAME_ANSWER,
                event.region,
                "reply",
                lambda: f"{status} was answered where {due} is due, with another {wrong or 'status'}",
            )


def _misstated(said: dict[str, object], opinion: Opinion, stored: Entry) -> str:
    """The first field of an answer that is not as it is stored (ORD-7); empty if there is none."""
    outcome = stored.outcome
    due = {
        "pcs_id": opinion.pcs_id,
        "digest": stored.digest,
        "timestamp": f"{stored.timestamp:016x}",
        "region": stored.region,
        "accepted": outcome.accepted,
        "escalated": outcome.escalated,
        "reason": str(outcome.reason),
        "recomputed_D_hat": outcome.recomputed_D_hat,
        "recomputed_budget": outcome.recomputed_budget,
    }
    return next((name for name, value in due.items() if said.get(name) != value), "")
