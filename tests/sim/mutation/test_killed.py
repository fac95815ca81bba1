"""A sample of the mutants that hunting kills: it fails when one of them comes alive. All are tried by `flk mutate --all`."""

from dataclasses import dataclass

import pytest
from tests.support.sim.forked import found

from flk.formal.mutation.check import Finding, Outcome, killed, survived
from flk.formal.mutation.mutant import Mutant
from flk.sim.mutation.checks import with_mutant
from flk.sim.mutation.mutants import mutants_of

SEEDS = 40
"""Each was killed within three seeds when it was written down here; which it takes moves with the swarm."""
KILLED = (
    ("model.programs.ingest", "drop-yield", "yield from Store(claim)", "(Store(claim))"),
    ("model.programs.ship", "drop-effect", "yield from whole(name)", 'b""'),
    ("model.programs.replay", "drop-effect", "yield from Merge(claims)", "0"),
    ("model.entries.tasks", "drop-call", "self.records.append(task)", "pass"),
    ("model.flow.submission", "field", "digest", "timestamp"),
)


@dataclass(frozen=True)
class FirstSeeds:
    """A hunt through the first seeds, whether they reach the mutant or not."""

    name: str = "hunting"
    configuration: str = str(SEEDS)

    def __call__(self, mutant: Mutant) -> Finding:
        sighting = with_mutant(mutant).hunted(map(str, range(1, SEEDS + 1)), "", {})
        return killed(sighting.sentence, sighting.violated) if sighting.name else survived()


@pytest.mark.slow
@pytest.mark.parametrize(("module", "operator", "before", "after"), KILLED)
def test_a_mutant_that_was_killed_is_still_dead(module: str, operator: str, before: str, after: str) -> None:
    """It is still made, and an invariant is violated in one of the first seeds."""
    made = mutants_of(f"flk.{module}")
    mutant = next(each for each in made if (each.operator, each.before, each.after) == (operator, before, after))
    assert found(FirstSeeds(), mutant).outcome is Outcome.KILLED
