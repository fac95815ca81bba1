"""What a subject leaves out: by declining operations and flags, or by claiming profiles. Only what may be left out is."""

from collections.abc import Iterable, Iterator

from flk.conformance.operations import OPERATIONS
from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk.protocol import Subject
from flk.spec.hints import nearest
from flk.spec.profiles import Profile, declinable, profiles
from flk.spec.vectors import Case, load


class Declining:
    """What follows from a subject's hello. `required` is the profile that it is asked for, None if it may choose."""

    def __init__(self, subject: Subject, required: Profile | None = None) -> None:
        self._subject = subject
        self._required = required
        self._claimed = tuple(one for one in profiles() if one.name in subject.profiles)

    def breaches(self) -> Iterator[str]:
        """What the hello may not say: a flag that cannot be declined, a profile that does not exist or is not kept."""
        flags = {flag for group in load() for flag in group.flags}
        for name in self._subject.declined:
            if name not in OPERATIONS and name not in declinable():
                kind = "flag" if name in flags else "name"
                hint = nearest(name, [*declinable(), *OPERATIONS])
                yield f"the {kind} {name} cannot be declined, and its cases are asked all the same; {hint}"
        names = [one.name for one in profiles()]
        for name in self._subject.profiles:
            if name not in names:
                yield f"no profile is called {name}; {nearest(name, names)}"
        for one in self._claimed:
            kept_back = [name for name in OPERATIONS if one.asks(name) and name not in self._subject.operations]
            if kept_back:
                yield f"claims the profile {one.name} and does not offer {', '.join(kept_back)}"

    def excuse(self, operation: str, case: Case) -> tuple[CaseStatus, str] | None:
        """How a case ends without being asked, and why; None if it is to be asked."""
        declined = self._subject.declined
        if operation in declined:
            if self._required is not None:
                return (
                    CaseStatus.SKIPPED,
                    f"the profile {self._required.name} asks for {operation}: {declined[operation]}",
                )
            return CaseStatus.DECLINED, f"{operation}: {declined[operation]}"
        if operation not in self._subject.operations:
            if self._claimed and not any(one.asks(operation) for one in self._claimed) and self._required is None:
                names = ", ".join(one.name for one in self._claimed)
                return CaseStatus.DECLINED, f"{operation}: not of the profiles it claims ({names})"
            return CaseStatus.SKIPPED, f"the subject neither offers nor declines {operation}"
        flag = next((flag for flag in case.flags if flag in declined and flag in declinable()), None)
        return None if flag is None else (CaseStatus.DECLINED, f"{flag}: {declined[flag]}")

    def flags_left_out(self, cases: Iterable[Case]) -> tuple[str, ...]:
        """The flags that leave out some of these cases."""
        given = {flag for case in cases for flag in case.flags}
        return tuple(sorted(given & self._subject.declined.keys() & declinable().keys()))
