"""Asking a subject: start any command that speaks the SDK protocol, put the cases to it, judge its answers.

A subject may die, hang, or print what is no message. Every answer it gave before counts. What was with it at that moment is asked
again one case at a time, so that the case at fault is found, and the rest goes on as before.
"""

import asyncio
import shlex
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from flk.conformance.reports.report import CaseResult, CaseStatus, Progress, Report, silent
from flk.conformance.sdk.compare import judge
from flk.conformance.sdk.protocol import WINDOW, Run, Subject
from flk.conformance.sdk.session import Answer, Ended, Session
from flk.spec import __version__
from flk.spec.errors import UnusableInput
from flk.spec.vectors import Vectors, load

KIT = f"flk-lab {__version__}"
DEADLINE_SECONDS = 10.0
MAX_RESTARTS = 20
MAX_REMARKS = 20


def conform(
    command: Sequence[str],
    vectors: Iterable[Vectors],
    *,
    deadline: float = DEADLINE_SECONDS,
    max_restarts: int = MAX_RESTARTS,
    progress: Progress = silent,
) -> Report:
    """Put every case to the subject that `command` starts. Raises UnusableInput if it cannot be talked to at all.

    `deadline` is how many seconds the subject may go without an answer. After `max_restarts` the cases that are left are given up.
    """
    interview = _Interview(command, tuple(vectors), deadline, max_restarts, progress)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(interview.report())
    with ThreadPoolExecutor(1) as thread:  # a notebook has a loop of its own, which cannot wait for another
        return thread.submit(asyncio.run, interview.report()).result()


class _Interview:
    """What is known while a subject is being asked: the results so far, by the number of their case."""

    def __init__(
        self,
        command: Sequence[str],
        vectors: tuple[Vectors, ...],
        deadline: float,
        max_restarts: int,
        progress: Progress,
    ) -> None:
        self._command = command
        self._deadline = deadline
        self._max_restarts = max_restarts
        self._progress = progress
        self._cases = [case for group in vectors for case in group.cases]
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
        unknown = sorted(set(self._subject.operations) - {group.operation for group in load()})
        notes = (f"offers what this kit does not ask for: {', '.join(unknown)}",) if unknown else ()
        return Report(name, results, tuple(self._remarks), notes, self._again(results))

    def _again(self, results: Iterable[CaseResult]) -> str:
        """The line that asks what went wrong again; all that was asked, if nothing did."""
        chosen = {result.group for result in results if not result.conforms} or set(self._operations)
        everything = chosen == {group.operation for group in load()}
        options = [] if everything else [f"--operation={name}" for name in sorted(chosen)]
        return shlex.join(["flk", "conform", "sdk", *options, "--", *self._command])

    async def _ask(self, numbers: Iterable[int], window: int) -> None:
        """Finish the cases, through as many processes as it takes. With a window of one, a process that ends shows why."""
        while open_cases := [number for number in numbers if number not in self._results]:
            try:
                await self._session(open_cases, window)
            except Ended as end:
                if self._subject is None:
                    raise UnusableInput(
                        f"{shlex.join(self._command)}: no hello came back: the command {end.detail}"
                    ) from None
                self._restarts += 1
                suspects = [case.run for case in end.suspects]
                if len(suspects) == 1:
                    self._finish(suspects[0], end.status, f"the subject {end.detail}")
                if self._restarts > self._max_restarts:
                    self._give_up(open_cases)
                elif len(suspects) > 1:
                    await self._ask(suspects, 1)

    def _give_up(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number not in self._results:
                self._finish(
                    number,
                    CaseStatus.CRASHED,
                    f"not asked: the subject was restarted {self._max_restarts} times before",
                )

    async def _session(self, numbers: Sequence[int], window: int) -> None:
        """One process, from hello to bye. Raises Ended."""
        async with Session(self._command, self._deadline, self._remark) as session:
            self._introduce(await session.greet(KIT))
            asked = (number for number in numbers if number not in self._results)
            runs = (Run(number, self._operations[number], self._cases[number].input) for number in asked)
            await session.ask(runs, window, self._answered)
            await session.part()

    def _introduce(self, subject: Subject) -> None:
        """At the first hello, finish the cases that the subject declines, and those of operations that it does not offer."""
        if self._subject is not None:
            return
        self._subject = subject
        for number, case in enumerate(self._cases):
            operation = self._operations[number]
            declined = next((name for name in (operation, *case.flags) if name in subject.declined), None)
            if declined is not None:
                self._finish(number, CaseStatus.DECLINED, f"{declined}: {subject.declined[declined]}")
            elif operation not in subject.operations:
                self._finish(number, CaseStatus.SKIPPED, f"the subject neither offers nor declines {operation}")

    def _answered(self, number: int, answer: Answer) -> None:
        status, detail = judge(self._cases[number].expect, answer)
        self._finish(number, status, detail)

    def _finish(self, number: int, status: CaseStatus, detail: str) -> None:
        case = self._cases[number]
        asked = status in {CaseStatus.FAILED, CaseStatus.CRASHED, CaseStatus.SILENT}
        question = bytes(case.input).decode() if asked else ""
        self._results[number] = CaseResult(case.id, case.comment, case.requirements, status, detail, question)
        self._progress(len(self._results), len(self._cases), case.id)

    def _remark(self, remark: str) -> None:
        if len(self._remarks) < MAX_REMARKS and remark not in self._remarks:
            self._remarks.append(remark)
