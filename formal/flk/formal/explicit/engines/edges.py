"""The state graph of a finished search, for properties of progress: made with arrays, so that millions of steps are no trouble."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flk.formal.explicit.engines.packed import SLICE, PackedSearch
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.runs import places, unique
from flk.formal.explicit.engines.states import States, Unpacked, codes, packed
from flk.formal.explicit.engines.vector import Vectorised
from flk.formal.explicit.graph import Graph, Numbers
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.layout import Layout
from flk.formal.explicit.search import Search


@dataclass(frozen=True)
class PackedGraph(Graph):
    """A graph whose states are packed."""

    layout: Layout
    words: States

    @cached_property
    def codes(self) -> Numbers:
        """The codes of the states: a row for each cell, a column for each state."""
        return codes(self.layout, self.words)


def graph(ground: Ground, search: Search) -> PackedGraph:
    """The graph of a search, by any engine, that is complete and did not use symmetry."""
    program = Program.of(ground, symmetry=False)
    kernel = search.kernel if isinstance(search, PackedSearch) else Vectorised(program)
    words = all_states(program, search)
    run = unique(words)
    number = np.empty(len(words), np.int64)
    number[places(words, run)] = np.arange(len(words))
    positions = np.array(program.positions, np.int64)
    sources, targets, instances = [], [], []
    for first in range(0, len(words), SLICE):
        steps = kernel.steps(words[first : first + SLICE])
        sources.append(steps.source + first)
        instances.append(positions[steps.instance])
        targets.append(number[places(steps.after, run)])
    return PackedGraph(
        Unpacked(program.layout, words),
        np.concatenate([np.empty(0, np.int64), *sources]),
        np.concatenate([np.empty(0, np.int64), *targets]),
        np.concatenate([np.empty(0, np.int64), *instances]),
        program.layout,
        words,
    )


def all_states(program: Program, search: Search) -> States:
    """The states of a search, in the order of their layers, ascending within each."""
    depths = range(len(search.layers))
    if isinstance(search, PackedSearch):
        return np.concatenate([np.empty((0, program.words), np.int64), *map(search.ordered, depths)])
    return packed(program.layout, [state for depth in depths for state in search.states(depth)])
