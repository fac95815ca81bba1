"""What has to be shown so that the invariants of a protocol hold in every reachable state, whatever the sizes of its sorts.

The invariants are all `always`, `never` and `lemma` properties together. Each must hold at first, and after every action if all
held before it. Wherever they hold, guards, updates and properties must be defined.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from z3 import BoolRef, ExprRef

from flk.formal.language.action import Action
from flk.formal.language.nodes import Defined, Node, Quantified, Quantifier, Read, children
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Index
from flk.formal.language.variables import Variable
from flk.formal.prover.step import Stepping
from flk.formal.prover.symbols import TRUE, Symbols, everywhere, literal, negation, truth
from flk.formal.prover.z3_encoding import Before, Translator

INVARIANTS = frozenset({PropertyKind.ALWAYS, PropertyKind.LEMMA, PropertyKind.NEVER})
INITIALLY = "initially"
DEFINED = "is defined"
JOIN = " · "


@dataclass(frozen=True)
class Obligation:
    """In every state that meets what is `given`, the `goal` holds. Together with the axioms of the symbols.

    `about` is the property that must be kept, or ends in DEFINED; `action` is what happens, or INITIALLY, or empty where a
    property must be defined.
    """

    about: str
    action: str
    given: tuple[BoolRef, ...]
    goal: BoolRef

    @property
    def name(self) -> str:
        """As it is shown."""
        return JOIN.join(filter(None, (self.about, self.action)))


@dataclass(frozen=True)
class Induction:
    """The obligations of a protocol. `extra` are invariants beside the protocol's own; `leave_out` are names of its own."""

    protocol: Protocol
    leave_out: frozenset[str] = frozenset()
    extra: tuple[Property, ...] = ()

    @cached_property
    def invariants(self) -> tuple[Property, ...]:
        """All properties that are assumed before a step and proved after it. What counts elements is not among them."""
        own = (p for p in self.protocol.properties.values() if p.name not in self.leave_out)
        return tuple(p for p in (*own, *self.extra) if p.kind in INVARIANTS and not counts(p.condition))

    @cached_property
    def symbols(self) -> Symbols:
        """Of the protocol's state."""
        return Symbols.of(self.protocol)

    @cached_property
    def state(self) -> Translator:
        """Reads the state."""
        return Translator(self.symbols, Before(self.symbols))

    @cached_property
    def hypotheses(self) -> tuple[BoolRef, ...]:
        """What holds before a step: the axioms, the assumptions about what never changes, and the invariants."""
        frozen = (node for node in self.protocol.assumptions if not reads(node) & self.written)
        return (
            *self.symbols.axioms,
            *(self.state.holds(node, {}) for node in frozen),
            *(claim(self.state, p) for p in self.invariants),
        )

    @cached_property
    def beginning(self) -> tuple[BoolRef, ...]:
        """What holds of an initial state."""
        return (
            *self.symbols.axioms,
            *(self._begins(v) for v in self.protocol.variables.values()),
            *(self.state.holds(node, {}) for node in self.protocol.assumptions),
        )

    @cached_property
    def steps(self) -> dict[str, Stepping]:
        """The actions, by name. What a guard counts is left open: then more can happen than does, and proofs still hold."""
        return {action.name: Stepping(self.symbols, action) for action in self.protocol.actions.values()}

    def is_open(self, obligation: Obligation) -> bool:
        """Whether the obligation says of a count only that it is a number, so that the solver may refute what is true."""
        action = self.protocol.actions.get(obligation.action)
        about = self.protocol.properties.get(obligation.about.removesuffix(f" {DEFINED}"))
        read = (*(action.guards if action else ()), *_conditions(about), *self.protocol.assumptions)
        return any(map(counts, read))

    def obligations(self) -> Iterator[Obligation]:
        """All obligations. An action that writes nothing a property reads needs none for it."""
        for property_ in self.invariants:
            yield Obligation(property_.name, INITIALLY, self.beginning, claim(self.state, property_))
        for step in self.steps.values():
            yield from self.obligations_of(step)
        yield from self._properties_are_defined()

    def obligations_of(self, step: Stepping) -> Iterator[Obligation]:
        """The obligations of one action."""
        given = (*self.hypotheses, step.enabled)
        if step.guard_is_defined is not TRUE:
            yield Obligation(
                f"guard {DEFINED}", step.action.name, (*self.hypotheses, step.chosen), step.guard_is_defined
            )
        if step.updates_are_defined is not TRUE:
            yield Obligation(f"update {DEFINED}", step.action.name, given, step.updates_are_defined)
        written = {update.variable for update in step.action.updates}
        for property_ in self.invariants:
            if reads(property_.condition) & written:
                yield Obligation(property_.name, step.action.name, given, claim(step.after, property_))

    @cached_property
    def written(self) -> set[Variable]:
        """The variables that some action writes."""
        return {update.variable for action in self.protocol.actions.values() for update in action.updates}

    def _properties_are_defined(self) -> Iterator[Obligation]:
        for property_ in self.protocol.properties.values():
            for node in _conditions(property_):
                if (defined := self.state.encode(node, {}).defined) is not TRUE:
                    yield Obligation(f"{property_.name} {DEFINED}", "", self.hypotheses, defined)

    def _begins(self, variable: Variable) -> BoolRef:
        return everywhere(variable.domain, lambda at: self._begins_at(variable, at))

    def _begins_at(self, variable: Variable, at: Sequence[ExprRef]) -> BoolRef:
        if variable.partial:
            return negation(truth(self.symbols.defined[variable.name](*at)))
        if variable.initially is None:
            return TRUE
        return truth(self.symbols.value[variable.name](*at) == literal(variable.sort, variable.initially))


def claim(state: Translator, property_: Property) -> BoolRef:
    """What an invariant says of a state."""
    holds = state.holds(property_.condition, {})
    return negation(holds) if property_.kind is PropertyKind.NEVER else holds


def reads(node: Node) -> set[Variable]:
    """The variables that an expression reads."""
    own = {node.variable} if isinstance(node, Read | Defined) else set()
    return own.union(*map(reads, children(node)))


def counts(node: Node) -> bool:
    """Whether an expression counts the elements of an index sort, of which there may be any number."""
    match node:
        case Quantified(_, Quantifier.COUNT, local, _) if isinstance(local.sort, Index):
            return True
    return any(map(counts, children(node)))


def _conditions(property_: Property | None) -> tuple[Node, ...]:
    return tuple(filter(None, (property_.condition, property_.conclusion))) if property_ else ()


def uncountable(protocol: Protocol) -> Sequence[str]:
    """The names of the properties that count, and of the actions whose updates do: what cannot be proved for any size."""
    properties = (p.name for p in protocol.properties.values() if p.kind in INVARIANTS and counts(p.condition))
    return (*properties, *(a.name for a in protocol.actions.values() if _counts_in_updates(a)))


def _counts_in_updates(action: Action) -> bool:
    values: Iterable[Node | None] = (node for u in action.updates for node in (*u.indices, u.value))
    return any(counts(node) for node in values if node is not None)
