"""Does a sender deliver as it must? Scenarios, played one after the other to the command that its author wrote around it."""

import asyncio
import shlex
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from os import PathLike
from pathlib import Path

import msgspec

from flk.conformance.awaited import awaited
from flk.conformance.delivery.damage import flips, written
from flk.conformance.delivery.judge import Breach, Given, Round, breaches, meaning
from flk.conformance.delivery.scenarios import SCENARIOS, Between, Scenario
from flk.conformance.delivery.script import Attempt, Pause, Script
from flk.conformance.drafts.draft import fields
from flk.conformance.drafts.mutations import Fields
from flk.conformance.operations.delivery import NAME as OPERATION
from flk.conformance.operations.delivery import Told
from flk.conformance.reports import known
from flk.conformance.reports.coverage import coverage
from flk.conformance.reports.progress import bar
from flk.conformance.reports.report import CaseResult, CaseStatus, Each, Progress, Report, silent, unheard
from flk.conformance.sdk.driver import KIT
from flk.conformance.sdk.protocol import Run, Subject, Value, write
from flk.conformance.sdk.session import Answer, Ended, Launch, Session
from flk.model.flow.answers import Meaning
from flk.model.record.canonical import Profile
from flk.model.record.record import Pcs
from flk.model.record.signing import HmacKey
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

DEADLINE_SECONDS = 60.0
"""That a round may take: a sender that cannot be told its time-out waits half a minute for an answer."""
TIMEOUT_SECONDS = 3.0
"""Of one request, as the sender is asked to have it."""
MOST_ROUNDS = 16
PATIENCE_SECONDS = 30.0
"""That a real clock may have to wait in a scenario; with longer waits it is left out, unless thoroughness is asked for."""
SECRET = b"of the scripted server"
TENANT = "default"
PROFILE = Profile.JUDGED
NO_VALUE = "a round ends with a value of acknowledged, dead, postponed and letters"


def delivery_scenarios(*names: str) -> tuple[Scenario, ...]:
    """The scenarios of those names, all by default. Raises UnusableInput for a name that none has.

    >>> [scenario.claim for scenario in delivery_scenarios("portal")]
    ["A captive portal's 200 acknowledges nothing, in whatever form it comes."]
    """
    known = {scenario.name: scenario for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise UnusableInput(f"no scenario is called {name}; {nearest(name, list(known))}")
    return tuple(known[name] for name in names) or SCENARIOS


def check_delivery(
    command: str | Sequence[str],
    scenarios: Iterable[str] = (),
    *,
    thorough: bool = False,
    known_failures: str | PathLike[str] | None = None,
    deadline: float = DEADLINE_SECONDS,
    progress: bool | None = None,
    each: Each = unheard,
) -> Report:
    """Does an SDK's sender deliver at least once, wait as it is asked, and take for settled only what is (OUT-*)?

    `command` starts a subject that offers the operation `deliver` (`conformance/PROTOCOL.md`). A scripted server plays `scenarios`
    (none: all) to it. A sender that does not use the simulated clock is judged by a real one, and scenarios that ask it to wait
    for long are left out unless `thorough`. `known_failures` is a file of failures that are expected
    (`flk.conformance.reports.known`). `deadline` is how many seconds a round may take. `progress`: whether there is a bar; None:
    in a terminal or a notebook. `each` gets every result as soon as it is there, with its place in the report.

    Raises UnusableInput if the command cannot be started or does not offer the operation, if there is no such scenario, or for a
    file that cannot be used.

    >>> check_delivery(reference_subject())
    Traceback (most recent call last):
    ...
    flk.spec.errors.UnusableInput: ... does not offer the operation deliver; see conformance/PROTOCOL.md
    """
    words = shlex.split(command) if isinstance(command, str) else list(command)
    chosen = delivery_scenarios(*scenarios)
    expected = known.NONE if known_failures is None else known.read(known_failures)

    def told(place: int, result: CaseResult) -> None:
        each(place, expected.judged(result))

    with bar(shown=progress) as advance:
        report = awaited(_Play(words, chosen, deadline, advance, told, thorough=thorough).report())
    return expected.applied(report, [_full_name(scenario) for scenario in SCENARIOS])


def _full_name(scenario: Scenario) -> str:
    """As results, and lines of known failures, name it."""
    return f"{OPERATION}/{scenario.name}"


class _Play:
    """The scenarios, the process that is asked now, and whether it uses the simulated clock."""

    def __init__(
        self,
        command: Sequence[str],
        scenarios: Sequence[Scenario],
        deadline: float,
        progress: Progress = silent,
        each: Each = unheard,
        *,
        thorough: bool,
    ) -> None:
        self._command = command
        self._scenarios = scenarios
        self._deadline = deadline
        self._progress = progress
        self._each = each
        self._thorough = thorough
        self._session: Session | None = None
        self._subject: Subject | None = None
        self._remarks: list[str] = []
        self._asked = 0
        self._virtual = True
        self._told: Told | str | None = None

    async def report(self) -> Report:
        """Play all. The first tells whether the sender uses the simulated clock."""
        try:
            self._virtual = await self._uses_clock()
            results = []
            for number, scenario in enumerate(self._scenarios):
                self._progress(number, len(self._scenarios), scenario.name)
                results.append(await self._result(scenario))
                self._each(number, results[-1])
            if self._session is not None:
                await self._session.part()
        finally:
            await self._kill()
        assert self._subject is not None
        name = f"{self._subject.name} {self._subject.version} ({self._subject.language})"
        passed = [result.requirements for result in results if result.status is CaseStatus.PASSED]
        failed = [result.name.partition("/")[2] for result in results if not result.conforms]
        options = [f"--scenario={name}" for name in failed]
        note = "pauses were taken on the simulated clock" if self._virtual else "pauses were taken on a real clock"
        return Report(
            name,
            tuple(results),
            tuple(self._remarks),
            (note,),
            shlex.join(["flk", "conform", "delivery", *options, "--", *self._command]),
            coverage(passed, [scenario.requirements for scenario in SCENARIOS], "scenarios"),
        )

    async def _uses_clock(self) -> bool:
        """Whether a sender that is asked to wait does so on the simulated clock."""
        scenario = SCENARIOS[0]
        with tempfile.TemporaryDirectory(prefix="flk-delivery-") as directory:
            records = _records(scenario)
            async with Script(scenario, [msgspec.convert(record, Pcs) for record in records]) as script:
                try:
                    await self._round(script, Path(directory), records)
                except (Ended, _NoRound):
                    await self._kill()
                return any(isinstance(event, Pause) for event in script.events) or not script.events

    async def _result(self, scenario: Scenario) -> CaseResult:
        name = _full_name(scenario)
        if not self._virtual and scenario.waits > PATIENCE_SECONDS and not self._thorough:
            why = f"asks to wait {scenario.waits:g} s, and the sender waits on a real clock; --thorough plays it"
            return CaseResult(name, scenario.claim, scenario.requirements, CaseStatus.DECLINED, why)
        try:
            found = await self._played(scenario)
        except Ended as end:
            await self._kill()
            return CaseResult(name, scenario.claim, scenario.requirements, end.status, f"the sender {end.detail}")
        except _NoRound as answer:
            return CaseResult(name, scenario.claim, scenario.requirements, CaseStatus.CRASHED, str(answer))
        if not found:
            return CaseResult(name, scenario.claim, scenario.requirements, CaseStatus.PASSED)
        says = tuple(f"{breach.requirement}: {breach.says}" for breach in found)
        requirements = tuple(dict.fromkeys(breach.requirement for breach in found))
        return CaseResult(name, scenario.claim, requirements, CaseStatus.FAILED, "; ".join(says[:3]), details=says)

    async def _played(self, scenario: Scenario) -> tuple[Breach, ...]:
        """All rounds, in an outbox of their own. Raises Ended, _NoRound."""
        records = _records(scenario)
        ids = {str(record["pcs_id"]): msgspec.convert(record, Pcs) for record in records}
        given = Given(ids, TENANT, HmacKey(SECRET), PROFILE)
        with tempfile.TemporaryDirectory(prefix="flk-delivery-") as directory:
            async with Script(scenario, ids.values()) as script:
                if scenario.between is Between.DAMAGE:
                    found = await self._damaged(scenario, given, script, Path(directory), records)
                else:
                    rounds = await self._rounds(scenario, given, script, Path(directory), records)
                    found = breaches(scenario, given, rounds, virtual=self._virtual)
                for remark in script.remarks:
                    self._remark(remark)
                malformed = {Breach(one.requirement, f"what was sent is no record: {one}") for one in script.malformed}
                return (*malformed, *found)

    async def _rounds(
        self, scenario: Scenario, given: Given, script: Script, directory: Path, records: Sequence[Fields]
    ) -> list[Round]:
        """Round after round until all is settled, and one more, in which nothing may come. Raises Ended, _NoRound."""
        rounds: list[Round] = []
        while len(rounds) < MOST_ROUNDS:
            seen = [event for each in rounds for event in each.events if isinstance(event, Attempt)]
            settled = all(meaning(seen, pcs_id) is not Meaning.RETRY for pcs_id in given.records)
            rounds.append(await self._noted(script, directory, () if rounds else records))
            idle = len(rounds) > 1 and rounds[-1].told is not None and not rounds[-1].events
            if script.runs_away or settled or idle:
                break
            if scenario.between is Between.RESTART:
                await self._kill()
        return rounds

    async def _damaged(
        self, scenario: Scenario, given: Given, script: Script, directory: Path, records: Sequence[Fields]
    ) -> tuple[Breach, ...]:
        """The last record is given in a round of its own, so that it shows where it was written. Then copies of the outbox are
        delivered from, each with a bit flipped, until one is not as it must. Raises Ended, _NoRound.
        """
        whole = [await self._noted(script, directory, records[:-1])]
        before = written(directory)
        script.play(scenario)
        whole.append(await self._noted(script, directory, records[-1:]))
        await self._kill()
        for flip in flips(before, written(directory)):
            with tempfile.TemporaryDirectory(prefix="flk-delivery-") as other:
                flip.copied(directory, Path(other))
                script.play(scenario._replace(answers=()))
                rounds = await self._rounds(scenario, given, script, Path(other), ())
            found = breaches(scenario, given, [*whole, *rounds], virtual=self._virtual)
            if found:
                return tuple(breach._replace(says=f"{breach.says}; {flip}") for breach in found)
        return ()

    async def _noted(self, script: Script, directory: Path, records: Sequence[Fields]) -> Round:
        """One round, and what came in it. Raises Ended, _NoRound."""
        before = len(script.events)
        told = await self._round(script, directory, records)
        return Round(tuple(script.events[before:]), told)

    async def _round(self, script: Script, directory: Path, records: Sequence[Fields]) -> Told | None:
        """One round, of these records and what the outbox holds. None if the sender had to be killed. Raises Ended, _NoRound."""
        session = await self._running()
        self._asked += 1
        self._told = None
        question = {
            "url": script.url,
            "clock": f"{script.url}/clock",
            "outbox": str(directory / "outbox"),
            "tenant": TENANT,
            "key": {"algorithm": "hmac-sha256", "secret": SECRET},
            "profile": PROFILE,
            "timeout": TIMEOUT_SECONDS,
            "records": records,
        }
        run = Run(self._asked, OPERATION, msgspec.Raw(msgspec.json.encode(question)))
        script.killing.clear()
        asking = asyncio.create_task(session.ask([run], 1, self._answered))
        killing = asyncio.create_task(script.killing.wait())
        await asyncio.wait([asking, killing], return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            asking.cancel()
            await self._kill()
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        if isinstance(self._told, str):
            raise _NoRound(self._told)
        return self._told

    def _answered(self, _: int, answer: Answer) -> None:
        try:
            self._told = msgspec.json.decode(answer.value, type=Told) if isinstance(answer, Value) else NO_VALUE
        except msgspec.ValidationError as error:
            self._told = f"{NO_VALUE} ({error})"
        if isinstance(self._told, str):
            self._told += f"; there came {write(answer).decode().strip()}"

    async def _running(self) -> Session:
        """The process that is asked, a new one if there is none. Raises UnusableInput if it cannot be talked to."""
        if self._session is None:
            self._session = await Session(Launch(tuple(self._command)), self._deadline, self._remark).__aenter__()
            try:
                subject = await self._session.greet(KIT)
            except Ended as end:
                if self._subject is not None:
                    raise
                raise UnusableInput(
                    f"{shlex.join(self._command)}: no hello came back: the command {end.detail}"
                ) from None
            if OPERATION not in subject.operations:
                raise UnusableInput(
                    f"{shlex.join(self._command)}: does not offer the operation {OPERATION}; see conformance/PROTOCOL.md"
                )
            self._subject = subject
        return self._session

    async def _kill(self) -> None:
        """Kill the process that is asked, as a machine that fails does."""
        session, self._session = self._session, None
        if session is not None:
            await session.__aexit__(None, None, None)

    def _remark(self, remark: str) -> None:
        if remark not in self._remarks:
            self._remarks.append(remark)


class _NoRound(Exception):
    """The sender answered, and not with what a round comes to."""


def _records(scenario: Scenario) -> tuple[Fields, ...]:
    """The scenario's records, unsigned; the same in each run."""
    roots = [sha256(f"{scenario.name}/{number}".encode()).hexdigest() for number in range(scenario.records)]
    return tuple(fields(merkle_root=root, **dict(scenario.changes)) for root in roots)
