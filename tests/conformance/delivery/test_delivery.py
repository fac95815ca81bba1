"""What a sender does with a scripted server's answers: honest senders pass, each planted defect is found and attributed."""

import asyncio
import json
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.conformance import senders
from tests.support.conformance.senders import EXPECTED

from flk.conformance.delivery.check import check_delivery
from flk.conformance.delivery.damage import HEAD, flips, written
from flk.conformance.delivery.scenarios import SCENARIOS
from flk.conformance.delivery.script import Script
from flk.conformance.delivery.subjects import check_deliveries
from flk.conformance.reports.report import CaseStatus
from flk.model.flow.answers import SUBMIT_PATH
from flk.spec.errors import UnusableInput
from flk.spec.requirements import catalogue
from flk.spec.verdict import Verdict

pytestmark = pytest.mark.slow


def sender(name: str) -> list[str]:
    """The command of one of the small senders."""
    return [sys.executable, "-S", "-E", senders.__file__, name]


def test_an_honest_sender_passes_every_scenario() -> None:
    """Nothing is left out, and nobody is accused."""
    report = check_delivery(sender("Honest"))
    assert [(result.name, result.detail) for result in report.results if result.status is not CaseStatus.PASSED] == []
    assert (report.verdict, report.conclusion) == (Verdict.HOLDS, "conforms")


@pytest.mark.parametrize("name", EXPECTED)
def test_each_defect_is_found_and_attributed(name: str) -> None:
    """By the scenario named for it, to the requirement that it breaks."""
    scenario, requirement = EXPECTED[name]
    report = check_delivery(sender(name), [scenario])
    (result,) = report.results
    assert result.status is CaseStatus.FAILED
    assert requirement in result.requirements, result.details
    assert report.verdict is Verdict.VIOLATED


def test_the_senders_of_a_subject_file_are_played_to_one_after_the_other(tmp_path: Path) -> None:
    """Each as its table says, in its folder; who has no sender is passed over, and one that cannot be started hides no other."""
    (tmp_path / "known.txt").write_text("deliver/acknowledged #1 2999-12-31 not yet\n", "utf-8")
    command = json.dumps([*sender("Honest")])
    (tmp_path / "flk-subject.toml").write_text(
        f"""
[[subject]]
name = "a"
command = {command}
[subject.delivery]
scenarios = ["acknowledged"]

[[subject]]
name = "none"
command = "true"

[[subject]]
name = "gone"
command = "true"
delivery = {{command = "/no/such/command"}}

[[subject]]
name = "stale"
command = "true"
delivery = {{command = {command}, known_failures = "known.txt", scenarios = ["acknowledged"]}}
"""
    )
    a, gone, stale = check_deliveries(tmp_path / "flk-subject.toml")
    assert (a.subject, a.verdict, len(a.results)) == ("a", Verdict.HOLDS, 1)
    assert (gone.subject, gone.verdict, gone.results) == ("gone", Verdict.UNDECIDED, ())
    assert (stale.verdict, "passed" in stale.stale[0]) == (Verdict.VIOLATED, True)
    (one,) = check_deliveries(tmp_path / "flk-subject.toml", ["a"], scenarios=["busy"])
    assert [result.name for result in one.results] == ["deliver/busy"]
    with pytest.raises(UnusableInput, match="no subject has a sender"):
        check_deliveries(tmp_path / "flk-subject.toml", ["none"])


def test_a_known_failure_is_told_as_it_comes_and_does_not_count(tmp_path: Path) -> None:
    """One that passes makes the list untrue."""
    lines = tmp_path / "known.txt"
    name, (scenario, _) = next(item for item in EXPECTED.items() if item[1][0] != "acknowledged")
    asked = ["acknowledged", scenario]
    lines.write_text(f"deliver/{scenario} #1 2999-12-31 not yet\n", "utf-8")
    told: list[tuple[int, CaseStatus]] = []
    report = check_delivery(
        sender(name), asked, known_failures=lines, each=lambda place, result: told.append((place, result.status))
    )
    assert told == [(0, CaseStatus.PASSED), (1, CaseStatus.KNOWN)]
    assert (report.verdict, report.stale) == (Verdict.HOLDS, ())
    report = check_delivery(sender("Honest"), asked, known_failures=lines)
    assert report.verdict is Verdict.VIOLATED
    assert f"deliver/{scenario} passed" in report.stale[0]


def test_a_sender_on_a_real_clock_is_judged_by_one() -> None:
    """What asks to wait for long is left out, and told; the rest is judged by what can be seen."""
    report = check_delivery(sender("SleepsForReal"), ["acknowledged", "asks-for-years"])
    assert [result.status for result in report.results] == [CaseStatus.PASSED, CaseStatus.DECLINED]
    assert "--thorough" in report.results[1].detail
    assert report.notes == ("pauses were taken on a real clock",)
    assert report.conclusion.startswith("conforms as far as it was asked: 1 of")


SUBJECT = """
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if "hello" in message:
        print(json.dumps({"hello": {"protocol": 1, "name": "x", "language": "y", "operations": [OPERATION]}}), flush=True)
    elif "bye" in message:
        print('{"bye": {}}', flush=True)
    else:
        ANSWER
"""


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        ("os._exit(7)", CaseStatus.CRASHED, "exited with status 7"),
        ("import time; time.sleep(60)", CaseStatus.SILENT, "gave no answer for 1 s"),
        ("print('{\"seq\": %d, \"value\": 7}' % message['run'], flush=True)", CaseStatus.CRASHED, "a round ends with"),
        ('print(\'{"seq": %d, "crash": "oh"}\' % message[\'run\'], flush=True)', CaseStatus.CRASHED, "oh"),
    ],
)
def test_a_sender_that_does_not_end_its_round_is_called_so(answer: str, status: CaseStatus, says: str) -> None:
    """It dies, hangs, or says what no round comes to."""
    source = SUBJECT.replace("OPERATION", "'deliver'").replace("ANSWER", answer)
    report = check_delivery([sys.executable, "-S", "-c", source], ["acknowledged"], deadline=1)
    (result,) = report.results
    assert (result.status, report.verdict) == (status, Verdict.VIOLATED)
    assert says in result.detail


def test_what_cannot_be_asked_is_unusable() -> None:
    """A subject that does not deliver, a command that is none, and a scenario that nobody wrote."""
    other = SUBJECT.replace("OPERATION", "'sign'").replace("ANSWER", "pass")
    with pytest.raises(UnusableInput, match="does not offer the operation deliver"):
        check_delivery([sys.executable, "-S", "-c", other])
    with pytest.raises(UnusableInput, match="cannot be started"):
        check_delivery("/no/such/command")
    with pytest.raises(UnusableInput, match="no scenario is called portals"):
        check_delivery(sender("Honest"), ["portals"])


def test_bits_flip_from_end_to_end_and_where_the_last_record_was_written(tmp_path: Path) -> None:
    """In files that may hold one, one bit at a time; zeros at the end were not written."""
    path = tmp_path / "journal"
    path.write_bytes(b"a" * 500 + bytes(100))
    (tmp_path / "pid").write_bytes(b"1234")
    before = written(tmp_path)
    path.write_bytes(b"a" * 1000 + bytes(100))
    flipped = list(flips(before, written(tmp_path)))
    assert {0, 999, *range(500, 500 + HEAD)} <= {flip.offset for flip in flipped}
    for number, flip in enumerate(flipped):
        copy = tmp_path.with_name(f"{tmp_path.name}-{number}")
        flip.copied(tmp_path, copy)
        pairs = zip(path.read_bytes(), (copy / "journal").read_bytes(), strict=True)
        assert [(a ^ b).bit_count() for a, b in pairs if a != b] == [1]
        assert (copy / "pid").read_bytes() == b"1234"


def test_scenarios_name_requirements_that_exist() -> None:
    """Each bears on requirements of the outbox and says what it claims, and each requirement has one."""
    known = {requirement.id for requirement in catalogue() if requirement.id.startswith("OUT-")}
    assert {name for scenario in SCENARIOS for name in scenario.requirements} == known
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert all(scenario.claim.endswith(".") for scenario in SCENARIOS)


def test_pages_of_another_origin_may_post_to_the_script_and_read_its_answers() -> None:
    """As at a node whose operator allows it (HTTP-11): the preflight, which is no attempt, answers, and the clock's."""

    async def asked() -> tuple[list[tuple[int, str | None, str | None]], int]:
        async with Script(SCENARIOS[0], []) as script:
            requests = [("OPTIONS", SUBMIT_PATH), ("POST", SUBMIT_PATH), ("GET", "/clock?seconds=1"), ("GET", "/")]
            return [await asyncio.to_thread(fields_of, script.url, *each) for each in requests], len(script.events)

    answers, events = asyncio.run(asked())
    assert [status for status, _, _ in answers] == [200, 400, 200, 404]
    assert {tuple(named) for _, *named in answers} == {("*", "Retry-After")}
    assert events == 1, "of the clock"


def fields_of(url: str, method: str, path: str) -> tuple[int, str | None, str | None]:
    """Status of an answer, and what it lets pages read."""
    with closing(HTTPConnection(urlsplit(url).netloc)) as connection:
        connection.request(method, path, b"no record" if method == "POST" else None)
        answer = connection.getresponse()
        answer.read()
        said = answer.headers
        return answer.status, said["Access-Control-Allow-Origin"], said["Access-Control-Expose-Headers"]


AGENT = [sys.executable, "-m", "flk.impl.command.conformance.sender"]
ENOUGH = {"refused-401", "refused-413", "refused-409", "killed-twice", "acknowledged-and-restarted"}
"""Scenarios that start the agent anew as others do; `flk conform delivery -- flk conform sender` plays them, too."""


TELLING = ("busy", "says-when-as-a-date", "cut-replies", "answers-exchanged", "crowd", "killed-in-mid-post")
"""Scenarios that a client can fail in ways of its own: pauses side by side, requests that are shared, a process that dies."""


@pytest.mark.parametrize("form", ["client", "async-client", "async-client-alone"])
def test_the_client_delivers_as_it_must(form: str) -> None:
    """For threads and on an event loop, in batches and alone."""
    report = check_delivery([*AGENT, form], TELLING if form == "async-client" else TELLING[:2])
    assert [(result.name, result.detail) for result in report.results if result.status is not CaseStatus.PASSED] == []


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["client", "async-client", "async-client-alone"])
def test_the_client_passes_every_scenario(form: str) -> None:
    """All of them, as the agent does."""
    report = check_delivery([*AGENT, form])
    assert [(result.name, result.detail) for result in report.results if result.status is not CaseStatus.PASSED] == []


def test_the_agent_delivers_as_it_must() -> None:
    """Python's agent, on its real outbox."""
    report = check_delivery(AGENT, [scenario.name for scenario in SCENARIOS if scenario.name not in ENOUGH])
    assert [(result.name, result.detail) for result in report.results if result.status is not CaseStatus.PASSED] == []
