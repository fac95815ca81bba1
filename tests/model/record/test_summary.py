"""The agent's record: valid, honest, and the same for the same data."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.golden import GOLDENS, KEY, Golden
from tests.support.model.strategies import epochs, faults, sent_ats, shard_ids

from flk.model.entries.entry import Reason
from flk.model.entries.judgement import judge
from flk.model.record.canonical import Profile, round9
from flk.model.record.merkle import chunks, inclusion_proof, merkle_root, verify_inclusion
from flk.model.record.points import Points
from flk.model.record.record import NO_FAULT, Pcs, Regime, decode, encode
from flk.model.record.signing import Keyring, LiveKey
from flk.model.record.summary import signed, summarise

WHERE: dict[str, Any] = {"shard_id": "test-shard-001", "epoch": 1, "seed": 42, "sent_at": "2025-01-19T12:00:00Z"}


@st.composite
def clouds(draw: st.DrawFn) -> Points:
    """Points of the unit cube in one to three dimensions."""
    size = draw(st.integers(1, 3))
    rows = draw(st.lists(st.lists(st.floats(0, 1), min_size=size, max_size=size), min_size=1, max_size=30))
    return np.array(rows)


summaries = st.builds(
    summarise,
    clouds(),
    st.binary(max_size=300),
    shard_id=shard_ids,
    epoch=epochs,
    seed=st.integers(0, 2**32 - 1),
    sent_at=sent_ats,
    attempt=st.integers(1, 100),
    ft=faults,
)
some = settings(max_examples=50, deadline=None)


@some
@given(summaries)
def test_a_summary_is_a_valid_record_that_is_judged_ok(record: Pcs) -> None:
    """A correct agent is never refused and never escalated, whatever its data."""
    assert decode(encode(record)) == record
    assert judge(record).reason is Reason.OK
    assert (judge(record).recomputed_D_hat, judge(record).recomputed_budget) == (record.D_hat, record.budget)


@some
@given(summaries, st.sampled_from(Profile))
def test_a_signed_summary_is_authentic(record: Pcs, profile: Profile) -> None:
    """In either form; nothing but the signature is added."""
    sent = signed(record, KEY, profile)
    Keyring({"t": [LiveKey(KEY)]}, [profile]).authenticate("t", sent, sent.sig, 0.0)
    assert decode(encode(sent)) == sent
    assert signed(record, KEY, profile) == sent
    assert {name for name in Pcs.__struct_fields__ if getattr(sent, name) != getattr(record, name)} == {"sig"}


@some
@given(summaries)
def test_all_reals_have_nine_decimals(record: Pcs) -> None:
    """The record says what is signed, no more."""
    reals = (record.D_hat, record.coh_star, record.r, record.budget, *record.v_star)
    assert [round9(x) for x in reals] == list(reals)


@some
@given(clouds(), st.binary(min_size=1, max_size=300))
def test_the_root_commits_to_the_raw_bytes(points: Points, raw: bytes) -> None:
    """Every chunk can be shown to belong to the record (MRK-1, MRK-2)."""
    leaves = chunks(raw)
    top = bytes.fromhex(summarise(points, raw, **WHERE).merkle_root)
    assert top == merkle_root(leaves)
    for index, leaf in enumerate(leaves):
        assert verify_inclusion(leaf, index, len(leaves), inclusion_proof(leaves, index), top)


@pytest.mark.parametrize("golden", GOLDENS)
def test_the_golden_data_in_this_system(golden: Golden) -> None:
    """All signals but the slope come out as the earlier agent had them; the slope is the true median and the tree is RFC 6962's."""
    found, old = summarise(golden.points, golden.raw, **WHERE), golden.record
    same = ("schema", "version", "shard_id", "epoch", "attempt", "sent_at", "seed", "scales", "N_j", "ft")
    assert [getattr(found, name) for name in same] == [getattr(old, name) for name in same]
    assert (found.coh_star, found.r, found.regime, found.budget) == (old.coh_star, old.r, old.regime, old.budget)
    assert found.v_star == tuple(map(round9, old.v_star))
    assert found.D_hat == round9(sum(golden.slopes[2:4]) / 2)
    assert found.merkle_root == merkle_root(chunks(golden.raw)).hex() != old.merkle_root
    assert (found.sig, found.ft, found.regime) == ("", NO_FAULT, Regime.MIXED)


CUBE = np.array([[0.1, 0.2], [0.6, 0.9]])


def grid(dimensions: int) -> Points:
    """All corners of a grid in half of the unit cube: one cell at scale 2, and each splits into 2^d."""
    return np.array(list(itertools.product([n / 16 for n in range(8)], repeat=dimensions)))


@pytest.mark.parametrize(
    ("points", "changes", "named"),
    [
        (np.zeros((0, 2)), {}, "D_hat"),
        (np.array([[0.5, float("nan")]]), {}, "N_j"),
        (np.array([[0.5, float("inf")]]), {}, "N_j"),
        (np.array([[1e308, 0.5]]), {}, "N_j"),
        (np.zeros((2, 17)), {}, "v_star"),
        (grid(4), {}, "D_hat"),
        (CUBE, {"seed": -1}, "[Ss]eed"),
        (CUBE, {"seed": 2**32}, "[Ss]eed"),
        (CUBE, {"shard_id": "a|b"}, "shard_id"),
        (CUBE, {"shard_id": "é"}, "shard_id"),
        (CUBE, {"epoch": -1}, "epoch"),
        (CUBE, {"epoch": 2**53}, "epoch"),
        (CUBE, {"sent_at": "yesterday"}, "sent_at"),
        (CUBE, {"attempt": 0}, "attempt"),
    ],
)
def test_data_without_a_valid_record_are_refused_by_name(points: Points, changes: dict[str, Any], named: str) -> None:
    """An agent never signs what a node would refuse."""
    with pytest.raises(ValueError, match=named):
        summarise(points, b"raw", **WHERE | changes)


def test_a_filled_cube_of_three_dimensions_has_slope_three() -> None:
    """The most that the bound on the slope is made for."""
    assert summarise(grid(3), b"raw", **WHERE).D_hat == 3.0
