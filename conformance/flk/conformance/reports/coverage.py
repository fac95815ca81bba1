"""How much of what the kit asks a run has covered. Less than all of it never makes a subject plainly conform."""

from collections.abc import Sequence

import msgspec


class Coverage(msgspec.Struct, frozen=True):
    """How many cases (of an SDK) or checks (of a server) passed of all that the kit has, and on how many requirements they bear.

    >>> str(Coverage(78, 1764, 9, 46)), Coverage(78, 1764, 9, 46).whole
    ('78 of 1,764 cases, 9 of 46 requirements', False)
    """

    passed: int
    of: int
    requirements: int
    of_requirements: int
    unit: str = "cases"

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.passed == self.of

    def __str__(self) -> str:
        return f"{self.passed:,} of {self.of:,} {self.unit}, {self.requirements} of {self.of_requirements} requirements"


def coverage(passed: Sequence[Sequence[str]], everything: Sequence[Sequence[str]], unit: str = "cases") -> Coverage:
    """Of the requirements of each case that passed, and of each case there is."""
    borne, known = ({name for case in cases for name in case} for cases in (passed, everything))
    return Coverage(len(passed), len(everything), len(borne), len(known), unit)
