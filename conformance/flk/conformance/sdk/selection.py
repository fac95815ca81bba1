"""Which cases are asked: all, or those of some operations, of a profile, of some requirements, of some names."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from flk.conformance.reports.patterns import advice, matches, matching
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest
from flk.spec.profiles import Profile
from flk.spec.vectors import Case, Vectors, load


class Selection(msgspec.Struct, frozen=True):
    """What a case must be to be asked. Empty means any; `requirements` may hold stars, as in `SIGN-*`; `cases` are patterns.

    >>> chosen = Selection(requirements=("SIG-4",)).of(load())
    >>> {group.operation for group in chosen} >= {"regime"}, sum(len(group.cases) for group in chosen) < 200
    (True, True)
    """

    operations: tuple[str, ...] = ()
    profile: Profile | None = None
    requirements: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()

    def of(self, everything: Iterable[Vectors]) -> tuple[Vectors, ...]:
        """The groups with the cases that are meant. Raises UnusableInput for a name of nothing, and if none is left."""
        groups = tuple(everything)
        self._check(groups)
        chosen = self.among(groups)
        if not chosen:
            raise UnusableInput("no case is all of what is asked for; fix: ask for less at once")
        return chosen

    def among(self, groups: Iterable[Vectors]) -> tuple[Vectors, ...]:
        """The groups with the cases that are meant, which may be none."""
        asked = (group for group in groups if self.asks(group.operation))
        meant = (msgspec.structs.replace(group, cases=tuple(filter(self._means, group.cases))) for group in asked)
        return tuple(group for group in meant if group.cases)

    @property
    def options(self) -> tuple[str, ...]:
        """What narrows the cases further than operations and profile do, as options of the command."""
        return (
            *(f"--requirement={name}" for name in self.requirements),
            *(f"--case={pattern}" for pattern in self.cases),
        )

    def asks(self, operation: str) -> bool:
        """Whether cases of the operation are meant."""
        named = not self.operations or operation in self.operations
        return named and (self.profile is None or self.profile.asks(operation))

    def _means(self, case: Case) -> bool:
        bears = not self.requirements or any(
            fnmatchcase(name, wanted) for name in case.requirements for wanted in self.requirements
        )
        return bears and (
            not self.cases or case.id in self.cases or any(matches(one, case.id) for one in self._patterns)
        )

    @property
    def _patterns(self) -> tuple[str, ...]:
        return tuple(pattern for pattern in self.cases if "*" in pattern or "?" in pattern)

    def _check(self, groups: Iterable[Vectors]) -> None:
        known = {group.operation for group in groups}
        for name in self.operations:
            if name not in known:
                raise UnusableInput(f"no operation is called {name}; {nearest(name, sorted(known))}")
        cases = [case for group in groups for case in group.cases]
        asked = sorted({name for case in cases for name in case.requirements})
        for wanted in self.requirements:
            if not any(fnmatchcase(name, wanted) for name in asked):
                raise UnusableInput(f"no case bears on a requirement {wanted}; {nearest(wanted, asked)}")
        names = {case.id: case for case in cases}
        for pattern in self.cases:
            if pattern not in names and not matching(pattern, names):
                raise UnusableInput(f"no case is called {pattern}; {advice(pattern, names)}")


EVERYTHING = Selection()


def names() -> frozenset[str]:
    """The names of all cases that there are."""
    return frozenset(case.id for group in load() for case in group.cases)
