"""The oracle is a second implementation: it passes the vectors of the specification, and agrees with the model on drawn values."""

import base64
import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from itertools import pairwise
from math import inf
from struct import unpack
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model import strategies as like
from tests.support.model.world import HONEST, pcs

from flk.model.effects import OUTBOX, Append, Draw, Post
from flk.model.entries.entry import content_digest
from flk.model.entries.judgement import judge
from flk.model.flow.answers import ANSWERS, Meaning
from flk.model.flow.outbox import Queued, contents
from flk.model.flow.submission import Response, StoredOutcome, Submission, from_payload
from flk.model.log import hlc
from flk.model.log.frames import CorruptSegment, Frame, Head, Stated, data, opening, scan, seal, sealed_frames
from flk.model.log.hlc import Timestamp, text
from flk.model.programs.outbox import deliver, pause, queue
from flk.model.record.canonical import Profile, canonical_bytes
from flk.model.record.record import Pcs, decode, encode
from flk.model.record.signing import HmacKey, Keyring, LiveKey, sign
from flk.model.refusal import Malformed, Refused
from flk.sim.clients.alterations import deviating, malformed
from flk.sim.oracle import clocks, frames, outboxes, records, signatures
from flk.sim.oracle.signatures import Key
from flk.spec.constants import CONSTANTS

Given = Mapping[str, Any]
Windows = list[tuple[bytes, float, float]]


def bits(given: Given, name: str) -> float:
    """A number as its bits say it, since a JSON reader might round."""
    found = given.get("bits", {}).get(name)
    return float(unpack(">d", bytes.fromhex(found))[0]) if found else float(given[name])


def of_record(given: Given) -> records.Record:
    """The record of a case."""
    exact = {"bits": given.get("bits", {})}
    record = dict(given["record"]) | {name: bits(exact, name) for name in exact["bits"]}
    if isinstance(record["shard_id"], list):  # code units of a text that UTF-8 may not be able to carry
        units = b"".join(unit.to_bytes(2, "big") for unit in record["shard_id"])
        record["shard_id"] = units.decode("utf-16-be", "surrogatepass")
    return record


def keys_of(given: Given) -> signatures.Keys:
    """The keys of a case."""

    def key(raw: Given) -> Key:
        material = base64.b64decode(raw["key"])
        return Key(raw["algorithm"], material, raw.get("not_before", 0.0), raw.get("not_after", inf))

    return {tenant: [key(raw) for raw in several] for tenant, several in given["keys"].items()}


def authenticated(given: Given) -> bool:
    """Whether a signature counts."""
    record = {**given["record"], "sig": given["sig"]}
    if not signatures.is_authentic(keys_of(given), given["tenant"], record, given["at"], given["profiles"]):
        raise records.Invalid("SIGN-6")
    return True


def validated(given: Given) -> bool:
    """Whether a body is a record."""
    records.read(given["body"].encode() if "body" in given else base64.b64decode(given.get("body_base64", "")))
    return True


def scanned(given: Given) -> dict[str, Any]:
    """What a segment says."""
    salt = base64.b64decode(given["salt"]) if "salt" in given else None
    found = frames.read(base64.b64decode(given["segment"]), salt)
    logged = [
        {"timestamp": f"{frame.timestamp:016x}", "payload": base64.b64encode(frame.payload).decode()}
        for frame in found.data
    ]
    return {
        "head": found.head,
        "frames": logged,
        "end": found.end,
        "torn": found.torn,
        "damage": [list(damage) for damage in found.damage],
        "sealed": found.sealed,
        "clock": f"{found.clock:016x}",
    }


def observed(given: Given) -> dict[str, Any]:
    """What an arrival does to a clock."""
    last, seen = (clocks.stamp(int(given[name], 16)) for name in ("last", "seen"))
    clock = clocks.after_seeing(last, seen, given["now"])
    return {"clock": f"{clock.integer:016x}", "ahead": clocks.is_strange(seen, given["now"])}


def judged(given: Given) -> dict[str, Any]:
    """What is concluded from a record, by the numbers of a policy if there is one."""
    policy = given.get("policy")
    rules = (
        records.Rules(**{name: float(policy[name]) for name in records.Rules._fields}) if policy else records.DEFAULT
    )
    return records.judge(of_record(given), rules)._asdict()


OPERATIONS: Mapping[str, Callable[[Given], object]] = {
    "fixed9": lambda given: records.fixed9(bits(given, "x")),
    "canonical": lambda given: records.canonical(of_record(given), given["profile"]).decode(),
    "content_digest": lambda given: records.digest(of_record(given)),
    "d_hat": lambda given: records.round9(records.slope(given["scales"], given["counts"])),
    "regime": lambda given: records.regime(bits(given, "D_hat"), bits(given, "coh_star")),
    "budget": lambda given: records.round9(
        records.budget(bits(given, "D_hat"), bits(given, "coh_star"), bits(given, "r"))
    ),
    "judge": judged,
    "validate": validated,
    "authenticate": authenticated,
    "hlc_tick": lambda given: f"{clocks.next_stamp(clocks.stamp(int(given['last'], 16)), given['now']).integer:016x}",
    "hlc_observe": observed,
    "scan": scanned,
}


def cases(operation: str) -> list[dict[str, Any]]:
    """The vectors of an operation, the golden ones among them."""
    folder = files("flk.spec").joinpath("vectors")
    found = [json.loads(folder.joinpath(f"{operation}.json").read_bytes())]
    golden = folder.joinpath(f"{operation}.golden.json")
    if golden.is_file():
        found.append(json.loads(golden.read_bytes()))
    return [case for each in found for case in each["cases"]]


def attempted(operation: str, given: Given) -> object:
    """What the oracle finds, or the requirement that is broken."""
    try:
        return OPERATIONS[operation](given)
    except records.Invalid as refusal:
        return str(refusal)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_vectors_of_the_specification_pass(operation: str) -> None:
    """Every case of the operation: the value to the last digit, or the requirement that is broken. Simulated policies ask nothing
    besides, and so the oracle knows no scrutiny.
    """
    asked = [case for case in cases(operation) if "scrutiny" not in case["input"].get("policy", {})]
    assert asked
    for case in asked:
        expected, found = case["expect"], attempted(operation, case["input"])
        assert found == expected.get("error", expected.get("value")), case["id"]


def plain(record: Pcs) -> records.Record:
    """A record as the oracle has it."""
    return records.read(encode(record))


@given(like.records())
def test_records_are_read_judged_and_digested_as_by_the_model(record: Pcs) -> None:
    """Canonical bytes of both profiles, digest and outcome of any valid record."""
    same = plain(record)
    for profile in Profile:
        assert records.canonical(same, profile.value) == canonical_bytes(record, profile)
    assert records.digest(same) == content_digest(record)
    assert records.judge(same) == msgspec.structs.astuple(judge(record))


@given(like.records(), st.floats(0, 1, exclude_max=True))
def test_what_is_no_record_to_the_model_is_none_to_the_oracle(record: Pcs, how: float) -> None:
    """Bodies that were spoilt in every way that the simulator knows."""
    with pytest.raises(records.Invalid):
        records.read(malformed(record, how))
    with pytest.raises(Malformed):
        decode(malformed(record, how))


@given(like.records(), st.data())
def test_any_other_value_of_a_field_is_taken_alike(record: Pcs, chooser: st.DataObject) -> None:
    """Both accept it or both refuse it."""
    raw = json.loads(encode(record))
    field = chooser.draw(st.sampled_from(sorted(raw)))
    body = json.dumps(raw | {field: chooser.draw(like.json_values)}).encode()
    try:
        decode(body)
    except Malformed:
        with pytest.raises(records.Invalid):
            records.read(body)
    else:
        records.read(body)


GREAT = st.builds(
    lambda record, count: msgspec.structs.replace(record, N_j=dict.fromkeys(record.N_j, count)),
    like.records(),
    st.integers(CONSTANTS.record.max_count // 8, CONSTANTS.record.max_count),
)


@given(like.records() | GREAT, st.floats(0, 1, exclude_max=True))
def test_deviations_are_judged_alike(record: Pcs, how: float) -> None:
    """At, inside and outside each tolerance."""
    slope = min(3.5, max(0.0, judge(record).recomputed_D_hat))
    honest = msgspec.structs.replace(record, D_hat=slope)
    honest = msgspec.structs.replace(honest, budget=judge(honest).recomputed_budget)
    other = deviating(honest, how)
    assert records.judge(plain(other)) == msgspec.structs.astuple(judge(other))


moments = st.floats(0, 9)


@given(like.records(), st.lists(st.tuples(st.binary(min_size=1, max_size=40), moments, moments)), moments)
def test_signatures_count_as_for_the_model(record: Pcs, windows: Windows, at: float) -> None:
    """With any keys, live in any windows, the first of which signed."""
    windows = [*windows, (b"mine", 2.0, 7.0)]
    record = msgspec.structs.replace(record, sig=sign(HmacKey(windows[0][0]), record))
    keyring = Keyring({"t": [LiveKey(HmacKey(secret), begin, end) for secret, begin, end in windows]})
    keys = {"t": [Key("hmac-sha256", secret, begin, end) for secret, begin, end in windows]}
    try:
        keyring.authenticate("t", record, record.sig, at)
        authentic = True
    except Refused:
        authentic = False
    assert signatures.is_authentic(keys, "t", plain(record), at) is authentic
    assert not signatures.is_authentic(keys, "another", plain(record), at)


@given(like.timestamps, like.timestamps, st.floats(0, 4e9))
def test_clocks_go_as_in_the_model(last: Timestamp, seen: Timestamp, now: float) -> None:
    """Local events and arrivals, at any moment."""
    clock = clocks.stamp(last)
    assert clocks.next_stamp(clock, now).integer == hlc.tick(last, now)
    assert clocks.after_seeing(clock, clocks.stamp(seen), now).integer == hlc.observe(last, seen, now)
    assert clocks.is_strange(clocks.stamp(seen), now) is hlc.is_ahead(seen, now)


@given(
    like.heads,
    st.lists(like.frames, max_size=6),
    st.booleans(),
    st.sampled_from([b"", b"8 bytes?"]),
    st.builds(Stated, like.timestamps, st.sampled_from([b"", b"a policy"])),
    st.data(),
)
def test_segments_are_read_as_by_the_model(
    head: Head,
    logged: list[Frame],
    sealed: bool,
    salt: bytes,
    stated: Stated,
    chooser: st.DataObject,
) -> None:
    """Of either format, whole or cut anywhere, with any byte changed."""
    whole = opening(head, hlc.ZERO, salt, stated) + b"".join(data(frame, salt) for frame in logged)
    content = bytearray(whole + seal(whole) if sealed else whole)
    if chooser.draw(st.booleans()):
        content[chooser.draw(st.integers(0, len(content) - 1))] ^= chooser.draw(st.integers(1, 255))
    image = bytes(content[: chooser.draw(st.integers(0, len(content)))])
    ours, theirs = frames.read(image), scan(image)
    assert [(frame.timestamp, frame.payload) for frame in ours.data] == [frame[:2] for frame in theirs.frames]
    assert [frame[2] for frame in theirs.frames] == [Stated(Timestamp(f.since), f.stated) for f in ours.data]
    assert (ours.end, ours.torn, ours.sealed, ours.clock) == (theirs.end, theirs.torn, theirs.sealed, theirs.clock)
    assert list(ours.damage) == [tuple(damage) for damage in theirs.damage]
    try:
        logged_so = sealed_frames(head.name, image)
    except CorruptSegment:
        logged_so = None
    as_sealed = frames.whole(image)
    assert (as_sealed is not None) is (image == whole + seal(whole))
    if as_sealed is not None:
        assert as_sealed.name == head.name
        assert logged_so == tuple(logged)


@given(like.heads, st.lists(like.frames, max_size=3), st.sampled_from([1, 2, 3]), st.booleans())
def test_what_has_two_heads_or_two_seals_is_no_whole_segment(
    head: Head, logged: list[Frame], parts: int, zeros: bool
) -> None:
    """Nor one that goes on behind its seal, with zeros or another segment, nor one that begins otherwise than with its head."""
    one = opening(head, hlc.ZERO) + b"".join(map(data, logged))
    sealed = one + seal(one)
    assert frames.whole(sealed) is not None
    more = sealed + (bytes(parts) if zeros else seal(sealed) * parts)
    twice = one + opening(head, hlc.ZERO)[len(frames.MAGIC) :]
    headless = frames.MAGIC + b"".join(map(data, logged))
    for content in (more, twice + seal(twice), headless + seal(headless), sealed[len(frames.MAGIC) :]):
        assert frames.whole(content) is None


tenants = st.text("abc", min_size=1, max_size=9)
bodies = st.binary(max_size=40)


def stating(pcs_id: str, digest: str) -> bytes:
    """The body of an answer that states an outcome."""
    outcome = StoredOutcome(pcs_id, digest, text(Timestamp(1)), "eu", *msgspec.structs.astuple(judge(pcs())))
    return msgspec.json.encode(outcome)


OWN = content_digest(pcs())
REPLIES = (stating(pcs().pcs_id, OWN), stating(pcs().pcs_id, "0" * 64), stating("1" * 64, OWN))
REFUSAL = b'{"error":"no","requirement":"ORD-2"}'


@given(
    tenants,
    bodies | st.just(HONEST.body),
    st.integers(0, 2**62).map(Timestamp),
    st.sampled_from(sorted(ANSWERS)),
    bodies | st.sampled_from((*REPLIES, REFUSAL)),
)
def test_outboxes_are_read_as_by_the_model(
    tenant: str, body: bytes, identity: Timestamp, status: int, reply: bytes
) -> None:
    """What the programs append is what the oracle reads, and settles what the oracle takes for final (OUT-6)."""
    submission = Submission(tenant, body)
    append = next(queue(submission))
    assert isinstance(append, Append)
    assert outboxes.read(append.payload) == outboxes.Queued(outboxes.logged(tenant, body))
    assert from_payload(outboxes.logged(tenant, body)) == submission
    program = deliver(Queued(identity, submission))
    assert isinstance(next(program), Post)
    after = program.send(Response(status, reply, 2.0))
    assert isinstance(after, Append) == outboxes.settles(body, outboxes.Answer(status, reply, 2.0))
    if isinstance(after, Draw):
        return
    assert isinstance(after, Append)
    assert after.log == OUTBOX
    refused = ANSWERS[status].meaning is Meaning.REFUSED
    assert (status in outboxes.REFUSED, status in outboxes.STORED) == (refused, not refused)
    answer = outboxes.Answer(status, reply, 2.0) if refused else None
    assert outboxes.read(after.payload) == outboxes.Settled(identity, answer)
    state = contents([Frame(identity, append.payload), Frame(Timestamp(identity + 1), after.payload)])
    assert not state.pending
    assert len(state.dead) == refused


def test_the_ceilings_are_those_of_the_pauses() -> None:
    """The longest pause after each attempt, which doubles up to the limit (OUT-3)."""
    longest = [outboxes.ceiling(CONSTANTS.outbox, attempt) for attempt in range(1, 12)]
    assert longest == [pause(attempt, 1.0, None) for attempt in range(1, 12)]
    assert all(later in {2 * earlier, CONSTANTS.outbox.max_delay_seconds} for earlier, later in pairwise(longest))
