"""What runs of a scenario need, and the names of scenarios."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flk.sim.experiments.run_inputs import RunInputs
    from flk.sim.scenarios.scenario import Scenario


def scenario_names(incomplete: str) -> list[str]:
    """Completes the name of a scenario of the library."""
    from flk.sim.scenarios.files import library

    return [name for name in sorted(library()) if name.startswith(incomplete)]


def run_inputs_for(scenario: "Scenario", programs: str = "") -> "RunInputs":
    """What runs of a scenario need: its records, signed, and the programs of that name if they are not the model's."""
    from flk.model.record.signing import HmacKey
    from flk.sim.clients.sources import submissions
    from flk.sim.experiments.run_inputs import SECRET, RunInputs, programs_named

    chosen = programs_named(programs) if programs else None
    records = submissions(scenario.workload.records, HmacKey(SECRET))
    return RunInputs(records, programs=chosen, named=programs)
