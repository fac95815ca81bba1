"""The server checks: an honest server passes them all, and each planted defect is found by the check named for it."""

from collections.abc import Callable

import pytest
from tests.conformance.memory_server import SIGNERS, Node, serving
from tests.conformance.server_defects import DEFECTS

from flk.conformance.checks.check import Check
from flk.conformance.checks.client import Client
from flk.conformance.checks.server import Server
from flk.conformance.examine import examine
from flk.conformance.report import Exit, Verdict


class Restartable(Server):
    """A server under test whose restart is a call instead of a command."""

    def __init__(self, url: str, node: Node, seed: int) -> None:
        super().__init__(Client(url, 10), SIGNERS, seed)
        self._node = node

    def restart(self) -> None:
        self._node.restart()
        self.wait_until_ready()


def test_an_honest_server_passes_every_check() -> None:
    """The memory runtime behind plain HTTP conforms, nothing left out."""
    node = Node()
    with serving(node) as url:
        report = examine(Restartable(url, node, seed=1))
    assert [(result.name, result.detail) for result in report.results if result.verdict is not Verdict.PASSED] == []
    assert report.exit is Exit.HOLDS


@pytest.mark.parametrize(("defect", "check"), DEFECTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_each_defect_is_caught(defect: Callable[[], Node], check: Check) -> None:
    """The check named for a defect fails on it, for a reason it can tell."""
    node = defect()
    with serving(node) as url:
        (result,) = examine(Restartable(url, node, seed=2), [check]).results
    assert result.verdict is Verdict.FAILED
    assert result.detail
