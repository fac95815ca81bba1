"""A trace is accepted exactly if some path of the protocol shows what it shows, and a rejection says what is wrong."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flk.formal.explicit.interpreter import Fault, Interpreter, Step
from flk.formal.explicit.schema import Cell, Instance, Schema, State
from flk.formal.fuzzing.protocols import protocols
from flk.formal.language import ANY, BOOL, Protocol, Term, forall, implies, integer, ite, require
from flk.formal.language.sorts import Boolean, Bounded, Index, Sort
from flk.formal.language.text import show
from flk.formal.library.protocols import ingest, replication, two_phase_commit
from flk.formal.traces import Accepted, Rejected, Undecided, Validation, validate
from flk.formal.traces.cells import State as Cellular
from flk.spec.errors import UnusableInput

SIZES: Mapping[str, Mapping[str, int]] = {
    "two-phase-commit": {"RM": 2},
    "ingest": {"Request": 2, "Key": 1, "Position": 2},
    "replication": {"Region": 2, "Log": 2, "Record": 1, "Stamp": 2, "Segment": 2},
}
PROTOCOLS = [two_phase_commit.protocol, ingest.protocol, replication.protocol]
COMMIT = two_phase_commit.protocol
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


def check(protocol: Protocol, lines: Sequence[Line], **options: Any) -> Validation:
    """The verdict on some lines."""
    return validate(protocol, [json.dumps(line).encode() for line in lines], **options)


SMALL = {protocol.name: Small(protocol) for protocol in PROTOCOLS}


@pytest.mark.slow
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


# What people are told.


def did(action: str, state: Line | None = None, **arguments: Any) -> Line:
    """An event."""
    return {"action": action, "arguments": arguments, **({"state": state} if state else {})}


def rejected(protocol: Protocol, *lines: Line, **options: Any) -> Rejected:
    """The verdict on a trace that is not one."""
    verdict = check(protocol, lines, **options)
    assert isinstance(verdict, Rejected)
    return verdict


def test_a_rejection_names_line_event_guard_values_and_what_was_possible() -> None:
    """The commit that was ordered before all were known to be prepared."""
    verdict = rejected(
        COMMIT, did("RMPrepare", r="a"), did("RMPrepare", r="b"), did("TMRcvPrepared", r="a"), did("TMCommit")
    )
    assert (verdict.line, verdict.accepted, verdict.event) == (4, 3, "TMCommit()")
    (reason,) = verdict.reasons
    assert (reason.kind, reason.what, reason.where) == ("guard", "forall r: tm_prepared[r]", "for r = b")
    assert reason.values == (("tm_prepared[b]", "false"),)
    assert {"TMRcvPrepared(r=b)", "TMAbort()"} <= set(verdict.nearest)
    told = str(verdict)
    assert all(
        part in told
        for part in (
            "trace:4",
            "TMCommit()",
            "forall r: tm_prepared[r]",
            "tm_prepared[b] = false",
            "TMRcvPrepared(r=b)",
        )
    )


def test_a_false_forall_names_the_elements_that_make_it_so() -> None:
    """Of all claims in a log, the one that is not before the new one."""
    first, late, early = (
        did("write", n="eu", g="1", k=record, s=stamp) for record, stamp in (("j", "00"), ("k", "02"), ("k", "01"))
    )
    (reason,) = rejected(replication.protocol, did("serve", n="eu"), first, late, early).reasons
    assert reason.where == "for h = 1, j = k, t = 02"
    assert reason.values == (("logged[eu, 1, k, 02]", "true"),)


def test_the_nearest_steps_are_those_of_the_same_action() -> None:
    """Before others, the event's action with fewest other arguments."""
    verdict = rejected(COMMIT, did("RMPrepare", r="a"), did("RMPrepare", r="b"), did("TMRcvPrepared", r="c"))
    assert verdict.nearest[:2] == ("TMRcvPrepared(r=a)", "TMRcvPrepared(r=b)")


def test_a_state_that_differs_is_told_as_seen_and_as_it_would_be() -> None:
    """Both values, by the author's names."""
    verdict = rejected(COMMIT, did("RMPrepare", {"manager": {"a": "aborted"}}, r="a"))
    (reason,) = verdict.reasons
    assert reason.kind == "state"
    assert "manager[a] = aborted" in reason.what
    assert reason.values == (("manager[a]", "prepared"),)


def test_each_way_to_the_impossible_event_gives_its_reason() -> None:
    """One of two managers has prepared: whichever it was, the trace cannot go on, and both are told."""
    verdict = rejected(
        COMMIT, {"elements": {"RM": ["a", "b"]}}, did("RMPrepare"), did("TMRcvPrepared"), did("TMCommit")
    )
    assert {reason.where for reason in verdict.reasons} == {"for r = a", "for r = b"}


def test_hidden_steps_are_counted_and_bounded() -> None:
    """Two unseen steps explain a commit, one does not."""
    header = {"elements": {"RM": ["a"]}, "hidden": ["RMPrepare", "TMRcvPrepared"]}
    accepted = check(COMMIT, [{**header, "at_most": 2}, did("TMCommit")])
    assert isinstance(accepted, Accepted)
    assert (accepted.hidden_steps, accepted.actions["RMPrepare"], accepted.actions["TMRcvPrepared"]) == (2, 1, 1)
    assert isinstance(check(COMMIT, [header, did("TMCommit")]), Rejected)
    assert isinstance(check(COMMIT, [header, did("TMCommit")], hidden=["TMAbort"]), Rejected)


def test_hidden_steps_that_write_one_cell_in_turn_are_told_apart() -> None:
    """The shortest way leads nowhere, and a longer one leads on from a state that it went through, but did not end in."""
    protocol = Protocol("detour", "A hidden step may come before another, and then the seen one ends elsewhere.")
    place = protocol.scalar("place", integer(0, 3), initially=0)
    ready = protocol.scalar("ready", BOOL, initially=False)

    @protocol.action()
    def begin() -> None:
        require(~ready)
        ready.next = True
        place.next = ite(place == 0, 1, place)

    @protocol.action()
    def wander() -> None:
        require(place == 0)
        place.next = 3

    @protocol.action()
    def go() -> None:
        require(ready)
        place.next = ite(place == 1, 2, 1)

    @protocol.action()
    def end() -> None:
        require(place == 1)

    header = {"elements": {}, "hidden": ["begin", "wander"], "at_most": 2}
    assert isinstance(check(protocol, [header, did("go"), did("end")]), Accepted)
    assert isinstance(check(protocol, [{**header, "at_most": 1}, did("go"), did("end")]), Rejected)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans()), max_size=20), st.data())
def test_states_have_the_same_digest_exactly_if_they_are_alike(
    writes: list[tuple[int, int, bool]], chooser: st.DataObject
) -> None:
    """However often a cell was written in between, and from whichever state it is counted."""
    protocol = Protocol("cells", "Three cells.")
    thing = protocol.index("Thing")
    protocol.map("level", thing, to=integer(0, 3), initially=0)
    state = Cellular(protocol)
    cells = state.cells["level"]
    marks: list[int] = [state.mark()]
    seen: list[dict[object, object]] = [{}]
    for key, value, is_mark in writes:
        state.write(cells, key, value)
        if is_mark:
            marks.append(state.mark())
            seen.append({key: value for key, value in cells.items() if value})
    now = chooser.draw(st.integers(-9, 9))
    digests = list(state.digests(now, reversed(marks)))[::-1]
    assert [state.shift(digest, mark) for digest, mark in zip(digests, marks, strict=True)] == [now] * len(marks)
    for n, m in product(range(len(marks)), repeat=2):
        assert (digests[n] == digests[m]) == (seen[n] == seen[m])


def test_a_limit_that_is_reached_leaves_it_undecided() -> None:
    """With choices given up, no path found does not mean that there is none."""
    elements = [f"rm{number}" for number in range(6)]
    lines = [{"elements": {"RM": elements}}, *[did("RMPrepare")] * 5, *[did("TMRcvPrepared")] * 5, did("TMCommit")]
    verdict = check(COMMIT, lines, limit=3)
    assert isinstance(verdict, Undecided)
    assert verdict.verdict.exit_code == 2
    assert "raise --limit" in str(verdict)


def test_a_choice_that_was_given_up_leaves_it_undecided() -> None:
    """It was b that prepared, but when that shows, the search has settled for a. With room for more choices, it goes back."""
    header = {"elements": {"RM": ["a", "b", "c"]}}
    lines = [
        header,
        did("RMPrepare"),
        did("TMAbort"),
        *[did("RMRcvAbortMsg", r="c")] * 6,
        did("RMChooseToAbort", r="a"),
    ]
    assert isinstance(check(COMMIT, lines, limit=4), Undecided)
    assert isinstance(check(COMMIT, lines), Accepted)


def test_a_step_without_meaning_is_no_step() -> None:
    """Writing one cell twice, leaving bounds, reading the undefined: each is told as the fault that it is."""
    protocol = Protocol("faults", "Every action has a fault somewhere.")
    thing = protocol.index("Thing")
    level = protocol.map("level", thing, to=integer(0, 1), initially=0)
    owner = protocol.scalar("owner", thing, partial=True)

    @protocol.action(a=thing, b=thing)
    def both(a: Term, b: Term) -> None:
        level.next[a] = 1
        level.next[b] = 0

    @protocol.action(a=thing)
    def rise(a: Term) -> None:
        level.next[a] = level[a] + 1

    @protocol.action()
    def rest() -> None:
        require(level[owner] == 0)

    for lines, fault in (
        ([did("both", a="x", b="y"), did("both", a="x", b="x")], "level is written twice in one step"),
        ([did("rise", a="x"), did("rise", a="x")], "level: 2 is outside of 0..1"),
        ([did("both", a="x", b="y"), did("rest")], "owner is read where it is undefined"),
    ):
        verdict = rejected(protocol, *lines)
        assert verdict.accepted == 1
        assert verdict.reasons[0].kind == "fault"
        assert fault in verdict.reasons[0].what


def test_names_in_an_open_ordered_sort_compare_as_they_are() -> None:
    """Texts by letters, numbers by value, lists item by item."""
    for earlier, later in (("0009", "0010"), (9, 10), ([9, 99], [10, 0])):
        says: Line = {"k": "k", "good": True, "signed": True, "says": "one"}
        lines = [did("append", q="a", p=earlier, **says), did("append", q="b", p=later, **says)]
        assert isinstance(check(ingest.protocol, lines), Accepted)
        assert isinstance(check(ingest.protocol, [lines[0], did("append", q="b", p=earlier, **says)]), Rejected)


def anywhere() -> Protocol:
    """A door that may begin open or closed, and a key that some door has."""
    protocol = Protocol("doors", "Doors are opened by their keys.")
    door, key_ = protocol.index("Door"), protocol.index("Key")
    is_open = protocol.map("is_open", door, to=BOOL, initially=ANY)
    fits = protocol.relation("fits", key_, door, initially=ANY)
    protocol.assume(lambda: forall(key_, door, door, lambda k, a, b: implies(fits[k, a] & fits[k, b], a == b)))

    @protocol.action(d=door, k=key_)
    def unlock(d: Term, k: Term) -> None:
        require(~is_open[d], fits[k, d])
        is_open.next[d] = True

    return protocol


def test_what_begins_anywhere_is_found_out_as_it_is_read() -> None:
    """The first use of a key tells which door it fits; a second door it cannot fit, by assumption."""
    doors = anywhere()
    assert isinstance(check(doors, [did("unlock", d="a", k="x"), did("unlock", d="b", k="y")]), Accepted)
    assert rejected(doors, did("unlock", d="a", k="x"), did("unlock", d="b", k="x")).accepted == 1
    assert rejected(doors, did("unlock", d="a", k="x"), did("unlock", d="a", k="x")).accepted == 1


def test_what_begins_anywhere_can_be_told() -> None:
    """By the header, before a step, or after one if no action writes it."""
    doors, opened = anywhere(), did("unlock", d="a", k="x")
    assert isinstance(check(doors, [{"initially": {"is_open": {"a": True}}}, opened]), Rejected)
    assert isinstance(check(doors, [{**opened, "before": {"is_open": {"a": True}}}]), Rejected)
    assert isinstance(check(doors, [{**opened, "state": {"fits": {"x,a": False}}}]), Rejected)
    assert isinstance(check(doors, [{**opened, "state": {"fits": {"x": {"a": True}}}}]), Accepted)
    with pytest.raises(UnusableInput, match=r"initially: fits\[x, b\] breaks an assumption"):
        check(doors, [{"initially": {"fits": {"x,a": True, "x,b": True}}}, opened])


REFUSED = {
    "": "the trace is empty",
    "\n\n": "the trace is empty",
    '{"protocol": "two-phase-commit"}': "the trace has no events",
    '{"protocol": "outbox"}': "trace:1: the trace is of outbox, not of two-phase-commit",
    '{"action": "TMComit"}': "trace:1: two-phase-commit has no action TMComit: did you mean TMCommit",
    '{"action": "TMCommit"': "trace:1: this is no JSON object on one line",
    "[1]": "trace:1: ",
    '{"action": "TMCommit", "argumnts": {}}': "trace:1: .*did you mean arguments",
    '{"hiden": ["TMRcvPrepared"]}': "trace:1: .*did you mean hidden",
    '{"hidden": ["TMRcvPrepard"]}': "trace:1: hidden: two-phase-commit has no action TMRcvPrepard: did you mean TMRcvPrepared",
    '{"hidden": ["TMRcvPrepared"], "at_most": 0}': "trace:1: at_most is 0",
    '{"elements": {"Rm": ["a"]}}': "trace:1: elements: there is no index sort Rm: did you mean RM",
    '{"elements": {"RM": ["a", "a"]}}': "trace:1: elements: RM names an element twice",
    '{"initially": {"decision": "open"}}': "trace:1: initially: decision begins as the protocol declares",
    '{"action": "TMRcvPrepared", "arguments": {"s": "a"}}': "trace:1: TMRcvPrepared has no parameter s",
    '{"action": "TMRcvPrepared", "arguments": {"r": 3}}': "trace:1: TMRcvPrepared, r: 3 names no element of RM: write a text",
    '{"action": "TMAbort"}\n{"action": "TMRcvPrepared", "arguments": {"r": true}}': "trace:2: .*r: True names no element",
    '{"elements": {"RM": ["a1"]}}\n{"action": "TMRcvPrepared", "arguments": {"r": "a2"}}': "trace:2: .*'a2': did you mean a1",
    '{"action": "TMAbort", "state": {"decison": "open"}}': "trace:1: .*no variable decison: did you mean decision",
    '{"action": "TMAbort", "state": {"decision": "opne"}}': "trace:1: decision: Decision has no member 'opne': did you mean open",
    '{"action": "TMAbort", "state": {"decision": null}}': "trace:1: decision is always defined",
    '{"action": "TMAbort", "state": {"abort_sent": 1}}': "trace:1: abort_sent: 1 is no truth: write true or false",
    '{"action": "TMAbort", "state": {"tm_prepared": true}}': "trace:1: tm_prepared is a map",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_no_meaning_is_refused_with_its_line_and_the_fix(text: str) -> None:
    """Never as a rejection, and never in silence."""
    with pytest.raises(UnusableInput, match=REFUSED[text]):
        validate(COMMIT, [line.encode() for line in text.splitlines(keepends=True)])


def test_keys_of_several_indices_are_refused_with_the_fix() -> None:
    """One name where two are meant."""
    with pytest.raises(UnusableInput, match="sealed has keys Log,Segment, and 'eu' names 1 of 2"):
        check(replication.protocol, [did("seal", {"sealed": {"eu": True}}, n="eu", g="1")])


def test_a_trace_is_read_line_by_line() -> None:
    """A line is asked for only after the one before it was followed, so that a trace of any length can be."""
    read = 0

    def lines() -> Iterator[bytes]:
        nonlocal read
        for line in (did("TMAbort"), did("TMCommit"), did("TMAbort")):
            read += 1
            yield json.dumps(line).encode()

    assert isinstance(validate(COMMIT, lines()), Rejected)
    assert read == 2


def test_coverage_tells_which_guards_were_never_false() -> None:
    """After `prepare` by a, a cannot prepare again; that hearing needs a message was never put to the test."""
    verdict = check(COMMIT, [did("RMPrepare", r="a"), did("TMRcvPrepared", r="a"), did("RMPrepare", r="b")])
    assert isinstance(verdict, Accepted)
    rows = {(row.action, row.conjunct): (row.held, row.failed) for row in verdict.coverage}
    assert rows["RMPrepare", "manager[r] = working"] == (True, True)
    assert rows["TMRcvPrepared", "prepared_sent[r]"] == (True, False)
    assert rows["RMRcvCommitMsg", "commit_sent"] == (False, True)
