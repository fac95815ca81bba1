"""The driver: any command is asked, whatever it does, and what it answered is never lost."""

import re
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from tests.support.conformance.bad_subject import VICTIM

from flk.conformance.reports.report import CaseStatus, Report
from flk.conformance.sdk.driver import conform
from flk.spec.errors import UnusableInput
from flk.spec.profiles import Profile, profile
from flk.spec.vectors import load
from flk.spec.verdict import Verdict

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
REGIME = tuple(group for group in load() if group.operation == "regime")
ALL = sum(len(group.cases) for group in REGIME)
SHORT = 3.0
"""Seconds without an answer in the tests that wait for them. An honest subject takes milliseconds."""


def ask(habit: str, deadline: float = 60.0, max_restarts: int = 20) -> Report:
    """The report on the bad subject with a habit."""
    command = [sys.executable, "-m", "tests.support.conformance.bad_subject", habit]
    return conform(command, REGIME, deadline=deadline, max_restarts=max_restarts)


def ask_everything(habit: str, required: Profile | None = None) -> Report:
    """The same, put all vectors, or all of a profile; nothing of the habit shows in its answers."""
    command = [sys.executable, "-m", "tests.support.conformance.bad_subject", habit]
    groups = tuple(group for group in load() if required is None or required.asks(group.operation))
    return conform(command, groups, required=required)


def verdicts(report: Report) -> dict[CaseStatus, int]:
    """How many results of each verdict."""
    return dict(Counter(result.status for result in report.results))


def test_our_own_subject_conforms_through_a_real_process() -> None:
    """`python -m flk.conformance.sdk.subject` passes every vector and keeps the protocol."""
    report = conform([sys.executable, "-m", "flk.conformance.sdk.subject"], load())
    assert [result for result in report.results if result.status is not CaseStatus.PASSED] == []
    assert (report.verdict, report.remarks, report.notes) == (Verdict.HOLDS, (), ())
    assert (report.conclusion, report.profiles) == ("conforms", ("full",))
    assert len(report.results) == sum(len(group.cases) for group in load())


def test_the_subject_of_the_documentation_conforms(tmp_path: Path) -> None:
    """The example in PROTOCOL.md, which shares no code with us, runs as printed and passes what it offers."""
    (source,) = re.findall(r"```python\n(.*?)```", Path("conformance/PROTOCOL.md").read_text("utf-8"), re.DOTALL)
    example = tmp_path / "example.py"
    example.write_text(source, "utf-8")
    report = conform([sys.executable, str(example)], load())
    assert {result.status for result in report.results} == {CaseStatus.PASSED, CaseStatus.DECLINED}
    assert report.verdict is Verdict.HOLDS
    assert report.conclusion.startswith("conforms to the profile partial: ")


@pytest.mark.parametrize("habit", ["none", "backwards"])
def test_answers_may_come_in_any_order(habit: str) -> None:
    """Answers in batches, last first, are as good as answers in order."""
    report = ask(habit)
    assert verdicts(report) == {CaseStatus.PASSED: ALL}
    assert report.verdict is Verdict.HOLDS


def test_sixty_four_cases_are_with_the_subject_at_once() -> None:
    """A subject that answers nothing before it holds 64 cases is not kept waiting."""
    group = next(group for group in load() if group.name == "validate")
    some = msgspec.structs.replace(group, cases=group.cases[:128])
    command = [sys.executable, "-m", "tests.support.conformance.bad_subject", "hoards"]
    report = conform(command, [some], max_restarts=0)
    assert verdicts(report) == {CaseStatus.PASSED: 128}


@pytest.mark.parametrize(
    ("habit", "status", "says"),
    [
        ("dies", CaseStatus.CRASHED, "this case is too much for me"),
        ("crashes", CaseStatus.CRASHED, "missing required field"),
        ("skips", CaseStatus.SKIPPED, "not today"),
        ("babbles", CaseStatus.FAILED, "an answer that cannot be read: 'utf-8' codec can't decode byte 0xff"),
        ("overflows", CaseStatus.FAILED, "an answer that cannot be read: Integer value out of range"),
        ("faults", CaseStatus.CRASHED, "was killed by SIGSEGV"),
        ("leaves-a-child", CaseStatus.CRASHED, "gone, but for my child"),
    ],
)
def test_one_bad_case_costs_one_case(habit: str, status: CaseStatus, says: str) -> None:
    """A subject that dies, fails or gives up on a case is asked all others, and the report says what it said."""
    report = ask(habit)
    assert verdicts(report) == {CaseStatus.PASSED: ALL - 1, status: 1}
    assert report.results[VICTIM].status is status
    assert says in report.results[VICTIM].detail
    assert report.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("habit", ["hangs", "forgets", "nests"])
def test_a_case_without_an_answer_costs_one_case(habit: str) -> None:
    """A subject that hangs on a case, or passes over it, is asked all others."""
    report = ask(habit, SHORT)
    assert verdicts(report) == {CaseStatus.PASSED: ALL - 1, CaseStatus.SILENT: 1}
    assert report.results[VICTIM].status is CaseStatus.SILENT
    assert report.verdict is Verdict.VIOLATED


def test_a_subject_that_keeps_dying_keeps_its_answers() -> None:
    """Answers from before the deaths count, and the kit gives up after so many restarts."""
    report = ask("dies-of-any", max_restarts=3)
    counted = verdicts(report)
    assert counted == {CaseStatus.PASSED: VICTIM, CaseStatus.CRASHED: ALL - VICTIM}
    assert "status 3" in report.results[VICTIM].detail
    assert "not asked" in report.results[-1].detail


@pytest.mark.parametrize(
    ("habit", "says"),
    [
        ("garbage", "Traceback, perhaps"),
        ("chatters", "debug: answering"),
        ("twice", "a second answer to case 20 (regime)"),
        ("leaves-without-bye", "no bye came back"),
    ],
)
def test_a_breach_of_protocol_is_told(habit: str, says: str) -> None:
    """All answers count, and the subject does not conform."""
    report = ask(habit)
    assert verdicts(report) == {CaseStatus.PASSED: ALL}
    assert any(says in remark for remark in report.remarks)
    assert report.verdict is Verdict.VIOLATED


def test_what_is_neither_offered_nor_declined_does_not_conform() -> None:
    """Silence about an operation is held against the subject."""
    report = ask("offers-less")
    assert verdicts(report) == {CaseStatus.SKIPPED: ALL}
    assert report.verdict is Verdict.VIOLATED


def test_who_declines_all_that_may_be_declined_conforms_to_next_to_nothing() -> None:
    """One operation is left, and the report says how little that is."""
    report = ask_everything("declines-all-it-may")
    passed, every = verdicts(report)[CaseStatus.PASSED], len(report.results)
    assert (passed, report.verdict) == (sum(len(g.cases) for g in load() if g.operation == "pause"), Verdict.HOLDS)
    assert f"conforms to the profile partial: {passed} of {every:,} cases, 2 of " in report.conclusion


def test_a_flag_that_may_be_declined_caps_the_verdict() -> None:
    """Its cases are left out, with the reason, and the report never says plainly that the subject conforms."""
    report = ask_everything("declines-flag")
    left_out = sum("shortest" in case.flags for group in load() for case in group.cases)
    assert verdicts(report)[CaseStatus.DECLINED] == left_out
    assert "shortest: no older signers here" in {result.detail for result in report.results}
    assert report.verdict is Verdict.HOLDS
    assert report.conclusion.startswith("conforms to the profile full without shortest: ")


def test_no_other_flag_can_be_declined() -> None:
    """Forgeries are asked about all the same, and to decline them is a breach of the protocol."""
    report = ask_everything("declines-forgeries")
    assert set(verdicts(report)) == {CaseStatus.PASSED}
    assert [remark.partition(",")[0] for remark in report.remarks] == ["the flag forgery cannot be declined"]
    assert (report.verdict, report.conclusion) == (Verdict.VIOLATED, "does not conform")


@pytest.mark.parametrize(
    ("habit", "says"),
    [
        ("declines-nothing-known", "the name teleport cannot be declined"),
        ("claims-nonsense", "no profile is called singer; did you mean signer?"),
        ("claims-too-much", "claims the profile signer and does not offer sign"),
    ],
)
def test_a_hello_that_promises_or_declines_what_it_cannot_is_a_breach(habit: str, says: str) -> None:
    """Each is told with the name at fault."""
    report = ask(habit)
    assert [says in remark for remark in report.remarks] == [True]
    assert report.verdict is Verdict.VIOLATED


def test_who_claims_a_profile_need_not_list_what_is_outside_it() -> None:
    """What other profiles ask is left out, and the report names the profile and what it covers."""
    report = ask_everything("claims-signer")
    assert set(verdicts(report)) == {CaseStatus.PASSED, CaseStatus.DECLINED}
    assert (report.verdict, report.profiles) == (Verdict.HOLDS, ("signer",))
    assert report.coverage is not None
    assert report.conclusion == f"conforms to the profile signer: {report.coverage}"


def test_who_is_asked_for_a_profile_may_decline_none_of_it() -> None:
    """The same subject that may choose what it is does not conform to a profile that it does not have."""
    assert ask_everything("claims-signer", profile("signer")).profiles == ("signer",)
    refused = ask_everything("declines-all-it-may", profile("signer"))
    assert refused.verdict is Verdict.VIOLATED
    assert "the profile signer asks for sign: not here" in {result.detail for result in refused.results}


def test_who_is_not_asked_everything_does_not_plainly_conform() -> None:
    """Some operations are not all, whoever chose them."""
    assert ask("none").conclusion.startswith(f"conforms to the profile partial: {ALL} of ")


@pytest.mark.parametrize("habit", ["declines-operation", "declines-everything"])
def test_who_declines_everything_is_undecided(habit: str) -> None:
    """Nothing asked, nothing shown."""
    assert ask(habit).verdict is Verdict.UNDECIDED


def test_an_operation_unknown_to_the_kit_is_noted() -> None:
    """A subject may know more than this kit asks."""
    report = ask("offers-more")
    assert report.verdict is Verdict.HOLDS
    assert report.notes == ("offers what this kit does not ask for: teleport",)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["/no/such/command"], "cannot be started"),
        ([sys.executable, "-c", "print('hello')"], "there came"),
        ([sys.executable, "-m", "tests.support.conformance.bad_subject", "future"], "protocol 1"),
        ([sys.executable, "-m", "tests.support.conformance.bad_subject", "mute"], "no such file: config.yaml"),
    ],
)
def test_a_command_that_cannot_be_talked_to_is_unusable(command: list[str], says: str) -> None:
    """One message names the command and what came back."""
    with pytest.raises(UnusableInput, match=re.escape(says)) as caught:
        conform(command, REGIME)
    assert command[0] in str(caught.value)


def test_a_subject_that_begins_otherwise_the_second_time_keeps_its_answers(tmp_path: Path) -> None:
    """It died on a case, and prints rubbish since: what it answered counts, and the report says what came."""
    subject = f"{sys.executable} -m tests.support.conformance.bad_subject dies"
    script = f"if [ -e {tmp_path}/was ]; then echo rubbish; else touch {tmp_path}/was; exec {subject}; fi"
    report = conform(["sh", "-c", script], REGIME, max_restarts=2)
    assert verdicts(report)[CaseStatus.PASSED] >= VICTIM
    assert set(verdicts(report)) == {CaseStatus.PASSED, CaseStatus.CRASHED}
    assert "began otherwise" in report.results[-1].detail
    assert "rubbish" in report.results[-1].detail
