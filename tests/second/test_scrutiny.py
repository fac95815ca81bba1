"""The scrutiny of both implementations is the same, at every threshold, and so is what they conclude under a policy."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.second import judgement as second
from tests.second.scrutiny import anomaly as second_anomaly
from tests.support.model.golden import GOLDENS
from tests.support.model.policies import policies
from tests.support.model.strategies import change, honest_records, records

from flk.model.entries.judgement import judge
from flk.model.entries.scrutiny import Scrutiny, anomaly
from flk.model.policies.document import Policy
from flk.model.record.canonical import NANO
from flk.model.record.record import LIMITS, Pcs

near = st.sampled_from([0.0, 0.5, 2.5, 2.8, 3.0, 3.5, 0.8, 1.05, 0.1, 0.95, 1.0])
nudges = st.integers(-3, 3).map(lambda nudge: nudge / NANO)


def reals(most: float) -> st.SearchStrategy[float]:
    """Up to a bound, often a billionth or so beside a knee."""
    beside = st.builds(lambda x, nudge: min(most, max(0.0, x + nudge)), near, nudges)
    return st.floats(0, most) | beside


@given(
    reals(LIMITS.D_hat_max),
    reals(LIMITS.coh_star_max),
    reals(1),
    st.lists(st.integers(1, 99), min_size=5, max_size=5),
    st.data(),
)
def test_outcomes_are_the_same(D_hat: float, coh_star: float, r: float, counts: list[int], data: st.DataObject) -> None:
    """Over rationals there, over integers here; thresholds at the score and a billionth beside it."""
    score = anomaly(D_hat, coh_star, r)
    assert second_anomaly(D_hat, coh_star, r) * NANO == score
    scales = data.draw(st.sampled_from([(2, 4, 8, 16, 32), (32, 2, 3, 6, 12), (1, 1024, 512, 7, 14)]))
    slope = counts[0] / 20 if data.draw(st.booleans()) else D_hat
    counted = dict(zip(map(str, scales), counts, strict=True))
    record = change(GOLDENS[0].record, scales=scales, N_j=counted, D_hat=min(slope, 3.5), coh_star=coh_star, r=r)
    thresholds = st.none() | st.integers(-1, 1).map(lambda off: min(1.0, max(1e-9, (score + off) / NANO)))
    low, high = sorted(data.draw(st.tuples(thresholds, thresholds)), key=lambda x: x or 0.0)
    pair = sorted(data.draw(st.tuples(reals(3.5), reals(3.5))))
    scrutiny = Scrutiny(data.draw(st.booleans()), data.draw(st.none() | st.just((pair[0], pair[1]))), low, high)
    ours = msgspec.to_builtins(judge(record, scrutiny=scrutiny))
    assert second.judge(msgspec.to_builtins(record), msgspec.to_builtins(scrutiny)) == ours


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(records() | honest_records(), policies())
def test_outcomes_under_a_policy_are_the_same(record: Pcs, policy: Policy) -> None:
    """Whatever its numbers are and whatever it asks besides (POL-8, POL-12)."""
    document = msgspec.json.decode(msgspec.json.encode(policy))
    assert second.judge(msgspec.to_builtins(record), policy=document) == msgspec.to_builtins(policy.judge(record))
