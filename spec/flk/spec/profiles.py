"""Profiles: what may be left out of the vectors, and what conforming to the rest is called (`profiles.toml`)."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import msgspec

from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

PARTIAL = "partial"
"""What conforming to less than any profile is called."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named set of requirements, and the operations through which the vectors ask for them.

    `requirements` and `operations` may hold patterns with a star. `meaning` follows "a subject that …".

    >>> profile("trees").asks("merkle_root"), profile("trees").asks("sign"), profile("full").asks("sign")
    (True, False, True)
    >>> profile("trees").binds("MRK-4"), profile("trees").binds("SIGN-1")
    (True, False)
    """

    name: str
    meaning: str
    requirements: tuple[str, ...]
    operations: tuple[str, ...]

    def asks(self, operation: str) -> bool:
        """Whether the cases of an operation belong to it."""
        return any(fnmatchcase(operation, pattern) for pattern in self.operations)

    def binds(self, requirement: str) -> bool:
        """Whether a requirement belongs to it."""
        return any(fnmatchcase(requirement, pattern) for pattern in self.requirements)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    declinable: dict[str, str]
    profile: tuple[Profile, ...]


@cache
def _table() -> _Table:
    return msgspec.toml.decode(files("flk.spec").joinpath("profiles.toml").read_bytes(), type=_Table)


def declinable() -> dict[str, str]:
    """The flags of cases that a subject may decline, each with what it needs.

    >>> sorted(declinable())
    ['ed25519', 'judged', 'lone-surrogate', 'mt19937', 'policies', 'shortest', 'tlog', 'vrf', 'zlib']
    """
    return dict(_table().declinable)


def profiles() -> tuple[Profile, ...]:
    """All profiles, the one of everything last.

    >>> [profile.name for profile in profiles()]
    ['signer', 'verifier', 'signals', 'trees', 'auditor', 'operator', 'log', 'node', 'full']
    """
    return _table().profile


def profile(name: str) -> Profile:
    """The profile of that name. Raises UnusableInput if there is none."""
    known = {one.name: one for one in profiles()}
    if name not in known:
        raise UnusableInput(f"no profile is called {name}; {nearest(name, known)}")
    return known[name]


def greatest(complete: Iterable[Profile], operations: Iterable[str]) -> tuple[Profile, ...]:
    """Those that ask for nothing that another of them asks for, too, and more besides.

    >>> [one.name for one in greatest([profile("signer"), profile("full")], ["sign", "merkle_root"])]
    ['full']
    """
    known = tuple(operations)
    asked = {one: {operation for operation in known if one.asks(operation)} for one in complete}
    return tuple(one for one, mine in asked.items() if not any(mine < theirs for theirs in asked.values()))
