"""What logs still have of entries that the cold tier has lost (TIR-6)."""

from collections.abc import Callable, Sequence

from flk.model.effects import INBOX, GetObject, ListObjects, Program, Segments
from flk.model.entries.entry import Claim, Key
from flk.model.log.frames import CorruptSegment, sealed_frames
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.repair import read
from flk.model.programs.ship import PREFIX
from flk.model.refusal import Unavailable


def logged(
    region: str, others: Sequence[str], examine: Examine, is_wanted: Callable[[Key], bool]
) -> Program[tuple[Claim, ...]]:
    """The claims of such keys in the node's own log, and in what its region and the `others` have shipped, as far as that can be
    read.
    """
    found: list[Claim] = []
    for name in (yield from Segments(INBOX, after="")):
        reading = yield from read(INBOX, name)
        found += (claim for claim in claims_of(reading.frames, region, examine) if is_wanted(claim.key))
    for other in (region, *others):
        try:
            for full in (yield from ListObjects(f"{PREFIX}{other}.", after="")):
                content = yield from GetObject(full)
                frames = () if content is None else sealed_frames(full.removeprefix(PREFIX), content)
                found += (claim for claim in claims_of(frames, other, examine) if is_wanted(claim.key))
        except (Unavailable, CorruptSegment):
            continue
    return tuple(found)
