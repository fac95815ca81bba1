"""What exploration finds, and what it reports."""

from collections.abc import Callable
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given, settings
from tests.formal.explicit.test_liveness import cases
from tests.support.formal.lassos import Case

from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.interpreted import search
from flk.formal.explicit.explore import Explored, Finding, explore, restricted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Interpreter
from flk.formal.explicit.schema import Schema, State
from flk.formal.explicit.search import Options
from flk.formal.explicit.symmetry import Symmetry
from flk.formal.language import (
    ANY,
    BOOL,
    UNDEFINED,
    Protocol,
    Term,
    count,
    exists,
    forall,
    integer,
    require,
)
from flk.formal.library.protocols.two_phase_commit import protocol as two_phase_commit
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict


def test_published_counts_of_two_phase_commit() -> None:
    """288 distinct states at 3 resource managers, as TLC, Spin and rumur count them; 1,145 steps, depth 10."""
    found = explore(two_phase_commit, search, "interpreter")
    assert (found.states, found.transitions, found.depth) == (288, 1145, 10)
    assert sum(found.layers) == 288
    assert found.verdict is Verdict.HOLDS
    assert found.complete


def test_orbits_add_up_to_the_states_they_stand_for() -> None:
    """With symmetry one state of each orbit is kept, the least, and all orbits together are all states."""
    schema = Schema.of(two_phase_commit, {"RM": 4})
    symmetry = Symmetry.of(schema, wanted=True)
    kept = [state for layer in search(Ground(schema), Options(symmetry=True)).found for state in layer]
    orbits = [orbit(schema, state) for state in kept]
    assert sum(map(len, orbits)) == len(set[State]().union(*orbits)) == 1568
    assert [symmetry.orbit_size(state) for state in kept] == list(map(len, orbits))
    assert all({symmetry.canonical(image) for image in images} == {min(images)} for images in orbits)


def orbit(schema: Schema, state: State) -> set[State]:
    """All images of a state of two-phase commit under renaming of the resource managers."""

    def image(names: tuple[int, ...]) -> State:
        moved = (schema.position(cell.variable, tuple(names[k] for k in cell.key)) for cell in schema.cells)
        return tuple(code for _, code in sorted(zip(moved, state, strict=True)))

    return set(map(image, permutations(range(schema.size_of["RM"]))))


def test_elements_that_are_values_are_renamed_as_well() -> None:
    """Keys that point at keys: places and values are permuted together, and the orbits are those of relabelled graphs."""
    protocol = Protocol("pointers", "Keys point at keys.")
    key = protocol.index("Key", size=3)
    pointer = protocol.map("pointer", key, to=key, partial=True)

    @protocol.action(a=key, b=key)
    def point(a: Term, b: Term) -> None:
        pointer.next[a] = b

    schema = Schema.of(protocol)
    symmetry = Symmetry.of(schema, wanted=True)
    for state in product(range(4), repeat=3):
        images = {
            tuple((0, *(names.index(v) + 1 for v in range(3)))[state[names[k]]] for k in range(3))
            for names in permutations(range(3))
        }
        assert symmetry.canonical(state) == min(images)
        assert symmetry.orbit_size(state) == len(images)


def test_a_path_found_with_symmetry_is_a_path() -> None:
    """The states of a path are those that its steps lead to, not their representatives."""
    found = explore(two_phase_commit, search, "interpreter", options=Options(symmetry=True))
    schema = Schema.of(two_phase_commit)
    path = finding(found, "all_commit").path
    assert path is not None
    assert [move.action for move in path.moves].count("RMPrepare") == 3
    _walk(schema, found, "all_commit")


def _walk(schema: Schema, found: Explored, name: str) -> None:
    interpreter, path = Interpreter(schema), finding(found, name).path
    assert path is not None
    assert path.moves[0].state in set(interpreter.initial_states())
    for before, move in pairwise(path.moves):
        assert (move.shown, move.state) in {(str(s.instance), s.after) for s in interpreter.steps(before.state)}


def finding(found: Explored, name: str) -> Finding:
    """What was found of a property."""
    return next(finding for finding in found.findings if finding.property == name)


@settings(max_examples=100)
@given(cases())
def test_paths_are_shortest_and_real(case: Case) -> None:
    """On random graphs: a state is found if and only if it can be reached, by as few steps as possible."""
    protocol = case.protocol()
    at = protocol.variables["at"]
    reached = case.depths()
    for state in range(case.size):
        protocol.never()(_is(protocol, state))
    found = explore(protocol, search, "interpreter")
    assert found.states == len(reached)
    assert at.domain == ()
    for state in range(case.size):
        path = finding(found, f"at_{state}").path
        assert (path and len(path.moves) - 1) == reached.get(state)
        if path is not None:
            _walk(Schema.of(protocol), found, f"at_{state}")


def _is(protocol: Protocol, state: int) -> Callable[[], Term]:
    from flk.formal.language.nodes import Read

    def body() -> Term:
        return Term(Read(protocol.variables["at"], ())) == state

    body.__name__ = f"at_{state}"
    return body


def kinds() -> Protocol:
    """The counter, with a property of each kind, some true and some not."""
    protocol = Protocol("kinds", "It counts to 3.")
    n = protocol.scalar("n", integer(0, 5), initially=0)

    @protocol.action()
    def up() -> None:
        require(n < 3)
        n.next = n + 1

    @protocol.always()
    def below_2() -> Term:
        return n < 2

    @protocol.lemma()
    def at_most_3() -> Term:
        return n <= 3

    @protocol.never()
    def is_3() -> Term:
        return n == 3

    @protocol.never()
    def is_4() -> Term:
        return n == 4

    @protocol.reachable()
    def gets_to_3() -> Term:
        return n == 3

    @protocol.reachable()
    def gets_to_4() -> Term:
        return n == 4

    return protocol


def test_each_kind_of_property_is_judged_as_it_says() -> None:
    """With the length of the path that shows it, where one does."""
    found = explore(kinds(), search, "interpreter")
    judged = {f.property: (f.verdict.value, f.path and len(f.path.moves) - 1) for f in found.findings}
    assert judged == {
        "below_2": ("violated", 2),
        "at_most_3": ("holds", None),
        "is_3": ("violated", 3),
        "is_4": ("holds", None),
        "gets_to_3": ("holds", 3),
        "gets_to_4": ("violated", None),
    }
    assert "no reachable state" in finding(found, "gets_to_4").note
    assert found.verdict is Verdict.VIOLATED


def test_stopping_leaves_undecided_what_was_not_seen() -> None:
    """The search ends with the first layer that violates something; what it shows stands, the rest is open, and says so."""
    found = explore(kinds(), search, "interpreter", options=Options(stop=True))
    assert (found.states, found.complete) == (3, False)
    judged = {f.property: f.verdict.value for f in found.findings}
    assert judged["below_2"] == "violated"
    assert set(judged.values()) == {"violated", "undecided"}
    assert "cut short" in finding(found, "is_3").note


def test_a_limit_on_states_cuts_the_search_short() -> None:
    """No more layers once there are as many states; nothing that was seen to hold so far is said to hold."""
    found = explore(restricted(kinds(), ["at_most_3"]), search, "interpreter", options=Options(max_states=2))
    assert (found.states, found.complete, found.verdict) == (2, False, Verdict.UNDECIDED)


def test_only_the_properties_that_are_asked_for() -> None:
    """A restricted protocol has them alone; an unknown one is refused with what there is."""
    found = explore(restricted(kinds(), ["is_4", "at_most_3"]), search, "interpreter")
    assert [f.property for f in found.findings] == ["at_most_3", "is_4"]
    assert found.verdict is Verdict.HOLDS
    with pytest.raises(UnusableInput, match="no property nope: choose from below_2, at_most_3"):
        restricted(kinds(), ["nope"])
    assert restricted(protocol := kinds(), []) is protocol


def test_the_search_is_handed_out() -> None:
    """Who wants more of a search than verdicts is told of it, with the ground form it searched."""
    told: list[tuple[str, int]] = []
    explore(kinds(), search, "x", on_search=lambda ground, s: told.append((ground.schema.protocol.name, sum(s.layers))))
    assert told == [("kinds", 4)]


def test_progress_is_told_layer_by_layer() -> None:
    """Depth, and states so far."""
    told: list[tuple[int, int]] = []
    explore(kinds(), search, "x", options=Options(on_layer=lambda depth, states: told.append((depth, states))))
    assert told == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_variables_may_begin_anywhere_that_is_assumed() -> None:
    """ANY gives an initial state for each value, and assumptions choose among them."""
    protocol = Protocol("anywhere", "It begins somewhere.")
    key = protocol.index("Key", size=2)
    held = protocol.relation("held", key, initially=ANY)
    protocol.scalar("owner", key, partial=True)
    assert explore(protocol, search, "x").layers == (4,)
    protocol.assume(lambda: exists(key, lambda k: held[k]))
    assert explore(protocol, search, "x").layers == (3,)


def test_an_assumption_without_a_meaning_is_refused() -> None:
    """It reads a partial variable, which begins undefined."""
    protocol = Protocol("assumed", "It assumes.")
    key = protocol.index("Key", size=2)
    owner = protocol.map("owner", key, to=key, partial=True)
    protocol.assume(lambda: forall(key, lambda k: owner[k] == k))
    with pytest.raises(
        UnusableInput, match=r"the assumption forall k: owner\[k\] = k reads what is undefined at first"
    ):
        explore(protocol, search, "x")


def faulty(body: Callable[[Protocol], None], engine: str = "interpreter") -> Explored:
    """A counter to 2 with something meaningless after that."""
    protocol = Protocol("faulty", "It counts to 2, and then something is wrong.")
    n = protocol.scalar("n", integer(0, 2), initially=0)

    @protocol.action()
    def up() -> None:
        require(n < 2)
        n.next = n + 1

    body(protocol)
    return explore(protocol, choose(engine).engine, engine)


def at(protocol: Protocol) -> Term:
    """The counter."""
    from flk.formal.language.nodes import Read

    return Term(Read(protocol.variables["n"], ()))


def overflow(protocol: Protocol) -> None:
    """A value leaves its bounds."""
    small = protocol.scalar("small", integer(0, 3), initially=0)

    @protocol.action()
    def wrong() -> None:
        require(at(protocol) == 2)
        small.next = at(protocol) * 2


def underflow(protocol: Protocol) -> None:
    """A value falls below its bounds."""
    small = protocol.scalar("small", integer(0, 3), initially=0)

    @protocol.action()
    def wrong() -> None:
        require(at(protocol) == 2)
        small.next = 1 - at(protocol)


def undefined(protocol: Protocol) -> None:
    """A partial map is read where it has no value."""
    key = protocol.index("Key", size=2)
    owner = protocol.map("owner", key, to=key, partial=True)

    @protocol.action(k=key)
    def wrong(k: Term) -> None:
        require(at(protocol) == 2, owner[k] == k)


def set_to_undefined(protocol: Protocol) -> None:
    """A value that was there is gone."""
    key = protocol.index("Key", size=1)
    owner, kept = protocol.map("owner", key, to=key, partial=True), protocol.relation("kept", key)

    @protocol.action(k=key)
    def take(k: Term) -> None:
        require(at(protocol) == 1)
        owner.next[k] = k

    @protocol.action(k=key)
    def leave(k: Term) -> None:
        require(at(protocol) == 2)
        owner.next[k] = UNDEFINED

    @protocol.action(k=key)
    def wrong(k: Term) -> None:
        require(at(protocol) == 2)
        kept.next[owner[k]] = True


def written_twice(protocol: Protocol) -> None:
    """Two updates of one step meet in one place."""
    key = protocol.index("Key", size=2)
    held = protocol.relation("held", key)

    @protocol.action(j=key, k=key)
    def wrong(j: Term, k: Term) -> None:
        require(at(protocol) == 2)
        held.next[j] = True
        held.next[k] = False


def divided_by_nothing(protocol: Protocol) -> None:
    """A divisor is 0."""
    half = protocol.scalar("half", integer(0, 3), initially=0)

    @protocol.action()
    def wrong() -> None:
        half.next = 2 // (2 - at(protocol))


def remainder_of_nothing(protocol: Protocol) -> None:
    """A divisor is 0, in a guard."""

    @protocol.action()
    def wrong() -> None:
        require(2 % (2 - at(protocol)) == 5)


def index_out_of_bounds(protocol: Protocol) -> None:
    """A computed index leaves its sort."""
    slot = protocol.map("slot", integer(0, 2), to=BOOL, initially=False)

    @protocol.action()
    def wrong() -> None:
        slot.next[at(protocol) + 1] = True


def undefined_property(protocol: Protocol) -> None:
    """A property reads what is not there."""
    key = protocol.index("Key", size=2)
    owner = protocol.map("owner", key, to=key, partial=True)
    protocol.always()(lambda: (at(protocol) < 2) | forall(key, lambda k: owner[k] == k))


def undefined_conclusion(protocol: Protocol) -> None:
    """The conclusion of a progress property reads what is not there."""
    key = protocol.index("Key", size=2)
    owner = protocol.map("owner", key, to=key, partial=True)
    protocol.leads_to(fair=())(lambda: (True, (at(protocol) < 2) | (count(key, lambda k: owner[k] == k) == 0)))


@pytest.mark.parametrize("engine", ["interpreter", "numpy"])
@pytest.mark.parametrize(
    ("body", "note"),
    [
        (overflow, "wrong(): small := n * 2: small would become 4, outside of 0..3"),
        (underflow, "wrong(): small := 1 - n: small would become -1, outside of 0..3"),
        (undefined, "wrong(key1): owner[k] is read where it is undefined (owner[key1])"),
        (set_to_undefined, "wrong(key1): owner[k] is read where it is undefined (owner[key1])"),
        (written_twice, "wrong(key1, key1): held[k] := false: held[key1] is written twice in one step"),
        (divided_by_nothing, "wrong(): 2 // 0 is undefined"),
        (remainder_of_nothing, "wrong(): 2 % 0 is undefined"),
        (index_out_of_bounds, "wrong(): slot has no place 3: an index leaves its bounds"),
        (undefined_property, "owner[k] is read where it is undefined (owner[key1])"),
        (undefined_conclusion, "owner[k] is read where it is undefined (owner[key1])"),
    ],
)
def test_what_has_no_meaning_is_reported_with_the_way_to_it(
    body: Callable[[Protocol], None], note: str, engine: str
) -> None:
    """Nothing wraps and nothing is guessed: exploration ends there, says what is wrong, and shows the shortest path."""
    found = faulty(body, engine)
    assert found.verdict is Verdict.VIOLATED
    assert not found.complete
    assert found.fault is not None
    assert found.fault.note == note
    assert found.fault.path is not None
    assert [move.shown for move in found.fault.path.moves][:3] == ["", "up()", "up()"]


def test_what_is_guarded_has_meaning() -> None:
    """A conjunction is read from the left, and only as far as needed; so is a choice, and so are guards."""

    def guarded(protocol: Protocol) -> None:
        key = protocol.index("Key", size=2)
        owner = protocol.map("owner", key, to=key, partial=True)

        @protocol.action(k=key)
        def right(k: Term) -> None:
            require(owner.defined(k), owner[k] == k)

        protocol.always()(lambda: forall(key, lambda k: ~(owner.defined(k) & (owner[k] != k))))
        protocol.judge_only_properties()

    assert faulty(guarded).verdict is Verdict.HOLDS
