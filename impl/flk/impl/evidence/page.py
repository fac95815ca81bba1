"""A report as one HTML page that needs nothing else: no network, no script, no second file."""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from flk.model.compliance.findings import Status, day
from flk.model.compliance.report import Report


def page(report: Report) -> str:
    """The page. The same report gives the same text."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = files("flk.impl.evidence").joinpath("page.html.j2").read_text("utf-8")
    return environment.from_string(template).render(report=report, day=day, kind=_kind)


def _kind(status: Status) -> str:
    """The class that colours a status."""
    return "none" if status is Status.NO_EVIDENCE else str(status)
