"""The guide of the simulator says what is there."""

import re
from typing import get_args

from tests.support import ROOT
from tests.support.impl.command import flk

from flk.sim.scenarios import scenario
from flk.sim.scenarios.faults import Fault

ROOM = ROOT / "sim"
GUIDE = (ROOM / "README.md").read_text(encoding="utf-8")


def test_the_python_of_the_guide_builds() -> None:
    """The expression is a scenario that can be run."""
    code = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert code
    names: dict[str, object] = {}
    exec(code[1], names)
    assert isinstance(names["drill"], scenario.Scenario)


def test_every_kind_of_fault_is_listed() -> None:
    """The table of faults names them all, and no other."""
    table = GUIDE[GUIDE.index("| of | kinds |") : GUIDE.index("What exactly each does")]
    assert set(re.findall(r"`(\w+)`", table)) == {kind.__struct_config__.tag for kind in get_args(Fault)}


def test_every_module_of_the_map_exists() -> None:
    """The map of the room names files and folders that are there, and leaves out none but the smallest."""
    table = GUIDE[GUIDE.index("| part | modules |") : GUIDE.index("To add a fault")]
    named = set(re.findall(r"`([\w/]+)`", table))
    package = ROOM / "flk" / "sim"
    for name in named:
        assert (package / f"{name}.py").exists() or (package / name).is_dir(), name


def test_every_drill_and_command_of_the_guide_exists() -> None:
    """Names of scenarios in commands are those of the library, and subcommands have help."""
    commands = re.findall(r"^flk (\w+)(?: (\S+))?", GUIDE, re.MULTILINE)
    for command, subject in commands:
        assert flk(command, "--help").returncode == 0
        if command in {"run", "sweep"}:
            assert subject in scenario.library()
    for path in re.findall(r"\]\(([\w/.]+)\)", GUIDE):
        assert (ROOM / path).exists(), path
