"""No check passes against a server that never let it come to its point."""

from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler

import pytest
from tests.support.conformance.memory_server import OPERATOR, SIGNERS, TOKENS, Node, serving
from tests.support.conformance.server_defects import DigestKey

from flk.conformance.reports.report import CaseStatus, Report
from flk.conformance.server import generated, outcomes, refusals, register
from flk.conformance.server.checks import CHECKS
from flk.conformance.server.client import Client
from flk.conformance.server.examine import examine, tried
from flk.conformance.server.reference import listening
from flk.conformance.server.target import Operators, Server
from flk.model.flow.submission import Response, Submission
from flk.model.record.canonical import Profile
from flk.model.record.signing import HmacKey, Key, Keyring
from flk.spec.verdict import Verdict

pytestmark = pytest.mark.slow

QUICK = tuple(check for check in CHECKS if check is not generated.judges_like_the_model)
REFUSAL = b'{"error":"no","requirement":"%s","field":"sig"}'
ANSWERS: dict[str, tuple[int, bytes]] = {
    "accepts-everything": (200, b"{}"),
    "states-a-strange-digest": (200, b'{"digest":[1],"timestamp":7}'),
    "refuses-every-signature": (401, REFUSAL % b"SIGN-6"),
    "finds-everything-malformed": (400, b'{"error":"no","requirement":"ORD-9","field":"X-Tenant-Id"}'),
    "knows-no-path": (404, b"{}"),
    "allows-no-method": (405, b"{}"),
    "finds-everything-too-large": (413, b'{"error":"no","requirement":"ORD-5","field":null}'),
    "throttles": (429, b"{}"),
    "fails": (500, b"Internal Server Error"),
}


class Restarting(Server):
    """A server that is restarted by doing nothing."""

    def size(self, usual: int) -> int:
        return usual // 30

    def restart(self) -> None:
        """It keeps answering."""


def answering(status: int, body: bytes) -> AbstractContextManager[str]:
    """A server with one answer to everything; the base URL."""

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Allow", "GET, POST")
            self.send_header("Retry-After", "7")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = answer  # names of the standard library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return listening(Handler)


@pytest.mark.parametrize("name", ANSWERS)
def test_whoever_answers_everything_alike_passes_nothing(name: str) -> None:
    """Whatever the answer, no check passes and none stumbles."""
    with answering(*ANSWERS[name]) as url:
        operators = Operators(Client(url, 10), OPERATOR)
        server = Restarting(Client(url, 10), SIGNERS, seed=1, tokens=TOKENS, operators=operators)
        results = [tried(check, server) for check in QUICK]
        report = examine(server, [outcomes.accepted])
    assert [result.name for result in results if result.status is CaseStatus.PASSED] == []
    assert report.verdict is Verdict.VIOLATED


def told(report: Report) -> dict[str, tuple[CaseStatus, str]]:
    """Status and detail of each check."""
    return {result.name: (result.status, result.detail) for result in report.results}


def test_a_refused_plain_record_ends_the_run() -> None:
    """The report is that, and shows what was signed, under which tenant and with what kind of key."""
    with answering(*ANSWERS["refuses-every-signature"]) as url:
        report = examine(Restarting(Client(url, 10), SIGNERS, seed=1))
    assert list(told(report)) == ["preflight"]
    status, detail = told(report)["preflight"]
    assert status is CaseStatus.NOT_EXERCISED
    assert "your server refuses our plain record of tenant default" in detail
    (note,) = (note for note in report.notes if "plain record" in note)
    assert '{"D_hat":1.000000000,"budget":0.400000000,' in note
    assert "hmac-sha256 key of tenant default" in note


@pytest.mark.parametrize(
    ("keys", "profiles", "says"),
    [
        ([DigestKey(SIGNERS["default"])], [Profile.FIXED], "signed after a pre-hash, which SIGN-1 forbids"),
        ([SIGNERS["default"]], [Profile.JUDGED], "signed by profile judged; fix: --signing-profile judged"),
        ([SIGNERS["other"]], [Profile.FIXED], "signed with the key of tenant other; fix: exchange the keys"),
        ([HmacKey(b"a stranger's")], [Profile.FIXED], "fix: give server and kit one key for tenant default"),
    ],
)
def test_the_preflight_names_what_the_server_takes_instead(keys: list[Key], profiles: list[Profile], says: str) -> None:
    """Of the known ways to sign otherwise it names the one that is taken."""
    node = Node()
    node.keyring = Keyring({"default": keys, "other": [SIGNERS["other"]]}, profiles)
    with serving(node) as url:
        report = examine(Server(Client(url, 10), SIGNERS, seed=1))
    assert says in told(report)["preflight"][1]


def test_a_throttled_check_is_called_one() -> None:
    """A 429 says nothing about the record: the check is not exercised, and the message names the status and the wait."""
    with answering(*ANSWERS["throttles"]) as url:
        server = Restarting(Client(url, 10), SIGNERS, seed=1, tokens=TOKENS)
        result, report = tried(outcomes.accepted, server), examine(server)
    assert result.status is CaseStatus.NOT_EXERCISED
    for detail in (result.detail, told(report)["preflight"][1]):
        assert "429" in detail
        assert "Retry-After: 7" in detail


class WithoutDigest(Node):
    """An honest node whose replies leave the digest out."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        return Response(response.status, response.body.replace(b'"digest"', b'"digset"'))


@pytest.mark.parametrize("check", [outcomes.equivocation, register.one_winner, refusals.forged_under_stored_id])
def test_a_missing_digest_is_called_one(check: object) -> None:
    """No check takes the absence of a digest for another winner, or stumbles over it."""
    with serving(WithoutDigest()) as url:
        report = examine(Restarting(Client(url, 10), SIGNERS, seed=1), [check])  # type: ignore[list-item]  # of CHECKS
    (result,) = report.results
    assert result.status is CaseStatus.FAILED
    assert "lacks digest" in result.detail


class TakesAnyAttempt(Node):
    """An honest node that does not look at `attempt`."""

    def submit(self, submission: Submission) -> Response:
        response = super().submit(submission)
        return Response(200, b"{}") if b'"field":"attempt"' in response.body else response


def test_every_mutation_that_got_through_is_named() -> None:
    """The first few for a reader, and all of them for a program."""
    with serving(TakesAnyAttempt()) as url:
        report = examine(Restarting(Client(url, 10), SIGNERS, seed=1), [refusals.malformed])
    (result,) = report.results
    names = [detail.partition(":")[0] for detail in result.details]
    assert names == [
        "missing/attempt",
        *(f"attempt/{slug}" for slug in ("zero", "negative", "too-large", "fraction", "text", "null")),
        *(f"number/attempt-{word}" for word in ("1e0", "10e-1")),
    ]
    assert result.detail.startswith("9 of ")
    assert "attempt/zero: expected 400, got 200" in result.detail
