"""Whoever changes what is made of a record is contradicted by the second implementation, however consistently it is changed."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.support.model.world import KEY, KEYRING, MALFORMED
from tests.support.sim.drills import drill, records

from flk.model.compiled.examiner import SWITCH
from flk.model.entries.entry import Claim, Entry, Outcome
from flk.model.entries.judgement import judge
from flk.model.flow import submission as answers
from flk.model.flow.submission import Response
from flk.model.programs import examine as examining
from flk.model.record.canonical import Signed
from flk.model.record.record import decode
from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.sim.checkers.invariants import Invariant
from flk.sim.checkers.second_opinion import notary_of
from flk.sim.kernel.programs import MODEL
from flk.sim.kernel.remembering import remembering
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Deviation, Fault, KeyRotation, Malformation
from flk.sim.simulate import simulate
from flk.spec.verdict import Verdict

DEVIATES = Deviation(id="deviates", start=Seconds(5), duration=Seconds(40), share=0.5)
SPOILT = Malformation(id="spoilt", start=Seconds(5), duration=Seconds(40), share=0.3)
ROTATES = KeyRotation(id="rotates", start=Seconds(20), duration=Seconds(2))


@pytest.fixture(autouse=True)
def reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed here is the reference."""
    monkeypatch.setenv(SWITCH, "python")


def play(*faults: Fault, keyring: Keyring = KEYRING, **programs: Any) -> set[str]:
    """What a run violates."""
    remembering.cache_clear()
    run = simulate(
        drill(*faults), [*records(100), MALFORMED], keyring, signer=KEY, seed=1, programs=MODEL._replace(**programs)
    )
    remembering.cache_clear()
    return {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}


@pytest.mark.parametrize("faults", [(), (DEVIATES, SPOILT), (ROTATES,)])
def test_the_model_is_not_contradicted(faults: tuple[Fault, ...]) -> None:
    """Honest records and others, and keys that change while records wait and are replayed."""
    assert play(*faults) == set()


@pytest.mark.slow
def test_another_digest_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest that leaves out the counts, in every region alike (DUP-3)."""
    monkeypatch.setattr(examining, "content_digest", lambda record, canonical: canonical.hex()[:64])
    assert Invariant.SAME_ENTRY in play()


def test_another_judgement_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tolerance of a billionth less, which no honest record meets (JDG-1)."""

    def strict(record: Any) -> Outcome:
        outcome = judge(record)
        return msgspec.structs.replace(outcome, recomputed_D_hat=outcome.recomputed_budget)

    monkeypatch.setattr(examining, "judge", strict)
    assert Invariant.SAME_ENTRY in play(DEVIATES)


class ForEver(Keyring):
    """Keys that count whenever they are asked."""

    def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
        """At a moment at which the key counts."""
        del at
        return super().authenticate(tenant, record, sig, 1767225600.0)


@pytest.mark.slow
def test_a_key_that_counts_too_long_is_seen() -> None:
    """A node that does not look at when a record was logged (SIGN-4)."""
    ended = [LiveKey(KEY, not_after=1767225600.0 + 30.0)]
    assert play(keyring=Keyring({"default": ended, "other": ended})) == set()
    assert Invariant.AUTHENTIC in play(keyring=ForEver({"default": ended, "other": ended}))


def test_a_refusal_of_what_is_valid_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that finds every third record malformed (ORD-2)."""

    def moody(body: bytes) -> Any:
        return decode(body[:-1] if len(body) % 3 == 0 else body)

    monkeypatch.setattr(examining, "decode", moody)
    assert Invariant.SAME_ANSWER in play(SPOILT)


@pytest.mark.parametrize(
    "lie",
    [
        lambda response: Response(202 if response.status == 200 else response.status, response.body),
        lambda response: Response(response.status, response.body.replace(b'"region":"eu"', b'"region":"us"')),
    ],
)
def test_an_answer_that_is_not_the_stored_one_is_seen(
    monkeypatch: pytest.MonkeyPatch, lie: Callable[[Response], Response]
) -> None:
    """Another status, and another region: what checks answers by the model's own function sees nothing (ORD-7)."""
    answer = answers.answer

    def lying(claim: Claim, stored: Entry) -> Response:
        return lie(answer(claim, stored))

    for module in ("flk.model.programs.ingest", "flk.sim.checkers.node"):
        monkeypatch.setattr(f"{module}.answer", lying)
    found = play()
    assert Invariant.SAME_ANSWER in found
    assert Invariant.STORED_REPLY not in found


def test_a_key_that_hides_leaves_no_second_opinion() -> None:
    """A signature can be verified a second time only with the key; without it nothing is judged, and nothing is wrong."""

    class Hidden:
        def verifies(self, message: bytes, signature: bytes) -> bool:
            """Asks the one that is hidden."""
            return HmacKey(b"testsecret").verifies(message, signature)

    assert notary_of(Keyring({"default": [Hidden()]})) is None
    assert notary_of(KEYRING) is not None
    assert play(keyring=Keyring({"default": [Hidden()], "other": [Hidden()]})) == set()
