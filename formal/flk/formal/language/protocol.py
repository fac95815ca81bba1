"""A protocol: sorts, state, actions and properties under one name, and the variants that change some of them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from types import FunctionType
from typing import TypeAlias, TypeVar

from flk.formal.language.action import Action
from flk.formal.language.enabling import enabled
from flk.formal.language.enumeration import Enumeration
from flk.formal.language.errors import IllFormed, place_of
from flk.formal.language.nodes import Constant, Defined, Joined, Junction, Node, Quantified, Read, children
from flk.formal.language.properties import Property, PropertyKind, progress_property, state_property
from flk.formal.language.sorts import BOOL, Enum, Index, Sort
from flk.formal.language.state import UNDEFINED, Initial, Map, Scalar, declare
from flk.formal.language.terms import Term, Value, fits, lift, numbering, truth
from flk.formal.language.tracing import Body, trace
from flk.formal.language.variables import Variable
from flk.spec.errors import UnusableInput

B = TypeVar("B", bound=Body)
S = TypeVar("S", Index, Enumeration)
StateClaim: TypeAlias = Callable[[], Value]
ProgressClaim: TypeAlias = Callable[[], tuple[Value, Value]]


class Protocol:
    """A protocol under construction, and then the value that every engine reads.

    `story` says in a paragraph what happens; `requirements` are the ids it models. `lanes` may be set to the sort whose elements
    are the lanes of sequence diagrams, if it is not the one that most actions are about. Sorts come from `index` and `enum`, state
    from `scalar`, `map` and `relation`, steps from `@action`, claims from `@always`, `@never`, `@reachable`, `@lemma` and
    `@leads_to`, ends that are no deadlock from `@may_stop`; `variant` copies it all, to be changed. Each raises IllFormed, with the
    author's line, for what has no meaning.

    >>> lock = Protocol("lock", "Whoever finds it free takes it, and gives it back.")
    >>> Thread = lock.index("Thread", size=2)
    >>> holds = lock.relation("holds", Thread)
    >>> @lock.action(t=Thread)
    ... def take(t: Term) -> None:
    ...     require(~exists(Thread, lambda other: holds[other]))
    ...     holds.next[t] = True
    >>> @lock.action(t=Thread)
    ... def release(t: Term) -> None:
    ...     require(holds[t])
    ...     holds.next[t] = False
    >>> @lock.never()
    ... def both() -> Term:
    ...     return forall(Thread, lambda t: holds[t])
    >>> explore(lock)
    <lock, Thread 2: ✓ holds, 3 states, depth 1>
    """

    def __init__(self, name: str, story: str, requirements: tuple[str, ...] = ()) -> None:
        self.name = name
        self.story = " ".join(story.split())
        self.requirements = requirements
        self.sorts: dict[str, Index | Enum] = {}
        self.variables: dict[str, Variable] = {}
        self.actions: dict[str, Action] = {}
        self.properties: dict[str, Property] = {}
        self.assumptions: list[Node] = []
        self.ends: dict[str, Node] = {}
        self.idle: set[str] = set()
        self.base: Protocol | None = None
        self.lanes: Index | Enum | None = None
        self._speaks: dict[str, tuple[frozenset[str], Callable[[], Property]]] = {}
        self._restated: dict[str, Property] = {}

    def __repr__(self) -> str:
        return f"<protocol {self.name}>"

    def index(self, name: str, size: int = 2, *, ordered: bool = False) -> Index:
        """An index sort: `size` elements by default when explored, any number when proving."""
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise IllFormed(f"{name}: its size is {size!r}; give an integer of 1 or more")
        return self._sort(Index(name, size, ordered))

    def enum(self, name: str, *members: str) -> Enumeration:
        """A sort of named members."""
        if len(set(members)) != len(members) or not members:
            raise IllFormed(f"{name}: its members are {members}; give at least one, each once")
        for member in members:
            if not member.isidentifier() or iskeyword(member):
                raise IllFormed(f"{name}: member {member!r} is not a name; use letters, digits and underscores")
            if hasattr(Enum, member) or member in {"name", "members"}:
                raise IllFormed(f"{name}: member {member!r} already means something else; choose another name")
        return self._sort(Enumeration(name, members))

    def scalar(self, name: str, sort: Sort, initially: Initial = UNDEFINED, *, partial: bool = False) -> Scalar:
        """A variable of one value. Without `initially` it must be partial; ANY lets it begin anywhere."""
        return Scalar(self._variable(name, (), sort, initially, partial=partial))

    def map(self, name: str, *domain: Sort, to: Sort, initially: Initial = UNDEFINED, partial: bool = False) -> Map:
        """A variable of one value for each value of the domain."""
        if not domain:
            raise IllFormed(f"{name}: a map needs a domain; write scalar for a single value")
        return Map(self._variable(name, domain, to, initially, partial=partial))

    def relation(self, name: str, *domain: Sort, initially: Initial = False) -> Map:
        """A map to truths, false at first."""
        return self.map(name, *domain, to=BOOL, initially=initially)

    def assume(self, condition: Callable[[], Value]) -> Callable[[], Value]:
        """Decorator: only initial states in which this holds count; for variables that begin anywhere."""
        place = place_of(condition)
        with numbering():
            node = truth(condition(), "assume", place)
        self._own(condition.__name__, [node], place)
        self.assumptions.append(node)
        return condition

    def action(self, body: None = None, /, **parameters: Sort) -> Callable[[B], B]:
        """Decorator: a step, over all values of its parameters. In a variant, one of a known name replaces the base's."""
        if body is not None:
            raise _uncalled(body, "action")

        def record(body: B) -> B:
            action = trace(body, parameters)
            inherited = self.base is not None and action.name in self.base.actions
            if action.name in self.actions and not (
                inherited and self.actions[action.name] is self._inherited(action.name)
            ):
                raise IllFormed(
                    f"{self.name} has two actions called {action.name}: rename one", (action.file, action.line)
                )
            self._known(action)
            self.put(action)
            return body

        return record

    def put(self, action: Action) -> None:
        """Let this be the action of its name. Inherited properties that say when it is enabled are stated anew, of this one."""
        self.actions[action.name] = action
        self._state_anew({action.name})

    def always(self, *requirements: str) -> Callable[[StateClaim], StateClaim]:
        """Decorator: every reachable state satisfies the returned condition."""
        return self._state(PropertyKind.ALWAYS, requirements)

    def lemma(self, *requirements: str) -> Callable[[StateClaim], StateClaim]:
        """Decorator: like `always`, but there for the sake of proofs."""
        return self._state(PropertyKind.LEMMA, requirements)

    def never(self, *requirements: str) -> Callable[[StateClaim], StateClaim]:
        """Decorator: no reachable state satisfies the returned condition."""
        return self._state(PropertyKind.NEVER, requirements)

    def reachable(self, *requirements: str) -> Callable[[StateClaim], StateClaim]:
        """Decorator: some reachable state satisfies the returned condition, so that nothing else holds vacuously."""
        return self._state(PropertyKind.REACHABLE, requirements)

    def leads_to(self, *requirements: str, fair: Sequence[str]) -> Callable[[ProgressClaim], ProgressClaim]:
        """Decorator: after each state of the premise comes one of the conclusion, if the named actions are weakly fair."""
        if isinstance(fair, str):
            raise IllFormed(f"fair={fair!r}: give a tuple of names, fair=({fair!r},)")

        def record(function: ProgressClaim) -> ProgressClaim:
            for name in fair:
                if name not in self.actions:
                    raise IllFormed(
                        f"{function.__name__}: no action is called {name}; choose from {', '.join(self.actions) or 'none yet'}, "
                        "and define actions before properties",
                        place_of(function),
                    )
            self._keep(lambda: progress_property(function, requirements, tuple(fair)))
            return function

        return record

    def may_stop(self, condition: None = None, /) -> Callable[[StateClaim], StateClaim]:
        """Decorator: where the returned condition holds the protocol may end, so that it is no deadlock if no action can happen.

        The condition is read only in states in which no action can happen. Several add up; in a variant, one of a known name
        replaces the base's. Without any, every such state is a deadlock, which exploring reports as a violation.

        >>> lamp = Protocol("lamp", "It can be lit once.")
        >>> lit = lamp.scalar("lit", BOOL, initially=False)
        >>> @lamp.action()
        ... def light() -> None:
        ...     require(~lit)
        ...     lit.next = True
        >>> explore(lamp).deadlock.path.moves[-1].shown
        'light()'
        >>> @lamp.may_stop()
        ... def lit_for_good() -> Term:
        ...     return lit
        >>> explore(lamp)
        <lamp: ✓ holds, 2 states, depth 1>
        """
        if condition is not None:
            raise _uncalled(condition, "may_stop")

        def record(function: StateClaim) -> StateClaim:
            name, place = function.__name__, place_of(function)
            inherited = self.base.ends.get(name) if self.base else None
            if name in self.ends and self.ends[name] is not inherited:
                raise IllFormed(f"{self.name} has two ends called {name}: rename one", place)
            with numbering():
                node = truth(function(), "may_stop", place)
            self._own(name, [node], place)
            self.ends[name] = node
            return function

        return record

    @property
    def end(self) -> Node:
        """Where it is no deadlock that no action can happen: what `may_stop` says, and nowhere if it says nothing."""
        parts = tuple(self.ends.values())
        return parts[0] if len(parts) == 1 else Joined(BOOL, Junction.OR, parts)

    def may_not_happen(self, *names: str) -> None:
        """These actions need not be possible in any state. Of all others, exploring reports as a violation that they never are."""
        for name in names:
            if name not in self.actions:
                known = ", ".join(self.actions) or "none yet"
                raise IllFormed(f"{self.name} has no action {name}: choose from {known}, and define actions before")
        self.idle.update(names)

    def judge_only_properties(self) -> None:
        """Exploring judges nothing but the properties: the protocol may stop anywhere, and its actions need not happen."""
        self.ends = {"anywhere": Constant(BOOL, 1)}
        self.idle = set(self.actions)

    def enabled(self, action: str, /, **arguments: Value) -> Term:
        """Whether an action can happen now, with these arguments: its guard, for use in properties.

        For some value of each parameter that is left out. So properties can state who may do what when, and what must be possible.
        A variant that replaces the action inherits such properties as they are of its own action; of one that it removes, never.
        Raises IllFormed for an action or a parameter that is not there, and for an argument of another sort.

        >>> lamp = Protocol("lamp", "Each can be lit once.")
        >>> Bulb = lamp.index("Bulb", size=2)
        >>> lit, broken = lamp.relation("lit", Bulb), lamp.relation("broken", Bulb)
        >>> @lamp.action(b=Bulb)
        ... def light(b: Term) -> None:
        ...     require(~lit[b])
        ...     lit.next[b] = True
        >>> @lamp.never()
        ... def broken_bulbs_are_lit() -> Term:
        ...     return exists(Bulb, lambda b: broken[b] & lamp.enabled("light", b=b))
        >>> lamp.enabled("light")
        exists b: not lit[b]
        """
        if action not in self.actions:
            known = ", ".join(self.actions) or "none yet"
            raise IllFormed(
                f"{self.name} has no action {action}: choose from {known}, and define actions before properties"
            )
        meant = _speaking[-1].meant(self, action) if _speaking else self.actions[action]
        if meant is None:
            return Term(Constant(BOOL, 0))
        sorts = {parameter.name: parameter.sort for parameter in meant.parameters}
        nodes: dict[str, Node] = {}
        for name, value in arguments.items():
            if name not in sorts:
                raise IllFormed(f"{action} has no parameter {name}: choose from {', '.join(sorts) or 'none'}")
            term = lift(value)
            if not fits(term, sorts[name]):
                raise IllFormed(
                    f"{action} takes {sorts[name].name} for {name}, and {term!r} is of sort {term.sort.name}"
                )
            nodes[name] = term.node
        return Term(enabled(meant, nodes))

    def says_when_enabled(self, name: str) -> bool:
        """Whether a property of this name says when an action is enabled."""
        return name in self._speaks

    def variant(self, name: str, story: str, requirements: tuple[str, ...] = ()) -> "Protocol":
        """A copy to be changed: it shares sorts, state, actions and properties until some are replaced, added or removed."""
        copy = Protocol(name, story, requirements)
        copy.base, copy.lanes = self, self.lanes
        copy.sorts, copy.variables = dict(self.sorts), dict(self.variables)
        copy.actions, copy.properties = dict(self.actions), dict(self.properties)
        copy.assumptions, copy.ends, copy.idle = list(self.assumptions), dict(self.ends), set(self.idle)
        copy._speaks = dict(self._speaks)
        return copy

    def without(self, *names: str) -> None:
        """Remove actions, properties or ends. Progress properties then no longer count removed actions as fair."""
        known = ", ".join((*self.actions, *self.properties, *self.ends))
        for name in names:
            if name not in self.actions and name not in self.properties and name not in self.ends:
                raise IllFormed(f"{self.name} has neither action, property nor end {name}: choose from {known}")
            self.actions.pop(name, None)
            self.properties.pop(name, None)
            self.ends.pop(name, None)
            self.idle.discard(name)
        self._state_anew(names)
        for property_ in self.properties.values():
            fair = tuple(name for name in property_.fair if name in self.actions)
            if fair != property_.fair:
                self.properties[property_.name] = replace(property_, fair=fair)

    def sizes(self, chosen: Mapping[str, int] | None = None) -> dict[str, int]:
        """The size of every index sort: the defaults, overridden by what is chosen (names compare without regard to case).

        Raises UnusableInput for an unknown sort or a size below 1.
        """
        defaults = {name: sort.size for name, sort in self.sorts.items() if isinstance(sort, Index)}
        known = {name.lower(): name for name in defaults}
        for name, size in (chosen or {}).items():
            if name.lower() not in known:
                raise UnusableInput(
                    f"{self.name} has no index sort {name}: choose from {', '.join(defaults) or 'none'}"
                )
            if size < 1:
                raise UnusableInput(f"{self.name}: {name}={size} leaves nothing to explore; give 1 or more")
            defaults[known[name.lower()]] = size
        return defaults

    def _sort(self, sort: S) -> S:
        self._fresh(sort.name)
        self.sorts[sort.name] = sort
        return sort

    def _variable(
        self, name: str, domain: tuple[Sort, ...], sort: Sort, initially: Initial, *, partial: bool
    ) -> Variable:
        self._fresh(name)
        if initially is UNDEFINED and not partial:
            raise IllFormed(f"{name}: how does it begin? Give initially=..., ANY, or partial=True")
        declared = declare(name, domain, sort, initially, partial=partial)
        for each in (*domain, sort):
            self._own_sort(name, each, None)
        self.variables[name] = declared
        return self.variables[name]

    def _fresh(self, name: str) -> None:
        if name in self.variables or name in self.sorts:
            raise IllFormed(f"{self.name} has two sorts or variables called {name}: rename one")
        if not name.isidentifier():
            raise IllFormed(f"{name!r} is not a name: use letters, digits and underscores")

    def _state(self, kind: PropertyKind, requirements: tuple[str, ...]) -> Callable[[StateClaim], StateClaim]:
        for requirement in requirements:
            if not isinstance(requirement, str):
                raise _uncalled(requirement, kind)

        def record(function: StateClaim) -> StateClaim:
            self._keep(lambda: state_property(kind, function, requirements))
            return function

        return record

    def _keep(self, state: Callable[[], Property]) -> None:
        property_ = self._stated(state)
        name, inherited = property_.name, self.base.properties.get(property_.name) if self.base else None
        if name in self.properties and self.properties[name] not in {inherited, self._restated.get(name)}:
            raise IllFormed(
                f"{self.name} has two properties called {name}: rename one", (property_.file, property_.line)
            )
        self.properties[name] = property_

    def _stated(self, state: Callable[[], Property]) -> Property:
        """A property of this protocol, of which is kept what it says of actions."""
        _speaking.append(_Speaker(self))
        try:
            property_ = state()
        finally:
            spoken = _speaking.pop().spoken
        nodes = [property_.condition, *([property_.conclusion] if property_.conclusion else [])]
        self._own(property_.name, nodes, (property_.file, property_.line))
        self._speaks.pop(property_.name, None)
        if spoken:
            self._speaks[property_.name] = frozenset(spoken), state
        return property_

    def _state_anew(self, actions: Collection[str]) -> None:
        """State again the inherited properties that say when one of these actions is enabled."""
        for name, (spoken, state) in list(self._speaks.items()):
            if self.base is not None and name in self.properties and spoken & set(actions):
                fair = self.properties[name].fair
                self.properties[name] = self._restated[name] = replace(self._stated(state), fair=fair)

    def _inherited(self, name: str) -> Action | None:
        return self.base.actions.get(name) if self.base else None

    def _known(self, action: Action) -> None:
        """Raises IllFormed unless all that the action reads and writes is of this protocol."""
        place = action.file, action.line
        for update in action.updates:
            if self.variables.get(update.variable.name) is not update.variable:
                raise IllFormed(
                    f"{action.name} writes {update.variable.name}, which is not a variable of {self.name}: declare it there",
                    place,
                )
            self._own(action.name, [*update.indices, *([update.value] if update.value else [])], place)
        self._own(action.name, [*action.parameters, *action.guards], place)

    def _own(self, what: str, nodes: Iterable[Node], place: tuple[str, int]) -> None:
        for node in nodes:
            if isinstance(node, Read | Defined) and self.variables.get(node.variable.name) is not node.variable:
                raise IllFormed(
                    f"{what} reads {node.variable.name}, which is not a variable of {self.name}: declare it there",
                    place,
                )
            self._own_sort(what, node.local.sort if isinstance(node, Quantified) else node.sort, place)
            self._own(what, children(node), place)

    def _own_sort(self, what: str, sort: Sort, place: tuple[str, int] | None) -> None:
        if isinstance(sort, Index | Enum) and self.sorts.get(sort.name) is not sort:
            raise IllFormed(
                f"{what} uses the sort {sort.name}, which is not one of {self.name}: declare it there", place
            )


@dataclass(frozen=True)
class _Speaker:
    """The protocol of which a property is being stated, and the actions that it said are enabled."""

    protocol: Protocol
    spoken: set[str] = field(default_factory=set)

    def meant(self, said_of: Protocol, action: str) -> Action | None:
        """The action of that name: of the protocol itself, where the property speaks of one that it is a variant of."""
        self.spoken.add(action)
        base: Protocol | None = self.protocol
        while base is not None and base is not said_of:
            base = base.base
        return said_of.actions[action] if base is None else self.protocol.actions.get(action)


_speaking: list[_Speaker] = []


def _uncalled(given: object, what: str) -> IllFormed:
    if isinstance(given, FunctionType):
        place = place_of(given)
        return IllFormed(f"@{what} above {given.__name__} has no parentheses: write @protocol.{what}()", place)
    return IllFormed(f"@{what} is given {given!r}: give the ids of requirements, or nothing")
