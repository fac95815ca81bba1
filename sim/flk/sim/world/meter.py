"""What nodes tell of themselves while they run, for the metrics that cannot be seen from outside."""

from flk.model.flow.submission import Response
from flk.model.log.hlc import Timestamp


class Meter:
    """Is told what happens in a node, at the simulated moment when it happens. This one lets everything pass."""

    def admitted(self, region: str) -> None:
        """A submission was admitted."""

    def answered(self, region: str, began: float, response: Response) -> None:
        """A submission that arrived at `began` was answered."""

    def stored(self, region: str, operation: str, began: float) -> None:
        """The store is done with an operation, `claim` or `merge`, that it was asked for at `began`."""

    def observed(self, region: str, source: str, timestamp: Timestamp) -> None:
        """A replay showed the clock of the region a timestamp of another."""

    def passed(self, region: str, stage: str, source: str, began: float) -> None:
        """A pass of a stage, `ship` or `replay`, over the log of a region went to the end."""

    def failed(self, region: str, stage: str, source: str) -> None:
        """A pass of a stage ended at a gap, a corrupt segment or something that did not answer."""
