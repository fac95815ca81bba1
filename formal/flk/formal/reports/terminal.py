"""An exploration in the terminal."""

from collections.abc import Iterator

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flk.formal.explicit.explore import CUT, DEADLOCK, Explored, Finding, Path
from flk.formal.explicit.interpreter import Interpreter
from flk.formal.explicit.schema import Schema
from flk.formal.language.properties import Property, PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.language.text import text
from flk.formal.reports.changes import ending, rows
from flk.formal.reports.columns import folding, whole
from flk.formal.reports.lanes import lane_sort
from flk.formal.reports.plain import beginning, diagram
from flk.formal.reports.reason import reason
from flk.formal.reports.statistics import figures, sparkline
from flk.spec.verdict import Verdict

UNCLAIMED = "Wherever the protocol may not stop, some action can happen."


def rendered(
    schema: Schema, found: Explored, *, first: str = "", lanes: str | None = None, verbose: bool = False
) -> RenderableType:
    """Figures, verdicts, and a counterexample: that of the property `first`, or the shortest; all, and witnesses, if `verbose`.

    `lanes` names the sort of the sequence diagrams, empty for the usual one; None leaves diagrams out.
    """
    parts: list[RenderableType] = [_head(schema, found), _figures(found), _verdicts(schema, found)]
    broken = violations(found, first)
    shown = broken if verbose else broken[:1]
    parts += [part for finding in shown for part in counterexample(schema, finding, lanes=lanes)]
    if left := [finding.property for finding in broken if finding not in shown and finding.path]:
        parts.append(Text(f"-v shows how {', '.join(left)} {'is' if len(left) == 1 else 'are'} violated, too"))
    witnesses = [f for f in found.findings if f.verdict is Verdict.HOLDS and f.path] if verbose else []
    parts += [part for finding in witnesses for part in counterexample(schema, finding, lanes=lanes)]
    return Group(*parts)


def violations(found: Explored, first: str = "") -> list[Finding]:
    """A fault, then what is violated: the property `first`, then those with the shortest paths, lemmas last."""

    def order(finding: Finding) -> tuple[bool, bool, bool, int]:
        steps = len(finding.path.moves) if finding.path else 0
        return finding.property != first, finding.kind is PropertyKind.LEMMA, finding.path is None, steps

    broken = [finding for finding in found.judged if finding.verdict is Verdict.VIOLATED]
    return ([found.fault] if found.fault else []) + sorted(broken, key=order)


def counterexample(schema: Schema, finding: Finding, *, lanes: str | None = None) -> list[RenderableType]:
    """What is violated and why, the table of changes, and the sequence diagram."""
    if finding.path is None:
        return []
    property_ = schema.protocol.properties.get(finding.property)
    parts: list[RenderableType] = [Text(f"\n{title(finding)}", "bold")]
    parts += [Padding(Text(line), (0, 0, 0, 2)) for line in why(schema, finding.path, property_)]
    parts += [Padding(Text(finding.note, "red"), (0, 0, 0, 2))] if finding.note else []
    parts.append(changes(schema, finding.path))
    if lanes is not None and len(finding.path.moves) > 1:
        drawn = diagram(schema, finding.path, lane_sort(schema.protocol, lanes))
        parts.append(Padding(Text("\n".join(drawn), no_wrap=True), (0, 0, 1, 2)))
    return parts


def title(finding: Finding) -> str:
    """What a path shows."""
    assert finding.path is not None
    steps = len(finding.path.moves) - 1
    after = f"after {steps} step{'s' * (steps != 1)}" if steps else "at first"
    if not finding.property:
        return f"a fault, {after}"
    if finding.property == DEADLOCK:
        return f"a deadlock, {after}"
    if finding.verdict is Verdict.HOLDS:
        return f"{finding.property} is reached {after}"
    return f"{finding.property} is violated" + (", for ever" if finding.path.loop is not None else f" {after}")


def story_of(protocol: Protocol, finding: Finding) -> str:
    """What a finding is about: the author's words, or ours for what nobody has to claim."""
    if finding.property in protocol.properties:
        return protocol.properties[finding.property].story
    return UNCLAIMED if finding.property == DEADLOCK else "Some reachable state allows the action."


def why(schema: Schema, path: Path, property_: Property | None) -> Iterator[str]:
    """The author's words, and what settles the matter in the last state."""
    if property_ is None:
        return
    yield property_.story + (f" ({', '.join(property_.requirements)})" if property_.requirements else "")
    if property_.kind is PropertyKind.LEADS_TO and property_.conclusion is not None:
        fair = f", though {', '.join(property_.fair)} {'are' if len(property_.fair) > 1 else 'is'} fair" * bool(
            property_.fair
        )
        yield f"premise: {text(property_.condition)}"
        yield f"it never comes to: {text(property_.conclusion)}{fair}"
        return
    settled = reason(Interpreter(schema), property_.condition, path.moves[-1].state)
    if settled.given:
        yield f"for {', '.join(settled.given)}"
    yield f"{'true' if settled.holds else 'false'}: {settled.part}"
    if settled.cells:
        yield f"as {', '.join(settled.cells)}"


def changes(schema: Schema, path: Path) -> Table:
    """The table of changes."""
    grid = Table(whole("step", right=True), folding("action"), folding("changes"), box=SIMPLE)
    grid.add_row("0", Text("initially", "italic"), Text("\n".join(beginning(schema, path))))
    for row in rows(schema, path):
        changed = Text("\n").join(
            Text.assemble(f"{c.cell}: ", (c.before, "dim"), " → ", (c.after, "bold")) for c in row.changes
        )
        grid.add_row(f"{'↻ ' * row.again}{row.number}", Text(row.shown), changed)
    if again := ending(path):
        grid.add_row("↻", Text(again, "italic"), "")
    return grid


def _head(schema: Schema, found: Explored) -> Text:
    sizes = ", ".join(f"{name} {size}" for name, size in found.sizes.items())
    verdict = f"{found.verdict.sign} {found.verdict}"
    head = Text.assemble((found.protocol, "bold"), f"  {sizes}  " if sizes else "  ", (verdict, found.verdict.style))
    return head.append(f"\n{schema.protocol.story}\n")


def _figures(found: Explored) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value in figures(found):
        grid.add_row(Text(name, "dim"), value)
    grid.add_row(Text("layers", "dim"), sparkline(found.layers))
    return grid


def _verdicts(schema: Schema, found: Explored) -> RenderableType:
    caption = [] if found.findings else ["no properties: nothing else is claimed"]
    grid = Table("", whole("property"), whole("kind"), whole("steps"), folding(""), box=SIMPLE)
    for finding in found.judged:
        steps = str(len(finding.path.moves) - 1) if finding.path else ""
        said = story_of(schema.protocol, finding)
        said += f" ({finding.note})" if finding.note and finding.note != CUT else ""
        sign = Text(finding.verdict.sign, finding.verdict.style)
        grid.add_row(sign, Text(finding.property), finding.kind.replace("_", " "), steps, Text(said))
    caption += [f"?: {CUT}"] * any(finding.note == CUT for finding in found.judged)
    grid.caption, grid.caption_justify = "\n".join(caption) or None, "left"
    return grid
