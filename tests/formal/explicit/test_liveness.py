"""Progress under weak fairness: verdicts, and lassos that are real and shortest."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.formal.lassos import Case, refusal_of_path

from flk.formal.explicit import explore as exploring
from flk.formal.explicit import liveness
from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.edges import graph as graph_of
from flk.formal.explicit.engines.interpreted import search
from flk.formal.explicit.explore import Finding, Path, explore, restricted
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options
from flk.formal.language import BOOL, Index, Map, Protocol, Term, forall, require
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.protocols import two_phase_commit
from flk.spec.verdict import Verdict


@st.composite
def cases(draw: st.DrawFn, size: int = 5, edges: int = 10) -> Case:
    """Small graphs with few labels, so that fair cycles, unfair ones and dead ends all occur."""
    states = st.integers(0, size - 1)
    sets = st.frozensets(states, max_size=size)
    goes = draw(st.dictionaries(st.tuples(states, st.sampled_from("abc")), states, min_size=1, max_size=edges))
    fair = tuple(sorted(draw(st.sets(st.sampled_from("abc")))))
    steps = tuple((a, label, b) for (a, label), b in goes.items())
    return Case(size, steps, frozenset({draw(states)}), draw(sets), draw(sets), fair)


@pytest.mark.slow
@settings(max_examples=400)
@given(cases())
def test_a_lasso_is_found_exactly_when_there_is_one(case: Case) -> None:
    """Sound and complete: every set of states that could be stayed in for ever is tried, and every lasso is walked."""
    found = case.find()
    assert (found is not None) == case.violated()
    assert found is None or case.refusal(found) == ""


@settings(max_examples=150)
@given(cases(size=4, edges=7))
def test_no_lasso_is_shorter(case: Case) -> None:
    """Every walk of fewer steps is tried."""
    found = case.find()
    if found is not None:
        assert found.shortest
        assert not case.shorter(case.depths()[found.start] + len(found.way))


@settings(max_examples=150)
@given(cases())
def test_without_the_effort_for_the_shortest_a_lasso_is_still_real(case: Case) -> None:
    """Where looking for the shortest takes too long, a short one is given."""
    effort = liveness.EFFORT
    liveness.EFFORT = 0
    try:
        found = case.find()
    finally:
        liveness.EFFORT = effort
    assert (found is not None) == case.violated()
    if found is not None:
        assert case.refusal(found) == ""
        assert found.shortest == (found.loop == len(found.way))  # where nothing happens, there is nothing to look for


@settings(max_examples=100)
@given(cases())
def test_exploring_shows_a_lasso_that_the_interpreter_can_walk(case: Case) -> None:
    """The same graphs as protocols: the verdict is that of the oracle, and each step of the path is one of the protocol's."""
    protocol = case.protocol()
    (finding,) = explore(protocol, search, "interpreter").findings
    assert (finding.verdict is Verdict.VIOLATED) == case.violated()
    if finding.path is not None:
        assert refusal_of_path(Schema.of(protocol), protocol.properties["progress"], finding.path) == ""


def graph(
    steps: str, premise: set[int], conclusion: set[int], fair: str = "", initial: frozenset[int] = frozenset({0})
) -> Case:
    """A case from text: `0 a 1, 1 b 0`."""
    edges = tuple((int(a), label, int(b)) for a, label, b in (step.split() for step in steps.split(",")))
    size = max(max(a, b) for a, _, b in edges) + 1
    return Case(size, edges, initial, frozenset(premise), frozenset(conclusion), tuple(fair.split()))


PITFALLS: dict[str, tuple[Case, tuple[int, int] | None]] = {
    # Each with the steps that lead from the premise to the cycle and those of the cycle, or None if progress is certain.
    "nothing is fair, so nothing need happen": (graph("0 a 1", {0}, {1}), (0, 0)),
    "a fair step that is always possible is taken": (graph("0 a 1", {0}, {1}, "a"), None),
    "a terminal state is an end without the conclusion": (graph("0 a 1, 0 b 2", {0}, {2}, "a b"), (1, 0)),
    "stuttering where the fair step is possible is not fair": (graph("0 a 1, 1 a 2", {0}, {2}, "a"), None),
    "a step back to the same state is not a step": (graph("0 a 0, 0 b 1", {0}, {1}, "a"), (0, 0)),
    "a fair step back to the same state does not keep the other from happening": (
        graph("0 a 0, 0 b 1", {0}, {1}, "a b"),
        None,
    ),
    "two ways that join are not a cycle": (graph("0 a 1, 0 b 2, 1 a 3, 2 b 3, 3 a 4", {0}, {4}, "a b"), None),
    "a state seen before on another way is no proof of progress": (
        graph("0 a 1, 0 b 2, 1 b 2, 2 a 3, 3 b 2", {0}, {1}, "a b"),
        (1, 2),
    ),
    "a cycle that takes the fair step is fair": (graph("0 a 1, 1 a 0, 0 b 2", {0}, {2}, "a"), (0, 2)),
    "a step that is possible only here and there need not be taken": (
        graph("0 a 1, 1 a 0, 0 b 2", {0}, {2}, "a b"),
        (0, 2),
    ),
    "a step that is possible all around a cycle must be taken": (
        graph("0 a 1, 1 a 0, 0 b 2, 1 b 2", {0}, {2}, "a b"),
        None,
    ),
    "a component that is fair only as a whole": (
        graph("0 a 1, 1 b 0, 0 c 2, 2 d 0, 1 c 3, 2 b 3", {0}, {3}, "a b c d"),
        (0, 2),
    ),
    "two cycles that share a state are fair only together": (
        graph("0 a 1, 1 b 0, 0 c 2, 2 d 0, 1 c 3, 1 e 3, 2 e 0, 0 e 2", {0}, {3}, "c e"),
        (0, 2),
    ),
    "a figure of eight": (
        graph("0 m 1, 1 m 0, 0 n 2, 2 n 0, 1 a 3, 0 a 3, 2 b 3, 0 b 3", {0}, {3}, "a b"),
        (0, 4),
    ),
    "the premise is true at first": (graph("0 a 1, 1 a 2", {0}, {9}, "a"), (2, 0)),
    "the premise is never true": (graph("0 a 1", {9}, {1}, ""), None),
    "the premise is true only where the conclusion is": (graph("0 a 1, 1 b 0", {1}, {1}, ""), None),
    "the conclusion came before the premise, and never again": (graph("0 a 1, 1 b 2", {2}, {0}, "a b"), (0, 0)),
    "the conclusion comes and goes": (graph("0 a 1, 1 b 0", {0}, {1}, "a"), None),
    "what is left behind after the conclusion does not matter": (graph("0 a 1, 1 b 2, 2 c 1", {0}, {1}, "a"), None),
    "the premise comes after a cycle that had no premise": (graph("0 a 1, 1 b 0, 1 c 2, 2 d 3", {2}, {3}, "d"), None),
    "two components, the nearer not fair": (
        graph("0 a 1, 1 b 0, 0 c 2, 1 c 2, 2 a 3, 3 b 2", {0}, {9}, "a b c"),
        (1, 2),
    ),
    "two components, both fair: the nearer": (graph("0 a 1, 1 b 0, 0 c 2, 2 a 3, 3 b 2", {0}, {9}, "a b"), (0, 2)),
    "a way out that only a fair step takes, from every state": (
        graph("0 a 1, 1 a 2, 2 a 0, 0 z 3, 1 z 3, 2 z 3", {0}, {3}, "z"),
        None,
    ),
    "a way out that is shut in one state of the cycle": (
        graph("0 a 1, 1 a 2, 2 a 0, 0 z 3, 1 z 3", {0}, {3}, "z a"),
        (0, 3),
    ),
    "stuttering where the way out is shut": (graph("0 a 1, 1 a 2, 2 a 0, 0 z 3, 1 z 3", {0}, {3}, "z"), (2, 0)),
    "fairness of a step that never is possible": (graph("0 a 1, 1 a 0", {0}, {9}, "a z"), (0, 2)),
    "a fair step that leads into the conclusion only from outside the cycle": (
        graph("0 a 1, 1 b 2, 2 c 1, 0 z 3", {0}, {3}, "a b c z"),
        (1, 2),
    ),
    "a longer way to a shorter cycle": (
        graph("0 a 1, 1 a 2, 2 a 3, 3 a 4, 4 a 0, 0 s 5, 1 s 6, 2 s 6, 3 s 6, 4 s 6", {0}, {6}, "a"),
        (1, 0),
    ),
    "a state that is reached only through the conclusion": (graph("0 a 1, 1 b 2, 2 c 2", {0}, {1}, "a"), None),
}


@pytest.mark.parametrize("name", PITFALLS)
def test_known_pitfalls_of_liveness(name: str) -> None:
    """What other checkers have got wrong: each graph by itself, judged by hand."""
    case, expected = PITFALLS[name]
    found = case.find()
    assert (found and (found.loop, len(found.way) - found.loop)) == expected
    assert case.violated() == (found is not None)
    assert found is None or case.refusal(found) == ""


def requests(*, fair: tuple[str, ...]) -> Protocol:
    """Two requests, each to be answered; a nuisance that comes and goes for ever."""
    protocol = Protocol("requests", "Requests are answered.")
    request = protocol.index("Request", size=2)
    asked, answered = protocol.relation("asked", request), protocol.relation("answered", request)
    noise = protocol.scalar("noise", BOOL, initially=False)

    @protocol.action(r=request)
    def ask(r: Term) -> None:
        require(~asked[r])
        asked.next[r] = True

    @protocol.action(r=request)
    def answer(r: Term) -> None:
        require(asked[r])
        answered.next[r] = True

    @protocol.action()
    def disturb() -> None:
        noise.next = ~noise

    protocol.leads_to(fair=fair)(_all_answered(request, asked, answered))
    return protocol


def _all_answered(request: Index, asked: Map, answered: Map) -> Callable[[], tuple[Term, Term]]:
    def all_answered() -> tuple[Term, Term]:
        return forall(request, lambda r: asked[r]), forall(request, lambda r: answered[r])

    return all_answered


def progress(protocol: Protocol, options: Options | None = None) -> Finding:
    """What the interpreter finds of the only property."""
    (finding,) = explore(protocol, search, "interpreter", options=options).findings
    return finding


def test_every_instance_of_a_fair_action_is_fair() -> None:
    """Answering the one for ever does not excuse never answering the other."""
    assert progress(requests(fair=("answer",))).verdict is Verdict.HOLDS


def test_fairness_of_another_action_does_not_help() -> None:
    """The shortest lasso: both ask, and only the noise goes on; each step is one of the protocol's."""
    protocol = requests(fair=("disturb",))
    finding = progress(protocol)
    assert finding.verdict is Verdict.VIOLATED
    assert finding.path is not None
    shown = [move.shown for move in finding.path.moves]
    assert sorted(shown[:3]) == ["", "ask(request1)", "ask(request2)"]
    assert shown[3:] == ["disturb()", "disturb()"]
    assert finding.path.loop == 2
    assert refusal_of_path(Schema.of(protocol), protocol.properties["all_answered"], finding.path) == ""


def test_the_checker_of_paths_refuses_what_is_wrong() -> None:
    """A lasso is refused that does not close, that is not fair, or whose step does not exist."""
    protocol = requests(fair=("disturb",))
    path = progress(protocol).path
    assert path is not None
    schema, property_ = Schema.of(protocol), protocol.properties["all_answered"]
    moves = path.moves
    assert "close" in refusal_of_path(schema, property_, Path(moves[:-1], 2))
    assert "not fair" in refusal_of_path(schema, property_, Path(moves[:-2], 2))
    assert "premise" in refusal_of_path(schema, property_, Path(moves[:2], 1))
    assert "no step" in refusal_of_path(schema, property_, Path((moves[0], *moves[2:]), 1))


def test_symmetry_leaves_progress_undecided_and_says_why() -> None:
    """A folded graph has paths that the protocol has not."""
    finding = progress(requests(fair=("disturb",)), Options(symmetry=True))
    assert finding.verdict is Verdict.UNDECIDED
    assert "without it" in finding.note


def test_a_search_that_is_cut_short_leaves_progress_undecided() -> None:
    """What was not seen may be the way out."""
    finding = progress(requests(fair=("answer",)), Options(max_states=2))
    assert finding.verdict is Verdict.UNDECIDED
    assert "cut short" in finding.note


def test_more_steps_than_fit_leave_progress_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than filling the memory, it says that smaller sizes are needed."""
    monkeypatch.setattr(exploring, "STEPS", 5)
    finding = progress(requests(fair=("answer",)))
    assert finding.verdict is Verdict.UNDECIDED
    assert "choose smaller sizes" in finding.note


def test_progress_that_never_waits_says_so() -> None:
    """A premise that is never true alone holds for want of cases, and the note says it."""
    protocol = requests(fair=())
    protocol.without("ask")
    finding = progress(protocol)
    assert finding.verdict is Verdict.HOLDS
    assert "no reachable state" in finding.note


def test_commitment_spreads_only_if_the_order_is_obeyed() -> None:
    """Two-phase commit: with fair obedience every manager commits; without it the order may go unheard."""
    protocol = two_phase_commit.protocol.variant("idle", "Nobody has to obey.")
    protocol.leads_to(fair=("TMRcvPrepared",))(two_phase_commit.commitment_spreads)
    findings = {f.property: f for f in explore(protocol, search, "interpreter", {"RM": 2}).findings}
    finding = findings["commitment_spreads"]
    assert finding.verdict is Verdict.VIOLATED
    assert finding.path is not None
    assert finding.path.moves[-1].shown == "TMCommit()"
    assert finding.path.loop == len(finding.path.moves) - 1
    kept = explore(two_phase_commit.protocol, search, "interpreter", {"RM": 2}).verdict
    assert kept is Verdict.HOLDS


PROGRESS = [(name, each.name) for name, p in PROTOCOLS.items() for each in p.properties.values() if each.fair]


@pytest.mark.slow
@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(("name", "property_"), PROGRESS)
def test_progress_of_the_lab_rests_on_fairness(name: str, property_: str) -> None:
    """Every progress property holds with its fair actions, and without them fails by a lasso that the interpreter can walk."""
    kept = restricted(PROTOCOLS[name], [property_])
    idle = kept.variant("idle", "Nothing is fair.")
    idle.properties[property_] = replace(kept.properties[property_], fair=())
    engine = choose("numpy").engine
    assert explore(kept, engine, "numpy", graph_of=graph_of).verdict is Verdict.HOLDS
    (finding,) = explore(idle, engine, "numpy", graph_of=graph_of).findings
    assert finding.path is not None
    assert refusal_of_path(Schema.of(idle), idle.properties[property_], finding.path) == ""
