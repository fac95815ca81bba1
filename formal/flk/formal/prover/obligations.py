"""What has to be shown so that the invariants of a protocol hold in every reachable state, whatever the sizes of its sorts.

The invariants are the `always`, `never` and `lemma` properties. Nearly all hold by induction: at first, and after every action if
all of these held before it. That each is assumed for the others is sound because each is an obligation itself: up to the first
state of a run that violates one, all hold, so that the step into that state would break its obligation.

What says when an action is enabled mostly follows from the action's guard, in any state in which the others hold. Such a
consequence has one obligation, and no step has to be looked at; nor is it assumed, so that it makes no other proof harder.

Wherever the invariants hold, guards, updates and properties must be defined.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from z3 import BoolRef, ExprRef, Not, unsat

from flk.formal.language.action import Action
from flk.formal.language.nodes import Defined, Node, Quantified, Quantifier, Read, children
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Index
from flk.formal.language.variables import Variable
from flk.formal.prover.solver import QUICK, ask
from flk.formal.prover.step import Stepping
from flk.formal.prover.symbols import TRUE, Symbols, everywhere, literal, negation, truth
from flk.formal.prover.z3_encoding import Before, Translator

INVARIANTS = frozenset({PropertyKind.ALWAYS, PropertyKind.LEMMA, PropertyKind.NEVER})
INITIALLY = "initially"
ALWAYS = "in any state"
DEFINED = "is defined"
JOIN = " · "


@dataclass(frozen=True)
class Obligation:
    """In every state that meets what is `given`, the `goal` holds. Together with the axioms of the symbols.

    `about` is the property that must be kept, or ends in DEFINED; `action` is what happens, or INITIALLY, or ALWAYS where a
    property must follow from others, or empty where it must be defined.
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
    """The obligations of a protocol. `extra` are invariants beside the protocol's own; `leave_out` are names of its own.

    `follow` are the names of those that have to follow from the others; without it, those do that are found to.
    """

    protocol: Protocol
    leave_out: frozenset[str] = frozenset()
    extra: tuple[Property, ...] = ()
    follow: frozenset[str] | None = None

    @cached_property
    def invariants(self) -> tuple[Property, ...]:
        """All properties that are to hold in every reachable state. What counts elements is not among them."""
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
    def consequences(self) -> tuple[Property, ...]:
        """Those that say when an action is enabled, and follow in any state from those that do not."""
        spoken = tuple(p for p in self.invariants if self.protocol.says_when_enabled(p.name))
        if self.follow is not None:
            return tuple(p for p in spoken if p.name in self.follow)
        others = [claim(self.state, p) for p in self.invariants if p not in spoken]
        return tuple(p for p in spoken if self._follows(p, ()) or self._follows(p, others))

    @cached_property
    def inductive(self) -> tuple[Property, ...]:
        """All others. They are assumed before a step, and proved after it."""
        return tuple(p for p in self.invariants if p not in self.consequences)

    @cached_property
    def hypotheses(self) -> tuple[BoolRef, ...]:
        """What holds before a step: the axioms, the assumptions about what never changes, and what is shown by induction."""
        return (*self._frame, *(claim(self.state, p) for p in self.inductive))

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
        for property_ in self.inductive:
            yield Obligation(property_.name, INITIALLY, self.beginning, claim(self.state, property_))
        for step in self.steps.values():
            yield from self.obligations_of(step)
        yield from map(self._consequence, self.consequences)
        yield from self._properties_are_defined()

    def changed(self, action: Action) -> Protocol:
        """The protocol with an action in the place of the one of its name; what says when that is enabled speaks of the new one."""
        changed = self.protocol.variant(self.protocol.name, self.protocol.story)
        changed.put(action)
        return changed

    def obligations_with(self, action: Action) -> Iterator[Obligation]:
        """What has to be shown anew if an action takes the place of the one of its name."""
        changed = self.changed(action)
        anew = {name: p for name, p in changed.properties.items() if p != self.protocol.properties[name]}
        if any(p.name in anew for p in self.inductive):
            yield from Induction(changed, self.leave_out, self.extra).obligations()
            return
        yield from self.obligations_of(Stepping(self.symbols, action))
        yield from (self._consequence(anew[p.name]) for p in self.consequences if p.name in anew)

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
        for property_ in self.inductive:
            if reads(property_.condition) & written:
                yield Obligation(property_.name, step.action.name, given, claim(step.after, property_))

    @cached_property
    def written(self) -> set[Variable]:
        """The variables that some action writes."""
        return {update.variable for action in self.protocol.actions.values() for update in action.updates}

    @cached_property
    def _frame(self) -> tuple[BoolRef, ...]:
        """What holds of every state: the axioms, and the assumptions about what never changes."""
        frozen = (node for node in self.protocol.assumptions if not reads(node) & self.written)
        return (*self.symbols.axioms, *(self.state.holds(node, {}) for node in frozen))

    def _follows(self, property_: Property, given: Iterable[BoolRef]) -> bool:
        return ask((*self._frame, *given, Not(claim(self.state, property_))), effort=QUICK)[1] == unsat

    def _consequence(self, property_: Property) -> Obligation:
        return Obligation(property_.name, ALWAYS, self.hypotheses, claim(self.state, property_))

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
