"""Cases of clocks, entries and pauses: `hlc_tick`, `hlc_observe`, `join`, `pause`."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.values import eighths, hexes, units

LAST = 2**63 - 1
"""Past this no clock of a running system gets: timestamps of the vectors have 63 bits."""


def _hexadecimal(timestamp: int) -> str:
    return f"{timestamp:016x}"


@composite
def near(draw: DrawFn, now: float) -> int:
    """A timestamp anywhere, or close to wall time or to the bound of clocks that run ahead."""
    milliseconds = int(now * 1000) + draw(st.sampled_from([0, 60_000, -60_000])) + draw(st.integers(-2, 2))
    close = max(0, milliseconds) << 16 | draw(st.sampled_from([0, 1, 0x7FFF, 0xFFFE, 0xFFFF]))
    return draw(st.integers(0, LAST - 1) | st.just(close))


@composite
def ticks(draw: DrawFn) -> dict[str, Any]:
    """A clock and the wall time."""
    now = draw(eighths)
    return {"last": _hexadecimal(draw(near(now))), "now": now}


@composite
def observations(draw: DrawFn) -> dict[str, Any]:
    """A clock, a timestamp that arrives, and the wall time."""
    now = draw(eighths)
    return {"last": _hexadecimal(draw(near(now))), "seen": _hexadecimal(draw(near(now))), "now": now}


@composite
def entries(draw: DrawFn) -> dict[str, Any]:
    """An entry; few timestamps and regions, so that ties are common."""
    return {
        "timestamp": _hexadecimal(draw(st.sampled_from([0, 1, 0xFFFF, 0x10000, 2**62]) | st.integers(0, LAST))),
        "region": draw(st.sampled_from(["ap", "eu", "eu-west", "EU", "us", "us2", "us10", "\uff45", "\U0001f600"])),
        "digest": draw(st.sampled_from(["a" * 64, "b" * 64]) | hexes),
        "outcome": {
            "accepted": draw(st.booleans()),
            "escalated": draw(st.booleans()),
            "reason": draw(st.sampled_from(["D_hat_out_of_tolerance", "budget_deviation", "ok", "regime_mismatch"])),
            "recomputed_D_hat": draw(units),
            "recomputed_budget": draw(units),
        },
    }


def _one_outcome(pair: dict[str, Any]) -> bool:
    """A digest names one content, and with it one outcome (JDG-5)."""
    return bool(pair["a"]["digest"] != pair["b"]["digest"] or pair["a"]["outcome"] == pair["b"]["outcome"])


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    "hlc_tick": ticks(),
    "hlc_observe": observations(),
    "join": st.fixed_dictionaries({"a": entries(), "b": entries()}).filter(_one_outcome),
    "pause": st.fixed_dictionaries(
        {
            "attempt": st.integers(1, 12) | st.integers(1, 2000),
            "chance": st.floats(0, 1, exclude_max=True) | st.integers(0, 2**20 - 1).map(lambda n: n / 2**20),
            "retry_after": st.none() | st.floats(-10, 4000) | st.integers(-10, 10_000),
        }
    ),
}
