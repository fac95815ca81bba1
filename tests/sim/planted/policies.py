"""Bugs in what nodes do about policies."""

from collections.abc import Callable

import msgspec
from tests.sim.planted.bug import bug

from flk.model.effects import INBOX, Program, StatedPolicies
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import Timestamp
from flk.model.policies.document import DEFAULT
from flk.model.policies.ruling import ALL, Change, Kind, Ruling
from flk.model.policies.signing import PolicyKeys
from flk.model.policies.trust import Trust, Unvouched
from flk.model.programs.examine import Examine, Here
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.replay import Replayed, replay
from flk.model.programs.rule import rule
from flk.model.refusal import Unauthenticated
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL

Judge = Callable[[Stated], Stated]


def _judging(examine: Examine, judge: Judge) -> Examine:
    """The examiner, for which a frame states something else of policies."""

    def examined(submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /) -> Claim:
        return examine(submission, timestamp, region, judge(stated))

    return examined


def answers_by_the_default(submission: Submission, region: str, examine: Examine) -> Program[Response]:
    """Answer by the default policy, whatever the log states."""
    assert isinstance(examine, Here)
    return ingest(submission, region, _judging(examine._examine, lambda _: UNSTATED))


def replays_by_the_default(peer: str, examine: Examine) -> Program[Replayed]:
    """Judge what others logged by the default policy."""
    return replay(peer, _judging(examine, lambda _: UNSTATED))


def replays_by_its_own(peer: str, examine: Examine) -> Program[Replayed]:
    """Judge what others logged by what the reader's own log states."""
    own = yield from StatedPolicies(INBOX)
    return (yield from replay(peer, _judging(examine, lambda _: own)))


def replays_without_the_key(peer: str, examine: Examine) -> Program[Replayed]:
    """Judge by the default policy what nobody vouches for, so as not to wait."""

    def examined(submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /) -> Claim:
        try:
            return examine(submission, timestamp, region, stated)
        except Unvouched:
            return examine(submission, timestamp, region, UNSTATED)

    return replay(peer, examined)


def passes_over_the_unvouched(peer: str, examine: Examine) -> Program[Replayed]:
    """Take what nobody vouches for as refused, and go on behind it."""

    def examined(submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /) -> Claim:
        try:
            return examine(submission, timestamp, region, stated)
        except Unvouched:
            raise Unauthenticated("POL-5", "nobody vouches for the policy") from None

    return replay(peer, examined)


def recovers_by_the_last(region: str, examine: Examine) -> Program[Recovery]:
    """Judge the whole log by what it states last."""
    last = yield from StatedPolicies(INBOX)
    return (yield from recover(region, _judging(examine, lambda _: last)))


def stages_for_all(change: Change, keys: PolicyKeys) -> Program[Ruling]:
    """Stage for every tenant."""
    staged = change.kind is Kind.STAGED
    return rule(msgspec.structs.replace(change, share=ALL) if staged else change, keys)


def only_says_so(change: Change, keys: PolicyKeys) -> Program[Ruling]:
    """Answer that a policy was taken back, and leave it in force."""
    if change.kind is not Kind.ROLLED_BACK:
        return (yield from rule(change, keys))
    ruling = Trust(keys).ruling((yield from StatedPolicies(INBOX)))
    return msgspec.structs.replace(ruling, in_force=DEFAULT.version, candidate="", share=0)


def back_to_the_first(change: Change, keys: PolicyKeys) -> Program[Ruling]:
    """Take back everything, to the policy that was before all others."""
    if change.kind is not Kind.ROLLED_BACK:
        return (yield from rule(change, keys))
    ruling = Trust(keys).ruling((yield from StatedPolicies(INBOX)))
    version = ruling.before[0] if change.version else ""
    return (yield from rule(msgspec.structs.replace(change, version=version), keys))


BUGS = {
    "answers-by-the-default": bug(
        MODEL._replace(ingest=answers_by_the_default),
        "A node judges what it takes by the default policy; whoever replays its log, by what that states.",
        "JDG-5",
        Invariant.VERIFIED,
        Invariant.SAME_ENTRY,
    ).with_policies(),
    "replays-by-the-default": bug(
        MODEL._replace(replay=replays_by_the_default),
        "A region judges by the default policy what another logged under one of its own.",
        "POL-8",
        Invariant.VERIFIED,
        Invariant.SAME_ENTRY,
    ).with_policies(),
    "replays-by-its-own": bug(
        MODEL._replace(replay=replays_by_its_own),
        "A region judges what others logged by the policy that its own log states.",
        "JDG-5",
        Invariant.VERIFIED,
        Invariant.SAME_ENTRY,
    ).with_policies(),
    "replays-without-the-key": bug(
        MODEL._replace(replay=replays_without_the_key),
        "A region that lacks the key for policies judges by the default one meanwhile.",
        "POL-5",
        Invariant.VERIFIED,
        Invariant.SAME_ENTRY,
    ).with_policies(),
    "passes-over-the-unvouched": bug(
        MODEL._replace(replay=passes_over_the_unvouched),
        "A region that lacks the key for policies goes on behind what it cannot judge, and never comes back to it.",
        "POL-5",
        Invariant.WATERMARK,
        Invariant.CONVERGENCE,
        Invariant.NEVER_LOST,
    ).with_policies(),
    "recovers-by-the-last": bug(
        MODEL._replace(recover=recovers_by_the_last),
        "After a restart a node judges its whole log by what is in force by then.",
        "POL-9",
        Invariant.VERIFIED,
        Invariant.SAME_ENTRY,
    ).with_policies(),
    "stages-for-all": bug(
        MODEL._replace(rule=stages_for_all),
        "A policy that is staged for a share of the tenants judges them all.",
        "POL-7",
        Invariant.POLICY_CHANGES,
    ).with_policies(),
    "only-says-so": bug(
        MODEL._replace(rule=only_says_so),
        "That a policy was taken back is answered, and not logged.",
        "POL-10",
        Invariant.POLICY_ANSWERS,
    ).with_policies(),
    "back-to-the-first": bug(
        MODEL._replace(rule=back_to_the_first),
        "A rollback goes back to the first policy, and not to the last before.",
        "POL-6",
        Invariant.POLICY_CHANGES,
    ).with_policies(),
}
