"""Records are examined once: the same claims and refusals, each found once."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import FORGER, KEY, pcs, submission

from flk.model.flow.submission import Submission
from flk.model.log.hlc import Timestamp, wall_seconds
from flk.model.log.hlc import at as clock_at
from flk.model.programs.examine import examine
from flk.model.record.canonical import Signed
from flk.model.record.signing import Keyring, LiveKey
from flk.model.refusal import Refused
from flk.sim.kernel.remembering import remembering


@given(
    st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 9), st.integers(0, 9)), max_size=3),
    st.lists(st.tuples(st.sampled_from(["good", "forged", "no record"]), st.integers(0, 10)), max_size=30),
    st.integers(1, 5),
)
def test_what_is_remembered_is_what_is_found(
    lives: list[tuple[int, int, int]], asked: list[tuple[str, int]], size: int
) -> None:
    """Whatever keys live when, whatever is asked again, and however little is kept: the claim, or the refusal, is the same."""
    secrets = (KEY, FORGER)
    keyring = Keyring({"default": [LiveKey(secrets[which], start, end) for which, start, end in lives]})
    bodies = {
        "good": submission(pcs()),
        "forged": submission(pcs(), FORGER),
        "no record": Submission("default", b"{}"),
    }
    for number, (what, at) in enumerate(asked):
        outcomes: list[object] = []
        for one in (partial(examine, keyring), remembering(keyring, size)):
            try:
                outcomes.append(one(bodies[what], Timestamp(clock_at(float(at)) + number), "eu"))
            except Refused as refusal:
                outcomes.append((type(refusal), refusal.requirement, refusal.detail, refusal.field))
        assert outcomes[0] == outcomes[1]


def test_a_record_is_examined_again_only_when_it_was_forgotten() -> None:
    """Neither another place nor another time has it examined again, and runs with one keyring share what is known."""
    examined: list[bytes] = []

    class Counting(Keyring):
        def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
            examined.append(record.pcs_id.encode())
            return super().authenticate(tenant, record, sig, at)

    keyring = Counting({"default": [LiveKey(KEY)]})
    a, b, c = (submission(pcs(epoch=epoch)) for epoch in (1, 2, 3))
    for number, sent in enumerate((a, b, a, b, c, c, a)):
        claim = remembering(keyring, 2)(sent, clock_at(float(number)), "eu" if number % 2 else "us")
        assert (wall_seconds(claim.entry.timestamp), claim.entry.region) == (number, "eu" if number % 2 else "us")
    assert examined == [pcs(epoch=epoch).pcs_id.encode() for epoch in (1, 2, 3, 1)]
