"""What stands for a find in a redacted text (PII-3)."""

import re

from flk.model.personal.find import Kind


def marker(kind: Kind) -> str:
    """The text that takes the place of a find.

    >>> marker(Kind.EMAIL)
    '[redacted:email]'
    """
    return f"[redacted:{kind}]"


WHOLE = "[redacted]"
"""What takes the place of a text of which nothing is kept."""

MARKERS = re.compile(rb"\[redacted(?::(?:%s))?\]" % "|".join(Kind).encode())
