"""What a planted bug is."""

from typing import NamedTuple

from flk.sim.checkers.invariants import Invariant
from flk.sim.experiments.worlds import PLAIN, Worlds
from flk.sim.kernel.programs import Programs


class Bug(NamedTuple):
    """Programs that differ from the model's in the one place that the story tells.

    `breaks` is the requirement that rules it out; `caught_by` are the invariants that may show it. It may show only in worlds with
    audit logs, with policies, with upkeep, with so many nodes to a region, or with a shard that leaves.
    """

    programs: Programs
    story: str
    breaks: str
    caught_by: frozenset[Invariant]
    worlds: Worlds = PLAIN

    def in_logs(self, nodes: int = 1) -> "Bug":
        """The same, in worlds with audit logs."""
        return self._replace(worlds=self.worlds._replace(audit_log=True, nodes=nodes))

    def with_policies(self) -> "Bug":
        """The same, in worlds in which policies change."""
        return self._replace(worlds=self.worlds._replace(policies=True))

    def with_upkeep(self) -> "Bug":
        """The same, in worlds in which nodes remove what snapshots cover."""
        return self._replace(worlds=self.worlds._replace(upkeep=True))

    def with_removals(self) -> "Bug":
        """The same, in worlds in which a shard leaves."""
        return self._replace(worlds=self.worlds._replace(removals=True))


def bug(programs: Programs, story: str, breaks: str, *caught_by: Invariant) -> Bug:
    """A bug."""
    return Bug(programs, story, breaks, frozenset(caught_by))
