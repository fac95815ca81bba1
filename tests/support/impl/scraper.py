"""Prometheus, as far as alerts on what a process exports need it."""

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from flk.sim.alerts.alerts import EVERY, evaluated
from flk.sim.alerts.series import Database, labels


class Scraper:
    """Asks a node for its metrics at intervals, in a time of its own."""

    def __init__(self, ask: Callable[[], bytes]) -> None:
        self.ask = ask
        self.database = Database()
        self.now = EVERY / 2

    def scrape(self, times: int = 1) -> None:
        """Ask so many times."""
        for _ in range(times):
            for family in text_string_to_metric_families(self.ask().decode()):
                for sample in family.samples:
                    pairs = {**sample.labels, "job": "flk", "instance": "eu"}
                    self.database.series(labels(sample.name, pairs.items())).append(self.now, sample.value)
            self.now += EVERY

    def fired(self) -> set[str]:
        """The alerts that have fired by now."""
        return {alert.name for alert in evaluated(self.database, (), self.now) if alert.firings}
