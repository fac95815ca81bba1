"""A trace is accepted exactly if some path of the protocol shows what it shows, and a rejection says what is wrong."""

import json
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.formal.random_protocols import protocols

from flk.formal.finite.interpreter import Fault, Interpreter, Step
from flk.formal.finite.schema import Cell, Instance, Schema, State
from flk.formal.language import Protocol
from flk.formal.language.sorts import Boolean, Bounded, Index, Sort
from flk.formal.language.text import show
from flk.formal.protocols import ingest, replication, two_phase_commit
from flk.formal.traces import Accepted, Rejected, Verdict, validate

SIZES: Mapping[str, Mapping[str, int]] = {
    "two-phase-commit": {"RM": 2},
    "ingest": {"Request": 2, "Key": 1, "Position": 2},
    "replication": {"Region": 2, "Record": 1, "Stamp": 2, "Segment": 2},
}
PROTOCOLS = [two_phase_commit.protocol, ingest.protocol, replication.protocol]
Line = dict[str, Any]


class Small:
    """A protocol at a small size: the interpreter, and names of its elements."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.schema = Schema.of(protocol, SIZES.get(protocol.name))
        self.interpreter = Interpreter(self.schema)
        self._steps: dict[State, list[Step]] = {}

    def steps(self, state: State) -> list[Step]:
        """The steps that are possible, those with a fault left out."""
        if state not in self._steps:
            found = []
            for instance in self.schema.instances:
                try:
                    if self.interpreter.refusal(instance, state) is None:
                        found.append(Step(instance, self.interpreter.apply(instance, state)))
                except Fault:
                    continue
            self._steps[state] = found
        return self._steps[state]

    def header(self, hidden: Sequence[str], at_most: int) -> Line:
        sorts = (sort for sort in self.protocol.sorts.values() if isinstance(sort, Index))
        elements = {sort.name: [show(sort, at) for at in range(self.schema.size_of[sort.name])] for sort in sorts}
        return {"protocol": self.protocol.name, "elements": elements, "hidden": list(hidden), "at_most": at_most}

    def walk(self, random: Random, length: int) -> list[tuple[State, Step]]:
        state = random.choice(list(self.interpreter.initial_states()))
        path = []
        for _ in range(length):
            steps = self.steps(state)
            if not steps:
                break
            changing = [step for step in steps if step.after != state] or steps
            step = random.choice(changing)
            path.append((state, step))
            state = step.after
        return path


def written(sort: Sort, value: int | None) -> Any:
    """A value as a trace has it."""
    if value is None or isinstance(sort, Bounded):
        return value
    return bool(value) if isinstance(sort, Boolean) else show(sort, value)


def observed(small: Small, state: State, cells: Iterable[int]) -> Line:
    """Some cells of a state as a trace has them."""
    told: Line = {}
    for at in cells:
        cell = small.schema.cells[at]
        value = written(cell.variable.sort, cell.decode(state[at]))
        if cell.variable.domain:
            told.setdefault(cell.variable.name, {})[key(cell)] = value
        else:
            told[cell.variable.name] = value
    return told


def key(cell: Cell) -> str:
    """A cell's key as a trace has it."""
    return ",".join(show(sort, at) for sort, at in zip(cell.variable.domain, cell.key, strict=True))


def event(small: Small, instance: Instance, before: State, after: State, random: Random, share: float) -> Line:
    """What was seen of a step: each argument and each cell with some likelihood."""
    places = range(len(small.schema.cells))
    arguments = {
        p.name: written(p.sort, value)
        for p, value in zip(instance.action.parameters, instance.arguments, strict=True)
        if random.random() < share + 0.3
    }
    line: Line = {"action": instance.action.name, "arguments": arguments}
    line["state"] = observed(small, after, [at for at in places if random.random() < share])
    if random.random() < 0.3:
        line["before"] = observed(small, before, [at for at in places if random.random() < share / 2])
    return line


def shows(small: Small, told: Line, state: State) -> bool:
    """Whether the state is what was told."""
    everything = observed(small, state, range(len(small.schema.cells)))
    return all(
        all(everything[name][at] == inner for at, inner in value.items())
        if isinstance(value, dict)
        else everything[name] == value
        for name, value in told.items()
    )


def explainable(small: Small, lines: Sequence[Line], hidden: Sequence[str], at_most: int) -> int:
    """By brute force: how many events some path shows, all of them if the trace is one."""
    states = set(small.interpreter.initial_states())
    for number, line in enumerate(lines):
        layer = states
        for _ in range(at_most if hidden else 0):
            layer = {s.after for state in layer for s in small.steps(state) if s.instance.action.name in hidden}
            states = states | layer
        states = {
            step.after
            for state in states
            if shows(small, line.get("before", {}), state)
            for step in small.steps(state)
            if matches(line, step.instance) and shows(small, line["state"], step.after)
        }
        if not states:
            return number
    return len(lines)


def matches(line: Line, instance: Instance) -> bool:
    """Whether a step is one that the line can mean."""
    arguments = {
        p.name: written(p.sort, v) for p, v in zip(instance.action.parameters, instance.arguments, strict=True)
    }
    return bool(line["action"] == instance.action.name and line["arguments"].items() <= arguments.items())


def corrupted(small: Small, lines: list[Line], random: Random) -> list[Line]:
    """The same trace with one event replaced by a likely other one, or left out."""
    at = random.randrange(len(lines))
    instance = random.choice(small.schema.instances)
    arguments = {
        p.name: written(p.sort, v) for p, v in zip(instance.action.parameters, instance.arguments, strict=True)
    }
    line = {"action": instance.action.name, "arguments": arguments, "state": {}}
    match random.randrange(3):
        case 0:
            return [*lines[:at], line, *lines[at + 1 :]]
        case 1:
            return [*lines[:at], line, *lines[at:]]
        case _:
            return [*lines[:at], *lines[at + 1 :]]


def check(protocol: Protocol, lines: Sequence[Line], **options: Any) -> Verdict:
    """The verdict on some lines."""
    return validate(protocol, [json.dumps(line).encode() for line in lines], **options)


SMALL = {protocol.name: Small(protocol) for protocol in PROTOCOLS}


@pytest.mark.parametrize("name", SMALL)
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.0, 0.2, 0.9]), at_most=st.sampled_from([0, 1, 2]))
def test_it_agrees_with_brute_force(name: str, seed: int, share: float, at_most: int) -> None:
    """A walk of the interpreter, told in part, with steps hidden, is accepted; with one event changed, exactly if a path exists."""
    compare(SMALL[name], Random(seed), share, at_most)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(protocol=protocols(), seed=st.integers(0, 2**32), share=st.sampled_from([0.0, 0.3, 0.9]))
def test_it_agrees_with_brute_force_on_any_protocol(protocol: Protocol, seed: int, share: float) -> None:
    """The same for protocols of every construct of the language, of which cells may begin anywhere."""
    small = Small(protocol)
    if len(small.schema.instances) < 100 and prod(cell.codes for cell in small.schema.cells) < 500:
        compare(small, Random(seed), share, seed % 3)


def compare(small: Small, random: Random, share: float, at_most: int) -> None:
    """A walk and a change of it, validated and searched for by brute force."""
    path = small.walk(random, random.randrange(1, 14))
    hidden = random.sample(list(small.protocol.actions), min(2, len(small.protocol.actions))) if at_most else []
    lines, unseen = [], 0
    for before, step in path:
        if step.instance.action.name in hidden and unseen < at_most:
            unseen += 1
        else:
            lines.append(event(small, step.instance, before, step.after, random, share))
            unseen = 0
    if not lines:
        return
    header = small.header(hidden, max(at_most, 1))
    verdict = check(small.protocol, [header, *lines])
    assert isinstance(verdict, Accepted), verdict
    changed = corrupted(small, lines, random)
    if not changed:
        return
    verdict = check(small.protocol, [header, *changed])
    possible = explainable(small, changed, hidden, at_most)
    if possible == len(changed):
        assert isinstance(verdict, Accepted), verdict
    else:
        assert isinstance(verdict, Rejected), verdict
        assert verdict.accepted == possible
