"""The compiled `examine` gives the answers of the reference, bit by bit, or none."""

import hashlib
import re
import threading
from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.model.compiled_mutants import Mutant, killed, odd_leaves
from tests.support.model.policies import LOOSE, POLICY_KEYS, PRIVATE, policies
from tests.support.model.strategies import VRF_KEY, json_values, near_ties, records, ties
from tests.support.model.strategies import drawn as with_proof
from tests.support.model.world import FORGED, HONEST, KEY, KEYRING, STORY, pcs, submission
from tests.support.sim.drills import drill, rehearse

from flk.conformance.operations import node as nodes
from flk.conformance.operations import perform
from flk.conformance.operations.forms import keyring
from flk.conformance.operations.records import Body, JudgedRecord
from flk.conformance.operations.signatures import AuthenticateInput
from flk.impl.bench.examine import compare, compare_sanitized
from flk.impl.bench.examine_cases import Case, answer
from flk.model.compiled import library
from flk.model.compiled.examiner import SWITCH, Examiner, book_of, choice, examining
from flk.model.compiled.source import text
from flk.model.entries.entry import Claim, Entry, content_digest
from flk.model.entries.entry import Key as EntryKey
from flk.model.entries.judgement import judge
from flk.model.entries.scrutiny import OFF, Scrutiny
from flk.model.flow.submission import Submission
from flk.model.log.frames import UNSTATED, Frame, Stated
from flk.model.log.hlc import Timestamp, at
from flk.model.policies.document import Policy, VrfMode, policy_digest
from flk.model.policies.ruling import ALL, NO_RULING, Change, changed, encoded
from flk.model.policies.ruling import Kind as RulingKind
from flk.model.policies.signing import signed_policy
from flk.model.policies.trust import Unvouched
from flk.model.programs.examine import claims_of, examine, one_after_the_other
from flk.model.record.canonical import Profile, Signed, canonical_bytes
from flk.model.record.record import Pcs, decode, encode
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, HmacKey, Key, Keyring, LiveKey, Signer, sign
from flk.model.record.summary import signed
from flk.model.transparency.leaves import TOLERANCES, JudgedBy, outcome_of
from flk.sim.kernel.remembering import remembering
from flk.spec import vectors

LIBRARY = library.library()
NOW = at(1_767_225_600.0)
REFERENCE = partial(examine, KEYRING)
OURS = Examiner(LIBRARY, KEYRING)
BOOK = book_of(LIBRARY, KEYRING)
drawn = settings(deadline=None, suppress_health_check=list(HealthCheck))


def agree(body: bytes, tenant: str = "default", timestamp: Timestamp = NOW, keyring: Keyring = KEYRING) -> bool:
    """Whether C answered at all, after a comparison of what both say."""
    case, ours = Case(Submission(tenant, body), timestamp), Examiner(LIBRARY, keyring)
    assert repr(answer(ours, case)) == repr(answer(partial(examine, keyring), case))
    return LIBRARY.examine(book_of(LIBRARY, keyring), tenant, body, timestamp, "eu") is not None


def of_body(case: vectors.Case) -> None:
    """A body of the vectors, as it is and with a signature in it."""
    body = msgspec.json.decode(case.input, type=Body).content()
    agree(body)
    try:
        record = msgspec.json.decode(body, type=Pcs)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    agree(re.sub(rb'"sig": *"[^"]*"', f'"sig":"{sign(KEY, record)}"'.encode(), body))


def of_record(case: vectors.Case) -> None:
    """A record of the vectors, whose outcome or digest they state."""
    agree(encode(signed(msgspec.json.decode(case.input, type=JudgedRecord).record, KEY)))


def of_signature(case: vectors.Case) -> None:
    """A signature of the vectors, with the keys that they give."""
    given = msgspec.json.decode(case.input, type=AuthenticateInput)
    fields = msgspec.to_builtins(given.record)
    body = msgspec.json.encode({**msgspec.to_builtins(pcs()), **fields, "sig": given.sig})
    agree(body, given.tenant, at(given.at), keyring(given.keys, given.profiles))


BODIES: dict[str, Callable[[vectors.Case], None]] = {
    "validate": of_body,
    "judge": of_record,
    "content_digest": of_record,
    "authenticate": of_signature,
}


@drawn
@given(records())
def test_valid_records_are_claimed_alike(record: Pcs) -> None:
    """Whatever a record says."""
    agree(encode(signed(record, KEY)))


@drawn
@given(
    records(),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 2), st.binary(max_size=2)), min_size=1, max_size=4),
)
def test_changed_bytes_are_answered_alike(record: Pcs, changes: list[tuple[int, int, bytes]]) -> None:
    """Any bytes anywhere in place of others: what is refused is refused under the same requirement, for the same field."""
    body = encode(signed(record, KEY))
    for place, lost, put in changes:
        start = place % len(body)
        body = body[:start] + put + body[start + lost :]
    agree(body)


@drawn
@given(records(), st.sampled_from(Pcs.__struct_fields__), json_values)
def test_any_json_in_a_field_is_answered_alike(record: Pcs, field: str, value: object) -> None:
    """Also where it is valid by chance."""
    agree(msgspec.json.encode({**msgspec.to_builtins(signed(record, KEY)), field: value}))


@drawn
@given(st.sampled_from(("D_hat", "budget", "coh_star", "r")), ties | near_ties | st.floats(0, 3.5), st.integers(0, 24))
def test_numbers_are_rounded_alike(field: str, value: float, digits: int) -> None:
    """Half way between two billionths and close to it, in every notation: the signature is that of the rounded value."""
    for spelt in (repr(value), f"{value:.{digits}f}", f"{value:.{digits}e}", f"{value:.{digits}e}".replace("e", "0E")):
        bounded = 0 <= float(spelt) <= (1 if field in {"budget", "r"} else 1.05)
        record = msgspec.structs.replace(pcs(), **{field: float(spelt)})
        body = encode(signed(record, KEY) if bounded else pcs())
        agree(re.sub(rb'"%s":[^,]*' % field.encode(), f'"{field}":{spelt}'.encode(), body))


def test_every_bit_of_a_record_matters_alike() -> None:
    """Each bit flipped, each byte lost, and each beginning of one record."""
    body = HONEST.body
    for place in range(len(body)):
        agree(body[:place])
        agree(body[:place] + body[place + 1 :])
        for bit in range(8):
            agree(body[:place] + bytes([body[place] ^ 1 << bit]) + body[place + 1 :])


def test_generated_cases_are_answered_alike() -> None:
    """What `flk bench examine --cases` compares: every edge and others, one by one and together; C answers many."""
    found = compare(LIBRARY, 4200, 1)
    assert not found.difference
    assert found.compiled > 1000


@pytest.mark.slow
def test_generated_cases_touch_no_memory_but_theirs() -> None:
    """Compiled with the sanitizers of addresses and of undefined behaviour, C answers the same."""
    assert not compare_sanitized(4200, 2).difference


@pytest.mark.parametrize(
    "group", [group for group in vectors.load() if group.operation in BODIES], ids=lambda one: one.name
)
def test_vectors_are_answered_alike(group: vectors.Vectors) -> None:
    """Bodies that are valid or not, records with their digests and outcomes, and signatures under keys with windows."""
    for case in group.cases:
        BODIES[group.operation](case)


def test_a_node_answers_the_vectors_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole histories of a node whose records are examined in C have the replies that the vectors state."""
    monkeypatch.setattr(nodes, "examine", lambda ring, *logged: Examiner(LIBRARY, ring)(*logged))
    (group,) = (group for group in vectors.load() if group.name == "node")
    for case in group.cases:
        assert msgspec.json.decode(perform(nodes.node, case.input)) == msgspec.json.decode(case.expect.value)  # type: ignore[arg-type]


SECRETS = st.binary(max_size=200)
MOMENTS = st.integers(0, 2**64 - 1).map(Timestamp) | st.integers(-3, 3).map(lambda step: at(1e9 + step / 1000))


@drawn
@given(
    st.lists(
        st.tuples(SECRETS, st.sampled_from((0.0, 1e9, 1e9 + 0.001)), st.sampled_from((1e9, 1e9 + 0.001, float("inf"))))
    ),
    st.permutations(list(Profile)).flatmap(lambda several: st.integers(0, 3).map(lambda size: tuple(several[:size]))),
    st.sampled_from(Profile),
    st.booleans(),
    MOMENTS,
    st.data(),
)
def test_keys_count_alike(
    windows: list[tuple[bytes, float, float]],
    accepted: tuple[Profile, ...],
    profile: Profile,
    curve: bool,
    now: Timestamp,
    data: st.DataObject,
) -> None:
    """Secrets of any length, several at once, live or not at either edge, beside a key of another kind, in both forms."""
    private = Ed25519PrivateKey(bytes(32))
    keys: list[LiveKey | Key] = [LiveKey(HmacKey(secret), start, end) for secret, start, end in windows]
    keys += [Ed25519PublicKey(private.public())] if curve else []
    signers: list[Signer] = [*(HmacKey(secret) for secret, _, _ in windows), HmacKey(b"of nobody"), private]
    body = encode(signed(pcs(r=0.3000000004), data.draw(st.sampled_from(signers)), profile))
    ring = Keyring({"default": keys, "empty": []}, accepted)
    for tenant in ("default", "empty", "unknown"):
        agree(body, tenant, now, ring)


def test_a_keyring_of_another_kind_decides_itself() -> None:
    """Whoever overrides how a record is authenticated, or a key verified, is asked."""

    class Lenient(Keyring):
        def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
            return canonical_bytes(record)

    class Indifferent(HmacKey):
        def verifies(self, message: bytes, signature: bytes) -> bool:
            return True

    for ring in (Lenient({"default": [KEY]}), Keyring({"default": [Indifferent(b"any")]})):
        assert not agree(FORGED.body, keyring=ring)
        assert Examiner(LIBRARY, ring)(FORGED, NOW, "eu").entry.outcome.accepted


def test_refusals_for_want_of_a_signature_are_told_alike() -> None:
    """C says itself that nobody signed, and the words are the reference's."""
    assert agree(FORGED.body)
    assert not agree(b"{}")


def test_what_agents_send_is_not_handed_back() -> None:
    """The records of the lab, honest or not, are answered in C: a compiled part that knows nothing would be right, too."""
    for one in (submission(pcs(epoch=number, coh_star=number / 997, r=number / 1009)) for number in range(900)):
        assert agree(one.body)


@drawn
@given(st.lists(st.sampled_from(STORY) | st.builds(Submission, st.just("default"), st.binary(max_size=9)), max_size=20))
def test_a_segment_is_examined_in_one_call(story: list[Submission]) -> None:
    """With the claims of all that would be claimed one by one, in order."""
    frames = tuple(Frame(Timestamp(number), one.payload()) for number, one in enumerate(story))
    assert claims_of(frames, "us", OURS) == claims_of(frames, "us", REFERENCE)


def test_a_payload_that_no_node_logs_is_for_the_reference() -> None:
    """Cut short, or with a tenant that is no text."""
    for payload in (b"\5ab", b"\1\xff{}", b"\0"):
        for ours, frames in ((OURS, (Frame(NOW, payload),)),):
            try:
                expected = claims_of(frames, "eu", REFERENCE)
            except UnicodeDecodeError:
                with pytest.raises(UnicodeDecodeError):
                    claims_of(frames, "eu", ours)
            else:
                assert claims_of(frames, "eu", ours) == expected


def test_several_threads_examine_at_once() -> None:
    """Nothing is shared: each gets its own claims."""
    frames = tuple(Frame(Timestamp(number), HONEST.payload()) for number in range(500))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(OURS.claims(frames, "eu"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [claims_of(frames, "eu", REFERENCE)] * 4


NIST = {
    b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    b"a" * 10**6: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
}
"""FIPS 180-2 appendix B, and the empty message of the Secure Hash Standard validation suite."""


@pytest.mark.parametrize("own", [True, False])
def test_digests_are_those_of_the_standard(own: bool) -> None:
    """By the processor's own rounds, where it has them, and without; and at every length around the ends of blocks."""
    for message, digest in NIST.items():
        assert LIBRARY.digest(message, own).hex() == digest
    for length in range(300):
        message = bytes(range(256))[:length] * 1 + b"x" * (length - 256)
        assert LIBRARY.digest(message, own) == hashlib.sha256(message).digest()


def test_a_simulated_run_is_the_same_with_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit by bit: the digest of a run covers everything that happened."""
    digests = []
    for way in ("c", "python"):
        monkeypatch.setenv(SWITCH, way)
        remembering.cache_clear()
        digests.append(rehearse(drill(duration=60, until=20)).digest)
    remembering.cache_clear()
    assert digests[0] == digests[1]


def test_where_it_cannot_be_had_the_reference_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned off, without a compiler, without headers, or with one that fails: the reason is said, the answers are the same."""
    monkeypatch.delenv(SWITCH, raising=False)
    assert str(choice()) == "compiled C"
    expected = OURS(HONEST, NOW, "eu")

    def reference(why: str) -> None:
        library.library.cache_clear()
        assert why in str(choice())
        assert str(choice()).startswith("Python (")
        assert examining(KEYRING)(HONEST, NOW, "eu") == expected
        assert not isinstance(examining(KEYRING), Examiner)

    with monkeypatch.context() as changed:
        changed.setenv(SWITCH, "python")
        reference("FLK_EXAMINE is python")
    with monkeypatch.context() as changed:
        changed.setattr(library, "compiler", lambda: None)
        reference("no C compiler is found; install gcc or clang")
    with monkeypatch.context() as changed:
        changed.setattr("sysconfig.get_path", lambda name: "/nowhere")
        reference("/nowhere has no Python.h; install the headers")
    with monkeypatch.context() as changed:
        changed.setattr(library, "source", lambda: "not C")
        reference("fails")
    with monkeypatch.context() as changed:
        changed.setattr(library, "log2", lambda value: 1.0)
        reference("logarithms")
    library.library.cache_clear()
    assert isinstance(examining(KEYRING), Examiner)


PLANTED = (
    ("numbers", "further == 0 && *billionths % 2", "further == 0 && *billionths % 2 == 0"),  # half to odd (C14N-2)
    ("numbers", "*significant > 19", "*significant > 20"),  # digits that no longer fit
    ("record", "seen >> field & 1 ||", ""),  # a key twice (REC-2)
    ("record", "at > first + 9", "at > first + 10"),  # a tenth decimal of a second (REC-8)
    ("canonical", "good && mac[32] == 0", "good"),  # another spelling of the same base64 (SIGN-6)
    ("examine", "at < key->not_after", "at <= key->not_after"),  # a key counts once more (SIGN-4)
    ("leaf", "text.at[i] < ' '", "text.at[i] <= ' '"),  # what needs an escape (TLOG-6)
    ("judge", "> rules->tolerance_D_hat", ">= rules->tolerance_D_hat"),  # an edge of the tolerance (JDG-1)
)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "old", "new"), PLANTED)
def test_a_mistake_in_it_is_seen(part: str, old: str, new: str) -> None:
    """Any mutant of what C does is told from the original by the edges and generated cases: here one for each part."""
    (mutant,) = (
        Mutant(part, number, line, line.replace(old, new))
        for number, line in enumerate(text(part).splitlines(), 1)
        if old in line
    )
    assert killed(mutant) == "answers otherwise"


def test_the_odd_leaves_are_those_of_the_reference() -> None:
    """Made in C or handed back: what is escaped, long, negative, or at an end of the clock is told as Python tells it."""
    made = 0
    for claim, body, digest, policy in odd_leaves():
        by = JudgedBy(digest, policy)
        ways: list[Callable[[Claim, bytes, JudgedBy], object]] = [outcome_of, OURS.outcome_of]
        expected, found = (told(way, claim, body, by) for way in ways)
        assert expected == found
        made += LIBRARY.leaf(claim, body, digest, policy) is not None
    assert made > 50


def told(way: Callable[[Claim, bytes, JudgedBy], object], claim: Claim, body: bytes, by: JudgedBy) -> object:
    """A leaf, or why there is none."""
    try:
        return way(claim, body, by)
    except (ValueError, msgspec.ValidationError) as error:
        return str(error)


@drawn
@given(records(), st.text(max_size=9), st.text(max_size=9), policies())
def test_leaves_are_made_alike(record: Pcs, tenant: str, region: str, policy: Policy) -> None:
    """Of whatever a record says, and whatever was judged of it by any policy."""
    body = encode(signed(record, KEY))
    entry = Entry(NOW, region, content_digest(record), policy.judge(record))
    claim, by = Claim(EntryKey(tenant, record.pcs_id), entry), JudgedBy(policy_digest(policy), policy.version)
    for each in (by, TOLERANCES):
        assert OURS.outcome_of(claim, body, each) == outcome_of(claim, body, each)


VRF_KEYS = {"default": [Ed25519PublicKey(VRF_KEY.public)]}
TRUSTING = Keyring({"default": [KEY]}, policy_keys=POLICY_KEYS, vrf_keys=VRF_KEYS)


@drawn
@given(records(), policies(), st.integers(0, ALL), st.sampled_from(Pcs.__struct_fields__))
def test_under_any_policy_c_judges_as_python_does(record: Pcs, policy: Policy, share: int, field: str) -> None:
    """Whatever a log states, and for whatever share of the tenants: one by one, and many together, with some under no policy."""
    version = f"2.{policy.version.partition('.')[2]}"  # later than that of the default
    policy = signed_policy(msgspec.structs.replace(policy, version=version), "ops", PRIVATE)
    ruling = changed(NO_RULING, Change(RulingKind.REGISTERED, "ops", policy), NOW)
    ruling = changed(ruling, Change(RulingKind.STAGED, "ops", version=policy.version, share=share), NOW)
    stated = Stated(NOW, encoded(ruling))
    reference, ours = partial(examine, TRUSTING), Examiner(LIBRARY, TRUSTING)
    sent = Submission("default", encode(signed(with_proof(record), KEY)))
    assert ours(sent, NOW, "eu", stated) == reference(sent, NOW, "eu", stated)
    judging = ruling.of("default")
    expected = judge(record, judging.rules, judging.scrutiny or OFF)
    assert reference(sent, NOW, "eu", stated).entry.outcome == expected
    if judging.scrutiny:
        assert LIBRARY.examine(book_of(LIBRARY, TRUSTING, ruling.of), "default", sent.body, NOW, "eu") is None
    older = Submission("default", encode(signed(record, KEY)))
    told = [repr(answer(lambda *asked, one=one: one(*asked, stated), Case(older, NOW))) for one in (ours, reference)]
    assert told[0] == told[1]
    assert ("VRF-6" in told[0]) == (judging.vrf is VrfMode.ENFORCED)
    broken = Submission("default", encode(msgspec.structs.replace(record, **{field: "x"})))
    frames = tuple(
        Frame(Timestamp(NOW + number), one.payload(), said)
        for number, (one, said) in enumerate([(sent, stated), (broken, stated), (sent, UNSTATED), (sent, stated)])
    )
    assert ours.claims(frames, "eu") == claims_of(frames, "eu", reference)
    assert len(ours.claims(frames, "eu")) >= 3
    for said in (stated, UNSTATED):
        together = [frame.payload for frame in frames], [frame.timestamp for frame in frames], "eu", said
        assert list(map(repr, ours.each(*together))) == list(map(repr, one_after_the_other(reference, *together)))


def test_a_record_with_a_proof_is_handed_back() -> None:
    """C knows no proofs: Python answers, by the same content, whatever the policy; and C still answers the records it knows."""
    for body in (encode(signed(with_proof(pcs()), KEY)), encode(signed(with_proof(pcs(), seed=1), KEY))):
        assert not agree(body)
        claim = OURS(Submission("default", body), NOW, "eu")
        assert claim.entry.digest == content_digest(decode(body))
    assert agree(encode(signed(pcs(), KEY)))


def test_c_hands_back_whom_more_is_asked_of_and_nobody_else() -> None:
    """Of the tenants of one keyring, those whose policy has scrutiny: the others stay with C."""
    wary = signed_policy(
        msgspec.structs.replace(LOOSE, version="1.3.0", scrutiny=Scrutiny(counts=True)), "ops", PRIVATE
    )
    ring = Keyring({str(number): [KEY] for number in range(40)}, policy_keys=POLICY_KEYS)
    ruling = changed(NO_RULING, Change(RulingKind.REGISTERED, "ops", wary), NOW)
    ruling = changed(ruling, Change(RulingKind.STAGED, "ops", version="1.3.0", share=ALL // 2), NOW)
    book = book_of(LIBRARY, ring, ruling.of)
    handed_back = {tenant for tenant in ring.live_keys if LIBRARY.examine(book, tenant, HONEST.body, NOW, "eu") is None}
    assert handed_back == {tenant for tenant in ring.live_keys if ruling.is_staged(tenant)}
    assert 10 < len(handed_back) < 30


def test_what_nobody_vouches_for_judges_nothing() -> None:
    """A log that states a policy of an unknown key is not judged by the default instead, frame by frame or together (POL-5)."""
    stated = Stated(NOW, encoded(changed(NO_RULING, Change(RulingKind.REGISTERED, "ops", LOOSE), NOW)))
    for one in (REFERENCE, OURS):
        with pytest.raises(Unvouched, match="'ops' is not known here"):
            one(HONEST, NOW, "eu", stated)
        with pytest.raises(Unvouched, match="'ops' is not known here"):
            claims_of((Frame(NOW, HONEST.payload(), stated),), "eu", one)
        with pytest.raises(Unvouched, match="states no ruling"):
            one(HONEST, NOW, "eu", Stated(NOW, b"{"))
