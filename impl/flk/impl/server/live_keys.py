"""The keys of a node that runs: read at its start, and again whenever somebody asks (SIGN-8)."""

from pathlib import Path

from flk.impl.keys import keyring_of, read_keys
from flk.model.compiled.examiner import examining
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Submission
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.programs.examine import claims_of
from flk.model.record.canonical import Profile


class LiveKeys:
    """`examine` with the keys that the file had when it was last read. Raises UnusableInput as `load_keys` does.

    A key that leaves the file is unknown to every later replay, too; one that ends has a `not_after` and stays (SIGN-4).
    """

    def __init__(self, path: Path, profiles: tuple[Profile, ...]) -> None:
        self.path = path
        self._profiles = profiles
        self.reload()

    def __call__(self, submission: Submission, timestamp: Timestamp, region: str) -> Claim:
        """As `examine`."""
        return self._examine(submission, timestamp, region)

    def claims(self, frames: tuple[Frame, ...], region: str) -> tuple[Claim, ...]:
        """As `claims_of`."""
        return claims_of(frames, region, self._examine)

    def reload(self) -> None:
        """Read the file again. Raises UnusableInput, with the keys as they were, if there is a mistake in it."""
        self.entries = read_keys(self.path)
        self._examine = examining(keyring_of(self.entries, self._profiles))
