"""Faults of what works behind a region's store: how they are applied."""

from collections.abc import Mapping

from flk.sim.injection.injector import Handler, Handlers
from flk.sim.nodes.migration import migrator_of, resharding_of
from flk.sim.nodes.parts import AuditWorkers
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import DualWriteFailure, MigratorCrash, WorkerCrash


def background_handlers(regions: Mapping[str, Region]) -> Handlers:
    """How faults of audit workers and of migrations are applied."""

    def workers_of(fault: WorkerCrash) -> AuditWorkers:
        workers = regions[fault.region].workers
        assert workers is not None, "the scenario was checked: it has workers"
        return workers

    return {
        WorkerCrash: Handler(
            lambda fault: workers_of(fault).crash(fault), lambda fault: workers_of(fault).restart(fault)
        ),
        MigratorCrash: Handler(
            lambda fault: migrator_of(regions, fault).crash(), lambda fault: migrator_of(regions, fault).restart()
        ),
        DualWriteFailure: Handler(
            lambda fault: resharding_of(regions, fault).fail(fault),
            lambda fault: resharding_of(regions, fault).repair(fault),
        ),
    }
