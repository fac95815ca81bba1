"""Scenario files, and the library of scenarios that comes with the lab: read, validated, found by name."""

from importlib.resources import files
from pathlib import Path

from flk.sim.scenarios import document
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

_LIBRARY = files("flk.sim.scenarios").joinpath("library")


def load(path: str | Path) -> Scenario:
    """The scenario in a TOML file. Raises UnusableInput, which names the file, the line or field, and the fix."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path}: cannot be read as a scenario: {error}") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Scenario:
    """The scenario in a TOML text; `file` is what messages call it. Raises UnusableInput."""
    scenario = document.parse(text, Scenario, file)
    for error in validation_errors(scenario):
        raise document.located(error, text, file)
    return scenario


def library() -> dict[str, str]:
    """The scenarios that come with the lab: their names and texts."""
    found = (entry for entry in _LIBRARY.iterdir() if entry.name.endswith(".toml"))
    return {entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8") for entry in found}


def find(name: str) -> Scenario:
    """The scenario that a name of the library, `scenarios/NAME.toml` or the path of a file stands for. Raises UnusableInput."""
    if Path(name).is_file():
        return load(name)
    known = library()
    short = name.removeprefix("scenarios/").removesuffix(".toml")
    if short in known:
        return parse(known[short], f"scenarios/{short}.toml")
    raise UnusableInput(f"{name}: no such file, and no scenario of the library; {nearest(short, sorted(known))}")
