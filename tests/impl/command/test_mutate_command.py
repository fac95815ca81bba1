"""`flk mutate` counts, shows what lives, keeps the ledger, and its exit code says what came of it."""

import json
from pathlib import Path

import pytest
from tests.support.impl.command import flk

TICKET = "tests/support/formal/ticket.py"


@pytest.mark.slow
def test_from_a_living_mutant_to_a_ledger(tmp_path: Path) -> None:
    """What lives is shown as a diff and drafted; with reasons nothing lives; a stale entry or one without a reason is told."""
    journal, ledger = f"--journal={tmp_path / 'journal.jsonl'}", tmp_path / "ledger.toml"
    common = ("mutate", "--protocol", TICKET, journal)

    first = flk(*common, "--draft", str(ledger), "--ledger", "/dev/null")
    assert first.returncode == 1
    assert "-    require(~sold, ~used)" in first.stdout
    assert "ticket: sold_is_not_lost" in first.stdout
    assert "4 mutants live" in first.stdout

    unexplained = flk(*common, "--ledger", str(ledger))
    assert unexplained.returncode == 2
    assert "has no reason" in unexplained.stderr

    explained = ledger.read_text().replace('reason = ""', 'reason = "The other guard implies it."')
    ledger.write_text(explained)
    accepted = flk(*common, "--ledger", str(ledger), "--json")
    assert accepted.returncode == 0
    facts = json.loads(accepted.stdout)
    assert (facts["verdict"], facts["counts"][0]["equivalent"], facts["counts"][0]["living"]) == ("holds", 4, 0)

    another = explained.split("[[mutant]]")[1].replace('id = "', 'id = "0')
    ledger.write_text(f"{explained}\n[[mutant]]{another}")
    stale = flk(*common, "--ledger", str(ledger))
    assert stale.returncode == 1
    assert "mutants live" not in stale.stdout
    assert "is no mutant any more: remove its entry" in " ".join(stale.stdout.split())


def test_mutants_are_listed_and_mistakes_are_told(tmp_path: Path) -> None:
    """`--list` tries nothing; a name that is not there is refused with those that are."""
    listed = flk("mutate", "--protocol", TICKET, "--list", "--json", "--only", "skip-action", "--only", "drop-update")
    assert listed.returncode == 2
    assert "no operator is called skip-action: did you mean" in listed.stderr
    rows = json.loads(flk("mutate", "--protocol", TICKET, "--list", "--json", "--only", "drop-update").stdout)
    assert [(row["function"], row["before"], row["after"]) for row in rows] == [
        ("sell", "sold.next = True", "pass"),
        ("use", "used.next = True", "pass"),
    ]
    nothing = flk("mutate")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "what is to be mutated?" in nothing.stderr
