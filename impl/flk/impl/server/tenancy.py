"""The tenants of a node that runs: read at its start, and again whenever somebody asks (TEN-5)."""

from pathlib import Path

from flk.impl.server.metrics import Metrics
from flk.impl.tenants import OTHERS, read_tenants
from flk.model.flow.tenants import UNBOUNDED, Tenants
from flk.model.flow.timekeeping import Timekeeper


class Tenancy:
    """What a tenants file said when it was last read, as the node goes by it and as its metrics show it. Raises UnusableInput as
    `read_tenants` does.
    """

    def __init__(self, path: Path, tenants: Tenants, metrics: Metrics, time: Timekeeper) -> None:
        self.path = path
        self._tenants = tenants
        self._metrics = metrics
        self._time = time
        self.reload()

    def reload(self) -> None:
        """Read the file again. Raises UnusableInput, with all as it was, if there is a mistake in it."""
        self.entries = read_tenants(self.path)
        entries = {entry.id: entry for entry in self.entries}
        bounds = {tenant: entry.bounds for tenant, entry in entries.items()}
        others = bounds.pop(OTHERS, UNBOUNDED)
        self._tenants.replace(bounds, others, self._time.steady())
        self._metrics.by_tenant.show([entry for tenant, entry in entries.items() if tenant != OTHERS])
