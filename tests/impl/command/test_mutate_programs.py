"""`flk mutate --programs`: the modules of programs, one's own and the lab's."""

import json

import pytest
from tests.support.impl.command import flk


@pytest.mark.slow
def test_mutants_of_a_module_of_the_lab_are_listed() -> None:
    """Each with where it is, the rule, and what it writes instead."""
    ran = flk("mutate", "--programs", "flk.model.programs.rotate", "--list", "--json")
    rows = json.loads(ran.stdout)
    assert {(row["operator"], row["before"], row["after"]) for row in rows} >= {
        ("drop-effect", "yield from Seal(INBOX)", "pass")
    }


@pytest.mark.slow
def test_mutants_of_programs_of_ones_own_are_listed() -> None:
    """Those of the example project, named as for a hunt."""
    ran = flk("mutate", "--programs", "sim/example/my_service/programs.py:PROGRAMS", "--list")
    assert "drop-effect" in ran.stdout
    assert ran.stdout.rstrip().endswith("8 mutants")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("flk.model.programs.ships", "did you mean flk.model.programs.ship"),
        ("no_such_module:PROGRAMS", "cannot be imported"),
        ("tests.sim.planted.bug:Nothing", "has no Programs called"),
    ],
)
def test_what_cannot_be_mutated_is_an_error_that_names_the_fix(name: str, says: str) -> None:
    """A module that is none, and a name that is none: exit code 2."""
    ran = flk("mutate", "--programs", name, "--list")
    assert ran.returncode == 2
    assert says in ran.stderr
