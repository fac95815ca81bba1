"""An exit code says what it is documented to say: a defect of the lab never looks like a violation."""

import subprocess
import sys

import pytest

SUBCOMMANDS = (
    ("run", "flk.sim.api.inputs.scenario_of", ("run", "calm")),
    ("sweep", "flk.sim.sweep", ("sweep", "calm", "--seeds", "2")),
    ("explore", "flk.formal.api.subject.chosen", ("explore", "ingest")),
    ("spec", "flk.spec.requirements.catalogue", ("spec", "trace")),
    ("scenario", "flk.sim.scenarios.files.find", ("scenario", "show", "calm")),
)


def broken(place: str, error: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command with a function of the lab that raises `error`, in a process of its own."""
    module, _, name = place.rpartition(".")
    script = (
        f"import sys, {module}\n"
        f"def broken(*_, **__): raise {error}\n"
        f"sys.modules[{module!r}].{name} = broken\n"
        f"sys.argv = ['flk', *{arguments!r}]\n"
        "from flk.impl.command import main\nmain()"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "arguments"), [row[1:] for row in SUBCOMMANDS], ids=[row[0] for row in SUBCOMMANDS])
def test_an_internal_error_is_no_violation(place: str, arguments: tuple[str, ...]) -> None:
    """In every room: exit code 70, one message that asks for a report, no traceback."""
    done = broken(place, "KeyError('oops')", *arguments)
    assert done.returncode == 70, done.stderr
    assert done.stderr.startswith("flk: internal error: KeyError: 'oops'\n")
    assert "fix: run `flk --debug" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_traceback_is_there_for_those_who_ask() -> None:
    """`flk --debug` shows it before the message."""
    done = broken("flk.sim.scenarios.files.find", "RecursionError", "--debug", "scenario", "show", "calm")
    assert done.returncode == 70
    assert done.stderr.startswith("Traceback")
    assert "flk: internal error: RecursionError" in done.stderr


@pytest.mark.slow
def test_a_reader_who_leaves_is_no_violation() -> None:
    """`flk … | head` ends with 141, as a command that is ended by SIGPIPE does."""
    script = f"{sys.executable} -m flk.impl.command scenario list --json"
    done = subprocess.run(
        ["bash", "-c", f"({script}; echo $? >&2) | true"], capture_output=True, text=True, check=False
    )
    assert done.stderr.split()[-1] in {"0", "120", "141"}, done.stderr
