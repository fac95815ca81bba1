"""Subject files: one command asks every SDK, and no bad one among them keeps the others from being asked."""

import re
import sys
from pathlib import Path

import pytest

from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk.subjects import check_subjects, read_subjects
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

HERE = """
import os, sys
assert os.path.exists("beside.txt") and os.environ["COLOUR"] == "blue"
from flk.conformance.sdk.subject import main
main()
"""


def file(folder: Path, *subjects: str) -> Path:
    """A subject file with these tables."""
    path = folder / "flk-subject.toml"
    path.write_text("\n".join(f"[[subject]]\n{subject}" for subject in subjects))
    return path


def model(name: str, rest: str = "") -> str:
    """The table of our own model under a name."""
    return f'name = "{name}"\ncommand = ["{sys.executable}", "-m", "flk.conformance.sdk.subject"]\n{rest}'


@pytest.mark.slow
def test_each_subject_is_asked_as_its_table_says(tmp_path: Path) -> None:
    """Directory, environment, profile, cases and known failures; the paths are seen from the file."""
    (tmp_path / "sdk").mkdir()
    (tmp_path / "sdk" / "beside.txt").touch()
    (tmp_path / "sdk" / "subject.py").write_text(HERE)
    (tmp_path / "known.txt").write_text("regime/1.5-0.7 #17 2999-01-01 not yet\n")
    placed = f'name = "placed"\ncommand = "{sys.executable} subject.py"\ndirectory = "sdk"\n'
    reports = check_subjects(
        file(
            tmp_path,
            placed + 'environment = {COLOUR = "blue"}\ncases = ["regime/*"]',
            model("trees", 'profile = "trees"\nrequirements = ["MRK-4"]'),
            model("stale", 'known_failures = "known.txt"\ncases = ["regime/1.5-0.7"]'),
            'name = "gone"\ncommand = "/no/such/command"',
        )
    )
    placed_report, trees, stale, gone = reports
    assert [report.subject for report in reports] == ["placed", "trees", "stale", "gone"]
    assert (placed_report.verdict, {result.group for result in placed_report.results}) == (Verdict.HOLDS, {"regime"})
    assert {name for result in trees.results for name in result.requirements} >= {"MRK-4"}
    assert {result.status for result in trees.results} == {CaseStatus.PASSED}
    assert (stale.verdict, ["passed; fix" in line for line in stale.stale]) == (Verdict.VIOLATED, [True])
    assert (gone.verdict, gone.results) == (Verdict.UNDECIDED, ())
    assert "cannot be started" in gone.notes[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "subject"),
        ("[[subject]]\nname = 'a'", "missing required field `command`"),
        ("[[subject]]\nname = 'a'\ncommand = 'x'\ncolour = 'blue'", "unknown field `colour`"),
        ("[[subject]]\nname = 'a'\ncommand = []", "length >= 1"),
        ("[[subject]]\nname = '../a'\ncommand = 'x'", "matching regex"),
        ("[[subject]]\nname = 'a'\ncommand = 'x'\n[[subject]]\nname = 'a'\ncommand = 'y'", "a is there twice"),
        ("[[subject", "fix"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(text: str, says: str, tmp_path: Path) -> None:
    """The file and the field at fault."""
    path = tmp_path / "flk-subject.toml"
    path.write_text(text)
    with pytest.raises(UnusableInput, match=re.escape(says)) as caught:
        read_subjects(path)
    assert str(path) in str(caught.value)


def test_names_of_nothing_are_answered_with_the_nearest(tmp_path: Path) -> None:
    """Of subjects and of cases; a case that nobody has is no subject's fault. A folder that is none is named."""
    path = file(tmp_path, model("typescript", 'directory = "nowhere"'))
    with pytest.raises(UnusableInput, match="did you mean typescript"):
        check_subjects(path, ["typoscript"])
    with pytest.raises(UnusableInput, match="did you mean regime/"):
        check_subjects(path, cases=["regime/1.5-0.8"])
    assert "directory nowhere is no folder" in check_subjects(path)[0].notes[0]
    with pytest.raises(UnusableInput, match="cannot be read"):
        check_subjects(tmp_path / "missing.toml")
