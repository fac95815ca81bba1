"""What a search has covered: how often each action happened, and whether each conjunct of a guard was seen true and seen false."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from flk.formal.explicit.engines.edges import all_states
from flk.formal.explicit.engines.packed import SLICE
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.vector import columns, function
from flk.formal.explicit.ground import Ground, GroundInstance
from flk.formal.explicit.search import Search
from flk.formal.language.text import text


class Conjunct(msgspec.Struct, frozen=True):
    """Part of a guard, and whether some state and parameters made it true, and some false; read only where all before it holds."""

    text: str
    seen_true: bool
    seen_false: bool


class ActionCoverage(msgspec.Struct, frozen=True):
    """How many steps of an action there are, and its guard, conjunct by conjunct."""

    action: str
    fired: int
    conjuncts: tuple[Conjunct, ...]


def coverage(ground: Ground, search: Search) -> tuple[ActionCoverage, ...]:
    """Of every action in the states of a search, whatever the engine; under symmetry, in the states that stand for the others."""
    program = Program.of(ground, symmetry=False)
    states = all_states(program, search)
    parts = [columns(states[first : first + SLICE]) for first in range(0, len(states), SLICE)]
    fired = dict.fromkeys(ground.schema.protocol.actions, 0)
    seen = {name: np.zeros((len(a.guards), 2), np.bool_) for name, a in ground.schema.protocol.actions.items()}
    for instance in ground.all_instances:
        name = instance.instance.action.name
        fired[name] += _cover(program, instance, parts, seen[name])
    return tuple(
        ActionCoverage(
            name,
            fired[name],
            tuple(Conjunct(text(guard), bool(t), bool(f)) for guard, (f, t) in zip(a.guards, seen[name], strict=True)),
        )
        for name, a in ground.schema.protocol.actions.items()
    )


def _cover(
    program: Program, instance: GroundInstance, parts: list[list[NDArray[np.int64]]], seen: NDArray[np.bool_]
) -> int:
    """Note the truths of an instance's conjuncts, a row for each; false comes first. Returns how often it happens."""
    values_of = function(program, instance.conjuncts)
    fired = 0
    for words in parts:
        reached = np.ones(len(words[0]), np.bool_)
        for row, value in enumerate(values_of(*words)):
            truth = np.asarray(value, np.bool_)
            seen[row, 0] |= bool((reached & ~truth).any())
            reached &= truth
            seen[row, 1] |= bool(reached.any())
        fired += int(reached.sum())
    return fired
