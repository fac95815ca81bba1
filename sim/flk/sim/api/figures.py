"""Figures of runs, for claims that rest on them."""

from flk.formal.proofs.measurement import Measurement
from flk.sim.api.runs import run
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

_MET = {Verdict.HOLDS: True, Verdict.VIOLATED: False, Verdict.UNDECIDED: None}


def measured(scenario: str, objective: str) -> Measurement:
    """The figure of an objective in a run of a scenario under its own seed. Raises UnusableInput for an unknown objective."""
    known = {row.name: row for row in run(scenario, progress=False).objectives}
    if objective not in known:
        raise UnusableInput(f"claims.toml: {scenario} has no objective {objective}: choose from {', '.join(known)}")
    row = known[objective]
    return Measurement(row.measured, row.target, row.unit, _MET[row.verdict])
