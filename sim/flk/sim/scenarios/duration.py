"""Durations as people write them: a number of seconds, or a text such as "250ms", "90s", "5m" or "1h30m"."""

import re
from sys import float_info

_PER_UNIT = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}  # milliseconds: 9ms is the float nearest to 0.009
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
PATTERN = rf"-?(?:{_PART.pattern})+"
"""What a duration looks like as a text."""
_WHOLE = re.compile(PATTERN)


class Seconds(float):
    """A duration in seconds."""

    __slots__ = ()


def seconds(written: object) -> Seconds:
    """The duration that a number or a text stands for. Raises ValueError for anything else."""
    if isinstance(written, int | float) and not isinstance(written, bool) and abs(written) <= float_info.max:
        return Seconds(written)
    if isinstance(written, str) and _WHOLE.fullmatch(written):
        size = sum(float(number) * _PER_UNIT[unit] for number, unit in _PART.findall(written)) / 1000
        return Seconds(-size if written.startswith("-") else size)
    raise ValueError(
        f'{written!r} is not a duration; write seconds as a number, or a text such as "250ms", "90s" or "5m"'
    )


def is_duration(written: str) -> bool:
    """Whether a text is a duration."""
    return _WHOLE.fullmatch(written) is not None


def clock(moment: float) -> str:
    """A simulated time as minutes and seconds: `12:05`."""
    minutes, rest = divmod(round(moment), 60)
    return f"{minutes}:{rest:02d}"


def human(duration: float) -> str:
    """A duration in the unit a reader would choose: `3.2 ms`, `45 s`, `2 min 30 s`."""
    if 0 < abs(duration) < 1:
        return f"{duration * 1000:.3g} ms"
    if abs(duration) < 60:
        return f"{duration:.3g} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
