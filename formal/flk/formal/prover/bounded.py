"""Bounded model checking: every run of up to so many steps at chosen sizes, and the shortest that reaches what is looked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter

import msgspec
from z3 import And, Bool, BoolRef, ModelRef, Not, Solver, SolverFor, sat, unknown

from flk.formal.explicit.explore import DEADLOCK, HAPPENS, Path
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import target
from flk.formal.language.properties import PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.prover.finite_encoding import FiniteEncoding, Moment
from flk.formal.prover.replay import confirm, path_of
from flk.formal.prover.symbols import all_of, any_of
from flk.spec.verdict import Verdict, worst

FAULT = "a fault"
"""The target of a run that ends where something is undefined. No property has this name: it has a blank, as DEADLOCK has."""

PROGRESS = "no run of so many steps shows that something never comes: explore it"


class Outcome(StrEnum):
    """Of a target: FOUND a run that reaches it, or NONE of so many steps; UNDECIDED if the solver gave up."""

    FOUND = "found"
    NONE = "none"
    UNDECIDED = "undecided"


class Target(msgspec.Struct, frozen=True):
    """The result of a search for the violation of a property, a witness of `reachable`, or a FAULT."""

    name: str
    kind: PropertyKind | None
    outcome: Outcome
    depth: int
    seconds: float
    path: Path | None = None
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a run was found that should not be, UNDECIDED if none was found that should."""
        if self.outcome is Outcome.UNDECIDED:
            return Verdict.UNDECIDED
        if self.kind is PropertyKind.REACHABLE:
            return Verdict.HOLDS if self.outcome is Outcome.FOUND else Verdict.UNDECIDED
        return Verdict.VIOLATED if self.outcome is Outcome.FOUND else Verdict.HOLDS


class Bounded(msgspec.Struct, frozen=True):
    """A protocol at some sizes, searched to some depth."""

    protocol: str
    sizes: dict[str, int]
    depth: int
    bits: int
    instances: int
    seconds: float
    targets: tuple[Target, ...]

    @property
    def verdict(self) -> Verdict:
        """VIOLATED if a property is, or a fault was reached; UNDECIDED if the solver gave up; HOLDS of runs of so many steps."""
        return worst(target.verdict for target in self.targets)


OnDepth = Callable[[int], None]
"""Called with each depth before it is searched."""


def search(
    protocol: Protocol,
    depth: int,
    sizes: Mapping[str, int] | None = None,
    *,
    names: Iterable[str] | None = None,
    happen: bool = False,
    first: bool = False,
    seed: int = 0,
    on_depth: OnDepth = lambda _: None,
) -> Bounded:
    """Search runs of up to `depth` steps for every property, a DEADLOCK and a FAULT, or for those among them with these `names`.

    `happen`: for each action too, unless it may not happen, for a run after which it can. `first` ends with the first violation.
    Progress stays undecided: `with_progress` explores it. Raises UnusableInput for sizes that the protocol does not have.
    """
    started = perf_counter()
    wanted = None if names is None else frozenset(names)
    encoding = FiniteEncoding(Ground(Schema.of(protocol, sizes)))
    aims = [aim for aim in _aims(encoding) if wanted is None or aim.name in wanted]
    unrolling = Unrolling(encoding, [*aims, *(_happenings(encoding) if happen else ())], seed)
    for steps in range(depth + 1):
        on_depth(steps)
        unrolling.look(steps)
        done = not unrolling.open or unrolling.gave_up or (first and unrolling.violated)
        if done or steps == depth:
            break
        unrolling.extend()
    schema, seconds = unrolling.encoding.schema, perf_counter() - started
    targets = (*unrolling.results(depth), *_progress(protocol, wanted))
    size = len(unrolling.encoding.instances)
    return Bounded(protocol.name, schema.size_of, depth, schema.bits, size, seconds, targets)


@dataclass(frozen=True)
class Aim:
    """The target, as a condition on the state now."""

    name: str
    kind: PropertyKind | None
    formula: BoolRef


class Unrolling:
    """A run of growing length. What is shown of a shorter run stays known, so the solver is kept."""

    def __init__(self, encoding: FiniteEncoding, aims: Iterable[Aim], seed: int) -> None:
        self.encoding = encoding
        self.open = {aim.name: aim for aim in aims}
        self.gave_up = False
        self._aims = dict(self.open)
        self._found: dict[str, Target] = {}
        self._moments: list[Moment] = [encoding.moment("0")]
        self._step, self._after = encoding.step(), encoding.after()
        self._solver: Solver = SolverFor("QF_FD")
        self._solver.set("random_seed", seed)
        self._solver.add(encoding.at(encoding.beginning, self._moments[0].codes))
        self._started = perf_counter()

    @property
    def violated(self) -> bool:
        """Whether a run was found that should not be."""
        return any(target.kind is not PropertyKind.REACHABLE for target in self._found.values())

    def extend(self) -> None:
        """One more step."""
        last, new = self._moments[-1], self.encoding.moment(str(len(self._moments)))
        pairs = zip(new.codes, self._after, strict=True)
        link = And(self._step, *(code == after for code, after in pairs))
        self._solver.add(self.encoding.at(link, last.codes, last.taken))
        self._moments.append(new)

    def look(self, depth: int) -> None:
        """Look for each open target at the end of the run; those found are open no longer."""
        marks = {name: Bool(f"{name}@{depth}") for name in self.open}
        meant = all_of(mark == self.open[name].formula for name, mark in marks.items())
        self._solver.add(self.encoding.at(meant, self._moments[-1].codes))
        for name, mark in marks.items():
            answer = self._solver.check(mark)
            if answer == sat:
                self._found[name] = self._read(self.open.pop(name), self._solver.model())
            elif answer == unknown:
                self.gave_up = True
                return
            else:
                self._solver.add(Not(mark))

    def results(self, depth: int) -> Iterator[Target]:
        """One for each target."""
        reached = len(self._moments) - 1
        for name, aim in self._aims.items():
            if name in self._found:
                yield self._found[name]
            else:
                whole = reached == depth and not self.gave_up
                outcome = Outcome.NONE if whole else Outcome.UNDECIDED
                yield Target(name, aim.kind, outcome, reached, perf_counter() - self._started)

    def _read(self, aim: Aim, model: ModelRef) -> Target:
        states = [self.encoding.state(model, moment.codes) for moment in self._moments]
        choices = [self.encoding.choice(model, moment.taken) for moment in self._moments[:-1]]
        path = path_of(states, choices)
        note = confirm(self.encoding.schema, path, aim.name)
        return Target(aim.name, aim.kind, Outcome.FOUND, len(choices), perf_counter() - self._started, path, note)


def _aims(encoding: FiniteEncoding) -> Iterator[Aim]:
    """A violation of each invariant, a witness of each `reachable`, a deadlock, and a fault. Progress is not looked for."""
    ground, undefined = encoding.ground, []
    build, end = ground.build, ground.end
    for property_ in ground.properties:
        kind = property_.property.kind
        undefined.append(encoding.truth(property_.undefined))
        if kind is not PropertyKind.LEADS_TO:
            clean = build.negation(property_.undefined)
            aimed = build.conjunction([clean, target(ground, property_)])
            yield Aim(property_.property.name, kind, encoding.truth(aimed))
    stuck = build.negation(build.disjunction([e for i in encoding.instances for e in (i.enabled, i.undefined)]))
    lost = build.conjunction([stuck, end.defined, build.negation(end.value)])
    if not end.value.is_true:
        yield Aim(DEADLOCK, PropertyKind.ALWAYS, encoding.truth(lost))
    undefined.append(encoding.truth(build.conjunction([stuck, build.negation(end.defined)])))
    yield Aim(FAULT, None, any_of([encoding.fault, *undefined]))


def _happenings(encoding: FiniteEncoding) -> Iterator[Aim]:
    """That each action can happen, of those that must."""
    build, protocol = encoding.ground.build, encoding.schema.protocol
    for action in protocol.actions:
        of = [i for i in encoding.instances if i.instance.action.name == action]
        able = [build.conjunction([i.enabled, build.negation(i.undefined)]) for i in of]
        if action not in protocol.idle:
            yield Aim(action + HAPPENS, PropertyKind.REACHABLE, encoding.truth(build.disjunction(able)))


def _progress(protocol: Protocol, wanted: frozenset[str] | None) -> Iterator[Target]:
    for property_ in protocol.properties.values():
        if property_.kind is PropertyKind.LEADS_TO and (wanted is None or property_.name in wanted):
            yield Target(property_.name, property_.kind, Outcome.UNDECIDED, 0, 0.0, note=PROGRESS)
