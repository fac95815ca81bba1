"""The verifiable random function (VRF-1 to VRF-3), beside the examples of RFC 9381 and a second implementation over integers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.second import ed25519, vrf

from flk.conformance.drafts.weak_points import MIXED, MIXED_SEED, SMALL_ORDER
from flk.model.vrf import edwards25519
from flk.model.vrf.ecvrf import OUTPUT_BYTES, PROOF_BYTES, is_valid_key, output_of, prove, public_key, verify

EXAMPLES = json.loads(Path(__file__).with_name("rfc9381-tai.json").read_text("utf-8"))["vectors"]
SEED = bytes(range(32))
KEY = public_key(SEED)
MESSAGE = b"shard-001|7"
PROOF = prove(SEED, MESSAGE)
EIGHTH = SMALL_ORDER["order-8"]
"""A point of order eight."""

seeds = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_rfc_come_out(example: dict[str, str]) -> None:
    """Key, point of the message, proof and output of each example of appendix B.3, byte by byte."""
    given = {name: bytes.fromhex(value) for name, value in example.items()}
    assert public_key(given["sk"]) == given["pk"]
    assert prove(given["sk"], given["alpha"]) == given["pi"]
    assert verify(given["pk"], given["alpha"], given["pi"]) == output_of(given["pi"]) == given["beta"]
    assert ed25519.encoded_point(vrf.encode_to_curve(given["pk"], given["alpha"])) == given["h"]


@given(seeds, st.binary(max_size=200))
@settings(max_examples=20, deadline=None)
def test_a_second_implementation_makes_and_takes_the_same_proofs(seed: bytes, message: bytes) -> None:
    """One over integers, from the text of the RFC, agrees on the proof, and on what it comes to."""
    proof = prove(seed, message)
    key = public_key(seed)
    assert proof == vrf.prove(seed, message)
    assert verify(key, message, proof) == vrf.verify(key, message, proof) == output_of(proof)
    assert (len(proof), len(output_of(proof))) == (PROOF_BYTES, OUTPUT_BYTES)


@given(seeds, st.binary(max_size=40), st.binary(max_size=40))
@settings(max_examples=20, deadline=None)
def test_a_proof_is_of_one_key_and_message(seed: bytes, message: bytes, other: bytes) -> None:
    """Under another key, or for another message, it shows nothing."""
    proof = prove(seed, message)
    key = public_key(seed)
    assert (verify(key, other, proof) is None) == (other != message)
    assert (verify(KEY, message, proof) is None) == (key != KEY)


def flipped(whole: bytes) -> Iterator[bytes]:
    """The bytes with one bit another, for each bit."""
    for at in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[at // 8] ^= 1 << at % 8
        yield bytes(changed)


@pytest.mark.slow
def test_every_bit_counts() -> None:
    """A proof of which a bit is another is refused, and so is a proof under a key, or for a message, of which one is."""
    assert [at for at, proof in enumerate(flipped(PROOF)) if verify(KEY, MESSAGE, proof) is not None] == []
    assert [at for at, key in enumerate(flipped(KEY)) if verify(key, MESSAGE, PROOF) is not None] == []
    assert [at for at, message in enumerate(flipped(MESSAGE)) if verify(KEY, message, PROOF) is not None] == []


GAMMA, C, S = PROOF[:32], PROOF[32:48], PROOF[48:]


def malformed() -> Iterator[tuple[str, bytes]]:
    """Proofs that are none, whatever their key."""
    for length in (0, 1, 32, 48, 79):
        yield f"{length} bytes", PROOF[:length]
    yield "81 bytes", PROOF + b"\0"
    yield "two proofs", PROOF + PROOF
    yield "s and the order", GAMMA + C + (int.from_bytes(S, "little") + edwards25519.ORDER).to_bytes(32, "little")
    yield "s is the order", GAMMA + C + edwards25519.ORDER.to_bytes(32, "little")
    yield "the largest s", GAMMA + C + b"\xff" * 32
    yield "no point", bytes.fromhex("02") + bytes(31) + C + S
    for name, point in SMALL_ORDER.items():
        if name not in CANONICAL:
            yield f"Gamma of {name}", point + C + S


CANONICAL = [name for name in SMALL_ORDER if "unreduced" not in name and "signed-zero" not in name]


@pytest.mark.parametrize(("name", "proof"), [pytest.param(name, proof, id=name) for name, proof in malformed()])
def test_what_is_no_proof_comes_to_nothing(name: str, proof: bytes) -> None:
    """Of another length, with bytes that are no point or another spelling of one, or a number too large: refused, no output."""
    assert verify(KEY, MESSAGE, proof) is None, name
    with pytest.raises(ValueError, match="80 bytes"):
        output_of(proof)


def forgeries() -> Iterator[tuple[str, bytes]]:
    """Proofs in form, each of which a verifier that leaves something out may take."""
    other = prove(SEED, b"another")
    yield "Gamma of another message", other[:32] + C + S
    yield "c of another message", GAMMA + other[32:48] + S
    yield "s of another message", GAMMA + C + other[48:]
    yield "c backwards", GAMMA + C[::-1] + S
    yield "s and Gamma exchanged", S + C + GAMMA
    yield "no c", GAMMA + bytes(16) + S
    yield "no s", GAMMA + C + bytes(32)
    yield "nothing but Gamma", GAMMA + bytes(48)
    yield "Gamma negative", bytes([*GAMMA[:31], GAMMA[31] ^ 0x80]) + C + S
    yield "Gamma is the key", KEY + C + S
    for name in CANONICAL:
        yield f"Gamma of {name}", SMALL_ORDER[name] + C + S
        yield f"Gamma of {name}, no c and s", SMALL_ORDER[name] + bytes(48)
    for name in CANONICAL[1:]:
        yield f"Gamma and {name}", vrf.moved(GAMMA, SMALL_ORDER[name]) + C + S


@pytest.mark.parametrize(("name", "proof"), [pytest.param(name, proof, id=name) for name, proof in forgeries()])
def test_no_forgery_is_taken(name: str, proof: bytes) -> None:
    """Parts of other proofs, parts of zeros, and points of small order, by themselves and added: refused by both."""
    assert verify(KEY, MESSAGE, proof) is None, name
    assert vrf.verify(KEY, MESSAGE, proof) is None, name


@pytest.mark.parametrize("name", SMALL_ORDER)
def test_keys_of_small_order_are_none(name: str) -> None:
    """Under each of them somebody could show what they like, so they are refused in every spelling (5.4.5), whatever the proof."""
    key = SMALL_ORDER[name]
    assert not is_valid_key(key)
    forged = zero_knowledge(key, MESSAGE)
    assert verify(key, MESSAGE, forged) is None
    assert vrf.verify(key, MESSAGE, forged) is None


def zero_knowledge(key: bytes, message: bytes) -> bytes:
    """A proof whose equations hold under a key of small order, Gamma being neutral: eight divides c, so c times the key is."""
    H = vrf.encode_to_curve(key, message)
    for k in range(1, 400):
        U, V = ed25519.times(k, ed25519.BASE), ed25519.times(k, H)
        c = vrf.challenge(key, H, ed25519.NEUTRAL, U, V)
        if c % 8 == 0:
            return edwards25519.NEUTRAL + c.to_bytes(16, "little") + k.to_bytes(32, "little")
    raise AssertionError


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_keys_and_seeds_have_32_bytes(length: int) -> None:
    """Any other key is none, and from any other seed none is made."""
    assert not is_valid_key(bytes(length))
    assert verify(KEY[:1] * length, MESSAGE, PROOF) is None
    with pytest.raises(ValueError, match="32 bytes"):
        prove(bytes(length), MESSAGE)
    with pytest.raises(ValueError, match="32 bytes"):
        public_key(bytes(length))


def shifted(message: bytes, part: bytes, *, wanted: bool) -> bytes:
    """A proof by whoever has the seed, with a point of small order added to Gamma, whose c eight divides or does not."""
    x, _ = ed25519.expanded(SEED)
    H = vrf.encode_to_curve(KEY, message)
    Gamma = vrf.moved(ed25519.encoded_point(ed25519.times(x, H)), part)
    decoded = ed25519.decoded_point(Gamma)
    assert decoded is not None
    for k in range(1, 400):
        U, V = ed25519.times(k, ed25519.BASE), ed25519.times(k, H)
        c = vrf.challenge(KEY, H, decoded, U, V)
        if (c % 8 == 0) == wanted:
            s = (k + c * x) % edwards25519.ORDER
            return Gamma + c.to_bytes(16, "little") + s.to_bytes(32, "little")
    raise AssertionError


def test_a_part_of_small_order_changes_no_output() -> None:
    """RFC 9381 takes a Gamma with such a part if its equations hold; the output has no trace of it, and is the key's only one."""
    taken = shifted(MESSAGE, EIGHTH, wanted=True)
    assert taken != PROOF
    assert verify(KEY, MESSAGE, taken) == vrf.verify(KEY, MESSAGE, taken) == output_of(PROOF)


def test_the_equations_are_without_the_cofactor() -> None:
    """Where c times that part does not vanish the proof is refused, though eight times both sides are equal."""
    refused = shifted(MESSAGE, EIGHTH, wanted=False)
    assert verify(KEY, MESSAGE, refused) is None
    assert vrf.verify(KEY, MESSAGE, refused) is None


def test_a_key_of_mixed_order_is_one() -> None:
    """It is of no seed, but its eighth multiple is not neutral: a proof is taken exactly if the equations hold, of both alike."""
    assert is_valid_key(MIXED)
    x, _ = ed25519.expanded(MIXED_SEED)
    H = vrf.encode_to_curve(MIXED, MESSAGE)
    Gamma = ed25519.times(x, H)
    answers = set()
    for k in range(1, 40):
        c = vrf.challenge(MIXED, H, Gamma, ed25519.times(k, ed25519.BASE), ed25519.times(k, H))
        s = (k + c * x) % edwards25519.ORDER
        proof = ed25519.encoded_point(Gamma) + c.to_bytes(16, "little") + s.to_bytes(32, "little")
        answer = verify(MIXED, MESSAGE, proof)
        assert answer == vrf.verify(MIXED, MESSAGE, proof)
        assert (answer is not None) == (c % 8 == 0)
        answers.add(answer)
    assert len(answers) == 2


@given(st.one_of(st.binary(min_size=32, max_size=32), st.sampled_from([*SMALL_ORDER.values(), MIXED, KEY])))
@settings(max_examples=100, deadline=None)
def test_bytes_are_a_point_as_rfc_8032_says(encoded: bytes) -> None:
    """Those and no others that the second implementation decodes."""
    assert edwards25519.is_point(encoded) == (ed25519.decoded_point(encoded) is not None)


@given(
    st.one_of(st.integers(0, 64), st.integers(0, 2**256), st.sampled_from([edwards25519.ORDER * n for n in (1, 7, 8)])),
    st.sampled_from([*CANONICAL, "mixed", "base", "key"]),
)
@settings(max_examples=60, deadline=None)
def test_multiples_are_those_of_integers(n: int, name: str) -> None:
    """Of points of every order, by every number."""
    others = {"mixed": MIXED, "base": ed25519.encoded_point(ed25519.BASE), "key": KEY}
    point = others.get(name) or SMALL_ORDER[name]
    decoded = ed25519.decoded_point(point)
    assert decoded is not None
    assert edwards25519.times(n, point) == ed25519.encoded_point(ed25519.times(n, decoded))
    assert edwards25519.times_base(n) == ed25519.encoded_point(ed25519.times(n, ed25519.BASE))


def test_messages_whose_first_hashes_are_no_points_have_proofs() -> None:
    """Some need several tries, and then have one that both implementations take."""
    for n in range(12):
        message = n.to_bytes(2, "big")
        assert verify(KEY, message, prove(SEED, message)) == vrf.verify(KEY, message, vrf.prove(SEED, message))
