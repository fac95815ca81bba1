"""Checks of several nodes of a region: honest ones pass, and each planted defect is found by the check that is for it."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.conformance.memory_server import SECRETS, SIGNERS, Node, serving
from tests.support.impl import store_servers
from tests.support.impl.client import keys_of

from flk.conformance import check_server
from flk.conformance.reports.report import CaseStatus
from flk.conformance.server.client import Client
from flk.conformance.server.examine import server_checks, tried
from flk.conformance.server.nodes import Told, judge_region
from flk.conformance.server.replies import Failed, Reply
from flk.conformance.server.target import Server
from flk.impl.server.process import server_process
from flk.model.effects import Store
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Entries, Objects
from flk.model.record.signing import HmacKey
from flk.spec.verdict import Verdict

NAMES = ("nodes-answer-alike", "nodes-have-one-order", "nodes-come-to-one-entry")
NOW = 1_700_000_000.0


@pytest.mark.slow
def test_two_nodes_on_one_store_pass(tmp_path: Path) -> None:
    """Real ones, on Redis."""
    keys, store = keys_of(tmp_path), store_servers.redis().url("")
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(server_process(tmp_path / name, keys, ["--store", store])).url
            for name in ("one", "other")
        )
        signers = {"default": HmacKey(b"testsecret")}
        report = check_server(one, signers, nodes=[other], checks=NAMES, seed=3, progress=False)
    assert [(result.name, result.detail) for result in report.results if result.status is not CaseStatus.PASSED] == []
    assert report.verdict is Verdict.HOLDS
    assert f"--node={other}" in report.again


class Shared(Node):
    """A node of a region: its entries are the other's, and its wall clock is its own."""

    def __init__(self, entries: Entries, behind: float) -> None:
        self._shared, self._behind = entries, behind
        super().__init__()

    def start(self) -> None:
        self.entries = self._shared
        self.runtime = MemoryNode(self.disk, self.entries, Objects(), now=lambda: NOW - self._behind)


class Hurried(Shared):
    """It looks whether a key is free, and then takes it, in two steps."""

    def perform(self, effect: Any) -> Any:
        if isinstance(effect, Store):
            stored = self.entries.entries.get(effect.claim.key)
            time.sleep(0.02)
            if stored is None:
                self.entries.entries[effect.claim.key] = stored = effect.claim.entry
            return stored
        return super().perform(effect)


def apart() -> tuple[Node, Node]:
    """Each has a store of its own."""
    return Node(), Node()


def clocks_apart() -> tuple[Node, Node]:
    """Neither asks the store how late it is."""
    entries = Entries()
    return Shared(entries, 0), Shared(entries, 50)


def hurried() -> tuple[Node, Node]:
    """Claims are no atomic step."""
    entries = Entries()
    return Hurried(entries, 0), Hurried(entries, 0)


@pytest.mark.parametrize(
    ("defect", "name"), [(apart, NAMES[0]), (clocks_apart, NAMES[1]), (apart, NAMES[2]), (hurried, NAMES[2])]
)
def test_each_defect_of_a_region_is_found(defect: Callable[[], tuple[Node, Node]], name: str) -> None:
    """By the check that is for it."""
    with ExitStack() as stack:
        one, other = (Client(stack.enter_context(serving(node)), 10) for node in defect())
        server = Server(one, SIGNERS, 5, others=[other])
        (check,) = server_checks(name)
        assert tried(check, server).status is CaseStatus.FAILED


def test_without_another_node_nothing_is_shown() -> None:
    """It is declined with what it needs."""
    with serving(Node()) as url:
        server = Server(Client(url, 10), {"default": HmacKey(SECRETS["default"])}, 1)
        for check in server_checks(*NAMES):
            result = tried(check, server)
            assert result.status is CaseStatus.DECLINED
            assert "--node" in result.detail


def told(digest: str, began: float, over: float, names: str = "", timestamp: str = "5") -> Told:
    """A submission of a content, and an answer that names it, or another."""
    named = names or digest
    body = json.dumps({"digest": named, "timestamp": timestamp}).encode()
    return Told(digest, began, over, Reply(200 if named == digest else 409, {}, body))


AFTER = told("a", 9, 10).reply


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        ([told("a", 0, 1)], ""),
        ([told("a", 0, 1), told("b", 0, 2, "a")], ""),
        ([told("b", 0, 1, timestamp="6"), told("a", 0, 2)], ""),
        ([told("b", 0, 1), told("a", 0, 2)], ""),
        ([told("b", 0, 1, timestamp="6"), told("a", 2, 3)], "nobody had sent"),
        ([told("a", 0, 1), told("c", 0, 1, "b")], "nobody had sent"),
        (
            [told("a", 0, 1), told("b", 0, 3, timestamp="6"), told("b", 2, 3, timestamp="6")],
            "later entry than one before",
        ),
        ([told("a", 0, 1), told("b", 0, 3, timestamp="4")], "earlier entry than the one that stands"),
        ([Told("b", 0, 1, told("a", 0, 1).reply)], "the sender of b got"),
    ],
)
def test_what_a_race_of_nodes_may_be_answered(history: Sequence[Told], complaint: str) -> None:
    """Answers only get earlier, and never name what was sent after an answer."""
    if complaint:
        with pytest.raises(Failed, match=complaint):
            judge_region(history, AFTER)
    else:
        assert judge_region(history, AFTER) == ("5", "a")
