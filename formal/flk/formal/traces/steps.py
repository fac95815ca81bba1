"""Actions as compiled functions: take a step, or list the ways to take it where parameters are not given."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from flk.formal.language.action import Action, Update
from flk.formal.language.nodes import (
    Choice,
    Compared,
    Defined,
    Joined,
    Junction,
    Local,
    Node,
    Not,
    Quantified,
    Read,
    Relation,
    children,
)
from flk.formal.language.sorts import BOOL, Bounded, Index
from flk.formal.traces.cells import Cells
from flk.formal.traces.emit import Emitter
from flk.formal.traces.values import Element, Key, parts_of

Arguments: TypeAlias = tuple[Element, ...]

Need: TypeAlias = tuple[Cells, Key | None]
"""A cell, or any of a variable."""

TAKEN = -1
"""What a step returns that was taken; any other number is the position of the first guard conjunct that is false."""


class Steps:
    """One action, ready to be taken.

    `run(*arguments)` takes the step and returns TAKEN, or changes nothing and returns which guard conjunct is false. It raises
    Fault where the step has no meaning, Unbound where it reads what is not known, and then changes nothing either.
    `refusal(*arguments)` only says what `run` would return.
    """

    def __init__(self, action: Action, emitter: Emitter) -> None:
        self.action = action
        self.positions = {local.name: at for at, local in enumerate(action.parameters)}
        self._updates: dict[str, list[Update]] = {}
        for update in action.updates:
            self._updates.setdefault(update.variable.name, []).append(update)
        self._emitter = emitter
        self._names = {local.name: f"a{at}" for at, local in enumerate(action.parameters)}
        self.run: Callable[..., int] = self._compile_run()
        self._apply: Callable[..., int] | None = None
        self.refusal: Callable[..., int] = self._compile_refusal()
        self._candidates: dict[tuple[bool, ...], Callable[..., Iterator[Arguments]]] = {}
        self._needs: dict[tuple[bool, ...], Callable[..., Sequence[Need] | None]] = {}

    def apply(self, *arguments: Element) -> None:
        """Take the step with arguments that `candidates` gave, whose guards hold."""
        if self._apply is None:
            self._apply = self._compile_run(guarded=False)
        self._apply(*arguments)

    def candidates(self, arguments: Sequence[Element | None]) -> Iterator[Arguments]:
        """All ways to fill in the arguments that are None such that the guards hold. Raises Unbound."""
        given = tuple([argument is not None for argument in arguments])
        compiled = self._candidates.get(given)
        if compiled is None:
            compiled = self._candidates[given] = self._compile_candidates(given)
        return compiled(*[argument for argument in arguments if argument is not None])

    def needs(self, arguments: Sequence[Element | None]) -> Sequence[Need] | None:
        """What one step before this one has to write if that makes it possible: some cell that a guard reads which is false now,
        and says so whatever the arguments are that are None. None if there is no such guard. Raises Fault, Unbound.
        """
        given = tuple([argument is not None for argument in arguments])
        compiled = self._needs.get(given)
        if compiled is None:
            compiled = self._needs[given] = self._compile_needs(given)
        return compiled(*[argument for argument in arguments if argument is not None])

    def writers(self, need: Need) -> list[tuple[Element | None, ...]]:
        """The arguments, None where they may be any, with which this step may write what is needed."""
        cells, key = need
        updates = self._updates.get(cells.variable.name)
        return [self._writer(update, key) for update in updates] if updates else []

    def _writer(self, update: Update, key: Key | None) -> tuple[Element | None, ...]:
        filled: list[Element | None] = [None] * len(self.positions)
        if key is not None:
            for index, part in zip(update.indices, parts_of(update.variable, key), strict=True):
                if isinstance(index, Local) and index.name in self.positions:
                    filled[self.positions[index.name]] = part
        return tuple(filled)

    def _compile_needs(self, given: tuple[bool, ...]) -> Callable[..., Sequence[Need] | None]:
        emit, names = self._emitter, self._names
        known = {local for local, has in zip(self.action.parameters, given, strict=True) if has}
        lines = [f"def needs({', '.join(names[local.name] for local in self.action.parameters if local in known)}):"]
        for guard in self.action.guards:
            if _locals(guard) <= known:
                read = (
                    f"(c_{node.variable.name}, {emit.key(node.variable, node.indices, names) if node.indices else '()'})"
                    if _locals(node) <= known
                    else f"(c_{node.variable.name}, None)"
                    for node in dict.fromkeys(_reads(guard))
                )
                lines.append(
                    f"    if not {emit.expression(guard, names)}: return ({''.join(f'{each}, ' for each in read)})"
                )
        lines.append("    return None")
        compiled: Callable[..., Sequence[Need] | None] = emit.compile("\n".join(lines), "needs")
        return compiled

    def _compile_run(self, *, guarded: bool = True) -> Callable[..., int]:
        emit, names = self._emitter, self._names
        lines = self._guarded("run", self.action.guards if guarded else ())
        written = [update.variable.name for update in self.action.updates]
        repeated = {name for name in written if written.count(name) > 1}
        writes = []
        for number, update in enumerate(self.action.updates):
            if update.binders:
                lines += self._listed(number, update, whole=update.variable.name in repeated)
                writes.append((f"for k{number}, v{number} in w{number}:", update.variable.name, number))
            else:
                value = "None" if update.value is None else emit.bounded(update.variable, update.value, names)
                lines.append(f"    k{number} = {emit.key(update.variable, update.indices, names)}; v{number} = {value}")
                writes.append(("", update.variable.name, number))
        lines += self._once(repeated)
        for loop, name, number in writes:
            indent = "    "
            lines.append(f"{indent}c = c_{name}")
            if loop:
                lines.append(f"{indent}{loop}")
                indent += "    "
            lines.append(f"{indent}note((c, k{number}, c.get(k{number}, ABSENT))); c[k{number}] = v{number}")
            lines.append(f"{indent}for touch in c.touches: touch(k{number})")
        lines.append(f"    return {TAKEN}")
        run: Callable[..., int] = emit.compile("\n".join(lines), "run")
        return run

    def _compile_refusal(self) -> Callable[..., int]:
        source = "\n".join([*self._guarded("refusal", self.action.guards), f"    return {TAKEN}"])
        refusal: Callable[..., int] = self._emitter.compile(source, "refusal")
        return refusal

    def _guarded(self, name: str, guards: Sequence[Node]) -> list[str]:
        tests = (f"    if not {self._emitter.expression(guard, self._names)}: return" for guard in guards)
        return [
            f"def {name}({', '.join(self._names.values())}):",
            *(f"{test} {position}" for position, test in enumerate(tests)),
        ]

    def _listed(self, number: int, update: Update, *, whole: bool) -> list[str]:
        """Source that lists the writes of an update at many keys, leaving out those that change nothing where it can."""
        emit, names = self._emitter, dict(self._names)
        changes, value = (None, update.value) if whole else _changes(update)
        lines, indent = [f"    w{number} = []"], "    "
        solved = None if changes is None or len(update.binders) != 1 else _solve(changes, update.binders[0])
        names |= {local.name: emit.fresh("b") for local in update.binders}
        if solved is not None:
            before, point = solved
            if before:
                lines.append(f"{indent}if {' and '.join(emit.expression(part, names) for part in before)}:")
                indent += "    "
            lines.append(f"{indent}{names[update.binders[0].name]} = {emit.expression(point, names)}")
        else:
            for local in update.binders:
                lines.append(f"{indent}for {names[local.name]} in {emit.values(local.sort)}:")
                indent += "    "
        if changes is not None:
            lines.append(f"{indent}if {emit.expression(changes, names)}:")
            indent += "    "
        shown = "None" if value is None else emit.bounded(update.variable, value, names)
        lines.append(f"{indent}w{number}.append(({emit.key(update.variable, update.indices, names)}, {shown}))")
        return lines

    def _once(self, repeated: set[str]) -> list[str]:
        """Source that refuses to write one cell twice."""
        lines = []
        for name in sorted(repeated):
            keys = [
                f"*(k for k, _ in w{number})" if update.binders else f"k{number}"
                for number, update in enumerate(self.action.updates)
                if update.variable.name == name
            ]
            lines.append(f"    keys = [{', '.join(keys)}]")
            lines.append(f"    if len(set(keys)) < len(keys): raise Fault('{name} is written twice in one step')")
        return lines

    def _compile_candidates(self, given: tuple[bool, ...]) -> Callable[..., Iterator[Arguments]]:
        """Nested loops over the other parameters: each guard is tested as soon as it can be, in the author's order, and one
        that equates a parameter with what is known names its value.
        """
        emit, names = self._emitter, self._names
        parameters = self.action.parameters
        known = {local for local, has in zip(parameters, given, strict=True) if has}
        lines = [f"def candidates({', '.join(names[local.name] for local in parameters if local in known)}):"]
        indent, leave, guards = "    ", "return", list(self.action.guards)
        while guards or len(known) < len(parameters):
            if guards and not (unknown := [local for local in parameters if local in _locals(guards[0]) - known]):
                lines += _test(emit, guards.pop(0), names, indent, leave)
                continue
            missing = unknown if guards else [local for local in parameters if local not in known]
            local, point = missing[0], None
            for each in missing if guards else ():
                if (found := _equated(guards[0], each)) is not None and not _locals(found) - known:
                    local, point = each, found
            loop = emit.loop(local, guards, known, names) if point is None else ""
            known.add(local)
            if point is None:
                lines.append(f"{indent}{loop}")
                indent, leave = indent + "    ", "continue"
            else:
                lines += _assign(emit, names[local.name], local, point, names, indent, leave)
        lines.append(f"{indent}yield ({''.join(f'{name}, ' for name in names.values())})")
        compiled: Callable[..., Iterator[Arguments]] = emit.compile("\n".join(lines), "candidates")
        return compiled


def _test(emit: Emitter, guard: Node, names: dict[str, str], indent: str, leave: str) -> list[str]:
    source = emit.expression(guard, names)
    if not emit.may_fail(guard):
        return [f"{indent}if not {source}: {leave}"]
    return [f"{indent}try:", f"{indent}    if not {source}: {leave}", f"{indent}except Fault: {leave}"]


def _assign(
    emit: Emitter, name: str, local: Local, point: Node, names: dict[str, str], indent: str, leave: str
) -> list[str]:
    lines = [f"{indent}try: {name} = {emit.expression(point, names)}", f"{indent}except Fault: {leave}"]
    if isinstance(local.sort, Bounded):
        lines.append(f"{indent}if {name} not in {emit.values(local.sort)}: {leave}")
    return lines


def _changes(update: Update) -> tuple[Node | None, Node | None]:
    """Where an update writes another value than is there, as far as it says so (None: it may be everywhere), and which."""
    match update.value:
        case Choice(_, condition, then, Read(variable, indices)) if (variable, indices) == _own(update):
            return condition, then
        case Choice(_, condition, Read(variable, indices), other) if (variable, indices) == _own(update):
            return Not(BOOL, condition), other
        case Joined(_, Junction.OR, (Read(variable, indices), *rest)) if (variable, indices) == _own(update):
            return (rest[0] if len(rest) == 1 else Joined(BOOL, Junction.OR, tuple(rest))), update.value
    return None, update.value


def _own(update: Update) -> tuple[object, object]:
    return update.variable, update.indices


def _solve(condition: Node, local: Local) -> tuple[tuple[Node, ...], Node] | None:
    """If the condition can hold for one element alone: what is to be tested before it is known, and which one it is."""
    if not isinstance(local.sort, Index):
        return None
    parts = condition.parts if isinstance(condition, Joined) and condition.junction is Junction.AND else (condition,)
    for at, part in enumerate(parts):
        point = _equated(part, local)
        if point is not None and local not in _locals(point):
            return parts[:at], point
        if local in _locals(part):
            return None
    return None


def _equated(node: Node, local: Local) -> Node | None:
    """The other side, if the node equates the local with something."""
    match node:
        case Compared(_, Relation.EQUAL, left, right) if left == local:
            return right
        case Compared(_, Relation.EQUAL, left, right) if right == local:
            return left
    return None


def _reads(node: Node) -> Iterator[Read | Defined]:
    if isinstance(node, Read | Defined):
        yield node
    for child in children(node):
        yield from _reads(child)


def _locals(node: Node) -> set[Local]:
    if isinstance(node, Local):
        return {node}
    found = {local for child in children(node) for local in _locals(child)}
    return found - {node.local} if isinstance(node, Quantified) else found
