"""Where a command finds a protocol."""

from pathlib import Path

import pytest

from flk.formal.library.catalogue import find, load, protocols
from flk.spec.errors import UnusableInput


def test_protocols_and_designs_are_found_by_name() -> None:
    """The names of the lab, `gallery/NAME`, and the bare name of a design."""
    assert {"two-phase-commit", "replication", "gallery/local-arrival"} <= set(protocols())
    assert all(find(name) is protocol for name, protocol in protocols().items())
    assert find("local-arrival") is find("gallery/local-arrival")


def test_a_name_that_is_not_there_is_answered_with_the_nearest() -> None:
    """And one that resembles none with all there are."""
    with pytest.raises(UnusableInput, match=r"no protocol is called replicaton .*: did you mean replication\?"):
        find("replicaton")
    with pytest.raises(UnusableInput, match="choose from ingest, "):
        find("???")


def test_a_file_of_ones_own_is_a_protocol(tmp_path: Path) -> None:
    """The value called `protocol` counts."""
    file = tmp_path / "mine.py"
    file.write_text('from flk.formal.language import Protocol\nprotocol = Protocol("mine", "A story.")\n')
    assert find(str(file)).name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nprotocol = )", r"mine\.py:2: unmatched '\)'; fix"),
        ("x = 1\nprotocol = x.y\n", r"mine\.py:2: AttributeError: 'int' object has no attribute 'y'; fix"),
        ("x = 1\n", r"mine\.py: defines no `protocol`; write protocol = Protocol\("),
        (
            'from flk.formal.language import Protocol\np = Protocol("p", "")\np.scalar("n", 3, initially=0)\n',
            r"mine\.py:3: n: 3 is not a sort; write BOOL",
        ),
        ("x = 1\nraise SystemExit(0)\n", r"mine\.py:2: it ends the process; leave in the file only what it defines"),
        ("import sys\n\ndef end():\n    sys.exit()\n\nend()\n", r"mine\.py:4: it ends the process"),
        ("\0", r"mine\.py: source code string cannot contain null bytes; fix"),
        ("import no_such_module\n", r"mine\.py:1: ModuleNotFoundError: No module named 'no_such_module'; fix"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """Python's own complaints, exceptions of the author's code, and what the language refuses."""
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UnusableInput, match=message):
        load(file)


def test_a_relative_path_leads_to_the_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an absolute one does."""
    (tmp_path / "mine.py").write_text("one = 1\n\none / 0\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnusableInput, match=r"mine\.py:3: ZeroDivisionError"):
        find("mine.py")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Is said to be missing."""
    with pytest.raises(UnusableInput, match="there is no such file"):
        find(str(tmp_path / "none.py"))
