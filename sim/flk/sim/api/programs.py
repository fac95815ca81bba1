"""Programs by name and names of programs: what a replay line needs to find them again in another process."""

import sys
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import cloudpickle  # type: ignore[import-untyped]  # it carries no types

from flk.model.record.signing import HmacKey
from flk.sim.clients.sources import submissions
from flk.sim.experiments.run_inputs import SECRET, RunInputs, programs_named
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.nodes.designs import DESIGNS
from flk.sim.scenarios.scenario import Scenario

AnyPrograms: TypeAlias = Programs | str | PathLike[str] | None
"""Programs, the name of a refuted design, `MODULE:NAME` or `FILE.py:NAME`; None for the model's."""


def inputs_for(
    scenario: Scenario, programs: AnyPrograms = None, *, alerts: bool = False, validate: bool = False
) -> RunInputs:
    """What runs of a scenario need: its records, signed, and the programs if they are not the model's. Raises UnusableInput."""
    source = scenario.workload.records
    records = submissions(source, HmacKey(SECRET))
    if programs is None or programs is MODEL:
        return RunInputs(records, alerts=alerts, validate=validate, source=source)
    if isinstance(programs, Programs):
        _send_by_value(programs)
        return RunInputs(
            records, programs=programs, named=name_of(programs), alerts=alerts, validate=validate, source=source
        )
    name = fspath(programs)
    return RunInputs(
        records, programs=programs_named(name), named=name, alerts=alerts, validate=validate, source=source
    )


def name_of(programs: Programs) -> str:
    """How `programs_named` finds the programs again in another process; empty if it cannot, as for those of a notebook's cell."""
    for name, design in DESIGNS.items():
        if design is programs:
            return name
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is programs:
                place = _place(module)
                return place and f"{place}:{name}"
    return ""


def _place(module: ModuleType) -> str:
    """What another process in this directory calls a module: its name if it can import it, else its file."""
    root = _root(module)
    if root is None or module.__file__ is None:
        return ""
    here, file = Path.cwd(), Path(module.__file__).resolve()
    installed = str(root) in sys.path and ("." in module.__name__ or not root.is_relative_to(here))
    if module.__name__ != "__main__" and (root == here or installed):
        return module.__name__
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _root(module: ModuleType) -> Path | None:
    """The directory from which a module is imported by its name; None if it has no file."""
    if not (module.__file__ or "").endswith(".py"):
        return None
    file = Path(str(module.__file__)).resolve()
    return file.parents[module.__name__.count(".") + (file.name == "__init__.py")]


def _send_by_value(programs: Programs) -> None:
    """Let worker processes be sent the modules that they cannot import, such as test modules that are imported from their files."""
    for name in {program.__module__ for program in programs}:
        module = sys.modules.get(name)
        root = None if module is None else _root(module)
        if root is not None and name != "__main__" and str(root) not in sys.path:
            cloudpickle.register_pickle_by_value(module)
