"""Kills of nodes that share a store, and of the store's server; and that the measurement sees what it is for."""

from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.support.impl import store_servers

from flk.impl.bench import crash_region as module
from flk.impl.bench.audit_books import Auditor
from flk.impl.bench.crash_memory import Answer
from flk.impl.bench.crash_region import Region, crash_region
from flk.impl.bench.store_servers import KINDS
from flk.model.flow.submission import Submission
from flk.spec.verdict import Verdict

SENT = Submission("default", b'{"pcs_id": "a"}')
TOLD = {"pcs_id": "a", "timestamp": "0000000000000005", "digest": "d5"}


@pytest.mark.slow
@pytest.mark.parametrize("stores", [1, 10**9], ids=["the store's server", "the nodes"])
def test_nodes_and_stores_killed_under_load_lose_and_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stores: int
) -> None:
    """Two nodes on one Redis; `flk bench crash --store` kills as often as you like, PostgreSQL and a Cluster, too."""
    monkeypatch.setattr(module, "STORE_KILLS_EVERY", stores)
    monkeypatch.setattr(module, "MOST_PER_RUN", 100)
    report = crash_region(tmp_path, store_servers.redis(), 2, 2, seed=1, progress=lambda _: None)
    assert report.verdict is Verdict.HOLDS, report
    assert report.kills >= 2
    assert (report.of_store > 0) == (stores == 1)
    assert report.compared >= report.acknowledged > 0


@pytest.mark.slow
@pytest.mark.thorough
def test_nodes_that_are_killed_write_one_audit_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two nodes of a region, killed under load: each id that one acknowledged is one leaf, and all checkpoints are one history."""
    monkeypatch.setattr(module, "MOST_PER_RUN", 60)
    monkeypatch.setattr(module, "STORE_KILLS_EVERY", 2)
    report = crash_region(tmp_path, KINDS["redis"](), 2, 3, 3, lambda _: None, Auditor(tmp_path))
    assert report.verdict is Verdict.HOLDS, report
    assert report.audit is not None
    assert report.audit.leaves > report.audit.acknowledged > 0


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["redis+replica", "redis+cluster+replicas"])
def test_replicas_that_lag_take_over_under_load_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The master is killed while its replica lacks what was acknowledged last; two nodes put that back before they answer. Where
    two contents met, the record of what gave way may be missing (decision 0052); nothing else changes.
    """
    monkeypatch.setattr(module, "STORE_KILLS_EVERY", 1)
    monkeypatch.setattr(module, "MOST_PER_RUN", 100)
    server = KINDS[kind]()
    report = crash_region(tmp_path, server, 2, 2, seed=1, progress=lambda _: None)
    assert (report.lost, report.refused, report.fell) == (0, 0, 0), report
    assert report.changed <= report.gave_way, report
    assert report.of_store == 2
    assert report.compared >= report.acknowledged > 0


@pytest.mark.parametrize(
    ("now", "contents", "counted"),
    [
        ({}, 1, ""),
        ({"timestamp": "0000000000000006"}, 2, "lost"),
        ({"timestamp": "0000000000000004"}, 1, "changed"),
        ({"digest": "d4"}, 1, "changed"),
        ({"timestamp": "0000000000000004"}, 2, "gave_way"),
        ({"digest": "d4"}, 2, "gave_way"),
        ({"reason": "another"}, 2, "changed"),
    ],
)
def test_what_an_answer_that_is_given_again_is_taken_for(now: dict[str, str], contents: int, counted: str) -> None:
    """Only where two contents met may an earlier entry stand now; and it must be on record, or it counts as changed."""
    server = store_servers.redis()
    region = Region(server, server.url(""), [], Random(0))
    region.sent["a"] = contents
    region.judge(Answer(SENT, 200, msgspec.json.encode(TOLD)), 200, msgspec.json.encode(TOLD | now))
    region.finish()
    report = region.report
    found = {"lost": report.lost, "changed": report.changed, "gave_way": report.gave_way}
    expected = {counted: 1} if counted else {}
    if counted == "gave_way":
        expected["changed"] = 1  # nothing is on record in this store
    assert {name: count for name, count in found.items() if count} == expected
