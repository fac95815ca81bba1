"""`flk prove` as people type it: bounded search, inference, and what cannot be asked."""

from pathlib import Path

import msgspec
import pytest
from tests.support.impl.command import flk

pytestmark = pytest.mark.slow

LAZY = '''
from flk.formal import BOOL, Protocol, Term, require

protocol = Protocol("lazy", "Work may begin, and nobody has to begin it.")
begun = protocol.scalar("begun", BOOL, initially=False)


@protocol.action()
def begin() -> None:
    """Work begins."""
    require(~begun)
    begun.next = True


@protocol.may_stop()
def over() -> Term:
    """Work began."""
    return begun


@protocol.leads_to(fair=())
def it_begins() -> tuple[Term, Term]:
    """Work begins at last: false, as the action is not fair."""
    return ~begun, begun
'''


def test_a_protocol_is_proved_with_a_verdict_for_each_property() -> None:
    """Exit code 0; the JSON names each property and what is known of it."""
    done = flk("prove", "two-phase-commit", "--json")
    assert done.returncode == 0, done.stderr
    (proof,) = msgspec.json.decode(done.stdout)
    verdicts = {one["property"]: (one["verdict"], one["finite_only"]) for one in proof["properties"]}
    assert verdicts["consistent"] == ("proved", False)
    assert verdicts["commitment_spreads"] == ("bounded", True)
    assert proof["verdict"] == "bounded"


def test_bounded_search_finds_the_fault_of_a_design() -> None:
    """Exit code 1 and the run, at the sizes asked for; exit code 2 where no run is so short, not even one to a witness."""
    done = flk("prove", "gallery/in-memory-outbox", "--bmc", "3", "--size", "record=1")
    assert done.returncode == 1
    assert "pending_is_queued" in done.stdout
    assert "Record 1" in done.stdout
    short = flk("prove", "gallery/in-memory-outbox", "--bmc", "0", "--size", "record=1")
    assert short.returncode == 2
    assert "undecided: delivered_at_once" in short.stdout


def test_bounded_search_explores_progress(tmp_path: Path) -> None:
    """No run of bounded length judges it: exit code 0 where all states show it, 1 and the lasso where one does not."""
    done = flk("prove", "two-phase-commit", "--bmc", "10")
    assert done.returncode == 0, done.stderr
    assert "commitment_spreads: holds in all 288 states at RM 3" in done.stdout
    lazy = tmp_path / "lazy.py"
    lazy.write_text(LAZY)
    done = flk("prove", str(lazy), "--bmc", "4", "--json")
    assert done.returncode == 1
    (target,) = [one for one in msgspec.json.decode(done.stdout)["targets"] if one["name"] == "it_begins"]
    assert target["outcome"] == "found"


def test_lemmas_are_found_and_printed_to_be_pasted() -> None:
    """Exit code 0 if they prove all."""
    done = flk("prove", "two-phase-commit", "--infer")
    assert done.returncode == 0, done.stderr
    assert "@protocol.lemma()" in done.stdout
    assert "proved for all sizes: consistent" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (("--bmc", "3"), "name it"),
        (("outbox", "audit", "--infer"), "work on one protocol"),
        (("outbox", "--bmc", "3", "--infer"), "choose one"),
        (("outbox", "--size", "record=1"), "a proof is for all sizes"),
        (("outbox", "--bmc", "1", "--size", "record"), "such as region=3"),
        (("outbox", "--bmc", "1", "--size", "planet=3"), "choose from Record"),
        (("nothing.py",), "there is no such file"),
        (("gallery/nothing",), "no protocol is called"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_the_fix(arguments: tuple[str, ...], fix: str) -> None:
    """One message, exit code 2."""
    done = flk("prove", *arguments)
    assert done.returncode == 2
    assert fix in done.stderr
    assert "Traceback" not in done.stderr
