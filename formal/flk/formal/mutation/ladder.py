"""The ladder: every mutant climbs the checks in the order of their cost until one kills it, many at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import wait
from time import monotonic

from flk.formal.mutation.check import Check, Finding, Outcome
from flk.formal.mutation.journal import Journal
from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.target import Target
from flk.formal.mutation.trial import Limits, Trial
from flk.spec.errors import UnusableInput

TICK = 0.5
"""Seconds between two looks at the clock."""


@dataclass(frozen=True)
class Climb:
    """What the checks found of one mutant, by their names. `over`: no check is left to be tried."""

    target: Target
    mutant: Mutant
    findings: dict[str, Finding]
    over: bool

    @property
    def killer(self) -> str:
        """The first check that kills the mutant; empty while none does."""
        names = (check.name for check in self.target.checks if check.name in self.findings)
        return next((name for name in names if self.findings[name].outcome is Outcome.KILLED), "")

    @property
    def alike(self) -> bool:
        """Whether no check sees a difference, and some check looked for any."""
        return not self.killer and any(found.alike for found in self.findings.values())


@dataclass(frozen=True)
class Ladder:
    """How mutants are tried.

    `checks` are the names of those to run, all if none is given. `every`: also run what comes after a check that kills. `workers`
    processes at a time; `budget` seconds in all, after which what was not tried stays open.
    """

    journal: Journal = field(default_factory=Journal)
    checks: frozenset[str] = frozenset()
    every: bool = False
    workers: int = 1
    budget: float = float("inf")
    limits: Limits = field(default_factory=Limits)

    def climb(
        self, plan: Sequence[tuple[Target, Sequence[Mutant]]], on_climb: Callable[[Climb], None] = lambda _: None
    ) -> list[Climb]:
        """Try the mutants of each target, in the order given; `on_climb` is told of each that is through.

        Raises UnusableInput for a name that no target's check has, and where a check kills the original.
        """
        self._know([target for target, _ in plan])
        deadline = monotonic() + self.budget
        climbs: list[Climb] = []
        for target, mutants in plan:
            for module in target.preload:
                import_module(module)
            target.prepare(frozenset(check.name for check in self._chosen(target)))
            allowed = self._seconds_of_original(target)
            for climb in self._tried(target, mutants, allowed, deadline):
                climbs.append(climb)
                on_climb(climb)
        return climbs

    def _chosen(self, target: Target) -> list[Check]:
        return [check for check in target.checks if not self.checks or check.name in self.checks]

    def _know(self, targets: Iterable[Target]) -> None:
        known = dict.fromkeys(check.name for target in targets for check in target.checks)
        if unknown := self.checks - set(known):
            raise UnusableInput(f"no check is called {', '.join(sorted(unknown))}: choose from {', '.join(known)}")

    def _seconds_of_original(self, target: Target) -> dict[str, float]:
        """What each check takes of the original, which must survive them all."""
        every = Ladder(
            self.journal, self.checks, every=True, workers=1, limits=Limits(factor=1, least=3600, patience=2)
        )
        (climb,) = every._tried(target, [target.original], {}, float("inf"))
        for name, finding in climb.findings.items():
            if finding.outcome is Outcome.KILLED:
                raise UnusableInput(
                    f"{target.name}: {name} fails without any mutant: {finding.said}; mend that before its mutants are tried"
                )
        return {name: finding.seconds for name, finding in climb.findings.items()}

    def _tried(
        self, target: Target, mutants: Sequence[Mutant], allowed: dict[str, float], deadline: float
    ) -> Iterator[Climb]:
        """The mutants' climbs, those on record first come, the others as they end."""
        checks, waiting = self._chosen(target), list(mutants)
        running: dict[Trial, dict[str, Finding]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    mutant = waiting.pop(0)
                    findings = self._on_record(target, mutant, checks)
                    open_ = not self._over(findings, checks)
                    if open_ and monotonic() < deadline:
                        running[self._trial(target, mutant, checks, findings, allowed)] = findings
                    else:
                        yield Climb(target, mutant, findings, over=not open_)
                _listen(list(running))
                for trial in [trial for trial in running if trial.ended]:
                    yield Climb(target, trial.mutant, running.pop(trial), over=True)
        finally:
            for trial in running:
                trial.stop()

    def _on_record(self, target: Target, mutant: Mutant, checks: Sequence[Check]) -> dict[str, Finding]:
        """What is known; of a mutant that was killed only that, whichever check did it."""
        known = {
            check.name: found for check in checks if (found := self.journal.find(target, mutant, check)) is not None
        }
        dead = {name: found for name, found in known.items() if found.outcome is Outcome.KILLED}
        if mutant == target.original:  # what killed it is to be mended, so it is tried again
            return {name: found for name, found in known.items() if name not in dead}
        return dead if dead and not self.every else known

    def _over(self, findings: dict[str, Finding], checks: Sequence[Check]) -> bool:
        dead = any(found.outcome is Outcome.KILLED for found in findings.values())
        return len(findings) == len(checks) or (dead and not self.every)

    def _trial(
        self,
        target: Target,
        mutant: Mutant,
        checks: Sequence[Check],
        findings: dict[str, Finding],
        allowed: dict[str, float],
    ) -> Trial:
        left = [check for check in checks if check.name not in findings]

        def on_finding(position: int, finding: Finding) -> None:
            findings[left[position].name] = finding
            self.journal.add(target, mutant, left[position], finding)

        return Trial(mutant, left, allowed, self.limits, on_finding, every=self.every)


def _listen(trials: Sequence[Trial]) -> None:
    """Wait for the next word of any process, and look at the clock."""
    if not trials:
        return
    ready = wait([trial.connection for trial in trials], timeout=TICK)
    for trial in trials:
        if trial.connection in ready:
            trial.receive()
        else:
            trial.overdue()
