"""The end of a drill: every acknowledged record is asked for again at every region, and every object is read.

A repeat gets the stored outcome (DUP-2). A region that does not store the record any more logs it anew, and says so by a timestamp
that is not before the question: so an answer tells whether the region had it, and which entry.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from flk.impl.drill.clients import Stated
from flk.impl.drill.history import Key, Rank
from flk.impl.drill.nodes import posted
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.flow.submission import Submission
from flk.model.log.frames import Frame, region_of, scan
from flk.model.log.hlc import at, text
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.ship import PREFIX

TRIES, PAUSE = 20, 0.25
TIMEOUT = 10.0


class Held(msgspec.Struct, frozen=True):
    """What a region said of a key: the entry that it had before it was asked (empty strings: none)."""

    timestamp: str = ""
    region: str = ""
    digest: str = ""

    @property
    def rank(self) -> Rank | None:
        """What decides between entries; None if the region had none."""
        return Rank(self.timestamp, self.region) if self.timestamp else None


def ask_all(submissions: Mapping[Key, Submission], ports: Mapping[str, int]) -> dict[str, dict[Key, Held]]:
    """What each region holds of each key that it answers for. All are asked at once: none learns from another what it has lost."""

    def ask(region: str) -> dict[Key, Held]:
        began, found = text(at(time.time())), dict[Key, Held]()
        for key, submission in submissions.items():
            for _ in range(TRIES):
                response = posted(ports[region], submission, TIMEOUT)
                if response is not None and response.status in ACKNOWLEDGED:
                    stated = msgspec.json.decode(response.body, type=Stated)
                    found[key] = Held(*stated_entry(stated)) if stated.timestamp < began else Held()
                    break
                time.sleep(PAUSE)
            else:
                return found  # it does not answer; nor will it for the others
        return found

    with ThreadPoolExecutor(len(ports)) as pool:
        return dict(zip(ports, pool.map(ask, ports), strict=True))


def stated_entry(stated: Stated) -> tuple[str, str, str]:
    """Which entry an answer tells of."""
    return stated.timestamp, stated.region, stated.digest


def frames_in(objects: Mapping[str, bytes]) -> dict[str, tuple[Frame, ...]]:
    """The frames that can be read in objects, by the region that logged them."""
    found: dict[str, tuple[Frame, ...]] = {}
    for name, content in objects.items():
        region = region_of(name.removeprefix(PREFIX))
        found[region] = (*found.get(region, ()), *scan(content).frames)
    return found


def keys_in(objects: Mapping[str, bytes], examine: Examine) -> set[Key]:
    """The keys that objects claim."""
    claims = (claim for region, frames in frames_in(objects).items() for claim in claims_of(frames, region, examine))
    return {(claim.key.tenant, claim.key.pcs_id) for claim in claims}


def timestamps_in(objects: Mapping[str, bytes]) -> frozenset[str]:
    """The timestamps of the frames in objects of one region."""
    return frozenset(text(frame.timestamp) for frames in frames_in(objects).values() for frame in frames)


def unlike(held: Mapping[str, Mapping[Key, Held]], keys: Iterable[Key]) -> list[Key]:
    """The keys of which the regions do not hold the same entry."""
    regions: Sequence[Mapping[Key, Held]] = list(held.values())
    return [key for key in keys if len({region.get(key) for region in regions}) > 1]
