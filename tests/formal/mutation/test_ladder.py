"""The ladder, the journal, the ledger and the report keep the books: each mutant has one status, and the right one."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.formal.toy_mutants import Judge, mutants, target

from flk.formal.mutation.check import Outcome
from flk.formal.mutation.journal import Journal
from flk.formal.mutation.ladder import Climb, Ladder
from flk.formal.mutation.ledger import Checked, Entry, Ledger, draft, read
from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.report import Status, report
from flk.formal.mutation.selection import Selection
from flk.formal.mutation.target import Target
from flk.formal.mutation.trial import Limits
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

IMPATIENT = Limits(memory=2**34, least=5, patience=20)


def climbs_of(subject: Target, ladder: Ladder | None = None) -> dict[str, Climb]:
    """What became of each mutant, by what it says."""
    ladder = ladder or Ladder(limits=IMPATIENT, workers=2)
    return {climb.mutant.after: climb for climb in ladder.climb([(subject, subject.mutants())])}


def entry(mutant: Mutant, checked: Checked = Checked.REASONING, reason: str = "It says the same.") -> Entry:
    """The ledger's entry of a mutant."""
    return Entry(
        mutant.id, mutant.module, mutant.function, mutant.operator, mutant.before, mutant.after, checked, reason
    )


def test_however_a_mutant_ends_a_check_that_kills_it(tmp_path: Path) -> None:
    """Seen, dying, leaving, raising, out of memory: all are kills, with the cause; what is fine lives."""
    words = ["seen", "die", "leave", "raise", "devour"]
    found = climbs_of(target([*words, "fine"], Judge("first", words, tmp_path / "log")))
    said = {word: climb.findings["first"].said for word, climb in found.items()}
    assert {word for word, climb in found.items() if climb.killer == "first"} == set(words)
    assert said["seen"] == "sees seen"
    assert said["die"] == "the process dies of SIGABRT"
    assert said["leave"] == "the process ends itself with exit code 3"
    assert said["raise"] == "raises ZeroDivisionError: by nothing"
    assert said["devour"] == "it takes more memory than it may"
    assert said["fine"] == "nothing seen"


@pytest.mark.parametrize(
    ("word", "patience", "told"),
    [("hang", 1000, "it takes more than 0 s of the processor"), ("wait", 1, "it waits for more")],
)
def test_a_mutant_that_hangs_is_killed(tmp_path: Path, word: str, patience: float, told: str) -> None:
    """Computing without end and waiting without end are both ended, and told apart."""
    subject = target([word], Judge("first", [word], tmp_path / "log"))
    found = climbs_of(subject, Ladder(limits=Limits(memory=2**34, least=0.3, patience=patience)))
    assert found[word].findings["first"].said.startswith(f"timeout: {told}")


def test_a_mutant_climbs_until_a_check_kills_it(tmp_path: Path) -> None:
    """Checks run in their order and end with the first that kills; on demand all of them run, even after one that died."""
    checks = [Judge("cheap", ["die"], tmp_path / "cheap"), Judge("dear", ["die", "seen"], tmp_path / "dear")]
    subject = target(["die", "seen", "fine"], *checks)
    found = climbs_of(subject)
    assert {word: list(climb.findings) for word, climb in found.items()} == {
        "die": ["cheap"],
        "seen": ["cheap", "dear"],
        "fine": ["cheap", "dear"],
    }
    every = climbs_of(subject, Ladder(every=True, limits=IMPATIENT))
    assert [found.outcome for found in every["die"].findings.values()] == [Outcome.KILLED, Outcome.KILLED]
    only = climbs_of(subject, Ladder(checks=frozenset({"dear"}), limits=IMPATIENT))
    assert list(only["die"].findings) == ["dear"]


def test_a_check_that_fails_without_a_mutant_is_refused(tmp_path: Path) -> None:
    """The original comes first: what kills it would kill anything."""
    with pytest.raises(UnusableInput, match="toy: strict fails without any mutant"):
        climbs_of(target(["fine"], Judge("strict", ["", "fine"], tmp_path / "log")))


def test_what_fails_without_a_mutant_is_tried_again(tmp_path: Path) -> None:
    """Whoever has mended it goes on with the same journal."""
    judge, journal = Judge("first", ["", "fine"], tmp_path / "log"), tmp_path / "journal.jsonl"
    for _ in range(2):
        with pytest.raises(UnusableInput, match="fails without any mutant"):
            climbs_of(target(["fine"], judge), Ladder(Journal(journal), limits=IMPATIENT))
    assert judge.calls == ["first ", "first "]


def test_a_name_that_no_check_has_is_refused(tmp_path: Path) -> None:
    """`--check` with a mistake would try nothing and find nothing."""
    with pytest.raises(UnusableInput, match="no check is called frist: choose from first"):
        climbs_of(target([], Judge("first", [], tmp_path / "log")), Ladder(checks=frozenset({"frist"})))


def test_a_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    """What the journal has is not tried again, though its last line is cut off, unless code or configuration are others."""
    judge, path = Judge("first", ["seen"], tmp_path / "log"), tmp_path / "journal.jsonl"
    words = ["seen", "fine"]
    first = climbs_of(target(words, judge), Ladder(Journal(path), limits=IMPATIENT))
    assert sorted(judge.calls) == ["first ", "first fine", "first seen"]
    with path.open("a") as file:
        file.write('{"target": "toy", "mut')
    again = climbs_of(target(words, judge), Ladder(Journal(path), limits=IMPATIENT))
    assert len(judge.calls) == 3
    assert {w: c.findings for w, c in again.items()} == {w: c.findings for w, c in first.items()}
    climbs_of(target([*words, "new"], judge), Ladder(Journal(path), limits=IMPATIENT))
    assert judge.calls[3:] == ["first new"]
    climbs_of(target(words, judge, digest="2"), Ladder(Journal(path), limits=IMPATIENT))
    assert len(judge.calls) == 7
    more = Judge("first", ["seen"], judge.log, configuration="twice")
    climbs_of(target(words, more), Ladder(Journal(path), limits=IMPATIENT))
    assert len(judge.calls) == 10
    climbs_of(target(words, judge), Ladder(Journal(path, anew=True), limits=IMPATIENT))
    assert len(judge.calls) == 13


def test_a_check_that_is_another_now_is_tried_alone(tmp_path: Path) -> None:
    """Who adds a test waits for the tests, not for what comes after them and is on record."""
    path = tmp_path / "journal.jsonl"
    tests, hunt = Judge("tests", ["seen"], tmp_path / "tests"), Judge("hunt", ["rare"], tmp_path / "hunt")
    words = ["seen", "rare", "fine"]
    climbs_of(target(words, tests, hunt), Ladder(Journal(path), limits=IMPATIENT))
    more = Judge("tests", ["seen", "fine"], tests.log, configuration="one more")
    found = climbs_of(target(words, more, hunt), Ladder(Journal(path), limits=IMPATIENT))
    assert sorted(tests.calls[4:]) == ["tests ", "tests fine", "tests seen"]
    assert sorted(hunt.calls) == ["hunt ", "hunt fine", "hunt rare"]
    assert {word: climb.killer for word, climb in found.items()} == {"seen": "tests", "rare": "hunt", "fine": "tests"}


def test_what_targets_have_in_common_is_tried_once(tmp_path: Path) -> None:
    """A check that does the same with the original of each target is not put to it for each."""
    own, common = Judge("own", [], tmp_path / "own"), Judge("common", [], tmp_path / "common")
    one = replace(target(["fine"], own, common), common=frozenset({"common"}))
    other = replace(one, name="other", original=replace(one.original, source="answer = 43\n"))
    Ladder(limits=IMPATIENT).climb([(each, each.mutants()) for each in (one, other)])
    assert own.calls == ["own ", "own fine"] * 2
    assert common.calls == ["common ", "common fine", "common fine"]
    Ladder(limits=IMPATIENT).climb([(each, each.mutants()) for each in (one, replace(other, digest="2"))])
    assert common.calls[3:] == ["common ", "common fine"] * 2


def test_without_time_mutants_stay_open(tmp_path: Path) -> None:
    """A budget that is used up decides nothing: exit code 2."""
    subject = target(["seen"], Judge("first", ["seen"], tmp_path / "log"))
    found = report(Ladder(budget=-1.0).climb([(subject, subject.mutants())]), Ledger())
    assert [row.status for row in found.rows] == [Status.OPEN]
    assert found.verdict is Verdict.UNDECIDED


def test_the_report_counts_and_judges(tmp_path: Path) -> None:
    """Killed, equivalent by the ledger, living; the ratio is of those not equivalent; a claim that nothing breaks is named."""
    subject = target(["seen", "equivalent", "fine"], Judge("first", ["seen"], tmp_path / "log"))
    climbs = list(climbs_of(subject).values())
    _, equivalent, fine = subject.mutants()
    ledger = Ledger({equivalent.id: entry(equivalent, Checked.STATES)})
    found = report(climbs, ledger, [subject])
    (count,) = found.counts
    assert (count.mutants, count.killed, count.equivalent, count.living, count.ratio) == (3, 1, 1, 1, 0.5)
    assert found.verdict is Verdict.VIOLATED
    assert [claim.name for claim in found.vacuous] == ["vacuous claim"]
    assert found.efforts == {"first": 7}
    explained = Ledger({**ledger.entries, fine.id: entry(fine)})
    assert report(climbs, explained, [subject]).verdict is Verdict.HOLDS
    assert not report(climbs, explained, [subject]).stale


def test_entries_that_no_longer_fit_are_stale(tmp_path: Path) -> None:
    """A mutant that is killed now, one that is made no more, and one that a machine finds to differ after all."""
    subject = target(["seen", "fine"], Judge("first", ["seen"], tmp_path / "log"))
    seen, fine = subject.mutants()
    (gone,) = mutants("gone")
    entries = [entry(seen), entry(fine, Checked.DIGESTS), entry(gone)]
    climbs = list(climbs_of(subject).values())
    found = report(climbs, ledger_of(entries), [subject])
    assert found.verdict is Verdict.VIOLATED
    told = "\n".join(found.stale)
    assert f"{seen.id} (toy:f) is killed by first now" in told
    assert f"{fine.id} (toy:f) differs from the original: its entry says checked by digests" in told
    assert f"{gone.id} (toy:f) is no mutant any more" in told
    assert "no mutant any more" not in "\n".join(report(climbs, ledger_of(entries)).stale), (
        "of a sample nothing is missing"
    )


def ledger_of(entries: list[Entry]) -> Ledger:
    """A ledger of these entries."""
    return Ledger({each.id: each for each in entries})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("It says the same.", "  "), "has no reason"),
        (('"reasoning"', '"hope"'), "hope"),
        (("reason =", "cause ="), "cause"),
        (("[[mutant]]", "[[mutant"), "ledger.toml"),
    ],
)
def test_a_ledger_with_a_mistake_is_refused(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    """An entry without a reason, or with anything that is not known, is an error that names the file."""
    (mutant,) = mutants("fine")
    good = draft([(mutant, False)]).replace('reason = ""', 'reason = "It says the same."')
    file = tmp_path / "ledger.toml"
    file.write_text(good)
    assert read([file]).get(mutant) == entry(mutant)
    file.write_text(good.replace(*change))
    with pytest.raises(UnusableInput, match=told):
        read([file])


def test_ids_outlive_edits_elsewhere() -> None:
    """An id is of what is changed within which definition, not of lines; equal changes are told apart by their order."""
    two = mutants("same", "same")
    assert two[0].id != two[1].id
    assert [mutant.id for mutant in mutants("other", "same", "same")][1:] == [mutant.id for mutant in two]


def test_a_sample_is_the_same_everywhere(tmp_path: Path) -> None:
    """A sample depends on the seed and the ids alone, and changes by little when a mutant is added."""
    judge = Judge("first", [], tmp_path / "log")
    words = [f"word{n}" for n in range(100)]

    def sample(words: list[str], seed: int) -> set[str]:
        ((_, chosen),) = Selection(sample=20, seed=seed).plan([target(words, judge)])
        return {mutant.after for mutant in chosen}

    assert len(sample(words, 1)) == 20
    assert sample(words, 1) == sample(words, 1) != sample(words, 2)
    assert len(sample([*words, "another"], 1) & sample(words, 1)) >= 19
