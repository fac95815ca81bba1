"""Does a sender deliver as it must? Scenarios, played one after the other to the command that its author wrote around it."""

import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from os import PathLike
from pathlib import Path

import msgspec

from flk.conformance.awaited import awaited
from flk.conformance.delivery.damage import flips, written
from flk.conformance.delivery.judge import Breach, Given, Round, breaches, meaning
from flk.conformance.delivery.scenarios import SCENARIOS, Between, Scenario
from flk.conformance.delivery.script import Attempt, Pause, Script
from flk.conformance.delivery.sender import PROFILE, SECRET, TENANT, NoRound, Sender
from flk.conformance.drafts.draft import fields
from flk.conformance.drafts.mutations import Fields
from flk.conformance.operations.delivery import NAME as OPERATION
from flk.conformance.reports import known
from flk.conformance.reports.coverage import coverage
from flk.conformance.reports.progress import bar
from flk.conformance.reports.report import CaseResult, CaseStatus, Each, Progress, Report, silent, unheard
from flk.conformance.sdk.session import Ended, Launch
from flk.model.flow.answers import Meaning
from flk.model.record.record import Pcs
from flk.model.record.signing import HmacKey
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

DEADLINE_SECONDS = 60.0
"""That a round may take: a sender that cannot be told its time-out waits half a minute for an answer."""
MOST_ROUNDS = 16
PATIENCE_SECONDS = 30.0
"""That a real clock may have to wait in a scenario; with longer waits it is left out, unless thoroughness is asked for."""


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
    directory: str | PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    deadline: float = DEADLINE_SECONDS,
    progress: bool | None = None,
    each: Each = unheard,
) -> Report:
    """Does an SDK's sender deliver at least once, wait as it is asked, and take for settled only what is (OUT-*)?

    `command` starts a subject that offers the operation `deliver` (`conformance/PROTOCOL.md`), in `directory` and with
    `environment` added to the kit's. A scripted server plays `scenarios` (none: all) to it. A sender that does not use the
    simulated clock is judged by a real one, and scenarios that ask it to wait for long are left out unless `thorough`.
    `known_failures` is a file of failures that are expected (`flk.conformance.reports.known`). `deadline` is how many seconds a
    round may take. `progress`: whether there is a bar; None: in a terminal or a notebook. `each` gets every result as soon as it
    is there, with its place in the report.

    Raises UnusableInput if the command cannot be started or does not offer the operation, if there is no such scenario, or for a
    file that cannot be used.

    >>> check_delivery(reference_subject())
    Traceback (most recent call last):
    ...
    flk.spec.errors.UnusableInput: ... does not offer the operation deliver; see conformance/PROTOCOL.md
    """
    words = shlex.split(command) if isinstance(command, str) else list(command)
    launch = Launch(tuple(words), None if directory is None else Path(directory), environment or {})
    chosen = delivery_scenarios(*scenarios)
    expected = known.NONE if known_failures is None else known.read(known_failures)

    def told(place: int, result: CaseResult) -> None:
        each(place, expected.judged(result))

    with bar(shown=progress) as advance:
        report = awaited(_Play(launch, chosen, deadline, advance, told, thorough=thorough).report())
    return expected.applied(report, [_full_name(scenario) for scenario in SCENARIOS])


def _full_name(scenario: Scenario) -> str:
    """As results, and lines of known failures, name it."""
    return f"{OPERATION}/{scenario.name}"


class _Play:
    """The scenarios, the sender that is asked, and whether it uses the simulated clock."""

    def __init__(
        self,
        launch: Launch,
        scenarios: Sequence[Scenario],
        deadline: float,
        progress: Progress = silent,
        each: Each = unheard,
        *,
        thorough: bool,
    ) -> None:
        self._sender = Sender(launch, deadline)
        self._scenarios = scenarios
        self._progress = progress
        self._each = each
        self._thorough = thorough
        self._virtual = True

    async def report(self) -> Report:
        """Play all. The first tells whether the sender uses the simulated clock."""
        try:
            self._virtual = await self._uses_clock()
            results = []
            for number, scenario in enumerate(self._scenarios):
                self._progress(number, len(self._scenarios), scenario.name)
                results.append(await self._result(scenario))
                self._each(number, results[-1])
            await self._sender.part()
        finally:
            await self._sender.kill()
        subject = self._sender.subject
        assert subject is not None
        name = f"{subject.name} {subject.version} ({subject.language})"
        passed = [result.requirements for result in results if result.status is CaseStatus.PASSED]
        failed = [result.name.partition("/")[2] for result in results if not result.conforms]
        options = [f"--scenario={name}" for name in failed]
        note = "pauses were taken on the simulated clock" if self._virtual else "pauses were taken on a real clock"
        return Report(
            name,
            tuple(results),
            tuple(self._sender.remarks),
            (note,),
            shlex.join(["flk", "conform", "delivery", *options, "--", *self._sender.launch.words]),
            coverage(passed, [scenario.requirements for scenario in SCENARIOS], "scenarios"),
        )

    async def _uses_clock(self) -> bool:
        """Whether a sender that is asked to wait does so on the simulated clock."""
        scenario = SCENARIOS[0]
        with tempfile.TemporaryDirectory(prefix="flk-delivery-") as directory:
            records = _records(scenario)
            async with Script(scenario, [msgspec.convert(record, Pcs) for record in records]) as script:
                try:
                    await self._sender.round(script, Path(directory), records)
                except (Ended, NoRound):
                    await self._sender.kill()
                return any(isinstance(event, Pause) for event in script.events) or not script.events

    async def _result(self, scenario: Scenario) -> CaseResult:
        name = _full_name(scenario)
        if not self._virtual and scenario.waits > PATIENCE_SECONDS and not self._thorough:
            why = f"asks to wait {scenario.waits:g} s, and the sender waits on a real clock; --thorough plays it"
            return CaseResult(name, scenario.claim, scenario.requirements, CaseStatus.DECLINED, why)
        try:
            found = await self._played(scenario)
        except Ended as end:
            await self._sender.kill()
            return CaseResult(name, scenario.claim, scenario.requirements, end.status, f"the sender {end.detail}")
        except NoRound as answer:
            return CaseResult(name, scenario.claim, scenario.requirements, CaseStatus.CRASHED, str(answer))
        if not found:
            return CaseResult(name, scenario.claim, scenario.requirements, CaseStatus.PASSED)
        says = tuple(f"{breach.requirement}: {breach.says}" for breach in found)
        requirements = tuple(dict.fromkeys(breach.requirement for breach in found))
        return CaseResult(name, scenario.claim, requirements, CaseStatus.FAILED, "; ".join(says[:3]), details=says)

    async def _played(self, scenario: Scenario) -> tuple[Breach, ...]:
        """All rounds, in an outbox of their own. Raises Ended, NoRound."""
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
                    self._sender.remark(remark)
                malformed = {Breach(one.requirement, f"what was sent is no record: {one}") for one in script.malformed}
                return (*malformed, *found)

    async def _rounds(
        self, scenario: Scenario, given: Given, script: Script, directory: Path, records: Sequence[Fields]
    ) -> list[Round]:
        """Round after round until all is settled, and one more, in which nothing may come. Raises Ended, NoRound."""
        rounds: list[Round] = []
        while len(rounds) < MOST_ROUNDS:
            seen = [event for each in rounds for event in each.events if isinstance(event, Attempt)]
            settled = all(meaning(seen, pcs_id) is not Meaning.RETRY for pcs_id in given.records)
            rounds.append(await self._sender.round(script, directory, () if rounds else records))
            idle = len(rounds) > 1 and rounds[-1].told is not None and not rounds[-1].events
            if script.runs_away or settled or idle:
                break
            if scenario.between is Between.RESTART:
                await self._sender.kill()
        return rounds

    async def _damaged(
        self, scenario: Scenario, given: Given, script: Script, directory: Path, records: Sequence[Fields]
    ) -> tuple[Breach, ...]:
        """The last record is given in a round of its own, so that it shows where it was written. Then copies of the outbox are
        delivered from, each with a bit flipped, until one is not as it must. An outbox whose files can hold no record passes: there
        is nothing to damage. Raises Ended, NoRound.
        """
        whole = [await self._sender.round(script, directory, records[:-1])]
        before = written(directory)
        script.play(scenario)
        whole.append(await self._sender.round(script, directory, records[-1:]))
        await self._sender.kill()
        for flip in flips(before, written(directory)):
            with tempfile.TemporaryDirectory(prefix="flk-delivery-") as other:
                flip.copied(directory, Path(other))
                script.play(scenario._replace(answers=()))
                try:
                    rounds = await self._rounds(scenario, given, script, Path(other), ())
                except (Ended, NoRound):
                    self._sender.remark(f"{scenario.name}: {flip}")
                    raise
            found = breaches(scenario, given, [*whole, *rounds], virtual=self._virtual)
            if found:
                return tuple(breach._replace(says=f"{breach.says}; {flip}") for breach in found)
        return ()


def _records(scenario: Scenario) -> tuple[Fields, ...]:
    """The scenario's records, unsigned; the same in each run."""
    roots = [sha256(f"{scenario.name}/{number}".encode()).hexdigest() for number in range(scenario.records)]
    return tuple(fields(merkle_root=root, **dict(scenario.changes)) for root in roots)
