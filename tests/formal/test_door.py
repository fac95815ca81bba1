"""`flk.formal` is the one door of its users: documented by examples that run, quick to open, and its results show themselves."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.support.doors import failing_examples, undocumented

import flk.formal as door
from flk.formal import (
    Protocol,
    Term,
    Verdict,
    claims,
    explore,
    export,
    find,
    gallery,
    integer,
    protocols,
    prove,
    require,
    validate,
)
from flk.spec.errors import MissingExtra, UnusableInput

BROKEN = "gallery/in-memory-outbox"
EVENTS: list[Mapping[str, object]] = [{"action": "RMPrepare", "arguments": {"r": "<a>"}}, {"action": "TMCommit"}]


def counter(bound: int) -> Protocol:
    """It counts to 3, and is said to stop at a bound."""
    protocol = Protocol("counter", "It counts. It should <stop>.")
    n = protocol.scalar("n", integer(0, 5), initially=0)

    @protocol.action()
    def up() -> None:
        require(n < 3)
        n.next = n + 1

    @protocol.may_stop()
    def at_the_end() -> Term:
        return n == 3

    @protocol.always("X-1")
    def stops() -> Term:
        """It stops there."""
        return n <= bound

    return protocol


RESULTS: dict[str, Callable[[], Any]] = {
    "exploration that holds": lambda: explore("two-phase-commit", coverage=True),
    "exploration of a design": lambda: explore(BROKEN),
    "exploration of one's own": lambda: explore(counter(2)),
    "exploration cut short": lambda: explore("two-phase-commit", max_states=10),
    "proofs that hold": lambda: prove("two-phase-commit", "rounding-stability"),
    "proofs that are refuted": lambda: prove(counter(2)),
    "accepted trace": lambda: validate("two-phase-commit", EVENTS[:1]),
    "rejected trace": lambda: validate("two-phase-commit", EVENTS),
    "claims": lambda: claims("exactly-once-effect", "replication-lag"),
    "protocols": protocols,
    "gallery": gallery,
}
MADE = {name: cache(make) for name, make in RESULTS.items()}  # each once


def test_every_public_name_is_documented_with_an_example() -> None:
    """Meaning, errors and an example: what a user sees by `help`."""
    assert undocumented(door) == []


@pytest.mark.slow
def test_every_example_runs_on_the_public_names_alone() -> None:
    """The documentation does what it says."""
    assert failing_examples(door) == []


def test_opening_the_door_imports_nothing_heavy() -> None:
    """Neither solver, compiler nor arrays are needed to write a protocol."""
    heavy = "{'z3', 'numba', 'numpy', 'scipy', 'networkx', 'jinja2', 'matplotlib'}"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, flk.formal; print(sorted({heavy} & set(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "call"), [("z3", lambda: prove("two-phase-commit")), ("scipy.sparse", lambda: explore(BROKEN))]
)
def test_a_missing_package_is_answered_with_the_line_to_type(
    module: str, call: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever installed the core alone learns how to install the rest."""
    for name in [name for name in sys.modules if name.startswith(("flk.formal.", module.partition(".")[0]))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
    with pytest.raises(MissingExtra, match=r"pip install 'flk-lab\[formal\]'"):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("library", [None, "pyarrow"])
def test_every_result_becomes_a_frame(name: str, library: str | None) -> None:
    """With a row at least, of whatever library is installed."""
    assert len(MADE[name]().to_frame(library)) > 0


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_shows_itself(name: str) -> None:
    """In a notebook as well-formed HTML with all that people wrote escaped, in a terminal as a line, and in full by `print`."""
    result = MADE[name]()
    html = result._repr_html_()
    ElementTree.fromstring(f"<all>{html.replace('<br>', '<br/>')}</all>")
    assert "<table" in html
    assert "\n" not in repr(result)
    assert len(str(result)) > 40


def test_an_exploration_shows_what_matters() -> None:
    """Verdict, properties, the counterexample step by step, what rules the design out, and the line that shows it again."""
    broken = explore(BROKEN)
    html = broken._repr_html_()
    assert broken.counterexample == ("queue(record1)", "crash()")
    for part in (
        "violated",
        "no_promise_is_lost",
        "queue(record1)",
        "crash()",
        "Ruled out by",
        f"flk explore {BROKEN}",
    ):
        assert part in html
        assert part in str(broken) or part == "Ruled out by"
    assert (
        explore("two-phase-commit", {"rm": 4}, symmetry=True).command
        == "flk explore two-phase-commit --size rm=4 --symmetry"
    )


def test_a_picture_is_drawn_and_saved(tmp_path: Path) -> None:
    """A diagram of a counterexample and the plot of layers are SVG; where there is no path, that is said."""
    broken = explore(BROKEN)
    for picture in (broken.diagram(), broken.plot()):
        assert ElementTree.fromstring(picture.save(tmp_path / "x.svg").read_text("utf-8")).tag.endswith("svg")
        assert picture._repr_svg_().startswith("<svg")
    with pytest.raises(UnusableInput, match="has no path to draw"):
        explore(counter(3)).diagram()
    with pytest.raises(UnusableInput, match="has no property nonsense: choose from"):
        broken.diagram("nonsense")
    assert "<html" in broken.save(tmp_path / "x.html").read_text("utf-8")


@pytest.mark.slow
def test_proofs_show_counterexamples() -> None:
    """A refuted theorem shows the run, one that holds its counts; both the line that shows them again."""
    refuted = prove(counter(2))
    assert refuted.verdict is Verdict.VIOLATED
    assert "up()" in refuted._repr_html_()
    assert "up()" in str(refuted)
    proved = prove("two-phase-commit")
    assert proved.verdict is Verdict.HOLDS
    assert "flk prove two-phase-commit" in str(proved)
    assert [row["status"] for row in prove(counter(3)).to_frame("pyarrow").to_pylist()] == ["proved"]


def test_a_trace_is_given_as_a_file_or_as_events(tmp_path: Path) -> None:
    """Both say the same; a file that is not there is refused with its name."""
    file = tmp_path / "events.jsonl"
    file.write_text('{"action": "RMPrepare", "arguments": {"r": "a"}}\n{"action": "TMCommit"}\n', "utf-8")
    told = validate("two-phase-commit", file)
    assert told.verdict is Verdict.VIOLATED
    assert validate("two-phase-commit", file.read_bytes().splitlines()).verdict is Verdict.VIOLATED
    with pytest.raises(UnusableInput, match=r"none\.jsonl: cannot be read"):
        validate("two-phase-commit", tmp_path / "none.jsonl")


@pytest.mark.parametrize("to", ["tla", "murphi", "promela"])
def test_an_export_is_text_and_files(to: str, tmp_path: Path) -> None:
    """What is printed is what is written; sizes are told whatever their case."""
    exported = export("two-phase-commit", to, {"rm": 2})
    paths = exported.save(tmp_path / "models")
    assert "\n".join(path.read_text("utf-8").rstrip("\n") for path in paths) == str(exported)
    assert "RMPrepare" in str(exported)
    assert "<pre>" in exported._repr_html_()


def test_what_cannot_be_used_is_refused() -> None:
    """Names, languages and folding that do not exist, with the choice."""
    with pytest.raises(UnusableInput, match="did you mean two-phase-commit"):
        find("two-phase")
    with pytest.raises(UnusableInput, match="choose from murphi, promela, tla"):
        export("two-phase-commit", "latex")
    with pytest.raises(UnusableInput, match="Spin does not fold"):
        export("two-phase-commit", "promela", symmetric=True)
    with pytest.raises(UnusableInput, match="no theorem is called"):
        prove("nonsense")


def test_a_design_is_a_protocol_too() -> None:
    """By name, with or without its folder, or as the value."""
    design = gallery()["in-memory-outbox"]
    assert find(design) is find("in-memory-outbox") is find(BROKEN) is design.protocol
    assert explore(design).found.states == explore(BROKEN).found.states


def test_progress_is_shown_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error alone; not at all where nobody watches."""
    explore("two-phase-commit")
    assert capsys.readouterr() == ("", "")
    explore("two-phase-commit", progress=True)
    prove("two-phase-commit", progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
