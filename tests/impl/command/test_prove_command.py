"""`flk prove` as people type it: bounded search, inference, and what cannot be asked."""

import msgspec
import pytest
from tests.support.impl.command import flk

pytestmark = pytest.mark.slow


def test_a_protocol_is_proved_with_a_verdict_for_each_property() -> None:
    """Exit code 0; the JSON names each property and what is known of it."""
    done = flk("prove", "two-phase-commit", "--json")
    assert done.returncode == 0, done.stderr
    (proof,) = msgspec.json.decode(done.stdout)
    verdicts = {one["property"]: (one["verdict"], one["finite_only"]) for one in proof["properties"]}
    assert verdicts["consistent"] == ("proved", False)
    assert verdicts["commitment_spreads"] == ("undecided", True)


def test_bounded_search_finds_the_fault_of_a_design() -> None:
    """Exit code 1 and the run, at the sizes asked for; exit code 0 where no run is so short."""
    done = flk("prove", "gallery/in-memory-outbox", "--bmc", "3", "--size", "record=1")
    assert done.returncode == 1
    assert "pending_is_queued" in done.stdout
    assert "Record 1" in done.stdout
    assert flk("prove", "gallery/in-memory-outbox", "--bmc", "0", "--json").returncode == 0


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
