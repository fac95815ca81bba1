"""What checks run once the mutant is in place: this module is imported anew in the process of each mutant, and sees it.

So it imports all that a mutant may be in; `checks` imports it by name, when the mutant is there.
"""

import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from msgspec.structs import replace

from flk.model.compiled.examiner import SWITCH
from flk.model.record.signing import HmacKey
from flk.sim.clients.synthetic import synthetic
from flk.sim.experiments.hunt import trial_result
from flk.sim.experiments.rows import violated
from flk.sim.experiments.run_inputs import SECRET, RunInputs, Task, execute, programs_named, synthetic_inputs
from flk.sim.experiments.swarm import swarm
from flk.sim.experiments.worlds import RECORDS, Worlds
from flk.sim.mutation.baseline import Baseline
from flk.sim.mutation.reach import Measurement, Reached
from flk.sim.outcome import Run
from flk.sim.scenarios import files as scenario_files
from flk.spec.collection import seldom_collected
from flk.spec.verdict import Verdict

os.environ[SWITCH] = "python"  # the reference is what is mutated

LONGEST = 20.0
"""Seconds of the processor after which a run, which takes a second at most, counts as one without an end."""


class Sighting(NamedTuple):
    """What became of a series of runs: the first that shows the mutant (empty: none does), its place among them, what it violates,
    how many were made, and how many of these were not what they are without the mutant.
    """

    name: str
    violated: tuple[str, ...]
    sentence: str
    made: int
    changed: int


class Endless(Exception):
    """A run that makes no progress."""


def hunted(seeds: Iterable[str], programs: str, digests: Mapping[str, str], *, having: Sequence[str] = ()) -> Sighting:
    """Hunt in these seeds until an invariant is violated. `digests` are those of the original, `having` is of the worlds."""
    inputs = hunting_inputs(programs)
    tasks = ((seed, _drawn(int(seed), having=having)) for seed in seeds)
    return _first(tasks, inputs, digests)


def drilled(names: Iterable[str]) -> Sighting:
    """Make these drills of the library until one does not hold: an invariant, an objective or a hypothesis."""
    made = 0
    for made, name in enumerate(names, 1):
        with seldom_collected(), _time_limit(LONGEST):
            run = execute(_drill_inputs(name), Task(drill := scenario_files.find(name), drill.seed))
        missed = (*violated(run), *_missed(run))
        if missed:
            return Sighting(name, missed, trial_result(run).sentence, made, made)
    return Sighting("", (), "", made, 0)


def traced(seeds: Sequence[str], programs: str, *, having: Sequence[str] = ()) -> Sighting:
    """Validate the traces of these seeds against the protocols until one is not accepted."""
    inputs = replace(hunting_inputs(programs), validate=True)
    for made, seed in enumerate(seeds, 1):
        with _time_limit(LONGEST):
            run = execute(inputs, _drawn(int(seed), having=having))
        broken = violated(run)
        if broken:
            return Sighting(seed, broken, trial_result(run).sentence, made, made)
    return Sighting("", (), "", len(seeds), 0)


def mapped(seeds: Iterable[int], programs: str, modules: Iterable[str], *, having: Sequence[str] = ()) -> Baseline:
    """What the original does in these seeds, and the lines of these modules that it reaches."""
    measurement, digests = Measurement(modules), {}
    with measurement.under_way():
        inputs = hunting_inputs(programs)
        for seed in seeds:
            measurement.begin(str(seed))
            digests[str(seed)] = execute(inputs, _drawn(seed, having=having)).digest
    inputs = replace(inputs, validate=True)
    accepted = frozenset(seed for seed in digests if not violated(execute(inputs, _drawn(int(seed), having=having))))
    return Baseline(measurement.reached, digests, accepted)


def drills_reached(names: Iterable[str], modules: Iterable[str]) -> Reached:
    """The lines of these modules that drills of the library reach."""
    measurement = Measurement(modules)
    with measurement.under_way():
        for name in names:
            measurement.begin(name)
            drilled([name])
    return measurement.reached


@cache
def hunting_inputs(programs: str = "") -> RunInputs:
    """What hunts give to small drawn worlds, with the model's programs or those of a name."""
    return synthetic_inputs(RECORDS, programs_named(programs) if programs else None, programs)


def _first(tasks: Iterable[tuple[str, Task]], inputs: RunInputs, digests: Mapping[str, str]) -> Sighting:
    made = changed = 0
    with seldom_collected():
        for name, task in tasks:
            made += 1
            try:
                with _time_limit(LONGEST):
                    run = execute(inputs, task)
            except Endless:
                return Sighting(name, ("no-progress",), f"the run is not over after {LONGEST:g} s", made, changed + 1)
            except Exception as error:  # noqa: BLE001 - whatever it is, the original does not raise it
                said = f"{type(error).__name__}: {error}".splitlines()[0]
                return Sighting(name, ("raises",), said, made, changed + 1)
            changed += run.digest != digests.get(name)
            result = trial_result(run)
            if result.verdict is Verdict.VIOLATED:
                return Sighting(name, result.violated, result.sentence, made, changed)
    return Sighting("", (), "", made, changed)


def _drawn(seed: int, *, having: Sequence[str]) -> Task:
    """The run of a world that is drawn for a seed and has, or does, what these fields of Worlds are about."""
    return Task(swarm(seed, worlds=Worlds()._replace(**dict.fromkeys(having, True))), seed)


def _missed(run: Run) -> tuple[str, ...]:
    """The objectives and hypotheses that a run does not meet."""
    objectives = (each.name for each in run.objectives if each.verdict is Verdict.VIOLATED)
    return (*objectives, *(each.subject for each in run.hypotheses if each.verdict is Verdict.VIOLATED))


@cache
def _drill_inputs(name: str) -> RunInputs:
    size = int(scenario_files.find(name).workload.records.removeprefix("synthetic:"))
    return RunInputs(synthetic(size, HmacKey(SECRET)))


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises Endless within, after so many seconds of the processor."""

    def over(number: int, frame: object) -> None:
        del number, frame
        raise Endless

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
