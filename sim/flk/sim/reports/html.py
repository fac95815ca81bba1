"""HTML pages that need nothing else: no network, no script, no second file."""

import re
from importlib.resources import files
from io import StringIO
from pathlib import Path

import matplotlib as mpl
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from flk.sim.scenarios.duration import clock, human
from flk.spec.errors import writing

_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


def rendered(template: str, **given: object) -> str:
    """A page made by one of the package's templates. Raises UndefinedError for a value that the template needs and is not given."""
    environment = Environment(
        loader=FunctionLoader(
            lambda name: files("flk.sim.reports").joinpath(f"templates/{name}").read_text(encoding="utf-8")
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": clock, "human": human}
    return environment.get_template(template).render(**given)


def save(page: str, path: str | Path) -> None:
    """Write a page to a file. Raises UnusableInput if that cannot be."""
    with writing(path, "the report"):
        Path(path).write_text(page, encoding="utf-8")


def svg(name: str, figure: Figure) -> Markup:
    """A figure as inline SVG; its ids carry its name, so that no two figures of a page share one."""
    out = StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "flk"}):  # looks alike everywhere, to the byte
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = out.getvalue()
    return Markup(_REFERENCE.sub(rf"\g<1>{name}-", drawn[drawn.index("<svg") :]))  # noqa: S704 - drawn here, from numbers
