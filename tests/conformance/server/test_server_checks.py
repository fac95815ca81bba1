"""The server checks: an honest server passes them all, and each planted defect is found by the check named for it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from tests.conformance.server.test_admin import NAMES as OF_OPERATORS
from tests.conformance.server.test_audit import NAMES as OF_AUDIT_LOGS
from tests.conformance.server.test_drawing import NAMES as OF_PROOFS
from tests.conformance.server.test_nodes import NAMES
from tests.conformance.server.test_policies import NAMES as OF_POLICIES
from tests.support.conformance.asking_server import DRAWING, LOG, LOG_SIGNER, Asking
from tests.support.conformance.memory_server import KEYRING, OPERATOR, RETIRED, ROTATION, SIGNERS, TOKENS, Node, serving
from tests.support.conformance.recall_defects import DEFECTS
from tests.support.conformance.server_defects import EscalatedIs200

from flk.conformance.reports.report import CaseStatus
from flk.conformance.server import durability, generated, outcomes, recall
from flk.conformance.server.check import Check
from flk.conformance.server.checks import CHECKS
from flk.conformance.server.client import Client
from flk.conformance.server.examine import examine, tried
from flk.conformance.server.reference_admin import ReferenceAdmin, operating
from flk.conformance.server.reference_audit import ReferenceAudit
from flk.conformance.server.target import Operators, Server
from flk.model.flow.submission import Response, Submission
from flk.model.record.canonical import Profile
from flk.model.record.signing import Keyring
from flk.model.refusal import Overloaded, unavailable
from flk.spec.errors import UnusableInput
from flk.spec.requirements import catalogue
from flk.spec.verdict import Verdict

pytestmark = pytest.mark.slow

OVERLOADED = Overloaded("ORD-6", "as much is in flight as is admitted", retry_after=10)
UNAVAILABLE = unavailable("the store does not answer")


class Restartable(Server):
    """A server under test whose restart is a call instead of a command."""

    def __init__(self, url: str, node: Node, seed: int, admin: str | None = None) -> None:
        super().__init__(
            Client(url, 10),
            SIGNERS,
            seed,
            rotation=ROTATION,
            retired=RETIRED,
            tokens=TOKENS,
            others=[Client(url, 10)],  # a region of one node, asked under two names
            operators=Operators(Client(admin, 10), OPERATOR) if admin else None,
            audit=LOG,
            drawing=DRAWING,
        )
        self._node = node

    def size(self, usual: int) -> int:
        return usual // 6

    @property
    def can_restart(self) -> bool:
        return True

    @contextmanager
    def overloaded(self) -> Iterator[None]:
        self._node.trouble = OVERLOADED
        yield
        self._node.trouble = None

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        self._node.trouble = UNAVAILABLE
        yield
        self._node.trouble = None

    def restart(self) -> None:
        self._node.restart()
        self.wait_until_ready()


def test_an_honest_server_passes_every_check() -> None:
    """The memory runtime behind plain HTTP conforms, nothing left out."""
    node = Asking()
    node.administered = True
    node.audit = ReferenceAudit(node, LOG_SIGNER, OPERATOR)
    with serving(node) as url, operating(ReferenceAdmin(node, OPERATOR)) as admin:
        report = examine(Restartable(url, node, seed=1, admin=admin))
    assert [(result.name, result.detail) for result in report.results if result.status is not CaseStatus.PASSED] == []
    assert (report.verdict, report.notes) == (Verdict.HOLDS, ("seed 1",))


class TakesTheOlderForm(Node):
    """Every profile counts, configured or not."""

    accepted = Keyring(KEYRING.live_keys, tuple(Profile))


def test_a_server_that_takes_the_older_form_is_told_so() -> None:
    """Whether it is configured is not seen from outside, so it is noted and held against nobody (C14N-6)."""
    with serving(TakesTheOlderForm()) as url:
        report = examine(Server(Client(url, 10), {"default": SIGNERS["default"]}, 1))
    assert report.verdict is Verdict.HOLDS
    assert [note for note in report.notes if "C14N-6" in note] != []


@pytest.mark.parametrize(
    ("defect", "check"),
    DEFECTS.items(),
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_defect_is_caught(defect: Callable[[], Node], check: Check) -> None:
    """The check named for a defect fails on it, for a reason it can tell."""
    node = defect()
    with serving(node, node.handler) as url:
        result = tried(check, Restartable(url, node, seed=2))
    assert result.status is CaseStatus.FAILED
    assert result.detail


def test_every_check_catches_a_defect() -> None:
    """No check goes untried; those of several nodes, operators, audit logs, policies and proofs have defects of their own."""
    elsewhere = {*NAMES, *OF_OPERATORS, *OF_AUDIT_LOGS, *OF_POLICIES, *OF_PROOFS}
    assert {check.name for check in DEFECTS.values()} | elsewhere == {check.name for check in CHECKS}


def test_checks_name_requirements_that_exist() -> None:
    """Every check bears on requirements of the catalogue and says what it claims."""
    known = {requirement.id for requirement in catalogue()}
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.requirements
        assert set(check.requirements) <= known
        assert check.claim.endswith(".")


def test_a_disagreement_arrives_shrunk() -> None:
    """The record that shows a wrong status is the smallest there is: two scales, counts of one, signals of zero."""
    node = EscalatedIs200()
    with serving(node) as url:
        (result,) = examine(Restartable(url, node, seed=3), [generated.judges_like_the_model]).results
    assert "scales [1, 2], N_j {'1': 1, '2': 1}, D_hat 0.0, coh_star 0.0, r 0.0" in result.detail


class HangsUp(Node):
    """Closes the connection instead of answering a submission."""

    def submit(self, submission: Submission) -> Response:
        raise ConnectionAbortedError


def test_a_server_that_hangs_up_gave_no_answer() -> None:
    """That says nothing about what it did, and is told apart from a wrong answer."""
    node = HangsUp()
    with serving(node) as url:
        report = examine(Restartable(url, node, seed=4), [outcomes.accepted])
    assert [(result.name, result.status) for result in report.results] == [("preflight", CaseStatus.SILENT)]
    assert report.verdict is Verdict.VIOLATED


def test_without_a_second_tenant_or_a_restart_command_checks_are_left_out() -> None:
    """What the caller did not give is named, and held against nobody."""
    with serving(Node()) as url:
        server = Server(Client(url, 10), {"default": SIGNERS["default"]}, 5)
        needy = [outcomes.tenants_are_apart, durability.acknowledged_survives_restart, recall.outcome_by_id]
        report = examine(server, needy)
    options = ("--tenant", "--restart", "--token")
    assert [result.status for result in report.results] == [CaseStatus.DECLINED] * 3
    assert [option in result.detail for option, result in zip(options, report.results, strict=True)] == [True] * 3
    assert report.verdict is Verdict.UNDECIDED


def test_a_server_that_tells_no_outcomes_by_id_is_not_blamed() -> None:
    """It has no such path, and says so as of any other (ORD-8)."""
    node = Node()
    node.tokens = {}
    with serving(node) as url:
        report = examine(Restartable(url, node, seed=6), [recall.outcome_by_id, outcomes.accepted])
    assert [result.status for result in report.results] == [CaseStatus.DECLINED, CaseStatus.PASSED]
    assert report.verdict is Verdict.HOLDS


def test_an_answer_that_comes_before_the_body_was_sent_is_read() -> None:
    """A server may refuse a large body as soon as it knows enough, and hang up on the rest of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse_early() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n{}")

        server = Thread(target=refuse_early)
        server.start()
        reply = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", 10).request("POST", "/", b" " * 50_000_000)
        server.join()
    assert reply == (413, {"content-length": "2"}, b"{}")


def test_nobody_there_is_unusable() -> None:
    """A URL that nobody answers at is the caller's mistake, and so is one that is no URL."""
    with serving(Node()) as url:
        pass
    with pytest.raises(UnusableInput, match="no server answers"):
        examine(Server(Client(url, 10), SIGNERS, 6))
    for wrong in ("localhost:8080", "ftp://host", "http://", "http://host?x=1"):
        with pytest.raises(UnusableInput, match="base URL"):
            Client(wrong, 10)
