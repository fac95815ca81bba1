"""What `spec` states: requirements, metrics and alerts, decisions."""

import re

from flk.spec.metrics import TABLE, Alert, Metric, Severity
from flk.spec.requirements import AREAS, Requirement, catalogue
from flkdocs import ROOT
from flkdocs.markdown import anchored, code, joined, literal, table


def requirements() -> str:
    """Every requirement with its reason, its source and its evidence, area by area."""
    parts: list[str] = []
    for area, prefix in AREAS.items():
        parts.append(f"## {area.capitalize()}")
        parts += [_requirement(each) for each in catalogue() if each.id.startswith(f"{prefix}-")]
    return joined(parts)


def _requirement(each: Requirement) -> str:
    evidence = ", ".join(f"{kind} `{name}`" for kind, _, name in (item.partition(" ") for item in each.evidence))
    return joined(
        [
            f"### {each.id} {each.title} {{ #{each.id.lower()} }}",
            literal(each.text),
            f"*Why.* {literal(each.rationale)}",
            f"*Source.* {literal(each.source)}",
            f"*Evidence.* {evidence}" if evidence else "",
        ]
    )


def link(requirement: str) -> str:
    """A link to a requirement, from another page of the reference."""
    return f"[{requirement}](requirements.md#{requirement.lower()})"


def metrics() -> str:
    """The metrics that a node exports."""
    rows = [(f"{anchored(m.name)}`{m.name}`", _kind(m), m.help, link(m.requirement)) for m in TABLE.metric]
    return table(["metric", "type", "meaning", "serves"], rows)


def process_metrics() -> str:
    """The metrics of the process that a node runs in."""
    return table(["metric", "type", "meaning"], [(f"`{m.name}`", m.type, m.help) for m in TABLE.process])


def external_metrics() -> str:
    """The metrics that the monitoring system writes about nodes and alerts."""
    return table(["metric", "meaning"], [(f"`{m.name}`", m.help) for m in TABLE.external])


def alerts() -> str:
    """The alerts with their expressions and with what to do first."""
    return joined(map(_alert, TABLE.alert))


def _alert(alert: Alert) -> str:
    return joined(
        [
            f"### {alert.name}",
            alert.summary,
            code(alert.expr, "promql"),
            f"For {alert.hold}, severity *{alert.severity}*, serves {link(alert.requirement)}. **Do first:** {alert.action}",
            f"[Runbook](../runbooks/{alert.name}.md)",
        ]
    )


def runbooks() -> str:
    """The alerts at a glance, with their runbooks and what shows them firing."""
    rows = [
        (f"[{alert.name}]({alert.name}.md)", alert.severity, alert.summary, _shown(alert))
        for severity in Severity
        for alert in TABLE.alert
        if alert.severity is severity
    ]
    return table(["alert", "severity", "it says", "drill"], rows)


def _shown(alert: Alert) -> str:
    drills = [f"[{name}](../reference/scenarios.md#{name})" for name in alert.drills]
    return ", ".join(drills) or "tests on real parts"


def _kind(metric: Metric) -> str:
    """Its type, unit and labels."""
    return f"{metric.type}, {metric.unit}" + (f"; by {', '.join(metric.labels)}" if metric.labels else "")


def decisions() -> str:
    """The index of the decisions, each with the question that it answers."""
    rows = []
    for file in sorted((ROOT / "spec" / "decisions").glob("[0-9]*.md")):
        text = file.read_text("utf-8")
        number, _, title = text.splitlines()[0].removeprefix("# ").partition(" ")
        question = re.search(r"\*\*(?:Question|Contradiction)\.\*\* (.*?)\n\n", text, re.DOTALL)
        rows.append((number, f"[{title}]({file.name})", " ".join(question[1].split()) if question else ""))
    return table(["", "decision", "the question"], rows)
