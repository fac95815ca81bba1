"""What traces and answers of a drill amount to: lag, likeness, and what was lost that must not be."""

from math import inf
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.impl.drill.asking import Held
from flk.impl.drill.clients import Acknowledgement, Book, Stated
from flk.impl.drill.history import Histories, Key, Likeness, Rank, Stored, StoreLost, lags, read
from flk.impl.drill.judging import Report, judged
from flk.impl.drill.perform import Drilled, Killed
from flk.impl.drill.plan import Agent, Arrival, Kill, Plan
from flk.model.flow.submission import Submission
from flk.model.log.hlc import at, text
from flk.spec.constants import CONSTANTS

KEY = ("default", "k")
REGIONS = ("eu", "us")
ORIGIN = 1_767_225_600.0
moments = st.floats(0, 10, allow_nan=False)


def stored(moment: float, region: str, rank: Rank, key: Key = KEY, digest: str = "d") -> Stored:
    """A claim that a region joined in."""
    return Stored(moment, region, key, rank, digest)


def rank(moment: float, region: str) -> Rank:
    """What a region logged at a moment of the drill."""
    return Rank(text(at(ORIGIN + moment)), region)


def histories(*found: Stored) -> Histories:
    """What traces would tell of these, each logged when its own region first stored it."""
    logged = {each.rank: each.at for each in sorted(found, reverse=True) if each.region == each.rank.region}
    return Histories(tuple(sorted(found)), logged, ())


@given(moments, moments)
def test_a_region_lags_from_when_a_record_was_durable_until_it_has_it(first: float, second: float) -> None:
    """By the age of the oldest that it lacks, at any moment; its own log it has at once."""
    logged, merged = sorted((first, second))
    told = histories(stored(logged, "eu", rank(1, "eu")), stored(merged, "us", rank(1, "eu")))
    grid = np.linspace(0, 10, 101)
    found = lags(REGIONS, told, [], grid)
    assert not found["eu"].any()
    assert np.array_equal(found["us"], np.where((grid >= logged) & (grid < merged), grid - logged, 0.0))


@pytest.mark.parametrize(("kept", "before"), [(True, 3.5), (False, 0.0)])
def test_a_store_that_was_lost_lacks_what_can_be_had_until_it_is_merged_again(kept: bool, before: float) -> None:
    """What the object store did not have nobody can have, and nobody lags behind it."""
    told = histories(
        stored(1, "eu", rank(1, "eu")),
        *([stored(6, "eu", rank(1, "eu")), stored(2, "us", rank(1, "eu"))] if kept else []),
    )
    lost = StoreLost(4, "eu", frozenset({rank(1, "eu").timestamp} if kept else ()))
    found = lags(REGIONS, told, [lost], np.array([3.0, 4.5, 6.0]))
    assert found["eu"].tolist() == [0.0, before, 0.0]
    assert found["us"].tolist() == [0.0 if kept else 2.0, 0.0, 0.0]


def test_regions_are_alike_again_when_the_last_has_the_least_entry() -> None:
    """A key that never becomes alike has no end, and one that became different later does not count."""
    told = histories(
        stored(1, "eu", rank(1, "eu")),
        stored(2, "us", rank(2, "us")),
        stored(5, "us", rank(1, "eu")),
        stored(6, "eu", rank(6, "eu"), ("default", "later")),
    )
    found = Likeness(REGIONS, told, [])
    assert found.healed(3.0) == 2.0
    assert found.healed(0.5) == 0.0
    assert found.healed(7.0) == inf
    assert found.differing == 1


def test_the_last_line_of_a_trace_may_be_torn_and_refused_effects_count_for_nothing(tmp_path: Path) -> None:
    """A process that was killed leaves such a line."""
    claim = {"tenant": "default", "pcs_id": "k", "digest": "d", "timestamp": rank(1, "eu").timestamp, "region": "eu"}
    line = {"kind": "ingest", "effect": "Store", "ended": int((ORIGIN + 2) * 1e9), "claim": claim, "result": claim}
    refused = line | {"result": {"refused": "ORD-4", "status": 503}}
    trace = tmp_path / "eu.jsonl"
    whole = b"".join(msgspec.json.encode(each) + b"\n" for each in (line, refused))
    trace.write_bytes(whole + msgspec.json.encode(line)[:-5])
    assert read({"eu": [trace]}, ORIGIN).stored == (stored(2.0, "eu", rank(1, "eu")),)


def judge(promise: Rank, arrived: float, *held: Held, once: bool = False, shipped: bool = False) -> Report:
    """A drill in which eu's disk is lost at 4 s, after one record was acknowledged; what the regions hold at the end."""
    submission = Submission("default", b"{}")
    plan = Plan(
        REGIONS,
        (Agent("agent-0", "eu", "clients.eu"),),
        (Arrival(0.5, 0, submission),),
        (),
        10.0,
        4.0,
        1.0,
        1.0,
        1.0,
        60.0,
        CONSTANTS.outbox,
        CONSTANTS.failover,
        1,
        "secret",
    )
    book = Book(lambda: 0.0)
    book.acknowledged.append(
        Acknowledgement(arrived, 0, "eu", "default", Stated("k", promise.timestamp, promise.region, "d"))
    )
    kill = Killed(Kill(4.0, "fire", "eu", loses=True), 4.0, [], frozenset({promise.timestamp} if shipped else ()))
    keys = frozenset({KEY} if once else ())
    answers = dict(zip(REGIONS, ({KEY: each} for each in held), strict=True))
    return judged(
        Drilled(plan, ORIGIN, book, (kill,), (), histories(), 11.0, answers, frozenset(), keys, 0, (), (), {})
    )


def test_what_only_the_lost_disk_had_is_lost_and_excused_even_if_its_acknowledgement_arrived_later() -> None:
    """RPO counts what was acknowledged by then."""
    for arrived, exposed in ((3.0, 1.0), (5.0, 0.0)):
        report = judge(rank(2, "eu"), arrived, Held(), Held())
        assert (report.lost, report.inexcusable, report.replaced) == ((KEY,), (), ())
        assert report.figures["rpo_records"].value == exposed
        assert report.figures["rpo"].value == (1.0 if exposed else 0.0)


def test_what_had_been_outside_must_not_be_lost() -> None:
    """In an object when the disk was lost, or in one that was spoilt before; or logged elsewhere."""
    for report in (
        judge(rank(2, "eu"), 3.0, Held(), Held(), shipped=True),
        judge(rank(2, "eu"), 3.0, Held(), Held(), once=True),
        judge(rank(2, "us"), 3.0, Held(), Held()),
        judge(rank(6, "eu"), 6.5, Held(), Held()),
    ):
        assert report.lost == report.inexcusable == (KEY,)


def test_an_acknowledged_entry_gives_way_to_an_earlier_one_only() -> None:
    """Unless it was lost with its disk; and regions that hold different entries are not alike."""
    later, earlier = (Held(*rank(moment, "us"), "d") for moment in (5.0, 1.0))
    assert judge(rank(2, "us"), 3.0, later, later).replaced == (KEY,)
    assert judge(rank(2, "us"), 3.0, earlier, earlier).replaced == ()
    assert judge(rank(2, "eu"), 3.0, later, later).replaced == ()
    assert judge(rank(2, "us"), 3.0, later, earlier).unlike == (KEY,)
    assert judge(rank(2, "us"), 3.0, Held(), earlier).unlike == (KEY,)
