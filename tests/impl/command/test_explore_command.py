"""`flk explore` as people type it."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.support.impl.command import flk

pytestmark = pytest.mark.slow

AUTHOR = '''\
"""A protocol of somebody's own."""

from flk.formal.language import Protocol, Term, integer, require

protocol = Protocol("mine", "It counts. It should stop at 2.")
n = protocol.scalar("n", integer(0, 5), initially=0)


@protocol.action()
def up() -> None:
    """Count."""
    require(n < 3)
    n.next = n + 1


@protocol.may_stop()
def done() -> Term:
    """It counts to 3."""
    return n == 3


@protocol.always()
def at_most_2() -> Term:
    """It stops at 2."""
    return n <= 2
'''


@pytest.fixture
def author(tmp_path: Path) -> Path:
    """A file that a user wrote."""
    (tmp_path / "mine.py").write_text(AUTHOR, "utf-8")
    return tmp_path / "mine.py"


def test_without_a_name_it_lists_what_there_is() -> None:
    """Protocols and designs, each with a line; as JSON too."""
    done = flk("explore")
    assert done.returncode == 0
    assert "two-phase-commit" in done.stdout
    assert "gallery/local-arrival" in done.stdout
    told = msgspec.json.decode(flk("explore", "--json").stdout)
    assert told["two-phase-commit"]["sizes"] == {"RM": 3}


@pytest.mark.parametrize("engine", ["auto", "interpreter", "numpy"])
def test_a_protocol_that_holds(engine: str) -> None:
    """Exit code 0, the published count, and every property with a verdict, whatever the engine."""
    done = flk("explore", "two-phase-commit", "--engine", engine, "--json")
    assert done.returncode == 0, done.stderr
    told = msgspec.json.decode(done.stdout)
    assert (told["states"], told["transitions"], told["depth"]) == (288, 1145, 10)
    assert {each["verdict"] for each in told["findings"]} == {"holds"}


def test_sizes_coverage_and_diagram_on_the_screen() -> None:
    """What was asked for is shown."""
    done = flk("explore", "two-phase-commit", "--size", "rm=2", "--coverage", "--diagram", "-v")
    assert done.returncode == 0, done.stderr
    for part in ("RM 2", "coverage", "RMChooseToAbort", "all_commit is reached", "rm1", "●"):
        assert part in done.stdout


def test_a_design_of_the_gallery_is_refuted_and_ruled_out(tmp_path: Path) -> None:
    """Exit code 1, its story, its counterexample, and the requirement that forbids it; the page holds the same."""
    page = tmp_path / "page.html"
    done = flk("explore", "gallery/local-arrival", "--html", str(page))
    assert done.returncode == 1, done.stderr
    for part in ("keep their own for ever", "mark_replayed(", "Ruled out by", "(MUST):"):
        assert part in " ".join(done.stdout.split())
    text = page.read_text("utf-8")
    assert "<svg" in text
    assert "Ruled out by" in text


def test_a_file_of_the_users_own(author: Path) -> None:
    """Its violation is found, with the shortest path, and exit code 1."""
    done = flk("explore", str(author), "--json")
    assert done.returncode == 1, done.stderr
    told = msgspec.json.decode(done.stdout)
    (finding,) = told["findings"]
    assert told["violations"] == ["at_most_2"]
    assert [step["changes"] for step in finding["path"]["steps"]] == [{"n": "1"}, {"n": "2"}, {"n": "3"}]


def test_a_search_that_is_cut_short_is_undecided(author: Path) -> None:
    """Exit code 2, and why."""
    done = flk("explore", str(author), "--max-states", "2")
    assert done.returncode == 2
    assert "the search was cut short" in " ".join(done.stdout.split())


def test_a_mistake_in_a_users_file_is_answered_with_its_line(author: Path) -> None:
    """The file, the line and the fix, never a traceback."""
    author.write_text(AUTHOR.replace("require(n < 3)", "if n < 3:"), "utf-8")
    done = flk("explore", str(author))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{author}:" in done.stderr
    author.write_text(AUTHOR.replace("require(n < 3)", "require(0 < n < 3)"), "utf-8")
    done = flk("explore", str(author))
    assert done.returncode == 2
    assert done.stderr.startswith(f"flk: {author}:12: ")
    assert "write (a < b) & (b < c)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (("nonsense-protocol",), "file of your own ends in .py"),
        (("two-phase-commit", "--size", "rm"), "such as region=3"),
        (("two-phase-commit", "--size", "rm=many"), "such as region=3"),
        (("two-phase-commit", "--size", "rm=0"), "give 1 or more"),
        (("two-phase-commit", "--size", "region=3"), "choose from RM"),
        (("two-phase-commit", "--property", "nonsense"), "choose from consistent"),
        (("two-phase-commit", "--engine", "warp"), "choose from auto"),
        (("two-phase-commit", "--lanes", "Region"), "choose lanes from RM"),
        (("two-phase-commit", "--html", "/nowhere/page.html"), "a directory that exists"),
    ],
)
def test_what_cannot_be_used_is_one_message_with_the_fix(arguments: tuple[str, ...], fix: str) -> None:
    """Exit code 2, on standard error, and nothing is explored."""
    done = flk("explore", *arguments)
    assert done.returncode == 2
    assert fix in done.stderr
    assert done.stderr.startswith("flk: ")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("flk explore two", "two-phase-commit"),
        ("flk explore two-phase-commit --property cons", "consistent"),
        ("flk explore two-phase-commit --size r", "rm=3"),
        ("flk explore two-phase-commit --engine n", "numpy\nnumba"),
        ("flk explore nonsense --property c", ""),
    ],
)
def test_names_complete(words: str, offered: str) -> None:
    """Protocols, and what the one that is named has."""
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_FLK_COMPLETE": "complete_bash"}
    command = Path(sys.executable).with_name("flk")
    done = subprocess.run([command], env=os.environ | asked, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (offered, "")
