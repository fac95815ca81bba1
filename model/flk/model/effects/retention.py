"""Effects that remove what is covered by snapshots (RET-*). Repeating one changes nothing."""

from flk.model.effects.effect import Effect
from flk.model.log.manifest import Inventory


class Noted(Effect[Inventory], frozen=True):
    """What the manifest of a log says, as `Inspect` has it, without a look at any segment."""

    log: str


class Release(Effect[tuple[str, ...]], frozen=True):
    """Note durably that the segments of a log up to `last` are removed on purpose: from now on they are none of its `Segments`,
    and nobody misses them (RET-4). `last` is never the last of the log, whose number the next one follows.

    Results in the names of all segments released so far whose bytes are still there.
    """

    log: str
    last: str


class RemoveSegment(Effect[None], frozen=True):
    """Delete the bytes of a segment that was released."""

    name: str


class DeleteObject(Effect[None], frozen=True):
    """Delete an object, if there is one of that name."""

    name: str
