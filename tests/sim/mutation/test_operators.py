"""Operators on Python source: what each rule writes, and that every mutant is another program than the original."""

from types import ModuleType

import pytest

from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.source import Source
from flk.sim.mutation import expressions, naming, statements
from flk.sim.mutation.mutants import mutants_of
from flk.sim.mutation.reading import Operator
from flk.sim.mutation.types import Types

PROGRAMS = "flk.model.programs"


def made(operator: Operator, text: str) -> set[tuple[str, str, str]]:
    """The mutants of a text: rule, before, after."""
    return {(each.operator, each.before, each.after) for each in operator(Source("m", "m.py", text))}


@pytest.mark.parametrize(
    ("operator", "text", "expected"),
    [
        (expressions.constant, "x = 3", {("constant", "3", "4"), ("constant", "3", "2")}),
        (expressions.constant, "x = True", {("constant", "True", "False")}),
        (expressions.comparison, "x = a < b", {("comparison", "<", "<="), ("comparison", "<", ">=")}),
        (expressions.comparison, "x = a is b", {("comparison", "is", "is not")}),
        (
            expressions.connective,
            "x = a and b",
            {("connective", "and", "or"), ("one-side", "a and b", "a"), ("one-side", "a and b", "b")},
        ),
        (expressions.connective, "x = not a", {("not", "not a", "(a)")}),
        (expressions.arithmetic, "x = a + b", {("arithmetic", "+", "-")}),
        (expressions.arithmetic, "x = 'a' + b", set()),
        (expressions.alternative, "x = a if c else b", {("alternative", "a if c else b", side) for side in "ab"}),
        (expressions.selection, "x = min(y)", {("min-max", "min", "max")}),
        (expressions.selection, "x = [y for y in z if y]", {("filter", "y", "True")}),
        (statements.dropped, "def f():\n    yield from A()\n    yield from B()\n    return 1\n", {
            ("drop-effect", "yield from A()", "pass"), ("drop-effect", "yield from B()", "pass"),
        }),
        (statements.dropped, "def f():\n    yield from A()\n", {("drop-effect", "yield from A()", "yield from ()")}),
        (statements.dropped, "def f():\n    self.trace.effect(1)\n    g(1)\n", {("drop-call", "g(1)", "pass")}),
        (statements.swapped, "def f():\n    yield from A()\n    yield from B()\n", {
            ("swap", "yield from A() … yield from B()", "yield from B() … yield from A()"),
        }),
        (statements.swapped, "def f():\n    a = yield from A()\n    yield from B(a)\n", set()),
        (statements.unperformed, "def f():\n    a = yield from A()\n", {("drop-yield", "yield from A()", "(A())")}),
        (statements.branch, "if a:\n    b()\n", {("never", "a", "False"), ("always", "a", "True")}),
        (statements.branch, "if TYPE_CHECKING:\n    import b\n", set()),
        (statements.loop, "for a in b:\n    c()\n", {("once", "c()", "c()\n    break")}),
        (statements.caught, "try:\n    a()\nexcept B:\n    c()\n", {
            ("catch-all", "B", "Exception"), ("catch-none", "B", "()"),
        }),
        (statements.returned, "def f(a: T) -> T:\n    return g(a)\n", {("return-input", "g(a)", "a")}),
        (statements.returned, "def f(a: T) -> Program[T]:\n    return g(a)\n", {("return-input", "g(a)", "a")}),
        (naming.policy, "x = self.policy.timeout", {
            ("policy", "self.policy.timeout", "type(self.policy)().timeout"),
            ("policy", "self.policy.timeout", 'float("inf")'),
        }),
    ],
)  # fmt: skip
def test_a_rule_makes_these_mutants_and_no_others(
    operator: Operator, text: str, expected: set[tuple[str, str, str]]
) -> None:
    """Each on a text in which it has one place."""
    assert made(operator, text) == expected


@pytest.mark.slow
def test_types_decide_which_names_can_stand_for_each_other() -> None:
    """Fields of one type, members of one enumeration, arguments of one type, and an effect's result by its type."""
    found = {(each.operator, each.before, each.after) for each in mutants_of(f"{PROGRAMS}.recover")}
    assert ("field", "frames", "claims") in found
    assert ("arguments", "frames … applied", "applied … frames") in found
    assert ("drop-effect", "yield from Marked(APPLIED)", '""') in found
    assert ("default", "True", "False") not in found
    tiers = {(each.operator, each.before, each.after) for each in mutants_of(f"{PROGRAMS}.tiering")}
    assert ("member", "WINDOW", "HOT") in tiers


def test_what_does_not_run_is_not_mutated() -> None:
    """Annotations, decorators, imports, assertions, messages, and what says what kind of class it is."""
    text = '''
"""A module with 1 constant."""
import a
@lru_cache(maxsize=8)
class A(Struct, frozen=True):
    x: Literal[1]
def f():
    assert x < 3
    raise B(f"{x + 1}")
'''
    module = ModuleType("m")
    source = Source("m", "m.py", text)
    rules = (*expressions.EXPRESSIONS, *statements.STATEMENTS, naming.policy)
    made_here = [mutant for rule in rules for mutant in rule(source)]
    assert {mutant.operator for mutant in (*made_here, *naming.field(source, Types(module)))} == {"drop-raise"}


@pytest.mark.slow
@pytest.mark.parametrize("module", ["replay", "audit", "ship"])
def test_every_mutant_is_another_program(module: str) -> None:
    """Each can be compiled, none is the original or another mutant, and its id says which it is."""
    mutants = mutants_of(f"{PROGRAMS}.{module}")
    assert len(mutants) > 25
    assert len({mutant.source for mutant in mutants} | {mutants[0].original}) == len(mutants) + 1
    assert len({mutant.id for mutant in mutants}) == len(mutants)
    for mutant in mutants:
        compile(mutant.source, mutant.path, "exec")
        assert changed_lines(mutant)


def changed_lines(mutant: Mutant) -> list[str]:
    """The lines of its diff that were taken away or added."""
    return [line for line in mutant.diff().splitlines()[2:] if line[:1] in "+-"]
