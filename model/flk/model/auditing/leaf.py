"""A leaf of an audit log as workers read it: what it is about, and of which day it is.

Whatever a leaf is, it can be read: one that says something else, or not in the form of TLOG-6, is of no known kind.
"""

from datetime import UTC, datetime

import msgspec

from flk.model.log.hlc import wall_seconds

UNDATED = "undated"
"""The day of a leaf that tells no time."""
_TIMESTAMP_DIGITS = 16


class Told(msgspec.Struct, frozen=True):
    """What a leaf tells, as far as it does."""

    kind: str = "unknown"
    tenant: str = ""
    pcs_id: str = ""
    region: str = ""
    regime: str = ""
    reason: str = ""
    parameters: str = ""
    policy: str = ""
    timestamp: str = ""
    accepted: bool = False
    escalated: bool = False

    @property
    def outcome(self) -> str:
        """Whether the record was accepted, escalated or rejected; empty for a leaf that is no outcome."""
        if self.kind != "outcome":
            return ""
        if self.escalated:
            return "escalated"
        return "accepted" if self.accepted else "rejected"

    @property
    def day(self) -> str:
        """The day of its timestamp, in UTC: `2026-01-31`, or UNDATED."""
        try:
            if len(self.timestamp) != _TIMESTAMP_DIGITS:
                return UNDATED
            return datetime.fromtimestamp(wall_seconds(int(self.timestamp, 16)), UTC).date().isoformat()
        except (ValueError, OverflowError, OSError):
            return UNDATED


_decode = msgspec.json.Decoder(Told).decode


def told(leaf: bytes) -> Told:
    """What a leaf tells.

    >>> told(b'{"kind":"outcome","accepted":true,"timestamp":"019b76dad9560000"}').day
    '2026-01-01'
    >>> told(b"something else").kind
    'unknown'
    """
    try:
        return _decode(leaf)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Told()
