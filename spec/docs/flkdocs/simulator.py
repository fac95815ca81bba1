"""The library of scenarios, the faults, and what hypotheses can name."""

import inspect
from typing import get_args

from msgspec.structs import FieldInfo, fields

from flk.sim.checkers.invariants import Invariant
from flk.sim.scenarios.faults import (
    AuditLogFault,
    ClockFault,
    FaultBase,
    LinkFault,
    LoadFault,
    NodeFault,
    ObjectFault,
    PolicyFault,
    StoreFault,
)
from flk.sim.scenarios.files import library as texts
from flk.sim.scenarios.files import parse
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.vocabulary import COVERAGE_MARKS
from flk.spec.measures import MEASURES, Measure
from flkdocs.markdown import anchored, code, joined, literal, table

_GROUPS = {
    "Messages": LinkFault,
    "Machines": NodeFault,
    "Stores": StoreFault,
    "Objects": ObjectFault,
    "Clocks": ClockFault,
    "Senders": LoadFault,
    "Audit logs": AuditLogFault,
    "Policies": PolicyFault,
}


def library_table() -> str:
    """The scenarios of the library at a glance."""
    rows = [
        (f"[{name}](#{name})", len(each.regions), _faults_of(each) or "none", f"{each.duration / 60:g}")
        for name, each in _library().items()
    ]
    return table(["scenario", "regions", "faults", "minutes"], rows)


def library() -> str:
    """The scenarios of the library with their files."""
    return joined(
        joined(
            [
                f"## {name}",
                literal(each.description),
                code(f"flk run {name}", "sh"),
                _folded(f"{name}.toml", texts()[name]),
            ]
        )
        for name, each in _library().items()
    )


def _library() -> dict[str, Scenario]:
    return {name: parse(text, name) for name, text in sorted(texts().items())}


def _faults_of(scenario: Scenario) -> str:
    return ", ".join(f"[{kind}](faults.md#{kind})" for kind in dict.fromkeys(fault.kind for fault in scenario.faults))


def _folded(title: str, text: str) -> str:
    """A file that is shown when asked for."""
    inner = code(text, "toml").replace("\n", "\n    ")
    return f'??? example "{title}"\n\n    {inner}'


def faults() -> str:
    """Each kind of fault with its fields."""
    return joined(joined([f"## {title}", *map(_fault, get_args(group))]) for title, group in _GROUPS.items())


def _fault(kind: type[FaultBase]) -> str:
    name = kind.__struct_config__.tag
    own = [_field(field) for field in fields(kind) if field.name not in FaultBase.__struct_fields__]
    return joined(
        [
            f"### `{name}` {{ #{name} }}",
            inspect.getdoc(kind) or "",
            f"Shrinking weakens `{kind.severity}` towards {kind.harmless:g}." if kind.severity else "",
            table(["field", "type", "default"], own) if own else "No further fields.",
        ]
    )


def _field(field: FieldInfo) -> tuple[str, str, str]:
    type_ = getattr(field.type, "__origin__", field.type)
    shown = getattr(type_, "__name__", str(field.type))
    return f"`{field.name}`", f"`{shown}`", "required" if field.required else f"`{field.default}`"


def invariants() -> str:
    """The invariants that are checked at every event that can break them."""
    return table(["invariant", "statement"], [(f"{anchored(each)}`{each}`", each.statement) for each in Invariant])


def marks() -> str:
    """The events that hypotheses name."""
    return table(["event", "meaning"], [(f"`{name}`", meaning) for name, meaning in COVERAGE_MARKS.items()])


def measures() -> str:
    """Every measure, as `measures.toml` defines it; those that hypotheses may bound and that sweeps estimate are marked."""
    rows = [
        (
            f"{anchored(name)}`{name}`",
            each.unit,
            f"{_begun(each.definition)}. {each.computed}",
            _uses(each),
            each.requirement,
        )
        for name, each in MEASURES.items()
    ]
    return table(["measure", "unit", "what it is, and how it is computed", "used by", "requirement"], rows)


def _uses(measure: Measure) -> str:
    """Who can name a measure."""
    always = "`always`, `during` a fault too" if measure.span else "`always`"
    column = f"`flk sweep --measure {measure.name}`"
    objective = f"objective {measure.objective}"
    return ", ".join(
        use
        for use, given in ((always, measure.bound), (column, measure.column), (objective, bool(measure.objective)))
        if given
    )


def _begun(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
