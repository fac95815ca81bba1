"""Exports, judged by the tools they are for: rumur, Spin and TLC count what we count, and find what we find."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.effort import sample
from tests.support.formal import expressions

from flk.formal.explicit.engines import interpreted, vectorised
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options, Search, violates
from flk.formal.exports import murphi, oracles, promela, tla
from flk.formal.exports.definedness import obligations
from flk.formal.exports.division import rounded_to_zero
from flk.formal.exports.names import Names
from flk.formal.exports.oracles import Oracle
from flk.formal.exports.unrolling import unrolled
from flk.formal.fuzzing.protocols import protocols as random_protocols
from flk.formal.language import (
    ANY,
    BOOL,
    UNDEFINED,
    Protocol,
    Term,
    count,
    exists,
    forall,
    implies,
    integer,
    ite,
    require,
)
from flk.formal.language.nodes import Arithmetic, Constant, Node, Operator
from flk.formal.language.sorts import INTEGER
from flk.formal.library.catalogue import find, protocols
from flk.formal.library.gallery import DESIGNS
from flk.spec.errors import UnusableInput

pytestmark = pytest.mark.slow

Sizes = dict[str, int]


def searched(protocol: Protocol, sizes: Sizes | None = None, options: Options | None = None) -> Search:
    """Our own exploration."""
    return vectorised.search(Ground(Schema.of(protocol, sizes)), options or Options())


def rumur(protocol: Protocol, sizes: Sizes | None = None, *, symmetric: bool = False) -> Oracle:
    """What rumur says, compiled in little time."""
    return oracles.run_rumur(murphi.export(protocol, sizes, symmetric=symmetric), optimise=1)


def spin(protocol: Protocol, sizes: Sizes | None = None, **options: Any) -> Oracle:
    """What Spin says, compiled in little time."""
    return oracles.run_spin(promela.export(protocol, sizes), optimise=0, **options)


def tlc(protocol: Protocol, sizes: Sizes | None = None, *, symmetric: bool = False) -> Oracle:
    """What TLC says."""
    return oracles.run_tlc(tla.export(protocol, sizes, symmetric=symmetric))


SMALL: dict[str, Sizes] = {
    "two-phase-commit": {"RM": 4},
    "ingest": {"Request": 1},
    "shared-store": {"Request": 1, "Stamp": 1},
    "rotten-rows": {"Node": 1},
    "replication": {"Segment": 1},
    "retention": {"Segment": 1},
    "lost-logs": {"Claim": 1},
    "reconciliation": {"Claim": 1},
    "policies": {"Entry": 1, "Segment": 2},
    "outbox": {},
    "migration": {},
    "fences": {"Store": 1, "Node": 1},
    "tiering": {"Key": 1},
    "audit": {"Worker": 1},
    "transparency": {"Leaf": 1, "Step": 1},
}
"""Sizes at which every tool is quick, TLC included, which judges progress as well."""


@pytest.mark.sampled
@pytest.mark.parametrize("name", [name for name in protocols() if "/" not in name])
def test_three_tools_count_the_states_and_transitions_that_we_count(name: str) -> None:
    """And find no fault with a protocol that we find none with, TLC not even with its progress."""
    protocol, sizes = find(name), SMALL[name]
    ours = searched(protocol, sizes)
    states, steps, begins = sum(ours.layers), ours.transitions, ours.layers[0]
    extra = promela.extra_states(protocol)
    answers = [rumur(protocol, sizes), spin(protocol, sizes), tlc(protocol, sizes)]
    assert [answer.violated for answer in answers] == [None, None, None]
    assert [answer.states for answer in answers] == [states, states + extra, states]
    assert [answer.transitions for answer in answers] == [steps, steps + 1 + extra * begins, steps + begins]


@pytest.mark.parametrize(("managers", "states"), [(3, 288), (5, 8832), (6, 50816)])
def test_two_phase_commit_has_the_published_number_of_states(managers: int, states: int) -> None:
    """The tools count what Gray and Lamport's protocol is known to have, with and without partial-order reduction."""
    protocol, sizes = find("two-phase-commit"), {"RM": managers}
    assert oracles.run_rumur(murphi.export(protocol, sizes), threads=2, optimise=2).states == states
    assert spin(protocol, sizes, partial_order=managers < 5).states == states


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(
    "name", ["local-arrival", "overload-buries", "one-way-cutover", "hot-tier-forgets", "effect-not-keyed"]
)
def test_a_refuted_design_fails_in_other_tools_too(name: str) -> None:
    """The counterexample of rumur is as short as ours; Spin, which searches depth first, finds the same property violated."""
    design = DESIGNS[name]
    ours = searched(design.exhibit, dict(design.sizes), Options(stop=True))
    theirs = rumur(design.exhibit, dict(design.sizes))
    assert (theirs.violated, theirs.length) == (design.violates, ours.hits[design.violates].depth)
    assert spin(design.exhibit, dict(design.sizes)).violated == design.violates


def test_every_design_is_accepted_by_every_language(tmp_path: Path) -> None:
    """The translators of rumur and Spin, and TLA+'s parser, take all exports."""
    designs = sample(DESIGNS.values())
    for number, design in enumerate(designs):
        Path(tmp_path, f"{number}.m").write_text(murphi.export(design.protocol, design.sizes))
        Path(tmp_path, f"{number}.pml").write_text(promela.export(design.protocol, design.sizes))
        module = tla.export(design.protocol, design.sizes)
        Path(tmp_path, f"{module.name}.tla").write_text(module.module)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    for number in range(len(designs)):
        run("rumur", f"{number}.m", "--output", "model.c")
        run("spin", "-a", f"{number}.pml")
    modules = sorted(file.name for file in tmp_path.glob("*.tla"))
    said = run("java", "-Djava.io.tmpdir=.", "-cp", str(oracles.tla_tools()), "tla2sany.SANY", *modules)
    assert not re.search(r"\*\*\* ?(Parse Error|Errors|Abort)", said), said


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("name", "sizes"), [("two-phase-commit", {"RM": 5}), ("outbox", {}), ("audit", {"Task": 3, "Worker": 1})]
)
def test_scalarsets_and_symmetry_sets_leave_as_many_orbits_as_ours(name: str, sizes: Sizes) -> None:
    """One state of each orbit, whether we fold, rumur or TLC; with values that begin anywhere as well."""
    protocol = find(name)
    orbits = sum(searched(protocol, sizes, Options(symmetry=True)).layers)
    assert rumur(protocol, sizes, symmetric=True).states == orbits
    assert tlc(protocol, sizes, symmetric=True).states == orbits


def test_tlc_refutes_the_progress_that_we_refute() -> None:
    """Cutover that waits for quiet promises answers that never come: no invariant is violated, but progress is."""
    design = DESIGNS["frozen-for-cutover"]
    assert tlc(design.exhibit, dict(design.sizes)).violated == "Temporal properties were violated."


def test_spin_finds_a_witness_of_what_is_reachable() -> None:
    """With -DREACH_name the monitor reports the first state that is to be reached."""
    assert spin(find("two-phase-commit"), {"RM": 2}, defines=["REACH_all_commit"]).violated == "all_commit"


def odd() -> Protocol:
    """A protocol of what translates least directly: exchanged places, old values, rounding down, counts, odd bounds and names."""
    made = Protocol("odd one", "Nothing sensible, and no fault.")
    record, time = made.index("Record"), made.index("Time", size=2, ordered=True)
    kind = made.enum("Type", "end", "begin")
    small = integer(-2, 1)
    log = made.map("log", record, to=small, initially=0)
    mtype = made.map("mtype", integer(-1, 1), BOOL, to=kind, initially=kind.end)
    when = made.map("when", record, to=time, partial=True)
    owner = made.scalar("owner", record, partial=True)
    lit = made.scalar("lit", BOOL, initially=ANY)
    near = made.relation("near", record, record, initially=ANY)

    @made.assume
    def near_itself() -> Term:
        return forall(record, lambda r: near[r, r])

    @made.action(r=record, other=record)
    def exchange(r: Term, other: Term) -> None:
        require(~(r == other))
        log.next[r] = log[other]
        log.next[other] = log[r]

    @made.action(r=record, d=integer(-3, 0))
    def divide(r: Term, d: Term) -> None:
        require(d < 0, when.defined(r) | (log[r] > 0))
        log.next[r] = ite(lit, (log[r] - 2) // d, (log[r] + d) % d) % 3 - 1
        lit.next = ~lit

    @made.action()
    def turn() -> None:
        log.next[:] = lambda r: ite(count(record, lambda s: log[s] > log[r]) > 0, 1, -2)
        lit.next = exists(record, lambda r: log[r] == 1)

    @made.action(n=integer(-1, 1))
    def mark(n: Term) -> None:
        require(lit)
        mtype.next[n, :] = lambda on: ite(on == lit, kind.begin, mtype[n, ~on])
        near.next[:, :] = lambda a, b: near[b, a] | (a == b)

    @made.action(r=record, t=time)
    def own(r: Term, t: Term) -> None:
        require(forall(record, lambda s: implies(when.defined(s), when[s] < t)))
        when.next[r] = t
        owner.next = ite(owner.defined() & (count(record, lambda s: near[s, r]) > 1), owner, r)

    @made.action()
    def part() -> None:
        require(owner.defined(), log[owner] * 100 < 90)
        when.next[owner] = UNDEFINED
        owner.next = UNDEFINED

    @made.never()
    def far_ahead() -> Term:
        return exists(record, lambda r: when.defined(r) & (log[r] > 1))

    return made


def test_the_odd_cases_of_translation_agree() -> None:
    """States and transitions are equal in all tools where old values, rounding, odd bounds and reserved names are at work."""
    ours = searched(odd())
    states, begins = sum(ours.layers), ours.layers[0]
    answers = [tool(odd()) for tool in (rumur, spin, tlc)]
    assert [answer.states for answer in answers] == [states, states + 1, states]
    steps = ours.transitions
    assert [answer.transitions for answer in answers] == [steps, steps + begins + 1, steps + begins]


def calculated_places() -> Protocol:
    """Places that are chosen by an old value of the variable itself, and by a division of a negative number."""
    made = Protocol("calculated places", "A row that says where it is written.")
    row = made.map("row", integer(-1, 1), to=integer(-1, 1), initially=0)

    @made.action(n=integer(-1, 1))
    def follow(n: Term) -> None:
        require(row[1] < 1)
        row.next[1] = n
        row.next[row[1]] = ite(n == 1, -1, n + 1)

    @made.action()
    def halve() -> None:
        row.next[(row[1] - 1) // 2] = 1

    ring = made.map("ring", integer(0, 1), to=integer(0, 1), initially=0)

    @made.action(i=integer(0, 1))
    def turn(i: Term) -> None:
        ring.next[ring[i]] = 1 - ring[ring[i]]

    return made


def test_a_calculated_place_is_the_same_everywhere() -> None:
    """Indices are read before anything is written, and are rounded down, in every tool."""
    states = sum(searched(calculated_places()).layers)
    assert [tool(calculated_places()).states for tool in (rumur, spin, tlc)] == [states] * 3


def faulty(body: Callable[[Any, Any, Any], None]) -> Protocol:
    """A protocol whose only action is the given one, on a partial number, a counter and a map."""
    made = Protocol("faulty", "Goes wrong.")
    key = made.index("Key")
    perhaps = made.scalar("perhaps", integer(0, 3), partial=True)
    counter = made.scalar("counter", integer(0, 2), initially=0)
    cells = made.map("cells", key, to=integer(0, 1), initially=0)

    def act(a: Term, b: Term) -> None:
        if body is written_twice:
            cells.next[a], cells.next[b] = 1, 0
        else:
            body(perhaps, counter, a)

    made.action(a=key, b=key)(act)
    return made


def read_undefined(perhaps: Any, counter: Any, _: Any) -> None:
    """A guard reads what has no value."""
    require(perhaps == 1)
    counter.next = 0


def leave_bounds(_: Any, counter: Any, __: Any) -> None:
    """A counter counts on."""
    counter.next = counter + 1


def divide_by_zero(_: Any, counter: Any, __: Any) -> None:
    """A divisor is 0."""
    counter.next = 1 // counter


def written_twice(_: Any, __: Any, ___: Any) -> None:
    """Two parameters may be one."""


@pytest.mark.parametrize("body", [read_undefined, leave_bounds, divide_by_zero, written_twice])
def test_what_is_a_fault_for_us_is_an_error_in_every_tool(body: Callable[[Any, Any, Any], None]) -> None:
    """Undefined reads, values out of bounds, division by 0 and double writes are never passed over."""
    protocol = faulty(body)
    assert searched(protocol).fault is not None
    assert all(tool(protocol).violated for tool in (rumur, spin, tlc))


def row(*, may_stop: bool) -> Protocol:
    """Lamps that are lit one by one, until a fuse blows; it may do so in the dark."""
    made = Protocol("row", "Each lamp is lit once.")
    place = made.index("Place", 2)
    lit, fuse = made.relation("lit", place), made.scalar("fuse", BOOL, initially=True)

    @made.action(p=place)
    def light(p: Term) -> None:
        require(fuse, ~lit[p])
        lit.next[p] = True

    @made.action()
    def blow() -> None:
        require(fuse)
        fuse.next = False

    if may_stop:
        made.may_stop()(lambda: exists(place, lambda p: lit[p]))
    return made


@pytest.mark.parametrize("may_stop", [False, True])
def test_a_deadlock_for_us_is_one_in_every_tool(may_stop: bool) -> None:
    """Where the protocol may not stop the tools' own checks find it; an end that is declared is an invariant there."""
    protocol = row(may_stop=may_stop)
    ours = searched(protocol).deadlock
    assert ours is not None
    answers = [tool(protocol) for tool in (rumur, spin, tlc)]
    assert [answer.violated for answer in answers] == [oracles.DEADLOCK] * 3
    assert {answers[0].length, answers[2].length} == {ours.depth}


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(random_protocols())
def test_random_protocols_agree(protocol: Protocol) -> None:
    """Whatever an author may write, rumur and Spin count the same states, or find something wrong where we do."""
    protocol.without(*(name for name, each in protocol.properties.items() if each.kind == "reachable"))
    ours = interpreted.search(Ground(Schema.of(protocol)), Options(max_states=3000))
    wrong = bool(ours.fault or ours.deadlock) or any(violates(protocol.properties[name].kind) for name in ours.hits)
    if not ours.complete and not wrong:
        return
    theirs = [rumur(protocol), spin(protocol)]
    assert [answer.violated is not None for answer in theirs] == [wrong, wrong]
    assert wrong or [answer.states for answer in theirs] == [
        sum(ours.layers),
        sum(ours.layers) + promela.extra_states(protocol),
    ]


def test_an_action_too_long_for_an_inline_is_a_macro(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spin takes no inline of many thousands of characters; as a macro the action means the same."""
    monkeypatch.setattr(promela, "INLINE", 0)
    text = promela.export(find("two-phase-commit"))
    assert "#define TMRcvPrepared(r) \\\n" in text
    assert "inline" not in text
    assert oracles.run_spin(text).states == 288


SCHEMA = Schema.of(expressions.PROTOCOL)
STATES = st.tuples(*(st.integers(0, cell.codes - 1) for cell in SCHEMA.cells))


@settings(max_examples=400, deadline=None)
@given(expressions.truths(0, 3), STATES)
def test_obligations_hold_exactly_where_a_condition_has_a_value(tree: expressions.Tree, state: tuple[int, ...]) -> None:
    """In every state they are themselves meaningful, in order, and true if and only if the interpreter finds no fault."""
    interpreter, node = Interpreter(SCHEMA), unrolled(expressions.lifted(tree), {}, SCHEMA.values)
    meant = all(interpreter.evaluate(need, state, {}) for need in obligations(node, SCHEMA.values))
    try:
        value = interpreter.evaluate(expressions.lifted(tree), state, {})
    except Fault:
        assert not meant
    else:
        assert meant
        assert bool(interpreter.evaluate(node, state, {})) == bool(value)


@given(st.integers(-9, 9), st.integers(-9, 9).filter(bool), st.sampled_from([Operator.DIVIDE, Operator.REMAINDER]))
def test_division_that_rounds_to_zero_is_corrected(left: int, right: int, operator: Operator) -> None:
    """The tree for C means there what the language means."""
    tree = Arithmetic(INTEGER, operator, Constant(INTEGER, left), Constant(INTEGER, right))
    expected = left // right if operator is Operator.DIVIDE else left % right
    assert as_in_c(rounded_to_zero(tree, SCHEMA.values)) == expected


def as_in_c(node: Node) -> int:
    """The value of a tree of constants, where division rounds to zero."""
    if isinstance(node, Constant):
        return node.value
    assert isinstance(node, Arithmetic)
    a, b = as_in_c(node.left), as_in_c(node.right)
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) if b else 0
    values = {"+": a + b, "-": a - b, "*": a * b, "//": quotient, "%": a - b * quotient}
    return values[node.operator]


@given(st.lists(st.text(min_size=1, max_size=4)))
def test_names_are_words_of_their_own(wanted: list[str]) -> None:
    """Whatever was asked for, in ASCII, each once and none reserved."""
    names = Names(frozenset({"a", "ab"}), any_case=True)
    given_ = [names.new(each) for each in wanted]
    assert len(set(given_)) == len(given_)
    assert all(name.isascii() and name.isidentifier() and name.lower() not in {"a", "ab"} for name in given_)


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without rumur, Spin or Java on the path, the message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    protocol = find("two-phase-commit")
    for tool, package in ((rumur, "rumur"), (spin, "spin"), (tlc, "default-jre-headless")):
        with pytest.raises(UnusableInput, match=f"install Debian's package {package}"):
            tool(protocol)


def test_a_refused_text_is_no_answer() -> None:
    """What a tool cannot read, and a search that takes too long, are errors, not verdicts."""
    with pytest.raises(UnusableInput, match="rumur refused the model"):
        oracles.run_rumur("no Murphi")
    with pytest.raises(UnusableInput, match="spin refused the model"):
        oracles.run_spin("no Promela")
    with pytest.raises(UnusableInput, match="is not TLA"):
        oracles.run_tlc(tla.Specification("none", "---- MODULE none ----\nno TLA+\n====\n", ""))
    with pytest.raises(UnusableInput, match=r"did not finish in 0\.1 s"):
        oracles.run_tlc(tla.export(find("two-phase-commit")), timeout=0.1)
