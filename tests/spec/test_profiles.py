"""Profiles: each names what its operations ask for, and nothing that does not exist."""

import re
from pathlib import Path

import pytest

from flk.spec.errors import UnusableInput
from flk.spec.profiles import Profile, declinable, profile, profiles
from flk.spec.requirements import catalogue
from flk.spec.vectors import load

KNOWN = {requirement.id for requirement in catalogue()}
OPERATIONS = {group.operation for group in load()}


@pytest.mark.parametrize("one", profiles(), ids=lambda one: one.name)
def test_a_profile_has_every_requirement_that_its_operations_ask_for(one: Profile) -> None:
    """Whatever a case of one of its operations bears on belongs to the profile."""
    borne = {name for group in load() if one.asks(group.operation) for name in group.requirements}
    assert {name for name in borne if not one.binds(name)} == set()


@pytest.mark.parametrize("one", profiles(), ids=lambda one: one.name)
def test_a_profile_names_nothing_that_is_never_asked(one: Profile) -> None:
    """Each operation exists, and each requirement or area named has a case."""
    assert {name for name in one.operations if name != "*"} <= OPERATIONS
    borne = {name for group in load() if one.asks(group.operation) for name in group.requirements}
    for pattern in one.requirements:
        assert any(Profile("", "", (pattern,), ()).binds(name) for name in borne), pattern


def test_everything_belongs_to_a_profile() -> None:
    """The last one asks for all there is."""
    full = profiles()[-1]
    assert all(map(full.asks, OPERATIONS))
    assert all(map(full.binds, KNOWN))


def test_every_flag_that_can_be_declined_is_one_of_a_case() -> None:
    """There is no leave that nobody can take."""
    assert declinable().keys() <= {flag for group in load() for flag in group.flags}


def test_the_protocol_lists_profiles_and_flags() -> None:
    """PROTOCOL.md names exactly the flags that can be declined and exactly the profiles."""
    text = Path("conformance/PROTOCOL.md").read_text("utf-8")
    for heading, names in (("flag", declinable()), ("profile", [one.name for one in profiles()])):
        (table,) = re.findall(rf"^\| {heading} \|.*?\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
        assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(names)


def test_a_profile_that_does_not_exist_is_told_with_the_fix() -> None:
    """The nearest name is proposed."""
    with pytest.raises(UnusableInput, match="did you mean signer"):
        profile("singer")
