"""Known failures: they are told, they never make a subject plainly conform, and the list of them cannot rot."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.conformance.reports.coverage import Coverage
from flk.conformance.reports.known import KnownFailures, parse, read
from flk.conformance.reports.patterns import matches
from flk.conformance.reports.report import CaseResult, CaseStatus, Report
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

DAY = date(2027, 1, 1)
NAMES = ("regime/a", "regime/b", "regime/c/d", "judge/a", "sign/never-asked")
ISSUE = "https://example.org/17"


def known(*lines: str) -> KnownFailures:
    """The file with these lines, on the day of the tests."""
    return parse("\n".join(lines), "known.txt", DAY)


def report(**statuses: CaseStatus) -> Report:
    """One result for each name but the last, passed unless said otherwise (`regime_a` is `regime/a`)."""
    given = {name.replace("_", "/"): status for name, status in statuses.items()}
    results = [CaseResult(name, "", ("DUP-1",), given.get(name, CaseStatus.PASSED), "why") for name in NAMES[:-1]]
    return Report("subject", tuple(results), coverage=Coverage(4, 4, 1, 1))


def judged(lines: KnownFailures, **statuses: CaseStatus) -> Report:
    """The report with those statuses, as the list of known failures leaves it."""
    return lines.applied(report(**statuses), NAMES)


def test_a_failure_that_is_known_is_told_and_does_not_count() -> None:
    """Exit code 0, the status says so, and the conclusion is never plain."""
    found = judged(known(f"regime/a {ISSUE} 2027-01-01 not mended yet"), regime_a=CaseStatus.FAILED)
    assert (found.verdict, found.stale) == (Verdict.HOLDS, ())
    assert found.conclusion.startswith("conforms to the profile partial but for 1 known failure: ")
    assert found.results[0].status is CaseStatus.KNOWN
    assert found.results[0].detail == f"known: not mended yet ({ISSUE}, until 2027-01-01): why"


@pytest.mark.parametrize(
    "status", [CaseStatus.FAILED, CaseStatus.CRASHED, CaseStatus.SILENT, CaseStatus.SKIPPED, CaseStatus.NOT_EXERCISED]
)
def test_whatever_speaks_against_the_subject_can_be_known(status: CaseStatus) -> None:
    """A crash, a silence or a skip as well as a wrong answer."""
    assert judged(known(f"regime/a {ISSUE} 2027-01-01 why"), regime_a=status).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("regime/b #17 2027-05-01 mended", "known.txt:1: regime/b: regime/b passed; fix: delete the line"),
        ("regime/* #17 2027-05-01 mended in part", "known.txt:1: regime/*: regime/b passed"),
        ("** #17 2027-05-01 everything", "regime/b and 2 more that it names passed"),
        ("regime/a #17 2026-12-31 for too long", "known.txt:1: regime/a expired on 2026-12-31"),
        ("regime/aa #17 2027-05-01 misspelt", "names nothing that there is; did you mean regime/a"),
    ],
)
def test_a_line_that_is_not_true_fails_the_run(line: str, says: str) -> None:
    """An unexpected pass, also of one among many, an expired line and one that names nothing: each is told with the fix."""
    found = judged(known(f"regime/a {ISSUE} 2027-05-01 why", line), regime_a=CaseStatus.FAILED)
    (stale,) = found.stale
    assert says.replace("known.txt:1", "known.txt:2") in stale
    assert (found.verdict, found.conclusion) == (Verdict.VIOLATED, "the list of known failures is not true")


def test_an_expired_line_excuses_nothing() -> None:
    """From the day after its last day on the failure counts again."""
    found = judged(known("regime/a #17 2026-12-31 for too long"), regime_a=CaseStatus.FAILED)
    assert found.results[0].status is CaseStatus.FAILED
    assert found.conclusion == "does not conform"


def test_a_line_about_what_is_declined_is_of_no_use() -> None:
    """Who declines an operation has no known failures of it."""
    found = judged(known("regime/a #17 2027-05-01 why"), regime_a=CaseStatus.DECLINED)
    assert ["names only what is declined" in line for line in found.stale] == [True]


def test_a_run_that_asks_for_less_leaves_the_other_lines_in_peace() -> None:
    """`--case` does not make the rest of the list untrue."""
    assert judged(known("sign/* #17 2027-05-01 why")).stale == ()


def test_who_fails_as_known_and_passes_nothing_has_shown_nothing() -> None:
    """Exit code 2, not 0."""
    lines = known("** #17 2027-05-01 all of it")
    found = judged(lines, regime_a=CaseStatus.FAILED, regime_b=CaseStatus.FAILED, judge_a=CaseStatus.FAILED)
    only = lines.applied(Report("subject", found.results[:2]), NAMES)
    assert (only.verdict, only.conclusion) == (Verdict.UNDECIDED, "undecided: nothing passed")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n# why\nregime/a #17 2027-01-01", "known.txt:3: says 3 of 4 things"),
        ("regime/a #17 soon why", "known.txt:1: soon is no day"),
        ("regime/a #17 2027-02-30 why", "2027-02-30 is no day"),
    ],
)
def test_a_line_that_is_none_is_unusable(text: str, says: str) -> None:
    """File, line and form are named."""
    with pytest.raises(UnusableInput, match=re.escape(says)) as caught:
        parse(text, "known.txt", DAY)
    assert "PATTERN ISSUE YYYY-MM-DD WHY" in str(caught.value)


def test_a_file_that_cannot_be_read_is_unusable(tmp_path: Path) -> None:
    """One that is not there, and one that is no text."""
    (tmp_path / "binary").write_bytes(b"\xff")
    for name in ("missing", "binary"):
        with pytest.raises(UnusableInput, match=name):
            read(tmp_path / name)


PARTS = st.text("ab-+.", min_size=1, max_size=4)
CASES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(CASES, CASES)
def test_a_star_stays_within_a_part_and_two_do_not(name: str, other: str) -> None:
    """A pattern without stars means its own name alone, whatever characters it has."""
    assert matches(name, other) == (name == other)
    assert matches("**", name)
    assert matches("*", name) == ("/" not in name)
    assert matches(f"*/{other}", f"a{name}/{other}") == ("/" not in name)
