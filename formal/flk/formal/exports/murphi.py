"""Protocols in Murphi, for rumur: readable, and with the same distinct states and transitions that our own engines count.

Index sorts become subranges or, with `symmetric`, scalarsets, of which rumur keeps one state of each orbit. Where a partial
variable has no value, Murphi's has none either. `leads_to` has no counterpart, and is left as a comment. rumur's `assume` keeps
initial states to what the protocol assumes, so other Murphi tools take only protocols that assume nothing.
"""

from collections.abc import Iterator, Mapping
from itertools import product

from flk.formal.explicit.schema import Schema
from flk.formal.exports.comments import comment, story_of
from flk.formal.exports.murphi_expressions import Writer
from flk.formal.exports.updates import once, overwritten
from flk.formal.language.action import Action, Update
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Index
from flk.formal.language.variables import Variable


def export(protocol: Protocol, sizes: Mapping[str, int] | None = None, *, symmetric: bool = False) -> str:
    """The protocol at some sizes. Raises UnusableInput for sizes that it does not have."""
    schema = Schema.of(protocol, sizes)
    writer = Writer(schema, symmetric=symmetric)
    rules = [line for action in protocol.actions.values() for line in _rule(writer, action)]
    start = list(_start(writer))
    properties = [line for property_ in protocol.properties.values() for line in _property(writer, property_)]
    parts = [_head(schema), _types(writer), _variables(writer), writer.functions, start, rules, properties]
    return "\n".join("\n".join(part).rstrip() + "\n" for part in parts if part)


def _head(schema: Schema) -> list[str]:
    protocol = schema.protocol
    sizes = ", ".join(f"{name}={size}" for name, size in schema.size_of.items())
    return [
        f"-- {protocol.name}" + (f", at {sizes}" if sizes else ""),
        "--",
        *comment(protocol.story, "--"),
        "--",
        "-- rumur MODEL.m --output model.c --deadlock-detection off --value-type int32_t",
        "-- cc -O3 -march=native -pthread model.c && ./a.out",
    ]


def _types(writer: Writer) -> list[str]:
    lines = []
    for sort in writer.schema.protocol.sorts.values():
        if isinstance(sort, Index):
            lines.append(f"  {writer.types[sort.name]}: {_elements(writer, sort)};")
        else:
            members = ", ".join(writer.members[sort.name, value] for value in range(len(sort.members)))
            lines.append(f"  {writer.types[sort.name]}: enum {{ {members} }};")
    return ["type", *lines] if lines else []


def _elements(writer: Writer, sort: Index) -> str:
    size = writer.schema.size_of[sort.name]
    return f"scalarset({size})" if writer.symmetric and not sort.ordered else f"1..{size}"


def _variables(writer: Writer) -> list[str]:
    variables = writer.schema.protocol.variables.values()
    return ["var", *(f"  {writer.variables[v.name]}: {writer.variable_type(v)};" for v in variables)]


def _start(writer: Writer) -> Iterator[str]:
    """The initial states: a ruleset chooses each value that may be anything."""
    scope = writer.names.within()
    free = [v for v in writer.schema.protocol.variables.values() if v.initially is None and not v.partial]
    chosen = {v.name: [scope.new(_cell_name(writer, v, key)) for key in _keys(writer, v)] for v in free}
    if free:
        choices = (f"{name}: {writer.sort(v.sort)}" for v in free for name in chosen[v.name])
        yield f"ruleset {'; '.join(choices)} do"
    counter = scope.new("place") if writer.symmetric and any(_is_symmetric(v) for v in free) else ""
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
            for key, name in zip(_keys(writer, variable), chosen[variable.name], strict=True):
                at = "".join(f"[{writer.constant(s, v)}]" for s, v in zip(variable.domain, key, strict=True))
                yield f"  {writer.variables[variable.name]}{at} := {name};"
    for assumption in writer.schema.protocol.assumptions:
        yield f"  assume {writer.expression(assumption, {}, {})};"
    yield "endstartstate;"
    if free:
        yield "endruleset;"


def _keys(writer: Writer, variable: Variable) -> Iterator[tuple[int, ...]]:
    return product(*map(writer.schema.values, variable.domain))


def _cell_name(writer: Writer, variable: Variable, key: tuple[int, ...]) -> str:
    return "_".join([variable.name, *(writer.constant(s, v) for s, v in zip(variable.domain, key, strict=True))])


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
    scope = writer.names.within()
    names = [scope.new("i") for _ in variable.domain]
    heads = [f"for {name}: {writer.sort(sort)} do" for name, sort in zip(names, variable.domain, strict=True)]
    return heads, writer.variables[variable.name] + "".join(f"[{name}]" for name in names)


def _looped(loops: list[str], statement: str) -> str:
    return " ".join([*loops, statement, *("endfor;" for _ in loops)])


def _rule(writer: Writer, action: Action) -> Iterator[str]:
    env = writer.names.within().locals(action.parameters)
    yield from comment(story_of(action), "--")
    if action.parameters:
        yield f"ruleset {'; '.join(f'{env[p.name]}: {writer.sort(p.sort)}' for p in action.parameters)} do"
    yield f'rule "{action.name}"'
    guards = [writer.expression(guard, env, {}, 3) for guard in action.guards] or ["true"]
    yield "\n".join(f"  {'& ' if position else ''}{guard}" for position, guard in enumerate(guards))
    yield "==>"
    yield from _body(writer, action, env)
    yield "endrule;"
    if action.parameters:
        yield "endruleset;"
    yield ""


def _body(writer: Writer, action: Action, env: Mapping[str, str]) -> Iterator[str]:
    scope = writer.scope(env)
    copied = overwritten(action.updates)
    old = {variable.name: scope.new(f"old_{variable.name}") for variable in copied}
    if copied:
        yield "var"
        yield from (f"  {old[v.name]}: {writer.variable_type(v)};" for v in copied)
    yield "begin"
    for condition in once(action.updates):
        yield f'  assert {writer.expression(condition, env, {})} "no place is written twice";'
    for variable in copied:
        copy = f"{old[variable.name]} := {writer.variables[variable.name]};"
        scalar = variable.partial and not variable.domain
        yield f"  if !isundefined({writer.variables[variable.name]}) then {copy} endif;" if scalar else f"  {copy}"
    for update in action.updates:
        yield f"  {_update(writer, update, env, old)}"


def _update(writer: Writer, update: Update, env: Mapping[str, str], old: Mapping[str, str]) -> str:
    inner = {**env, **writer.scope({**env, **old}).locals(update.binders)}
    indices = "".join(f"[{writer.expression(index, inner, old)}]" for index in update.indices)
    place = writer.variables[update.variable.name] + indices
    value = "" if update.value is None else writer.expression(update.value, inner, old)
    loops = [f"for {inner[local.name]}: {writer.sort(local.sort)} do" for local in update.binders]
    return _looped(loops, f"{place} := {value};" if value else f"undefine {place};")


def _property(writer: Writer, property_: Property) -> Iterator[str]:
    yield from comment(story_of(property_), "--")
    name, condition = property_.name, writer.expression(property_.condition, {}, {})
    match property_.kind:
        case PropertyKind.ALWAYS | PropertyKind.LEMMA:
            yield f'invariant "{name}" {condition};'
        case PropertyKind.NEVER:
            yield f'invariant "{name}" !({condition});'
        case PropertyKind.REACHABLE:
            yield f'cover "{name}" {condition};'
        case PropertyKind.LEADS_TO:
            assert property_.conclusion is not None
            conclusion = writer.expression(property_.conclusion, {}, {})
            yield f"-- {name}: not expressible in Murphi"
            yield from comment(f"{condition} leads to {conclusion}, if fair: {', '.join(property_.fair)}", "--")
    yield ""
