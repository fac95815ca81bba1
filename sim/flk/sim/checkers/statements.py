"""What a store has said of its entries, for whoever checks the answers that were made of it."""

from collections.abc import Mapping

from flk.model.entries.entry import Entry, Key
from flk.model.log.hlc import Timestamp
from flk.sim.nodes.region import Region
from flk.sim.world.events import Claimed, Replied
from flk.sim.world.observer import Observer


class Statements:
    """A node that has its store beside it answers in the moment of its claim. From a store that several share an answer takes a
    while, in which the entry may give way to an earlier one: there what counts is what was stored at the moment of the claim
    (DUP-10).
    """

    def __init__(self, regions: Mapping[str, Region], *, shared: bool) -> None:
        self._regions = regions
        self._shared = shared
        self._claims: dict[tuple[str, Timestamp], Entry] = {}

    def observe(self, observer: Observer) -> None:
        """Note what each claim of a node was told, where several share a store."""
        if self._shared:
            observer.handle(Claimed, self._note)

    def _note(self, event: Claimed) -> None:
        self._claims[event.node, event.claim.entry.timestamp] = event.stored

    def stated(self, event: Replied, key: Key) -> Entry | None:
        """The entry that an answer is to be made of; None if the store had none."""
        if not self._shared:
            return self._regions[event.region].stated(key)
        return None if event.logged is None else self._claims.get((event.node, event.logged))
