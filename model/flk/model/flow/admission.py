"""Whether a node takes a request in, by size, load and health (ORD-4, ORD-5, ORD-6). Every runtime asks here."""

from flk.model.refusal import Overloaded, TooLarge, unavailable
from flk.spec.constants import CONSTANTS

NODE = CONSTANTS.node


def admit(size: int, in_flight: int, *, behind: bool, limit: int = NODE.max_in_flight) -> None:
    """Return if there is room for one more request of `size` bytes, beside at most `limit` - 1 others.

    Raises TooLarge, Unavailable or Overloaded.
    """
    if size > NODE.max_body_bytes:
        raise TooLarge("ORD-5", f"a body has at most {NODE.max_body_bytes} bytes; {size} were announced or sent")
    require_level(behind=behind)
    if in_flight >= limit:
        raise Overloaded("ORD-6", f"{limit} requests are in flight", retry_after=NODE.retry_after_seconds)


def require_level(*, behind: bool) -> None:
    """Return unless the store is behind the log, which then comes first, in its order (DUP-6). Raises Unavailable."""
    if behind:
        raise unavailable("the store is behind the log and will be replayed into")
