"""Each record is examined once: three regions, the invariants and the verdict ask for the same one."""

from bisect import bisect_right
from functools import lru_cache

from flk.model.compiled.examiner import examining
from flk.model.entries.entry import Claim, Entry
from flk.model.flow.submission import Submission
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import Timestamp, wall_seconds
from flk.model.programs.examine import Examine
from flk.model.record.signing import Keyring
from flk.model.refusal import Refused

REMEMBERED = 1 << 16


@lru_cache(maxsize=4)
def remembering(keyring: Keyring, size: int = REMEMBERED) -> Examine:
    """`examine` with these keys, which remembers the last `size` claims and refusals. All runs with one keyring share a memory.

    What is claimed depends on the tenant, the body, which of the tenant's keys are live and what the log states of policies, beside
    where and when it was logged.
    """
    examine = examining(keyring)
    known: dict[tuple[str, bytes, int, bytes], Claim | Refused] = {}

    def remembered(submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /) -> Claim:
        tenant, body = submission.tenant, submission.body
        place = tenant, body, bisect_right(keyring.key_changes(tenant), wall_seconds(timestamp)), stated.text
        found = known.get(place)
        if found is None:
            found = known[place] = examined(submission, timestamp, region, stated)
            if len(known) > size:
                del known[next(iter(known))]
        if isinstance(found, Refused):
            raise found.with_traceback(None)
        key, entry = found
        return Claim(key, Entry(timestamp, region, entry.digest, entry.outcome))

    def examined(submission: Submission, timestamp: Timestamp, region: str, stated: Stated) -> Claim | Refused:
        try:
            return examine(submission, timestamp, region, stated)
        except Refused as refusal:
            return refusal

    return remembered


def once_a_frame(examine: Examine) -> Examine:
    """`examine` for one run: what a logged frame claims is worked out once, and is one object however often it is asked for.

    Every region that replays the frame asks, the invariants do, and so does the verdict; what they get can be compared by identity.
    """
    known: dict[tuple[Timestamp, str, bytes], tuple[Submission, Claim]] = {}

    def examined(submission: Submission, timestamp: Timestamp, region: str, stated: Stated = UNSTATED, /) -> Claim:
        frame = timestamp, region, stated.text
        found = known.get(frame)
        if (
            found is not None and found[0] == submission
        ):  # a log whose clock went back may have another frame at that time
            return found[1]
        claim = examine(submission, timestamp, region, stated)
        known[frame] = submission, claim
        return claim

    return examined
