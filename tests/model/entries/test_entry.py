"""What a region remembers: two memories join into one, whatever the order; and what a record's content is."""

import json
from functools import reduce
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.golden import TINY_1
from tests.support.model.strategies import change, entries, honest_records, outcomes, records, regions

from flk.model.entries.entry import Entry, content_digest, join, precedence
from flk.model.log.hlc import Timestamp
from flk.model.record.canonical import canonical_bytes
from flk.model.record.record import Pcs, Regime, decode, encode

rivals = entries | st.builds(Entry, st.integers(0, 2).map(Timestamp), regions, st.sampled_from(["a", "b"]), outcomes)


@given(rivals, rivals, rivals)
def test_join_is_a_semilattice(a: Entry, b: Entry, c: Entry) -> None:
    """Associative, commutative and idempotent, so delay, order and repetition of messages do not matter (CRR-1)."""
    assert join(a, join(b, c)) == join(join(a, b), c)
    assert join(a, b) == join(b, a)
    assert join(a, a) == a


@given(st.lists(rivals, min_size=1, max_size=6), st.data())
def test_replicas_that_saw_the_same_entries_agree(seen: list[Entry], data: st.DataObject) -> None:
    """In any order, each any number of times."""
    other = data.draw(st.permutations(seen + data.draw(st.lists(st.sampled_from(seen), max_size=6))))
    assert reduce(join, seen) == reduce(join, other)


@given(rivals, rivals)
def test_the_earlier_entry_wins_and_the_region_breaks_ties(a: Entry, b: Entry) -> None:
    """The first write wins across regions too; nothing is made up."""
    winner = join(a, b)
    assert winner in (a, b)
    assert (winner.timestamp, winner.region) == min((a.timestamp, a.region), (b.timestamp, b.region))


@given(rivals, rivals)
def test_precedence_tells_different_entries_apart(a: Entry, b: Entry) -> None:
    """It is a total order: equal places mean equal entries."""
    assert (precedence(a) == precedence(b)) == (a == b)


@pytest.mark.slow
@given(records())
def test_the_digest_covers_what_is_signed_or_judged(record: Pcs) -> None:
    """The canonical bytes, a newline, and compact JSON of counts, regime and scales (DUP-3)."""
    judged = {
        "N_j": {str(scale): record.N_j[str(scale)] for scale in record.scales},
        "regime": record.regime.value,
        "scales": record.scales,
    }
    text = canonical_bytes(record) + b"\n" + json.dumps(judged, separators=(",", ":")).encode()
    assert content_digest(record) == sha256(text).hexdigest()


@given(records(), records())
def test_delivery_does_not_change_the_digest(record: Pcs, other: Pcs) -> None:
    """A retry is the same content: attempt, time of sending, outbox state and signature are not part of it (DUP-3)."""
    again = msgspec.structs.replace(record, attempt=other.attempt, sent_at=other.sent_at, ft=other.ft, sig=other.sig)
    assert content_digest(again) == content_digest(record)


@given(records(), st.data())
def test_the_order_of_counts_on_the_wire_does_not_change_the_digest(record: Pcs, data: st.DataObject) -> None:
    """Two JSON texts of one value are one content."""
    shuffled = {key: record.N_j[key] for key in data.draw(st.permutations(sorted(record.N_j)))}
    assert content_digest(decode(encode(change(record, N_j=shuffled)))) == content_digest(record)


@pytest.mark.parametrize(
    "changes",
    [
        {"D_hat": 0.528320835},
        {"budget": 0.317807018},
        {"coh_star": 0.066666668},
        {"r": 0.318421054},
        {"epoch": 2},
        {"merkle_root": "0" * 64},
        {"shard_id": "test-shard-002"},
        {"regime": Regime.STICKY},
        {"N_j": {"2": 5, "4": 10, "8": 13, "16": 16}},
        {"scales": (4, 2, 8, 16)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_any_change_to_what_is_signed_or_judged_is_another_content(changes: dict[str, Any]) -> None:
    """The last digit of a signal, one more cell, another order of scales."""
    assert content_digest(change(TINY_1.record, **changes)) != content_digest(TINY_1.record)


@given(honest_records(), st.floats(-4e-10, 4e-10))
def test_digits_that_are_not_signed_are_not_content(record: Pcs, noise: float) -> None:
    """What rounds to the same nine decimals is the same content."""
    noisy = change(record, D_hat=record.D_hat + noise, r=record.r + noise)
    assert (content_digest(noisy) == content_digest(record)) == (canonical_bytes(noisy) == canonical_bytes(record))
