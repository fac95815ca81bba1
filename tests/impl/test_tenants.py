"""Tenants files: what they say is what counts, and a mistake in one is named with its line and its fix."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.impl.tenants import add_tenant, new_tenant, read_tenants
from flk.model.flow.quota import Tenant
from flk.spec.errors import UnusableInput

IDS = st.from_regex(r"[A-Za-z0-9._-]{1,64}|\*", fullmatch=True)
ENTRIES = st.tuples(
    IDS, st.none() | st.floats(1e-6, 1e6), st.none() | st.integers(1, 10**6), st.none() | st.integers(1, 10**9)
).map(lambda entry: entry if entry[1] is not None else (entry[0], None, None, entry[3]))
"""What may be said of a tenant: a burst only beside a rate."""


@settings(max_examples=30, deadline=None)
@given(entries=st.lists(ENTRIES, min_size=1, max_size=5, unique_by=lambda entry: entry[0]))
def test_what_is_added_to_a_file_is_read_from_it(
    entries: list[tuple[str, float | None, int | None, int | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each entry, in order, with its quotas to the last digit."""
    path = tmp_path_factory.mktemp("tenants") / "tenants.toml"
    for entry in entries:
        add_tenant(path, new_tenant(*entry))
    assert [(each.id, each.bounds) for each in read_tenants(path)] == [
        (tenant, Tenant(records_per_second=rate, burst=burst, records_per_day=day))
        for tenant, rate, burst, day in entries
    ]


def test_an_entry_may_say_all_of_this(tmp_path: Path) -> None:
    """As the module's own text shows it."""
    path = tmp_path / "tenants.toml"
    path.write_text(
        '[[tenant]]\nid = "acme"\nactive = false\nrecords_per_second = 50\nburst = 100\nrecords_per_day = 1000\n'
        'expected_dedup_ratio = 0.05\nlabels = { team = "risk" }\n'
    )
    (entry,) = read_tenants(path)
    assert entry.bounds == Tenant(active=False, records_per_second=50, burst=100, records_per_day=1000)
    assert (entry.expected_dedup_ratio, entry.labels) == (0.05, {"team": "risk"})


MISTAKES = {
    'id = "b"\nrecords_per_minute = 3': (5, "unknown field `records_per_minute`"),
    'id = "a/b"': (4, "Expected `str` matching regex"),
    'id = "b"\nrecords_per_second = 0': (5, "> 0.0"),
    'id = "b"\nrecords_per_second = 1e7': (5, "<= 1000000.0"),
    'id = "b"\nrecords_per_day = 0': (5, ">= 1"),
    'id = "b"\nactive = 1': (5, "Expected `bool`"),
    'id = "b"\nburst = 5': (5, "has no effect without records_per_second; give that, too"),
    'id = "b"\nexpected_dedup_ratio = 1.5': (5, "<= 1.0"),
    'id = "b"\nlabels = { Team = "x" }': (5, "Expected `str` matching regex"),
    'id = "*"\nlabels = { team = "x" }': (5, "is for a tenant with an entry of its own"),
    'id = "*"\nexpected_dedup_ratio = 0.5': (5, "is for a tenant with an entry of its own"),
    'id = "a"': (4, "has an entry above; keep one of them"),
    "id = b": (4, "not valid TOML"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_line_and_its_fix(mistake: str, tmp_path: Path) -> None:
    """The second entry has one; the first has none."""
    path = tmp_path / "tenants.toml"
    path.write_text(f'[[tenant]]\nid = "a"\n[[tenant]]\n{mistake}\n')
    line, said = MISTAKES[mistake]
    with pytest.raises(UnusableInput) as refused:
        read_tenants(path)
    told = str(refused.value)
    assert said in told
    assert told.startswith(f"{path}:{line}: ")


def test_a_file_that_is_missing_or_names_nobody_is_refused(tmp_path: Path) -> None:
    """With the command that writes one."""
    with pytest.raises(UnusableInput, match="`flk tenants new` writes one"):
        read_tenants(tmp_path / "none.toml")
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    with pytest.raises(UnusableInput, match="`flk tenants new` shows the form"):
        read_tenants(empty)
