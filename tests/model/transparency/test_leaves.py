"""The leaves of an audit log: one text for each fact, and names by which none is said twice (TLOG-6)."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import pcs

from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.log.hlc import Timestamp
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.leaves import About, Fact, named, names_about, names_of, outcome, stated, written

REAL = st.floats(0, 1) | st.just(-0.0)
OUTCOMES = st.builds(Outcome, st.booleans(), st.booleans(), st.sampled_from(Reason), REAL, REAL)
ENTRIES = st.builds(Entry, st.integers(0, 2**63 - 1).map(Timestamp), st.text(), st.text(), OUTCOMES)
VALUES = st.recursive(
    st.text() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-9e9, 9e9).map(lambda x: round(x, 3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_has_one_text(value: object) -> None:
    """It is JSON without spaces, whose keys are in order, and that says the value."""
    text = written(value)  # type: ignore[arg-type]  # of no one type
    assert json.loads(text) == pytest.approx(value) if isinstance(value, float) else json.loads(text) == value
    assert written(json.loads(text)) == text


@given(ENTRIES, st.text(max_size=9), st.text(max_size=9), REAL, st.text(max_size=9))
def test_a_leaf_of_an_outcome_is_the_text_of_what_it_says(
    entry: Entry, tenant: str, pcs_id: str, real: float, shard: str
) -> None:
    """However it is made: keys in order, reals with nine digits and no minus before a zero."""
    record = msgspec.structs.replace(pcs(), D_hat=real, r=real, budget=real, shard_id=shard)
    leaf = outcome(Claim(Key(tenant, pcs_id), entry), record)
    said = json.loads(leaf, parse_float=str)
    assert list(said) == sorted(said)
    reals = {name: float(value) for name, value in said.items() if name in REALS}
    assert written(said | reals) == leaf
    assert b"-0.0" not in leaf
    assert names_of(leaf) == names_about(About.OUTCOME, Key(tenant, pcs_id), entry)


REALS = {"D_hat", "budget", "coh_star", "r", "recomputed_D_hat", "recomputed_budget"}


def test_a_fact_that_is_too_long_for_a_leaf_is_told_by_its_digest() -> None:
    """A key file of a thousand keys is no reason to write no log."""
    short, long = Fact("keys", ["a"]), Fact("keys", ["a" * 70_000])
    assert json.loads(stated(short, "eu.000001", 1, Timestamp(0)))["content"] == ["a"]
    told = json.loads(stated(long, "eu.000001", 1, Timestamp(0)))
    assert ("content" in told, told["digest"]) == (False, long.digest)


def test_what_is_no_leaf_has_no_name() -> None:
    """Whoever reads a step of somebody else's is told."""
    with pytest.raises(BadLog, match="TLOG-6"):
        named(b"{")
