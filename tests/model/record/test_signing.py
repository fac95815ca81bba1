"""Signatures: made and checked over the canonical bytes, by the tenant's live keys, in one spelling."""

import binascii
import hmac
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.golden import GOLDENS, KEY, TINY_1, TINY_2, Golden
from tests.support.model.strategies import change, digests, epochs, records, shard_ids, units

from flk.model.record.canonical import ACCEPTED, Profile, Signed, canonical_bytes
from flk.model.record.record import Pcs, Regime
from flk.model.record.signing import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
    HmacKey,
    Key,
    Keyring,
    LiveKey,
    Signer,
    sign,
    verify,
)
from flk.model.refusal import Unauthenticated

NOW = 1_767_225_600.0
profiles = st.sampled_from(Profile)
secrets = st.binary(max_size=200)
seeds = st.binary(min_size=32, max_size=32)
hmac_pairs = secrets.map(HmacKey).map(lambda key: (key, key))
ed25519_pairs = seeds.map(Ed25519PrivateKey).map(lambda key: (key, Ed25519PublicKey(key.public())))
pairs: st.SearchStrategy[tuple[Signer, Key]] = hmac_pairs | ed25519_pairs


def accepts(keys: Keyring, record: Signed, sig: str, tenant: str = "t", at: float = NOW) -> bool:
    """Whether the keyring takes the signature; a refusal must be the one refusal there is."""
    try:
        keys.authenticate(tenant, record, sig, at)
    except Unauthenticated as error:
        refusal = error
    else:
        return True
    assert (refusal.requirement, refusal.field, refusal.status) == ("SIGN-6", "sig", 401)
    return False


def ring(*keys: Key, profiles: tuple[Profile, ...] = (Profile.FIXED,)) -> Keyring:
    """A keyring of one tenant whose keys are always live."""
    return Keyring({"t": [LiveKey(key) for key in keys]}, profiles)


@given(secrets, st.binary())
def test_hmac_is_that_of_the_standard_library(secret: bytes, message: bytes) -> None:
    """Any secret, longer than a block or not, and any message (SIGN-2)."""
    assert HmacKey(secret).sign(message) == hmac.digest(secret, message, sha256)


def test_hmac_of_rfc_4231() -> None:
    """Test case 2 of the RFC."""
    mac = HmacKey(b"Jefe").sign(b"what do ya want for nothing?")
    assert mac.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize(
    ("seed", "public", "message", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ),
    ],
)
def test_ed25519_of_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    """Tests 1 and 2 of section 7.1: pure Ed25519, no pre-hash (SIGN-1, SIGN-3)."""
    key = Ed25519PrivateKey(bytes.fromhex(seed))
    assert key.public().hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert Ed25519PublicKey(key.public()).verifies(bytes.fromhex(message), bytes.fromhex(signature))


@given(pairs, st.binary(), st.binary(max_size=80))
def test_a_key_knows_its_own_signature_and_no_other_bytes(
    pair: tuple[Signer, Key], message: bytes, other: bytes
) -> None:
    """Bytes of any length that are not the signature are not verified, and nothing is raised."""
    signer, key = pair
    signature = signer.sign(message)
    assert key.verifies(message, signature)
    assert key.verifies(message, other) == (other == signature)


@given(pairs, st.binary(), st.integers(0, 511))
def test_no_bit_of_a_signature_can_be_flipped(pair: tuple[Signer, Key], message: bytes, bit: int) -> None:
    """Each of its bits counts."""
    signer, key = pair
    signature = bytearray(signer.sign(message))
    signature[bit // 8 % len(signature)] ^= 1 << bit % 8
    assert not key.verifies(message, bytes(signature))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_an_ed25519_key_has_32_bytes(length: int) -> None:
    """A key of another length is refused when it is made, not when it is used."""
    with pytest.raises(ValueError, match="32"):
        Ed25519PublicKey(bytes(length))
    with pytest.raises(ValueError, match="32"):
        Ed25519PrivateKey(bytes(length))


@given(records(), pairs, profiles)
def test_what_is_signed_is_accepted(record: Pcs, pair: tuple[Signer, Key], profile: Profile) -> None:
    """By a keyring that knows key and form."""
    signer, key = pair
    assert accepts(ring(key, profiles=(profile,)), record, sign(signer, record, profile))


@given(records(), pairs, pairs)
def test_another_key_is_not(record: Pcs, pair: tuple[Signer, Key], other: tuple[Signer, Key]) -> None:
    """Unless it is the same key, of course."""
    if pair[0].sign(b"") != other[0].sign(b""):
        assert not accepts(ring(pair[1]), record, sign(other[0], record))


signed_changes = st.one_of(
    st.fixed_dictionaries({"D_hat": st.floats(0, 3.5)}),
    st.fixed_dictionaries({"budget": units}),
    st.fixed_dictionaries({"coh_star": units}),
    st.fixed_dictionaries({"r": units}),
    st.fixed_dictionaries({"epoch": epochs}),
    st.fixed_dictionaries({"merkle_root": digests}),
    st.fixed_dictionaries({"shard_id": shard_ids}),
    st.fixed_dictionaries({"pcs_id": digests}),
)


@given(records(), pairs, signed_changes, profiles)
def test_a_signed_field_cannot_be_changed(
    record: Pcs, pair: tuple[Signer, Key], changes: dict[str, object], profile: Profile
) -> None:
    """A signature stands for one canonical text; where the change shows at nine decimals, it is refused."""
    changed = change(record, **changes)
    same = canonical_bytes(changed, profile) == canonical_bytes(record, profile)
    assert accepts(ring(pair[1], profiles=(profile,)), changed, sign(pair[0], record, profile)) == same


@given(
    records(), st.sampled_from([{"attempt": 9}, {"sent_at": "2026-01-01T00:00:00Z"}, {"seed": 7}, {"v_star": (0.0,)}])
)
def test_delivery_does_not_spoil_a_signature(record: Pcs, changes: dict[str, object]) -> None:
    """What is not signed may change."""
    assert accepts(ring(KEY), change(record, **changes), sign(KEY, record))


def test_a_key_counts_for_its_own_tenant() -> None:
    """Neither another tenant's key nor an unknown tenant is accepted (SIGN-7)."""
    sig = sign(KEY, TINY_1.record)
    two = Keyring({"t": [LiveKey(KEY)], "u": [LiveKey(HmacKey(b"other"))], "none": []})
    assert [accepts(two, TINY_1.record, sig, tenant) for tenant in ("t", "u", "none", "nobody")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(("at", "live"), [(99.999, False), (100.0, True), (199.999, True), (200.0, False)])
def test_a_key_is_live_from_its_start_until_its_end(at: float, live: bool) -> None:
    """The start is included, the end is not (SIGN-4)."""
    keys = Keyring({"t": [LiveKey(KEY, 100.0, 200.0)]})
    assert accepts(keys, TINY_1.record, sign(KEY, TINY_1.record), at=at) == live


def test_keys_rotate_with_an_overlap() -> None:
    """Before, during and after the overlap: the old key, both, the new one (SIGN-4)."""
    old, new = HmacKey(b"old"), Ed25519PrivateKey(b"n" * 32)
    keys = Keyring({"t": [LiveKey(old, not_after=200.0), LiveKey(Ed25519PublicKey(new.public()), not_before=100.0)]})
    by_old, by_new = sign(old, TINY_1.record), sign(new, TINY_1.record)
    seen = [
        (accepts(keys, TINY_1.record, by_old, at=at), accepts(keys, TINY_1.record, by_new, at=at))
        for at in (50, 150, 250)
    ]
    assert seen == [(True, False), (True, True), (False, True)]


@given(st.binary(min_size=1, max_size=70))
def test_a_signature_is_written_as_the_standard_library_does(raw: bytes) -> None:
    """Standard alphabet, padded, on one line."""

    class Echo:
        def sign(self, message: bytes) -> bytes:
            return raw

    assert sign(Echo(), TINY_1.record) == b64encode(raw).decode()


def respellings(sig: str) -> list[str]:
    """Other texts that lenient readers decode to the same bytes, or to none."""
    raw = binascii.a2b_base64(sig)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = sig.rstrip("=")
    last = alphabet[alphabet.index(body[-1]) ^ 1]  # the bits behind the last byte
    return [
        "",
        body,
        sig + "=",
        sig + "\n",
        " " + sig,
        f"{sig[:8]}\n{sig[8:]}",
        sig + sig,
        sig + "é",
        urlsafe_b64encode(raw + b"\xff\xff\xff").decode(),
        body[:-1] + last + sig[len(body) :],
        raw.hex(),
    ]


@pytest.mark.parametrize("signer", [KEY, Ed25519PrivateKey(b"s" * 32)], ids=["hmac", "ed25519"])
def test_a_signature_has_one_spelling(signer: HmacKey | Ed25519PrivateKey) -> None:
    """No other text stands for the same bytes, so nobody can alter a body and keep it authentic (SIGN-6)."""
    key = signer if isinstance(signer, HmacKey) else Ed25519PublicKey(signer.public())
    sig = sign(signer, TINY_1.record)
    assert accepts(ring(key), TINY_1.record, sig)
    assert [text for text in respellings(sig) if accepts(ring(key), TINY_1.record, text)] == []


@given(st.text() | st.text("ABab01+/=", max_size=100))
def test_arbitrary_text_is_no_signature(text: str) -> None:
    """It is refused like a wrong one, and raises nothing else."""
    assert not accepts(ring(KEY, Ed25519PublicKey(Ed25519PrivateKey(b"s" * 32).public())), TINY_1.record, text)


@pytest.mark.parametrize("golden", GOLDENS)
def test_golden_records_verify_under_the_older_form(golden: Golden) -> None:
    """Their signatures come out byte for byte, and a keyring that accepts the form takes them (C14N-6)."""
    assert sign(KEY, golden.record, Profile.SHORTEST) == golden.record.sig
    assert accepts(ring(KEY, profiles=tuple(Profile)), golden.record, golden.record.sig)


def test_the_older_form_is_off_by_default() -> None:
    """Only the second golden record is refused without it: all reals of the first have nine digits, so its two forms agree."""
    keys = Keyring({"t": [LiveKey(KEY)]})
    assert [accepts(keys, golden.record, golden.record.sig) for golden in GOLDENS] == [True, False]


@given(records(), st.data())
def test_what_is_judged_cannot_be_changed_under_the_profile_that_covers_it(record: Pcs, data: st.DataObject) -> None:
    """A count, the regime, the order of the scales: under `judged` each change takes the signature away, under `fixed9` none does
    (C14N-9).
    """
    scale = data.draw(st.sampled_from(list(record.N_j)))
    turned = (*record.scales[1:], record.scales[0])
    altered = data.draw(
        st.sampled_from(
            [
                change(record, N_j={**record.N_j, scale: record.N_j[scale] + 1}),
                change(record, regime=next(regime for regime in Regime if regime is not record.regime)),
                change(record, scales=turned),
            ]
        )
    )
    keys = ring(KEY, profiles=ACCEPTED)
    assert accepts(keys, record, sign(KEY, record, Profile.JUDGED))
    assert not accepts(keys, altered, sign(KEY, record, Profile.JUDGED))
    assert accepts(keys, altered, sign(KEY, record))


@given(records(), st.sets(st.sampled_from(list(Profile))), st.sampled_from(list(Profile)))
def test_a_signature_counts_under_its_own_profile_only(record: Pcs, accepted: set[Profile], profile: Profile) -> None:
    """Whatever profiles are accepted, and unless two profiles write the record alike (C14N-9)."""
    message = canonical_bytes(record, profile)
    alike = any(canonical_bytes(record, other) == message for other in accepted)
    assert accepts(ring(KEY, profiles=tuple(accepted)), record, sign(KEY, record, profile)) == alike
    assert alike == (profile in accepted) or profile is not Profile.JUDGED


def test_eight_fields_alone_are_authentic_or_not_and_no_error() -> None:
    """By the profiles that cover no more; one that covers more has no form for them, so it cannot have made the signature."""
    keys = ring(KEY, profiles=ACCEPTED)
    assert accepts(keys, SIGNATURE_CASE, sign(KEY, SIGNATURE_CASE))
    assert not accepts(keys, SIGNATURE_CASE, sign(HmacKey(b"another"), SIGNATURE_CASE))
    assert verify(KEY, SIGNATURE_CASE, sign(KEY, SIGNATURE_CASE), ACCEPTED)
    assert not verify(HmacKey(b"another"), SIGNATURE_CASE, sign(KEY, SIGNATURE_CASE), ACCEPTED)


def test_a_profile_that_covers_more_needs_it() -> None:
    """Eight fields have no form under `judged`."""
    with pytest.raises(ValueError, match="C14N-9"):
        sign(KEY, SIGNATURE_CASE, Profile.JUDGED)


@pytest.mark.parametrize(
    ("golden", "sig"),
    [
        (TINY_1, "ie8rdnp+3qXnlMVyHmSdjFT3Unk6sZmoVxun71x2/X4="),
        (TINY_1, "5rsWkKLCC5mpCkCa7nPpVwLtVpceBoAQj08pT2A8j3U="),
        (TINY_1, "uK2Ss5L3EOgglujgx70X1/0WQHauj8ZgT8hqL6951i4="),
        (TINY_2, "t26vRWEJjtCWytzmkEkdCG/EX4FIJfVYEMJx60qh7Bs="),
        (TINY_2, "NpH2VEB4U9bqk91LZzhyr9wqiv9qEL8w7mEVHEQLfTs="),
        (TINY_2, "3Uon27uijVDh3DhMs6v5uon/577G5Zpvh8VNFJB44Zs="),
        (TINY_2, "eOi8jfz3ej+Yq1KpzTImzcQWy+7lhAgbT9YHmw2TsAc="),
    ],
)
def test_other_encodings_of_the_golden_records_are_refused(golden: Golden, sig: str) -> None:
    """Hash-then-MAC, struct order, integers for integral reals: what the earlier SDKs made of the same records."""
    assert not accepts(ring(KEY, profiles=tuple(Profile)), golden.record, sig)


SIGNATURE_CASE = Signed(
    D_hat=1.23456789,
    budget=0.35,
    coh_star=0.75,
    epoch=1,
    merkle_root="abc123def456789012345678901234567890abcd",
    pcs_id="sha256_abc123def456",
    r=0.5,
    shard_id="shard-001",
)


def test_the_signature_vector_of_the_earlier_system() -> None:
    """Its expected text and the MACs of both forms (facts, section 30.3)."""
    assert canonical_bytes(SIGNATURE_CASE).decode() == (
        '{"D_hat":1.234567890,"budget":0.350000000,"coh_star":0.750000000,"epoch":1,'
        '"merkle_root":"abc123def456789012345678901234567890abcd","pcs_id":"sha256_abc123def456","r":0.500000000,'
        '"shard_id":"shard-001"}'
    )
    assert sign(KEY, SIGNATURE_CASE) == "i5Q0UjUSbSnpB2F0Phb6TNtojA4Ancad3GiBFL+l7iQ="
    assert sign(KEY, SIGNATURE_CASE, Profile.SHORTEST) == "HYOVvqunSgHLvbTfmpUNKMeWAL1jSqfHfRnS395dDGI="


def test_the_signing_unit_test_of_the_earlier_system() -> None:
    """A record with reals of nine decimals (facts, section 30.4)."""
    record = Signed(
        D_hat=1.412345679,
        budget=0.421234568,
        coh_star=0.73456789,
        epoch=1,
        merkle_root="abc123",
        pcs_id="test-id",
        r=0.871234568,
        shard_id="shard-001",
    )
    assert sign(KEY, record, Profile.SHORTEST) == "Jh7KgV0gdhjyPJ/xWuYYy3WtWqMhn11lP7qi4MsgV4c="


@settings(max_examples=30)
@given(records(), st.permutations([b"one", b"two", b"three"]))
def test_the_order_of_keys_does_not_matter(record: Pcs, order: list[bytes]) -> None:
    """Any of a tenant's keys will do."""
    sig = sign(HmacKey(b"two"), record)
    assert accepts(ring(*map(HmacKey, order)), record, sig)


def test_a_mac_is_compared_whole_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one comparison of a MAC is the standard library's constant-time one, over all 32 bytes of both (SIGN-5)."""
    seen: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        seen.append((a, b))
        return hmac.compare_digest(a, b)

    monkeypatch.setattr("flk.model.record.signing.compare_digest", compare)
    key = HmacKey(b"testsecret")
    good = key.sign(b"message")
    bad = bytes([good[0] ^ 1]) + good[1:]
    assert key.verifies(b"message", good)
    assert not key.verifies(b"message", bad)
    assert seen == [(good, good), (good, bad)]
