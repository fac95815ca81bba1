"""What the lab has for protocols, as checks of mutants: exploration, exploration at larger sizes, induction, bounded search."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from z3 import CheckSatResult, Not, sat, unsat

from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import Explored, OnSearch, explore
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.search import Options, Search
from flk.formal.language import Protocol
from flk.formal.language.properties import PropertyKind
from flk.formal.mutation.check import Finding, killed, skipped, survived
from flk.formal.mutation.mutant import Mutant, unmutated
from flk.formal.mutation.protocols.meaning import protocol_of
from flk.formal.prover.bounded import FAULT, Outcome, search
from flk.formal.prover.obligations import JOIN, Induction, Obligation, uncountable
from flk.formal.prover.solver import EFFORT, QUICK, ask
from flk.spec.verdict import Verdict

Sizes = Mapping[str, int]

STATES = 150_000
"""States that an original may have at sizes at which its mutants are explored too."""

MOST = 1_000_000
"""States of a mutant that are looked at."""

DEPTH = 8
"""Steps of the runs that are searched at sizes that are too large to explore."""

PATIENCE = 10
"""Obligations of a mutant on which the solver may give up; then the others are not asked about. What takes too long counts as
killed, and that a proof is hard to find must kill nothing."""


@dataclass(frozen=True)
class Exploration:
    """Every reachable state at the usual sizes. All properties are judged, so that each is seen to be broken by something."""

    sizes: Sizes
    name: str = "exploration"

    @property
    def configuration(self) -> str:
        """The sizes."""
        return _text(self.sizes)

    def __call__(self, mutant: Mutant) -> Finding:
        """Killed if any property is violated, or an action no longer changes anything."""
        return _judged([_seen(protocol_of(mutant), self.sizes)], mutant)


@dataclass(frozen=True)
class LargerSizes:
    """Every reachable state with one element more in one of the sorts, for each in turn, if there are not too many states."""

    original: Mutant
    sizes: Sizes
    name: str = "larger-sizes"

    @property
    def configuration(self) -> str:
        """The sizes, and how many states are too many."""
        return f"{_text(self.sizes)}; at most {STATES} states"

    @cached_property
    def within_reach(self) -> Sequence[Sizes]:
        """The larger sizes at which the original has not too many states."""
        protocol = protocol_of(self.original)
        return [sizes for sizes in larger(self.sizes) if _found(protocol, sizes, STATES).complete]

    def __call__(self, mutant: Mutant) -> Finding:
        """Killed if any property is violated, at the first sizes at which it is."""
        seen: list[Seen] = []
        for sizes in self.within_reach:
            seen.append(_seen(protocol_of(mutant), sizes))
            if seen[-1].violated:
                return _judged(seen[-1:], mutant)
        return _judged(seen, mutant) if seen else skipped("there are no larger sizes, or too many states at them")


@dataclass(frozen=True)
class Bounded:
    """Every run of so many steps with one element more in every sort."""

    sizes: Sizes
    depth: int = DEPTH
    name: str = "bounded"

    @property
    def configuration(self) -> str:
        """The sizes and the depth."""
        return f"{_text(self.sizes)}; {self.depth} steps"

    def __call__(self, mutant: Mutant) -> Finding:
        """Killed if a run violates a property, or faults."""
        protocol = protocol_of(mutant)
        names = [p.name for p in protocol.properties.values() if p.kind is not PropertyKind.REACHABLE]
        found = search(protocol, self.depth, self.sizes, names=[*names, FAULT], first=True)
        hits = [target for target in found.targets if target.outcome is Outcome.FOUND]
        if hits:
            told = f"violates {hits[0].name} in {hits[0].depth} steps{_at(found.sizes)}"
            return killed(told, tuple(hit.name for hit in hits))
        return survived(f"no violation in {self.depth} steps{_at(found.sizes)}")


@dataclass(frozen=True)
class Proof:
    """The obligations of induction, for any sizes. A mutant is no run: what fails is that the properties prove each other."""

    name: str = "proof"
    configuration: str = "any sizes"

    def __call__(self, mutant: Mutant) -> Finding:
        """Killed if an obligation that the original meets is refuted."""
        protocol = protocol_of(mutant)
        if set(uncountable(protocol)) & set(protocol.actions):
            return skipped("an update counts, so nothing is proved for all sizes")
        original = Induction(protocol_of(_original(mutant)))
        follow = frozenset(p.name for p in original.consequences)
        refuted = list(_refuted(Induction(protocol, follow=follow)))
        if refuted:
            met = {each.name: _asked(each) == unsat for each in original.obligations() if each.name in refuted}
            refuted = [name for name in refuted if met.get(name, True)]
        if not refuted:
            return survived("no obligation that the original meets is refuted")
        hits = dict.fromkeys(name.split(JOIN)[0] for name in refuted)
        return killed(
            f"no longer proved: {'; '.join(refuted[:3])}", tuple(hit for hit in hits if hit in protocol.properties)
        )


def larger(sizes: Sizes) -> Iterator[dict[str, int]]:
    """The sizes with one element more in one of the sorts, for each in turn."""
    for sort, size in sizes.items():
        yield {**sizes, sort: size + 1}


def all_larger(sizes: Sizes) -> dict[str, int]:
    """One element more in every sort."""
    return {sort: size + 1 for sort, size in sizes.items()}


class Seen(NamedTuple):
    """What exploring a protocol has shown. `steps` is a digest of every step that changes something; `busy` are its actions.

    Both are empty if not every state was seen.
    """

    explored: Explored
    steps: str
    busy: frozenset[str]

    @property
    def violated(self) -> tuple[str, ...]:
        """What is violated: properties, that there is no deadlock, that actions happen; a fault has no name."""
        findings = (*self.explored.judged, *([self.explored.fault] if self.explored.fault else []))
        return tuple(finding.property for finding in findings if finding.verdict is Verdict.VIOLATED)


def _judged(seen: Sequence[Seen], mutant: Mutant) -> Finding:
    last = seen[-1].explored
    violated, states = seen[-1].violated, f"{last.states:,} states"
    at = _at(*(one.explored.sizes for one in seen))
    if violated:
        names = ", ".join(name or f"fault: {last.fault.note if last.fault else ''}" for name in violated)
        return killed(f"violates {names} among {states}{at}", tuple(filter(None, violated)))
    if not last.complete:
        return survived(f"no violation among the first {states}{at}")
    original = [_seen(protocol_of(_original(mutant)), one.explored.sizes) for one in seen]
    idle = [action for before, now in zip(original, seen, strict=True) for action in before.busy - now.busy]
    if idle:
        return killed(f"never changes anything: {', '.join(sorted(idle))}; {states}{at}")
    if all(before.steps == now.steps for before, now in zip(original, seen, strict=True)):
        return survived(f"the same states and steps{at}", alike=True)
    if all(before.explored.hashes == now.explored.hashes for before, now in zip(original, seen, strict=True)):
        return survived(f"the same states{at}, by other steps")
    return survived(f"no violation among {states}{at}, though they are not the same")


def _seen(protocol: Protocol, sizes: Sizes) -> Seen:
    steps: list[tuple[str, frozenset[str]]] = []

    def on_search(ground: Ground, search: Search) -> None:
        steps.append(_steps(ground, search) if search.complete else ("", frozenset()))

    explored = _found(protocol, sizes, MOST, on_search)
    return Seen(explored, *steps[0])


def _found(protocol: Protocol, sizes: Sizes, most: int, on_search: OnSearch = lambda *_: None) -> Explored:
    engine = choose(
        "numpy" if sizes == protocol.sizes() else "auto"
    )  # at the usual sizes compiling takes longer than searching
    options = Options(max_states=most, threads=1)
    return explore(protocol, engine.engine, engine.name, sizes, options, graph, on_search)


def _steps(ground: Ground, search: Search) -> tuple[str, frozenset[str]]:
    """A digest of the states and of every step that changes something, with its instance; and the actions of these steps.

    It is the same wherever the protocol begins and in whatever order states are found: a mutant that begins elsewhere, in a state
    that the original comes to and back from, has all states and steps of the original.
    """
    all_ = graph(ground, search)
    order = np.lexsort(all_.words.T)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    moves = all_.source != all_.target
    steps = np.stack([rank[all_.source[moves]], all_.instance[moves], rank[all_.target[moves]]])
    parts = (all_.words[order], steps[:, np.lexsort(steps)])
    digest = blake2b(b"".join(np.ascontiguousarray(part).tobytes() for part in parts), digest_size=8).hexdigest()
    instances = ground.schema.instances
    return digest, frozenset(instances[n].action.name for n in np.unique(all_.instance[moves]))


def _refuted(induction: Induction) -> Iterator[str]:
    """The names of obligations that the solver soon refutes, until it has given up on too many."""
    given_up = 0
    for obligation in induction.obligations():
        answer = _asked(obligation, QUICK)
        if answer == sat:
            yield obligation.name
        elif answer != unsat:
            given_up += 1
            if given_up == PATIENCE:
                return


def _asked(obligation: Obligation, effort: int = EFFORT) -> CheckSatResult:
    return ask((*obligation.given, Not(obligation.goal)), effort=effort)[1]


def _original(mutant: Mutant) -> Mutant:
    return unmutated(mutant.module, mutant.path, mutant.original)


def _text(sizes: Sizes) -> str:
    return ", ".join(f"{sort} {size}" for sort, size in sizes.items())


def _at(*sizes: Sizes) -> str:
    """` at RM 3; RM 4`; nothing for a protocol without sizes."""
    texts = [_text(each) for each in sizes if each]
    return f" at {'; '.join(texts)}" if texts else ""
