"""What is believed of what a log states: policies that a known key signed, and no others (POL-5, POL-9)."""

from flk.model.log.frames import CorruptSegment, Stated
from flk.model.policies.ruling import NO_RULING, Ruling, decoded
from flk.model.policies.signing import PolicyKeys, Unsigned, require_signed

_REMEMBERED = 64


class Unvouched(CorruptSegment):
    """A segment states a policy that no known key signed, or what is no ruling: nothing in it is judged until that is mended."""


class Trust:
    """Whom a node believes about policies."""

    def __init__(self, keys: PolicyKeys) -> None:
        self._keys = keys
        self._known: dict[bytes, Ruling] = {}

    def ruling(self, stated: Stated) -> Ruling:
        """What is stated, if known keys signed every policy in it. Raises Unvouched."""
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
        for policy in ruling.policies:
            try:
                require_signed(policy, self._keys)
            except Unsigned as refused:
                raise Unvouched(f"POL-5: a segment cannot be judged: {refused.detail}") from None
        return ruling
