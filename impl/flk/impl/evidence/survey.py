"""An audit log as a report needs it: read whole against its checkpoint, and its leaves counted by kind and period (EVD-1)."""

from flk.impl.data.transparency import Log
from flk.model.compliance.pack import CitedLeaf, Proofs
from flk.model.compliance.sources import LogSeen, Period
from flk.model.siem.events import Event, told
from flk.model.transparency.checkpoints import BadLog, Checkpoint


class _Counts:
    """How many leaves of each kind a period has, and the first and the last of them."""

    def __init__(self, origin: str, period: Period) -> None:
        self._origin = origin
        self._period = period
        self.counts: dict[str, int] = {}
        self.cited: dict[str, tuple[int, ...]] = {}

    def see(self, number: int, leaf: bytes) -> None:
        """The next leaf. One that says no time, or is erased, is in no period."""
        said = told(Event(self._origin, number, leaf))
        if said.time is not None and said.time in self._period:
            self.counts[said.kind] = self.counts.get(said.kind, 0) + 1
            self.cited[said.kind] = (*self.cited.get(said.kind, ())[:1], number)


def survey(log: Log, checkpoint: Checkpoint, since: Checkpoint | None, period: Period) -> LogSeen:
    """What the log is. What is wrong with it is in `trouble`. Raises Unavailable."""
    counts = _Counts(checkpoint.origin, period)
    try:
        audited = log.audit(checkpoint, counts.see)
        if since is not None:
            log.grown_from(since, checkpoint)
    except BadLog as bad:
        return LogSeen(checkpoint.origin, trouble=str(bad))
    return LogSeen(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root.hex(),
        None if since is None else since.size,
        counts.counts,
        counts.cited,
        audited.erased,
    )


def proofs(log: Log, checkpoint: Checkpoint, since: Checkpoint | None, cited: tuple[int, ...]) -> Proofs:
    """What shows that the cited leaves are in the log, and that it grew. Raises BadLog, Unavailable."""
    grown = () if since is None else log.grown_from(since, checkpoint)
    leaves = []
    for number in cited:
        proven = log.prove(number, checkpoint)
        leaves.append(CitedLeaf(number, proven.leaf.decode(), tuple(one.hex() for one in proven.proof)))
    return Proofs(tuple(one.hex() for one in grown), tuple(leaves))
