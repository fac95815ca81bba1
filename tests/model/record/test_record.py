"""From bytes to a valid record: what is accepted, and which rule and field every refusal names."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.golden import GOLDENS, TINY_1, Golden
from tests.support.model.strategies import change, digests, drawn, dump, epochs, json_values, raw, records, shard_ids

from flk.model.record.identity import pcs_id
from flk.model.record.record import LIMITS, DrawnPcs, Fault, Pcs, decode, encode
from flk.model.refusal import Malformed
from flk.spec.constants import CONSTANTS

FIELDS = Pcs.__struct_fields__
RULES = {"REC-1", "REC-2", "REC-3", *LIMITS.requirement.values()}
BODY = encode(TINY_1.record)
quick = settings(max_examples=40)  # a record is large, and each of these runs for many cases


def refusal(body: bytes) -> Malformed:
    """The refusal that `body` gets; fails if it is taken for valid."""
    with pytest.raises(Malformed) as caught:
        decode(body)
    return caught.value


def attempt(body: bytes) -> Pcs | Malformed:
    """What becomes of the body. No other exception may come of it."""
    try:
        return decode(body)
    except Malformed as error:
        return error


def with_text(fields: dict[str, Any], field: str, text: str) -> bytes:
    """The record with one field's JSON replaced by `text`, which need not be JSON."""
    members = (f"{json.dumps(name)}:{text if name == field else json.dumps(value)}" for name, value in fields.items())
    return ("{" + ",".join(members) + "}").encode()


def is_valid(record: Pcs) -> bool:
    """The rules again, one by one, without the library that enforces them."""
    return all(
        (
            record.schema == "fractal-lba-kakeya",
            1 <= len(record.version) <= 128,
            set(record.merkle_root) <= set("0123456789abcdef") and len(record.merkle_root) == 64,
            1 <= len(record.shard_id) <= 128 and all(" " <= c <= "~" and c not in '"\\|' for c in record.shard_id),
            type(record.epoch) is int and 0 <= record.epoch < 2**53,
            record.pcs_id == pcs_id(record.merkle_root, record.epoch, record.shard_id),
            type(record.attempt) is int and 1 <= record.attempt < 2**31,
            type(record.seed) is int and -(2**63) <= record.seed < 2**63,
            all(0 <= x <= 1 for x in (record.r, record.budget)),
            0 <= record.coh_star <= 1.05 and 0 <= record.D_hat <= 3.5,
            record.regime in ("sticky", "mixed", "non_sticky"),
            2 <= len(record.scales) <= 32 and all(1 <= scale <= 1024 for scale in record.scales),
            sorted(record.N_j) == sorted({str(scale) for scale in record.scales}),
            len(record.N_j) == len(record.scales),
            all(type(count) is int and 1 <= count < 2**53 for count in record.N_j.values()),
            1 <= len(record.v_star) <= 16 and all(abs(x) < float("inf") for x in record.v_star),
            len(record.sig) <= 128,
            len(record.ft.fallbacks) <= 16 and all(len(text) <= 128 for text in record.ft.fallbacks),
            type(record.ft.degraded) is bool and 0 <= record.ft.outbox_seq < 2**53,
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", record.sent_at, re.ASCII),
        )
    )


@given(records())
def test_a_valid_record_survives_the_wire(record: Pcs) -> None:
    """What is encoded decodes to an equal record, whatever its texts hold."""
    assert decode(encode(record)) == record


@given(records(), st.data())
def test_order_of_keys_and_white_space_do_not_matter(record: Pcs, data: st.DataObject) -> None:
    """Any layout of the same JSON value is the same record."""
    fields = raw(record)
    shuffled = {name: fields[name] for name in data.draw(st.permutations(FIELDS))}
    assert decode(b" \n" + json.dumps(shuffled, indent=2, ensure_ascii=False).encode() + b"\t\r\n") == record


@quick
@given(records(), st.data())
def test_a_record_with_a_proof_survives_the_wire(record: Pcs, data: st.DataObject) -> None:
    """In any order of keys it is the same record, of its own type."""
    made = drawn(record)
    fields = raw(made)
    shuffled = {name: fields[name] for name in data.draw(st.permutations([*FIELDS, "vrf_proof"]))}
    assert decode(encode(made)) == decode(dump(shuffled)) == made
    assert isinstance(decode(encode(made)), DrawnPcs)


@quick
@given(records(), json_values)
def test_only_the_version_with_a_proof_may_have_one(record: Pcs, value: object) -> None:
    """In a record of another version the field is unknown, whatever it holds; in one of that version it may be missing."""
    older = change(record, version="0.1")
    error = refusal(dump(raw(older) | {"vrf_proof": value}))
    assert (error.requirement, error.field) == ("REC-3", "vrf_proof")
    assert decode(encode(change(record, version=LIMITS.drawn_version))).version == LIMITS.drawn_version


def test_a_proof_is_named_once_and_nothing_hides_behind_it() -> None:
    """A repeated key is refused also in a record with a proof, an unknown field beside one, too, and nesting exhausts nothing."""
    body = encode(drawn(TINY_1.record))
    twice = body[:-1] + b',"vrf_proof":"' + b"A" * 107 + b'="}'
    assert refusal(twice).requirement == "REC-2"
    assert (refusal(body[:-1] + b',"x":0}').requirement, refusal(body[:-1] + b',"x":0}').field) == ("REC-3", "x")
    deep = b'{"vrf_proof":"","version":"0.2","ft":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert refusal(deep).requirement == "REC-3"
    assert refusal(body[:-1]).requirement == "REC-1"


@pytest.mark.parametrize("golden", GOLDENS)
def test_the_golden_records_are_valid(golden: Golden) -> None:
    """Records of the earlier system still decode, ids and all."""
    assert decode(encode(golden.record)) == golden.record


def test_a_reader_of_another_language_may_write_integral_reals_without_a_point() -> None:
    """`1` is as good a real as `1.0`."""
    assert decode(with_text(raw(TINY_1.record), "D_hat", "1")).D_hat == 1.0


BAD: dict[str, list[str]] = {
    "pcs_id": ['""', '"' + "0" * 64 + '"', '"' + TINY_1.record.pcs_id.upper() + '"', "null", "7"],
    "merkle_root": [
        '""',
        '"zzz"',
        '"' + "A" * 64 + '"',
        '"' + "a" * 63 + '"',
        '"' + "a" * 65 + '"',
        '"' + "a" * 64 + '\\n"',
        "null",
    ],
    "shard_id": [
        '""',
        '"a|b"',
        r'"a\"b"',
        r'"a\\b"',
        r'"a\n"',
        r'"\u0000"',
        r'"\u007f"',
        '"é"',
        '"' + "a" * 129 + '"',
        "1",
        "null",
    ],
    "epoch": ["-1", "9007199254740992", "1.0", "1e0", "1E2", "true", '"1"', "null", "1" + "0" * 5000, "[1]"],
    "schema": ['""', '"fractal-lba-kakeya "', '"Fractal-LBA-Kakeya"', "null", "1"],
    "version": ['""', '"' + "v" * 129 + '"', "0.1", "null"],
    "D_hat": ["-1e-9", "3.5000001", "1e400", "-1e400", "1" + "0" * 5000, '"1.0"', "true", "null", "[]"],
    "coh_star": ["-0.01", "1.0500001", "1e400", "null"],
    "r": ["-0.01", "1.0000001", "null", '"0.5"'],
    "budget": ["-0.01", "1.0000001", "null", "{}"],
    "regime": ['""', '"Sticky"', '"non-sticky"', "null", "0"],
    "scales": ["[]", "[2]", "[2,2]", "[0,2]", "[2,1025]", "[2.0,4]", '["2","4"]', "null", json.dumps([*range(1, 34)])],
    "N_j": ["{}", "[]", "null"],
    "attempt": ["0", "-1", "2147483648", "1.0", "null"],
    "seed": ["9223372036854775808", "-9223372036854775809", "1.5", "1e3", "null"],
    "v_star": ["[]", json.dumps([0.5] * 17), '["1"]', "[1e999]", "[null]", "[[1]]", "null", "0.5"],
    "sig": ['"' + "=" * 129 + '"', "null", "0"],
    "ft": ["null", "[]", "0"],
    "sent_at": [
        '""',
        '"2025-01-19"',
        '"2025-01-19T12:00:00"',
        '"2025-01-19t12:00:00Z"',
        '"2025-01-19T12:00:00z"',
        '"2025-01-19 12:00:00Z"',
        '"2025-01-19T12:00:00,5Z"',
        '"2025-01-19T12:00:00.Z"',
        '"2025-01-19T12:00:00.1234567890Z"',
        '"2025-01-19T12:00:00+0100"',
        '"٢٠٢٥-01-19T12:00:00Z"',
        r'"2025-01-19T12:00:00Z\n"',
        "1737288000",
        "null",
    ],
    "vrf_proof": [
        '""',
        '"' + "A" * 107 + '"',
        '"' + "A" * 106 + 'B="',
        '"' + "A" * 108 + '"',
        '"' + "A" * 107 + '=\\n"',
        '"' + "-" * 107 + '="',
        "null",
        "7",
        "[]",
    ],
}
CASES = [(field, text) for field, texts in BAD.items() for text in texts]


def test_every_field_has_bad_values() -> None:
    """The table below forgets no field, and every field has its requirement."""
    assert set(BAD) == set(DrawnPcs.__struct_fields__) == set(LIMITS.requirement)


@pytest.mark.parametrize(("field", "text"), CASES, ids=lambda value: value[:40])
def test_a_bad_value_is_refused_under_its_rule_and_field(field: str, text: str) -> None:
    """One value out of bounds, of another type or of another form, in a record that is otherwise valid."""
    error = refusal(with_text(raw(drawn(TINY_1.record) if field == "vrf_proof" else TINY_1.record), field, text))
    assert (error.requirement, error.field) == (LIMITS.requirement[field], field)


@quick
@given(records(), st.sampled_from(CASES))
def test_a_bad_value_is_refused_whatever_stands_around_it(record: Pcs, case: tuple[str, str]) -> None:
    """The same table against any record."""
    field, text = case
    error = refusal(with_text(raw(drawn(record) if field == "vrf_proof" else record), field, text))
    assert (error.requirement, error.field) == (LIMITS.requirement[field], field)


@given(records(), st.sampled_from(["extra", "lost", "renamed", "zero", "huge", "real", "text", "padded"]), st.data())
def test_counts_match_the_scales_one_to_one(record: Pcs, fault: str, data: st.DataObject) -> None:
    """A count too many, too few, under another key, not positive, too large or not an integer breaks REC-7."""
    fields = raw(record)
    counts, key = fields["N_j"], data.draw(st.sampled_from(sorted(record.N_j)))
    match fault:
        case "extra":
            counts["1025"] = 1
        case "lost":
            del counts[key]
        case "renamed":
            counts["x"] = counts.pop(key)
        case "padded":
            counts["0" + key] = counts.pop(key)
        case _:
            counts[key] = {"zero": 0, "huge": 2**53, "real": 1.5, "text": "1"}[fault]
    assert (refusal(dump(fields)).requirement, refusal(dump(fields)).field) == ("REC-7", "N_j")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outbox_seq", -1),
        ("outbox_seq", 2**53),
        ("outbox_seq", 0.5),
        ("degraded", 0),
        ("degraded", None),
        ("fallbacks", ["x"] * 17),
        ("fallbacks", ["x" * 129]),
        ("fallbacks", "x"),
        ("clock_skew_ms", 2**63),
        ("clock_skew_ms", "0"),
    ],
)
def test_a_bad_value_inside_ft_names_ft(field: str, value: object) -> None:
    """The field of the record that holds it is the one at fault."""
    fields = raw(TINY_1.record)
    fields["ft"][field] = value
    assert (refusal(dump(fields)).requirement, refusal(dump(fields)).field) == ("REC-8", "ft")


@pytest.mark.parametrize(
    "text", ["field `epoch`", "`$.epoch`", "x' - at `$.epoch`", "Object missing required field `sig`"]
)
def test_what_a_record_says_cannot_pass_for_what_is_wrong_with_it(text: str) -> None:
    """A regime that reads like an error message about another field is still a bad regime."""
    error = refusal(with_text(raw(TINY_1.record), "regime", json.dumps(text)))
    assert (error.requirement, error.field) == ("REC-6", "regime")


@given(
    records(),
    st.text(max_size=40) | st.sampled_from(["epoch`", "x` - at `$.epoch`", "$.epoch", "N_J", "Epoch"]),
    json_values,
)
def test_an_unknown_field_is_refused_by_name(record: Pcs, name: str, value: object) -> None:
    """Keys are compared exactly, and there are no others (REC-3)."""
    if name not in FIELDS:
        error = refusal(dump(raw(record) | {name: value}))
        assert (error.requirement, error.field) == ("REC-3", name)


def test_an_unknown_field_inside_ft_is_refused_by_name() -> None:
    """The inner object is as closed as the outer one."""
    fields = raw(TINY_1.record)
    fields["ft"]["retries"] = 3
    assert (refusal(dump(fields)).requirement, refusal(dump(fields)).field) == ("REC-3", "retries")


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_refused_by_name(name: str) -> None:
    """All nineteen are required (REC-3)."""
    fields = raw(TINY_1.record)
    del fields[name]
    assert (refusal(dump(fields)).requirement, refusal(dump(fields)).field) == ("REC-3", name)


@pytest.mark.parametrize("name", Fault.__struct_fields__)
def test_a_missing_field_of_ft_is_refused_by_name(name: str) -> None:
    """And so are the four of `ft`."""
    fields = raw(TINY_1.record)
    del fields["ft"][name]
    assert (refusal(dump(fields)).requirement, refusal(dump(fields)).field) == ("REC-3", name)


def with_repeat(fields: dict[str, Any], level: str, key: str, *, spaced: bool, escaped: bool) -> bytes:
    """The record with one key of one object given twice, the second time perhaps written with an escape."""
    colon, comma = (": ", ", ") if spaced else (":", ",")
    inner = fields if level == "" else fields[level]
    members = [f"{json.dumps(name)}{colon}{json.dumps(value)}" for name, value in inner.items()]
    spelling = f'"\\u{ord(key[0]):04x}{key[1:]}"' if escaped else json.dumps(key)
    repeated = "{" + comma.join([*members, f"{spelling}{colon}{json.dumps(inner[key])}"]) + "}"
    return repeated.encode() if level == "" else with_text(fields, level, repeated)


@given(records(), st.sampled_from(["", "N_j", "ft"]), st.booleans(), st.booleans(), st.data())
def test_a_key_that_occurs_twice_is_refused_by_name(
    record: Pcs, level: str, spaced: bool, escaped: bool, data: st.DataObject
) -> None:
    """In any of the three objects, with any spelling and spacing, even with equal values (REC-2)."""
    fields = raw(record)
    key = data.draw(st.sampled_from(list(fields if level == "" else fields[level])))
    error = refusal(with_repeat(fields, level, key, spaced=spaced, escaped=escaped))
    assert (error.requirement, error.field) == ("REC-2", key)


def test_an_escaped_colon_does_not_hide_a_repeated_key() -> None:
    """A text with one colon fewer on the wire than in the record would balance the count of keys."""
    fields = raw(change(TINY_1.record, shard_id="a:b"))
    body = with_repeat(fields, "", "epoch", spaced=False, escaped=False).replace(b'"a:b"', rb'"a\u003ab"')
    assert refusal(body).requirement == "REC-2"


@given(records(), digests, epochs, shard_ids)
def test_an_id_of_another_computation_is_refused(record: Pcs, root: str, epoch: int, shard_id: str) -> None:
    """The id is that of root, epoch and shard, all three (ID-1)."""
    for changes in ({"merkle_root": root}, {"epoch": epoch}, {"shard_id": shard_id}):
        if any(getattr(record, name) != value for name, value in changes.items()):
            error = refusal(dump(raw(record) | changes))
            assert (error.requirement, error.field) == ("ID-1", "pcs_id")


@pytest.mark.parametrize("fault", [b'{"epoch":-1', b'{"unknown":0', b'{"budget":2 .5'])
@pytest.mark.parametrize(
    "rest", [b"", b"]", b"} x", b"}\0", b',"seed":01}', b',"seed":"\\x"}', b',"seed":"\xff"}', b',"seed":"\\ud800"}']
)
def test_what_is_no_json_breaks_rec_1_whatever_comes_first(fault: bytes, rest: bytes) -> None:
    """A node parses before it validates (ORD-1): a field's fault is told of JSON only."""
    malformed = refusal(fault + rest)
    assert (malformed.requirement, malformed.field) == ("REC-1", None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"0",
        b'"x"',
        b"[]",
        b"[" + BODY + b"]",
        BODY + b"x",
        BODY + BODY,
        BODY + b"\0",
        b"\xef\xbb\xbf" + BODY,
        BODY.decode().encode("utf-16"),
        BODY.replace(b":", b"=", 1),
        BODY.replace(b'"version":"0.1"', b'"version":"\xff"'),
        BODY.replace(b'"version":"0.1"', b'"version":"\xed\xa0\x80"'),
        BODY.replace(b'"version":"0.1"', b'"version":"\xc0\x80"'),
        BODY.replace(b'"version":"0.1"', rb'"version":"\ud800"'),
        BODY.replace(b'"version":"0.1"', rb'"version":"\udc00x"'),
        BODY.replace(b'"version":"0.1"', b'"version":"\n"'),
        BODY.replace(b'"epoch":1', b'"epoch":01'),
        BODY.replace(b'"epoch":1', b'"epoch":+1'),
        BODY.replace(b'"D_hat":', b'"D_hat":NaN,"x":'),
        BODY.replace(b'"D_hat":', b'"D_hat":-Infinity,"x":'),
        BODY.replace(b"}", b",}"),
        b"{'a':1}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_one_json_object_in_utf_8_breaks_rec_1(body: bytes) -> None:
    """Other JSON values, trailing bytes, byte-order marks, other encodings, lone surrogates, JSON's popular extensions."""
    error = refusal(body)
    assert (error.requirement, error.field, error.status) == ("REC-1", None, 400)


def test_every_proper_prefix_of_a_body_breaks_rec_1() -> None:
    """A body that was cut short is never a record."""
    assert {refusal(BODY[:end]).requirement for end in range(len(BODY))} == {"REC-1"}


@pytest.mark.parametrize("field", FIELDS)
def test_deep_nesting_is_refused_like_any_other_value(field: str) -> None:
    """It neither exhausts the stack nor raises anything else."""
    error = refusal(with_text(raw(TINY_1.record), field, "[" * 50_000 + "]" * 50_000))
    assert (error.requirement, error.field) == (LIMITS.requirement[field], field)


@given(st.binary())
def test_arbitrary_bytes_are_refused(body: bytes) -> None:
    """With a rule of the catalogue, and with no other exception."""
    assert refusal(body).requirement in RULES


@given(json_values)
def test_arbitrary_json_is_refused(value: object) -> None:
    """Whatever a JSON writer produces, extensions included."""
    assert refusal(dump(value)).requirement in RULES


DERIVED = {"merkle_root": "pcs_id", "epoch": "pcs_id", "shard_id": "pcs_id", "scales": "N_j"}


@given(records(), st.sampled_from(FIELDS), json_values)
def test_a_field_replaced_by_arbitrary_json_is_refused_by_name(record: Pcs, field: str, value: object) -> None:
    """Unless the value happens to be a valid one; other fields are named only where they must agree with it."""
    found = attempt(dump(raw(record) | {field: value}))
    if isinstance(found, Pcs):
        assert is_valid(found)
    else:
        inner = field == "ft" and found.requirement in ("REC-2", "REC-3")
        assert found.requirement in RULES
        assert inner or found.field in (field, DERIVED.get(field))


edits = st.tuples(
    st.floats(0, 1),
    st.integers(0, 12),
    st.text('{}[]",:\\ue0-9.+Eabcnrtf \n', max_size=6).map(str.encode) | st.binary(max_size=3),
)


@pytest.mark.slow
@settings(max_examples=400)
@given(records(), st.lists(edits, min_size=1, max_size=3))
def test_a_damaged_body_is_refused_or_still_valid(record: Pcs, damage: list[tuple[float, int, bytes]]) -> None:
    """Bytes cut out and put in anywhere lead to a record that keeps every rule, or to a refusal, and to nothing else."""
    body = encode(record)
    for place, cut, insert in damage:
        start = int(place * len(body))
        body = body[:start] + insert + body[start + cut :]
    found = attempt(body)
    if isinstance(found, Pcs):
        assert is_valid(found)
        assert decode(encode(found)) == found
    else:
        assert found.requirement in RULES


def test_a_refusal_repeats_no_more_of_the_sender_than_a_line() -> None:
    """A megabyte of nonsense in a field, or as a field's name, comes back shortened (ORD-2)."""
    body = encode(TINY_1.record)
    limit = CONSTANTS.node.max_detail_characters
    for spoilt in (
        body.replace(b'"regime":"mixed"', b'"regime":"' + b"x" * 1_000_000 + b'"'),
        body.replace(b'"seed":', b'"' + b"y" * 1_000_000 + b'":'),
    ):
        with pytest.raises(Malformed) as refused:
            decode(spoilt)
        assert len(refused.value.detail) <= limit
        assert len(refused.value.field or "") <= limit
