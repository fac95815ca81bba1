"""Every operator, at every combination of small values, means in every backend what it means to the interpreter."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from flk.formal.explicit.engines import emitted, jitted, vector
from flk.formal.explicit.engines.dialects import Dialect, Vectors
from flk.formal.explicit.engines.printer import Scope
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.states import States, packed
from flk.formal.explicit.expression import Expression, evaluate
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import Schema, State
from flk.formal.language import ANY, BOOL, Protocol, Term, count, exists, forall, implies, integer, ite
from flk.formal.language.terms import lift

pytestmark = pytest.mark.slow

Case = tuple[Protocol, list[Term]]


def numbers() -> Case:
    """Two integers with negative bounds, one of them perhaps undefined."""
    protocol = Protocol("numbers", "")
    a = protocol.scalar("a", integer(-4, 3), initially=ANY)
    b = protocol.scalar("b", integer(-3, 4), initially=ANY)
    p = protocol.scalar("p", integer(-2, 2), partial=True)
    terms = [a, b, p, lift(-3), a + b, a - b, a * b, a // b, a % b, b // a, b % a, a + 2, 3 - b, 2 * a, -5 * b]
    terms += [a == b, a != b, a < b, a <= b, a > b, a >= b, a == 2, a != -3, a < 0, b >= -1, a + 1 == b, a * a == b * b]
    terms += [p.defined(), p + a, p // b, b % p, ite(p.defined(), p, b), (a < b) & (p > 0), (a < b) | (p > 0)]
    terms += [ite(a < b, a, b), ite(a == 0, lift(0), b // a), ite(b == 0, 7, a % b) * 3 - a, (a // b) * b + a % b == a]
    terms += [((a + b) * (a - b)) // 3 % 5, implies(b != 0, a % b < 2), ~((a < b) & (b < 2)), (a * 7 + b) // (b - a)]
    return protocol, terms


def truths() -> Case:
    """Truths, one of them perhaps undefined."""
    protocol = Protocol("truths", "")
    x, y, z = (protocol.scalar(name, BOOL, initially=ANY) for name in "xyz")
    q = protocol.scalar("q", BOOL, partial=True)
    colour = protocol.enum("Colour", "red", "green", "blue")
    c, d = (protocol.scalar(name, colour, initially=ANY) for name in "cd")
    terms = [x, ~x, x & y, x | y, x & y & z, x | y | ~z, ~x & ~y, ~(x & y) | z, x == y, x != y, (x == y) == z]
    terms += [
        q,
        ~q,
        q.defined(),
        q.defined() & q,
        ~q.defined() | q,
        q & x,
        x & q,
        x | q,
        q == x,
        ite(x, y, z),
        ite(q, x, y),
    ]
    terms += [lift(True), lift(False), x & True, y | False, ite(x, 1, 0) + ite(y, 1, 0), ite(x, y, z) == q]
    terms += [c == d, c != d, c == colour.red, c != colour.blue, (c == colour.red) & (d == colour.green) & x]
    terms += [(c != colour.red) | (d != colour.green) | x, ite(x, c, d) == colour.blue, ite(x, c, colour.green) == d]
    return protocol, terms


def maps() -> Case:
    """Indices that are computed, and quantifiers; an index may leave the domain."""
    protocol = Protocol("maps", "")
    thing = protocol.index("Thing", 2)
    rank = protocol.index("Rank", 3, ordered=True)
    key = integer(-1, 1)
    at = protocol.scalar("at", integer(-2, 2), initially=ANY)
    m = protocol.map("m", key, to=integer(0, 2), initially=ANY)
    seen = protocol.relation("seen", thing, BOOL, initially=ANY)
    top = protocol.scalar("top", rank, initially=ANY)
    own = protocol.map("own", thing, to=rank, partial=True)
    terms = [m[at], m[at + 1], m[m[0] - 1], m[0] + m[at] * 2, forall(key, lambda k: m[k] > 0)]
    terms += [exists(key, lambda k: m[k] == k), count(key, lambda k: m[k] >= 1), m[-1] + m[0] + m[1]]
    terms += [count(thing, lambda t: seen[t, True]) + count(thing, lambda t: seen[t, False])]
    terms += [
        forall(thing, lambda t: implies(seen[t, True], seen[t, False])),
        exists(thing, BOOL, lambda t, s: seen[t, s]),
    ]
    terms += [exists(thing, lambda t: own.defined(t) & (own[t] <= top)), forall(thing, lambda t: own[t] < top)]
    terms += [count(rank, lambda r: r < top), forall(rank, lambda r: exists(thing, lambda t: own[t] == r) | (r == top))]
    terms += [count(thing, lambda t: count(key, lambda k: m[k] == at) > 1), exists(rank, lambda r: r > top)]
    return protocol, terms


def wide() -> Case:
    """Numbers near the bounds of what 64 bits hold, and a state of three words."""
    protocol = Protocol("wide", "")
    span = 1 << 30
    u = protocol.scalar("u", integer(-span, span), initially=ANY)
    v = protocol.scalar("v", integer(1 - span, span - 1), initially=ANY)
    w = protocol.scalar("w", integer(0, (1 << 62) - 1), initially=ANY)
    bits = protocol.map("bits", integer(0, 69), to=BOOL, initially=ANY)
    terms = [u + v, u * v, u // v, u % v, v // u, w // 3, w % 7, w - 1, u < v, u * 4 == v, w == (1 << 62) - 1]
    terms += [count(integer(0, 69), lambda k: bits[k]), forall(integer(0, 69), lambda k: bits[k]), bits[0] & bits[69]]
    return protocol, terms


CASES: dict[str, Callable[[], Case]] = {"numbers": numbers, "truths": truths, "maps": maps, "wide": wide}
Values = Callable[[Program, Sequence[Expression], States], States]


def in_numpy(program: Program, expressions: Sequence[Expression], states: States) -> States:
    """The values that NumPy computes."""
    found = vector.function(program, expressions)(*vector.columns(states))
    return np.stack([np.broadcast_to(np.asarray(each, np.int64), len(states)) for each in found], axis=1)


BACKENDS: dict[str, Values] = {"numpy": in_numpy, "numba": jitted.values, "c": emitted.values}


def states_of(name: str, schema: Schema) -> list[State]:
    """Every state, or those at the edges if there are too many."""
    if name != "wide":
        return list(product(*(range(cell.codes) for cell in schema.cells)))
    edges = [sorted({0, 1, cell.codes // 2, cell.codes - 2, cell.codes - 1}) for cell in schema.cells[:3]]
    flags = [tuple(int(k % every == 0) for k in range(70)) for every in (1, 2, 3, 70)]
    return [(*numbers, *flag) for numbers in product(*edges) for flag in flags]


def differences(name: str, values: Values) -> list[str]:
    """Where a backend's values differ from the ground form's."""
    protocol, terms = CASES[name]()
    ground = Ground(Schema.of(protocol))
    program = Program.of(ground, symmetry=False)
    expressions = [part for term in terms for part in ground.translate(term.node, {})]
    states = states_of(name, ground.schema)
    states = states[:: max(1, len(states) // 3000)]
    found = values(program, expressions, packed(program.layout, states)).T.tolist()
    wanted = [[int(evaluate(expression, state)) for state in states] for expression in expressions]
    return [repr(terms[n // 2]) for n, row in enumerate(found) if row != wanted[n]]


@pytest.fixture(autouse=True, scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> object:
    """What is compiled here is not kept for the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("name", CASES)
def test_the_ground_form_means_what_the_interpreter_says(name: str) -> None:
    """Its value is the interpreter's, and it is defined where the interpreter reports no fault."""
    protocol, terms = CASES[name]()
    ground = Ground(Schema.of(protocol))
    interpreter = Interpreter(ground.schema)
    states = states_of(name, ground.schema)
    states = states[:: max(1, len(states) // 600)]
    for term in terms:
        value, defined = ground.translate(term.node, {})
        for state in states:
            try:
                expected = int(interpreter.evaluate(term.node, state, {}))
            except Fault:
                assert not evaluate(defined, state), (term, state)
                continue
            assert evaluate(defined, state), (term, state)
            assert int(evaluate(value, state)) == expected, (term, state)
            assert value.low <= expected <= value.high, (term, state)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CASES)
def test_every_backend_computes_the_ground_form(name: str, backend: str) -> None:
    """Value and definedness of every term are the same in every state."""
    assert differences(name, BACKENDS[backend]) == []


@pytest.mark.parametrize(
    ("name", "kind", "method", "wrong"),
    [
        ("numbers", Vectors, "choice", lambda self, c, t, o: f"where({c}, {o}, {t})"),
        ("numbers", Dialect, "divided", lambda self, op, a, b: f"({a} // {b} + ({b} == 0))"),
        ("truths", Vectors, "negated", lambda self, truth: truth),
        ("truths", Scope, "_tested", lambda self, w, m, b, *, equal: f"(({self.word}{w} & {m}) == {b})"),
        ("maps", Dialect, "shifted", lambda self, number, down: f"({number} >> {abs(down) + 1})" if down else number),
        ("maps", Dialect, "constant", lambda self, value: str(abs(value))),
    ],
)
def test_a_mistake_of_the_printer_is_seen(
    name: str, kind: type, method: str, wrong: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A printer that prints otherwise does not pass."""
    monkeypatch.setattr(kind, method, wrong)
    with np.errstate(all="ignore"):
        assert differences(name, in_numpy) != []


@pytest.mark.parametrize("kind", ["quotient", "remainder"])
def test_division_that_rounds_towards_zero_is_seen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What C does by itself."""

    def truncated(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        safe = np.where(right == 0, 1, right)
        quotient = np.trunc(left / safe).astype(np.int64)
        return np.where(right == 0, 0, quotient if kind == "quotient" else left - quotient * safe)

    monkeypatch.setattr(vector, f"_{kind}", truncated)
    assert differences("numbers", in_numpy) != []


def test_the_file_of_c_can_be_read(tmp_path: Path) -> None:
    """It names the fields of the state and the instances."""
    from flk.formal.explicit.engines.cprinter import print_c
    from flk.formal.library.protocols.two_phase_commit import protocol

    text = print_c(Program.of(Ground(Schema.of(protocol)), symmetry=True))
    assert "manager[rm1]" in text
    assert "/* RMPrepare(rm3) */" in text
