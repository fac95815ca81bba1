"""Cases for the compiled `examine`: valid records as any agent may write them, and what an attacker makes of them."""

import json
from collections.abc import Iterator
from random import Random
from typing import NamedTuple, TypeVar

from flk.model.flow.submission import Submission
from flk.model.log.hlc import Timestamp, at
from flk.model.programs.examine import Examine
from flk.model.record.canonical import Profile
from flk.model.record.identity import pcs_id
from flk.model.record.record import LIMITS, Fault, Pcs, decode
from flk.model.record.signals import budget, d_hat, regime
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, HmacKey, Keyring, LiveKey, Signer, sign
from flk.model.refusal import Malformed, Refused

A = TypeVar("A")

NEW, OLD, LATER, FORGER = (HmacKey(secret) for secret in (b"new", b"o" * 64, b"l" * 65, b""))
CURVE = Ed25519PrivateKey(bytes(range(32)))
SIGNERS: tuple[Signer, ...] = (NEW, OLD, LATER, FORGER, CURVE)
ENDED, BEGAN = 1_767_225_600.0, 1_767_225_700.5
KEYS: dict[str, list[LiveKey | HmacKey | Ed25519PublicKey]] = {
    "default": [NEW, LiveKey(OLD, not_after=ENDED), LiveKey(LATER, not_before=BEGAN)],
    "curve": [Ed25519PublicKey(CURVE.public()), NEW],
    "none": [],
}
KEYRINGS = (Keyring(KEYS), Keyring(KEYS, (Profile.FIXED, Profile.SHORTEST)), Keyring(KEYS, (Profile.SHORTEST,)))
TENANTS = ("default",) * 8 + ("curve", "none", "unknown")
MOMENTS = (
    *(at(bound + step / 1000) for bound in (ENDED, BEGAN) for step in (-1, 0, 1)),
    Timestamp(0),
    Timestamp(2**64 - 1),
)

NUMBERS = (
    "0", "-0", "0.0", "-0.0", "1", "-1", "2", "1.0", "1.05", "1.0500000000000001", "3.5", "3.5000000000000004",
    "0.5", "5e-1", "5E-1", "50e-2", "0.05e1", "1e0", "1E+0", "1e00", "1e-0", "0e99", "0e-99", "1e-9", "5e-10",
    "1.5e-9", "0.0000000005", "0.0000000015", "0.30000000000000004", "0.1000000000000000055511151231257827",
    "0.9999999995", "4.9406564584124654e-324", "2.2250738585072014e-308", "1e-400", "1e400",
    "1.7976931348623157e308", "1.7976931348623159e308", "1e308", "1e309", "9007199254740991", "9007199254740992",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "999999999999999999", "1000000000000000000", "2147483647",
    "2147483648", "1024", "1025", "01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10", "NaN", "Infinity", "-Infinity",
    "1_0", "1e5", "123456789012345678901234567890", "0.00000000000000000001", "0.12345678901234567",
    "0.1234567890123456789", "0.01234567890123456789", "1.00000000000000000000",
)  # fmt: skip
TEXTS = (
    b'""', b'"a"', b'"\\u0061"', b'"\\ud800"', b'"\\n"', b'"\\u0000"', b'"\x00"', b'"\x1f"', b'"\x7f"', b'"\xff"', b'"\xc3\xa9"',
    b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xc0\xaf"', b'"' + b"x" * 128 + b'"', b'"' + b"x" * 129 + b'"',
    b'"' + "\u00e9".encode() * 128 + b'"', b'"a|b"', b'"a:b"', b'"a"b"', b'"open', b"'a'", b'"A"', b'"\xe2\x80\xa8"',
    b'"mixed"', b'"sticky"', b'"non_sticky"', b'"Sticky"', b'"fractal-lba-kakeya"',
    b'"2026-01-01T00:00:00Z"', b'"2026-01-01T00:00:00.123456789+05:30"', b'"2026-01-01T00:00:00.1234567890Z"',
    b'"2026-01-01T00:00:00.Z"', b'"2026-01-01T00:00:00-0530"', b'"2026-01-01T00:00:00"', b'"2026-01-01 00:00:00Z"',
)  # fmt: skip
OTHERS = (
    b"null",
    b"true",
    b"false",
    b"{}",
    b"[]",
    b"[null]",
    b'{"2":1}',
    b"[[",
    b"[" * 99 + b"]" * 99,
    b"tru",
    b"[2,4]",
    b"[1.0]",
)
SPACES = (b"", b" ", b"\n", b"\t", b"\r", b"\r\n  ", b"\x0b", b"\xa0", b"\x00", b"\xef\xbb\xbf", b"//", b",", b":")


class Case(NamedTuple):
    """A submission, and when it was logged."""

    submission: Submission
    timestamp: Timestamp


Answer = tuple[object, ...]


def cases(seed: int) -> Iterator[Case]:
    """Without an end: a record that is valid, and some that differ from it in a few places."""
    random = Random(seed)
    while True:
        record = valid(random)
        for changes in (0, 0, 1, 1, 2):
            body = record
            for _ in range(changes):
                body = random.choice(MUTATIONS)(random, body)
            moment = random.choice(MOMENTS) if random.random() < 0.2 else Timestamp(random.getrandbits(58))
            yield Case(Submission(random.choice(TENANTS), body), moment)


def answer(examine: Examine, case: Case, region: str = "eu") -> Answer:
    """The claim, or all that a refusal says; two answers are the same bit by bit if their texts are."""
    try:
        claim = examine(case.submission, case.timestamp, region)
    except Refused as refusal:
        return type(refusal), refusal.requirement, refusal.field, refusal.detail
    outcome = claim.entry.outcome
    numbers = outcome.recomputed_D_hat.hex(), outcome.recomputed_budget.hex()
    return type(claim), type(claim.key), type(claim.entry), type(outcome), type(outcome.reason), claim, numbers


def valid(random: Random) -> bytes:
    """A record that is valid, unless a number in it is not; signed by one of many."""
    root, shard = random.randbytes(32).hex(), "".join(random.choices(_SHARD, k=random.choice((1, 8, 11, 127, 128))))
    epoch = random.choice((0, 1, random.getrandbits(20), LIMITS.max_epoch, random.getrandbits(53)))
    scales = random.sample(range(1, LIMITS.max_scale + 1), random.choice((2, 2, 3, 4, 5, 31, 32)))
    scales = random.choice(([2, 4, 8, 16], [2, 4, 8, 16], scales))
    slope, most = random.uniform(0, 3.6), random.choice((9, 53))
    grown = [max(1, min(LIMITS.max_count, round(scale**slope * random.choice((1, 3, 0.7))))) for scale in scales]
    counts = random.choice((grown, grown, [random.getrandbits(random.randint(1, most)) or 1 for _ in scales]))
    names = random.sample(scales, len(scales)) if random.random() < 0.3 else scales
    known = dict(zip(scales, counts, strict=True))
    coherent, size = random.uniform(0, 1.05), random.uniform(0, 1)
    slope = min(3.5, max(0.0, d_hat(scales, counts) + random.choice((0, 0, 0, 0.15, -0.15, 0.1500000005))))
    cost = min(1.0, max(0.0, budget(slope, coherent, size) + random.choice((0, 0, 0, 0.01, -0.01, 0.0100000005))))
    moves = random.choice((regime(slope, coherent).value, random.choice(LIMITS.regimes)))
    real = random.choice((_plain, _plain, _real))
    members = {
        "D_hat": real(random, slope),
        "budget": real(random, cost),
        "coh_star": real(random, coherent),
        "epoch": str(epoch),
        "merkle_root": json.dumps(root),
        "pcs_id": json.dumps(pcs_id(root, epoch, shard)),
        "r": real(random, size),
        "shard_id": json.dumps(shard),
        "schema": json.dumps(LIMITS.schema),
        "version": random.choice(_VERSIONS),
        "attempt": str(random.choice((1, 2, LIMITS.max_attempt))),
        "sent_at": json.dumps(random.choice(_INSTANTS)),
        "seed": str(random.choice((0, 42, -1, 10**18 - 1, *_SEEDS))),
        "scales": json.dumps(scales),
        "N_j": json.dumps({str(scale): known[scale] for scale in names}),
        "v_star": f"[{','.join(real(random, random.uniform(-1, 1)) for _ in range(random.choice((1, 2, 3, 4, 16))))}]",
        "regime": json.dumps(moves),
        "sig": '""',
        "ft": random.choice((*_FAULTS[:2] * 4, *_FAULTS)),
    }
    sign_members(random, members)
    order = random.sample(list(members), len(members)) if random.random() < 0.2 else list(members)
    comma, colon = random.choice(((",", ":"), (",", ":"), (", ", ": "), (" ,\n\t", " :\r\n")))
    return ("{" + comma.join(f'"{name}"{colon}{members[name]}' for name in order) + "}").encode()


_SHARD = [chr(code) for code in range(32, 127) if chr(code) not in '"\\|']
_SEEDS = (-(10**18), 2**63 - 1, -(2**63))
_VERSIONS = (*[json.dumps(LIMITS.version)] * 6, f'"{"v" * 128}"', '"0"', '"é"', '"\\u00e9"')
_INSTANTS = ("2026-01-01T00:00:00Z", "9999-99-99T99:99:99.5+23:59", "2026-01-01T00:00:00.123456789-23:59")
_FAULTS = (
    '{"outbox_seq":0,"degraded":false,"fallbacks":[],"clock_skew_ms":0}',
    '{"clock_skew_ms":-12,"fallbacks":["a","b: c"],"degraded":true,"outbox_seq":9007199254740991}',
    '{"outbox_seq":1,"degraded":true,"fallbacks":["","","é\\\\"],"clock_skew_ms":9223372036854775807}',
)


def _plain(random: Random, x: float) -> str:
    """The number, as most agents write it."""
    return random.choice((repr(x), repr(round(x, 9)), f"{x:.9f}", f"{x:.15f}", repr((round(x * 1e9) + 0.5) / 1e9)))


def _real(random: Random, x: float) -> str:
    """About that number, in one of the ways in which it can be written."""
    match random.randrange(10):
        case 0:
            return repr(x)
        case 1:
            return f"{x:.9f}"
        case 2:
            return f"{x:.16e}"
        case 3:
            return f"{x:.{random.randint(0, 25)}f}"
        case 4:
            return f"{x:.{random.randint(0, 20)}e}"
        case 5:  # half way between two multiples of a billionth, or close to it
            return repr((round(x * 1e9) + 0.5) / 1e9)
        case 6:
            return repr((round(x * 1024) + 0.5) / 1024)
        case 7:
            return repr(round(x, random.randint(0, 3)))
        case 8 if random.random() < 0.1:
            return random.choice(NUMBERS)
        case _:
            return repr(round(x, 9))


def sign_members(random: Random, members: dict[str, str]) -> None:
    """Give the record a signature, if it is valid."""
    body = ("{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}").encode()
    profile = Profile.SHORTEST if random.random() < 0.05 else Profile.FIXED
    try:
        record: Pcs = decode(body)
        members["sig"] = json.dumps(sign(random.choice((NEW, NEW, NEW, NEW, *SIGNERS)), record, profile))
    except Malformed:
        return


def _byte_changed(random: Random, body: bytes) -> bytes:
    place = random.randrange(len(body) or 1)
    return body[:place] + bytes([random.choice((random.getrandbits(8), *b'"\\{}[],:0e.-\x00'))]) + body[place + 1 :]


def _bit_flipped(random: Random, body: bytes) -> bytes:
    place = random.randrange(len(body) or 1)
    return body[:place] + bytes(byte ^ 1 << random.randrange(8) for byte in body[place : place + 1]) + body[place + 1 :]


def _bytes_lost(random: Random, body: bytes) -> bytes:
    place = random.randrange(len(body) or 1)
    return body[:place] + body[place + random.choice((1, 1, 2, 9)) :]


def _cut(random: Random, body: bytes) -> bytes:
    return body[: random.randrange(len(body) or 1)]


def _spaced(random: Random, body: bytes) -> bytes:
    place = random.choice((0, len(body), random.randrange(len(body) or 1)))
    return body[:place] + random.choice(SPACES) + body[place:]


def _member(random: Random, body: bytes) -> tuple[int, int, int]:
    """Where a member, its value, and its end are: in a body that may be anything."""
    starts = [place for place in range(len(body)) if body[place : place + 1] == b":"] or [0]
    colon = random.choice(starts)
    end = min(
        (place for place in (body.find(end, colon) for end in (b",", b"}", b"]")) if place >= 0), default=len(body)
    )
    return max(0, body.rfind(b'"', 0, max(0, colon - 1))), colon + 1, end


def _value_replaced(random: Random, body: bytes) -> bytes:
    _, start, end = _member(random, body)
    kinds = ([number.encode() for number in NUMBERS], TEXTS, OTHERS)
    return body[:start] + random.choice(random.choice(kinds)) + body[end:]


def _number_replaced(random: Random, body: bytes) -> bytes:
    """One number where another stood, in an array, say."""
    digits = [place for place in range(1, len(body)) if body[place : place + 1].isdigit()] or [0]
    start = random.choice(digits)
    return body[:start] + random.choice(NUMBERS).encode() + body[start + 1 :]


def _member_repeated(random: Random, body: bytes) -> bytes:
    start, _, end = _member(random, body)
    other = _member(random, body)[2]
    return body[:other] + b"," + body[start:end] + body[other:]


def _member_removed(random: Random, body: bytes) -> bytes:
    start, _, end = _member(random, body)
    return body[:start] + body[end + 1 :]


def _name_changed(random: Random, body: bytes) -> bytes:
    start, value, _ = _member(random, body)
    names = (
        *Pcs.__struct_fields__,
        *Fault.__struct_fields__,
        "2",
        "02",
        " 2",
        "2 ",
        "2.0",
        "+2",
        "",
        "D_hat\\u0000",
        "\\u0072",
    )
    return body[:start] + b'"' + random.choice(names).encode() + b'":' + body[value:]


def _two_swapped(random: Random, body: bytes) -> bytes:
    (_, a, b), (_, c, d) = sorted((_member(random, body), _member(random, body)), key=lambda found: found[1])
    return body[:a] + body[c:d] + body[b:c] + body[a:b] + body[d:] if b <= c else body


MUTATIONS = (
    _byte_changed,
    _bit_flipped,
    _bytes_lost,
    _cut,
    _spaced,
    _value_replaced,
    _value_replaced,
    _number_replaced,
    _member_repeated,
    _member_removed,
    _name_changed,
    _two_swapped,
)
