"""`flk bench signing` times what it says: both sides do the work, and refuse what they should."""

import json
import sys
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.impl.bench import interleave
from flk.impl.bench.interleave import Contest, Figure, run
from flk.impl.bench.signing import (
    SECRET,
    contests,
    plain_bytes,
    plain_judged,
    plain_mac,
    plain_sign,
    plain_verify,
    verify,
    verify_unruled,
)
from flk.impl.command import main
from flk.model.record.canonical import Profile, canonical_bytes, judged_bytes
from flk.model.record.record import Pcs, encode
from flk.model.record.signing import HmacKey, sign
from flk.model.record.summary import signed
from flk.model.refusal import Malformed, Unauthenticated
from flk.model.samples.datasets import cut
from flk.model.samples.windows import records

SOME = list(records(islice(cut("goog-prices"), 3), seed=42, sent_at="2026-01-01T00:00:00Z"))
KEY = HmacKey(SECRET)
NAMES = [
    "canonical bytes",
    "sign, HMAC",
    "verify, HMAC, types only",
    "verify, HMAC, every rule",
    "examine, compiled",
    "sign, Ed25519",
    "verify, Ed25519",
]


@pytest.mark.parametrize("record", SOME)
def test_the_baseline_does_the_work_of_the_older_form(record: Pcs) -> None:
    """Its bytes and its signature are those of the shortest form, so the two sides are comparable."""
    fields = msgspec.to_builtins(record)
    assert plain_bytes(fields) == canonical_bytes(record, Profile.SHORTEST)
    assert plain_sign(fields) == sign(KEY, record, Profile.SHORTEST)
    assert plain_judged(fields) == judged_bytes(record, plain_bytes(fields))


@pytest.mark.parametrize("check", [verify, verify_unruled, plain_verify])
@pytest.mark.parametrize("change", [{"budget": 0.5}, {"scales": SOME[0].scales[::-1]}])
def test_each_verification_accepts_a_signature_and_refuses_a_changed_record(
    check: Callable[[bytes], None], change: dict[str, Any]
) -> None:
    """A function that verified nothing would be fast, and one that left out what is judged faster."""
    plain = plain_mac(plain_judged(msgspec.to_builtins(SOME[0])))
    record = msgspec.structs.replace(SOME[0], sig=plain) if check is plain_verify else signed(SOME[0], KEY)
    check(encode(record))
    with pytest.raises(Unauthenticated):
        check(encode(msgspec.structs.replace(record, **change)))


def test_only_the_full_verification_knows_the_rules() -> None:
    """An id that is not the hash of its parts is signed all the same: with rules it is malformed, without it passes."""
    body = encode(signed(msgspec.structs.replace(SOME[0], pcs_id="0" * 64), KEY))
    verify_unruled(body)
    with pytest.raises(Malformed, match="pcs_id"):
        verify(body)


def test_every_contest_runs_on_both_sides() -> None:
    """Each subject and each baseline goes over all its records without a complaint."""
    found = contests()
    assert [contest.name for contest in found] == NAMES
    for contest in found:
        contest.subject()
        contest.baseline()


@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=1, max_size=9))
def test_figures_are_medians_and_the_ratio_is_the_median_of_ratios(rounds: list[tuple[float, float]]) -> None:
    """By a clock that says how long each slot took."""
    figure = interleave._figure(Contest("one", 10, list, list, 1.0), *zip(*rounds, strict=True))
    subject, baseline = zip(*rounds, strict=True)
    assert min(10 / time for time in subject) <= figure.per_second <= max(10 / time for time in subject)
    assert min(10 / time for time in baseline) <= figure.baseline_per_second <= max(10 / time for time in baseline)
    ratios = sorted(slow / fast for fast, slow in rounds)
    assert ratios[(len(ratios) - 1) // 2] <= figure.ratio <= ratios[len(ratios) // 2]
    assert figure.verdict == ("met" if figure.per_second >= 1.0 else "missed")


def test_rates_and_ratio_are_of_the_right_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that only the functions move: the subject needs a second for ten operations, the baseline four."""
    now = 0.0

    def taking(seconds: float) -> Callable[[], None]:
        def function() -> None:
            nonlocal now
            now += seconds

        return function

    monkeypatch.setattr(time, "thread_time", lambda: now)
    (figure,) = run([Contest("one", 10, taking(1.0), taking(4.0), bar=11.0)], seconds=0.0)
    assert figure == Figure("one", per_second=10.0, baseline_per_second=2.5, ratio=4.0, bar=11.0)
    assert figure.verdict == "missed"


def test_contests_take_turns() -> None:
    """Subject and baseline of each contest alternate, so that both meet the same conditions."""
    turns: list[str] = []

    def side(name: str) -> Contest:
        return Contest(name, 1, lambda: turns.append(f"{name}+"), lambda: turns.append(f"{name}-"))

    run([side("a"), side("b")], seconds=0.0)
    distinct = [turn for turn, before in zip(turns, ["", *turns], strict=False) if turn != before]
    assert distinct == ["a+", "a-", "b+", "b-"] * 2  # once to see how long they take, once to measure


def test_the_command_prints_json_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All seven figures, each with its rate, its baseline's and their ratio; a verdict where there is a bar."""
    monkeypatch.setattr(sys, "argv", ["flk", "bench", "signing", "--seconds", "0.1", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    figures = json.loads(capsys.readouterr().out)
    assert [figure["name"] for figure in figures] == NAMES
    assert all(
        figure["per_second"] > 0 and figure["baseline_per_second"] > 0 and figure["ratio"] > 0 for figure in figures
    )
    assert all((figure["verdict"] in ("met", "missed")) == (figure["bar"] + figure["times"] > 0) for figure in figures)
