"""Changing what a node's log states of policies (POL-5, POL-6, POL-9)."""

from flk.model.effects import INBOX, Clock, Program, StatedPolicies, StatePolicies
from flk.model.policies.ruling import Change, Conflict, Ruling, changed, encoded
from flk.model.policies.signing import PolicyKeys, require_signed
from flk.model.policies.trust import Trust, Unvouched, require_sound


def rule(change: Change, keys: PolicyKeys) -> Program[Ruling]:
    """Make a change, durably, and return what holds now. Records that are logged from now on are judged by it, and none before.

    Raises Unsigned for a policy that no known key signed, Refused for one with a mistake (POL-2), Conflict where the change cannot
    be made; nothing is changed then.
    """
    if change.policy is not None:
        require_signed(change.policy, keys)
        require_sound(change.policy)
    stated = yield from StatedPolicies(INBOX)
    try:
        ruling = Trust(keys).ruling(stated)
    except Unvouched as doubt:
        raise Conflict(str(doubt)) from None
    made = changed(ruling, change, (yield from Clock()))
    if made != ruling:
        yield from StatePolicies(INBOX, stated.text, encoded(made))
    return made


def in_force(keys: PolicyKeys) -> Program[Ruling]:
    """What holds now. Raises Unvouched if that is not signed by known keys."""
    return Trust(keys).ruling((yield from StatedPolicies(INBOX)))
