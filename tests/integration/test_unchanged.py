"""Runs, state spaces, proofs and vectors are what they were before the rooms were rebuilt."""

import json
from typing import Any

import pytest
from tests.integration.unchanged import KINDS, TABLE

KNOWN: dict[str, dict[str, Any]] = json.loads(TABLE.read_text("utf-8"))


PROVED_ELSEWHERE = {("theorem", "ingest"), ("theorem", "replication"), ("theorem", "audit")}
"""Long proofs, which the claims ask for, too. `python -m tests.integration.unchanged theorem` computes all."""


LONG = {
    ("theorem", "fences"),
    ("theorem", "retention"),
    ("theorem", "transparency"),
    ("theorem", "policies"),
    ("run", "dedup-overload"),
    *(("run", name) for name in ("archive-away", "crowded-door", "lost-duplicates", "store-away")),
    *(("run", name) for name in ("flood-of-echoes", "flood-of-forgeries")),
}
"""Proofs and runs of some ten seconds, which CI leaves to the tests of prover and scenarios."""


@pytest.mark.slow
@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=[pytest.mark.thorough] if (kind, name) in LONG else [])
        for kind, (_, names) in KINDS.items()
        for name in names
        if (kind, name) not in PROVED_ELSEWHERE
    ],
)
def test_nothing_has_changed(kind: str, name: str) -> None:
    """A row computed now equals the row of the table."""
    make, _ = KINDS[kind]
    assert json.loads(json.dumps(make(name))) == KNOWN[f"{kind}: {name}"]


def test_the_table_has_a_row_for_everything() -> None:
    """Nothing was taken out of the library, the protocols or the vectors."""
    assert set(KNOWN) == {f"{kind}: {name}" for kind, (_, names) in KINDS.items() for name in names}
