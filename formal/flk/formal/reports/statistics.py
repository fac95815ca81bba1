"""The figures of an exploration: how many states, how deep, how wide, how fast."""

from collections.abc import Sequence
from math import ceil

from flk.formal.explicit.explore import Explored

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60
"""Bars at most."""


def sparkline(layers: Sequence[int], width: int = WIDTH) -> str:
    """The sizes of the layers as bars; adjoining layers are added up where there are more than `width`."""
    together = max(1, ceil(len(layers) / width))
    sums = [sum(layers[n : n + together]) for n in range(0, len(layers), together)]
    most = max(sums, default=1)
    return "".join(BARS[ceil(each / most * len(BARS)) - 1] for each in sums)


def figures(found: Explored) -> list[tuple[str, str]]:
    """Each figure with its name."""
    rate = found.states / found.seconds if found.seconds else 0.0
    expanded = found.states - (0 if found.complete else found.layers[-1])
    widest = max(range(len(found.layers)), key=found.layers.__getitem__, default=0)
    return [
        (
            "states",
            f"{found.states:,}" + (" orbits" if found.symmetric else "") + ("" if found.complete else ", not all"),
        ),
        ("transitions", f"{found.transitions:,}"),
        ("steps from a state", f"{found.transitions / max(expanded, 1):.2f} on average"),
        ("depth", f"{found.depth}, widest at {widest} with {found.layers[widest]:,} states"),
        ("state", f"{found.bits} bits"),
        ("engine", found.engine + (", with symmetry" if found.symmetric else "")),
        ("time", f"{found.seconds:.2f} s, {rate:,.0f} states/s"),
    ]
