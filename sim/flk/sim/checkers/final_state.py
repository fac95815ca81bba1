"""What can be judged only when a run is over."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import NamedTuple, TypeAlias

from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.log.frames import Frame, Stated, region_of
from flk.model.log.hlc import Timestamp, text
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.ship import PREFIX
from flk.sim.checkers.convergence import Agreement
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Region
from flk.sim.oracle import frames as oracle
from flk.sim.world.watched import WatchedObjects, WatchedTiers

Promise: TypeAlias = tuple[Timestamp, str]


class Ending(NamedTuple):
    """The state a run ended in: all that is durable anywhere, and whether every node had come to rest with the others."""

    regions: Mapping[str, Region]
    frames: Mapping[str, AbstractSet[Frame]]
    at_rest: bool


def ending(regions: Mapping[str, Region], objects: WatchedObjects, agreement: Agreement) -> Ending:
    """The state of a run that is over. What was removed on purpose counts as durable: snapshots stand for it (RET-1)."""
    nodes = [place.node for region in regions.values() for place in region.places]
    level = all(node is not None and node.level and not node.memory.in_flight for node in nodes)
    frames = durable_frames(regions.values(), objects.objects | objects.removed)
    return Ending(regions, frames, level and not agreement.differing)


def judge_acknowledged(
    ending: Ending,
    promises: Mapping[Key, Promise],
    gone: AbstractSet[Promise],
    checks: Checks,
    invariant: Invariant = Invariant.NEVER_LOST,
) -> int:
    """What was acknowledged is stored, or an earlier entry in its place, unless it was on a lost disk only.

    What is still in a log, in a run that did not come to rest, may yet be stored. Returns how many keys are gone for good: a
    record that was also sent elsewhere, later, is not.
    """
    lost = 0
    for key, promise in promises.items():
        entries = [region.entries.entries.get(key) for region in ending.regions.values()]
        kept = any(entry is not None and (entry.timestamp, entry.region) <= promise for entry in entries)
        excused = not kept and promise in gone
        lost += excused and not any(entries)
        waits = not ending.at_rest and any(promise[0] == frame.timestamp for frame in ending.frames.get(promise[1], ()))
        if not kept and waits:
            checks.undecided(invariant)
        else:
            checks.require(invariant, kept or excused, promise[1], "end", partial(_gone, key, promise))
    return lost


def judge_outcomes(ending: Ending, examine: Examine, may_keep: Callable[[str, Claim], bool], checks: Checks) -> None:
    """Every region stores what the model makes of all frames that are durable anywhere.

    A region may keep claims whose frames rotted, and are in no object: WAL-4 saves what can be read. Or it stored such a claim
    until its window was over, and what came later since.
    """
    if not ending.at_rest:
        checks.undecided(Invariant.FOLD)
        return
    expected = outcomes(ending.frames, examine)
    for name, region in ending.regions.items():
        stored, tiers = region.entries.entries, region.entries.tiers
        forgotten = tiers.forgotten if isinstance(tiers, WatchedTiers) else {}

        def is_rotten(key: Key, held: Entry | None, name: str = name) -> bool:
            return held is not None and may_keep(name, Claim(key, held))

        wrong = [
            key
            for key in expected.keys() | stored.keys()
            if expected.get(key) != stored.get(key)
            and not (key in expected and region.has_outlived(expected[key]))
            and not (is_rotten(key, stored.get(key)) or is_rotten(key, forgotten.get(key)))
        ]
        checks.require(Invariant.FOLD, not wrong, name, "end", partial(_wrong, wrong, len(expected)))


def _gone(key: Key, promise: Promise) -> str:
    return f"{key.tenant}/{key.pcs_id[:12]} was acknowledged as {text(promise[0])} of {promise[1]}, and is gone"


def _wrong(keys: Sequence[Key], entries: int) -> str:
    return f"{len(keys)} of {entries} entries are not the model's, {min(keys).pcs_id[:12]} first"


def durable_frames(regions: Iterable[Region], objects: Mapping[str, bytes]) -> dict[str, set[Frame]]:
    """Every frame on a disk or in an object, by the region that logged it."""
    shipped = ((name, oracle.read(content)) for name, content in objects.items() if name.startswith(PREFIX))
    # What says that it is another is what somebody else put there.
    segments = [(region_of(found.name), found) for name, found in shipped if name == PREFIX + found.name]
    for disk in (place.disk for region in regions for place in region.places):
        here = (oracle.read(bytes(disk.segments[name]), disk.salt(name)) for name in disk.names(INBOX))
        segments += [(disk.region, found) for found in here]
    frames: dict[str, set[Frame]] = {}
    for origin, segment in segments:
        frames.setdefault(origin, set()).update(map(_frame, segment.data))
    return frames


def _frame(found: oracle.Found) -> Frame:
    return Frame(Timestamp(found.timestamp), found.payload, Stated(Timestamp(found.since), found.stated))


def outcomes(frames: Mapping[str, AbstractSet[Frame]], examine: Examine) -> dict[Key, Entry]:
    """The join of all that the frames claim: what every region should store."""
    stored: dict[Key, Entry] = {}
    for origin, logged in frames.items():
        for claim in claims_of(sorted(logged), origin, examine):
            earlier = stored.get(claim.key)
            stored[claim.key] = claim.entry if earlier is None else join(earlier, claim.entry)
    return stored
