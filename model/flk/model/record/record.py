"""A Proof-of-Computation Summary: its fields, their bounds, and the one way from bytes to a valid record (REC-*, ID-*)."""

import json
import re
from enum import StrEnum
from typing import Annotated, get_type_hints

import msgspec
from msgspec import Meta

from flk.model.record.canonical import Signed, names_of
from flk.model.record.identity import pcs_id
from flk.model.refusal import Malformed
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.record
_UNKNOWN = "Object contains unknown field `"
_PROOF_IS_UNKNOWN = f"{_UNKNOWN}vrf_proof`"
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_PLACE = " - at `$."


class Regime(StrEnum):
    """How the computation moves (SIG-4)."""

    STICKY = "sticky"
    MIXED = "mixed"
    NON_STICKY = "non_sticky"


Unit = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(max_length=LIMITS.max_text)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """How the agent fared (`ft`): position in its outbox, degraded modes, clock skew in milliseconds."""

    outbox_seq: Annotated[int, Meta(ge=0, le=LIMITS.max_epoch)]
    degraded: bool
    fallbacks: Annotated[tuple[Text, ...], Meta(max_length=LIMITS.max_fallbacks)]
    clock_skew_ms: Int64


NO_FAULT = Fault(outbox_seq=0, degraded=False, fallbacks=(), clock_skew_ms=0)


class Pcs(Signed, frozen=True, forbid_unknown_fields=True, gc=False):
    """One Proof-of-Computation Summary, all nineteen fields (`DrawnPcs` has one more). Built directly it is unchecked;
    `decode` yields only valid ones.

    `scales` and `N_j` are the cells counted at each scale, `D_hat`, `coh_star` (with its direction `v_star`) and `r` the signals,
    `regime` and `budget` follow from them, `ft` says how the agent fared. Frozen; `msgspec.structs.replace` gives another.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> record.regime.value, record.scales, record.sig
    ('mixed', (2, 4, 8, 16), '')

    Rules that a type can state stand here; the others, the forms of texts among them, in `_validate`.
    """

    pcs_id: str
    schema: str
    version: Annotated[str, Meta(min_length=1, max_length=LIMITS.max_text)]
    shard_id: str
    epoch: Annotated[int, Meta(ge=0, le=LIMITS.max_epoch)]
    attempt: Annotated[int, Meta(ge=1, le=LIMITS.max_attempt)]
    sent_at: str
    seed: Int64
    scales: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=LIMITS.max_scale)], ...],
        Meta(min_length=LIMITS.min_scales, max_length=LIMITS.max_scales),
    ]
    N_j: dict[str, Annotated[int, Meta(ge=1, le=LIMITS.max_count)]]
    coh_star: Annotated[float, Meta(ge=0, le=LIMITS.coh_star_max)]
    v_star: Annotated[tuple[float, ...], Meta(min_length=1, max_length=LIMITS.max_dimensions)]
    D_hat: Annotated[float, Meta(ge=0, le=LIMITS.D_hat_max)]
    r: Unit
    regime: Regime
    budget: Unit
    merkle_root: str
    sig: Text
    ft: Fault


class DrawnPcs(Pcs, frozen=True, forbid_unknown_fields=True, gc=False):
    """A summary with a twentieth field: the proof that a verifiable random function drew its seed (VRF-4)."""

    vrf_proof: str


class _Edition(msgspec.Struct):
    """What is read of a body to know which fields it may have."""

    version: str = ""


_read = msgspec.json.Decoder(Pcs).decode
_read_drawn = msgspec.json.Decoder(DrawnPcs).decode
_read_edition = msgspec.json.Decoder(_Edition).decode
_encoder = msgspec.json.Encoder()


def encode(record: Pcs) -> bytes:
    """The record as the JSON of a submission's body, fields in the order of the type. `decode` reads it back.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> decode(encode(record)) == record
    True
    """
    return _encoder.encode(record)


def decode(body: bytes) -> Pcs:
    """The valid record that `body` holds: one JSON object in UTF-8 that breaks no rule (REC-*, ID-*). The signature is not looked
    at.

    Raises Malformed, which names the requirement and the field at fault, for anything else.

    >>> try:
    ...     decode(b'{"attempt": 0}')
    ... except Malformed as error:
    ...     print(error.requirement, error.field)
    REC-8 attempt
    """
    try:
        record = _read_either(body)
    except msgspec.ValidationError as error:
        raise _not_json(body) or _broken_rule(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_one_object(error) from None
    _validate(record, body)
    return record


def _read_either(body: bytes) -> Pcs:
    """The record, with or without a proof. Only a version in which there is that field may have it (REC-3)."""
    try:
        return _read(body)
    except msgspec.ValidationError as error:
        if str(error) != _PROOF_IS_UNKNOWN or not _may_have_proof(body):
            raise
    return _read_drawn(body)


def _may_have_proof(body: bytes) -> bool:
    """Whether the record is of the version with a proof. Nesting beyond the decoder's limit is not looked into."""
    try:
        return _read_edition(body).version == LIMITS.drawn_version
    except RecursionError:
        return False


def _not_json(body: bytes) -> Malformed | None:
    """The refusal of a body that is no JSON, wherever that shows: a node parses before it validates (ORD-1), and the decoder
    reports the fault that comes first. Nesting beyond the decoder's limit is not looked into.
    """
    try:
        body.decode()
        msgspec.json.decode(body, type=msgspec.Raw)
    except RecursionError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _not_one_object(error)
    return None


def _not_one_object(error: Exception) -> Malformed:
    return Malformed("REC-1", f"the body is not one JSON object in UTF-8: {error}")


def _validate(record: Pcs, body: bytes) -> None:
    """The rules that no single field's type can state."""
    counts = record.N_j
    drawn = isinstance(record, DrawnPcs)
    texts = _TEXTS + 2 * drawn + len(counts) + len(record.ft.fallbacks)
    if body.count(b'"') != 2 * texts or b"\\" in body:
        _refuse_repeated_keys(body)
    if record.schema != LIMITS.schema:
        raise Malformed("REC-4", f"schema must be {LIMITS.schema!r}", field="schema")
    if not _well_formed(f"{record.merkle_root}|{record.shard_id}|{record.sent_at}"):
        raise _malformed_text(record)
    if isinstance(record, DrawnPcs) and not _matches(LIMITS.vrf_proof_pattern, record.vrf_proof):
        what = "the standard base64, with padding, of 80 bytes"
        raise Malformed(LIMITS.requirement["vrf_proof"], f"vrf_proof must be {what}", field="vrf_proof")
    names = names_of(record.scales)
    if tuple(counts) != names:  # in another order, or wrong
        if len(set(names)) != len(names):
            raise Malformed("REC-7", "scales must be distinct", field="scales")
        if counts.keys() != set(names):
            raise Malformed("REC-7", "N_j must have one count for each listed scale and no other key", field="N_j")
    if record.pcs_id != pcs_id(record.merkle_root, record.epoch, record.shard_id):
        raise Malformed("ID-1", "pcs_id is not SHA-256 of merkle_root|epoch|shard_id", field="pcs_id")


_FORMS = {
    "merkle_root": LIMITS.merkle_root_pattern,
    "shard_id": LIMITS.shard_id_pattern,
    "sent_at": LIMITS.sent_at_pattern,
}


def _written_out(form: str) -> str:
    """The form without anchors, and each counted digit by itself, which matches faster."""
    return re.sub(
        r"(\[0-9\])\{(\d)\}", lambda digit: digit[1] * int(digit[2]), form.removeprefix("^").removesuffix("$")
    )


# All three in one match, which costs a third of three. No form allows a bar, so no text can reach into the next.
_well_formed = re.compile(r"\|".join(map(_written_out, _FORMS.values()))).fullmatch


def _malformed_text(record: Pcs) -> Malformed:
    field = next(name for name, form in _FORMS.items() if not _matches(form, getattr(record, name)))
    return Malformed(LIMITS.requirement[field], f"{field} must match {_FORMS[field]}", field=field)


def _matches(form: str, text: str) -> bool:
    """Python's `$` also matches before a final newline; the specification's never does."""
    return re.search(form.removesuffix("$") + r"\Z", text) is not None


def _broken_rule(message: str) -> Malformed:
    if message.startswith(_UNKNOWN):  # first, since the name is the sender's choice and may look like anything
        name = message.removeprefix(_UNKNOWN).removesuffix(" - at `$.ft`").removesuffix("`")
        return Malformed("REC-3", f"the field {name!r} is unknown", field=name)
    if absent := _MISSING.match(message):
        return Malformed("REC-3", message, field=absent[1])
    _, at, path = message.rpartition(_PLACE)  # the last, since the message may quote the sender before it
    if not at:
        return Malformed("REC-1", message)
    field = re.split(r"\W", path, maxsplit=1)[0]
    return Malformed(LIMITS.requirement[field], message, field=field)


# What has two quotation marks in a body: each key, and each value that is a text. If there are more, a key is repeated or an escape
# hides one.
_TEXTS = (
    len(Pcs.__struct_fields__)
    + len(Fault.__struct_fields__)
    + sum(kind in (str, Regime) for kind in get_type_hints(Pcs).values())
)


def _refuse_repeated_keys(body: bytes) -> None:
    """Readers disagree on which of two equal keys counts, so a record has none (REC-2, RFC 7493 section 2.3)."""
    json.loads(body, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise Malformed("REC-2", f"the key {key!r} occurs more than once", field=key)
        seen.add(key)
