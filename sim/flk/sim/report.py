"""A run as one HTML page that needs nothing else: no network, no script, no second file."""

import re
from collections.abc import Callable
from importlib.resources import files
from io import StringIO
from pathlib import Path

import matplotlib as mpl
import msgspec
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from flk.sim import document
from flk.sim.duration import clock, human
from flk.sim.figures import course, outcome
from flk.sim.figures.style import amount
from flk.sim.invariants import Verdict
from flk.sim.simulate import Run
from flk.spec.errors import UnusableInput

SIGNS = {Verdict.HOLDS: "✓", Verdict.VIOLATED: "✗", Verdict.UNDECIDED: "?"}
_SVG = {
    "svg.fonttype": "path",
    "svg.hashsalt": "flk",
}  # outlines look alike everywhere; a fixed salt repeats to the byte
_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


def html(run: Run, source: str = "") -> str:
    """The report. The same run gives the same text. `source` is where the scenario came from, if not from the library."""
    text = files("flk.sim").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"clock": clock, "human": human}
    template = environment.from_string(text)
    return template.render(
        run=run,
        m=run.measures,
        scenario=run.scenario,
        figure=lambda name: _svg(name, DRAWN[name](run)),
        amount=amount,
        signs=SIGNS,
        summary=summary(run),
        checks=sum(row.checks for row in run.results),
        replay=run.replay(source),
    )


def write(run: Run, path: str | Path, source: str = "") -> None:
    """Write the report to a file. Raises UnusableInput if that cannot be."""
    try:
        Path(path).write_text(html(run, source), encoding="utf-8")
    except OSError as error:
        raise UnusableInput(
            f"{path}: the report cannot be written: {error.strerror}; name a file in a directory that exists"
        ) from None


def summary(run: Run) -> str:
    """The outcome in one or two sentences."""
    checks = sum(row.checks for row in run.results)
    broken = [row.invariant for row in run.results if row.verdict is Verdict.VIOLATED]
    missed = [row.name for row in run.objectives if row.verdict is Verdict.VIOLATED]
    undecided = [row.invariant for row in run.results if row.verdict is Verdict.UNDECIDED]
    undecided += [row.name for row in run.objectives if row.verdict is Verdict.UNDECIDED]
    invariants = f"{len(run.results)} invariants, {checks:,} checks: "
    invariants += f"violated: {', '.join(broken)}." if broken else "none violated."
    objectives = f"{len(run.objectives)} objectives: " + (f"missed: {', '.join(missed)}." if missed else "none missed.")
    return " ".join([invariants, objectives, *([f"Undecided: {', '.join(undecided)}."] if undecided else [])])


def facts(run: Run) -> dict[str, object]:
    """The outcome as plain values, for programs. What was not measured is None."""
    measures = run.measures
    outcome: dict[str, object] = document.builtins(
        {
            "scenario": run.scenario.name,
            "scenario_hash": run.scenario.hash,
            "seed": run.seed,
            "digest": run.digest,
            "verdict": run.verdict,
            "events": run.events,
            "objectives": [{**msgspec.structs.asdict(row), "verdict": row.label} for row in run.objectives],
            "invariants": run.results,
            "counts": measures.counts._asdict(),
            "statuses": {str(status): number for status, number in sorted(measures.statuses.items())},
            "latency": {name: row._asdict() for name, row in measures.latency.items()},
            "goodput": {"mean": float(measures.goodput.mean()), "most": float(measures.goodput.max())},
            "delivery": measures.delivery._asdict(),
            "lag": [{"source": lag.source, "target": lag.target, **lag.summary._asdict()} for lag in measures.lags],
            "losses": [loss._asdict() for loss in measures.losses],
            "recoveries": [recovery._asdict() for recovery in measures.recoveries],
            "entries": {region: len(entries) for region, entries in run.entries.items()},
            "timeline": run.timeline,
        }
    )
    return outcome


DRAWN: dict[str, Callable[[Run], Figure]] = {
    "overview": course.overview,
    "objectives": outcome.objectives,
    "lag": course.lag,
    "latency": course.latency,
    "stores": course.stores,
}


def _svg(name: str, figure: Figure) -> Markup:
    """A figure as inline SVG; its ids carry its name, so that no two figures of a page share one."""
    out = StringIO()
    with mpl.rc_context(
        {"svg.fonttype": "path", "svg.hashsalt": "flk"}
    ):  # outlines look alike everywhere, a salt repeats
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = out.getvalue()
    return Markup(_REFERENCE.sub(rf"\g<1>{name}-", drawn[drawn.index("<svg") :]))  # noqa: S704 - drawn here, from numbers
