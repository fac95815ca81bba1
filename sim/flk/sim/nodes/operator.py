"""The operator of simulated nodes, who approves what no mode applies by itself (DIV-6)."""

from flk.model.effects import Program, PutObject
from flk.model.entries.compared import written
from flk.model.entries.proposals import Decision, Verdict, decisions_of, is_hearsay
from flk.model.programs.propose import open_proposals


def approve(region: str) -> Program[None]:
    """Approve what only a snapshot of another region has: nobody forges any in a simulation."""
    for id_, proposal in (yield from open_proposals(region, [])).items():
        if is_hearsay(proposal):
            yield from PutObject(decisions_of(region) + id_, written(Decision(region, id_, Verdict.APPROVED)))
