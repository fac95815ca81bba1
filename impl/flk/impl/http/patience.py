"""How long a server asks its client to wait."""

from datetime import UTC
from email.utils import parsedate_to_datetime


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for at wall time `now`: whole seconds or a date (RFC 9110 section 10.2.3).

    None if the header is absent or is neither.
    """
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now)
