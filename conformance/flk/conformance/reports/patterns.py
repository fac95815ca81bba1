"""Patterns of the names of cases and checks: a star stands for anything within a part of a name, two for any parts."""

import re
from collections.abc import Collection, Iterable
from functools import cache

from flk.spec.hints import nearest

FEW = 40
"""As many names are listed where none resembles a pattern."""


def matches(pattern: str, name: str) -> bool:
    """Whether a name, whose parts are separated by slashes, is one of those that a pattern means.

    >>> matches("fixed9/*", "fixed9/one"), matches("fixed9/*", "fixed9/tie/0"), matches("fixed9/**", "fixed9/tie/0")
    (True, False, True)
    """
    return _compiled(pattern).fullmatch(name) is not None


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Those of the names that a pattern means."""
    return [name for name in names if matches(pattern, name)]


def advice(pattern: str, names: Collection[str]) -> str:
    """What to write instead of a pattern that means nothing. Thousands of names are not listed."""
    hint = nearest(pattern, sorted(names))
    return "`flk conform vectors --json` lists them all" if hint.startswith("choose") and len(names) > FEW else hint


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    meanings = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meanings.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*|\?)", pattern)))
