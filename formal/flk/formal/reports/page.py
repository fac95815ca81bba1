"""An exploration as one HTML page that needs nothing else: no network, no script, no second file."""

from importlib.resources import files
from pathlib import Path as File

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from flk.formal.explicit.explore import Explored, Finding
from flk.formal.explicit.schema import Schema
from flk.formal.library.gallery import Design
from flk.formal.reports.covered import Coverage, lines
from flk.formal.reports.drawing import svg
from flk.formal.reports.lanes import lane_sort
from flk.formal.reports.listing import ruling
from flk.formal.reports.statistics import figures, sparkline
from flk.formal.reports.terminal import story_of, title, violations, why
from flk.spec.errors import writing
from flk.spec.verdict import Verdict


def html(
    schema: Schema, found: Explored, coverage: Coverage = (), design: Design | None = None, lanes: str = ""
) -> str:
    """The page: figures, verdicts, each counterexample, then each witness; of a design what rules it out, too."""
    source = files("flk.formal.reports").joinpath("templates/exploration.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    shown = [finding for finding in violations(found, design.violates if design else "") if finding.path]
    shown += [finding for finding in found.findings if finding.path and finding.verdict is Verdict.HOLDS]
    return environment.from_string(source).render(
        found=found,
        protocol=schema.protocol,
        story_of=story_of,
        figures=figures(found),
        layers=sparkline(found.layers),
        paths=[_path(schema, finding, lanes) for finding in shown],
        coverage=list(lines(coverage)),
        ruling=ruling(design) if design else (),
    )


def write(file: File, page: str) -> None:
    """Write a page. Raises UnusableInput if that cannot be."""
    with writing(file, "the page"):
        file.write_text(page, encoding="utf-8")


def _path(schema: Schema, finding: Finding, lanes: str) -> dict[str, object]:
    assert finding.path is not None
    return {
        "title": title(finding),
        "why": [
            *why(schema, finding.path, schema.protocol.properties.get(finding.property)),
            *filter(None, [finding.note]),
        ],
        "svg": Markup(svg(schema, finding.path, lane_sort(schema.protocol, lanes))),  # noqa: S704 (made by us, text escaped)
        "cycle": finding.path.loop is not None and finding.path.loop < len(finding.path.moves) - 1,
    }
