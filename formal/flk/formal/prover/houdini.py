"""Finding lemmas: guess all clauses that hold in the states seen, drop what a step breaks, and keep what the properties need.

A step from a state that satisfies all guesses to one that does not drops every guess which that state falsifies; the weaker ones
that it does not falsify come into question in their place. What remains is the strongest set that is inductive at the sizes tried,
and what the properties rest on in it is proved for all sizes.

Source: Flanagan and Leino, "Houdini, an annotation assistant for ESC/Java", FME 2001.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import NamedTuple

import msgspec
import numpy as np
from z3 import Bool, BoolRef, BoolSort, FreshConst, Implies, Not, Or, SolverFor, is_true, sat

from flk.formal.explicit.explore import DEADLOCK
from flk.formal.explicit.schema import State
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.prover.beside import Beside
from flk.formal.prover.bits import Bits
from flk.formal.prover.clause_filter import Clause, strongest
from flk.formal.prover.clauses import Language, python
from flk.formal.prover.cti_minimiser import holds
from flk.formal.prover.finite_encoding import FiniteEncoding
from flk.formal.prover.obligations import INVARIANTS, JOIN, Induction, counts
from flk.formal.prover.proving import decide
from flk.formal.prover.samples import Sampler, once
from flk.formal.prover.symbols import FALSE
from flk.formal.prover.theorem import Check, ProofStatus
from flk.spec.verdict import Verdict

ROUNDS = 3
"""How often the sizes grow by one, if what holds there cannot be proved for all."""

OnStage = Callable[[str], None]
"""Called with what is being done."""


class Inference(msgspec.Struct, frozen=True):
    """What inference found for a protocol whose lemmas were put aside.

    Of `tried` clauses `seen` held in all states seen though nothing shorter did, and `inductive` were kept by every step at the
    sizes tried. `lemmas`, as an author would write them, are those that the properties need; with them `proved` are proved for
    all sizes, and `open` are not. What no lemma helps is explored at the usual sizes: `bounded` holds there, `violated` does not.
    """

    protocol: str
    tried: int
    seen: int
    inductive: int
    lemmas: tuple[str, ...]
    proved: tuple[str, ...]
    open: tuple[str, ...]
    checks: tuple[Check, ...]
    seconds: float
    bounded: tuple[str, ...] = ()
    violated: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """HOLDS if all is proved or bounded, VIOLATED if something is. What is not proved may hold all the same: UNDECIDED."""
        if self.violated:
            return Verdict.VIOLATED
        missing = self.open or not self.proved or any(check.status is not ProofStatus.PROVED for check in self.checks)
        return Verdict.UNDECIDED if missing else Verdict.HOLDS


def infer(protocol: Protocol, seed: int = 0, on_stage: OnStage = lambda _: None) -> Inference:
    """Find lemmas for the protocol's `always` and `never` properties, without those that it has."""
    started = perf_counter()
    bare = without_lemmas(protocol)
    search = _Inference(bare, seed, on_stage)
    needed, checks = search.run()
    failed = {check.name.split(JOIN)[0] for check in checks if check.status is not ProofStatus.PROVED}
    goals = [p.name for p in _goals(bare)]
    proved = [name for name in goals if name in search.alive and not failed]
    on_stage("exploring what is not proved")
    beside = Beside(bare)
    judged = {check.name: ProofStatus.REFUTED for check in beside.runs()}
    judged |= {name: beside.status(name)[0] for name in (*bare.properties, DEADLOCK) if name not in (*goals, *judged)}
    return Inference(
        protocol.name,
        search.tried,
        search.seen,
        len(search.clauses),
        tuple(python(search.language, clause) for clause in needed),
        tuple(name for name in proved if name not in judged),
        tuple(name for name in goals if name not in proved and name not in judged)
        + tuple(name for name, status in judged.items() if status is ProofStatus.UNDECIDED),
        checks,
        perf_counter() - started,
        tuple(name for name, status in judged.items() if status is ProofStatus.BOUNDED),
        tuple(name for name, status in judged.items() if status is ProofStatus.REFUTED),
    )


def without_lemmas(protocol: Protocol) -> Protocol:
    """The protocol without its lemmas."""
    bare = protocol.variant(protocol.name, protocol.story, protocol.requirements)
    bare.without(*(p.name for p in protocol.properties.values() if p.kind is PropertyKind.LEMMA))
    return bare


class _Inference:
    """The search: rows of states seen, and the guesses they leave."""

    def __init__(self, protocol: Protocol, seed: int, on_stage: OnStage) -> None:
        self.protocol = protocol
        self.language = Language(protocol)
        self.tried = self.seen = 0
        self.clauses: list[Clause] = []
        self.alive = {p.name: p for p in _goals(protocol)}
        self._seed, self._on_stage = seed, on_stage

    def run(self) -> tuple[list[Clause], tuple[Check, ...]]:
        """The clauses that the properties need, and what came of their obligations for all sizes."""
        sizes = {name: max(2, size) for name, size in self.protocol.sizes().items()}
        self._on_stage("exploring")
        sampler = Sampler.of(self.language, sizes)
        self.rows = sampler.reachable(self._seed)
        for rounds_left in reversed(range(ROUNDS)):
            needed = self._needed(self._settle(sampler))
            self._on_stage(f"proving with {len(needed)} lemmas for all sizes")
            checks = self._prove(needed)
            if not rounds_left or all(check.status is ProofStatus.PROVED for check in checks):
                return needed, checks
            sizes = {name: size + 1 for name, size in sizes.items()}
            sampler = Sampler.of(self.language, sizes)
        raise AssertionError("there is at least one round")

    def _settle(self, sampler: Sampler) -> "Steps":
        """Guess and drop until every guess is kept by every step at the sizes of a sampler."""
        steps = Steps(FiniteEncoding(sampler.program.ground))
        for property_ in self.alive.values():
            steps.guess(property_.name, property_)
        while True:
            self._guess(steps)
            broken = self._drop(steps)
            if not broken:
                return steps
            self.rows = once(np.concatenate([self.rows, sampler.of_states(broken)]))

    def _guess(self, steps: "Steps") -> None:
        filtered = strongest(self.language, self.rows)
        self.tried, self.seen = self.tried or filtered.tried, self.seen or len(filtered.clauses)
        self.clauses = filtered.clauses
        self._on_stage(f"{len(self.clauses)} guesses")
        for clause in self.clauses:
            steps.guess(_key(clause), self.language.property_of(clause, _key(clause)))

    def _drop(self, steps: "Steps") -> list[State]:
        """States after steps that break a guess, until no step breaks what is left."""
        left = [*map(_key, self.clauses), *self.alive]
        broken: list[State] = []
        while (found := steps.breaking(left)) is not None:
            broken.append(found.after)
            left = [guess for guess in left if guess not in found.falsified]
        self.alive = {name: property_ for name, property_ in self.alive.items() if name in left}
        return broken

    def _needed(self, steps: "Steps") -> list[Clause]:
        """The guesses that the properties rest on, and those that these rest on."""
        left = [*self.alive, *map(_key, sorted(self.clauses, key=len))]
        open_, needed = list(self.alive), set[str]()
        while open_:
            new = {reason for reason in steps.reasons(open_.pop(), left) if reason not in self.alive} - needed
            needed |= new
            open_ += sorted(new)
        return [clause for clause in self.clauses if _key(clause) in needed]

    def _prove(self, needed: Sequence[Clause]) -> tuple[Check, ...]:
        lemmas = tuple(self.language.property_of(clause, f"lemma_{n}") for n, clause in enumerate(needed, 1))
        lost = frozenset(p.name for p in _goals(self.protocol) if p.name not in self.alive)
        induction = Induction(self.protocol, lost, lemmas)
        return tuple(decide(induction, obligation, self._seed) for obligation in induction.obligations())


class Break(NamedTuple):
    """A state after a step from one that satisfies all guesses, and the guesses it falsifies."""

    after: State
    falsified: frozenset[str]


class Steps:
    """One step at chosen sizes, between states that may satisfy guesses. What is guessed is switched on by name."""

    def __init__(self, encoding: FiniteEncoding) -> None:
        self._encoding = encoding
        self._next = encoding.moment("next")
        self._after = Bits(self._next.codes)
        self._before: dict[str, BoolRef] = {}
        self._wrong: dict[str, BoolRef] = {}
        self._looked_for: dict[str, BoolRef] = {}
        self._among: tuple[str, ...] = ()
        self._some = FALSE
        self._solver = SolverFor("QF_FD")
        links = (code == after for code, after in zip(self._next.codes, encoding.after(), strict=True))
        self._solver.add(encoding.in_range, encoding.step(), *links)

    def guess(self, name: str, property_: Property) -> None:
        """Make a guess known."""
        if name not in self._before:
            condition = holds(self._encoding.ground, property_)
            self._before[name], self._wrong[name] = Bool(f"{name} before"), Bool(f"{name} wrong")
            self._looked_for[name] = Bool(f"{name} looked for")
            self._solver.add(Implies(self._before[name], self._encoding.truth(condition)))
            self._solver.add(self._wrong[name] == Not(self._after.truth(condition)))
            self._solver.add(Implies(self._looked_for[name], self._wrong[name]))

    def breaking(self, guesses: Sequence[str]) -> Break | None:
        """A step from a state that satisfies the guesses to one that does not, if there is one."""
        left = set(guesses)
        if not left.issubset(self._among):
            self._look_among(guesses)
        others = (Not(self._looked_for[other]) for other in self._among if other not in left)
        if self._solver.check(self._some, *others, *(self._before[guess] for guess in guesses)) != sat:
            return None
        model = self._solver.model()
        falsified = (g for g in guesses if is_true(model.eval(self._wrong[g], model_completion=True)))
        return Break(self._encoding.state(model, self._next.codes), frozenset(falsified))

    def _look_among(self, guesses: Sequence[str]) -> None:
        """From now on, look for a step that breaks one of these, or of some of these."""
        some = FreshConst(BoolSort())
        assert isinstance(some, BoolRef)
        self._solver.add(Implies(some, Or(*(self._looked_for[guess] for guess in guesses))))
        self._among, self._some = tuple(guesses), some

    def reasons(self, guess: str, guesses: Sequence[str]) -> list[str]:
        """A few of the guesses, from which it follows that every step keeps one of them.

        None of the few can be spared, and the first guesses are preferred. Source: Junker, "QuickXplain: preferred explanations and
        relaxations for over-constrained problems", AAAI 2004.
        """
        others = [other for other in guesses if other != guess]
        return self._explain(guess, [guess], others) if not self._kept_by(guess, [guess]) else []

    def _explain(self, guess: str, given: list[str], choice: list[str], *, unsure: bool = False) -> list[str]:
        """The least part of the choice that, with what is given, keeps the guess; `unsure` whether any is needed."""
        if unsure and self._kept_by(guess, given):
            return []
        if len(choice) <= 1:
            return choice
        first, second = choice[: len(choice) // 2], choice[len(choice) // 2 :]
        late = self._explain(guess, [*given, *first], second, unsure=True)
        early = self._explain(guess, [*given, *late], first, unsure=bool(late))
        return [*early, *late]

    def _kept_by(self, guess: str, given: Iterable[str]) -> bool:
        """Whether no step from a state that satisfies what is given breaks the guess."""
        return self._solver.check(self._wrong[guess], *(self._before[name] for name in given)) != sat


def _goals(protocol: Protocol) -> Iterator[Property]:
    return (p for p in protocol.properties.values() if p.kind in INVARIANTS and not counts(p.condition))


def _key(clause: Clause) -> str:
    return f"clause {clause}"
