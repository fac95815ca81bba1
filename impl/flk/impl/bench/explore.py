"""`flk bench explore`: our engines beside Spin and rumur, on the same protocols, in the same run, with the same counts."""

import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple, TypeAlias

import msgspec

from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options
from flk.formal.exports import murphi, promela
from flk.formal.exports.oracles import run_rumur, run_spin
from flk.formal.language import Protocol
from flk.formal.library.protocols.replication import protocol as replication
from flk.formal.library.protocols.two_phase_commit import protocol as two_phase_commit
from flk.impl.bench.turns import Bar

THREADS = 2
ENGINES = ("c", "numba", "numpy")
SPIN, RUMUR = "Spin", "rumur"
PUBLISHED = {6: 50_816, 8: 1_745_408, 9: 10_340_352, 10: 61_515_776}
"""Distinct states of two-phase commit, by the number of resource managers."""

COMPILED_BAR, PLAIN_BAR, WIDE_BAR = 5e6, 1.5e6, 1e6  # design section 11: distinct states a second
SPIN_BAR, RUMUR_BAR = 3.0, 20.0
MEMORY_BAR = 6 << 30

Run: TypeAlias = Callable[[], "Answer"]
OnProgress: TypeAlias = Callable[[str], None]


class Answer(NamedTuple):
    """How many distinct states a tool found, the seconds of its search, and those of the processor if it ran in this process."""

    states: int
    seconds: float
    processor: float = 0.0


class Model(NamedTuple):
    """A protocol at some sizes, who explores it, and how many states it is known to have (0: not published)."""

    protocol: Protocol
    sizes: dict[str, int]
    tools: tuple[str, ...]
    published: int = 0

    @property
    def name(self) -> str:
        """As one would ask for it."""
        return " ".join([self.protocol.name, *(f"{sort.lower()}={size}" for sort, size in self.sizes.items())])


class Figure(msgspec.Struct, frozen=True):
    """A tool on a model: distinct states, and the median over the rounds of the seconds that its search took."""

    model: str
    bits: int
    tool: str
    states: int
    seconds: float
    ratio: float
    """How many times faster the C engine was: the median of the rounds' ratios; 1 for itself, 0 if it did not take part."""

    processor: float = 0.0
    """The median seconds of the processor, over all threads: on a busy machine they say more. 0 for other people's tools."""

    @property
    def per_second(self) -> float:
        """Distinct states a second."""
        return self.states / self.seconds


class Disagreement(Exception):
    """Two tools count different states, or one another number than is published."""


def quick_models() -> tuple[Model, ...]:
    """For a first look, in seconds."""
    return (
        Model(two_phase_commit, {"RM": 6}, (*ENGINES, SPIN, RUMUR), PUBLISHED[6]),
        Model(replication, {"Segment": 2}, (*ENGINES, SPIN, RUMUR)),
    )


def models(*, long: bool) -> tuple[Model, ...]:
    """What is measured; rumur is asked only about what it can do within a minute or so."""
    some = (
        Model(two_phase_commit, {"RM": 8}, (*ENGINES, SPIN, RUMUR), PUBLISHED[8]),
        Model(two_phase_commit, {"RM": 9}, (*ENGINES, SPIN), PUBLISHED[9]),
        Model(replication, {"Segment": 2}, (*ENGINES, SPIN, RUMUR)),
        Model(replication, {"Segment": 3}, (*ENGINES, SPIN)),
        Model(replication, {"Record": 4}, (*ENGINES, SPIN)),
    )
    return (*some, Model(two_phase_commit, {"RM": 10}, ("c",), PUBLISHED[10])) if long else some


def measure(chosen: Sequence[Model], rounds: int, on_progress: OnProgress = lambda _: None) -> tuple[Figure, ...]:
    """The figures. Tools take turns, a whole search each; compilation is not timed.

    Raises Disagreement if their counts differ, and UnusableInput if a tool is missing.
    """
    return tuple(figure for model in chosen for figure in _contest(model, rounds, on_progress))


def _contest(model: Model, rounds: int, on_progress: OnProgress) -> Iterator[Figure]:
    ground = Ground(Schema.of(model.protocol, model.sizes))
    runs = _runs(model, ground)
    for tool in ENGINES:
        if tool in runs:
            on_progress(f"{model.name}: compiling for {tool}")
            choose(tool).engine(ground, Options(max_states=1 << 17))
    answers: dict[str, list[Answer]] = {tool: [] for tool in runs}
    for turn in range(rounds):
        for tool, run in runs.items():
            on_progress(f"{model.name}, round {turn + 1} of {rounds}: {tool}")
            answers[tool].append(run())
            _compare(model, answers)
    for tool, given in answers.items():
        pairs = zip(given, answers.get("c", []), strict=False)
        ratios = [theirs.seconds / ours.seconds for theirs, ours in pairs]
        seconds = median(answer.seconds for answer in given)
        ratio = median(ratios) if ratios else 0.0
        processor = median(answer.processor for answer in given)
        yield Figure(model.name, ground.schema.bits, tool, given[0].states, seconds, ratio, processor)


def _runs(model: Model, ground: Ground) -> Mapping[str, Run]:
    runs: dict[str, Run] = {}
    for tool in model.tools:
        if tool == SPIN:
            runs[tool] = partial(_spin, promela.export(model.protocol, model.sizes))
        elif tool == RUMUR:
            runs[tool] = partial(_rumur, murphi.export(model.protocol, model.sizes))
        else:
            runs[tool] = partial(_ours, tool, ground)
    return runs


def _ours(tool: str, ground: Ground) -> Answer:
    engine = choose(tool).engine
    started, processor = perf_counter(), process_time()
    search = engine(ground, Options(threads=THREADS))
    return Answer(sum(search.layers), perf_counter() - started, process_time() - processor)


def _spin(text: str) -> Answer:
    """Without partial order reduction, so that it visits the same states."""
    oracle = run_spin(text, partial_order=False)
    return Answer(oracle.states, oracle.seconds)


def _rumur(text: str) -> Answer:
    oracle = run_rumur(text, threads=THREADS)
    return Answer(oracle.states, oracle.seconds)


def _compare(model: Model, answers: Mapping[str, Sequence[Answer]]) -> None:
    counts = {tool: answer.states for tool, given in answers.items() for answer in given}
    if model.published:
        counts["published"] = model.published
    if len(set(counts.values())) > 1:
        raise Disagreement(f"{model.name}: " + ", ".join(f"{tool} counts {n:,}" for tool, n in counts.items()))


def bars(figures: Sequence[Figure]) -> tuple[Bar, ...]:
    """The bars of the design for the explorer, as far as these figures bear on them."""
    packed = [f for f in figures if f.bits <= 64 and f.states > 1e6]
    wide = [f for f in figures if f.bits >= 96]
    found = [
        _rate("states a second, compiled", [f for f in packed if f.tool == "c"], COMPILED_BAR),
        _rate("states a second without a compiler, Numba", [f for f in packed if f.tool == "numba"], PLAIN_BAR),
        _rate("states a second without a compiler, NumPy", [f for f in packed if f.tool == "numpy"], PLAIN_BAR),
        _rate("states a second of 96 bits or more, compiled", [f for f in wide if f.tool == "c"], WIDE_BAR),
        _times("times Spin", [f for f in packed if f.tool == SPIN], SPIN_BAR),
        _times("times rumur", [f for f in packed if f.tool == RUMUR], RUMUR_BAR),
    ]
    if any(f.states == PUBLISHED[10] for f in figures):
        found.append(
            Bar(
                "memory for 61,515,776 states, at most 6 GiB", f"{memory() / (1 << 30):.1f} GiB", memory() <= MEMORY_BAR
            )
        )
    return tuple(bar for bar in found if bar is not None)


def memory() -> int:
    """The most memory that this process has held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _rate(name: str, figures: Sequence[Figure], bar: float) -> Bar | None:
    """Judged by the least of the models'."""
    if not figures:
        return None
    least = min(figure.per_second for figure in figures)
    return Bar(f"{name}, at least {bar / 1e6:g} M", f"{least / 1e6:.2f} M", least >= bar)


def _times(name: str, figures: Sequence[Figure], bar: float) -> Bar | None:
    if not figures:
        return None
    least = min(figure.ratio for figure in figures)
    return Bar(f"{name}, at least {bar:g}", f"{least:.1f}", least >= bar)
