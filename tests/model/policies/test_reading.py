"""A policy is read strictly: whatever is wrong is told, all at once, with its line and how to mend it."""

import json
import re
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.support.model.policies import as_json, policies

from flk.model.policies.document import DEFAULT, LIMITS, Policy
from flk.model.policies.reading import read

SCHEMA: dict[str, Any] = json.loads(files("flk.spec").joinpath("policy.schema.json").read_text("utf-8"))
VALID: dict[str, Any] = json.loads(as_json(DEFAULT))
_IS = re.compile("(is|has|asks|cannot|makes|stands) ")
_SCHEMA_SAYS = Draft202012Validator(SCHEMA).is_valid

values = (
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.sampled_from([0.05, 0.3, 1.0, 1.05, 3.5, -0.1, 1.06, 3.6])
    | st.sampled_from(["", "1.2.3", "01.2.3", "1.2", "ops", "2026-01-01T00:00:00Z", "A" * 86 + "==", "x" * 1001])
    | st.sampled_from([{}, {"disable_wal": False}, {"skip_signature": True}, {"other": False}, []])
)


def told(text: bytes | str) -> list[tuple[int, str]]:
    """Line and field of each mistake. Of each is said what the field is or does, and then what to do about it."""
    mistakes = read(text.encode() if isinstance(text, str) else text).mistakes
    assert all(_IS.match(each.problem) and not _IS.match(each.mend) for each in mistakes)
    return [(each.line, each.field) for each in mistakes]


def changed(**fields: object) -> str:
    """The default policy as JSON with changes, a field to a line."""
    return json.dumps(VALID | fields, indent=1)


@given(policies(), st.sampled_from([*Policy.__struct_fields__, "active", "weights"]), values)
def test_the_schema_and_the_model_accept_the_same(policy: Policy, field: str, value: object) -> None:
    """But for what a schema cannot say."""
    document = json.loads(as_json(policy)) | {field: value}
    together = {"gamma", "sticky_D_hat_max"}
    mistakes = read(json.dumps(document).encode()).mistakes
    only_in_the_model = mistakes and all(
        each.field in together and re.search("more than 1$|not below", each.problem) for each in mistakes
    )
    assert _SCHEMA_SAYS(document) == (not mistakes or bool(only_in_the_model))


@given(st.data(), policies())
def test_what_is_missing_is_told(data: st.DataObject, policy: Policy) -> None:
    """A policy has no parameter that it does not state."""
    document = json.loads(as_json(policy))
    gone = data.draw(st.sampled_from(SCHEMA["required"]))
    del document[gone]
    assert told(json.dumps(document)) == [(1, gone)]


@given(
    st.binary(max_size=200) | st.text().map(str.encode) | st.dictionaries(st.text(), values).map(msgspec.json.encode)
)
def test_any_bytes_are_read_without_a_failure(text: bytes) -> None:
    """Whatever comes, the answer is a policy or why it is none."""
    reading = read(text)
    assert (reading.policy is None) == bool(reading.mistakes)
    assert all(each.problem and each.mend and each.line >= 1 for each in reading.mistakes)


RULES: dict[str, list[object]] = {
    "version": ["", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.00", "1.0.0\n", "1234567.0.0", 1],
    "tol_D": [-0.1, 1.1, "0.1", None, True, 0.1234567891],
    "tol_coh": [0.06, 0, 0.2],
    "tol_budget": [-1e-9, 1.000000001],
    "alpha": [-0.1, 1.1],
    "beta": [-0.1, 1.1],
    "gamma": [-0.1, 0.200000001],
    "base": [-0.1, 1.1],
    "D0": [-0.1, 3.1],
    "sticky_D_hat_max": [2.6, 2.7, -1],
    "sticky_coherence_min": [-0.1, 1.050000001],
    "non_sticky_D_hat_min": [3.6],
    "created_at": ["yesterday", "2026-01-01T00:00:00+01:00"],
    "name": [7, "x" * 1001, "\ud800"],
    "signature": ["AAAA", 7],
    "signed_by": ["a b", "-x"],
    "flags": [[], True],
    "vrf_mode": ["", "on", "Off", None, True, 1, [], {}],
    "scrutiny": [[], True, {}, None],
}
ASKED: dict[str, list[object]] = {
    "counts": [False, 1, None],
    "slope": [[3.0, 0.5], [0, 3.6], [-0.1, 1], [1], [1, 2, 3], 1, None, [0, "1"], [0.1234567891, 1], [False, 1]],
    "escalate_from": [0, 1.1, -1, None, True, 0.6, 0.1234567891],
    "reject_from": [0, 1.000000001, "1"],
    "anomaly": [0.5],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, wrong in RULES.items() for value in wrong])
def test_every_rule_is_told_with_its_field(field: str, value: object) -> None:
    """The field at fault is named, on its line."""
    text = changed(**{field: value})
    line = next(number for number, each in enumerate(text.splitlines(), 1) if f'"{field}":' in each)
    assert (line, field) in told(text)


@pytest.mark.parametrize(("check", "value"), [(check, value) for check, wrong in ASKED.items() for value in wrong])
def test_every_rule_of_what_is_asked_besides_is_told_with_its_field(check: str, value: object) -> None:
    """The check at fault is named, on its line, and nothing else (POL-12); the schema refuses it as well, but for an order."""
    text = changed(scrutiny={"reject_from": 0.5, check: value})
    line = next(number for number, each in enumerate(text.splitlines(), 1) if f'"{check}":' in each)
    assert set(told(text)) == {(line, check)}
    decimals = "0.1234567891" in str(value)
    assert _SCHEMA_SAYS(json.loads(text)) == (decimals or value in ([3.0, 0.5], 0.6))


@given(policies(), st.sampled_from([*ASKED]), values)
def test_the_schema_and_the_model_accept_the_same_of_what_is_asked_besides(
    policy: Policy, check: str, value: object
) -> None:
    """Any value in any check: but for an order, which a schema cannot say."""
    document = json.loads(as_json(policy))
    document["scrutiny"] = document.get("scrutiny", {}) | {check: value}
    mistakes = read(json.dumps(document).encode()).mistakes
    only_in_the_model = bool(mistakes) and all("above reject_from" in each.problem for each in mistakes)
    assert _SCHEMA_SAYS(document) == (not mistakes or only_in_the_model)


@pytest.mark.parametrize("flag", LIMITS.flags)
def test_no_flag_may_be_set(flag: str) -> None:
    """The log and the check of signatures are not for a policy to switch off."""
    assert told(changed(flags={flag: False})) == []
    ((_, field),) = told(changed(flags={flag: True}))
    assert field == flag


def test_lines_are_counted_from_the_first() -> None:
    """Empty ones before the document, too."""
    text = changed(gamma=2)
    mistakes = told(text)
    assert mistakes
    assert told(f"\n{text}") == [(line + 1, field) for line, field in mistakes]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines() -> None:
    """Nobody has to mend one to see the next."""
    text = changed(tol_D=2, gamma=0.5, sticky_D_hat_max=3, active=True).replace('"D0": 2.2', '"D0": NaN')
    lines = {
        field: n
        for n, each in enumerate(text.splitlines(), 1)
        for field in VALID | {"active": 0}
        if f'"{field}":' in each
    }
    wrong = sorted(["tol_D", "gamma", "sticky_D_hat_max", "active", "D0"], key=lambda field: lines[field])
    assert told(text) == [(lines[field], field) for field in wrong]


@pytest.mark.parametrize(
    ("text", "line", "field", "problem", "mend"),
    [
        (b"\xff", 1, "document", "not UTF-8", "one JSON object"),
        (b"{\n}}", 2, "document", "not JSON", "one JSON object"),
        (b"[]", 1, "document", "not a JSON object", "one JSON object"),
        (b"[" * 100_000, 1, "document", "has 100000 bytes", "shorten"),
        (b"[" * 16_000, 1, "document", "cannot be read", "one JSON object"),
        (changed().replace('"D0": 2.2', '"D0": Infinity').encode(), 10, "D0", "not finite", "nine decimals"),
        (changed().replace('"D0": 2.2', '"D0": 1e999').encode(), 10, "D0", "not finite", "nine decimals"),
        (changed().replace('"D0": 2.2', '"D0": ' + "9" * 400).encode(), 10, "D0", "not finite", "nine decimals"),
        (changed().replace('"D0": 2.2', '"D0": 2.2,\n"D0": 2.2').encode(), 11, "D0", "more than once", "keep one"),
        (changed(active=True).encode(), 20, "active", "no field", "flk policy promote"),
        (changed(tol_d=1).encode(), 20, "tol_d", "no field", "did you mean tol_D"),
    ],
)
def test_what_is_no_policy_is_told_with_line_field_and_mend(
    text: bytes, line: int, field: str, problem: str, mend: str
) -> None:
    """What a person gets to read, for each kind of bad input."""
    (mistake,) = read(text).mistakes
    assert (mistake.line, mistake.field) == (line, field)
    assert problem in mistake.problem
    assert mend in mistake.mend


def test_a_key_inside_a_text_is_not_taken_for_the_field() -> None:
    """The line is that of the field, though the description quotes it further down."""
    text = json.dumps(
        {"tol_D": 2, **{k: v for k, v in VALID.items() if k != "tol_D"}, "description": 'once "tol_D": 1'}, indent=1
    )
    assert told(text) == [(2, "tol_D")]


def test_a_key_is_found_however_it_is_written() -> None:
    """An escape in a key is another spelling of the field, whose line is that of the key all the same."""
    text = changed(tol_D=2).replace('"tol_D"', '"tol\\u005fD"')
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "u005f" in each)
    assert told(text) == [(line, "tol_D")]
