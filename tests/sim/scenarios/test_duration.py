"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.sim.scenarios.duration import clock, human, seconds


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parts_add_up(hours: int, minutes: int, rest: int, thousandths: int) -> None:
    """Hours, minutes, seconds and milliseconds in one text are their sum."""
    written = f"{hours}h{minutes}m{rest}s{thousandths}ms"
    assert seconds(written) == pytest.approx(3600 * hours + 60 * minutes + rest + thousandths / 1000)


@given(st.floats(-1e6, 1e6) | st.integers(-1000, 1000))
def test_a_number_is_seconds(number: float) -> None:
    """A bare number is a duration in seconds, whatever its sign."""
    assert seconds(number) == number


@pytest.mark.parametrize(
    ("written", "meant"), [("250ms", 0.25), ("90s", 90), ("1.5m", 90), ("-2s", -2), ("1h30m", 5400)]
)
def test_units(written: str, meant: float) -> None:
    """The four units mean what they say."""
    assert seconds(written) == meant


@pytest.mark.parametrize("written", ["", "90", "9 s", "5d", "s", "--2s", True, None, [1]])
def test_what_is_no_duration_is_refused(written: object) -> None:
    """Anything else is refused with the forms that would do."""
    with pytest.raises(ValueError, match="write seconds as a number"):
        seconds(written)


def test_durations_for_readers() -> None:
    """A reader sees the unit that fits."""
    assert human(0) == "0 s"
    assert [human(x) for x in (0.0032, 0.25, 45, 120, 150)] == ["3.2 ms", "250 ms", "45 s", "2 min", "2 min 30 s"]
    assert [clock(x) for x in (0, 59.6, 725)] == ["0:00", "1:00", "12:05"]
