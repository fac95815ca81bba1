"""Bugs planted in the programs of nodes and workers, for hunts to find: one module for each part that they are in."""

from tests.sim.planted import (
    audit,
    audit_logs,
    ingest,
    migration,
    policies,
    recovery,
    removals,
    replaying,
    shipping,
    tiers,
)
from tests.sim.planted.bug import Bug

from flk.sim.experiments.hunt import SearchSpace
from flk.sim.experiments.run_inputs import RunInputs, synthetic_inputs
from flk.sim.experiments.worlds import RECORDS
from flk.sim.kernel.programs import Programs

BUGS: dict[str, Bug] = {
    name: each
    for part in (ingest, recovery, shipping, replaying, tiers, migration, removals, audit, audit_logs, policies)
    for name, each in part.BUGS.items()
}
"""Every planted bug by its name."""


def inputs(name: str) -> RunInputs:
    """What a hunt for a bug needs. Its replay strings find the programs again by the bug's name."""
    return synthetic_inputs(RECORDS, BUGS[name].programs, f"{__name__}:{name}")


def space(name: str) -> SearchSpace:
    """Where a bug is to be found."""
    return SearchSpace(inputs(name), worlds=BUGS[name].worlds)


def __getattr__(name: str) -> Programs:
    """The programs of a bug are an attribute of this module, so that replay strings find them."""
    if name in BUGS:
        return BUGS[name].programs
    raise AttributeError(f"{__name__} has no {name}")
