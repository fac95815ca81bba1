"""Asking a subject: start any command that speaks the SDK protocol, put the cases to it, judge its answers.

A subject may die, hang, or print what is no message. Every answer it gave before counts. What was with it at that moment is asked
again one case at a time, so that the case at fault is found, and the rest goes on as before.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from flk.conformance.awaited import awaited
from flk.conformance.diagnosis.diagnose import attributed, diagnose
from flk.conformance.operations import delivery
from flk.conformance.reports.coverage import coverage
from flk.conformance.reports.report import CaseResult, CaseStatus, Each, Progress, Report, silent, unheard
from flk.conformance.sdk.compare import judge, told
from flk.conformance.sdk.declining import Declining
from flk.conformance.sdk.protocol import WINDOW, Error, Run, Subject, Value
from flk.conformance.sdk.session import Answer, Ended, Launch, Session
from flk.spec import __version__
from flk.spec.errors import UnusableInput
from flk.spec.profiles import Profile, greatest, profiles
from flk.spec.vectors import Vectors, load

KIT = f"flk-lab {__version__}"
DEADLINE_SECONDS = 10.0
MAX_RESTARTS = 20
MAX_REMARKS = 20


def conform(
    command: Sequence[str] | Launch,
    vectors: Iterable[Vectors],
    *,
    deadline: float = DEADLINE_SECONDS,
    max_restarts: int = MAX_RESTARTS,
    required: Profile | None = None,
    narrowed: Sequence[str] = (),
    progress: Progress = silent,
    each: Each = unheard,
) -> Report:
    """Put every case to the subject that `command` starts. Raises UnusableInput if it cannot be talked to at all.

    `required` is the profile that it must have: then it cannot decline operations. `deadline` is how many seconds it may go without
    an answer. After `max_restarts` the cases that are left are given up. `narrowed` are the options by which `vectors` were chosen,
    for the line that asks again. `each` gets every result as soon as it is there, with its place in the report.
    """
    launch = command if isinstance(command, Launch) else Launch(tuple(command))
    interview = _Interview(launch, tuple(vectors), deadline, max_restarts, required, tuple(narrowed), progress, each)
    return awaited(interview.report())


class _Interview:
    """What is known while a subject is being asked: the results so far, by the number of their case."""

    def __init__(
        self,
        launch: Launch,
        vectors: tuple[Vectors, ...],
        deadline: float,
        max_restarts: int,
        required: Profile | None,
        narrowed: tuple[str, ...],
        progress: Progress,
        each: Each,
    ) -> None:
        self._launch = launch
        self._deadline = deadline
        self._max_restarts = max_restarts
        self._required = required
        self._narrowed = narrowed
        self._progress = progress
        self._each = each
        self._cases = [case for group in vectors for case in group.cases]
        self._flags = [group.flags for group in vectors for _ in group.cases]
        self._operations = [group.operation for group in vectors for _ in group.cases]
        self._results: dict[int, CaseResult] = {}
        self._remarks: list[str] = []
        self._subject: Subject | None = None
        self._restarts = 0

    async def report(self) -> Report:
        """Ask everything."""
        await self._ask(range(len(self._cases)), WINDOW)
        assert self._subject is not None
        name = f"{self._subject.name} {self._subject.version} ({self._subject.language})"
        results = tuple(self._results[number] for number in range(len(self._cases)))
        unknown = sorted(set(self._subject.operations) - {group.operation for group in load()} - {delivery.NAME})
        notes = (f"offers what this kit does not ask for: {', '.join(unknown)}",) if unknown else ()
        complete = self._complete(results)
        of_those = (case for case, name in zip(self._cases, self._operations, strict=True) if _asks(complete, name))
        passed = [result.requirements for result in results if result.status is CaseStatus.PASSED]
        diagnoses = diagnose(results)
        return Report(
            name,
            attributed(results, diagnoses),
            tuple(self._remarks),
            notes,
            self._again(results),
            coverage(passed, [case.requirements for group in load() for case in group.cases]),
            tuple(one.name for one in complete),
            Declining(self._subject).flags_left_out(of_those),
            diagnoses,
        )

    def _complete(self, results: Sequence[CaseResult]) -> tuple[Profile, ...]:
        """The profiles whose every operation was asked, save what flags leave out."""
        asked = Counter(result.group for result in results if result.status is not CaseStatus.DECLINED)
        every: Counter[str] = Counter()
        for group in load():
            every[group.operation] += len(group.cases)
        left = Counter(self._operations)
        operations = {name for name in every if asked[name] and left[name] == every[name]}
        complete = (one for one in profiles() if {name for name in every if one.asks(name)} <= operations)
        return greatest(complete, every)

    def _again(self, results: Iterable[CaseResult]) -> str:
        """The line that asks what went wrong again; all that was asked, if nothing did."""
        chosen = {result.group for result in results if not result.conforms} or set(self._operations)
        everything = chosen == {group.operation for group in load()} or self._required is not None
        options = [] if everything else [f"--operation={name}" for name in sorted(chosen)]
        options += [f"--profile={self._required.name}"] if self._required is not None else []
        return shlex.join(["flk", "conform", "sdk", *options, *self._narrowed, "--", *self._launch.words])

    async def _ask(self, numbers: Iterable[int], window: int) -> None:
        """Finish the cases, through as many processes as it takes. With a window of one, a process that ends shows why."""
        while open_cases := [number for number in numbers if number not in self._results]:
            try:
                await self._session(open_cases, window)
            except Ended as end:
                if self._subject is None:
                    raise UnusableInput(f"{self._launch}: no hello came back: the command {end.detail}") from None
                self._restarts += 1
                suspects = [case.run for case in end.suspects]
                if len(suspects) == 1:
                    self._finish(suspects[0], end.status, f"the subject {end.detail}")
                if self._restarts > self._max_restarts:
                    self._give_up(open_cases, end.detail)
                elif len(suspects) > 1:
                    await self._ask(suspects, 1)

    def _give_up(self, numbers: Iterable[int], last: str) -> None:
        for number in numbers:
            if number not in self._results:
                self._finish(
                    number,
                    CaseStatus.CRASHED,
                    f"not asked: the subject was restarted {self._max_restarts} times before, and at last it {last}",
                )

    async def _session(self, numbers: Sequence[int], window: int) -> None:
        """One process, from hello to bye. Raises Ended."""
        async with Session(self._launch, self._deadline, self._remark) as session:
            try:
                subject = await session.greet(KIT)
            except UnusableInput as unusable:
                if self._subject is None:
                    raise
                raise Ended(CaseStatus.CRASHED, f"began otherwise when it was started again: {unusable}") from None
            self._introduce(subject)
            asked = (number for number in numbers if number not in self._results)
            runs = (Run(number, self._operations[number], self._cases[number].input) for number in asked)
            await session.ask(runs, window, self._answered)
            await session.part()

    def _introduce(self, subject: Subject) -> None:
        """At the first hello, finish the cases that the subject declines, and those of operations that it does not offer."""
        if self._subject is not None:
            return
        self._subject = subject
        declining = Declining(subject, self._required)
        for breach in declining.breaches():
            self._remark(breach)
        for number, case in enumerate(self._cases):
            excuse = declining.excuse(self._operations[number], case)
            if excuse is not None:
                self._finish(number, *excuse)

    def _answered(self, number: int, answer: Answer) -> None:
        expect = self._cases[number].expect
        status, detail = judge(expect, answer)
        both = (
            (told(expect), told(answer))
            if status is CaseStatus.FAILED and isinstance(answer, Value | Error)
            else ("", "")
        )
        self._finish(number, status, detail, *both)

    def _finish(self, number: int, status: CaseStatus, detail: str, expected: str = "", received: str = "") -> None:
        case = self._cases[number]
        asked = status in {CaseStatus.FAILED, CaseStatus.CRASHED, CaseStatus.SILENT}
        question = bytes(case.input).decode() if asked else ""
        hints = tuple(f"{flag}: {self._flags[number][flag]}" for flag in case.flags) if asked else ()
        result = CaseResult(
            case.id, case.comment, case.requirements, status, detail, question, (), expected, received, hints
        )
        self._results[number] = result
        self._each(number, result)
        self._progress(len(self._results), len(self._cases), case.id)

    def _remark(self, remark: str) -> None:
        if len(self._remarks) < MAX_REMARKS and remark not in self._remarks:
            self._remarks.append(remark)


def _asks(profiles: Iterable[Profile], operation: str) -> bool:
    return any(one.asks(operation) for one in profiles)
