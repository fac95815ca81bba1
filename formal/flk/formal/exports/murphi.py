"""Protocols in Murphi, for rumur: readable, and with the same distinct states and transitions that our own engines count.

Index sorts become subranges or, with `symmetric`, scalarsets, of which rumur keeps one state of each orbit. Where a partial
variable has no value, Murphi's has none either. `leads_to` has no counterpart, and is left as a comment. rumur's `assume` keeps
initial states to what the protocol assumes, so other Murphi tools take only protocols that assume nothing. Deadlock is rumur's own
check, or an invariant where the protocol says that it may stop.
"""

from collections.abc import Iterator, Mapping

from flk.formal.explicit.schema import Schema
from flk.formal.exports import deadlock
from flk.formal.exports.comments import comment, head, story_of
from flk.formal.exports.deadlock import Check
from flk.formal.exports.murphi_expressions import Writer
from flk.formal.exports.scope import Scope
from flk.formal.exports.updates import once, overwritten
from flk.formal.language.action import Action, Update
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Index
from flk.formal.language.variables import Variable

COMMANDS = (
    "rumur MODEL.m --output model.c --deadlock-detection {} --value-type int32_t",
    "cc -O3 -march=native -pthread model.c && ./a.out",
)


def export(protocol: Protocol, sizes: Mapping[str, int] | None = None, *, symmetric: bool = False) -> str:
    """The protocol at some sizes. Raises UnusableInput for sizes that it does not have."""
    schema = Schema.of(protocol, sizes)
    writer = Writer(schema, symmetric=symmetric)
    rules = [line for action in protocol.actions.values() for line in _rule(writer, action)]
    start = list(_start(writer))
    properties = [line for property_ in protocol.properties.values() for line in _property(writer, property_)]
    detection = "stuck" if deadlock.check(protocol) is Check.TOOL else "off"
    parts = [
        head(schema, "--", *(command.format(detection) for command in COMMANDS)),
        _types(writer),
        _variables(writer),
        writer.functions,
        start,
        rules,
        properties,
        list(_deadlock(writer)),
    ]
    return "\n".join("\n".join(part).rstrip() + "\n" for part in parts if part)


def _types(writer: Writer) -> list[str]:
    lines = []
    for sort in writer.schema.protocol.sorts.values():
        if isinstance(sort, Index):
            lines.append(f"  {writer.sorts[sort.name]}: {_elements(writer, sort)};")
        else:
            members = ", ".join(writer.members[sort.name, value] for value in range(len(sort.members)))
            lines.append(f"  {writer.sorts[sort.name]}: enum {{ {members} }};")
    return ["type", *lines] if lines else []


def _elements(writer: Writer, sort: Index) -> str:
    size = writer.schema.size_of[sort.name]
    return f"scalarset({size})" if writer.symmetric and not sort.ordered else f"1..{size}"


def _variables(writer: Writer) -> list[str]:
    variables = writer.schema.protocol.variables.values()
    return ["var", *(f"  {writer.variables[v.name]}: {writer.variable_type(v)};" for v in variables)]


def _start(writer: Writer) -> Iterator[str]:
    """The initial states: a ruleset chooses each value that may be anything."""
    names = writer.top.fresh()
    free = [v for v in writer.schema.protocol.variables.values() if v.initially is None and not v.partial]
    chosen = {v.name: [names.new(_cell_name(writer, v, key)) for key in writer.schema.keys(v)] for v in free}
    if free:
        choices = (writer.ranging(name, v.sort) for v in free for name in chosen[v.name])
        yield f"ruleset {'; '.join(choices)} do"
    counter = names.new("place") if writer.symmetric and any(_is_symmetric(v) for v in free) else ""
    yield 'startstate "begin"'
    if counter:
        yield f"var {counter}: 0..{max(map(len, chosen.values()))};"
    yield "begin"
    for variable in writer.schema.protocol.variables.values():
        if variable not in free:
            yield from _initially(writer, variable)
        elif counter and _is_symmetric(variable):
            yield from _dealt_out(writer, variable, chosen[variable.name], counter)
        else:
            for key, name in zip(writer.schema.keys(variable), chosen[variable.name], strict=True):
                yield f"  {writer.variables[variable.name]}{writer.at(variable, key)} := {name};"
    for assumption in writer.schema.protocol.assumptions:
        yield f"  assume {writer.expression(assumption, writer.top)};"
    yield "endstartstate;"
    if free:
        yield "endruleset;"


def _cell_name(writer: Writer, variable: Variable, key: tuple[int, ...]) -> str:
    return "_".join([variable.name, *map(writer.constant, variable.domain, key)])


def _is_symmetric(variable: Variable) -> bool:
    return any(isinstance(sort, Index) and not sort.ordered for sort in variable.domain)


def _initially(writer: Writer, variable: Variable) -> Iterator[str]:
    loops, place = _everywhere(writer, variable)
    if variable.partial or variable.initially is None:
        statement = f"undefine {place};"
    else:
        statement = f"{place} := {writer.constant(variable.sort, variable.initially)};"
    yield "  " + _looped(loops, statement)


def _dealt_out(writer: Writer, variable: Variable, chosen: list[str], counter: str) -> Iterator[str]:
    """The elements of a scalarset have no names, so the chosen values are dealt out to its places one after the other."""
    loops, place = _everywhere(writer, variable)
    cases = (f"case {number}: {place} := {name};" for number, name in enumerate(chosen, 1))
    yield f"  {counter} := 0;"
    yield "  " + _looped(loops, f"{counter} := {counter} + 1; switch {counter} {' '.join(cases)} endswitch;")


def _everywhere(writer: Writer, variable: Variable) -> tuple[list[str], str]:
    """The heads of loops over a variable's domain, and the place that their bodies speak of."""
    names = writer.top.fresh()
    indices = [names.new("i") for _ in variable.domain]
    heads = [f"for {writer.ranging(at, sort)} do" for at, sort in zip(indices, variable.domain, strict=True)]
    return heads, writer.variables[variable.name] + writer.subscript(variable, indices)


def _looped(loops: list[str], statement: str) -> str:
    return " ".join([*loops, statement, *("endfor;" for _ in loops)])


def _rule(writer: Writer, action: Action) -> Iterator[str]:
    scope = writer.top.bind(*action.parameters)
    yield from comment(story_of(action), "--")
    if action.parameters:
        yield f"ruleset {'; '.join(writer.binders(action.parameters, scope))} do"
    yield f'rule "{action.name}"'
    guards = [writer.expression(guard, scope, 3) for guard in action.guards] or ["true"]
    yield "\n".join(f"  {'& ' if position else ''}{guard}" for position, guard in enumerate(guards))
    yield "==>"
    yield from _body(writer, action, scope)
    yield "endrule;"
    if action.parameters:
        yield "endruleset;"
    yield ""


def _body(writer: Writer, action: Action, scope: Scope) -> Iterator[str]:
    copied = overwritten(action.updates)
    inner = scope.copy(copied)
    if copied:
        yield "var"
        yield from (f"  {inner.old[v.name]}: {writer.variable_type(v)};" for v in copied)
    yield "begin"
    for condition in once(action.updates):
        yield f'  assert {writer.expression(condition, scope)} "no place is written twice";'
    for variable in copied:
        copy = f"{inner.old[variable.name]} := {writer.variables[variable.name]};"
        scalar = variable.partial and not variable.domain
        yield f"  if !isundefined({writer.variables[variable.name]}) then {copy} endif;" if scalar else f"  {copy}"
    for update in action.updates:
        yield f"  {_update(writer, update, inner)}"


def _update(writer: Writer, update: Update, scope: Scope) -> str:
    inner = scope.bind(*update.binders)
    place = writer.place(update.variable, update.indices, inner)
    loops = [f"for {binder} do" for binder in writer.binders(update.binders, inner)]
    if update.value is None:
        return _looped(loops, f"undefine {place};")
    return _looped(loops, f"{place} := {writer.expression(update.value, inner)};")


def _deadlock(writer: Writer) -> Iterator[str]:
    protocol = writer.schema.protocol
    if deadlock.check(protocol) is Check.INVARIANT:
        yield "-- Where no rule can fire, the protocol may stop."
        yield f'invariant "{deadlock.NAME}" {writer.expression(deadlock.goes_on(protocol), writer.top)};'


def _property(writer: Writer, property_: Property) -> Iterator[str]:
    yield from comment(story_of(property_), "--")
    name, condition = property_.name, writer.expression(property_.condition, writer.top)
    match property_.kind:
        case PropertyKind.ALWAYS | PropertyKind.LEMMA:
            yield f'invariant "{name}" {condition};'
        case PropertyKind.NEVER:
            yield f'invariant "{name}" !({condition});'
        case PropertyKind.REACHABLE:
            yield f'cover "{name}" {condition};'
        case PropertyKind.LEADS_TO:
            assert property_.conclusion is not None
            conclusion = writer.expression(property_.conclusion, writer.top)
            yield f"-- {name}: not expressible in Murphi"
            yield from comment(f"{condition} leads to {conclusion}, if fair: {', '.join(property_.fair)}", "--")
    yield ""
