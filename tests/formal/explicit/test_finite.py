"""Finite instances: what expressions, guards and updates mean in every form, and how states are packed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.formal import expressions
from tests.support.formal.expressions import Meaningless, Tree, Values

from flk.formal.explicit.expression import evaluate
from flk.formal.explicit.graph import Graph
from flk.formal.explicit.graph import truths as truths_in
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.layout import WORD, Layout, fingerprint
from flk.formal.explicit.schema import Schema, State
from flk.formal.library.catalogue import PROTOCOLS

EXPRESSIONS = Schema.of(expressions.PROTOCOL)
NONE = np.array([], np.int64)


def states(schema: Schema) -> st.SearchStrategy[State]:
    """Any codes, reachable or not."""
    return st.tuples(*(st.integers(0, cell.codes - 1) for cell in schema.cells))


def values(schema: Schema, state: State) -> Values:
    """The cells by name."""
    return {str(cell): cell.decode(code) for cell, code in zip(schema.cells, state, strict=True)}


def meaning(tree: Tree, state: State) -> int | None:
    """What Python makes of it; None if nothing."""
    try:
        return int(expressions.value(tree, values(EXPRESSIONS, state)))
    except Meaningless:
        return None


@settings(max_examples=400)
@given(st.one_of(expressions.truths(0, 3), expressions.numbers(0, 3)), states(EXPRESSIONS))
def test_expressions_mean_what_python_means(tree: Tree, state: State) -> None:
    """The interpreter agrees with plain Python on values, and on whether there is one."""
    node = expressions.lifted(tree)
    try:
        found = int(Interpreter(EXPRESSIONS).evaluate(node, state, {}))
    except Fault:
        assert meaning(tree, state) is None
    else:
        assert found == meaning(tree, state)


@settings(max_examples=400)
@given(st.one_of(expressions.truths(0, 3), expressions.numbers(0, 3)), states(EXPRESSIONS))
def test_the_ground_form_means_the_same(tree: Tree, state: State) -> None:
    """Unrolled and simplified, with the condition under which it has a value, and within its interval."""
    found = Ground(EXPRESSIONS).translate(expressions.lifted(tree), {})
    expected = meaning(tree, state)
    assert evaluate(found.defined, state) == (expected is not None)
    if expected is not None:
        assert evaluate(found.value, state) == expected
        assert found.value.low <= expected <= found.value.high


OPERATORS = sorted(expressions.ARITHMETIC)


@pytest.mark.parametrize("outer", OPERATORS)
@pytest.mark.parametrize("inner", OPERATORS)
def test_arithmetic_is_pythons_for_all_small_numbers(inner: str, outer: str) -> None:
    """Every operator within every other, on either side, with a constant and with variables: exhaustively, in all three forms."""
    number, held = Tree("number"), Tree("held", (-1,))
    for constant in (-2, 0, 1):
        below, value = Tree(inner, (number, held)), Tree("const", (constant,))
        for tree in (Tree(outer, (below, value)), Tree(outer, (value, below))):
            _agree(Tree("==", (tree, Tree("const", (-1,)))))
            _agree(Tree("<", (tree, held)))


EVERY = [state for state in EXPRESSIONS.candidates() if not any(state[cell] for cell in (1, 2, 4, 7, 8))]
"""All values of `number` and `held[key1]`, which `here` is."""


def _agree(tree: Tree) -> None:
    node, interpreter = expressions.lifted(tree), Interpreter(EXPRESSIONS)
    found = Ground(EXPRESSIONS).translate(node, {})
    many = truths_in(found.value, Graph(EVERY, NONE, NONE, NONE))
    for state, at_once in zip(EVERY, many, strict=True):
        expected = meaning(tree, state)
        assert evaluate(found.defined, state) == (expected is not None)
        assert bool(evaluate(found.value, state)) == at_once
        if expected is not None:
            assert interpreter.evaluate(node, state, {}) == evaluate(found.value, state) == expected


@settings(max_examples=150)
@given(expressions.truths(0, 3), st.lists(states(EXPRESSIONS), min_size=1, max_size=5))
def test_truths_of_many_states_at_once(tree: Tree, some: list[State]) -> None:
    """The arrays that progress is judged on agree with one state at a time."""
    expression = Ground(EXPRESSIONS).translate(expressions.lifted(tree), {}).value
    found = truths_in(expression, Graph(some, NONE, NONE, NONE))
    assert found.tolist() == [bool(evaluate(expression, state)) for state in some]


@pytest.mark.parametrize("name", PROTOCOLS)
@settings(max_examples=15)
@given(data=st.data())
def test_the_ground_form_of_actions_means_the_same(name: str, data: st.DataObject) -> None:
    """In any state, reachable or not, each instance happens, faults and writes as the interpreter says."""
    ground = _ground(name)
    schema, interpreter = ground.schema, Interpreter(ground.schema)
    state = data.draw(states(schema))
    instance = data.draw(st.sampled_from(ground.instances))
    try:
        happens = interpreter.refusal(instance.instance, state) is None
    except Fault:
        assert evaluate(instance.undefined, state)
        return
    assert not evaluate(instance.undefined, state)
    assert bool(evaluate(instance.enabled, state)) == happens
    if not happens:
        return
    try:
        after = interpreter.apply(instance.instance, state)
    except Fault:
        assert evaluate(instance.fault, state)
        return
    assert not evaluate(instance.fault, state)
    written = {write.cell: evaluate(write.code, state) for write in instance.writes}
    assert tuple(written.get(n, code) for n, code in enumerate(state)) == after


_GROUNDS: dict[str, Ground] = {}


def _ground(name: str) -> Ground:
    if name not in _GROUNDS:
        _GROUNDS[name] = Ground(Schema.of(PROTOCOLS[name]))
    return _GROUNDS[name]


@pytest.mark.parametrize("name", PROTOCOLS)
@settings(max_examples=15)
@given(data=st.data())
def test_packing_loses_nothing_and_keeps_the_order(name: str, data: st.DataObject) -> None:
    """States come back as they were, and packed states compare as the states do; no word uses its highest bit."""
    schema = Schema.of(PROTOCOLS[name], dict.fromkeys(PROTOCOLS[name].sizes(), 3))
    layout = Layout(schema)
    one, other = data.draw(states(schema)), data.draw(states(schema))
    assert layout.unpack(layout.pack(one)) == one
    assert (layout.pack(one) < layout.pack(other)) == (one < other)
    assert all(0 <= word < 1 << WORD for word in layout.pack(one))
    assert len(layout.pack(one)) == layout.words


def test_the_fingerprint_is_that_of_its_source() -> None:
    """The first output of SplitMix64 with seed 0, as published; a second word changes it."""
    assert fingerprint((0,)) == 0xE220A8397B1DCDAF
    assert len({fingerprint(words) for words in ((0,), (1,), (0, 0), (0, 1), (1, 0))}) == 5


def test_cells_are_in_the_order_of_declaration() -> None:
    """The last index runs fastest; a key outside of its sort has no place."""
    schema = Schema.of(expressions.PROTOCOL)
    assert [str(cell) for cell in schema.cells] == [
        "number",
        "truth",
        "here",
        "held[key1]",
        "held[key2]",
        "owed[key1]",
        "owed[key2]",
        "place[0]",
        "place[1]",
    ]
    held = expressions.PROTOCOL.variables["held"]
    assert schema.position(held, (1,)) == 4
    assert schema.position(held, (2,)) is None
    assert schema.bits == 3 + 1 + 1 + 2 * 2 + 2 * 2 + 2 * 1


def test_codes_stand_for_values() -> None:
    """A code is the value less the lowest; in a partial cell 0 is absence; out of bounds there is none."""
    cells = {str(cell): cell for cell in EXPRESSIONS.cells}
    number, owed = cells["number"], cells["owed[key1]"]
    assert [number.decode(code) for code in range(number.codes)] == [-2, -1, 0, 1, 2, 3]
    assert [owed.decode(code) for code in range(owed.codes)] == [None, 1, 2]
    assert [number.encode(value) for value in (-3, -2, 3, 4, None)] == [None, 0, 5, None, None]
    assert [owed.encode(value) for value in (0, 1, 2, 3, None)] == [None, 1, 2, None, 0]
