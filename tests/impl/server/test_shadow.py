"""The policy that does not judge a record is asked as well, and counted, and nobody's outcome depends on it."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.policies import LOOSE, POLICY_KEYS, STRICT, WARY
from tests.support.model.world import FORGED, HONEST, KEY, pcs, submission

from flk.impl.server import shadow as shadows
from flk.impl.server.metrics import Metrics
from flk.impl.server.shadow import Shadow
from flk.model.flow.submission import Submission
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import Timestamp, at
from flk.model.policies.document import Policy
from flk.model.policies.ruling import ALL, NO_RULING, Change, Kind, Ruling, changed, encoded
from flk.model.programs.examine import Here, examine, trust_of
from flk.model.record.signing import Keyring
from flk.model.refusal import Refused

NOW = at(1_767_225_600.0)
TENANTS = ("default", "other", "third")
KEYRING = Keyring({tenant: [KEY] for tenant in TENANTS}, policy_keys=POLICY_KEYS)
JUDGED = partial(examine, KEYRING)
SENT = (HONEST, FORGED, *(submission(pcs(epoch=epoch, budget=0.6)) for epoch in range(3)), Submission("default", b"{"))


def staged(policy: Policy, share: int) -> Ruling:
    """What a log states when a policy is on trial."""
    ruling = changed(NO_RULING, Change(Kind.REGISTERED, "ops", policy), NOW)
    return changed(ruling, Change(Kind.STAGED, "ops", version=policy.version, share=share), NOW)


def shadow_of(stated: Stated) -> tuple[Shadow, Metrics, Here]:
    """A node's `examine` with a shadow, its metrics, and the same without."""
    metrics, here = Metrics(), Here(JUDGED, lambda _: stated)
    return Shadow(here, lambda _: stated, trust_of(KEYRING).ruling, metrics), metrics, here


def series(metrics: Metrics) -> dict[str, float]:
    """What was counted."""
    lines = [line for line in metrics.exposition().decode().splitlines() if line.startswith("flk_policy_shadow_total")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def said(one: Callable[[], object]) -> object:
    """What comes of it, a refusal included."""
    try:
        return one()
    except Refused as refusal:
        return refusal.requirement, refusal.detail


@settings(deadline=None)
@given(
    st.sampled_from([LOOSE, STRICT, WARY]),
    st.integers(0, ALL),
    st.lists(st.tuples(st.sampled_from(SENT), st.sampled_from(TENANTS)), max_size=6),
    st.booleans(),
)
def test_whatever_is_staged_the_claims_are_those_without_a_shadow(
    policy: Policy, share: int, sent: list[tuple[Submission, str]], on: bool
) -> None:
    """Claims and refusals, record by record, for any share; what is refused is not counted, nor anything while none is staged."""
    shadow, metrics, here = shadow_of(Stated(NOW, encoded(staged(policy, share))) if on else UNSTATED)
    judged = 0
    for number, (one, tenant) in enumerate(sent):
        of = Submission(tenant, one.body)
        plain = said(partial(here, of, Timestamp(NOW + number), "eu"))
        assert said(partial(shadow, of, Timestamp(NOW + number), "eu")) == plain
        judged += not isinstance(plain, tuple) or hasattr(plain, "entry")
    assert sum(series(metrics).values()) == (judged if on else 0)


@pytest.mark.parametrize("share", [0, ALL])
def test_pairs_of_reasons_are_counted_while_a_policy_is_staged(share: int) -> None:
    """By the one that judges, and by the other; a page says it in words; another trial begins at nothing."""
    stated = [Stated(NOW, encoded(staged(LOOSE, share)))]
    metrics = Metrics()
    shadow = Shadow(Here(JUDGED, lambda _: stated[0]), lambda _: stated[0], trust_of(KEYRING).ruling, metrics)
    for one in (HONEST, *SENT[2:5]):
        shadow(one, NOW, "eu")
    pair = ("budget_deviation", "ok") if share == 0 else ("ok", "budget_deviation")
    assert series(metrics) == {
        'flk_policy_shadow_total{changed="no",reason="ok",shadow="ok"}': 1,
        f'flk_policy_shadow_total{{changed="yes",reason="{pair[0]}",shadow="{pair[1]}"}}': 3,
    }
    assert shadow.told()[f"{pair[0]} -> {pair[1]}"] == "3 records"
    assert b"flk_policy_shadow_seconds_total 0.0\n" not in metrics.exposition()
    stated[0] = Stated(NOW, encoded(staged(WARY, share)))
    assert shadow.told()["Held against the other"] == "0 records"
    stated[0] = UNSTATED
    assert shadow.told() == {"In force": "1.0.0"}


def test_a_shadow_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sent the record gets its outcome, and the failure is counted."""
    shadow, metrics, here = shadow_of(Stated(NOW, encoded(staged(LOOSE, 0))))

    def broken(_: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(shadows, "decode", broken)
    assert shadow(HONEST, NOW, "eu") == here(HONEST, NOW, "eu")
    assert series(metrics) == {'flk_policy_shadow_total{changed="yes",reason="ok",shadow="failed"}': 1}
