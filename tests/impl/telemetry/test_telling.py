"""A real node and a collector: what is told of submissions and passes, what never is, and that nobody waits for it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.support.impl.client import Client, keys_of, sample
from tests.support.impl.collector import Collected, attributes, collector, hangs
from tests.support.model.world import EQUIVOCATING, FORGED, HONEST, MALFORMED, pcs, submission

from flk.impl.access import Role, add_token
from flk.impl.server.process import ServerProcess, server_process
from flk.impl.server.settings import Settings, mistakes
from flk.impl.telemetry.telling import Telemetry
from flk.model.flow.answers import BATCH_PATH, SUBMIT_PATH
from flk.model.flow.batch import MEDIA_TYPE
from flk.model.flow.submission import Submission

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
OFTEN = ["--limit", "otlp.every_seconds=0.05", "--limit", "otlp.timeout_seconds=9"]


class Told:
    """A node, a client of it, and what the collector has got."""

    def __init__(self, server: ServerProcess, client: Client, collected: Collected, token: str) -> None:
        self.server = server
        self.client = client
        self.collected = collected
        self.token = token

    def submit(self, sent: Submission, traceparent: str | None) -> int:
        headers = {"X-Tenant-Id": sent.tenant} | ({"traceparent": traceparent} if traceparent else {})
        return self.client.request("POST", SUBMIT_PATH, sent.body, headers).status

    def followed(self, trace: str, spans: int) -> list[Span]:
        """The spans of a trace, in the order of their beginnings, once there are so many."""

        def found() -> list[Span]:
            with self.collected.lock:
                own = [span for span in self.collected.spans if span.trace_id.hex() == trace]
            return sorted(own, key=lambda span: (span.start_time_unix_nano, span.name != f"POST {SUBMIT_PATH}"))

        self.collected.wait(lambda: len(found()) >= spans)
        assert len(found()) == spans
        return found()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A node that ships, tells nobody of whom nobody follows, and logs what it has to say."""
    home = tmp_path_factory.mktemp("told")
    (home / "objects").mkdir()
    access = home / "access.toml"
    token = add_token(access, "reader", Role.TENANT, "default")
    with collector() as collected:
        options = ["--otlp", collected.url, "--otlp-sample", "0", *OFTEN, "--log-level", "info", "--ship-every", "0.1"]
        options += ["--objects", (home / "objects").as_uri(), "--access", str(access)]
        with (
            server_process(home / "data", keys_of(home), options) as server,
            closing(Client(server)) as client,
        ):
            yield Told(server, client, collected, token)


def trace_of(number: int) -> str:
    """An id of its own."""
    return f"{number:032x}"


def test_a_submission_that_is_followed_has_a_span_and_those_of_its_steps(told: Told) -> None:
    """It is the caller's child, named as HTTP's conventions say; log, examine and store lie in it one after the other (OBS-9)."""
    assert told.submit(HONEST, f"00-{TRACE}-{SPAN}-01") == 200
    whole, *steps = told.followed(TRACE, 4)
    assert (whole.parent_span_id.hex(), whole.kind, whole.name) == (SPAN, Span.SPAN_KIND_SERVER, f"POST {SUBMIT_PATH}")
    assert attributes(whole.attributes) == {
        "http.request.method": "POST",
        "http.route": SUBMIT_PATH,
        "url.path": SUBMIT_PATH,
        "url.scheme": "http",
        "http.response.status_code": 200,
        "flk.tenant": "default",
    }
    assert [step.name for step in steps] == ["log", "examine", "store"]
    assert all(step.parent_span_id == whole.span_id for step in steps)
    moments = [(step.start_time_unix_nano, step.end_time_unix_nano) for step in steps]
    assert moments == sorted(moments)
    assert whole.start_time_unix_nano <= moments[0][0]
    assert moments[-1][1] <= whole.end_time_unix_nano
    assert all(one[1] <= other[0] for one, other in pairwise(moments))
    resource = told.collected.resources[0]
    assert (resource["service.name"], resource["flk.region"]) == ("flk", "eu")


@pytest.mark.parametrize(
    ("sent", "status", "requirement", "steps"),
    [
        (FORGED, 401, "SIGN-6", ["log", "examine"]),
        (MALFORMED, 400, "REC-1", ["log", "examine"]),
        (EQUIVOCATING, 409, "", None),
    ],
)
def test_a_refusal_says_what_it_rests_on_and_not_whose_it_claims_to_be(
    told: Told, sent: Submission, status: int, requirement: str, steps: list[str] | None
) -> None:
    """The tenant only of what a key of that tenant signed; a refusal is no error of the node's."""
    told.submit(HONEST, None)
    trace = trace_of(status)
    assert told.submit(sent, f"00-{trace}-{SPAN}-01") == status
    spans = told.followed(trace, 4 if steps is None else 1 + len(steps))
    found = attributes(spans[0].attributes)
    assert found["http.response.status_code"] == status
    assert (found.get("flk.requirement", ""), "flk.tenant" in found) == (requirement, status == 409)
    assert spans[0].status.code == Status.STATUS_CODE_UNSET
    assert steps is None or [span.name for span in spans[1:]] == steps


def test_a_batch_is_one_span_and_its_steps_count_its_records(told: Told) -> None:
    """However many groups they were logged in."""
    records = [submission(pcs(epoch=100 + number)).body for number in range(200)]
    headers = {"Content-Type": MEDIA_TYPE, "traceparent": f"00-{trace_of(7)}-{SPAN}-01"}
    assert told.client.request("POST", BATCH_PATH, b"\n".join(records), headers).status == 200

    def stored() -> int:
        with told.collected.lock:
            own = [span for span in told.collected.spans if span.trace_id.hex() == trace_of(7)]
        return sum(attributes(span.attributes)["flk.records"] for span in own if span.name == "store")

    told.collected.wait(lambda: stored() == 200)
    told.collected.wait(lambda: told.collected.named(f"POST {BATCH_PATH}"))
    assert "flk.tenant" not in attributes(told.collected.named(f"POST {BATCH_PATH}")[0].attributes)


@pytest.mark.parametrize(
    "traceparent",
    [f"00-{trace_of(9)}-{SPAN}-00", f"00-{trace_of(9)}-{SPAN}-01-x", f"ff-{trace_of(9)}-{SPAN}-01", "", "nonsense"],
)
def test_whom_nobody_follows_is_not_told(told: Told, traceparent: str) -> None:
    """A caller that does not sample is heeded; one that says nothing that can be understood has said nothing."""
    assert told.submit(HONEST, traceparent) == 200
    assert told.submit(HONEST, f"00-{trace_of(10)}-{SPAN}-01") == 200
    told.collected.wait(lambda: any(span.trace_id.hex() == trace_of(10) for span in told.collected.spans))
    assert not [span for span in told.collected.spans if span.trace_id.hex() == trace_of(9)]
    submissions = told.collected.named(f"POST {SUBMIT_PATH}")
    assert all(span.parent_span_id for span in submissions)


def test_a_question_for_an_outcome_keeps_the_callers_text_to_itself(told: Told) -> None:
    """The route, and not the path."""
    for number, who in enumerate(({"Authorization": f"Bearer {told.token}"}, {"Authorization": "Bearer wrong"})):
        headers = {**who, "traceparent": f"00-{trace_of(20 + number)}-{SPAN}-01"}
        told.client.request("GET", "/v1/pcs/outcomes/what-a-caller-writes", None, headers)
        (span,) = told.followed(trace_of(20 + number), 1)
        assert span.name == "GET /v1/pcs/outcomes/{pcs_id}"
        assert attributes(span.attributes)["http.response.status_code"] == (401 if number else 400)


def test_log_lines_go_with_their_spans_and_passes_are_spans(told: Told) -> None:
    """A line that is logged for a submission has its trace, here and on stderr; a pass is told with what it did (OBS-9)."""
    told.submit(HONEST, None)
    assert told.submit(EQUIVOCATING, f"00-{trace_of(30)}-{SPAN}-01") == 409
    collected = told.collected
    collected.wait(lambda: any(line.trace_id.hex() == trace_of(30) for line in collected.lines))
    (line,) = [line for line in collected.lines if line.trace_id.hex() == trace_of(30)]
    assert (line.body.string_value, line.severity_text) == ("equivocation", "WARNING")
    assert attributes(line.attributes) == {"tenant": "default", "pcs_id": json.loads(HONEST.body)["pcs_id"]}

    def shipped() -> list[Span]:
        return [span for span in collected.named("pass ship") if "flk.segments" in attributes(span.attributes)]

    collected.wait(shipped)
    assert attributes(shipped()[0].attributes)["flk.source"] == "eu"
    ids = {span.span_id for span in collected.named("pass ship")}
    collected.wait(lambda: [line for line in collected.lines if line.body.string_value == "replication.done"])
    done = [line for line in collected.lines if line.body.string_value == "replication.done"]
    assert {line.span_id for line in done} & ids


def test_nothing_of_a_record_a_key_or_a_token_is_told(told: Told) -> None:
    """In all that ever went out: no signature, no value of a field but an id, no secret, no token (OBS-2)."""
    for sent in (HONEST, FORGED, MALFORMED, EQUIVOCATING):
        told.submit(sent, f"00-{trace_of(40)}-{SPAN}-01")
    told.collected.wait(lambda: len([s for s in told.collected.spans if s.trace_id.hex() == trace_of(40)]) >= 4)
    sent_out = b"".join(told.collected.requests)
    record = json.loads(HONEST.body)
    secrets = [record["sig"], record["merkle_root"], record["shard_id"], "testsecret", told.token]
    assert [secret for secret in secrets if secret.encode() in sent_out] == []
    assert told.token not in str(told.collected.headers)


def test_a_node_goes_on_and_ends_whatever_its_collector_does(tmp_path: Path) -> None:
    """Beside one that never answers every submission is answered, what is not told is counted, and the node ends well (OBS-10)."""
    with collector() as collected:
        collected.misbehave = hangs
        bounds = {"timeout_seconds": 60, "queue_items": 8, "max_traces_per_second": 5, "stop_seconds": 0.2}
        options = [word for name, value in bounds.items() for word in ("--limit", f"otlp.{name}={value}")]
        started = server_process(
            tmp_path / "data", keys_of(tmp_path), ["--otlp", collected.url, "--otlp-sample", "1", *OFTEN, *options]
        )
        with started as server, closing(Client(server)) as client:
            statuses = {client.submit(submission(pcs(epoch=number))).status for number in range(60)}
            assert statuses == {200}
            dropped = {
                reason: sample(client, f'flk_otlp_dropped_total{{reason="{reason}",signal="traces"}}')
                for reason in ("rate", "full")
            }
            assert dropped["rate"] > 0
            assert dropped["full"] > 0
            assert "_upb" in Path(f"/proc/{server.process.pid}/maps").read_text()
        assert server.process.returncode == 0


def test_a_node_without_a_collector_imports_nothing_of_it(tmp_path: Path) -> None:
    """What is off costs nothing, not even memory."""
    with server_process(tmp_path / "data", keys_of(tmp_path)) as server:
        mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
        with closing(Client(server)) as client:
            metrics = client.request("GET", "/metrics").body.decode()
    assert "_upb" not in mapped
    assert "# TYPE flk_otlp_exported_total counter" in metrics
    assert not re.search(r"(?m)^flk_otlp_", metrics)


def test_without_the_packages_a_node_says_what_to_install(tmp_path: Path) -> None:
    """And does not start: a collector that was asked for is not left out in silence."""
    start = "import sys; sys.modules['opentelemetry'] = None; from flk.impl.command import main; main()"
    files = ["--data", str(tmp_path / "data"), "--keys", str(keys_of(tmp_path)), "--port", "0"]
    command = [sys.executable, "-c", start, "serve", *files, "--otlp", "http://127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "flk: --otlp needs the package opentelemetry-sdk: pip install 'flk-lab[otlp]'\n"


@pytest.mark.parametrize(
    "url", ["collector:4318", "ftp://collector", "http://", "http://a:b@c", "http://c?d=e", "http://c:0"]
)
def test_an_address_that_is_none_is_a_mistake(url: str, tmp_path: Path) -> None:
    """Told with the others, before anything starts."""
    settings = Settings(tmp_path, keys_of(tmp_path), otlp=Telemetry(url))
    (mistake,) = mistakes(settings)
    assert f"--otlp {url}: not the address of a collector" in str(mistake)
