"""The keys of a node that runs: read at its start, and again whenever somebody asks (SIGN-8)."""

from collections.abc import Callable, Sequence
from pathlib import Path

from flk.impl.keys import keyring_of, policy_verifiers, read_keys
from flk.impl.server.integrating import Keys
from flk.model.compiled.examiner import examining
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Submission, from_payload
from flk.model.log.frames import UNSTATED, Frame, Stated
from flk.model.log.hlc import Timestamp, wall_seconds
from flk.model.policies.document import VrfMode
from flk.model.policies.ruling import Ruling
from flk.model.policies.signing import PolicyKeys
from flk.model.programs.examine import Examine, claims_of, examine_each, trust_of
from flk.model.record.canonical import Profile
from flk.model.record.drawing import require_drawn
from flk.model.record.record import decode
from flk.model.refusal import Refused, Unauthenticated


class LiveKeys:
    """`examine` with the keys that the file had when it was last read. Raises UnusableInput as `load_keys` does.

    A key that leaves the file is unknown to every later replay, too; one that ends has a `not_after` and stays (SIGN-4).
    """

    def __init__(self, path: Path, profiles: tuple[Profile, ...]) -> None:
        self.path = path
        self._profiles = profiles
        self.reload()

    @property
    def policy_keys(self) -> PolicyKeys:
        """Who may sign policies (POL-5)."""
        return self._keyring.policy_keys

    @property
    def told(self) -> Keys:
        """The keys, as another process can be told them."""
        policies = sorted((name, key.material) for name, key in self.policy_keys.items())
        return Keys(self.entries, self._profiles, tuple(policies))

    def ruling(self, stated: Stated) -> Ruling:
        """What a log states of policies. Raises Unvouched if no key of the file signed that (POL-5)."""
        return trust_of(self._keyring).ruling(stated)

    def __call__(
        self, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /
    ) -> Claim:
        """As `examine`."""
        return self._examine(submission, timestamp, region, stated)

    def doubting(self, doubtful: Callable[[str], object]) -> Examine:
        """`examine` for what comes in: of a record that is taken, and would not be if the policy enforced the proofs of seeds that
        it has on trial, `doubtful` is told the requirement (VRF-6).
        """
        return _Doubting(self, doubtful)

    def doubt(self, submission: Submission, timestamp: Timestamp, stated: Stated) -> str:
        """The requirement by which a record that is taken would be refused if its policy did not have proofs of seeds on trial."""
        if trust_of(self._keyring).ruling(stated).of(submission.tenant).vrf is VrfMode.SHADOW:
            try:
                keys = self._keyring.vrf_keys(submission.tenant, wall_seconds(timestamp))
                require_drawn(decode(submission.body), keys)
            except Unauthenticated as refusal:
                return refusal.requirement
        return ""

    def each(
        self, payloads: Sequence[bytes], timestamps: Sequence[Timestamp], region: str, stated: Stated = UNSTATED
    ) -> Sequence[Claim | Refused]:
        """As `examine_each`."""
        return examine_each(self._examine, payloads, timestamps, region, stated)

    def claims(self, frames: tuple[Frame, ...], region: str) -> tuple[Claim, ...]:
        """As `claims_of`."""
        return claims_of(frames, region, self._examine)

    def reload(self) -> None:
        """Read the file again. Raises UnusableInput, with the keys as they were, if there is a mistake in it."""
        self.entries = read_keys(self.path)
        self._keyring = keyring_of(self.entries, self._profiles, policy_verifiers(self.path))
        self._examine = examining(self._keyring)


class _Doubting:
    """`examine`, and what would be refused is told."""

    def __init__(self, keys: LiveKeys, doubtful: Callable[[str], object]) -> None:
        self._keys = keys
        self._doubtful = doubtful

    def __call__(
        self, submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /
    ) -> Claim:
        claim = self._keys(submission, timestamp, region, stated)
        if stated.text and (doubt := self._keys.doubt(submission, timestamp, stated)):
            self._doubtful(doubt)
        return claim

    def each(
        self, payloads: Sequence[bytes], timestamps: Sequence[Timestamp], region: str, stated: Stated = UNSTATED
    ) -> Sequence[Claim | Refused]:
        found = self._keys.each(payloads, timestamps, region, stated)
        if stated.text:
            for payload, timestamp, one in zip(payloads, timestamps, found, strict=True):
                if not isinstance(one, Refused) and (
                    doubt := self._keys.doubt(from_payload(payload), timestamp, stated)
                ):
                    self._doubtful(doubt)
        return found
