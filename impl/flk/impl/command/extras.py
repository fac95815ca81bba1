"""From a package that is not installed to the line that installs it."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from types import TracebackType

from flk.spec.errors import MissingExtra

DISTRIBUTION = "flk-lab"
_PARTS = {
    "flk.formal": ("formal", "formal verification"),
    "flk.sim": ("sim", "the simulator"),
    "flk.impl.bench": ("bench", "the benchmark"),
    "flk.impl.client": ("client", "the client"),
    "flk.impl.telemetry": ("otlp", "--otlp"),
    "flk.impl.evidence": ("evidence", "reports on controls"),
    "flk.impl.agent": ("signals", "computing records of points"),
    "flk.impl.command.impl.agent": ("signals", "computing records of points"),
    "flk.model.personal": ("pii", "looking for personal data"),
    "flk.impl": ("server", "the server"),
}
"""For each package of the lab that needs an extra: which one, and how a message calls what it holds."""

_REQUIREMENT = re.compile(r"(?P<package>[\w.-]+).*;.*\bextra\s*==\s*['\"](?P<extra>[\w-]+)['\"]")
_PACKAGES = {
    "z3": "z3-solver",
    "opentelemetry": "opentelemetry-sdk",
    "re2": "google-re2",
    "stdnum": "python-stdnum",
}
"""Modules that are called otherwise than their packages."""


def missing_extra(error: ModuleNotFoundError) -> MissingExtra | None:
    """What to tell a person whose command ended by `error`: the part that needs the package, and the line to type.

    None if the package belongs to no extra: that is a defect of an installation, or of the lab.
    """
    module = (error.name or "").partition(".")[0]
    package = _PACKAGES.get(module, module).replace("_", "-").lower()
    extras = {extra: packages for extra, packages in _extras().items() if package in packages}
    if not extras:
        return None
    home, part = next((_PARTS[name] for name in _importers(error.__traceback__)), ("", "this command"))
    extra = home if home in extras else min(extras, key=lambda each: len(extras[each]))
    return MissingExtra(f"{part} needs the package {package}: pip install '{DISTRIBUTION}[{extra}]'")


def _extras() -> dict[str, set[str]]:
    """The packages of each extra of the distribution; none if the lab is on the path without being installed."""
    try:
        requirements = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        requirements = []
    extras: dict[str, set[str]] = {}
    for requirement in requirements:
        if found := _REQUIREMENT.match(requirement):
            extras.setdefault(found["extra"], set()).add(found["package"].replace("_", "-").lower())
    return extras


def _importers(traceback: TracebackType | None) -> Iterator[str]:
    """The parts of the lab that were importing, the innermost first."""
    modules: list[str] = []
    while traceback is not None:
        modules.insert(0, traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next
    for module in modules:
        yield from (part for part in _PARTS if module == part or module.startswith(f"{part}."))
