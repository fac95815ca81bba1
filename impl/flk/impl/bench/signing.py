"""`flk bench signing`: canonical bytes, signatures and verification beside the straightforward way, on real records."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ed25519

from flk.impl.bench.interleave import Contest, Figure, run
from flk.model.compiled.examiner import choice, examining
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Submission
from flk.model.log.hlc import ZERO
from flk.model.record.canonical import DIGITS, Signed, canonical_bytes
from flk.model.record.record import Regime, decode, encode
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, HmacKey, Keyring, LiveKey, sign
from flk.model.record.summary import signed
from flk.model.refusal import Unauthenticated
from flk.model.samples.datasets import SENT_AT, cut
from flk.model.samples.windows import SEED, records

RECORDS = 64
SIGN_BAR, ED25519_VERIFY_BAR = 300_000.0, 20_000.0  # design section 11, on one core
VERIFY_TIMES, COMPILED_TIMES = 2.5, 8.0  # issue 11: machines of one kind differ threefold, so the ratio decides
TENANT = "default"
SECRET = b"testsecret"
ED25519_SEED = bytes(range(32))
_REALS = ("D_hat", "budget", "coh_star", "r")
_SIGNED = (*_REALS, "epoch", "merkle_root", "pcs_id", "shard_id")

A = TypeVar("A")
B = TypeVar("B")


class Unruled(Signed, frozen=True):
    """A record's fields with their types, and none of the rules."""

    schema: str
    version: str
    attempt: int
    sent_at: str
    seed: int
    scales: tuple[int, ...]
    N_j: dict[str, int]
    v_star: tuple[float, ...]
    regime: Regime
    sig: str
    ft: dict[str, Any]


def measure(seconds: float) -> tuple[Figure, ...]:
    """The figures, after about that many seconds."""
    return run(contests(), seconds)


def contests() -> tuple[Contest, ...]:
    """What is timed. Both sides of a verification start from the body as it came, and raise if it does not verify."""
    some = tuple(records(islice(cut("goog-prices"), RECORDS), seed=SEED, sent_at=SENT_AT))
    key = HmacKey(SECRET)
    fields = [msgspec.to_builtins(record) for record in some]
    ours = [encode(signed(record, key)) for record in some]
    theirs = [
        encode(msgspec.structs.replace(record, sig=plain_mac(plain_judged(form))))
        for record, form in zip(some, fields, strict=True)
    ]
    return (
        _contest("canonical bytes", canonical_bytes, some, plain_bytes, fields),
        _contest("sign, HMAC", partial(sign, key), some, plain_sign, fields, bar=SIGN_BAR),
        _contest("verify, HMAC, types only", verify_unruled, ours, plain_verify, theirs),
        _contest("verify, HMAC, every rule", verify, ours, plain_verify, theirs, times=VERIFY_TIMES),
        *_compiled(ours, theirs),
        *_ed25519([canonical_bytes(record) for record in some]),
    )


def verify(body: bytes) -> None:
    """All that stands between a body and its judgement: the rules of a record, and its signature."""
    record = decode(body)
    _KEYRING.authenticate(TENANT, record, record.sig, at=0.0)


def _compiled(ours: Sequence[bytes], theirs: Sequence[bytes]) -> Iterator[Contest]:
    """The same and more: the compiled `examine` also judges the record and makes its entry. None where there is no compiler."""
    if choice().compiled:
        claim = examining(_KEYRING)

        def examined(submission: Submission) -> Claim:
            return claim(submission, ZERO, "eu")

        submissions = [Submission(TENANT, body) for body in ours]
        yield _contest("examine, compiled", examined, submissions, plain_verify, theirs, times=COMPILED_TIMES)


def verify_unruled(body: bytes) -> None:
    """The same without the rules of a record: types only."""
    record = _unruled(body)
    _KEYRING.authenticate(TENANT, record, record.sig, at=0.0)


def plain_bytes(fields: dict[str, Any]) -> bytes:
    """The older canonical form as one would write it with the standard library."""
    chosen = {name: round(fields[name], DIGITS) if name in _REALS else fields[name] for name in _SIGNED}
    return json.dumps(chosen, sort_keys=True, separators=(",", ":")).encode()


def plain_judged(fields: dict[str, Any]) -> bytes:
    """The same, and what else is judged (C14N-9), which agents sign with it."""
    counts = {str(scale): fields["N_j"][str(scale)] for scale in fields["scales"]}
    beside = {"N_j": counts, "regime": fields["regime"], "scales": fields["scales"]}
    return plain_bytes(fields) + b"\n" + json.dumps(beside, separators=(",", ":")).encode()


def plain_sign(fields: dict[str, Any]) -> str:
    """The signature of the older canonical form."""
    return plain_mac(plain_bytes(fields))


def plain_mac(message: bytes) -> str:
    """A signature of the benchmark's secret."""
    return base64.b64encode(hmac.new(SECRET, message, sha256).digest()).decode()


def plain_verify(body: bytes) -> None:
    """From the body to the comparison, without a single rule of a record. Raises Unauthenticated."""
    fields = json.loads(body)
    expected = hmac.new(SECRET, plain_judged(fields), sha256).digest()
    if not hmac.compare_digest(expected, base64.b64decode(fields["sig"], validate=True)):
        raise Unauthenticated("SIGN-6", "no key made this signature", field="sig")


def _ed25519(messages: Sequence[bytes]) -> tuple[Contest, Contest]:
    """Signatures over canonical bytes, beside those of the `cryptography` library."""
    mine, plain = Ed25519PrivateKey(ED25519_SEED), ed25519.Ed25519PrivateKey.from_private_bytes(ED25519_SEED)
    public, plain_public = Ed25519PublicKey(mine.public()), plain.public_key()
    pairs = [(message, mine.sign(message)) for message in messages]

    def check(pair: tuple[bytes, bytes]) -> None:
        if not public.verifies(*pair):
            raise Unauthenticated("SIGN-6", "no key made this signature", field="sig")

    def plain_check(pair: tuple[bytes, bytes]) -> None:
        plain_public.verify(pair[1], pair[0])

    return (
        _contest("sign, Ed25519", mine.sign, messages, plain.sign, messages),
        _contest("verify, Ed25519", check, pairs, plain_check, pairs, bar=ED25519_VERIFY_BAR),
    )


def _contest(
    name: str,
    subject: Callable[[A], object],
    items: Sequence[A],
    baseline: Callable[[B], object],
    baseline_items: Sequence[B],
    *,
    bar: float = 0.0,
    times: float = 0.0,
) -> Contest:
    def all_of_subject() -> None:
        for item in items:
            subject(item)

    def all_of_baseline() -> None:
        for item in baseline_items:
            baseline(item)

    return Contest(name, len(items), all_of_subject, all_of_baseline, bar, times)


_KEYRING = Keyring({TENANT: [LiveKey(HmacKey(SECRET))]})
_unruled = msgspec.json.Decoder(Unruled).decode
