"""`protocol.enabled` says in which states an action can happen, with which arguments."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings

from flk.formal import explore
from flk.formal.explicit.engines import interpreted
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options
from flk.formal.fuzzing.protocols import protocols
from flk.formal.language import BOOL, IllFormed, Protocol, Term, exists, forall, implies, require
from flk.formal.language.nodes import Node, Quantified, children
from flk.formal.language.state import Map
from flk.formal.language.text import text
from flk.spec.verdict import Verdict


@settings(max_examples=25, deadline=None, derandomize=True)
@given(protocols())
def test_what_is_enabled_happens(protocol: Protocol) -> None:
    """Whatever the protocol and the state, an action is enabled exactly where some instance of it can happen."""
    schema = Schema.of(protocol)
    interpreter = Interpreter(schema)
    search = interpreted.search(Ground(schema), Options(max_states=20))
    conditions = {name: protocol.enabled(name).node for name in protocol.actions}
    for state in (state for depth in range(len(search.layers)) for state in search.states(depth)):
        try:
            happening = {step.instance.action.name for step in interpreter.steps(state)}
            enabled = {name for name, node in conditions.items() if interpreter.evaluate(node, state, {})}
        except Fault:
            continue
        assert enabled == happening


def lock() -> Protocol:
    """A lock that threads take, with a guard that quantifies."""
    protocol = Protocol("lock", "Whoever finds it free takes it.")
    thread = protocol.index("Thread", size=2)
    holds = protocol.relation("holds", thread)

    @protocol.action(t=thread)
    def take(t: Term) -> None:
        require(forall(thread, lambda other: ~holds[other]), ~holds[t])
        holds.next[t] = True

    return protocol


def test_arguments_are_not_captured() -> None:
    """What the guard binds is renamed, so that an argument of the same name stays itself."""
    protocol = lock()
    (thread,) = protocol.sorts.values()
    both = exists(thread, lambda other: protocol.enabled("take", t=other) & protocol.enabled("take"))
    names = list(bound(both.node))
    assert len(set(names)) == len(names) == 4, "every binder has a name of its own"


def bound(node: Node) -> Iterator[str]:
    """What the quantifiers of a tree bind."""
    if isinstance(node, Quantified):
        yield node.local.name
    for child in children(node):
        yield from bound(child)


def test_what_is_not_there_is_refused() -> None:
    """An action or a parameter that does not exist, and an argument of another sort, are named with the fix."""
    protocol = lock()
    with pytest.raises(IllFormed, match="no action tak: choose from take"):
        protocol.enabled("tak")
    with pytest.raises(IllFormed, match="take has no parameter u: choose from t"):
        protocol.enabled("take", u=True)
    with pytest.raises(IllFormed, match="take takes Thread for t, and true is of sort Bool"):
        protocol.enabled("take", t=True)


def test_a_property_may_speak_of_it() -> None:
    """It is a condition as any other: here that a lock that is held is not taken."""
    protocol = lock()
    (thread,) = protocol.sorts.values()

    @protocol.always()
    def taken_by_whom_it_may() -> Term:
        return forall(thread, lambda t: implies(protocol.enabled("take", t=t), protocol.enabled("take")))

    @protocol.always()
    def always_free() -> Term:
        return protocol.enabled("take")

    verdicts = {name: finding.verdict for name, finding in explore(protocol).properties.items()}
    assert verdicts == {"taken_by_whom_it_may": Verdict.HOLDS, "always_free": Verdict.VIOLATED}


def test_a_variant_speaks_of_its_own_actions() -> None:
    """An inherited property says when the variant's action is enabled, not when the base's was; of one removed, never."""
    base = lock()
    (thread,) = base.sorts.values()
    held = Map(base.variables["holds"])

    @base.never()
    def taken_twice() -> Term:
        return exists(thread, lambda t: held[t] & base.enabled("take", t=t))

    hasty = base.variant("hasty", "Nobody looks.")

    @hasty.action(t=thread)
    def take(t: Term) -> None:
        held.next[t] = True

    assert explore(base).properties["taken_twice"].verdict is Verdict.HOLDS
    assert explore(hasty).properties["taken_twice"].verdict is Verdict.VIOLATED
    idle = base.variant("idle", "Nobody takes it.")
    idle.without("take")
    assert "false" in text(idle.properties["taken_twice"].condition)


def test_a_property_that_replaces_one_of_what_is_enabled_stays() -> None:
    """A variant's own claim of that name, which says nothing of actions, stays its own when an action changes."""
    base = Protocol("lamp", "It can be lit once.")
    lit = base.scalar("lit", BOOL, initially=False)

    @base.action()
    def light() -> None:
        require(~lit)
        lit.next = True

    claims = iter((lambda: lit & base.enabled("light"), lambda: lit & ~lit))

    def claim() -> Term:
        return next(claims)()

    base.never()(claim)
    variant = base.variant("lamps", "It can be lit again.")
    variant.never()(claim)
    own = variant.properties["claim"]
    variant.put(replace(base.actions["light"], guards=()))
    assert variant.properties["claim"] is own
