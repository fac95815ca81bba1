"""The JSON Schema of a record says what the model says, and quotes the constants."""

import json
import re
import sys
from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from tests.support.model.strategies import drawn
from tests.support.model.world import pcs

from flk.model.record.identity import pcs_id
from flk.model.record.record import DrawnPcs, Pcs, decode, encode
from flk.model.refusal import Malformed
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.record
SCHEMA: dict[str, Any] = json.loads(files("flk.spec").joinpath("pcs.schema.json").read_text("utf-8"))
INT64 = 2**63


def ecma_pattern(validator: object, pattern: str, instance: object, schema: object) -> Iterator[ValidationError]:
    """The keyword as JSON Schema defines it: `$` is the end of the text, where Python's also stands before a last newline."""
    if isinstance(instance, str) and not re.search(pattern.removesuffix("$") + r"\Z", instance):
        yield ValidationError(f"{instance!r} does not match {pattern}")


Validator = extend(Draft202012Validator, {"pattern": ecma_pattern})
VALIDATOR = Validator(SCHEMA)

texts = st.text(st.characters(codec="utf-8"), max_size=LIMITS.max_text)
int64 = st.integers(-INT64, INT64 - 1)


def reals(most: float) -> st.SearchStrategy[float | int]:
    """Numbers from 0 to `most`; whole ones may be written as integers."""
    return st.floats(0, most) | st.integers(0, int(most))


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A valid record as JSON. `sig` is any text: the signature is not the schema's business."""
    scales = draw(
        st.lists(st.integers(1, LIMITS.max_scale), min_size=LIMITS.min_scales, max_size=LIMITS.max_scales, unique=True)
    )
    root = draw(st.from_regex(LIMITS.merkle_root_pattern, fullmatch=True))
    epoch = draw(st.integers(0, LIMITS.max_epoch))
    shard = draw(st.from_regex(LIMITS.shard_id_pattern, fullmatch=True))
    proof = draw(st.none() | st.from_regex(LIMITS.vrf_proof_pattern, fullmatch=True))
    return ({} if proof is None else {"vrf_proof": proof}) | {
        "pcs_id": pcs_id(root, epoch, shard),
        "schema": LIMITS.schema,
        "version": draw(texts.filter(bool)) if proof is None else LIMITS.drawn_version,
        "shard_id": shard,
        "epoch": epoch,
        "attempt": draw(st.integers(1, LIMITS.max_attempt)),
        "sent_at": draw(st.from_regex(re.compile(LIMITS.sent_at_pattern, re.ASCII), fullmatch=True)),
        "seed": draw(int64),
        "scales": scales,
        "N_j": {str(scale): draw(st.integers(1, LIMITS.max_count)) for scale in scales},
        "coh_star": draw(reals(LIMITS.coh_star_max)),
        "v_star": draw(
            st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=LIMITS.max_dimensions)
        ),
        "D_hat": draw(reals(LIMITS.D_hat_max)),
        "r": draw(reals(1)),
        "regime": draw(st.sampled_from(LIMITS.regimes)),
        "budget": draw(reals(1)),
        "merkle_root": root,
        "sig": draw(texts),
        "ft": {
            "outbox_seq": draw(st.integers(0, LIMITS.max_epoch)),
            "degraded": draw(st.booleans()),
            "fallbacks": draw(st.lists(texts, max_size=LIMITS.max_fallbacks)),
            "clock_skew_ms": draw(int64),
        },
    }


BOUNDS = (0, 1, LIMITS.max_scale, LIMITS.max_attempt, LIMITS.max_epoch, INT64, -INT64, 10**400)
VALUES: tuple[Any, ...] = (
    *(bound + step for bound in BOUNDS for step in (-1, 0, 1)),
    *(None, True, -0.5, 0.5, 1.0500001, 3.4999, 3.5001, 1e300),
    *("", "x", "a\nb", "é" * LIMITS.max_text, "x" * (LIMITS.max_text + 1), "A" * 64, "0" * 63, "0" * 64 + "\n"),
    *("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00.1234567891Z"),
    *("Mixed", "shard|1", 'shard"1', "shard\\1", "shard é", [], {}, [1], [1, 1], [0, 1], ["x"] * 17, [0.5] * 17),
    *([1.5, 2], list(range(1, 34)), {"1": 1}, {"1": 0, "2": 1}),
)


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    """A valid record with one field, one item or one count changed, left out or added."""
    record = draw(records())
    place: Any = draw(
        st.sampled_from([record, record, record["ft"], record["scales"], record["v_star"], record["N_j"]])
    )
    keys = list(range(len(place))) if isinstance(place, list) else list(place)
    key = draw(st.sampled_from(keys))
    match draw(st.sampled_from(["change", "change", "change", "leave out", "add"])):
        case "change":
            place[key] = deepcopy(draw(st.sampled_from(VALUES)))
        case "leave out":
            del place[key]
        case "add" if isinstance(place, dict):
            place[draw(st.sampled_from(["extra", "Sig", "1025", "vrf_proof"]))] = deepcopy(
                draw(st.sampled_from(VALUES))
            )
    return record


def refusal(body: str) -> str | None:
    """The requirement by which the model refuses the body, None if it accepts."""
    try:
        decode(body.encode())
    except Malformed as malformed:
        return malformed.requirement
    return None


def only_counts_mismatch(record: dict[str, Any]) -> bool:
    """Whether the record breaks the one part of REC-7 that a schema cannot say, and no other."""
    scales = {str(scale) for scale in record["scales"]}
    return len(scales) == len(record["scales"]) and scales != set(record["N_j"])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(records())
def test_model_and_schema_accept_the_same_valid_records(record: dict[str, Any]) -> None:
    """A record made by the rules passes both."""
    assert refusal(json.dumps(record)) is None
    VALIDATOR.validate(record)


def check_same_verdict(record: dict[str, Any]) -> str | None:
    """Both accept or both refuse, but for what the schema's comment says it cannot see. Returns the model's verdict."""
    broken = refusal(json.dumps(record))
    if VALIDATOR.is_valid(record) and broken is not None:
        assert broken == "ID-1" or (broken == "REC-7" and only_counts_mismatch(record))
    else:
        assert VALIDATOR.is_valid(record) == (broken is None)
    return broken


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(mutants())
def test_model_and_schema_give_a_mutated_record_the_same_verdict(record: dict[str, Any]) -> None:
    """One change anywhere in a valid record changes both verdicts or neither."""
    check_same_verdict(record)


EXAMPLE: dict[str, Any] = json.loads(encode(pcs()))
DRAWN: dict[str, Any] = json.loads(encode(drawn(pcs())))


@pytest.mark.slow
def test_model_and_schema_agree_on_every_odd_value_of_every_field() -> None:
    """Each field of an example, those of `ft` included, set to each odd value: the same verdicts, for every reason there is."""
    reasons = set()
    for value in VALUES:
        reasons |= {check_same_verdict({**EXAMPLE, field: value}) for field in DRAWN}
        reasons |= {check_same_verdict({**DRAWN, field: value}) for field in DRAWN}
        reasons |= {check_same_verdict({**EXAMPLE, "ft": {**EXAMPLE["ft"], field: value}}) for field in EXAMPLE["ft"]}
    assert reasons == {None, "REC-3", *LIMITS.requirement.values()}


@pytest.mark.parametrize(
    ("written", "otherwise", "requirement"),
    [
        ('"epoch": 1', '"epoch": 2', "ID-1"),
        ('"epoch": 1', '"epoch": 1.0', "ID-4"),
        ('"attempt": 1', '"attempt": 1e0', "REC-8"),
        ('"version"', '"version": "0", "version"', "REC-2"),
        ('{"2": 5', '{"3": 5', "REC-7"),
    ],
)
def test_what_a_schema_cannot_say(written: str, otherwise: str, requirement: str) -> None:
    """These the schema lets pass and the model refuses; its comment lists each of the requirements."""
    body = json.dumps(EXAMPLE)
    assert refusal(body) is None
    body = body.replace(written, otherwise, 1)
    assert VALIDATOR.is_valid(json.loads(body))
    assert refusal(body) == requirement
    assert requirement in SCHEMA["$comment"]


def bounds(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    """Every bound in the schema, by its place."""
    for keyword, value in schema.items():
        if isinstance(value, dict):
            yield from bounds(value, f"{path}{keyword}.")
        elif keyword.startswith(("min", "max")) or keyword in {"pattern", "const", "enum"}:
            yield f"{path}{keyword}".replace("properties.", ""), value


def span(low: float, high: float, place: str) -> dict[str, object]:
    """The two bounds of a number at `place`."""
    return {f"{place}.minimum": low, f"{place}.maximum": high}


def test_every_bound_is_that_of_the_constants() -> None:
    """No number or pattern of the schema is anything but a constant or a bound of its type."""
    assert dict(bounds(SCHEMA)) == {
        "pcs_id.pattern": LIMITS.pcs_id_pattern,
        "schema.const": LIMITS.schema,
        "version.minLength": 1,
        "version.maxLength": LIMITS.max_text,
        "shard_id.pattern": LIMITS.shard_id_pattern,
        **span(0, LIMITS.max_epoch, "epoch"),
        **span(1, LIMITS.max_attempt, "attempt"),
        "sent_at.pattern": LIMITS.sent_at_pattern,
        **span(-INT64, INT64 - 1, "seed"),
        **span(1, LIMITS.max_scale, "scales.items"),
        "scales.minItems": LIMITS.min_scales,
        "scales.maxItems": LIMITS.max_scales,
        **span(1, LIMITS.max_count, "N_j.additionalProperties"),
        "N_j.minProperties": LIMITS.min_scales,
        "N_j.maxProperties": LIMITS.max_scales,
        **span(0, LIMITS.coh_star_max, "coh_star"),
        **span(-sys.float_info.max, sys.float_info.max, "v_star.items"),
        "v_star.minItems": 1,
        "v_star.maxItems": LIMITS.max_dimensions,
        **span(0, LIMITS.D_hat_max, "D_hat"),
        **span(0, 1, "r"),
        "regime.enum": list(LIMITS.regimes),
        **span(0, 1, "budget"),
        "merkle_root.pattern": LIMITS.merkle_root_pattern,
        "sig.maxLength": LIMITS.max_text,
        "vrf_proof.pattern": LIMITS.vrf_proof_pattern,
        "dependentSchemas.vrf_proof.version.const": LIMITS.drawn_version,
        **span(0, LIMITS.max_epoch, "ft.outbox_seq"),
        "ft.fallbacks.items.maxLength": LIMITS.max_text,
        "ft.fallbacks.maxItems": LIMITS.max_fallbacks,
        **span(-INT64, INT64 - 1, "ft.clock_skew_ms"),
    }


def test_schema_model_and_constants_name_the_same_fields() -> None:
    """All nineteen fields and the proof are described, required but for that, and tied to the requirement that they cite."""
    properties = SCHEMA["properties"]
    assert set(SCHEMA["required"]) == set(Pcs.__struct_fields__)
    assert set(properties) == set(DrawnPcs.__struct_fields__) == set(LIMITS.requirement)
    assert len(SCHEMA["required"]) == 19
    assert set(properties) - set(SCHEMA["required"]) == set(SCHEMA["dependentSchemas"]) == {"vrf_proof"}
    assert SCHEMA["dependentSchemas"]["vrf_proof"]["properties"]["version"]["const"] == LIMITS.drawn_version
    for field, described in properties.items():
        assert LIMITS.requirement[field] in described["description"] or (field, LIMITS.requirement[field]) == (
            "v_star",
            "REC-8",
        )


def test_the_schema_is_itself_valid() -> None:
    """It obeys the meta-schema of JSON Schema 2020-12, and its id does not point anywhere."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"].startswith("urn:flk:")
