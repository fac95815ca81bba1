"""The protocol: every message there is reads back, nothing else is read, and the published schema says the same."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.conformance.operations import OPERATIONS
from flk.conformance.sdk import schema
from flk.conformance.sdk.protocol import (
    REPLIES,
    REQUESTS,
    Bye,
    Crash,
    Error,
    Kit,
    KitHello,
    Message,
    NotAMessage,
    Run,
    Skip,
    Subject,
    SubjectHello,
    Value,
    read_reply,
    read_request,
    write,
)
from flk.conformance.sdk.subject import replies
from flk.spec.vectors import load

SCHEMA: dict[str, Any] = json.loads(schema.PATH.read_text("utf-8"))
REQUEST = jsonschema.Draft202012Validator({"$ref": "#/$defs/request", "$defs": SCHEMA["$defs"]})
REPLY = jsonschema.Draft202012Validator({"$ref": "#/$defs/reply", "$defs": SCHEMA["$defs"]})

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
RAW = JSON.map(lambda value: msgspec.Raw(json.dumps(value).encode()))
SEQ = st.integers(0, 2**31)
SENTENCE = st.text(min_size=1)
IDS = st.from_regex(r"[A-Z0-9]+-[0-9]+", fullmatch=True)
ASKED = st.one_of(
    st.builds(KitHello, st.builds(Kit, st.integers(), st.text())),
    st.builds(Run, SEQ, st.text(), RAW),
    st.just(Bye({})),
)
ANSWERED = st.one_of(
    st.builds(
        SubjectHello,
        st.builds(
            Subject,
            st.integers(),
            SENTENCE,
            SENTENCE,
            st.lists(st.text()).map(tuple),
            st.text(),
            st.text(),
            st.dictionaries(st.text(), SENTENCE, max_size=3),
        ),
    ),
    st.builds(Value, SEQ, RAW),
    st.builds(Error, SEQ, IDS, st.none() | st.text() | st.just(msgspec.UNSET)),
    st.builds(Skip, SEQ, SENTENCE),
    st.builds(Crash, SEQ, SENTENCE),
    st.just(Bye({})),
)


@settings(deadline=None)
@given(ASKED)
def test_requests_read_back(message: Message) -> None:
    """What the kit writes, a subject reads, on one line, and the schema allows it."""
    line = write(message)
    assert line.count(b"\n") == 1
    assert read_request(line) == message
    REQUEST.validate(json.loads(line))


@settings(deadline=None)
@given(ANSWERED)
def test_replies_read_back(message: Message) -> None:
    """What a subject writes, the kit reads, on one line, and the schema allows it."""
    line = write(message)
    assert line.count(b"\n") == 1
    assert read_reply(line) == message
    REPLY.validate(json.loads(line))


@settings(deadline=None)
@given(JSON)
def test_schema_and_reader_agree_on_any_json(value: object) -> None:
    """A line that the schema refuses is no message, and the other way round."""
    line = json.dumps(value).encode()
    for reader, validator in ((read_request, REQUEST), (read_reply, REPLY)):
        try:
            reader(line)
        except NotAMessage:
            assert not validator.is_valid(value)
        else:
            assert validator.is_valid(value)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b"null",
        b'{"seq":1}',
        b'{"value":1}',
        b'{"seq":1,"value":1,"error":"REC-1"}',
        b'{"seq":1,"value":1,"extra":2}',
        b'{"seq":-1,"value":1}',
        b'{"seq":1.5,"value":1}',
        b'{"seq":"1","value":1}',
        b'{"seq":1,"value":NaN}',
        b'{"seq":1,"error":"because"}',
        b'{"seq":1,"error":"REC-1","field":7}',
        b'{"seq":1,"skip":""}',
        b'{"hello":{"protocol":1}}',
        b'{"hello":{"protocol":"1","name":"x","language":"y","operations":[]}}',
        b'{"seq":1,"value":1}{"seq":2,"value":2}',
        b"\xff",
    ],
)
def test_what_is_no_reply(line: bytes) -> None:
    """Anything else is refused, with a reason."""
    with pytest.raises(NotAMessage, match=r"."):
        read_reply(line)


def test_the_published_schema_is_that_of_the_classes() -> None:
    """Byte for byte; if a form changed on purpose, run `flk conform vectors --write`."""
    assert schema.text() == schema.PATH.read_text("utf-8")


def test_every_vector_has_the_form_that_the_schema_publishes() -> None:
    """Inputs and values of all cases, golden ones included."""
    for group in load():
        question, answer = (
            jsonschema.Draft202012Validator({**SCHEMA["operations"][group.operation][part], "$defs": SCHEMA["$defs"]})
            for part in ("input", "value")
        )
        for case in group.cases:
            question.validate(json.loads(bytes(case.input)))
            if isinstance(case.expect.value, msgspec.Raw):
                answer.validate(json.loads(bytes(case.expect.value)))


def test_our_subject_answers_in_messages_of_the_schema() -> None:
    """Both directions of a whole conversation are valid, an unknown operation and a wrong input included."""
    cases = [
        Run(number, group.operation, case.input)
        for number, (group, case) in enumerate((g, c) for g in load() for c in g.cases)
    ]
    odd = [Run(len(cases), "teleport", msgspec.Raw(b"{}")), Run(len(cases) + 1, "fixed9", msgspec.Raw(b"[]"))]
    asked: list[Message] = [KitHello(Kit(1, "test")), *cases, *odd, Bye({})]
    lines = [write(message) for message in asked]
    answers = list(replies(lines))
    assert [type(answer) for answer in answers[-3:]] == [Skip, Crash, Bye]
    for line in lines:
        REQUEST.validate(json.loads(line))
    for answer in answers:
        REPLY.validate(json.loads(write(answer)))


def test_the_documentation_names_every_operation_and_every_message() -> None:
    """PROTOCOL.md leaves nothing out."""
    text = Path("conformance/PROTOCOL.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?`) \|", text.partition("## Operations")[2].partition("\n# ")[0], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == OPERATIONS.keys()
    assert all(f'"{key}"' in text for key in REQUESTS.keys() | REPLIES.keys())
