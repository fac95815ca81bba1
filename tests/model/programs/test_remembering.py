"""A keyring that remembers what it has read: the same answers, each found once."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import FORGER, KEY, KEYRING, pcs, submission

from flk.model.flow.submission import Submission
from flk.model.log.hlc import at as clock_at
from flk.model.programs.ingest import examine
from flk.model.record.signing import Keyring, LiveKey
from flk.model.refusal import Refused


@given(
    st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 9), st.integers(0, 9)), max_size=3),
    st.lists(st.tuples(st.sampled_from(["good", "forged", "no record"]), st.integers(0, 10)), max_size=30),
    st.integers(1, 5),
)
def test_a_remembering_keyring_answers_as_its_own(
    lives: list[tuple[int, int, int]], asked: list[tuple[str, int]], size: int
) -> None:
    """Whatever keys live when, whatever is read again, and however little is kept: the claim, or the refusal, is the same."""
    secrets = (KEY, FORGER)
    keyring = Keyring({"default": [LiveKey(secrets[which], start, end) for which, start, end in lives]})
    remembering = keyring.remembering(size)
    bodies = {
        "good": submission(pcs()),
        "forged": submission(pcs(), FORGER),
        "no record": Submission("default", b"{}"),
    }
    for what, at in asked:
        outcomes: list[object] = []
        for ring in (keyring, remembering):
            try:
                outcomes.append(examine(bodies[what], clock_at(float(at)), "eu", ring))
            except Refused as refusal:
                outcomes.append((type(refusal), refusal.requirement, refusal.detail, refusal.field))
        assert outcomes[0] == outcomes[1]


def test_a_remembering_keyring_reads_once() -> None:
    """The same body is read again only when it was forgotten; who remembers enough is asked again."""
    read: list[bytes] = []

    def reader(tenant: str, body: bytes, at: float, keyring: Keyring) -> bytes:
        read.append(body)
        return body * 2

    remembering = KEYRING.remembering(2)
    for body in (b"a", b"b", b"a", b"b", b"c", b"c", b"a"):
        assert remembering.read("default", body, 1.0, reader) == body * 2
    assert read == [b"a", b"b", b"c", b"a"]
    assert remembering.remembering(2) is remembering
    assert remembering.remembering(3) is not remembering
