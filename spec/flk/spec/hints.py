"""What to write instead of a name that does not exist."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

_ALIKE = 0.5  # names less similar than this are not proposed
_AS_GOOD = 0.1  # nor are names that are so much less similar than the best


def nearest(name: str, known: Iterable[str]) -> str:
    """The advice for a misspelt name: the known names that resemble it most, three at most, or else all of them.

    >>> nearest("partitoin", ["partition", "latency", "loss"])
    'did you mean partition?'
    >>> nearest("fire", ["partition", "latency", "loss"])
    'choose from partition, latency, loss'
    """
    names = list(known)
    close = get_close_matches(name, names, cutoff=_ALIKE)
    if close:
        best = _similarity(name, close[0])
        return f"did you mean {' or '.join(each for each in close if _similarity(name, each) > best - _AS_GOOD)}?"
    return f"choose from {', '.join(names)}" if names else "there are none"


def _similarity(one: str, other: str) -> float:
    return SequenceMatcher(None, other, one).ratio()
