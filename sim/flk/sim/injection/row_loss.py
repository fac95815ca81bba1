"""Entries that a store loses in silence: only a comparison with other regions can tell (DIV-*)."""

from collections.abc import Mapping

from flk.sim.injection.injector import Handler, Handlers, felt_elsewhere
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import RowLoss


def row_loss_handlers(regions: Mapping[str, Region]) -> Handlers:
    """How the loss of rows is applied."""
    return {RowLoss: Handler(lambda fault: _lose(fault, regions), felt_elsewhere)}


def _lose(fault: RowLoss, regions: Mapping[str, Region]) -> None:
    """Let entries be gone that every region stores alike: of others nobody might be left who knows them."""
    region = regions[fault.region]
    held = region.entries.entries
    stores = [other.entries.entries for other in regions.values()]
    everywhere = sorted(key for key, entry in held.items() if all(store.get(key) == entry for store in stores))
    random = RandomStream(region.world.seed, "rows").generator(fault.id)
    lost = random.sample(everywhere, min(len(everywhere), int(fault.share * len(held))))
    region.world.trace.event(region.world.simulator.now, fault.region, "rows", f"{len(lost)} lost")
    region.entries.lose(lost)
