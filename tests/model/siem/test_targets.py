"""What receivers are sent, and what their answers say (SIEM-2, SIEM-3)."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.siem import SECRET, audit_leaves

from flk.model.flow.submission import Response
from flk.model.siem.events import Event, Severity, told
from flk.model.siem.targets import Kind, Refusal, Target, Verdict, request, verdict

KINDS = st.sampled_from(Kind)
EVENTS = tuple(Event("example.com/log", number, leaf) for number, leaf in enumerate(audit_leaves(3)))


@given(
    kind=KINDS,
    count=st.integers(1, 3),
    response=st.none()
    | st.builds(
        Response, st.integers(100, 599), st.binary(max_size=40) | st.sampled_from([b"{}", b"[]", b"null", b""])
    ),
)
def test_an_answer_settles_each_event_or_it_is_sent_again(kind: Kind, count: int, response: Response | None) -> None:
    """Of no answer is anything made but what it says: an event is taken only by a 2xx, refused only by a status about what was
    sent, and nothing is both refused and sent again.
    """
    events = EVENTS[:count]
    found = verdict(Target(kind), events, response)
    refused = {event for refusal in found.refused for event in refusal.events}
    assert not refused & set(found.again)
    assert refused | set(found.again) <= set(events)
    if response is None or response.status not in {*range(200, 300), 400, 413, 415, 422}:
        assert found.again == events
        assert found.reason
    elif response.status >= 400:
        assert found.smaller == (count > 1)
        assert found.smaller or refused == set(events)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.SPLUNK, {"text": "Success", "code": 0}),
        (Kind.DATADOG, {}),
        (Kind.ELASTIC, {"errors": False, "items": [{"create": {"status": 201}}] * 3}),
        (Kind.SUMO, {}),
        (Kind.OTLP, {"partialSuccess": {}}),
    ],
)
def test_what_a_vendor_answers_when_it_takes_all(kind: Kind, body: object) -> None:
    """Nothing is left to do."""
    assert verdict(Target(kind), EVENTS, Response(200, json.dumps(body).encode())) == Verdict()


def test_elastic_says_of_each_event() -> None:
    """201 and 409 are taken, 429 and 503 are sent again, 400 is refused; in order, and only if there is one for each."""
    items = [{"create": {"status": status, "error": {"type": "t"}}} for status in (409, 429, 400)]
    found = verdict(Target(Kind.ELASTIC), EVENTS, Response(200, json.dumps({"errors": True, "items": items}).encode()))
    assert found.again == (EVENTS[1],)
    assert found.refused == (Refusal((EVENTS[2],), '400: {"type":"t"}', 1),)
    few = json.dumps({"errors": False, "items": items[:2]}).encode()
    assert verdict(Target(Kind.ELASTIC), EVENTS, Response(200, few)).again == EVENTS


def test_of_a_partial_success_nothing_is_sent_again() -> None:
    """As OTLP demands: it says how many were rejected, so that many are noted of the request."""
    body = json.dumps({"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "too old"}}).encode()
    assert verdict(Target(Kind.OTLP), EVENTS, Response(200, body)) == Verdict(refused=(Refusal(EVENTS, "too old", 2),))


def test_a_splunk_that_says_no_with_200_has_taken_nothing() -> None:
    """Its code is what counts."""
    found = verdict(Target(Kind.SPLUNK), EVENTS, Response(200, b'{"text":"Server is busy","code":9}'))
    assert (found.again, found.reason) == (EVENTS, "9: Server is busy")


def test_events_are_told_with_kind_severity_time_and_place() -> None:
    """An equivocation is an error, an outcome that is not accepted a warning; the time is that of the leaf (SIEM-1)."""
    severities = {(each := told(Event("l", 1, leaf))).kind: each.severity for leaf in audit_leaves(6)[::-1]}
    assert severities["equivocation"] is Severity.ERROR
    assert severities["supersession"] is severities["outcome"] is Severity.WARNING
    event = told(EVENTS[1])
    assert (event.sequence, event.log, event.kind) == (1, "example.com/log", "outcome")
    assert event.time == pytest.approx(1767225600, abs=86400)
    assert len({told(each).id for each in EVENTS}) == len(EVENTS)
    assert told(Event("other", 1, b"")).id != event.id


@given(kind=KINDS, leaf=st.binary(max_size=60))
def test_whatever_a_leaf_is_it_can_be_told(kind: Kind, leaf: bytes) -> None:
    """A log of somebody else has leaves of any kind: what is no JSON object is told as text."""
    body = request(Target(kind), [Event("l", 0, leaf)], SECRET).body
    assert body.decode()
    assert "\n" not in body.decode().removesuffix("\n").split("\n")[-1]


def test_secrets_are_in_headers_only() -> None:
    """A body may be logged on its way."""
    for kind in Kind:
        sent = request(Target(kind), EVENTS, SECRET)
        assert SECRET.encode() not in sent.body
        assert b64encode(SECRET.encode()) not in sent.body
        assert SECRET not in sent.path
