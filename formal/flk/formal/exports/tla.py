"""Protocols in TLA+, for TLC: a module that fits any sizes, and a configuration that chooses them.

Elements of index sorts are model values, those of ordered ones integers; members of enums are strings. What our language calls
a fault is an error in TLC: a read of `Undefined`, an index outside of its sort, and, as a violation of `TypeOK`, a value outside of
its own. Deadlock is TLC's own check, or an invariant where the protocol says that it may stop. `leads_to` carries its fairness: if
the named actions are weakly fair, for each choice of their parameters, then P ~> Q.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import starmap
from typing import NamedTuple

from flk.formal.explicit.schema import Schema
from flk.formal.exports import deadlock
from flk.formal.exports.comments import comment, story_of
from flk.formal.exports.deadlock import Check
from flk.formal.exports.names import plain
from flk.formal.exports.scope import Scope, stem
from flk.formal.exports.tla_expressions import Writer
from flk.formal.exports.updates import once
from flk.formal.language.action import Action, Update
from flk.formal.language.nodes import Joined, Junction, Local, Node, Quantified, Quantifier, children
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Enum, Index

NO_CHECK = "\\* Run TLC with -deadlock: where the protocol may stop, a state without a next one is no error."
"""In a configuration, where TLC's own check of deadlock is too strict."""


class Specification(NamedTuple):
    """A module and its configuration; the files must be called `NAME.tla` and `NAME.cfg`."""

    name: str
    module: str
    configuration: str


def export(protocol: Protocol, sizes: Mapping[str, int] | None = None, *, symmetric: bool = False) -> Specification:
    """The protocol, configured at some sizes. `symmetric` keeps one state of each orbit, and so checks no progress.

    Raises UnusableInput for sizes that the protocol does not have.
    """
    schema = Schema.of(protocol, sizes)
    writer = Writer(schema)
    names = {name: writer.names.new(name) for name in (*protocol.actions, *protocol.properties)}
    no_deadlock = writer.names.new(deadlock.NAME)
    module = plain(protocol.name)
    actions = [line for action in protocol.actions.values() for line in _action(writer, action, names[action.name])]
    claims = [line for each in protocol.properties.values() for line in _property(writer, each, names)]
    start = list(_start(writer))
    parts = [
        _head(schema, module),
        _declarations(writer),
        _floors() if writer.floors else [],
        start,
        actions,
        _next(writer, names),
        claims,
        _deadlock(writer, no_deadlock),
        _symmetry(writer),
        ["=" * 78],
    ]
    text = "\n".join("\n".join(part).rstrip() + "\n" for part in parts if part)
    return Specification(module, text, _configuration(writer, names, no_deadlock, symmetric=symmetric))


def _head(schema: Schema, module: str) -> list[str]:
    story = comment(schema.protocol.story, "\\*")
    dashes = "-" * max(4, (78 - len(f" MODULE {module} ")) // 2)
    return [f"{dashes} MODULE {module} {dashes}", *story, "", "EXTENDS Integers, FiniteSets, TLC"]


def _declarations(writer: Writer) -> list[str]:
    protocol = writer.schema.protocol
    indices = [writer.sorts[sort.name] for sort in protocol.sorts.values() if isinstance(sort, Index)]
    partial = any(variable.partial for variable in protocol.variables.values())
    constants = indices + (["Undefined"] if partial else [])
    lines = [f"CONSTANTS {', '.join(constants)}", ""] if constants else []
    for sort in protocol.sorts.values():
        if isinstance(sort, Enum):
            members = (writer.constant(sort, value) for value in range(len(sort.members)))
            lines.append(f"{writer.sorts[sort.name]} == {{{', '.join(members)}}}")
    variables = list(writer.variables.values())
    lines += ["", f"VARIABLES {', '.join(variables)}", "", f"vars == <<{', '.join(variables)}>>"]
    if partial:
        lines += ["", 'Value(x) == IF x = Undefined THEN Assert(FALSE, "a value is read where it is undefined") ELSE x']
    lines += ["", "TypeOK =="]
    for variable in protocol.variables.values():
        values = writer.values(variable)
        kind = f"[{writer.domain(variable)} -> {values}]" if variable.domain else values
        lines.append(f"  /\\ {writer.variables[variable.name]} \\in {kind}")
    return lines


def _floors() -> list[str]:
    return [
        "\\* Division that rounds down, for divisors of either sign.",
        "FloorDiv(a, b) == IF b > 0 THEN a \\div b ELSE (-a) \\div (-b)",
        "FloorMod(a, b) == a - b * FloorDiv(a, b)",
    ]


def _start(writer: Writer) -> Iterator[str]:
    yield "Init =="
    for variable in writer.schema.protocol.variables.values():
        name = writer.variables[variable.name]
        if variable.initially is None and not variable.partial:
            kind = (
                f"[{writer.domain(variable)} -> {writer.values(variable)}]"
                if variable.domain
                else writer.values(variable)
            )
            yield f"  /\\ {name} \\in {kind}"
            continue
        value = "Undefined" if variable.initially is None else writer.constant(variable.sort, variable.initially)
        yield f"  /\\ {name} = " + (f"[i \\in {writer.domain(variable)} |-> {value}]" if variable.domain else value)
    for assumption in writer.schema.protocol.assumptions:
        yield f"  /\\ {_condition(writer, assumption, writer.top)}"


def _condition(writer: Writer, node: Node, scope: Scope) -> str:
    """A condition of a step. TLC would try each part of a disjunction as a step of its own: `= TRUE` makes it a mere truth."""
    return f"({writer.expression(node, scope)}) = TRUE" if _branches(node) else writer.expression(node, scope, 3)


def _branches(node: Node) -> bool:
    match node:
        case Joined(_, Junction.OR, _) | Quantified(_, Quantifier.EXISTS, _, _):
            return True
        case _:
            return any(map(_branches, children(node)))


def _action(writer: Writer, action: Action, name: str) -> Iterator[str]:
    scope = writer.top.bind(*action.parameters)
    yield from comment(story_of(action), "\\*")
    yield f"{_called(name, scope)} =="
    for guard in action.guards:
        yield f"  /\\ {_condition(writer, guard, scope)}"
    for condition in once(action.updates):
        yield f'  /\\ Assert({writer.expression(condition, scope)}, "a place is written twice")'
    written: dict[str, list[Update]] = {}
    for update in action.updates:
        written.setdefault(update.variable.name, []).append(update)
    for variable, updates in written.items():
        yield f"  /\\ {writer.variables[variable]}' = {_after(writer, updates, scope)}"
    unchanged = [writer.variables[name] for name in writer.schema.protocol.variables if name not in written]
    if unchanged:
        yield f"  /\\ UNCHANGED <<{', '.join(unchanged)}>>"
    yield ""


def _after(writer: Writer, updates: list[Update], scope: Scope) -> str:
    """The value of a variable after its updates: that of a scalar, EXCEPT at some places, or a new map."""
    variable = updates[0].variable
    if not variable.domain:
        return _new(writer, updates[0].value, scope)
    if not any(update.binders for update in updates):
        texts = ([writer.expression(index, scope) for index in update.indices] for update in updates)
        changes = (
            f"!{writer.subscript(variable, at)} = {_new(writer, u.value, scope)}"
            for at, u in zip(texts, updates, strict=True)
        )
        return f"[{writer.variables[variable.name]} EXCEPT {', '.join(changes)}]"
    fresh = scope.fresh()
    wanted = next(update for update in updates if update.binders)
    names = [fresh.new(stem(at) if isinstance(at, Local) else "at") for at in wanted.indices]
    value = writer.variables[variable.name] + writer.subscript(variable, names)
    for update in reversed(updates):
        value = _case(writer, update, names, scope, value)
    over = ", ".join(starmap(writer.ranging, zip(names, variable.domain, strict=True)))
    return f"[{over} |-> {value}]"


def _case(writer: Writer, update: Update, names: list[str], scope: Scope, other: str) -> str:
    """The value at the place called by the names: the update's where it applies, else the other."""
    bound = dict(scope.locals)
    conditions = []
    for index, name in zip(update.indices, names, strict=True):
        if isinstance(index, Local) and index in update.binders:
            bound[index.name] = name
        else:
            conditions.append(f"{name} = {writer.expression(index, scope, 4)}")
    value = _new(writer, update.value, replace(scope, locals=bound))
    here = " /\\ ".join(conditions)
    return f"IF {here} THEN {value} ELSE {other}" if conditions else value


def _new(writer: Writer, value: Node | None, scope: Scope) -> str:
    return "Undefined" if value is None else writer.expression(value, scope, 4)


def _next(writer: Writer, names: Mapping[str, str]) -> list[str]:
    lines = ["Next =="]
    for action in writer.schema.protocol.actions.values():
        over, call = _each(writer, action, names[action.name])
        lines.append(f"  \\/ \\E {over} : {call}" if over else f"  \\/ {call}")
    return [*lines, "", "Spec == Init /\\ [][Next]_vars"]


def _each(writer: Writer, action: Action, name: str) -> tuple[str, str]:
    """What an action's parameters range over, and its name with them."""
    scope = writer.top.bind(*action.parameters)
    return ", ".join(writer.binders(action.parameters, scope)), _called(name, scope)


def _called(name: str, scope: Scope) -> str:
    return f"{name}({', '.join(scope.locals.values())})" if scope.locals else name


def _property(writer: Writer, property_: Property, names: Mapping[str, str]) -> Iterator[str]:
    yield from comment(story_of(property_), "\\*")
    name, condition = names[property_.name], writer.expression(property_.condition, writer.top)
    match property_.kind:
        case PropertyKind.NEVER:
            yield f"{name} == ~({condition})"
        case PropertyKind.REACHABLE:
            yield f"{name} == {condition}"
            yield f"{writer.names.new('not_' + name)} == ~{name}"
        case PropertyKind.LEADS_TO:
            assert property_.conclusion is not None
            yield f"{name} =="
            fair = [_fairness(writer, writer.schema.protocol.actions[each], names[each]) for each in property_.fair]
            if fair:
                yield "\n".join(f"  /\\ {each}" for each in fair)
                yield "  =>"
            sides = (writer.expression(side, writer.top, 3) for side in (property_.condition, property_.conclusion))
            yield f"  {' ~> '.join(sides)}"
        case _:
            yield f"{name} == {condition}"
    yield ""


def _deadlock(writer: Writer, name: str) -> list[str]:
    protocol = writer.schema.protocol
    if deadlock.check(protocol) is not Check.INVARIANT:
        return []
    told = "\\* Where no action can happen, the protocol may stop."
    return [told, f"{name} == {writer.expression(deadlock.goes_on(protocol), writer.top)}"]


def _fairness(writer: Writer, action: Action, name: str) -> str:
    over, call = _each(writer, action, name)
    return f"\\A {over} : WF_vars({call})" if over else f"WF_vars({call})"


def _symmetric_sorts(writer: Writer) -> list[Index]:
    return [sort for sort in writer.schema.protocol.sorts.values() if isinstance(sort, Index) and not sort.ordered]


def _symmetry(writer: Writer) -> list[str]:
    sorts = [f"Permutations({writer.sorts[sort.name]})" for sort in _symmetric_sorts(writer)]
    return ["Symmetry == " + " \\cup ".join(sorts)] if sorts else []


def _configuration(writer: Writer, names: Mapping[str, str], no_deadlock: str, *, symmetric: bool) -> str:
    protocol = writer.schema.protocol
    lines = ["SPECIFICATION Spec", "", "CONSTANTS"]
    for sort in protocol.sorts.values():
        if isinstance(sort, Index):
            stem = "" if sort.ordered else sort.name.lower()
            elements = (f"{stem}{number}" for number in range(1, writer.schema.size_of[sort.name] + 1))
            lines.append(f"  {writer.sorts[sort.name]} = {{{', '.join(elements)}}}")
    if any(variable.partial for variable in protocol.variables.values()):
        lines.append("  Undefined = Undefined")
    kinds = {name: property_.kind for name, property_ in protocol.properties.items()}
    invariants = [PropertyKind.ALWAYS, PropertyKind.LEMMA, PropertyKind.NEVER]
    check = deadlock.check(protocol)
    lines += ["", "INVARIANTS", "  TypeOK", *(f"  {names[name]}" for name, kind in kinds.items() if kind in invariants)]
    lines += [f"  {no_deadlock}"] * (check is Check.INVARIANT)
    progress = [names[name] for name, kind in kinds.items() if kind is PropertyKind.LEADS_TO]
    if progress and not symmetric:
        lines += ["", "PROPERTIES", *(f"  {name}" for name in progress)]
    if symmetric and _symmetric_sorts(writer):
        lines += ["", "SYMMETRY Symmetry"]
    witnessed = [names[name] for name, kind in kinds.items() if kind is PropertyKind.REACHABLE]
    lines += ["", *(f"\\* INVARIANT not_{name} is to be violated: that finds a witness" for name in witnessed)]
    return "\n".join([*lines, *([] if check is Check.TOOL else [NO_CHECK]), ""])
