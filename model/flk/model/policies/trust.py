"""What is believed of what a log states: policies without a mistake that a known key signed, and no others (POL-5, POL-9)."""

import msgspec

from flk.model.log.frames import CorruptSegment, Stated
from flk.model.policies.document import Policy
from flk.model.policies.reading import read
from flk.model.policies.ruling import NO_RULING, Ruling, decoded
from flk.model.policies.signing import PolicyKeys, require_signed
from flk.model.refusal import Refused

_REMEMBERED = 64


class Unvouched(CorruptSegment):
    """A segment states a policy that no known key signed or that has a mistake, or what is no ruling: nothing in it is judged until
    that is mended.
    """


class Trust:
    """Whom a node believes about policies."""

    def __init__(self, keys: PolicyKeys) -> None:
        self._keys = keys
        self._known: dict[bytes, Ruling] = {}

    def ruling(self, stated: Stated) -> Ruling:
        """What is stated, if every policy in it is one, and known keys signed it. Raises Unvouched."""
        if not stated.text:
            return NO_RULING
        found = self._known.get(stated.text)
        if found is None:
            found = self._known[stated.text] = self._checked(stated.text)
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return found

    def _checked(self, text: bytes) -> Ruling:
        try:
            ruling = decoded(text)
        except ValueError as error:
            raise Unvouched(f"POL-9: a segment states no ruling of policies that can be read: {error}") from None
        try:
            for policy in ruling.policies:
                require_signed(policy, self._keys)
            for policy in ruling.policies:
                require_sound(policy)
        except Refused as refused:
            raise Unvouched(f"{refused.requirement}: a segment cannot be judged: {refused.detail}") from None
        return ruling


def require_sound(policy: Policy) -> None:
    """Return if a policy has no mistake. Raises Refused, which says what is wrong and how to mend it (POL-2)."""
    for mistake in read(msgspec.json.encode(policy)).mistakes:
        said = f"policy {policy.version}: {mistake.field} {mistake.problem}; {mistake.mend}"
        raise Refused("POL-2", said, field=mistake.field)
