"""What a server says of when to come back."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.impl.http.patience import retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.integers(0, 10**9))
def test_retry_after_in_seconds_is_those_seconds(seconds: int) -> None:
    """RFC 9110 section 10.2.3, the first form."""
    assert retry_after(str(seconds), NOW.timestamp()) == seconds


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
    )
)
def test_retry_after_with_a_date_is_the_time_until_then(moment: datetime) -> None:
    """The second form; a moment that has passed asks for no pause."""
    expected = max(0.0, (moment - NOW).total_seconds())
    assert retry_after(format_datetime(moment, usegmt=True), NOW.timestamp()) == expected
    assert (
        retry_after(moment.strftime("%a %b %d %H:%M:%S %Y"), NOW.timestamp()) == expected
    )  # the obsolete asctime form


def test_a_date_without_a_zone_is_in_universal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the agent runs (RFC 9110 section 5.6.7)."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "UTC+5")
        time.tzset()
        assert retry_after("Thu Jan  1 00:00:07 2026", NOW.timestamp()) == 7.0
    time.tzset()


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5", "Thu, 99 Jan 2026 00:00:00 GMT"])
def test_retry_after_that_says_nothing_asks_for_nothing(value: str | None) -> None:
    """The agent then falls back on its own backoff."""
    assert retry_after(value, NOW.timestamp()) is None
