"""Where the records of simulated runs come from: `synthetic:NUMBER`, `dataset:NAME`, or a file with one record to a line."""

from pathlib import Path
from typing import TYPE_CHECKING

from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.model.flow.submission import Submission
    from flk.model.record.signing import Signer
    from flk.sim.experiments.run_inputs import Supplies
    from flk.sim.scenarios.scenario import Scenario

DATASET, SYNTHETIC = "dataset:", "synthetic:"
_TENANT = CONSTANTS.node.default_tenant


def scenario_names(incomplete: str) -> list[str]:
    """Completes the name of a scenario of the library."""
    from flk.sim.scenarios.scenario import library

    return [name for name in sorted(library()) if name.startswith(incomplete)]


def supplies_for(scenario: "Scenario", programs: str = "") -> "Supplies":
    """What runs of a scenario need: its records, signed, and the programs of that name if they are not the model's."""
    from flk.model.record.signing import HmacKey
    from flk.sim.experiments.run_inputs import SECRET, Supplies, programs_named

    chosen = programs_named(programs) if programs else None
    records = submissions(scenario.workload.records, HmacKey(SECRET))
    return Supplies(records, programs=chosen, named=programs)


def submissions(source: str, key: "Signer") -> "tuple[Submission, ...]":
    """The records that a scenario names, signed. Raises UnusableInput for a source that is not there, or holds no records."""
    from flk.impl.agent import datasets
    from flk.sim.clients.synthetic import synthetic

    if source.startswith(DATASET):
        return datasets.submissions(source.removeprefix(DATASET), key)
    if source.startswith(SYNTHETIC):
        size = source.removeprefix(SYNTHETIC)
        if not size.isdecimal() or not int(size):
            raise UnusableInput(f"{source}: write how many records there are to be, such as {SYNTHETIC}200")
        return synthetic(int(size), key)
    return _of_file(source, key)


def _of_file(source: str, key: "Signer") -> "tuple[Submission, ...]":
    """The records of a file, one to a line."""
    from flk.model.flow.submission import Submission
    from flk.model.record.record import decode, encode
    from flk.model.record.summary import signed
    from flk.model.refusal import Malformed

    try:
        lines = Path(source).read_bytes().splitlines()
    except OSError as error:
        raise UnusableInput(f"{source}: the scenario's records cannot be read: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(Submission(_TENANT, encode(signed(decode(line), key))))
        except Malformed as error:
            raise UnusableInput(f"{source}, line {number}: {error.requirement}: {error.detail}") from None
    return tuple(found)
