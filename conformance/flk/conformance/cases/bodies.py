"""Cases of bodies: `validate`. A body is a valid record, written in some way, after at most one change."""

import base64
import json
from collections import Counter
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.values import LIMITS, packed, records
from flk.model.record.identity import pcs_id
from flk.model.record.record import Fault, Pcs, decode
from flk.model.refusal import Malformed

FIELDS = Pcs.__struct_fields__
FT = Fault.__struct_fields__
NUMERIC = ("epoch", "attempt", "seed", "D_hat", "coh_star", "r", "budget")
PARTS = {"merkle_root": "ID-2", "epoch": "ID-4", "shard_id": "ID-3"}
"""What an id is made of, and the requirement of each."""
NUMBERS = """0 -0 0.0 -0.0 1 1.0 1e0 1E+0 10e-1 -1 0.5 1.05 1.0500000001 1.05000000000000001 3.5 3.5000000001 2 16 17 1024 1025
2147483647 2147483648 9007199254740991 9007199254740992 9223372036854775807 9223372036854775808 -9223372036854775808
-9223372036854775809 1e400 -1e400 1e-400 1e308 99999999999999999999999999"""
LENGTHS = ["", "x" * 128, "x" * 129, "😀" * 128, "😀" * 129, "A" * 64, "a" * 63, "a" * 64, "a" * 65, "１" * 64]
WORDS = ["a", "é", "Sticky", "sticky", "0.2", "a|b", 'a"b', "a\\b", "a\n", " ", LIMITS.schema]
MOMENTS = """2025-01-19T12:00:00Z 2025-01-19T12:00:00.123456789Z 2025-01-19T12:00:00.1234567890Z 2025-01-19T12:00:00.Z
2025-01-19T12:00Z 2025-01-19t12:00:00Z 2025-01-19T12:00:00z 2025-99-99T99:99:99Z 2025-01-19T12:00:00+99:99
2025-01-19T12:00:00+0530 2025-1-19T12:00:00Z 2025-01-19T12:00:00+05:30 25-01-19T12:00:00Z 2025-01-19T12:00:00
２025-01-19T12:00:00Z 202５-01-19T12:00:00Z 2025-01-19T12:00:0０Z ٢٠٢٥-01-19T12:00:00Z 2025-01-19T1२:00:00Z"""


def object_of(members: list[tuple[str, str]]) -> str:
    """An object of keys and values that are JSON already."""
    return "{" + ",".join(f"{key}:{value}" for key, value in members) + "}"


numbers = st.sampled_from(NUMBERS.split())
lengths = st.sampled_from(LENGTHS).map(lambda text: json.dumps(text, ensure_ascii=False))
texts = lengths | st.sampled_from(WORDS).map(lambda text: json.dumps(text, ensure_ascii=False))
moments = st.sampled_from(MOMENTS.split()).map(json.dumps)
inner = numbers | texts | st.sampled_from(["null", "true", "false", "[]", "{}"])
values = (
    inner
    | moments
    | st.lists(inner, max_size=33).map(lambda items: f"[{','.join(items)}]")
    | st.lists(st.tuples(texts, inner), max_size=3).map(object_of)
)
"""Values of JSON, as texts."""


OF_ITS_KIND = {
    **dict.fromkeys(("version", "sig"), lengths),
    **dict.fromkeys(("shard_id", "merkle_root", "regime", "schema"), texts),
    "sent_at": moments,
    **dict.fromkeys(NUMERIC, numbers),
    "scales": st.lists(numbers, min_size=1, max_size=4).map(lambda items: f"[{','.join(items)}]"),
    "v_star": st.lists(numbers, max_size=17).map(lambda items: f"[{','.join(items)}]"),
}
"""Values that a field might have, and that might just not be allowed."""

Members = list[tuple[str, str]]


def _members(fields: dict[str, Any]) -> Members:
    return [(json.dumps(name), json.dumps(value)) for name, value in fields.items()]


@composite
def changed(draw: DrawFn, record: dict[str, Any]) -> Members:
    """The record's members after a change to one field or one part of a field."""
    members = dict(_members(record))
    name = draw(st.sampled_from([*FIELDS, "version", "version", "sent_at", "sent_at", "attempt"]))
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2 | 3:
            members[json.dumps(name)] = draw(
                OF_ITS_KIND[name] if name in OF_ITS_KIND and draw(st.booleans()) else values
            )
        case 4:
            del members[json.dumps(name)]
        case 5:
            members[draw(texts)] = draw(values)
        case 6:
            escaped = f'"\\u{ord(name[0]):04x}{name[1:]}"'
            again = draw(st.sampled_from([json.dumps(name), escaped]))
            return [*members.items(), (again, members[json.dumps(name)])]
        case 7:
            members['"ft"'] = draw(part_changed(record["ft"], FT))
        case 8:
            members['"N_j"'] = draw(part_changed(record["N_j"], tuple(record["N_j"])))
        case 9:
            number = json.dumps(draw(st.sampled_from(NUMERIC)))
            members[number] = draw(st.sampled_from(["{}e0", "{}E+00", "{}.0", " {}"])).format(members[number])
    if name in PARTS and json.dumps(name) in members:
        members['"pcs_id"'] = json.dumps(followed(*(json.loads(members[json.dumps(part)]) for part in PARTS)))
    if draw(st.integers(0, 7)) < 7:
        return list(members.items())
    return list(draw(st.permutations(list(members.items()))))


def followed(root: object, epoch: object, shard_id: object) -> str:
    """The id of parts that may not be fit for one: an epoch written 1.0 or true has that of 1."""
    whole = int(epoch) if (isinstance(epoch, float) and epoch.is_integer()) or epoch is True else epoch
    return sha256(f"{root}|{whole}|{shard_id}".encode()).hexdigest()


@composite
def part_changed(draw: DrawFn, fields: dict[str, Any], names: tuple[str, ...]) -> str:
    """An object with one member changed, missing, repeated, or one too many."""
    members, name = dict(_members(fields)), json.dumps(draw(st.sampled_from(names)))
    match draw(st.integers(0, 3)):
        case 0:
            members[name] = draw(values)
        case 1:
            del members[name]
        case 2:
            return object_of([*members.items(), (name, members[name])])
        case _:
            members[draw(texts)] = draw(values)
    return object_of(list(members.items()))


@composite
def bodies(draw: DrawFn) -> dict[str, str]:
    """The text of a body, at times with bytes changed that are no matter of fields."""
    record = draw(records())
    if draw(st.booleans()):
        record["epoch"] = draw(st.sampled_from([0, 1, LIMITS.max_epoch]))
        record["pcs_id"] = pcs_id(record["merkle_root"], record["epoch"], record["shard_id"])
    white = st.text(" \t\n\r", max_size=3)
    if draw(st.integers(0, 3)) == 0:
        return {"body_base64": packed(draw(bytes_changed(json.dumps(record).encode())))}
    return {"body": draw(white) + object_of(draw(changed(record))) + draw(white)}


@composite
def bytes_changed(draw: DrawFn, body: bytes) -> bytes:
    """A body with a few bytes put in, taken out or overwritten."""
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 2)))
    odd = st.sampled_from(
        [b"", b" ", b"\f", b"\0", b"\xff", b"\xed\xa0\x80", b"\xc2\xa0", b"\\ud800", b"\\u0061", b",", b"}"]
    )
    return body[:start] + draw(odd | st.binary(max_size=2)) + body[end:]


def breaks_one_rule(given: dict[str, str]) -> bool:
    """Whether one answer is right. A body is changed in one place, which may break two rules all the same: a repeated key whose
    value is also wrong, a key that becomes another one, an id whose parts are no parts of an id.
    """
    body = base64.b64decode(given["body_base64"]) if "body_base64" in given else given["body"].encode()
    names: list[str] = []

    def noted(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names.extend(f"repeated {name}" for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return dict(pairs)

    try:
        record = json.loads(body, object_pairs_hook=noted)
    except ValueError:
        return True
    if not isinstance(record, dict):
        return True
    fault = record.get("ft")
    for have, wanted in ((record, FIELDS), (fault, FT)):
        if isinstance(have, dict):
            names.extend(have.keys() ^ set(wanted))
    if len(names) > 1:
        return False
    try:
        decode(json.dumps(record).encode() if names else body)
    except Malformed as broken:
        return names == [broken.field] if names else not _unfit_part(broken.requirement, record)
    except UnicodeError:
        return True
    return True


def _unfit_part(requirement: str, record: dict[str, Any]) -> bool:
    """Whether a part of the id is wrong and the id does not follow it: then two rules are broken."""
    if requirement not in PARTS.values():
        return False
    root, epoch, shard_id = (record[name] for name in PARTS)
    if isinstance(root, str) and type(epoch) is int and isinstance(shard_id, str):
        return bool(record["pcs_id"] != pcs_id(root, epoch, shard_id))
    return False


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {"validate": bodies().filter(breaks_one_rule)}
