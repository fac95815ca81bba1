"""`python -m tests.sim.planted [NAME ...]`: hunt planted bugs, shrink what is found, replay it, and print a table."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from tests.sim.planted import BUGS, inputs, space

from flk.sim.experiments.execution import run_all
from flk.sim.experiments.hunt import hunt
from flk.sim.experiments.replay import parse, replay_string
from flk.sim.experiments.run_inputs import Task, execute, programs_named, synthetic_inputs
from flk.sim.experiments.shrink import shrink
from flk.sim.experiments.worlds import RECORDS

SEEDS = range(1, 1001)


class Quarry(NamedTuple):
    """A bug to be hunted."""

    name: str

    @property
    def label(self) -> str:
        """How messages name it."""
        return self.name


def line(seeds: Sequence[int], quarry: Quarry) -> str:
    """The row of a bug."""
    bug, stock = BUGS[quarry.name], inputs(quarry.name)
    place = space(quarry.name)
    counterexample = hunt(place, seeds, workers=1).counterexample
    if counterexample is None:
        return f"| {quarry.name} | {bug.breaks} | not found in {len(seeds)} seeds | | | | |"
    whole = place.scenario(counterexample.seed)
    least = shrink(stock, whole, counterexample.seed)
    found = parse(replay_string(least.scenario, counterexample.seed, least.digest, stock.named))
    again = synthetic_inputs(RECORDS, programs_named(found.programs))
    same = execute(again, Task(found.scenario, found.seed)).digest == found.digest
    kinds = ", ".join(fault.kind for fault in least.scenario.faults) or "none"
    faults = f"{len(whole.faults)} | {len(least.scenario.faults)}: {kinds}"
    end = "yes" if same else "no"
    return f"| {quarry.name} | {bug.breaks} | {counterexample.seed} | {least.invariant} | {faults} | {least.replays} | {end} |"


def main(names: Sequence[str]) -> None:
    """Print the table, a row as soon as it is there."""
    print("| bug | breaks | seed | invariant | faults | after shrinking | replays | replays from its string |")
    print("|---|---|---|---|---|---|---|---|")
    for row in run_all(line, SEEDS, (Quarry(name) for name in names or BUGS), workers=1):
        print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
