"""Faults of what works behind a region's store: how they are applied."""

from collections.abc import Mapping

from flk.sim.faults import WorkerCrash
from flk.sim.injection import Handler, Handlers
from flk.sim.region import Region
from flk.sim.workers import Workers


def background_handlers(regions: Mapping[str, Region]) -> Handlers:
    """How faults of audit workers are applied."""

    def workers_of(fault: WorkerCrash) -> Workers:
        workers = regions[fault.region].workers
        assert workers is not None, "the scenario was checked: it has workers"
        return workers

    return {
        WorkerCrash: Handler(
            lambda fault: workers_of(fault).crash(fault), lambda fault: workers_of(fault).restart(fault)
        )
    }
