"""The guide of the simulator says what is there."""

import re
from typing import get_args

import pytest
from tests.support import ROOT
from tests.support.impl.command import flk

from flk.sim.scenarios import files as scenario_files
from flk.sim.scenarios.faults import Fault
from flk.sim.scenarios.scenario import Scenario

ROOM = ROOT / "sim"
GUIDE = (ROOM / "README.md").read_text(encoding="utf-8")


def test_the_python_of_the_guide_builds() -> None:
    """The expression is a scenario that can be run."""
    code = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert code
    names: dict[str, object] = {}
    exec(code[1], names)
    assert isinstance(names["drill"], Scenario)


def test_every_kind_of_fault_is_listed() -> None:
    """The table of faults names them all, and no other."""
    table = GUIDE[GUIDE.index("| of | kinds |") : GUIDE.index("What exactly each does")]
    assert set(re.findall(r"`(\w+)`", table)) == {kind.__struct_config__.tag for kind in get_args(Fault)}


def test_the_map_names_every_folder() -> None:
    """The map of the room lists its folders, all of them and no other."""
    table = GUIDE[GUIDE.index("| folder | holds |") : GUIDE.index("To add a fault")]
    folders = {path.parent.name for path in (ROOM / "flk" / "sim").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == folders


@pytest.mark.slow
def test_every_drill_and_command_of_the_guide_exists() -> None:
    """Names of scenarios in commands are those of the library, and subcommands have help."""
    commands = re.findall(r"^flk (\w+)(?: (\S+))?", GUIDE, re.MULTILINE)
    for command, subject in commands:
        assert flk(command, "--help").returncode == 0
        if command in {"run", "sweep"}:
            assert subject in scenario_files.library()
    for path in re.findall(r"\]\(([\w/.]+)\)", GUIDE):
        assert (ROOM / path).exists(), path
