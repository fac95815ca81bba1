"""The lab's ledger can be read, and whatever it excuses is a mutant that is made: of one that is not, its reason is out of date."""

from collections import defaultdict

import pytest
from tests.support import ROOT

from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.mutation.ledger import Entry, read
from flk.formal.mutation.protocols.targets import target_of
from flk.sim.mutation.mutants import mutants_of


def excused() -> dict[str, list[Entry]]:
    """All entries, by module."""
    found = defaultdict(list)
    for entry in read(sorted((ROOT / "tests/mutation").glob("*.toml"))).entries.values():
        found[entry.module].append(entry)
    return dict(found)


def test_the_ledger_is_read_as_one() -> None:
    """Every file, no mutant twice: otherwise each `flk mutate` ends with an error."""
    assert excused()


@pytest.mark.slow
def test_mutants_of_programs_that_are_excused_are_made() -> None:
    """With the id, the place and the change that the entry names."""
    for module, entries in excused().items():
        if ".protocols." not in module:
            made = {each.id: (each.function, each.operator, each.before, each.after) for each in mutants_of(module)}
            for entry in entries:
                assert made.get(entry.id) == (entry.function, entry.operator, entry.before, entry.after)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTOCOLS)
def test_mutants_of_protocols_that_are_excused_are_made(name: str) -> None:
    """With the id, the place and the change that the entry names."""
    target = target_of(name)
    entries = excused().get(target.original.module, [])
    made = {each.id: (each.function, each.operator, each.before, each.after) for each in target.mutants()}
    for entry in entries:
        assert made.get(entry.id) == (entry.function, entry.operator, entry.before, entry.after)
