"""Protocols in Promela, for Spin: one process that repeats the actions, and a monitor that looks on.

An instance is one deterministic step (`d_step`), so that the states Spin stores are the protocol's, and where values may begin
anywhere one more: the state before the choice. (Without -o2 Spin forgets what is written and never read.) The monitor takes a step
only in a state that violates an invariant, and adds none. An end of the process is invalid unless the protocol says that it may
stop; then the monitor looks at it (`timeout` is true where nothing else can happen). `leads_to` is left as a comment: its fairness
is that of each instance, and Spin's is that of a process.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from flk.formal.explicit.interpreter import Interpreter
from flk.formal.explicit.schema import Schema
from flk.formal.exports import deadlock
from flk.formal.exports.comments import comment, head, story_of
from flk.formal.exports.deadlock import Check
from flk.formal.exports.definedness import facts, obligations, within
from flk.formal.exports.promela_expressions import Writer
from flk.formal.exports.scope import Scope
from flk.formal.exports.unrolling import joined
from flk.formal.exports.updates import once, overwritten
from flk.formal.language.action import Action, Update
from flk.formal.language.nodes import Constant, Joined, Junction, Node
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import BOOL
from flk.formal.language.variables import Variable

INLINE = 4000
"""Characters of an action beyond which Spin refuses it as an `inline`; the C preprocessor takes it at any length."""
COMMANDS = ("spin -o2 -a MODEL.pml && cc -O3 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -m1000000",)


def export(protocol: Protocol, sizes: Mapping[str, int] | None = None) -> str:
    """The protocol at some sizes. Raises UnusableInput for sizes that it does not have."""
    schema = Schema.of(protocol, sizes)
    writer = Writer(schema)
    copied = {v.name: v for action in protocol.actions.values() for v in overwritten(action.updates)}
    old = {name: writer.names.new(f"old_{name}") for name in copied}
    actions = {name: writer.names.new(name) for name in protocol.actions}
    properties = {name: writer.names.new(name) for name in protocol.properties}
    parts = [
        head(schema, "//", *COMMANDS),
        _constants(writer),
        [line for variable in protocol.variables.values() for line in _variable(writer, variable)],
        [line for variable in copied.values() for line in _copy(writer, variable, old[variable.name])],
        [line for action in protocol.actions.values() for line in _action(writer, action, actions[action.name], old)],
        _process(writer, actions),
        [line for each in protocol.properties.values() for line in _definition(writer, each, properties[each.name])],
        _monitor(writer, properties),
    ]
    return "\n".join("\n".join(part).rstrip() + "\n" for part in parts if part)


def extra_states(protocol: Protocol) -> int:
    """How many states Spin stores besides the protocol's own: the one before the initial values are chosen, if any are."""
    return int(any(_is_free(variable) for variable in protocol.variables.values()))


def _is_free(variable: Variable) -> bool:
    return variable.initially is None and not variable.partial


def _constants(writer: Writer) -> list[str]:
    lines = [f"#define {name} {value}" for (_, value), name in writer.constants.items()]
    partial = {writer.undefined(v) for v in writer.schema.protocol.variables.values() if v.partial}
    values = {"UNDEFINED": "255", "UNDEFINED_INT": "(-2147483647)"}
    return lines + [f"#define {name} {values[name]}" for name in sorted(partial)]


def _variable(writer: Writer, variable: Variable) -> Iterator[str]:
    cells = writer.cells[variable.name]
    if access := writer.access(variable, cells):
        yield f"#define {writer.variables[variable.name]}{access}"
    size = f"[{writer.size(variable)}]" if variable.domain else ""
    if variable.partial:
        initially = f" = {writer.undefined(variable)}"
    elif variable.initially is None:
        initially = ""
    else:
        initially = f" = {writer.constant(variable.sort, variable.initially)}"
    yield f"{writer.type(variable)} {cells}{size}{initially};"


def _copy(writer: Writer, variable: Variable, name: str) -> Iterator[str]:
    """A place for old values; `hidden` keeps it out of the state. Spin hides no bits, so truths take a byte."""
    cells = f"{name}_cells" if writer.access(variable, "") else name
    if access := writer.access(variable, cells):
        yield f"#define {name}{access}"
    size = f"[{writer.size(variable)}]" if variable.domain else ""
    yield f"hidden {writer.type(variable).replace('bool', 'byte')} {cells}{size};"


def _action(writer: Writer, action: Action, name: str, old: Mapping[str, str]) -> Iterator[str]:
    scope = writer.top.bind(*action.parameters)
    guard = writer.unrolled(Joined(BOOL, Junction.AND, action.guards), {})
    assert isinstance(guard, Joined)
    needs = obligations(guard, writer.schema.values)
    elements = list(_elements(writer, action.updates))
    later = [need for update in elements for need in _update_needs(writer, update, guard)]
    later += [writer.unrolled(condition, {}) for condition in once(action.updates)]
    condition = writer.expression(guard, scope) if action.guards else "true"
    if needs:
        condition = f"!({writer.expression(joined(Junction.AND, list(needs)), scope)}) || {condition}"
    copied = overwritten(action.updates)
    statements = [f"assert({writer.expression(need, scope)})" for need in dict.fromkeys((*needs, *later))]
    statements += [line for variable in copied for line in _copying(writer, variable, old[variable.name])]
    inner = scope.reading({variable.name: old[variable.name] for variable in copied})
    statements += [_assignment(writer, update, inner) for update in elements]
    yield from comment(story_of(action), "//")
    head = f"{name}({', '.join(scope.locals.values())})"
    body = ["  d_step {", f"    {condition} ->", *_listed(statements or ["skip"]), "  }"]
    if sum(map(len, body)) < INLINE:
        yield from [f"inline {head} {{", *body, "}", ""]
    else:
        yield " \\\n".join([f"#define {head}", *body])
        yield ""


def _listed(statements: Sequence[str]) -> list[str]:
    """A statement to a line, with what separates them."""
    return [f"    {statement};" for statement in statements[:-1]] + [f"    {statements[-1]}"]


def _elements(writer: Writer, updates: Sequence[Update]) -> Iterator[Update]:
    """The updates with their binders written out."""
    for update in updates:
        for values in product(*(writer.schema.values(local.sort) for local in update.binders)):
            env = {x.name: Constant(x.sort, value) for x, value in zip(update.binders, values, strict=True)}
            indices = tuple(writer.unrolled(index, env) for index in update.indices)
            value = None if update.value is None else writer.unrolled(update.value, env)
            yield Update(update.variable, indices, (), value)


def _update_needs(writer: Writer, update: Update, guard: Node) -> Iterator[Node]:
    """That the update is defined where the guard holds: its indices and its value exist, and lie in their sorts."""
    values, known = writer.schema.values, facts(guard)
    for node, sort in zip(update.indices, update.variable.domain, strict=True):
        yield from obligations(node, values, known)
        yield from within(node, sort, values)
    if update.value is not None:
        yield from obligations(update.value, values, known)
        yield from within(update.value, update.variable.sort, values)


def _copying(writer: Writer, variable: Variable, copy: str) -> Iterator[str]:
    for at in (writer.at(variable, key) for key in writer.schema.keys(variable)):
        yield f"{copy}{at} = {writer.variables[variable.name]}{at}"


def _assignment(writer: Writer, update: Update, scope: Scope) -> str:
    place = writer.place(update.variable, update.indices, scope)
    nothing = writer.undefined(update.variable)
    return f"{place} = {nothing if update.value is None else writer.expression(update.value, scope)}"


def _process(writer: Writer, actions: Mapping[str, str]) -> list[str]:
    schema = writer.schema
    free = [position for position, cell in enumerate(schema.cells) if _is_free(cell.variable)]
    lines = ["active proctype protocol() {"]
    if free:
        lines += ["  if", *(_beginning(writer, state, free) for state in Interpreter(schema).initial_states()), "  fi;"]
        lines.insert(0, "bool begun;\n")
    lines.append("  do" if deadlock.check(schema.protocol) is Check.TOOL else "end: do")
    for instance in schema.instances:
        arguments = zip(instance.action.parameters, instance.arguments, strict=True)
        lines.append(
            f"  :: {actions[instance.action.name]}({', '.join(writer.constant(p.sort, v) for p, v in arguments)})"
        )
    return [*lines, "  od", "}"]


def _beginning(writer: Writer, state: Sequence[int], free: Sequence[int]) -> str:
    """One initial state, of those that differ in the free cells."""
    statements = []
    for position in free:
        cell = writer.schema.cells[position]
        variable, value = cell.variable, cell.decode(state[position])
        assert value is not None
        place = writer.variables[variable.name] + writer.at(variable, cell.key)
        statements.append(f"{place} = {writer.constant(variable.sort, value)}")
    return f"  :: d_step {{ {'; '.join(statements)}; begun = true }}"


def _definition(writer: Writer, property_: Property, name: str) -> Iterator[str]:
    yield from comment(story_of(property_), "//")
    condition = _meaningful(writer, property_.condition)
    if property_.conclusion is None:
        yield f"#define {name} ({condition})"
    else:
        yield f"// {name}: each state of the first is to be followed by one of the second; not expressible with the fairness meant"
        yield from comment(f"{condition} leads to {_meaningful(writer, property_.conclusion)}", "//")
        yield f"// if fair: {', '.join(property_.fair)}"
    yield ""


def _meaningful(writer: Writer, node: Node) -> str:
    """A condition that is false where it has no value."""
    tree = writer.unrolled(node, {})
    return writer.expression(joined(Junction.AND, [*obligations(tree, writer.schema.values), tree]), writer.top)


def _monitor(writer: Writer, names: Mapping[str, str]) -> list[str]:
    begun = "begun && " if extra_states(writer.schema.protocol) else ""
    flags, options = [], []
    for property_ in writer.schema.protocol.properties.values():
        name = names[property_.name]
        wrong = name if property_.kind in {PropertyKind.NEVER, PropertyKind.REACHABLE} else f"!{name}"
        if property_.kind is PropertyKind.LEADS_TO:
            continue
        flag = f"{'reaches' if property_.kind is PropertyKind.REACHABLE else 'violates'}_{name}"
        lines = [f"  :: d_step {{ {begun}{wrong} -> {flag} = true; assert(!{flag}) }}"]
        if property_.kind is PropertyKind.REACHABLE:
            lines = [f"#ifdef REACH_{name} // spin -DREACH_{name} finds a witness", *lines, "#endif"]
        flags.append(f"bool {flag};")
        options += lines
    if deadlock.check(writer.schema.protocol) is Check.INVARIANT:
        flag = f"violates_{writer.names.new(deadlock.NAME)}"
        end = _meaningful(writer, writer.schema.protocol.end)
        flags.append(f"bool {flag};")
        options.append(f"  :: d_step {{ {begun}timeout && !({end}) -> {flag} = true; assert(!{flag}) }}")
    if not options:
        return []
    return [
        *flags,
        "",
        "active proctype monitor() {",
        "end: do",
        "  :: false // the monitor never moves but here:",
        *options,
        "  od",
        "}",
    ]
