"""The checks that mutants of Python are put to: tests, traces against protocols, hunting, drills of the library.

Each runs in the process of one mutant, where `trials` is imported anew with the mutant in place.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

import msgspec

from flk.formal.mutation.check import Finding, killed, skipped, survived
from flk.formal.mutation.mutant import ORIGINAL, Mutant
from flk.formal.mutation.substitution import ROOMS, install
from flk.formal.mutation.target import digest_of
from flk.sim.mutation import type_errors, unit_tests
from flk.sim.mutation.baseline import Baseline, evenly, whole
from flk.sim.mutation.kept import kept
from flk.sim.mutation.reach import Reached, joined, shared_out
from flk.sim.mutation.unit_tests import Tested

_TRIALS = "flk.sim.mutation.trials"
SEEDS = range(1, 301)
"""What a hunt for a mutant has."""
TRACES = 12
"""Seeds whose traces are validated for a mutant, of those that reach it."""
DRILLS = ("clock-jump", "split-brain", "region-failover", "dual-write-failure", "audit-burst", "cold-tier-outage")
"""Drills of the library that are made for a mutant: every part of a node works in one of them."""


def with_mutant(mutant: Mutant) -> ModuleType:
    """`trials`, imported anew with the mutant in place of its module, once for a process."""
    install(mutant, (*ROOMS, "tests"))
    return import_module(_TRIALS)


def _mapped(programs: str, modules: tuple[str, ...], having: tuple[str, ...], seeds: Sequence[int]) -> Baseline:
    baseline: Baseline = import_module(_TRIALS).mapped(seeds, programs, modules, having=having)
    return baseline


def _drills_reached(modules: tuple[str, ...], names: Sequence[str]) -> Reached:
    reached: Reached = import_module(_TRIALS).drills_reached(names, modules)
    return reached


@dataclass(frozen=True)
class Runs:
    """What the checks that make runs share: the seeds, the programs by name (the model's if empty), the modules that are mutated,
    a digest of all code, under which the original's runs are kept, and what worlds are asked to have: fields of `Worlds` by name.
    """

    seeds: range
    programs: str
    modules: tuple[str, ...]
    digest: str
    having: tuple[str, ...] = ()

    def baseline(self) -> Baseline:
        """What the original does, made in processes where nothing is mutated, and which alone import what that takes."""
        name = f"runs{self._kind}-{self.seeds.start}-{self.seeds.stop}"
        mapped = partial(_mapped, self.programs, self.modules, self.having)
        return kept(name, self.digest, Baseline, lambda: whole(shared_out(mapped, self.seeds)))

    @property
    def configuration(self) -> str:
        """Seeds and programs."""
        return f"{self.seeds.start}-{self.seeds.stop - 1} {self.programs}{self._kind}"

    @property
    def _kind(self) -> str:
        return "".join(f"-{each}" for each in self.having)


@dataclass(frozen=True)
class Hunting:
    """Random faults over small drawn worlds, in each seed whose run reaches the mutant: what users do with `flk hunt`.

    It finds the same seed as a hunt through all of them.
    """

    runs: Runs
    name: str = "hunting"

    @property
    def configuration(self) -> str:
        """Seeds and programs."""
        return self.runs.configuration

    def __call__(self, mutant: Mutant) -> Finding:
        """Hunt until an invariant is violated."""
        baseline = self.runs.baseline()
        seeds: Sequence[str] = baseline.reached.concerning(mutant)
        if self.runs.having:  # in one of them the original itself has an alarm: what it shows there is no mutant's
            seeds = [seed for seed in seeds if seed in baseline.accepted]
        if not seeds:
            return skipped("no seed reaches it")
        if mutant.operator == ORIGINAL:
            seeds = seeds[::3]  # the baseline has run all of them
        found = with_mutant(mutant).hunted(seeds, self.runs.programs, baseline.digests, having=self.runs.having)
        if found.name:
            return killed(
                f"seed {found.name} {_broken(found.violated)}: {found.sentence}", found.violated, int(found.name)
            )
        changed = f"{found.changed} of these differ from the original's" if found.changed else "all as the original's"
        said = f"{len(seeds)} of {len(self.runs.seeds)} seeds reach it, {changed}"
        return survived(said, alike=not found.changed)


@dataclass(frozen=True)
class Traces:
    """What nodes do in some of the seeds that reach the mutant is a path of every protocol that it belongs to."""

    runs: Runs
    number: int = TRACES
    name: str = "traces"

    @property
    def configuration(self) -> str:
        """Seeds, programs, and how many are validated."""
        return f"{self.runs.configuration} {self.number}"

    def __call__(self, mutant: Mutant) -> Finding:
        """Validate until a trace is not accepted."""
        baseline = self.runs.baseline()
        seeds = [seed for seed in baseline.reached.concerning(mutant) if seed in baseline.accepted]
        if not seeds:
            return skipped("no seed reaches it")
        found = with_mutant(mutant).traced(
            list(evenly(seeds, self.number)), self.runs.programs, having=self.runs.having
        )
        if found.name:
            return killed(f"seed {found.name} {_broken(found.violated)}: {found.sentence}", found.violated)
        return survived(f"{found.made} traces are accepted")


@dataclass(frozen=True)
class Drills:
    """Drills of the library that reach the mutant hold: invariants, objectives and hypotheses."""

    runs: Runs
    names: tuple[str, ...] = DRILLS
    name: str = "drills"

    def reached(self) -> Reached:
        """What the original reaches in each."""
        reached = partial(_drills_reached, self.runs.modules)
        name = f"drills-{'-'.join(self.names)}"
        return kept(name, self.runs.digest, Reached, lambda: joined(shared_out(reached, self.names)))

    @property
    def configuration(self) -> str:
        """Which."""
        return " ".join(self.names)

    def __call__(self, mutant: Mutant) -> Finding:
        """Make the drills until one does not hold."""
        names = self.names[:2] if mutant.operator == ORIGINAL else self.reached().concerning(mutant)
        if not names:
            return skipped("no drill reaches it")
        found = with_mutant(mutant).drilled(names)
        if found.name:
            return killed(f"{found.name} {_broken(found.violated)}: {found.sentence}", found.violated)
        return survived(f"{found.made} drills hold")


@dataclass(frozen=True)
class Types:
    """The mutant's module has no type error."""

    root: Path
    name: str = "types"
    configuration: str = "mypy"

    def __call__(self, mutant: Mutant) -> Finding:
        """Check the types of the module that the mutant is in."""
        if not type_errors.INSTALLED:
            return skipped("mypy is not installed")
        said = type_errors.first_error(mutant.module, mutant.path, mutant.source, self.root)
        return killed(said, ("mypy",)) if said else survived("mypy finds no error")


@dataclass(frozen=True)
class UnitProperties:
    """Tests of a project, of some files and `marked` so, that reach the mutant: near its module, or others that are `chosen`."""

    root: Path
    patterns: tuple[str, ...]
    runs: Runs
    name: str = "unit-properties"
    marked: str = unit_tests.QUICK
    chosen: Callable[[str, Path, tuple[str, ...]], tuple[Path, ...]] = unit_tests.tests_of

    @cached_property
    def configuration(self) -> str:
        """The patterns, the marks, and a digest of all tests."""
        return f"{' '.join(self.patterns)} {self.marked} {digest_of(self.root.joinpath('tests').rglob('*.py'))}"

    def tested(self, module: str) -> dict[str, Tested]:
        """What the files of tests are without any mutant that are chosen for a module, by name."""
        files = self.chosen(module, self.root, self.patterns)
        return {str(file.relative_to(self.root)): self._tested(file) for file in files}

    def _tested(self, file: Path) -> Tested:
        name = str(file.relative_to(self.root)).replace("/", "-")
        digest = f"{self.runs.digest}-{digest_of([file, *unit_tests.helpers(self.root)])}"
        measure = partial(unit_tests.tested, file, self.root, self.runs.modules, self.marked)
        return kept(f"{self.marked.replace(' ', '-')}-{name}", digest, Tested, measure)

    def __call__(self, mutant: Mutant) -> Finding:
        """Run the tests until one fails. Of the original it is known already."""
        files = self.tested(mutant.module)
        if mutant.operator == ORIGINAL:
            return _without_mutant(files.values())
        reached = {name: found.reached.concerning(mutant) for name, found in files.items()}
        tests = [test for name, found in reached.items() for test in ([name] if name in found else found)]
        if not tests:
            return skipped("no test reaches it")
        with_mutant(mutant)
        failed = unit_tests.failing(tests, self.root, self.marked)
        return survived("the tests pass that reach it") if failed is None else killed(f"{failed} fails", (failed,))


def _without_mutant(files: Iterable[Tested]) -> Finding:
    failed = tuple(name for file in files for name in file.failed)
    found = killed(f"{failed[0]} fails", failed) if failed else survived("the tests pass")
    return msgspec.structs.replace(found, seconds=sum(file.seconds for file in files))


def _broken(violated: tuple[str, ...]) -> str:
    return f"violates {', '.join(violated)}"
