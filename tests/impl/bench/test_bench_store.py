"""`flk bench store` times what it says: both sides insert or get the same, and the bars follow from the figures."""

from pathlib import Path

import pytest
from tests.support.impl import store_servers
from tests.support.impl.store_servers import StoreServer

from flk.impl.bench import stores as module
from flk.impl.bench.plain_stores import SHARED, PlainSqlite, PlainStore
from flk.impl.bench.stores import Report, batches, measure


def test_a_plain_client_keeps_the_first_value_and_returns_it(tmp_path: Path) -> None:
    """Of every kind."""
    servers: dict[str, StoreServer] = {"postgresql": store_servers.postgres(), "redis": store_servers.redis()}
    plain: list[PlainStore] = [PlainSqlite(tmp_path / "plain.sqlite")]
    plain += [kind.plain(servers[kind.name].url("plain")) for kind in SHARED if kind.name in servers]
    for store in plain:
        assert store.insert_or_get([("a", "1"), ("b", "2")]) == ["1", "2"]
        assert store.insert_or_get([("c", "3"), ("a", "4")]) == ["3", "1"]
        store.close()


def test_batches_repeat_some_keys_and_go_on() -> None:
    """No two claims have one timestamp."""
    source = batches()
    claims = next(source) + next(source)
    assert len({claim.entry.timestamp for claim in claims}) == len(claims)
    assert 0.8 < len({claim.key for claim in claims}) / len(claims) < 1


@pytest.mark.slow
def test_everything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each store, each number of nodes, and what checksums and snapshots take."""
    monkeypatch.setattr(module, "NODES", (1, 2))
    monkeypatch.setattr(module, "SNAPSHOT_BATCHES", 4)
    report = measure(1)
    assert [figure.name for figure in report.claims] == ["sqlite", "postgresql", "redis", "redis+cluster"]
    assert all(figure.per_second > 0 and figure.ratio > 0 for figure in report.claims)
    assert [(row.store, row.nodes) for row in report.nodes] == [(s, n) for s in ("postgresql", "redis") for n in (1, 2)]
    assert 0 < report.checksum < report.submit
    assert report.snapshot > 0


def test_the_bars_follow_from_the_figures() -> None:
    """A twentieth is met, more is missed."""
    assert [bar.met for bar in Report((), (), 100e-6, 4e-6, 10e-6).bars] == [True, True]
    assert [bar.met for bar in Report((), (), 100e-6, 6e-6, 30e-6).bars] == [False, False]
