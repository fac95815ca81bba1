"""What becomes of an honest record that is not handed out as it is: other content, claims that are refuted, no record at all."""

from collections.abc import Callable, Sequence

import msgspec

from flk.model.record.canonical import NANO, nano, round9
from flk.model.record.record import Pcs, Regime, encode
from flk.model.record.signals import budget, regime
from flk.spec.constants import CONSTANTS

RECORD, JUDGEMENT = CONSTANTS.record, CONSTANTS.judgement
Fields = dict[str, object]


def other_content(record: Pcs, how: float) -> Pcs:
    """Other content under the same id, consistent in itself. `how`, a number in [0, 1), says which."""
    r = round9((record.r + 0.05 + 0.9 * how) % 1.0)
    return msgspec.structs.replace(record, r=r, budget=round9(budget(record.D_hat, record.coh_star, r)))


def deviating(record: Pcs, how: float) -> Pcs:
    """The record with a slope, a regime or a budget that is not that of its counts and signals, or one just within the tolerance.

    `how`, a number in [0, 1), says which. The record must be consistent in itself.
    """
    kind, rest = divmod(how * len(_DEVIATIONS), 1)
    return _DEVIATIONS[int(kind)](record, rest)


def malformed(record: Pcs, how: float) -> bytes:
    """A body that holds no valid record, made of one that does. `how`, a number in [0, 1), says in which way."""
    body = encode(record)
    kind = int(how * (len(_CUTS) + len(_SPOILT)))
    if kind < len(_CUTS):
        return _CUTS[kind](body)
    fields = msgspec.json.decode(body, type=dict[str, object])
    return msgspec.json.encode(fields | _SPOILT[kind - len(_CUTS)])


def _slope_off(billionths: int) -> Callable[[Pcs, float], Pcs]:
    """A claimed slope that is off by so much, with the regime and the budget that belong to it."""

    def off(record: Pcs, rest: float) -> Pcs:
        slope = nano(record.D_hat)
        up = slope + billionths <= nano(RECORD.D_hat_max) and (rest < 0.5 or slope < billionths)
        claimed = (slope + billionths if up else slope - billionths) / NANO
        cost = round9(budget(claimed, record.coh_star, record.r))
        return msgspec.structs.replace(record, D_hat=claimed, regime=regime(claimed, record.coh_star), budget=cost)

    return off


def _budget_off(billionths: int) -> Callable[[Pcs, float], Pcs]:
    """A claimed budget that is off by so much."""

    def off(record: Pcs, rest: float) -> Pcs:
        cost = nano(record.budget)
        up = cost + billionths <= NANO and (rest < 0.5 or cost < billionths)
        return msgspec.structs.replace(record, budget=(cost + billionths if up else cost - billionths) / NANO)

    return off


def _regime_off(record: Pcs, rest: float) -> Pcs:
    others = [name for name in Regime if name is not record.regime]
    return msgspec.structs.replace(record, regime=others[int(rest * len(others))])


def _counts_off(record: Pcs, rest: float) -> Pcs:
    """Counts that nobody signed, and that have another slope."""
    scale = str(record.scales[int(rest * len(record.scales))])
    count = record.N_j[scale]
    other = 8 * count if 8 * count <= RECORD.max_count else count // 8
    return msgspec.structs.replace(record, N_j=record.N_j | {scale: other})


_SLOPE, _BUDGET = nano(JUDGEMENT.tolerance_D_hat), nano(JUDGEMENT.tolerance_budget)
_DEVIATIONS: Sequence[Callable[[Pcs, float], Pcs]] = (
    *map(_slope_off, (_SLOPE, _SLOPE + 1, 2 * _SLOPE)),
    *map(_budget_off, (_BUDGET, _BUDGET + 1, 2 * _BUDGET)),
    _regime_off,
    _counts_off,
)
_CUTS: Sequence[Callable[[bytes], bytes]] = (
    lambda body: body[: len(body) // 2],
    lambda body: body + b"{}",
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: body[:-1] + b',"r":0.5}',
    lambda body: body.replace(b'"epoch":', b'"epoch":1.', 1),
)
_SPOILT: Sequence[Fields] = (
    {"pcs_id": "0" * 64},
    {"merkle_root": "A" * 64},
    {"r": 1.000000001},
    {"coh_star": -0.000000001},
    {"regime": "banana"},
    {"schema": "another"},
    {"attempt": 0},
    {"scales": [2, 2, 4, 8]},
    {"N_j": {"2": 5}},
    {"sent_at": "yesterday"},
    {"sig": None},
    {"comment": "no such field"},
)
