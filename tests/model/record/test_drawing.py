"""Seeds that nobody chooses (VRF-4 to VRF-6): what a key draws for a record, what shows it, and what the policy makes of it."""

from base64 import b64decode, b64encode
from functools import partial

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.second import vrf
from tests.support.model.policies import POLICY_KEYS, signed
from tests.support.model.strategies import VRF_KEY, change, digests, drawn, epochs, records, shard_ids
from tests.support.model.world import KEY, World, pcs

from flk.conformance.drafts.weak_points import MIXED, SMALL_ORDER
from flk.model.entries.entry import Claim, content_digest
from flk.model.flow.submission import Submission
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import Timestamp, at
from flk.model.policies.document import VrfMode
from flk.model.policies.ruling import NO_RULING, Change, Kind, changed, encoded
from flk.model.programs.examine import examine
from flk.model.programs.ingest import ingest
from flk.model.record.canonical import FIXED, JUDGED, Profile, canonical_bytes
from flk.model.record.drawing import VrfPrivateKey, drawn_seed, require_drawn
from flk.model.record.points import coherence
from flk.model.record.record import LIMITS, DrawnPcs, Pcs, encode
from flk.model.record.signing import Ed25519PublicKey, Keyring, LiveKey, sign, verify
from flk.model.record.summary import signed as with_signature
from flk.model.record.summary import summarise
from flk.model.refusal import Unauthenticated

POINTS = np.array([[0.1, 0.2], [0.4, 0.8], [0.9, 0.3]])
NOW = at(1_767_225_600.0)
OTHER = VrfPrivateKey(b"another " * 4)
few = settings(max_examples=25, deadline=None)


def why_not(record: Pcs, *keys: bytes) -> str:
    """The requirement by which a record's seed is refused, empty if it is not."""
    try:
        require_drawn(record, keys)
    except Unauthenticated as refusal:
        return refusal.requirement
    return ""


@few
@given(st.binary(min_size=32, max_size=32), digests, epochs, shard_ids)
def test_a_seed_is_the_first_four_bytes_of_the_output(secret: bytes, root: str, epoch: int, shard: str) -> None:
    """Of the function of RFC 9381 for what the id is made of, as a second implementation has it."""
    draw = VrfPrivateKey(secret).draw(root, epoch, shard)
    message = f"{root}|{epoch}|{shard}".encode()
    output = vrf.verify(VrfPrivateKey(secret).public, message, b64decode(draw.proof))
    assert output is not None
    assert draw.seed == int.from_bytes(output[:4], "big")
    assert drawn_seed(VrfPrivateKey(secret).public, draw.proof, root, epoch, shard) == draw.seed
    assert len(draw.proof) == 108


@few
@given(records(), st.integers(-(2**63), 2**63 - 1))
def test_what_is_wrong_with_a_seed_is_told(record: Pcs, seed: int) -> None:
    """That there is no proof, that it is of another key or record, or that the seed is not the one it shows."""
    made = drawn(record)
    assert why_not(made, VRF_KEY.public) == why_not(made, OTHER.public, VRF_KEY.public) == ""
    assert why_not(record, VRF_KEY.public) == "VRF-6"
    assert why_not(made) == why_not(made, OTHER.public) == "VRF-2"
    assert why_not(drawn(record, seed=seed), VRF_KEY.public) == ("" if seed == made.seed else "VRF-5")
    moved = drawn(change(record, epoch=record.epoch ^ 1))
    assert why_not(msgspec.structs.replace(made, vrf_proof=moved.vrf_proof, seed=moved.seed), VRF_KEY.public) == "VRF-2"


@few
@given(records(), records())
def test_delivery_gives_no_other_draw(record: Pcs, other: Pcs) -> None:
    """Neither an attempt nor anything else that is not in the id draws again, so nobody tries until the directions please."""
    varied = change(other, merkle_root=record.merkle_root, epoch=record.epoch, shard_id=record.shard_id)
    assert (drawn(varied).seed, drawn(varied).vrf_proof) == (drawn(record).seed, drawn(record).vrf_proof)


def summary(seed: int | VrfPrivateKey) -> Pcs:
    """The record of some points with that seed, or with one that the key draws."""
    return summarise(POINTS, b"raw", shard_id="s1", epoch=1, seed=seed, sent_at="2026-01-01T00:00:00Z")


def test_a_record_is_summarised_with_the_seed_that_its_key_draws() -> None:
    """The directions are those of the seed drawn, and the record says so; with a number it is what it always was."""
    made = summary(VRF_KEY)
    assert isinstance(made, DrawnPcs)
    require_drawn(made, [VRF_KEY.public])
    assert made.version == LIMITS.drawn_version
    assert made.coh_star == round(coherence(POINTS, made.seed)[0], 9)
    plain = summary(made.seed)
    assert not isinstance(plain, DrawnPcs)
    assert canonical_bytes(plain, FIXED) == canonical_bytes(made, FIXED)


def test_profile_judged_covers_seed_and_proof_and_so_does_the_digest() -> None:
    """Neither can be changed or taken away without the key, whoever saw the record; one without a proof has the bytes it had."""
    made = with_signature(drawn(pcs()), KEY)
    assert isinstance(made, DrawnPcs)
    base = canonical_bytes(pcs(), JUDGED)
    added = f',"seed":{made.seed},"vrf_proof":"{made.vrf_proof}"}}'.encode()
    assert canonical_bytes(made, JUDGED) == base[:-1] + added
    proof = drawn(pcs(epoch=2)).vrf_proof
    altered = (
        msgspec.structs.replace(made, seed=made.seed + 1),
        msgspec.structs.replace(made, vrf_proof=proof),
        msgspec.structs.replace(pcs(seed=made.seed, version="0.2"), sig=made.sig),
    )
    for copy in altered:
        assert not verify(KEY, copy, made.sig, [Profile.JUDGED])
        assert content_digest(copy) != content_digest(made)
    assert verify(KEY, made, made.sig, [Profile.JUDGED])
    assert content_digest(pcs(seed=1)) == content_digest(pcs(seed=2))


def forged_proofs() -> dict[str, bytes]:
    """Proofs of the right length: points of small order, points spelt otherwise, numbers too large, parts of other proofs."""
    proof = b64decode(drawn(pcs()).vrf_proof)
    other = b64decode(drawn(pcs(epoch=2)).vrf_proof)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(proof[48:], "little")
    return {
        "zeros": bytes(80),
        "s and the order": proof[:48] + (s + order).to_bytes(32, "little"),
        "Gamma of another record": other[:32] + proof[32:],
        "Gamma negative": bytes([*proof[:31], proof[31] ^ 0x80]) + proof[32:],
        "Gamma of mixed order": vrf.moved(proof[:32], SMALL_ORDER["order-8"]) + proof[32:],
        **{f"Gamma of {name}": point + proof[32:] for name, point in SMALL_ORDER.items()},
        **{f"Gamma of {name}, no c and s": point + bytes(48) for name, point in SMALL_ORDER.items()},
    }


def ring(*keys: bytes, until: float = float("inf")) -> Keyring:
    """A keyring whose tenant draws with these."""
    live = [LiveKey(Ed25519PublicKey(key), not_after=until) for key in keys]
    return Keyring({"default": [KEY]}, policy_keys=POLICY_KEYS, vrf_keys={"default": live})


def under(mode: VrfMode) -> Stated:
    """What a log states in which a policy of this mode is in force."""
    policy = signed(version="1.1.0", vrf_mode=mode)
    ruling = changed(NO_RULING, Change(Kind.REGISTERED, "ops", policy), NOW)
    return Stated(NOW, encoded(changed(ruling, Change(Kind.PROMOTED, "ops", version="1.1.0"), NOW)))


def sent(record: Pcs) -> Submission:
    """The record, signed, on its way."""
    return Submission("default", encode(with_signature(record, KEY)))


@pytest.mark.parametrize("name", forged_proofs())
def test_no_forgery_is_taken_where_proofs_are_enforced(name: str) -> None:
    """Each is in form, so the record is valid; under a policy that enforces proofs it is refused by VRF-2, under others taken."""
    body = sent(drawn(pcs(), vrf_proof=b64encode(forged_proofs()[name]).decode()))
    keyring = ring(VRF_KEY.public)
    with pytest.raises(Unauthenticated) as refused:
        examine(keyring, body, NOW, "eu", under(VrfMode.ENFORCED))
    assert (refused.value.requirement, refused.value.field, int(refused.value.status)) == ("VRF-2", "vrf_proof", 401)
    for mode in (VrfMode.OFF, VrfMode.SHADOW):
        assert examine(keyring, body, NOW, "eu", under(mode)).entry.outcome.accepted
    assert examine(keyring, body, NOW, "eu").entry.outcome.accepted


@pytest.mark.parametrize("name", [*SMALL_ORDER, "mixed"])
def test_a_key_that_shows_nothing_draws_nothing(name: str) -> None:
    """Under a key of small order, or one that is no tenant's, no record is drawn, whatever it holds."""
    weak = ring(SMALL_ORDER.get(name, MIXED))
    forged = b64encode(SMALL_ORDER["order-1"] + bytes(48)).decode()
    for made in (drawn(pcs()), drawn(pcs(), vrf_proof=forged)):
        with pytest.raises(Unauthenticated):
            examine(weak, sent(made), NOW, "eu", under(VrfMode.ENFORCED))


def test_a_key_counts_by_the_time_of_the_log() -> None:
    """A record that was logged while its key was live is taken at every replay; one logged later is not."""
    ended = ring(VRF_KEY.public, until=1_767_225_601.0)
    stated = under(VrfMode.ENFORCED)
    assert examine(ended, sent(drawn(pcs())), NOW, "eu", stated).entry.outcome.accepted
    with pytest.raises(Unauthenticated, match="no live VRF key"):
        examine(ended, sent(drawn(pcs())), at(1_767_225_601.0), "eu", stated)
    assert 1_767_225_601.0 in ended.key_changes("default")


def test_what_is_refused_is_not_remembered() -> None:
    """Of a record without a proof, with a wrong one and with a wrong seed nothing is stored; the right one comes first then."""
    world, stated = World("eu"), under(VrfMode.ENFORCED)
    keyring = ring(VRF_KEY.public)

    def enforcing(submission: Submission, timestamp: Timestamp, region: str, _: Stated = UNSTATED, /) -> Claim:
        return examine(keyring, submission, timestamp, region, stated)

    wrong = drawn(pcs(), vrf_proof=drawn(pcs(epoch=2)).vrf_proof)
    tried = (pcs(), wrong, drawn(pcs(), seed=7), drawn(pcs()), drawn(pcs(attempt=2)), pcs())
    answers = [world.run("eu", ingest(sent(each), "eu", enforcing)) for each in tried]
    assert [each.status for each in answers] == [401, 401, 401, 200, 200, 401]
    assert [each.json()["requirement"] for each in answers[:3]] == ["VRF-6", "VRF-2", "VRF-5"]
    assert len(world.entries["eu"].entries) == 1


def test_a_signature_comes_first() -> None:
    """Whom no key vouches for is told so, not what is wrong with the proof: nothing is worked out for strangers."""
    forged = msgspec.structs.replace(drawn(pcs()), seed=1, sig=sign(KEY, pcs(epoch=9)))
    with pytest.raises(Unauthenticated) as refused:
        partial(examine, ring(VRF_KEY.public))(
            Submission("default", encode(forged)), NOW, "eu", under(VrfMode.ENFORCED)
        )
    assert refused.value.requirement == "SIGN-6"
